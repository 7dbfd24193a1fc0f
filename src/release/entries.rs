//! What the lock keeps of the manifest: a digest of each entry, one of the settings, and a line per step.

use std::collections::BTreeMap;

use serde::Serialize;

use super::lock::{ClipLine, StepLine};
use crate::manifest::{Clip, Dataset, Evaluate, Gate, Labels, Manifest, Of, Split, Vocabulary};
use crate::stages::{Params, Stage, non_default_params};
use crate::store::Digest;

/// The digest of what the manifest says of a clip, but for its id: a clip that is renamed keeps it.
pub fn entry_digest(clip: &Clip) -> Digest {
    #[derive(Serialize)]
    struct Entry<'a> {
        #[serde(skip_serializing_if = "<[String]>::is_empty")]
        accept: &'a [String],
        labels: &'a Labels,
        license: &'a str,
        origin: &'a Option<String>,
        ranges: Vec<(f64, f64, &'a Labels)>,
        source: &'a str,
    }
    canonical_digest(
        "taqsim 2026-11-21 clip entry v1",
        &Entry {
            accept: &clip.accept,
            labels: &clip.labels,
            license: &clip.license,
            origin: &clip.origin,
            ranges: clip.ranges.iter().map(|range| (range.start, range.end, &range.labels)).collect(),
            source: &clip.source,
        },
    )
}

/// The line of each clip in the lock, in the manifest's order; `source` knows what is in the
/// source of a clip, by index.
pub(super) fn clip_lines(manifest: &Manifest, source: impl Fn(usize) -> Option<Digest>) -> Vec<ClipLine> {
    let line = |(index, clip): (usize, &Clip)| ClipLine { entry: entry_digest(clip), source: source(index) };
    manifest.clips.iter().enumerate().map(line).collect()
}

/// The digest of everything in the manifest but its clips: dataset, vocabulary, gate, steps and split.
///
/// Parameters at their defaults are left out, and so is a gate at its own, as they are from recipes.
pub fn settings_digest(manifest: &Manifest) -> Digest {
    #[derive(Serialize)]
    struct Settings<'a> {
        dataset: (&'a str, &'a str, &'a str, &'a [String], &'a Option<String>),
        #[serde(skip_serializing_if = "Option::is_none")]
        evaluate: Option<serde_json::Value>,
        #[serde(skip_serializing_if = "Option::is_none")]
        gate: Option<&'a Gate>,
        labels: BTreeMap<&'a str, Words<'a>>,
        steps: BTreeMap<String, (&'a str, &'a str, BTreeMap<String, serde_json::Value>)>,
        #[serde(skip_serializing_if = "Option::is_none")]
        split: Option<serde_json::Value>,
    }
    let Dataset { name, version, license, authors, description } = &manifest.dataset;
    let sorted = |params: Params| params.into_iter().collect();
    let settings = Settings {
        dataset: (name, version, license, authors, description),
        evaluate: manifest.evaluate.as_ref().map(evaluate_as_json),
        gate: Some(&manifest.gate).filter(|gate| **gate != Gate::default()),
        labels: manifest.labels.iter().map(|(name, words)| (name.as_str(), Words::of(words))).collect(),
        steps: all_steps(manifest)
            .map(|step| (step.name, (step.of, step.kind, sorted(step.params))))
            .collect(),
        split: manifest.split.as_ref().map(split_as_json),
    };
    canonical_digest("taqsim 2026-11-21 settings v1", &settings)
}

fn split_as_json(Split { groups, parts, seed, pin }: &Split) -> serde_json::Value {
    serde_json::json!({ "groups": groups, "parts": parts, "pin": pin, "seed": seed })
}

/// The steps that it is of stand among the steps.
fn evaluate_as_json(Evaluate { labels, recording, artist, .. }: &Evaluate) -> serde_json::Value {
    serde_json::json!({ "artist": artist, "labels": labels, "recording": recording })
}

/// The steps of the manifest as they stand in the lock.
pub(super) fn steps(manifest: &Manifest) -> BTreeMap<String, StepLine> {
    let line = |step: Step| {
        let kind = step.kind.to_owned();
        (step.name, StepLine { kind, version: step.version, numerics: step.numerics })
    };
    all_steps(manifest).map(line).collect()
}

