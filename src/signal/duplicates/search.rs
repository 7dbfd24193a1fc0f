//! Finding copies among many fingerprints, without comparing every one with every other.

use std::collections::BTreeMap;

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
/// A landmark is looked for among so many recordings that have the same one, so that what thousands have in common
/// does not take a thousand times a thousand comparisons.
const NEIGHBOURS: usize = 16;
/// So many landmarks two recordings have to share before they are compared.
const LEAST_SHARED: usize = 2;
/// Pairs that are counted at once: 128 MB.
const AT_ONCE: usize = 1 << 24;
/// The most frequent shifts between two recordings are tried, and their neighbours.
const SHIFTS: usize = 6;

/// All pairs of `n` fingerprints that agree in at least [`LEAST_AGREEMENT`] of their bits over at least 5 s and half of
/// the shorter one; by index. `read` gives the fingerprint at an index.
///
/// An inverted index of landmarks names the candidates, so that the time grows with the number of recordings and not
/// with its square. It takes 8 bytes a landmark, of which a minute has about a hundred; the fingerprints themselves are read
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

/// Every landmark's word with the recording that it is in, sorted, once each.
fn index_of(n: usize, read: impl Fn(usize) -> Result<Fingerprint>) -> Result<Vec<(u32, u32)>> {
    let mut index = Vec::new();
    for number in 0..n {
        index.extend(landmarks(&read(number)?).map(|(word, _)| (word, number as u32)));
    }
    index.sort_unstable();
    index.dedup();
    Ok(index)
}

/// The word and the place of each landmark.
fn landmarks(fingerprint: &Fingerprint) -> impl Iterator<Item = (u32, u32)> {
    fingerprint.landmarks.iter().filter_map(|at| Some((*fingerprint.words.get(*at as usize)?, *at)))
}

/// The pairs of recordings that share enough landmarks, sorted.
fn candidates(index: &[(u32, u32)], n: usize) -> Vec<(usize, usize)> {
    let n_pairs: usize = runs(index).map(|run| pairs_in(run).count()).sum();
    let n_parts = n_pairs.div_ceil(AT_ONCE).max(1);
    let part = n.div_ceil(n_parts).max(1);
    (0..n_parts).flat_map(|nth| candidates_from(index, nth * part..(nth + 1) * part)).collect()
}

/// Those whose first recording is in `firsts`.
fn candidates_from(index: &[(u32, u32)], firsts: std::ops::Range<usize>) -> Vec<(usize, usize)> {
    let all = runs(index).flat_map(pairs_in);
    let mut pairs: Vec<(u32, u32)> = all.filter(|pair| firsts.contains(&(pair.0 as usize))).collect();
    pairs.sort_unstable();
    let shared = pairs.chunk_by(|a, b| a == b).filter(|run| run.len() >= LEAST_SHARED);
    shared.map(|run| (run[0].0 as usize, run[0].1 as usize)).collect()
}

fn runs(index: &[(u32, u32)]) -> impl Iterator<Item = &[(u32, u32)]> {
    index.chunk_by(|a, b| a.0 == b.0).filter(|run| run.len() > 1)
}

fn pairs_in(run: &[(u32, u32)]) -> impl Iterator<Item = (u32, u32)> {
    let next = move |(at, first): (usize, &(u32, u32))| {
        let first = first.1;
        run[at + 1..].iter().take(NEIGHBOURS).map(move |second| (first, second.1))
    };
    run.iter().enumerate().flat_map(next)
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
