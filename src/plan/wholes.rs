//! Wholes: everything that the steps do for one clip, as one recipe. One look-up tells that nothing about a clip
//! changed, where its tasks would take one each.

use std::collections::BTreeMap;

use super::steps::From;
use super::{Results, Sources, Task, Tasks};
use crate::error::Result;
use crate::stages::{EXACT, Params};
use crate::store::{Digest, Key, KeyStem, OutputDigests, Recipe, Store};

/// Raised whenever what is in these recipes means something else.
const VERSION: u32 = 1;

/// Makes the recipes of wholes. Their outputs are, by name of the step, the keys of the tasks.
#[derive(Debug)]
pub struct Wholes {
    /// What all steps are: names, kinds, versions, parameters, and what reads from what.
    shape: Digest,
    stem: KeyStem,
    /// What is in the maps that steps place rows on, by index of the step.
    maps: BTreeMap<usize, Digest>,
}

impl Wholes {
    /// The wholes of these tasks, with these files.
    pub fn of(tasks: &Tasks, sources: &Sources) -> Self {
        let stem = KeyStem::of("clip", VERSION, "exact", &Params::new());
        let map = |task: Task| Some((task.step, sources.file(tasks.map(task)?)?));
        Self { shape: shape(tasks), stem, maps: tasks.dataset_wide().filter_map(map).collect() }
    }

    /// The key of the whole of a clip whose source is known.
    pub fn key(&self, tasks: &Tasks, clip: usize, sources: &Sources) -> Option<Key> {
        let inputs = self.inputs(clip, sources)?;
        let params = tasks.own_params(clip);
        if params.is_empty() {
            return Some(self.stem.key(inputs));
        }
        Some(KeyStem::of("clip", VERSION, "exact", &params).key(inputs))
    }

    /// What a clip's whole follows from, in the order of the names.
    fn inputs(&self, clip: usize, sources: &Sources) -> Option<Vec<(&'static str, Digest)>> {
        let files = [("shape", self.shape), ("source", sources.digest(clip)?)];
        let vectors = sources.vectors_of(clip).map(|digest| ("vectors", digest));
        let weights = sources.all_weights().map(|digest| ("weights", digest));
        Some(files.into_iter().chain(vectors).chain(weights).collect())
    }

    /// What all steps are, as a key of its own: whoever finds another one there has other steps now.
    pub fn shape(&self) -> Key {
        Key::from_digest(self.shape)
    }

    /// Remembers the whole of a clip, where all its tasks succeeded; its key.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn remember(
        &self,
        tasks: &Tasks,
        clip: usize,
        sources: &Sources,
        results: &mut Results,
        store: &dyn Store,
    ) -> Result<Option<Key>> {
        let keys = tasks
            .of_clip(clip)
            .map(|task| Some((tasks.step(task).name.as_str(), *results.key_of(task)?.digest())));
        let (Some(keys), Some(inputs)) =
            (keys.collect::<Option<OutputDigests>>(), self.inputs(clip, sources))
        else {
            return Ok(None);
        };
        let recipe = recipe("clip", tasks.own_params(clip), inputs);
        store.remember(&recipe, &keys)?;
        let key = recipe.key();
        results.add_whole(clip, key);
        Ok(Some(key))
    }

    /// The recipe of a dataset-wide step of clips that are all known as wholes: what it reads follows from them.
    /// None where the gate has a say, and nobody knows yet what it says.
    pub(super) fn of_all(&self, tasks: &Tasks, step: usize, results: &Results) -> Option<Recipe> {
        let is_judged = tasks.is_judged(Task { step, clip: None });
        let is_left_out = |clip: usize| is_judged && results.is_left_out(clip);
        if is_judged && results.verdicts().is_none() {
            return None;
        }
        let key =
            |clip: usize| Some((results.whole(Some(clip))?, is_left_out(clip), tasks.said_of(step, clip)));
        let mut keys =
            (0..results.n_clips()).map(key).collect::<Option<Vec<(Key, bool, Option<Digest>)>>>()?;
        keys.sort_unstable();
        let digest = |of: &dyn Fn(bool) -> bool| {
            let keys = keys.iter().filter(|(_, is_left_out, _)| of(*is_left_out));
            Digest::of(&keys.flat_map(|(key, ..)| *key.digest().as_bytes()).collect::<Vec<u8>>())
        };
        let labels = keys.iter().filter_map(|(.., said)| *said);
        let labels = Digest::of(&labels.flat_map(|said| *said.as_bytes()).collect::<Vec<u8>>());
        let (clips, left_out) = (digest(&|_| true), digest(&|is_left_out| is_left_out));
        let map = self.maps.get(&step).map(|map| ("map", *map));
        let step = Digest::of(&(step as u64).to_le_bytes());
        let shape = self.shape;
        let inputs =
            [("clips", clips), ("labels", labels), ("left_out", left_out), ("shape", shape), ("step", step)];
        Some(recipe("clips", Params::new(), inputs.into_iter().chain(map)))
    }

    /// The key of that recipe.
    pub fn key_of_all(&self, tasks: &Tasks, step: usize, results: &Results) -> Option<Key> {
        self.of_all(tasks, step, results).map(|recipe| recipe.key())
    }

    /// Remembers what a dataset-wide step came to, where all clips are known as wholes.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn remember_all(
        &self,
        tasks: &Tasks,
        step: usize,
        key: &Key,
        results: &Results,
        store: &dyn Store,
    ) -> Result<()> {
        let Some(recipe) = self.of_all(tasks, step, results) else { return Ok(()) };
        store.remember(&recipe, &OutputDigests::from([("task", *key.digest())]))
    }
}

fn recipe<'n>(kind: &str, params: Params, inputs: impl IntoIterator<Item = (&'n str, Digest)>) -> Recipe {
    Recipe {
        kind: kind.to_owned(),
        version: VERSION,
        numerics: "exact".to_owned(),
        params,
        inputs: inputs.into_iter().map(|(name, digest)| (name.to_owned(), vec![digest])).collect(),
    }
}

fn shape(tasks: &Tasks) -> Digest {
    let steps: Vec<_> = tasks
        .steps
        .iter()
        .map(|step| {
            let wires: Vec<(&str, Option<usize>)> = step
                .wires
                .iter()
                .map(|wire| match wire.from {
                    From::Source | From::Vectors | From::Map | From::Weights => (wire.input, None),
                    From::Step(step) => (wire.input, Some(step)),
                })
                .collect();
            (&step.name, step.kind(), step.stage().version(), step.params(), wires)
        })
        .collect();
    let numerics = tasks.steps.iter().map(|step| step.stage().numerics());
    // Most datasets have none, and what is known of their clips stays known.
    let inexact: Vec<String> = numerics.filter(|numerics| numerics != EXACT).collect();
    let mut json = serde_json::to_vec(&steps).expect("steps have only string keys");
    inexact.iter().for_each(|numerics| json.extend_from_slice(numerics.as_bytes()));
    Digest::derive("taqsim 2026-11-21 shape v1", &json)
}
