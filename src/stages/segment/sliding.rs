//! sliding: windows of equal length at equal distances.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{spans_in, to_frames, unusable};
use crate::error::Result;
use crate::stages::{Context, Inputs, Outputs, Pieces, Spans, Stage};

/// Windows of equal length, each starting `hop` after the one before, from the start of each range.
///
/// Both are rounded to whole frames once, so that windows do not drift. `tail` says what becomes of what is left of a
/// range after its last whole window. A range shorter than `length` is one segment, whatever `tail` says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sliding {
    /// Length of a window, s.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub length: f64,
    /// From the start of one window to the start of the next, s.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub hop: f64,
    /// What is left of a range after its last whole window: "drop" it; "keep" it as a shorter window, which starts a
    /// `hop` after the one before; or "pad" that window, so that embed steps hear silence after it and all windows are
    /// as long as `length` to them. No window leaves its range, so `end_s` is that of the range.
    pub tail: Tail,
}

/// What becomes of what is left after the last whole window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Tail {
    /// It is in no window of its own.
    #[default]
    Drop,
    /// It is a shorter window.
    Keep,
    /// It is a window with silence after it.
    Pad,
}

/// Windows are padded in memory, so not to any length, s.
const LONGEST_PADDED: f64 = 600.0;

impl Default for Sliding {
    fn default() -> Self {
        Self { length: 20.0, hop: 5.0, tail: Tail::Drop }
    }
}

impl Stage for Sliding {
    fn version(&self) -> u32 {
        1
    }

    fn reads(&self) -> &'static [&'static str] {
        &["ranges"]
    }

    fn run(&self, inputs: &Inputs, _context: &Context) -> Result<Outputs> {
        let pieces = Pieces::read(inputs.one("ranges")?)?;
        let length = at_least_one_frame(self.length, pieces.sample_rate, "length")?;
        let hop = at_least_one_frame(self.hop, pieces.sample_rate, "hop")?;
        let is_padded = self.tail == Tail::Pad;
        if is_padded && self.length > LONGEST_PADDED {
            return Err(unusable("length", self.length, "windows are padded to 600 s at most"));
        }
        let spans = spans_in(&pieces, |piece| Ok(self.windows(piece.end - piece.start, length, hop)))?;
        let padded_to = if is_padded { length } else { 0 };
        Ok(vec![("spans", Spans { spans, padded_to }.to_bytes())])
    }
}

impl Sliding {
    /// The windows over `n` frames; never more than there are frames.
    fn windows(&self, n: u64, length: u64, hop: u64) -> Vec<(u64, u64)> {
        if n < length {
            return vec![(0, n)];
        }
        let n_whole = (n - length) / hop + 1;
        let whole = (0..n_whole).map(|i| (i * hop, i * hop + length));
        let tail_start = n_whole.saturating_mul(hop);
        let is_left = (n_whole - 1) * hop + length < n && tail_start < n;
        let tail = (self.tail != Tail::Drop && is_left).then_some((tail_start, n));
        whole.chain(tail).collect()
    }
}

fn at_least_one_frame(seconds: f64, sample_rate: u32, parameter: &str) -> Result<u64> {
    match to_frames(seconds, sample_rate, parameter)? {
        0 => Err(unusable(parameter, seconds, "it is less than one frame of audio")),
        frames => Ok(frames),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{cut, spans};
    use super::*;

    #[test]
    fn windows_fit_into_their_range() {
        for (length, hop, pieces, want) in [
            (2.0, 1.0, [(0, 40), (40, 69)], vec![(0, 0, 20), (0, 10, 30), (0, 20, 40), (1, 40, 60)]),
            (2.0, 3.0, [(0, 20), (20, 69)], vec![(0, 0, 20), (1, 20, 40)]),
            (3.0, 3.0, [(0, 29), (29, 59)], vec![(0, 0, 29), (1, 29, 59)]),
            (0.26, 0.14, [(0, 5), (5, 5)], vec![(0, 0, 3), (0, 1, 4), (0, 2, 5)]),
        ] {
            let stage = Sliding { length, hop, ..Sliding::default() };
            assert_eq!(cut(&stage, 10, &pieces, &[]).unwrap(), want, "{length} {hop}");
        }
    }

    #[test]
    fn the_tail_of_a_range_is_dropped_or_kept_or_padded() {
        for (length, hop, n, tail) in [
            (2.0, 2.0, 45, Some((40, 45))),
            (2.0, 1.0, 45, Some((30, 45))),
            (2.0, 2.0, 40, None),
            (2.0, 1.0, 41, Some((30, 41))),
            (2.0, 3.0, 52, None),
            (2.0, 3.0, 29, None),
            (2.0, 3.0, 31, Some((30, 31))),
            (9.0, 1.0, 31, None),
        ] {
            let with = |tail| cut(&Sliding { length, hop, tail }, 10, &[(0, n)], &[]).unwrap();
            let mut want = with(Tail::Drop);
            want.extend(tail.map(|(start, end)| (0, start, end)));
            assert_eq!(with(Tail::Keep), want, "{length} {hop} {n}");
            assert_eq!(with(Tail::Pad), want, "{length} {hop} {n}");
        }
    }

    #[test]
    fn only_padded_windows_say_how_long_they_are_heard() {
        for (tail, want) in [(Tail::Drop, 0), (Tail::Keep, 0), (Tail::Pad, 20)] {
            let stage = Sliding { length: 2.0, hop: 2.0, tail };
            assert_eq!(spans(&stage, 10, &[(0, 45)], &[]).unwrap().padded_to, want);
        }
        let endless = Sliding { length: 601.0, tail: Tail::Pad, ..Sliding::default() };
        assert!(cut(&endless, 10, &[(0, 45)], &[]).is_err());
    }

    #[test]
    fn lengths_that_are_no_frames_are_errors() {
        for absurd in [0.0, 1e-9, -1.0, f64::NAN, f64::INFINITY, 1e300] {
            for (length, hop) in [(absurd, 1.0), (1.0, absurd)] {
                let stage = Sliding { length, hop, ..Sliding::default() };
                assert!(cut(&stage, 44_100, &[(0, 100)], &[]).is_err(), "{stage:?}");
            }
        }
    }
}
