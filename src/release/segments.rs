//! Segments: from spans in frames of the master to ids and seconds of the source.

use std::collections::BTreeSet;

use crate::error::{Error, Result};
use crate::stages::{Mark, Pieces, RangeOfMaster, Span};

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
    let mut seen = BTreeSet::new();
    let mut segments = Vec::with_capacity(spans.len());
    for (nth, span) in spans.iter().enumerate() {
        let mut segment = segment_of(pieces, span).ok_or_else(|| {
            Error::world(format!(
                "clip `{clip}` has a segment of `{segmenter}` that lies in none of its ranges"
            ))
        })?;
        let (start, end) = (milliseconds(segment.start_s), milliseconds(segment.end_s));
        segment.id = unused_id(&mut seen, format!("{clip}/{segmenter}/{start}-{end}"));
        segment.mark = marks.get(nth).cloned().unwrap_or_default();
        segments.push(segment);
    }
    Ok(segments)
}

/// The id itself, or, where segments lie closer than a millisecond, the id with a count: `.2`, `.3`, ...
fn unused_id(seen: &mut BTreeSet<String>, id: String) -> String {
    let mut unused = id.clone();
    let mut count = 1;
    while !seen.insert(unused.clone()) {
        count += 1;
        unused = format!("{id}.{count}");
    }
    unused
}

/// Whole milliseconds, a half rounded up.
fn milliseconds(seconds: f64) -> u64 {
    (seconds * 1000.0 + 0.5).floor() as u64
}

fn segment_of(pieces: &Pieces, span: &Span) -> Option<Segment> {
    let piece = pieces.pieces.get(span.range)?;
    if span.start < piece.start || span.end > piece.end || span.start > span.end {
        return None;
    }
    let rate = f64::from(pieces.sample_rate);
    let in_source = |frame: u64| piece.source_start + (frame - piece.start) as f64 / rate;
    let length = |piece: &RangeOfMaster| piece.end.saturating_sub(piece.start) as f64;
    let before: f64 = pieces.pieces[..span.range].iter().map(length).sum();
    let all: f64 = pieces.pieces.iter().map(length).sum();
    let middle = before + ((span.start - piece.start) + (span.end - piece.start)) as f64 / 2.0;
    Some(Segment {
        id: String::new(),
        start_s: in_source(span.start),
        end_s: in_source(span.end),
        position: if all > 0.0 { middle / all } else { 0.0 },
        range: span.range,
        mark: Mark::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_closer_than_a_millisecond_are_counted() {
        let mut seen = BTreeSet::new();
        let ids: Vec<_> = (0..3).map(|_| unused_id(&mut seen, "c/s/0-1".into())).collect();
        assert_eq!(ids, ["c/s/0-1", "c/s/0-1.2", "c/s/0-1.3"]);
        for (seconds, ms) in [(0.0004, 0), (0.0005, 1), (12.5, 12500), (2.9996, 3000)] {
            assert_eq!(milliseconds(seconds), ms);
        }
    }
}
