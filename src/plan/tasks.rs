//! The tasks of a dataset: every step for every clip, or once for all of them.

use std::collections::BTreeMap;

use super::order::content_order;
use super::steps::{From, Step, Wire, Work, steps};
use super::{Results, Sources};
use crate::error::Result;
use crate::manifest::{Clip, Label, Manifest};
use crate::stages::{Embed, Normalize, Params, Stage, non_default_params};
use crate::store::{Digest, Recipe};

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
}

/// All tasks of a manifest, found by arithmetic: there is no graph of tasks in memory.
#[derive(Debug)]
pub struct Tasks<'m> {
    /// What is built.
    pub manifest: &'m Manifest,
    /// Its steps, each after those that it reads from.
    pub steps: Vec<Step<'m>>,
    /// The normalize stage of each clip: the manifest's parameters with the clip's ranges.
    normalize: Vec<Normalize>,
    /// The embed stages of each clip, where a parameter takes the value of a label.
    labelled: BTreeMap<Task, Embed>,
}

impl<'m> Tasks<'m> {
    /// The tasks of a manifest.
    ///
    /// # Errors
    /// When a step reads from one that does not exist, or a parameter from a label of another type.
    pub fn of(manifest: &'m Manifest) -> Result<Self> {
        let normalize = manifest
            .clips
            .iter()
            .map(|clip| Normalize {
                ranges: clip.ranges.iter().map(|range| (range.start, range.end)).collect(),
                ..manifest.normalize.clone()
            })
            .collect();
        let steps = steps(manifest)?;
        let labelled = labelled(manifest, &steps)?;
        Ok(Self { manifest, steps, normalize, labelled })
    }

    /// Every task, each after those that it reads from.
    pub fn all(&self) -> impl Iterator<Item = Task> {
        (0..self.steps.len()).flat_map(|step| self.of_step(step))
    }

    /// The tasks of one step.
    pub fn of_step(&self, step: usize) -> Vec<Task> {
        if self.steps[step].is_per_clip() {
            (0..self.manifest.clips.len()).map(|clip| Task { step, clip: Some(clip) }).collect()
        } else {
            vec![Task { step, clip: None }]
        }
    }

    /// The step that a task carries out.
    pub fn step(&self, task: Task) -> &Step<'m> {
        &self.steps[task.step]
    }

    /// What people and the store call a task: `embed.timbre/clip-id`, or the step alone.
    pub fn name(&self, task: Task) -> String {
        match task.clip {
            Some(clip) => format!("{}/{}", self.step(task).name, self.manifest.clips[clip].id),
            None => self.step(task).name.clone(),
        }
    }

    /// The code that carries a task out, with its parameters.
    pub fn stage(&self, task: Task) -> &dyn Stage {
        match (self.step(task).work, task.clip) {
            (Work::Normalize(_), Some(clip)) => &self.normalize[clip],
            _ => self.labelled.get(&task).map_or_else(|| self.step(task).stage(), Embed::stage),
        }
    }

    /// The tasks whose outputs a task reads, whether or not it needs them all in the end.
    pub fn upstream(&self, task: Task) -> Vec<Task> {
        let producers = self.step(task).wires.iter().filter_map(|wire| match wire.from {
            From::Step(step) => Some(step),
            From::Source => None,
        });
        let mut steps: Vec<usize> = producers.collect();
        steps.sort_unstable();
        steps.dedup();
        match task.clip {
            Some(_) => steps.into_iter().map(|step| Task { step, clip: task.clip }).collect(),
            None => steps.into_iter().flat_map(|step| self.of_step(step)).collect(),
        }
    }

    /// The values that a task reads, in order. A dataset-wide task reads them of every clip that has results of
    /// the step that it is of, ordered by content.
    pub fn needs(&self, task: Task, results: &Results) -> Vec<Need> {
        let wires = &self.step(task).wires;
        match task.clip {
            Some(clip) => wires.iter().map(|wire| need(wire, clip)).collect(),
            None => {
                let clips = content_order(self.manifest, results);
                let needs = wires.iter().flat_map(|wire| clips.iter().map(|clip| need(wire, *clip)));
                needs.filter(|need| self.has_results(*need, results)).collect()
            }
        }
    }

    fn has_results(&self, need: Need, results: &Results) -> bool {
        match need {
            Need::Source(_) => true,
            Need::Output(_, task) => results.of(&self.step(task).name, task.clip).is_some(),
        }
    }

    /// The recipe of a task, where everything that it reads is known.
    pub fn recipe(&self, task: Task, sources: &Sources, results: &Results) -> Option<Recipe> {
        let mut inputs: BTreeMap<String, Vec<Digest>> = BTreeMap::new();
        for need in self.needs(task, results) {
            let (name, digest) = self.resolve(need, sources, results)?;
            inputs.entry(name.to_owned()).or_default().push(digest);
        }
        Some(Recipe {
            kind: self.step(task).kind(),
            version: self.stage(task).version(),
            numerics: "exact".to_owned(),
            params: self.params(task),
            inputs,
        })
    }

    fn params(&self, task: Task) -> Params {
        match (self.step(task).work, task.clip) {
            (Work::Normalize(_), Some(clip)) => non_default_params(&self.normalize[clip]),
            (Work::Normalize(normalize), None) => non_default_params(normalize),
            (Work::Segment(segment), _) => segment.params(),
            (Work::Embed(embed), _) => self.labelled.get(&task).unwrap_or(embed).params(),
            (Work::Reduce(reduce), _) => reduce.params(),
        }
    }

    fn resolve(&self, need: Need, sources: &Sources, results: &Results) -> Option<(&'static str, Digest)> {
        match need {
            Need::Source(clip) => Some(("source", sources.digest(&self.manifest.clips[clip].source)?)),
            Need::Output(name, task) => {
                let outputs = results.of(&self.step(task).name, task.clip)?;
                Some((name, *outputs.get(name)?))
            }
        }
    }
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
        Label::Text(text) => text.as_str().into(),
        Label::Number(number) => (*number).into(),
        Label::Bool(truth) => (*truth).into(),
    })
}

fn need(wire: &Wire, clip: usize) -> Need {
    match wire.from {
        From::Source => Need::Source(clip),
        From::Step(step) => Need::Output(wire.input, Task { step, clip: Some(clip) }),
    }
}
