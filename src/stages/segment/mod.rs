//! Segment: where the segments of a clip are. Every kind gives `spans`, and some `marks`: what they know of each.
//!
//! A segment never crosses the edge of a range, and an empty range has none.

mod breath;
mod ranges;
mod sections;
mod silence;
mod sliding;
mod whole;

pub use breath::Breath;
pub use ranges::Ranges;
pub use sections::Sections;
pub use silence::Silence;
pub use sliding::{Sliding, Tail};
pub use whole::Whole;

use super::{Outputs, Pieces, RangeOfMaster, Span, Spans};
use crate::error::{Error, Result};

/// How far before an onset a cut lies, s.
const LEAD: f64 = 0.05;

/// The segments of all pieces, where `cut` finds those of one: (start, end) in frames from the piece's start.
fn spans_in(
    pieces: &Pieces,
    mut cut: impl FnMut(&RangeOfMaster) -> Result<Vec<(u64, u64)>>,
) -> Result<Vec<Span>> {
    let mut spans = Vec::new();
    for (range, piece) in pieces.pieces.iter().enumerate().filter(|(_, piece)| piece.start < piece.end) {
        let in_master = |(start, end)| Span { range, start: piece.start + start, end: piece.start + end };
        spans.extend(cut(piece)?.into_iter().map(in_master));
    }
    Ok(spans)
}

/// [`spans_in`], as a segment step gives them.
fn spans_of(pieces: &Pieces, cut: impl FnMut(&RangeOfMaster) -> Result<Vec<(u64, u64)>>) -> Result<Outputs> {
    Ok(vec![("spans", Spans { spans: spans_in(pieces, cut)?, padded_to: 0 }.to_bytes())])
}

/// One segment per piece.
fn one_per_piece(pieces: &Pieces) -> Result<Outputs> {
    spans_of(pieces, |piece| Ok(vec![(0, piece.end - piece.start)]))
}

/// `seconds` in frames, rounded to the nearest.
fn to_frames(seconds: f64, sample_rate: u32, parameter: &str) -> Result<u64> {
    let frames = (seconds * f64::from(sample_rate)).round();
    // Beyond this, f64 has gaps between whole numbers; it is 6,000 years at 48 kHz.
    if (0.0..9.0e15).contains(&frames) {
        Ok(frames as u64)
    } else {
        Err(unusable(parameter, seconds, "it must be a number of seconds, not negative"))
    }
}

fn unusable(parameter: &str, value: impl std::fmt::Display, cause: &str) -> Error {
    Error::usage(format!("cannot segment with `{parameter} = {value}`: {cause}"))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::stages::{Context, Input, Inputs, Stage};

    /// What `stage` cuts pieces of these (start, end) frames into, as (range, start, end).
    pub(super) fn cut(
        stage: &dyn Stage,
        sample_rate: u32,
        pieces: &[(u64, u64)],
        audio: &[u8],
    ) -> Result<Vec<(usize, u64, u64)>> {
        let spans = spans(stage, sample_rate, pieces, audio)?.spans;
        Ok(spans.iter().map(|span| (span.range, span.start, span.end)).collect())
    }

    /// The same, with all that embed steps are told.
    pub(super) fn spans(
        stage: &dyn Stage,
        sample_rate: u32,
        pieces: &[(u64, u64)],
        audio: &[u8],
    ) -> Result<Spans> {
        Spans::read(&Input::bytes(outputs(stage, sample_rate, pieces, audio)?[0].1.as_slice()))
    }

    /// All that `stage` gives.
    pub(super) fn outputs(
        stage: &dyn Stage,
        sample_rate: u32,
        pieces: &[(u64, u64)],
        audio: &[u8],
    ) -> Result<Outputs> {
        let piece = |&(start, end): &(u64, u64)| RangeOfMaster { source_start: 0.0, start, end };
        let pieces = Pieces { sample_rate, pieces: pieces.iter().map(piece).collect() };
        let mut inputs = Inputs::default();
        inputs.push("ranges", Input::bytes(pieces.to_bytes()));
        inputs.push("drawn", Input::bytes(pieces.to_bytes()));
        inputs.push("audio", Input::bytes(audio));
        stage.run(&inputs, &Context::new(&AtomicBool::new(false)))
    }

    #[test]
    fn whole_and_ranges_give_each_range_that_holds_anything_one_segment() {
        let pieces = [(0, 10), (10, 10), (10, 35)];
        for stage in [&Whole {} as &dyn Stage, &Ranges {}] {
            assert_eq!(cut(stage, 8000, &pieces, &[]).unwrap(), [(0, 0, 10), (2, 10, 35)]);
        }
    }

    #[test]
    fn the_schema_bounds_the_numbers() {
        let of = |schema: schemars::Schema| serde_json::to_value(schema).unwrap()["properties"].clone();
        let (sliding, silence) = (of(schemars::schema_for!(Sliding)), of(schemars::schema_for!(Silence)));
        for (bound, want) in [
            (&sliding["length"]["exclusiveMinimum"], 0.0),
            (&sliding["hop"]["exclusiveMinimum"], 0.0),
            (&silence["top_db"]["exclusiveMinimum"], 0.0),
            (&silence["top_db"]["maximum"], 200.0),
            (&silence["hop_length"]["minimum"], 1.0),
            (&silence["min_length"]["minimum"], 0.0),
        ] {
            assert_eq!(bound.as_f64(), Some(want), "{sliding} {silence}");
        }
    }
}
