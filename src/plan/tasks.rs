//! The tasks of a dataset: every step for every clip, or once for all of them.

use std::collections::BTreeMap;

use super::order::{content_order, fingerprint_order};
use super::steps::{From, Step, Wire, Work, steps};
use super::{Results, Sources, truth};
use crate::error::Result;
use crate::manifest::{Clip, Label, Manifest};
use crate::stages::{Embed, Normalize, Params, Stage, Truth, non_default_params};
use crate::store::{Digest, Key, KeyStem, Recipe};

/// One step for one clip, or for the whole dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Task {
    /// Index of the step.
    pub step: usize,
    /// Index of the clip in the manifest; none for the whole dataset.
    pub clip: Option<usize>,
}

/// One value that a task reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The source of the clip.
    Source(usize),
    /// The output of this name of another task.
    Output(&'static str, Task),
    /// The vectors that a step imports for a clip.
    Vectors(Task),
    /// The map that the rows of a step are placed on.
    Map(Task),
    /// The weights that a step reads: which files, and what is in them.
    Weights(usize),
    /// What the manifest says of the clips whose values this task reads.
    Said(Task),
}

/// A value that a task reads, and its digest.
pub type Found = (Need, Digest);

impl Need {
    /// What the task that reads it calls it.
    pub fn input(self) -> &'static str {
        match self {
            Self::Source(_) => "source",
            Self::Output(name, _) => name,
            Self::Vectors(_) => "vectors",
            Self::Map(_) => "map",
            Self::Weights(_) => "weights",
            Self::Said(_) => "labels",
        }
    }
}

/// All tasks of a manifest, found by arithmetic: there is no graph of tasks in memory.
#[derive(Debug)]
pub struct Tasks<'m> {
    /// What is built.
    pub manifest: &'m Manifest,
    /// Its steps, each after those that it reads from.
    pub steps: Vec<Step<'m>>,
    /// For each step, all of its recipes but their inputs; clips with parameters of their own have others.
    stems: Vec<KeyStem>,
    /// The normalize stages of clips that have ranges.
    ranged: BTreeMap<usize, Normalize>,
    /// The embed stages of each clip, where a parameter takes the value of a label.
    labelled: BTreeMap<Task, Embed>,
}

impl<'m> Tasks<'m> {
    /// The tasks of a manifest.
    ///
    /// # Errors
    /// When a step reads from one that does not exist, or a parameter from a label of another type.
    pub fn of(manifest: &'m Manifest) -> Result<Self> {
        let steps = steps(manifest)?;
        let labelled = labelled(manifest, &steps)?;
        let stems = steps
            .iter()
            .map(|step| {
                KeyStem::of(&step.kind(), step.stage().version(), &step.stage().numerics(), &step.params())
            })
            .collect();
        Ok(Self { manifest, steps, stems, ranged: ranged(manifest), labelled })
    }

    /// Every task, each after those that it reads from.
    pub fn all(&self) -> impl Iterator<Item = Task> {
        (0..self.steps.len()).flat_map(|step| self.of_step(step))
    }

    /// The tasks of one clip, each after those that it reads from.
    pub fn of_clip(&self, clip: usize) -> impl Iterator<Item = Task> {
        let steps = (0..self.steps.len()).filter(|step| self.steps[*step].is_per_clip());
        steps.map(move |step| Task { step, clip: Some(clip) })
    }

    /// The tasks that are for the whole dataset.
    pub fn dataset_wide(&self) -> impl Iterator<Item = Task> {
        let steps = (0..self.steps.len()).filter(|step| !self.steps[*step].is_per_clip());
        steps.map(|step| Task { step, clip: None })
    }

    /// How many tasks there are.
    pub fn len(&self) -> usize {
        (0..self.steps.len()).map(|step| self.n_of_step(step)).sum()
    }

    /// Whether there is no task.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The tasks of one step.
    pub fn of_step(&self, step: usize) -> impl Iterator<Item = Task> + use<> {
        let is_per_clip = self.steps[step].is_per_clip();
        (0..self.n_of_step(step)).map(move |clip| Task { step, clip: is_per_clip.then_some(clip) })
    }

    fn n_of_step(&self, step: usize) -> usize {
        if self.steps[step].is_per_clip() { self.manifest.clips.len() } else { 1 }
    }

