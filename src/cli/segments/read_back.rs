//! From a label track, corrected by hand, back to ranges.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::super::drawn::{Drawn, labels_around, time};
use super::super::label_track::{self, Bad, Marked};
use super::super::talk::count;
use crate::cli::Talk;
use crate::error::{Error, Result};
use crate::manifest::{Clip, Labels, Manifest, Vocabulary};

/// More is no label track.
const MAX_BYTES: u64 = 1 << 24;
/// Of the lines that make no sense, so many are said.
const SAID: usize = 20;

/// The ranges of a track. Each carries the labels of the clip's range that it lies in, and, where `label` is given, its
/// own text as the value of that label.
pub(super) fn ranges(
    path: &Path,
    label: Option<&str>,
    clip: &Clip,
    manifest: &Manifest,
    talk: &Talk,
) -> Result<Vec<Drawn>> {
    let marked = label_track::read(&bytes(path)?).map_err(|bad| refused(path, &bad, talk))?;
    let vocabulary = label.and_then(|name| Some((name, manifest.labels.get(name)?)));
    let (mut drawn, mut bad) = (Vec::new(), Vec::new());
    for (nth, marked) in marked.iter().enumerate() {
        match labels(marked, vocabulary, clip) {
            Ok(labels) => drawn.push(Drawn {
                start: marked.start,
                end: marked.end,
                labels,
                note: note(nth, marked, vocabulary.is_some()),
            }),
            Err(problem) => bad.push(Bad { line: marked.line, problem }),
        }
    }
    if !bad.is_empty() {
        return Err(refused(path, &bad, talk));
    }
    say_lost_labels(&drawn, clip, talk);
    talk.say(format!("{} of {}, from {}", count(drawn.len(), "range"), clip.id, path.display()));
    Ok(drawn)
}

fn bytes(path: &Path) -> Result<Vec<u8>> {
    let cannot = |cause: std::io::Error| Error::cannot_read(path.display(), cause);
    let mut bytes = Vec::new();
    File::open(path).map_err(cannot)?.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Error::cannot_read(path.display(), "it has more than 16 MiB: this is no label track"));
    }
    Ok(bytes)
}

fn refused(path: &Path, bad: &[Bad], talk: &Talk) -> Error {
    for Bad { line, problem } in bad.iter().filter(|bad| bad.line > 0).take(SAID) {
        talk.error(&Error::world(format!("`{}`, line {line}: {problem}", path.display())));
    }
    let cause = match bad {
        [Bad { line: 0, problem }] => problem.clone(),
        _ => format!("{} of it made no sense", count(bad.len(), "line")),
    };
    Error::cannot_read(path.display(), cause)
}

fn labels(
    marked: &Marked,
    vocabulary: Option<(&str, &Vocabulary)>,
    clip: &Clip,
) -> std::result::Result<Labels, String> {
    let mut labels = labels_around(&clip.ranges, marked.start, marked.end).cloned().unwrap_or_default();
    // A bare number is what `--labels` wrote.
    let is_named = !marked.text.is_empty() && marked.text.parse::<u64>().is_err();
    if let Some((name, vocabulary)) =
        vocabulary.filter(|(_, words)| is_named || **words == Vocabulary::Number)
    {
        let value =
            vocabulary.label_of(&marked.text).ok_or_else(|| unknown(name, vocabulary, &marked.text))?;
        labels.insert(name, value);
    }
    Ok(labels)
}

fn unknown(name: &str, vocabulary: &Vocabulary, text: &str) -> String {
    let text: String = text.chars().take(80).collect();
    let expected = match vocabulary {
        Vocabulary::Values(words) => words.keys().cloned().collect::<Vec<_>>().join(", "),
        Vocabulary::Number => "a number".to_owned(),
        Vocabulary::Date => "a date, such as 2026-11-21".to_owned(),
        Vocabulary::Bool => "true or false".to_owned(),
        Vocabulary::Text => "text without control characters".to_owned(),
    };
    format!("`{text}` is no {name}, which is {expected}")
}

fn note(nth: usize, marked: &Marked, is_label: bool) -> String {
    let seconds = (marked.end - marked.start) as f64 / 1e6;
    let is_number = marked.text.parse::<u64>().is_ok();
    match marked.text.as_str() {
        text if is_label || is_number || text.is_empty() => format!("{}: {seconds:.1} s", nth + 1),
        text => format!("{}: {seconds:.1} s, {text}", nth + 1),
    }
}

/// A range that lies across two of the manifest's, or beyond them, cannot say which labels it keeps.
fn say_lost_labels(drawn: &[Drawn], clip: &Clip, talk: &Talk) {
    let has_labels = clip.ranges.iter().any(|range| !range.labels.is_empty());
    for drawn in drawn.iter().filter(|_| has_labels) {
        if labels_around(&clip.ranges, drawn.start, drawn.end).is_none() {
            let (start, end) = (time(drawn.start), time(drawn.end));
            talk.warning(format!(
                "{start}-{end} lies in no one range of the clip: it keeps none of their labels"
            ));
        }
    }
}
