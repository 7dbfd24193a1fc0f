//! sliding: windows of equal length at equal distances.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{spans_of, to_frames, unusable};
use crate::error::Result;
use crate::stages::{Context, Inputs, Outputs, Pieces, Stage};

/// Windows of equal length, each starting `hop` after the one before, from the start of each range.
///
/// Both are rounded to whole frames once, so that windows do not drift. Only windows that fit are taken: what is
/// left at the end of a range is in no window of its own. A range shorter than `length` is one segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sliding {
    /// Length of a window, s.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub length: f64,
    /// From the start of one window to the start of the next, s.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub hop: f64,
}

impl Default for Sliding {
    fn default() -> Self {
        Self { length: 20.0, hop: 5.0 }
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
        spans_of(&pieces, |piece| Ok(windows(piece.end - piece.start, length, hop)))
    }
}

fn at_least_one_frame(seconds: f64, sample_rate: u32, parameter: &str) -> Result<u64> {
    match to_frames(seconds, sample_rate, parameter)? {
        0 => Err(unusable(parameter, seconds, "it is less than one frame of audio")),
        frames => Ok(frames),
    }
}

/// The windows over `n` frames; never more than there are frames.
fn windows(n: u64, length: u64, hop: u64) -> Vec<(u64, u64)> {
    if n < length {
        return vec![(0, n)];
    }
    (0..=(n - length) / hop).map(|i| (i * hop, i * hop + length)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::cut;
    use super::*;

    #[test]
    fn windows_fit_into_their_range() {
        for (length, hop, pieces, want) in [
            (2.0, 1.0, [(0, 40), (40, 69)], vec![(0, 0, 20), (0, 10, 30), (0, 20, 40), (1, 40, 60)]),
            (2.0, 3.0, [(0, 20), (20, 69)], vec![(0, 0, 20), (1, 20, 40)]),
            (3.0, 3.0, [(0, 29), (29, 59)], vec![(0, 0, 29), (1, 29, 59)]),
            (0.26, 0.14, [(0, 5), (5, 5)], vec![(0, 0, 3), (0, 1, 4), (0, 2, 5)]),
        ] {
            assert_eq!(cut(&Sliding { length, hop }, 10, &pieces, &[]).unwrap(), want, "{length} {hop}");
        }
    }

    #[test]
    fn lengths_that_are_no_frames_are_errors() {
        for absurd in [0.0, 1e-9, -1.0, f64::NAN, f64::INFINITY, 1e300] {
            for stage in [Sliding { length: absurd, hop: 1.0 }, Sliding { length: 1.0, hop: absurd }] {
                assert!(cut(&stage, 44_100, &[(0, 100)], &[]).is_err(), "{stage:?}");
            }
        }
    }
}
