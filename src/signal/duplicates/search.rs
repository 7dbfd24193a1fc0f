//! Finding copies among many fingerprints, without comparing every one with every other.

use std::collections::BTreeMap;
use std::ops::Range;

use super::Fingerprint;
use crate::error::Result;

/// Two recordings that sound alike where they overlap.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// The index of one fingerprint.
    pub first: usize,
    /// The index of the other, which is greater.
    pub second: usize,
    /// The share of equal bits where both sound, 0-1: about 0.5 for any two recordings, 0.9 and more for copies.
    pub agreement: f64,
}

/// Less is no agreement.
pub const LEAST_AGREEMENT: f64 = 0.65;
/// Words that have to be compared, and their share of the shorter recording: 5 s, and half of it.
const LEAST_WORDS: usize = 80;
const LEAST_SHARE: f64 = 0.5;
/// A landmark is looked for at so many places in other recordings that have the same one, so that what thousands have in
/// common does not take a thousand times a thousand comparisons; and at so many places of one recording.
const NEIGHBOURS: usize = 16;
const PLACES: usize = 8;
/// Two recordings are compared where two landmarks lie as far apart in the one as in the other, give or take so many words:
/// one in a thousand pairs that share two landmarks by chance.
const JITTER: i32 = 2;
/// Pairs that are counted at once: 100 MB.
const AT_ONCE: usize = 1 << 23;
/// The most frequent shifts between two recordings are tried, and their neighbours.
const SHIFTS: usize = 6;

/// All pairs of `n` fingerprints that agree in at least [`LEAST_AGREEMENT`] of their bits over at least 5 s and half of
/// the shorter one; by index. `read` gives the fingerprint at an index.
///
/// An inverted index of landmarks names the candidates, so that the time grows with the number of recordings and not
/// with its square. It takes 12 bytes a landmark, of which a minute has about a hundred; the fingerprints themselves are read
/// one at a time, and those of candidates once more. Of a recording that is there more than 16 times, not all pairs are found.
///
/// # Errors
/// What `read` gives.
pub fn find_pairs(n: usize, read: impl Fn(usize) -> Result<Fingerprint>) -> Result<Vec<Pair>> {
    let index = index_of(n, &read)?;
    let mut found = Vec::new();
    for pairs in candidates(&index, n).chunk_by(|a, b| a.0 == b.0) {
        let first = read(pairs[0].0)?;
        for (number, second) in pairs {
            let agreement = agreement(&first, &read(*second)?).filter(|found| *found >= LEAST_AGREEMENT);
            let pair = |agreement| Pair { first: *number, second: *second, agreement };
            found.extend(agreement.map(pair));
        }
    }
    Ok(found)
}

/// A landmark's word, the recording that it is in, and its place there.
type Entry = (u32, u32, u32);

/// Two recordings that have a landmark in common, and by how many words the second lies after the first.
type Common = (u32, u32, i32);

/// All landmarks, sorted.
fn index_of(n: usize, read: impl Fn(usize) -> Result<Fingerprint>) -> Result<Vec<Entry>> {
    let mut index: Vec<Entry> = Vec::new();
    for number in 0..n {
        let mut entries: Vec<Entry> =
            landmarks(&read(number)?).map(|(word, at)| (word, number as u32, at)).collect();
        entries.sort_unstable();
        let same = entries.chunk_by(|a, b| a.0 == b.0);
        index.extend(same.flat_map(|places| places.iter().take(PLACES)));
    }
    index.sort_unstable();
    Ok(index)
}

/// The word and the place of each landmark.
fn landmarks(fingerprint: &Fingerprint) -> impl Iterator<Item = (u32, u32)> {
    fingerprint.landmarks.iter().filter_map(|at| Some((*fingerprint.words.get(*at as usize)?, *at)))
}

