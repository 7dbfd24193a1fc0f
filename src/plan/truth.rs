//! What the manifest says of the clips that are evaluated, as their task reads it.

use std::collections::BTreeMap;

use super::Sources;
use crate::manifest::{Clip, Evaluate, Label, Labels, Manifest};
use crate::stages::{Truth, TruthOfClip};
use crate::store::Digest;

/// What the manifest says of these clips, in this order.
pub(super) fn truth(evaluate: &Evaluate, manifest: &Manifest, clips: &[usize], sources: &Sources) -> Truth {
    let labels = names(evaluate);
    let mut recordings = BTreeMap::new();
    let of_clip = |clip: &usize| {
        let (entry, next) = (&manifest.clips[*clip], recordings.len());
        let recording = *recordings.entry(recording(evaluate, entry, sources.digest(*clip))).or_insert(next);
        TruthOfClip { recording, ..of_clip(&labels, entry) }
    };
    let clips = clips.iter().map(of_clip).collect();
    let artist = evaluate.artist.as_ref().and_then(|artist| labels.iter().position(|name| name == artist));
    Truth { labels, artist, clips }
}

/// The digest of all that the manifest says of one clip, but for its source.
pub(super) fn digest_of_clip(evaluate: &Evaluate, clip: &Clip) -> Digest {
    let labels = names(evaluate);
    let of_clip = of_clip(&labels, clip);
    let recording = clip.labels.get(&evaluate.recording).map(word);
    let json = serde_json::to_vec(&(&labels, &evaluate.artist, &of_clip, recording));
    Digest::of(&json.expect("these types have only string keys"))
}

/// The labels that are evaluated, and then the artist.
fn names(evaluate: &Evaluate) -> Vec<String> {
    evaluate.labels.iter().chain(&evaluate.artist).cloned().collect()
}

fn of_clip(names: &[String], clip: &Clip) -> TruthOfClip {
    let values = |labels: &Labels| names.iter().map(|name| labels.get(name).map(word)).collect::<Vec<_>>();
    let ranges: Vec<Vec<Option<String>>> = clip.ranges.iter().map(|range| values(&range.labels)).collect();
    let has_own = ranges.iter().flatten().any(Option::is_some);
    let ranges = if has_own { ranges } else { Vec::new() };
    TruthOfClip { labels: values(&clip.labels), ranges, recording: 0 }
}

/// What clips of one recording have in common: the label that says so, else the content of their source.
fn recording(evaluate: &Evaluate, clip: &Clip, source: Option<Digest>) -> (bool, String) {
    match (clip.labels.get(&evaluate.recording), source) {
        (Some(label), _) => (true, word(label)),
        (None, Some(source)) => (false, source.to_string()),
        (None, None) => (false, clip.source.clone()),
    }
}

fn word(label: &Label) -> String {
    match label {
        Label::Text(text) => text.to_string(),
        Label::Number(number) => number.to_string(),
        Label::Bool(truth) => truth.to_string(),
    }
}
