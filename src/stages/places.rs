//! Places: what a segment is called within its clip, by where it lies in the source.

use std::collections::BTreeSet;

use super::{Pieces, Span};

/// What each segment is called within its clip, in the order of the spans: `start-end` in whole milliseconds of the source, a
/// half rounded up. Where segments lie closer than a millisecond, the later ones have a count: `0-1.2`, `0-1.3`, ...
///
/// None where a span lies in none of the pieces.
pub fn places_of(pieces: &Pieces, spans: &[Span]) -> Option<Vec<String>> {
    let mut seen = BTreeSet::new();
    spans
        .iter()
        .map(|span| {
            let (start, end) = seconds_of(pieces, span)?;
            Some(unused(&mut seen, format!("{}-{}", milliseconds(start), milliseconds(end))))
        })
        .collect()
}

/// Where a segment starts and ends in the source, s. None where it lies in none of the pieces.
pub fn seconds_of(pieces: &Pieces, span: &Span) -> Option<(f64, f64)> {
    let piece = pieces.pieces.get(span.range)?;
    if span.start < piece.start || span.end > piece.end || span.start > span.end {
        return None;
    }
    let rate = f64::from(pieces.sample_rate);
    let in_source = |frame: u64| piece.source_start + (frame - piece.start) as f64 / rate;
    Some((in_source(span.start), in_source(span.end)))
}

/// The place itself, or, where it is taken, the place with a count.
fn unused(seen: &mut BTreeSet<String>, place: String) -> String {
    let mut unused = place.clone();
    let mut count = 1;
    while !seen.insert(unused.clone()) {
        count += 1;
        unused = format!("{place}.{count}");
    }
    unused
}

fn milliseconds(seconds: f64) -> u64 {
    (seconds * 1000.0 + 0.5).floor() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stages::RangeOfMaster;

    #[test]
    fn segments_closer_than_a_millisecond_are_counted() {
        let pieces = Pieces {
            sample_rate: 10_000,
            pieces: vec![RangeOfMaster { source_start: 1.5, start: 0, end: 100 }],
        };
        let spans = [0, 1, 2, 5].map(|start| Span { range: 0, start, end: start + 10 });
        let want = ["1500-1501", "1500-1501.2", "1500-1501.3", "1501-1502"];
        assert_eq!(places_of(&pieces, &spans).unwrap(), want);
        assert_eq!(places_of(&pieces, &[Span { range: 0, start: 95, end: 101 }]), None);
        for (seconds, ms) in [(0.0004, 0), (0.0005, 1), (12.5, 12500), (2.9996, 3000)] {
            assert_eq!(milliseconds(seconds), ms);
        }
    }
}