/// The pairs of recordings that share enough landmarks, sorted.
fn candidates(index: &[Entry], n: usize) -> Vec<(usize, usize)> {
    let n_common: usize = runs(index).map(|run| common(run, &(0..n as u32)).count()).sum();
    let n_parts = n_common.div_ceil(AT_ONCE).max(1);
    let part = n.div_ceil(n_parts).max(1) as u32;
    (0..n_parts as u32).flat_map(|nth| candidates_from(index, &(nth * part..(nth + 1) * part))).collect()
}

/// Those whose first recording is in `firsts`.
fn candidates_from(index: &[Entry], firsts: &Range<u32>) -> Vec<(usize, usize)> {
    let mut all: Vec<Common> = runs(index).flat_map(|run| common(run, firsts)).collect();
    all.sort_unstable();
    let pairs = all.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1));
    let fit = pairs.filter(|pair| pair.windows(2).any(|two| two[1].2.saturating_sub(two[0].2) <= JITTER));
    fit.map(|pair| (pair[0].0 as usize, pair[0].1 as usize)).collect()
}

/// The landmarks of one word each.
fn runs(index: &[Entry]) -> impl Iterator<Item = &[Entry]> {
    index.chunk_by(|a, b| a.0 == b.0).filter(|run| run.len() > 1)
}

/// What recordings in `firsts` have in common with later ones.
fn common<'r>(run: &'r [Entry], firsts: &Range<u32>) -> impl Iterator<Item = Common> + use<'r> {
    let begin = run.partition_point(|entry| entry.1 < firsts.start);
    let end = run.partition_point(|entry| entry.1 < firsts.end);
    (begin..end).flat_map(move |at| {
        let (_, first, place) = run[at];
        let others = run[at + 1..].iter().filter(move |other| other.1 != first).take(NEIGHBOURS);
        others.map(move |other| (first, other.1, other.2.cast_signed().wrapping_sub(place.cast_signed())))
    })
}

/// How far two fingerprints agree where they fit best; none where too little of them overlaps.
fn agreement(first: &Fingerprint, second: &Fingerprint) -> Option<f64> {
    let sounding = |fingerprint: &Fingerprint| fingerprint.words.iter().filter(|word| **word != 0).count();
    let shorter = sounding(first).min(sounding(second));
    let least = LEAST_WORDS.max((LEAST_SHARE * shorter as f64) as usize);
    let at = |shift: i64| agreement_at(&first.words, &second.words, shift, least);
    shifts(first, second).into_iter().filter_map(at).reduce(f64::max)
}

/// By how many words the second may lie after the first, the most frequent first, each with its neighbours.
fn shifts(first: &Fingerprint, second: &Fingerprint) -> Vec<i64> {
    let mut places = BTreeMap::<u32, Vec<u32>>::new();
    landmarks(first).for_each(|(word, at)| places.entry(word).or_default().push(at));
    let mut counts = BTreeMap::<i64, usize>::new();
    for (word, at) in landmarks(second) {
        for place in places.get(&word).into_iter().flatten() {
            *counts.entry(i64::from(at) - i64::from(*place)).or_default() += 1;
        }
    }
    let mut counts: Vec<(usize, i64)> = counts.into_iter().map(|(shift, count)| (count, shift)).collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    counts.iter().take(SHIFTS).flat_map(|(_, shift)| [shift - 1, *shift, shift + 1]).collect()
}