    /// The step that a task carries out.
    pub fn step(&self, task: Task) -> &Step<'m> {
        &self.steps[task.step]
    }

    /// What people call a task: `embed.timbre/clip-id`, or the step alone.
    pub fn name(&self, task: Task) -> String {
        match task.clip {
            Some(clip) => format!("{}/{}", self.step(task).name, self.manifest.clips[clip].id),
            None => self.step(task).name.clone(),
        }
    }

    /// What the store calls everything about a clip. No step has a `/` in its name.
    pub fn name_of_whole(&self, clip: usize) -> String {
        format!("clip/{}", self.manifest.clips[clip].id)
    }

    /// The code that carries a task out, with its parameters.
    pub fn stage(&self, task: Task) -> &dyn Stage {
        if let (Work::Normalize(_), Some(clip)) = (self.step(task).work, task.clip)
            && let Some(normalize) = self.ranged.get(&clip)
        {
            return normalize;
        }
        self.labelled.get(&task).map_or_else(|| self.step(task).stage(), Embed::stage)
    }

    /// The tasks whose outputs a task reads, whether or not it needs them all in the end.
    pub fn upstream(&self, task: Task) -> Vec<Task> {
        let steps = self.step(task).upstream().into_iter();
        match task.clip {
            Some(_) => steps.map(|step| Task { step, clip: task.clip }).collect(),
            None => steps.flat_map(|step| self.of_step(step)).collect(),
        }
    }

    /// Whether a task sees only the clips that the gate lets through.
    pub fn is_judged(&self, task: Task) -> bool {
        !self.step(task).judged_by.is_empty()
    }

    /// The task that finds clips that sound alike.
    pub fn duplicates(&self) -> Option<Task> {
        let step = self.steps.iter().position(|step| step.work == Work::Duplicates)?;
        Some(Task { step, clip: None })
    }

    /// The values that a task reads, in order. A dataset-wide task reads them of every clip that has results of
    /// the step that it is of and that the gate does not leave out, ordered by content.
    pub fn needs(&self, task: Task, results: &Results) -> Vec<Need> {
        let wires = &self.step(task).wires;
        let Some(clip) = task.clip else {
            let clips = self.clips_read(task, results);
            let said = matches!(self.step(task).work, Work::Evaluate(_)).then_some(Need::Said(task));
            return wires
                .iter()
                .flat_map(|wire| self.needs_of_all(wire, task.step, &clips, results))
                .chain(said)
                .collect();
        };
        wires.iter().map(|wire| need(wire, task.step, clip)).collect()
    }

    /// The clips whose values a dataset-wide task reads, in order: those of which it has all.
    fn clips_read(&self, task: Task, results: &Results) -> Vec<usize> {
        let mut clips = match self.step(task).work {
            Work::Duplicates => fingerprint_order(self.manifest, results),
            _ => content_order(self.manifest, results),
        };
        if self.is_judged(task) {
            clips.retain(|clip| !results.is_left_out(*clip));
        }
        let wires = self.step(task).wires.iter().filter(|wire| self.is_of_clips(wire));
        let wires: Vec<&Wire> = wires.collect();
        clips.retain(|clip| wires.iter().all(|wire| has_results(need(wire, task.step, *clip), results)));
        clips
    }

    fn needs_of_all(&self, wire: &Wire, step: usize, clips: &[usize], results: &Results) -> Vec<Need> {
        match wire.from {
            From::Step(before) if !self.is_of_clips(wire) => {
                let need = Need::Output(wire.input, Task { step: before, clip: None });
                Vec::from_iter(has_results(need, results).then_some(need))
            }
            From::Map => vec![Need::Map(Task { step, clip: None })],
            _ => clips.iter().map(|clip| need(wire, step, *clip)).collect(),
        }
    }

    /// Whether what comes along a wire is there for each clip.
    fn is_of_clips(&self, wire: &Wire) -> bool {
        match wire.from {
            From::Source | From::Vectors | From::Weights => true,
            From::Map => false,
            From::Step(step) => self.steps[step].is_per_clip(),
        }
    }

    /// What the manifest says of the clips whose values a task reads; none of most tasks, which never see it.
    pub fn truth(&self, task: Task, sources: &Sources, results: &Results) -> Option<Truth> {
        match self.step(task).work {
            Work::Evaluate(evaluate) => {
                Some(truth::truth(evaluate, self.manifest, &self.clips_read(task, results), sources))
            }
            _ => None,
        }
    }

    /// The file with the map that a task places rows on; none of most tasks.
    pub fn map(&self, task: Task) -> Option<&'m str> {
        match self.step(task).work {
            Work::Reduce(reduce) => reduce.fit(),
            _ => None,
        }
    }

    /// The digest of what a dataset-wide step reads of the manifest about a clip; none where it reads nothing.
    pub(super) fn said_of(&self, step: usize, clip: usize) -> Option<Digest> {
        match self.steps[step].work {
            Work::Evaluate(evaluate) => Some(truth::digest_of_clip(evaluate, &self.manifest.clips[clip])),
            _ => None,
        }
    }

    /// The values that a task reads, in order, each with its digest; nothing where not all are known.
    pub fn found(&self, task: Task, sources: &Sources, results: &Results) -> Option<Vec<Found>> {
        let needs = self.needs(task, results).into_iter();
        needs.map(|need| Some((need, self.digest(need, sources, results)?))).collect()
    }

    /// The recipe of a task that reads these values.
    pub fn recipe(&self, task: Task, found: impl IntoIterator<Item = Found>) -> Recipe {
        let mut inputs: BTreeMap<String, Vec<Digest>> = BTreeMap::new();
        for (need, digest) in found {
            inputs.entry(need.input().to_owned()).or_default().push(digest);
        }
        Recipe {
            kind: self.step(task).kind(),
            version: self.stage(task).version(),
            numerics: self.stage(task).numerics(),
            params: self.params(task),
            inputs,
        }
    }

    /// The key of that recipe.
    pub fn key(&self, task: Task, found: impl IntoIterator<Item = Found>) -> Key {
        if self.has_own_params(task) {
            return self.recipe(task, found).key();
        }
        let inputs = found.into_iter().map(|(need, digest)| (need.input(), digest));
        let mut inputs: Vec<(&str, Digest)> = inputs.collect();
        inputs.sort_by_key(|(name, _)| *name);
        self.stems[task.step].key(inputs)
    }

    /// The key that normalize would have without a source and without ranges.
    pub(super) fn key_of_normalize(&self) -> Key {
        let step = self.steps.iter().position(|step| matches!(step.work, Work::Normalize(_)));
        self.stems[step.unwrap_or(0)].key([])
    }

    /// What a clip adds to the parameters of the steps, by step.
    pub(super) fn own_params(&self, clip: usize) -> Params {
        let own = self.of_clip(clip).filter(|task| self.has_own_params(*task));
        own.map(|task| (self.step(task).name.clone(), self.params(task).into())).collect()
    }

    fn has_own_params(&self, task: Task) -> bool {
        let has_ranges = task.clip.is_some_and(|clip| self.ranged.contains_key(&clip));
        let is_normalize = matches!(self.step(task).work, Work::Normalize(_));
        (is_normalize && has_ranges) || self.labelled.contains_key(&task)
    }

    fn params(&self, task: Task) -> Params {
        match (self.step(task).work, task.clip) {
            (Work::Normalize(normalize), Some(clip)) => {
                non_default_params(self.ranged.get(&clip).unwrap_or(normalize))
            }
            (Work::Embed(_), _) => {
                self.labelled.get(&task).map_or_else(|| self.step(task).params(), Embed::params_of_recipe)
            }
            _ => self.step(task).params(),
        }
    }

    fn digest(&self, need: Need, sources: &Sources, results: &Results) -> Option<Digest> {
        match need {
            Need::Source(clip) => sources.digest(clip),
            Need::Output(name, task) => results.of_task(task)?.get(name).copied(),
            Need::Vectors(task) => {
                let name = self.step(task).name.strip_prefix("embed.")?;
                sources.vectors.get(name)?.get(task.clip?).copied()
            }
            Need::Map(task) => sources.file(self.map(task)?),
            Need::Weights(step) => {
                let name = self.steps[step].name.strip_prefix("embed.")?;
                Some(sources.weights.get(name)?.digest())
            }
            Need::Said(task) => Some(Digest::of(&self.truth(task, sources, results)?.to_bytes())),
        }
    }
}

