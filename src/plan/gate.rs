//! The quality gate: what it says of each clip, and how that is remembered.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::judge::{ReadValue, judge};
use super::{Results, Tasks};
use crate::error::Result;
use crate::manifest::{Clip, Gate, Manifest, Then};
use crate::stages::Params;
use crate::store::{Digest, OutputDigests, Recipe, Store};

/// A limit that a clip breaks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Broken {
    /// The measure or the label.
    pub name: String,
    /// What becomes of the clip.
    pub then: Then,
    /// In words: "`percussion` is 0.41, above 0.3".
    pub why: String,
}

/// What the gate says of a clip.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The limits that it breaks: of each measure the one with the worst consequence.
    pub broken: Vec<Broken>,
    /// The clip that it is a copy of, by id, and how far they agree.
    pub duplicate: Option<(String, f64)>,
}

/// What the gate says of the clips of which there is anything to say, by their index in the manifest.
///
/// It is no task: limits are held against what was measured wherever that is known, so that another limit runs nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Verdicts(BTreeMap<usize, Verdict>);

/// Raised whenever the gate says something else of the same clips.
const VERSION: u32 = 1;

impl Verdict {
    /// The worst that becomes of the clip; none where it breaks no limit.
    pub fn then(&self) -> Option<Then> {
        self.broken.iter().map(|broken| broken.then).max()
    }

    /// Why the worst that becomes of the clip does, in words.
    pub fn reason(&self) -> String {
        let worst = self.broken.iter().filter(|broken| Some(broken.then) == self.then());
        worst.map(|broken| broken.why.as_str()).collect::<Vec<_>>().join("; ")
    }

    /// The names of all that is broken, with commas; none where nothing is.
    pub fn flags(&self) -> Option<String> {
        let names: Vec<&str> = self.broken.iter().map(|broken| broken.name.as_str()).collect();
        (!names.is_empty()).then(|| names.join(","))
    }
}

/// Of each clip, by its index in the manifest.
impl FromIterator<(usize, Verdict)> for Verdicts {
    fn from_iter<I: IntoIterator<Item = (usize, Verdict)>>(verdicts: I) -> Self {
        Self(verdicts.into_iter().filter(|(_, verdict)| *verdict != Verdict::default()).collect())
    }
}

impl Verdicts {
    /// What the store calls what the gate said last.
    pub const NAME: &'static str = "gate";

    /// What the gate says of all clips that were normalised: remembered, or judged by what was measured of them, as
    /// `read` gives it. None where nobody can know yet, or `read` lost something.
    ///
    /// # Errors
    /// When the store fails.
    pub fn of(tasks: &Tasks, results: &Results, store: &dyn Store, read: &ReadValue) -> Result<Option<Self>> {
        let Some(recipe) = recipe(tasks, results) else { return Ok(None) };
        match recall(store.recall(&recipe.key()), tasks.manifest, store)? {
            Some(verdicts) => Ok(Some(verdicts)),
            None => judge(tasks, results, read),
        }
    }

    /// What the gate said last, of the clips that are still called as they were.
    ///
    /// # Errors
    /// When the store fails.
    pub fn last(manifest: &Manifest, store: &dyn Store) -> Result<Option<Self>> {
        let key = store.last(Self::NAME);
        recall(key.and_then(|key| store.recall(&key)), manifest, store)
    }

    /// Remembers what the gate says of these results.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn remember(&self, tasks: &Tasks, results: &Results, store: &dyn Store) -> Result<()> {
        let Some(recipe) = recipe(tasks, results) else { return Ok(()) };
        let key = recipe.key();
        if !store.knows(&key) {
            let id = |clip: usize| tasks.manifest.clips[clip].id.as_str();
            let by_id: Vec<(&str, &Verdict)> =
                self.iter().map(|(clip, verdict)| (id(clip), verdict)).collect();
            let json = serde_json::to_vec(&by_id).expect("verdicts are JSON");
            store.remember(&recipe, &store.keep(&[("verdicts", json)])?)?;
        }
        store.remember_last(Self::NAME, &key)
    }

    /// What is said of a clip; none where nothing is.
    pub fn get(&self, clip: usize) -> Option<&Verdict> {
        self.0.get(&clip)
    }

    /// The clips of which something is said, by their index in the manifest.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &Verdict)> {
        self.0.iter().map(|(clip, verdict)| (*clip, verdict))
    }

    /// Whether a clip is in no table but `clips`.
    pub fn is_left_out(&self, clip: usize) -> bool {
        self.get(clip).is_some_and(|verdict| verdict.then() >= Some(Then::Exclude))
    }
}

/// Everything that verdicts depend on; none where not all of it is known yet.
fn recipe(tasks: &Tasks, results: &Results) -> Option<Recipe> {
    let pairs = *results.of_task(tasks.duplicates()?)?.get("pairs")?;
    let manifest = tasks.manifest;
    let mut bytes = Vec::new();
    for (index, clip) in manifest.clips.iter().enumerate() {
        push_clip(&mut bytes, clip, &manifest.gate);
        push_measured(&mut bytes, index, results);
    }
    let gate = serde_json::to_value(&manifest.gate).expect("limits have only string keys");
    Some(Recipe {
        kind: Verdicts::NAME.to_owned(),
        version: VERSION,
        numerics: "exact".to_owned(),
        params: Params::from_iter([("gate".to_owned(), gate)]),
        inputs: [("clips", Digest::of(&bytes)), ("pairs", pairs)]
            .map(|(name, digest)| (name.to_owned(), vec![digest]))
            .into(),
    })
}

/// What the manifest says of a clip that the gate asks for.
fn push_clip(bytes: &mut Vec<u8>, clip: &Clip, gate: &Gate) {
    let labels: Vec<_> = gate.labels.keys().map(|name| clip.labels.get(name)).collect();
    let json = serde_json::to_vec(&(&clip.id, &clip.accept, labels)).expect("texts and numbers are JSON");
    bytes.extend_from_slice(&(json.len() as u64).to_le_bytes());
    bytes.extend(json);
}

/// What was measured of a clip, and its place among the others. The key of everything about it stands for
/// that where there is one: its outputs need not be looked up.
fn push_measured(bytes: &mut Vec<u8>, clip: usize, results: &Results) {
    if let Some(key) = results.whole(Some(clip)) {
        bytes.push(2);
        return bytes.extend_from_slice(key.digest().as_bytes());
    }
    let outputs = results.of("normalize", Some(clip));
    bytes.push(u8::from(outputs.is_some()));
    for name in ["fingerprint", "measures"] {
        let digest = outputs.as_ref().and_then(|outputs| outputs.get(name));
        bytes.extend_from_slice(digest.map_or(&[][..], |digest| &digest.as_bytes()[..]));
    }
}

/// Clips are sorted by id in a checked manifest.
fn recall(
    outputs: Option<OutputDigests>,
    manifest: &Manifest,
    store: &dyn Store,
) -> Result<Option<Verdicts>> {
    let digest = outputs.and_then(|outputs| outputs.get("verdicts").copied());
    let Some(value) = digest.map(|digest| store.read(&digest)).transpose()?.flatten() else {
        return Ok(None);
    };
    let Ok(by_id) = serde_json::from_slice::<Vec<(String, Verdict)>>(&value.read()?) else { return Ok(None) };
    let index = |id: &String| manifest.clips.binary_search_by(|clip| clip.id.cmp(id)).ok();
    Ok(Some(by_id.into_iter().filter_map(|(id, verdict)| Some((index(&id)?, verdict))).collect()))
}
