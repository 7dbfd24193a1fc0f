//! breath: cut where a plucked string pauses for breath, also while it rings.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LEAD, spans_of, to_frames, unusable};
use crate::error::Result;
use crate::signal::{Gap, Listener, n_frames};
use crate::stages::{Context, Inputs, Mark, Marks, Master, Outputs, Pieces, RangeOfMaster, Stage};

/// Phrases of plucked music, cut at its pauses.
///
/// A pause is a gap between two onsets that is long, and in which the strings die away (`gap`, `gap_ratio`,
/// `decay`, `floor`), or in which they are silent: 0.3 s that are 40 dB below the gap's peak. Among all pauses
/// those are chosen that are longest and deepest together (by their length x decay², and before all others those
/// in which a hand stops the strings), as far as `min_length` and `max_length` allow. Where a phrase would last
/// longer, it is cut at its longest and deepest gap, though that is no pause. A cut lies 50 ms before the onset that
/// ends its pause, and the segments of a range follow each other without a gap. What rings on for more than a second
/// after the last onset counts for no phrase's length.
///
/// Each cut has a confidence, from 0 to 1, in the columns `start_confidence` and `end_confidence` of
/// segments.parquet: how often a cut like it was right in music whose phrases are known. docs/SEGMENTS.md says how
/// well this finds known phrases, and what the confidence is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Breath {
    /// The shortest phrase, s; a shorter range is one segment.
    #[schemars(range(min = 0))]
    pub min_length: f64,
    /// The longest phrase, s, as far as there are onsets to cut at.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub max_length: f64,
    /// The shortest gap between two onsets that is a pause, s.
    #[schemars(range(min = 0))]
    pub gap: f64,
    /// How many times longer than the range's median gap a pause is.
    #[schemars(range(min = 0))]
    pub gap_ratio: f64,
    /// How far the level falls within a pause, dB.
    #[schemars(range(min = 0))]
    pub decay: f64,
    /// A long gap that ends so far below the loudest moment of its range is a pause, however little it falls, dB.
    #[schemars(range(min = 0))]
    pub floor: f64,
}

impl Default for Breath {
    fn default() -> Self {
        Self { min_length: 5.0, max_length: 30.0, gap: 0.6, gap_ratio: 2.0, decay: 12.0, floor: 30.0 }
    }
}

impl Stage for Breath {
    fn version(&self) -> u32 {
        2
    }

    fn reads(&self) -> &'static [&'static str] {
        &["audio", "ranges"]
    }

    fn run(&self, inputs: &Inputs, context: &Context) -> Result<Outputs> {
        self.check()?;
        let pieces = Pieces::read(inputs.one("ranges")?)?;
        let master = Master::read(inputs.one("audio")?)?;
        let mut marks = Vec::new();
        let mut outputs = spans_of(&pieces, |piece| {
            let listener = listen(&master, piece, pieces.sample_rate, context)?;
            let cuts = self.cuts(&listener, pieces.sample_rate, piece.end - piece.start)?;
            marks.extend(marks_between(&cuts));
            let starts = std::iter::once(0).chain(cuts.iter().map(|cut| cut.0));
            Ok(starts.zip(cuts.iter().map(|cut| cut.0).chain([piece.end - piece.start])).collect())
        })?;
        outputs.push(("marks", Marks { marks }.to_bytes()));
        Ok(outputs)
    }
}

/// Frames that are heard from one stretch of samples, to bound the memory.
const FRAMES_PER_BLOCK: usize = 4096;
/// The strength of a gap that is no pause is so much less: it is a cut only where a phrase would be too long.
const NO_PAUSE: f64 = 1e6;
/// What a phrase costs that is too long all the same.
const TOO_LONG: f64 = 1e9;
/// Decays beyond this count as this, dB.
const DEEPEST: f64 = 60.0;
/// A silence that begins with such a fall within 70 ms is a hand on the strings, dB.
const STOPPED_FALL: f64 = 16.0;
/// A pause with a hand on the strings is so much stronger: more than any note that is held is long and deep.
const STOPPED: f64 = 1000.0;
/// What rings on after the last onset is a phrase's for so long, s.
const LAST_RING: f64 = 1.0;
/// Pauses so near to each other are rivals: rarely is more than one of them between phrases, s.
const RIVALS: f64 = 5.0;
/// The log-odds that a cut is right: a constant, what a hand on the strings adds, and what the logarithm of its weight over
/// its rival's adds where it is the greater, and where it is the lesser. Fitted by logistic regression (scikit-learn
/// 1.9.1, `LogisticRegression(C=10)`) to 4333 cuts of music with known phrases; docs/SEGMENTS.md says which.
const ODDS: [f64; 4] = [0.67, 4.6, 1.62, 0.86];
/// Keeps the logarithm of a weight of 0 finite.
const LEAST_WEIGHT: f64 = 0.1;