fn has_results(need: Need, results: &Results) -> bool {
    match need {
        Need::Source(_) | Need::Vectors(_) | Need::Map(_) | Need::Weights(_) | Need::Said(_) => true,
        Need::Output(_, task) => results.has(task),
    }
}

fn ranged(manifest: &Manifest) -> BTreeMap<usize, Normalize> {
    let clips = manifest.clips.iter().enumerate().filter(|(_, clip)| !clip.ranges.is_empty());
    clips
        .map(|(index, clip)| {
            let ranges = clip.ranges.iter().map(|range| (range.start, range.end)).collect();
            (index, Normalize { ranges, ..manifest.normalize.clone() })
        })
        .collect()
}

/// The embed steps as they are for each clip, where a parameter takes the value of a label.
fn labelled(manifest: &Manifest, steps: &[Step<'_>]) -> Result<BTreeMap<Task, Embed>> {
    let mut labelled = BTreeMap::new();
    for (step, work) in steps.iter().map(|step| step.work).enumerate() {
        let Work::Embed(embed) = work else { continue };
        if embed.labels().is_empty() {
            continue;
        }
        for (clip, entry) in manifest.clips.iter().enumerate() {
            let stage = embed.for_clip(|label| value_of(entry, label))?;
            labelled.insert(Task { step, clip: Some(clip) }, stage);
        }
    }
    Ok(labelled)
}

fn value_of(clip: &Clip, label: &str) -> Option<serde_json::Value> {
    Some(match clip.labels.get(label)? {
        Label::Text(text) => (**text).into(),
        Label::Number(number) => (*number).into(),
        Label::Bool(truth) => (*truth).into(),
    })
}

fn need(wire: &Wire, step: usize, clip: usize) -> Need {
    match wire.from {
        From::Source => Need::Source(clip),
        From::Vectors => Need::Vectors(Task { step, clip: Some(clip) }),
        From::Map => Need::Map(Task { step, clip: None }),
        From::Weights => Need::Weights(step),
        From::Step(step) => Need::Output(wire.input, Task { step, clip: Some(clip) }),
    }
}