/// A vocabulary as JSON.
#[derive(Serialize)]
#[serde(untagged)]
enum Words<'a> {
    Type(&'static str),
    Values(&'a BTreeMap<String, Vec<String>>),
}

impl<'a> Words<'a> {
    fn of(vocabulary: &'a Vocabulary) -> Self {
        match vocabulary {
            Vocabulary::Text => Self::Type("text"),
            Vocabulary::Number => Self::Type("number"),
            Vocabulary::Date => Self::Type("date"),
            Vocabulary::Bool => Self::Type("bool"),
            Vocabulary::Values(values) => Self::Values(values),
        }
    }
}

/// A step of the manifest, whatever its family.
struct Step<'a> {
    name: String,
    of: &'a str,
    kind: &'static str,
    params: Params,
    version: u32,
    numerics: String,
}

fn all_steps(manifest: &Manifest) -> impl Iterator<Item = Step<'_>> {
    let normalize = &manifest.normalize;
    let normalize = step("normalize", "", ("normalize", non_default_params(normalize), normalize));
    let segment = manifest
        .segment
        .iter()
        .map(|(name, kind)| step(&format!("segment.{name}"), "", (kind.kind(), kind.params(), kind.stage())));
    let embed = manifest.embed.iter().map(|(name, Of { of, kind })| {
        step(&format!("embed.{name}"), of, (kind.kind(), kind.params(), kind.stage()))
    });
    let reduce = manifest.reduce.iter().map(|(name, Of { of, kind })| {
        step(&format!("reduce.{name}"), of, (kind.kind(), kind.params(), kind.stage()))
    });
    let evaluate = manifest.evaluate.iter().flat_map(|Evaluate { of, how, .. }| {
        let params = move || ("evaluate", non_default_params(how), how as &dyn Stage);
        of.iter().map(move |of| step(&format!("evaluate.{of}"), of, params()))
    });
    std::iter::once(normalize).chain(segment).chain(embed).chain(reduce).chain(evaluate)
}

fn step<'a>(name: &str, of: &'a str, (kind, params, stage): (&'static str, Params, &dyn Stage)) -> Step<'a> {
    Step { name: name.to_owned(), of, kind, params, version: stage.version(), numerics: stage.numerics() }
}

fn canonical_digest(context: &str, value: &impl Serialize) -> Digest {
    Digest::derive(context, &serde_json::to_vec(value).expect("maps in here have only string keys"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Label;
    use crate::release::fixture;

    #[test]
    fn an_entry_is_all_of_a_clip_but_its_id() {
        let clip = fixture::manifest().clips[2].clone();
        let edits: [fn(&mut Clip); 8] = [
            |clip| clip.accept.push("percussion".into()),
            |clip| clip.source.push('x'),
            |clip| clip.license.push('x'),
            |clip| clip.origin = Some(String::new()),
            |clip| clip.ranges[0].end += 0.001,
            |clip| clip.ranges[0].labels.clear(),
            |clip| clip.labels.clear(),
            |clip| _ = clip.labels.insert("live", Label::Text("true".into())),
        ];
        let mut digests = std::collections::BTreeSet::from([entry_digest(&clip)]);
        for edit in edits {
            let mut edited = clip.clone();
            edit(&mut edited);
            digests.insert(entry_digest(&edited));
        }
        assert_eq!(digests.len(), 9);
        let renamed = Clip { id: "other".into(), ..clip.clone() };
        assert_eq!(entry_digest(&renamed), entry_digest(&clip));
        // Pinned: were the format to change unnoticed, every lock would say that every clip changed.
        let pinned = "21033ee32b0a96664c3b69878abc73c8254cb1e21abebfced90419c8e967d568";
        assert_eq!(entry_digest(&clip).to_string(), pinned);
    }

    #[test]
    fn settings_are_all_of_a_manifest_but_its_clips() {
        let edits: [fn(&mut Manifest); 8] = [
            |manifest| _ = manifest.gate.limits.remove("clipping"),
            |manifest| manifest.dataset.version.push('1'),
            |manifest| manifest.dataset.authors.clear(),
            |manifest| _ = manifest.labels.insert("live".into(), Vocabulary::Text),
            |manifest| manifest.normalize.true_peak = -2.0,
            |manifest| manifest.embed.clear(),
            |manifest| manifest.reduce.values_mut().for_each(|reduce| reduce.of.push('x')),
            |manifest| {
                let (groups, parts, pin) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
                manifest.split = Some(Split { groups, parts, seed: 0, pin });
            },
        ];
        let manifest = fixture::manifest();
        let mut digests = std::collections::BTreeSet::from([settings_digest(&manifest)]);
        for edit in edits {
            let mut edited = manifest.clone();
            edit(&mut edited);
            digests.insert(settings_digest(&edited));
        }
        assert_eq!(digests.len(), 9);
        let without_clips = Manifest { clips: Vec::new(), ..manifest.clone() };
        assert_eq!(settings_digest(&without_clips), settings_digest(&manifest));
    }
}
