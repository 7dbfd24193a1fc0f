//! Segments: from spans in frames of the master to ids and seconds of the source.

use crate::error::{Error, Result};
use crate::stages::{Mark, Pieces, RangeOfMaster, Span, places_of, seconds_of};

/// A row of the table of segments, but for its labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// `clip/segmenter/start-end`, in whole milliseconds of the source.
    pub id: String,
    /// Where it starts in the source, s.
    pub start_s: f64,
    /// Where it ends in the source, s.
    pub end_s: f64,
    /// Where its middle lies on the clip's ranges laid end to end, 0-1.
    pub position: f64,
    /// The range that it lies in, counted from 0.
    pub range: usize,
    /// What its step knows of it beyond that.
    pub mark: Mark,
}

/// The segments that the step `segmenter` found in a clip, in the order of their spans; `marks` is empty, or has one
/// for each of them.
///
/// # Errors
/// When a span lies in none of the pieces: it is of another clip.
pub fn segments_of(
    clip: &str,
    segmenter: &str,
    pieces: &Pieces,
    spans: &[Span],
    marks: &[Mark],
) -> Result<Vec<Segment>> {
    let lost = || {
        Error::world(format!("clip `{clip}` has a segment of `{segmenter}` that lies in none of its ranges"))
    };
    let places = places_of(pieces, spans).ok_or_else(lost)?;
    let segments = spans.iter().zip(places).enumerate().map(|(nth, (span, place))| {
        let segment = segment_of(pieces, span)?;
        let mark = marks.get(nth).cloned().unwrap_or_default();
        Some(Segment { id: format!("{clip}/{segmenter}/{place}"), mark, ..segment })
    });
    segments.collect::<Option<_>>().ok_or_else(lost)
}

fn segment_of(pieces: &Pieces, span: &Span) -> Option<Segment> {
    let (start_s, end_s) = seconds_of(pieces, span)?;
    let piece = pieces.pieces.get(span.range)?;
    let length = |piece: &RangeOfMaster| piece.end.saturating_sub(piece.start) as f64;
    let before: f64 = pieces.pieces[..span.range].iter().map(length).sum();
    let all: f64 = pieces.pieces.iter().map(length).sum();
    let middle = before + ((span.start - piece.start) + (span.end - piece.start)) as f64 / 2.0;
    Some(Segment {
        id: String::new(),
        start_s,
        end_s,
        position: if all > 0.0 { middle / all } else { 0.0 },
        range: span.range,
        mark: Mark::default(),
    })
}
