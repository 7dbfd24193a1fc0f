//! Ranges as they are drawn, by a step or by hand: to the microsecond, and as the manifest spells them.

use std::fmt::Write;

use super::toml_text::{key, quoted, value};
use crate::error::{Error, Result};
use crate::manifest::{Labels, Range};
use crate::text::printable;

/// A range of a source, with the labels that it carries.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Drawn {
    /// Where it starts in the source, µs.
    pub(super) start: u64,
    /// Where it ends in the source, µs.
    pub(super) end: u64,
    /// Its own labels.
    pub(super) labels: Labels,
    /// What a person may want to know of it.
    pub(super) note: String,
}

/// Seconds as whole microseconds, which is as fine as the manifest is.
pub(super) fn micros(seconds: f64) -> u64 {
    (seconds * 1e6).round().max(0.0) as u64
}

/// `1:02.5`, or `1:02:03` from an hour on.
pub(super) fn time(micros: u64) -> String {
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let (minutes, hours) = (seconds / 60 % 60, seconds / 3600);
    let whole = match hours {
        0 => format!("{minutes}:{:02}", seconds % 60),
        _ => format!("{hours}:{minutes:02}:{:02}", seconds % 60),
    };
    let fraction = format!(".{fraction:06}");
    whole + fraction.trim_end_matches('0').trim_end_matches('.')
}

/// The key `ranges` of a clip, with a comment beside each.
///
/// # Errors
/// When two of them overlap: a clip's ranges may only touch.
pub(super) fn to_toml(drawn: &[Drawn]) -> Result<String> {
    if let Some(pair) = drawn.windows(2).find(|pair| pair[1].start < pair[0].end) {
        let (before, after) = (span(&pair[0]), span(&pair[1]));
        return Err(Error::usage(format!(
            "cannot write these segments as ranges: {after} overlaps {before}"
        ))
        .hint("a clip's ranges may only touch: take a step whose segments do not overlap"));
    }
    let entries: Vec<String> = drawn.iter().map(entry).collect();
    let width = entries.iter().map(|entry| entry.chars().count()).max().unwrap_or(0);
    let mut text = String::from("ranges = [\n");
    for (entry, drawn) in entries.iter().zip(drawn) {
        let padding = " ".repeat(width - entry.chars().count());
        let _ = match drawn.note.as_str() {
            "" => writeln!(text, "  {entry},"),
            note => writeln!(text, "  {entry},{padding}  # {}", printable(note)),
        };
    }
    text.push_str("]\n");
    Ok(text)
}

/// The labels of the manifest's range that a new one lies in; none where it lies in none, or across two.
pub(super) fn labels_around(ranges: &[Range], start: u64, end: u64) -> Option<&Labels> {
    let contains = |range: &&Range| micros(range.start) <= start && end <= micros(range.end);
    ranges.iter().find(contains).map(|range| &range.labels)
}

fn span(drawn: &Drawn) -> String {
    format!("{}-{}", time(drawn.start), time(drawn.end))
}

fn entry(drawn: &Drawn) -> String {
    if drawn.labels.is_empty() {
        return quoted(&span(drawn));
    }
    let labels = drawn.labels.iter().map(|(name, label)| format!(", {} = {}", key(name), value(label)));
    format!("{{ at = {}{} }}", quoted(&span(drawn)), labels.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{self, Label};

    fn drawn(start: u64, end: u64, note: &str) -> Drawn {
        Drawn { start, end, labels: Labels::default(), note: note.to_owned() }
    }

    #[test]
    fn times_are_written_as_short_as_they_are() {
        for (micros, want) in [
            (0, "0:00"),
            (12_500_000, "0:12.5"),
            (60_000_001, "1:00.000001"),
            (3_599_999_999, "59:59.999999"),
            (3_723_250_000, "1:02:03.25"),
            (999_999_999_999, "277:46:39.999999"),
        ] {
            assert_eq!(time(micros), want);
        }
    }

    #[test]
    fn the_manifest_reads_what_is_written_and_hostile_notes_stay_comments() {
        let mut labelled = drawn(2_345_678, 60_000_000, "2]\n[[clip]]\u{1b}[31m\u{85}");
        let text = Label::Text("a \"b\" \\ 'c' # ]".into());
        labelled.labels.insert("note", text.clone());
        labelled.labels.insert("größe", Label::Number(3.0));
        labelled.labels.insert("good", Label::Bool(true));
        let ranges = to_toml(&[drawn(0, 2_345_678, "1"), labelled, drawn(61_000_000, 4_000_000_000, "")]);
        let manifest = format!(
            "[dataset]\nname = \"x\"\nversion = \"1.0.0\"\nlicense = \"CC0-1.0\"\n[labels]\nnote = \"text\"\n\
             \"größe\" = \"number\"\ngood = \"bool\"\n[[clip]]\nid = \"x\"\nsource = \"x.wav\"\n\
             license = \"CC0-1.0\"\n{}",
            ranges.unwrap()
        );
        let clips = manifest::parse(manifest.as_bytes(), "x").manifest.unwrap().clips;
        let times: Vec<_> = clips[0].ranges.iter().map(|range| (range.start, range.end)).collect();
        assert_eq!(times, [(0.0, 2.345_678), (2.345_678, 60.0), (61.0, 4000.0)], "{manifest}");
        assert_eq!(
            (clips[0].ranges[1].labels.len(), clips[0].ranges[1].labels.get("note")),
            (3, Some(&text))
        );
        assert_eq!(clips.len(), 1);
    }

    #[test]
    fn ranges_that_overlap_are_refused() {
        let error = to_toml(&[drawn(0, 2_000_000, ""), drawn(1_000_000, 3_000_000, "")]).unwrap_err();
        assert!(error.message.ends_with("0:01-0:03 overlaps 0:00-0:02"), "{error}");
    }
}