/// A place where the music may be cut.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Cut {
    /// In frames of the master, from its piece's start.
    at: u64,
    /// What the choice between cuts weighs; negative where it is no pause.
    strength: f64,
    /// Its gap's length, in the shortest pauses that there are, x decay².
    weight: f64,
    is_stopped: bool,
}

/// The strokes and pauses of a piece.
pub(super) fn listen(
    master: &Master,
    piece: &RangeOfMaster,
    sample_rate: u32,
    context: &Context,
) -> Result<Listener> {
    let mut listener = Listener::new(sample_rate)?;
    let (hop, margin) = (listener.hop(), listener.margin());
    let n = (piece.end - piece.start) as usize;
    let count = n_frames(n, hop);
    for first in (0..count).step_by(FRAMES_PER_BLOCK) {
        context.check()?;
        let last = (first + FRAMES_PER_BLOCK).min(count);
        let origin = first.saturating_sub(margin);
        let (start, end) = ((origin * hop).min(n), ((last + margin) * hop).min(n));
        let samples = master.mono(piece.start + start as u64, piece.start + end as u64)?;
        listener.hear(&samples, first - origin..last - origin);
    }
    Ok(listener)
}

impl Breath {
    fn check(&self) -> Result<()> {
        let ratios = [("gap_ratio", self.gap_ratio), ("decay", self.decay), ("floor", self.floor)];
        for (parameter, value) in ratios {
            if !(0.0..1e9).contains(&value) {
                return Err(unusable(parameter, value, "it must be a number, not negative"));
            }
        }
        if self.max_length > 0.0 && self.min_length <= self.max_length {
            return Ok(());
        }
        Err(unusable(
            "max_length",
            self.max_length,
            "the longest phrase must not be shorter than `min_length`",
        ))
    }

    /// Where a piece of `n` frames is cut, from its start, and how sure that is.
    fn cuts(&self, listener: &Listener, sample_rate: u32, n: u64) -> Result<Vec<(u64, f64)>> {
        let shortest = to_frames(self.min_length, sample_rate, "min_length")?.max(1);
        let longest = to_frames(self.max_length, sample_rate, "max_length")?.max(shortest);
        let least = to_frames(self.gap, sample_rate, "gap")?;
        let gaps = listener.gaps();
        let hop = listener.hop() as u64;
        let long = (least as f64).max(self.gap_ratio * (median_length(&gaps) * hop) as f64).max(1.0);
        let last_onset = gaps.last().map_or(0, |gap| gap.end as u64 * hop);
        let end = n.min(last_onset + to_frames(LAST_RING, sample_rate, "ring")?);
        let lead = to_frames(LEAD, sample_rate, "lead")?;
        let cuts = gaps.iter().map(|gap| self.cut(gap, hop, long, lead));
        let cuts: Vec<Cut> = cuts.filter(|cut| 0 < cut.at && cut.at < end).collect();
        let rivals = to_frames(RIVALS, sample_rate, "rivals")?;
        let chosen = best(&needed(&cuts, end, longest), end, shortest, longest);
        Ok(chosen.into_iter().map(|at| (at, confidence(at, &cuts, rivals))).collect())
    }

    fn cut(&self, gap: &Gap, hop: u64, long: f64, lead: u64) -> Cut {
        let length = ((gap.end - gap.start) as u64 * hop) as f64 / long;
        let depth = gap.decay_db.clamp(0.0, DEEPEST) / self.decay.max(1.0);
        let weight = length * depth * depth;
        let is_stopped = gap.is_silent && gap.fall_db >= STOPPED_FALL;
        let bonus = match (is_stopped, self.is_pause(gap, length >= 1.0)) {
            (true, _) => STOPPED,
            (false, true) => 0.0,
            (false, false) => -NO_PAUSE,
        };
        let at = (gap.end as u64 * hop).saturating_sub(lead);
        Cut { at, strength: weight + bonus, weight, is_stopped }
    }

    fn is_pause(&self, gap: &Gap, is_long: bool) -> bool {
        gap.is_silent || is_long && (gap.decay_db >= self.decay || gap.below_db >= self.floor)
    }
}

/// How sure a chosen cut is, 0 to 1; 0 where there is no pause.
fn confidence(at: u64, cuts: &[Cut], rivals: u64) -> f64 {
    let near =
        cuts.partition_point(|cut| cut.at + rivals <= at)..cuts.partition_point(|cut| cut.at < at + rivals);
    let pauses = || cuts[near.clone()].iter().filter(|cut| cut.strength >= 0.0);
    let Some(cut) = pauses().find(|cut| cut.at == at) else { return 0.0 };
    let rival = pauses().filter(|other| other.at != at).map(|other| other.weight).fold(0.0, f64::max);
    let margin = libm::log((cut.weight + LEAST_WEIGHT) / (rival + LEAST_WEIGHT));
    let stopped = if cut.is_stopped { ODDS[1] } else { 0.0 };
    let slope = if margin > 0.0 { ODDS[2] } else { ODDS[3] };
    let odds = ODDS[0] + stopped + slope * margin;
    // Three digits are more than it knows.
    (1000.0 / (1.0 + libm::exp(-odds))).round() / 1000.0
}