fn agreement_at(first: &[u32], second: &[u32], shift: i64, least: usize) -> Option<f64> {
    let ahead = usize::try_from(shift.unsigned_abs()).ok()?;
    let (first, second) =
        if shift < 0 { (first.get(ahead..)?, second) } else { (first, second.get(ahead..)?) };
    let (mut compared, mut different) = (0, 0);
    for (a, b) in first.iter().zip(second).filter(|(a, b)| **a != 0 && **b != 0) {
        compared += 1;
        different += (a ^ b).count_ones();
    }
    (compared >= least).then(|| 1.0 - f64::from(different) / (32 * compared) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Random;

    fn find_pairs(fingerprints: &[Fingerprint]) -> Vec<Pair> {
        super::find_pairs(fingerprints.len(), |number| Ok(fingerprints[number].clone())).unwrap()
    }

    /// Words of chance, every eighth a landmark.
    fn recording(random: &mut Random, n: usize) -> Fingerprint {
        let words = (0..n).map(|_| (random.uniform() * 4_294_967_295.0) as u32 | 1).collect();
        Fingerprint { words, landmarks: (0..n as u32).step_by(8).collect() }
    }

    /// A part of a recording in which every bit was turned over with a probability.
    fn copy(random: &mut Random, of: &Fingerprint, part: std::ops::Range<usize>, errors: f64) -> Fingerprint {
        let turned = |word: &u32, random: &mut Random| {
            (0..32).fold(*word, |word, bit| word ^ (u32::from(random.uniform() < errors) << bit))
        };
        let words = of.words[part.clone()].iter().map(|word| turned(word, random)).collect();
        let inside = of.landmarks.iter().filter(|at| part.contains(&(**at as usize)));
        Fingerprint { words, landmarks: inside.map(|at| at - part.start as u32).collect() }
    }

    #[test]
    fn copies_are_found_and_others_are_not() {
        let mut random = Random::new(21);
        let mut all: Vec<Fingerprint> = (0..200).map(|_| recording(&mut random, 960)).collect();
        for (original, part, errors) in
            [(3, 0..960, 0.0), (7, 0..960, 0.05), (50, 300..960, 0.03), (99, 17..500, 0.05)]
        {
            let copy = copy(&mut random, &all[original].clone(), part, errors);
            all.push(copy);
        }
        let pairs = find_pairs(&all);
        let found: Vec<_> = pairs.iter().map(|pair| (pair.first, pair.second)).collect();
        assert_eq!(found, [(3, 200), (7, 201), (50, 202), (99, 203)], "{pairs:?}");
        assert_eq!(pairs[0].agreement, 1.0);
        assert!((pairs[1].agreement - 0.95).abs() < 0.01, "{pairs:?}");
    }

    #[test]
    fn landmarks_have_to_lie_as_far_apart_in_both_recordings() {
        for (places, expected) in
            [([10, 20], true), ([0, 10], true), ([35, 47], true), ([35, 48], false), ([20, 10], false)]
        {
            let index = [(7, 0, 10), (7, 1, places[0]), (9, 0, 20), (9, 1, places[1])];
            assert_eq!(candidates(&index, 2) == [(0, 1)], expected, "{places:?}");
        }
        let only_one = [(7, 0, 10), (7, 1, 10), (9, 0, 20), (9, 2, 20)];
        assert_eq!(candidates(&only_one, 3), []);
    }

    #[test]
    fn a_little_in_common_makes_no_copy() {
        let mut random = Random::new(22);
        let ident = recording(&mut random, 100);
        let with_ident = |random: &mut Random| {
            let rest = recording(random, 960);
            let words = [ident.words.clone(), rest.words].concat();
            Fingerprint { words, landmarks: (0..1060).step_by(8).collect() }
        };
        let all = [with_ident(&mut random), with_ident(&mut random)];
        assert_eq!(find_pairs(&all), []);
        let short = copy(&mut random, &ident, 0..70, 0.0);
        assert_eq!(find_pairs(&[short.clone(), short]), []);
        assert_eq!(find_pairs(&[Fingerprint::default(), Fingerprint::default()]), []);
    }

    #[test]
    fn a_recording_that_is_there_a_thousand_times_takes_no_time() {
        let mut random = Random::new(23);
        let one = recording(&mut random, 200);
        let pairs = find_pairs(&vec![one; 1000]);
        assert!(pairs.len() >= 999 && pairs.len() <= 1000 * NEIGHBOURS, "{}", pairs.len());
        assert!(pairs.iter().all(|pair| pair.agreement == 1.0));
    }
}