/// What is known of the segments between cuts: how sure the cuts at their edges are.
fn marks_between(cuts: &[(u64, f64)]) -> Vec<Mark> {
    let starts = std::iter::once(None).chain(cuts.iter().map(|cut| Some(cut.1)));
    let ends = cuts.iter().map(|cut| Some(cut.1)).chain([None]);
    let mark = |(start_confidence, end_confidence)| Mark { start_confidence, end_confidence, section: None };
    starts.zip(ends).map(mark).collect()
}

/// The upper median of the gaps' lengths, in the listener's frames.
fn median_length(gaps: &[Gap]) -> u64 {
    let mut lengths: Vec<u64> = gaps.iter().map(|gap| (gap.end - gap.start) as u64).collect();
    lengths.sort_unstable();
    lengths.get(lengths.len() / 2).copied().unwrap_or(0)
}

/// The pauses, and where two lie further apart than `longest` all gaps between them too.
fn needed(cuts: &[Cut], n: u64, longest: u64) -> Vec<Cut> {
    let (mut needed, mut start) = (Vec::new(), 0);
    let is_pause = |cut: &Cut| cut.strength >= 0.0;
    for stretch in cuts.split_inclusive(is_pause) {
        let pause = stretch.last().filter(|cut| is_pause(cut));
        let end = pause.map_or(n, |cut| cut.at);
        if end - start > longest {
            needed.extend(stretch);
        } else {
            needed.extend(pause);
        }
        start = end;
    }
    needed
}

/// The cuts whose strengths have the largest sum, with no phrase shorter than `shortest` and, where it can be
/// helped, none longer than `longest`: the best way to each cut is the best way to one before it, and on.
fn best(cuts: &[Cut], n: u64, shortest: u64, longest: u64) -> Vec<u64> {
    let mut ways = vec![Way { at: 0, sum: 0.0, before: None }];
    for cut in cuts.iter().copied().chain([Cut { at: n, strength: 0.0, weight: 0.0, is_stopped: false }]) {
        let way = way_to(cut, &ways, shortest, longest);
        ways.extend(way);
    }
    let mut chosen = Vec::new();
    let mut way = ways.last().filter(|way| way.at == n).and_then(|way| way.before);
    while let Some(Way { at, before: Some(before), .. }) = way.map(|index| ways[index]) {
        chosen.push(at);
        way = Some(before);
    }
    chosen.reverse();
    chosen
}

/// A choice of cuts up to one of them.
#[derive(Debug, Clone, Copy)]
struct Way {
    at: u64,
    sum: f64,
    /// The way that it goes on from, by its place in the list; none at the start.
    before: Option<usize>,
}

fn way_to(cut: Cut, ways: &[Way], shortest: u64, longest: u64) -> Option<Way> {
    let mut best: Option<Way> = None;
    for (index, before) in ways.iter().enumerate().rev() {
        let length = cut.at - before.at;
        let price = if length > longest { TOO_LONG } else { 0.0 };
        let sum = before.sum + cut.strength - price;
        if length >= shortest && best.is_none_or(|best| sum > best.sum) {
            best = Some(Way { at: cut.at, sum, before: Some(index) });
        }
        // Those further back are only longer.
        if length > longest && best.is_some() {
            break;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::super::tests::cut;
    use super::*;
    use crate::stages::master::tests::wav;

    const SECOND: u64 = 8000;

    /// Cuts at these times, s, of these strengths.
    fn cuts(cuts: &[(u64, f64)]) -> Vec<Cut> {
        let cut = |&(at, strength)| Cut { at, strength, weight: 1.0, is_stopped: false };
        cuts.iter().map(cut).collect()
    }

    #[test]
    fn the_strongest_cuts_are_chosen_that_lengths_allow() {
        let all = cuts(&[(10, 2.0), (13, 3.0), (16, 2.0), (30, 1.0), (58, 1.0)]);
        for (shortest, longest, want) in [
            (1, 90, vec![10, 13, 16, 30, 58]),
            (5, 90, vec![10, 16, 30]),
            (11, 90, vec![13, 30]),
            (31, 90, vec![]),
            (61, 90, vec![]),
        ] {
            assert_eq!(best(&all, 60, shortest, longest), want, "{shortest}");
        }
    }

    #[test]
    fn a_phrase_that_would_be_too_long_is_cut_at_its_strongest_gap() {
        let all = cuts(&[(10, -9e5), (14, -8e5), (20, -9e5), (30, 1.0), (33, -9e5)]);
        for (longest, want) in [(100, vec![30]), (20, vec![14, 30]), (12, vec![10, 20, 30])] {
            assert_eq!(best(&needed(&all, 40, longest), 40, 3, longest), want, "{longest}");
        }
        assert_eq!(best(&needed(&cuts(&[(30, 1.0)]), 100, 20), 100, 3, 20), [30]);
    }

    #[test]
    fn a_cut_is_surer_where_strings_are_stopped_or_no_other_pause_is_near_and_not_at_all_where_none_is() {
        let pause = |at, weight| Cut { at, strength: weight, weight, is_stopped: false };
        let alone = [pause(10, 2.0)];
        let equals = [pause(10, 2.0), pause(13, 2.0)];
        let lesser = [pause(10, 2.0), pause(13, 9.0)];
        let far = [pause(10, 2.0), pause(15, 9.0)];
        let stopped = [Cut { is_stopped: true, ..pause(10, 2.0) }, pause(13, 9.0)];
        let sure = |cuts: &[Cut]| confidence(10, cuts, 5);
        assert!(sure(&lesser) < sure(&equals) && sure(&equals) < sure(&alone), "{}", sure(&equals));
        assert!(sure(&lesser) < sure(&stopped) && sure(&far) == sure(&alone));
        assert_eq!(sure(&equals), 0.662);
        assert_eq!(confidence(10, &[Cut { strength: -9e5, ..pause(10, 2.0) }], 5), 0.0);
    }

    /// At 8 kHz: eight plucks 0.25 s apart, 1.5 s of decay, and that five times.
    fn phrases() -> Vec<u8> {
        let pluck = |t: f64| libm::exp(-3.0 * t) * libm::sin(1800.0 * t);
        let starts: Vec<f64> = (0..40).map(|n| f64::from(n) * 0.25 + f64::from(n / 8) * 1.5).collect();
        let sample = |i: i32| {
            let time = f64::from(i) / SECOND as f64;
            let sounding = starts.iter().filter(|&&start| start <= time && time < start + 3.0);
            sounding.map(|start| pluck(time - start)).sum::<f64>()
        };
        wav(SECOND as u32, &(0..140_000).map(|i| (sample(i) * 1e6) as i32).collect::<Vec<_>>())
    }

    #[test]
    fn phrases_begin_shortly_before_their_first_onset() {
        let stage = Breath { min_length: 2.0, ..Breath::default() };
        let spans = cut(&stage, SECOND as u32, &[(0, 140_000)], &phrases()).unwrap();
        let starts: Vec<f64> = spans.iter().map(|span| span.1 as f64 / SECOND as f64).collect();
        assert_eq!(starts.len(), 5, "{starts:?}");
        for (found, want) in starts.iter().zip([0.0, 3.45, 6.95, 10.45, 13.95]) {
            assert!((found - want).abs() < 0.04, "{starts:?}");
        }
        assert!(spans.windows(2).all(|pair| pair[0].2 == pair[1].1) && spans[4].2 == 140_000);
    }

    #[test]
    fn no_segment_crosses_a_range_or_is_too_short() {
        let stage = Breath { min_length: 2.0, ..Breath::default() };
        let pieces = [(0, 30_000), (30_000, 31_000), (31_000, 31_000), (31_000, 140_000)];
        let spans = cut(&stage, SECOND as u32, &pieces, &phrases()).unwrap();
        assert!(spans.iter().all(|span| pieces[span.0].0 <= span.1 && span.2 <= pieces[span.0].1));
        assert!(spans.iter().all(|span| span.0 == 1 || span.2 - span.1 >= 2 * SECOND), "{spans:?}");
        assert_eq!(spans.iter().filter(|span| span.0 == 1).count(), 1);
    }

    #[test]
    fn silence_is_one_segment() {
        let spans = cut(&Breath::default(), 8000, &[(0, 60_000)], &wav(8000, &[0; 60_000])).unwrap();
        assert_eq!(spans, [(0, 0, 60_000)]);
    }

    #[test]
    fn absurd_parameters_are_errors() {
        for stage in [
            Breath { min_length: 6.0, max_length: 5.0, ..Breath::default() },
            Breath { max_length: f64::NAN, ..Breath::default() },
            Breath { min_length: -1.0, ..Breath::default() },
            Breath { gap: f64::INFINITY, ..Breath::default() },
            Breath { gap_ratio: -1.0, ..Breath::default() },
            Breath { decay: f64::NAN, ..Breath::default() },
        ] {
            assert!(cut(&stage, 8000, &[(0, 140_000)], &phrases()).is_err(), "{stage:?}");
        }
    }
}
