//! What the tasks of a dataset came to.

use std::sync::Arc;

use super::steps::NORMALIZE;
use super::{Ledger, Task, Tasks, Verdicts};
use crate::store::{Digest, Key, OutputDigests, Store};

/// What the tasks of a dataset came to: the output digests of each, where it succeeded.
///
/// A clip of which everything was known before costs its key and no more: what its tasks came to is looked up.
#[derive(Clone)]
pub struct Results<'s> {
    store: &'s dyn Store,
    /// The names of the steps, in their order.
    steps: Vec<String>,
    /// By clip.
    wholes: Vec<Option<Key>>,
    /// By step and clip; a step of which nothing is here has no clips.
    made: Vec<Vec<Option<Made>>>,
    /// What is known of all clips at once, where somebody asked for it.
    ledger: Option<Arc<Ledger>>,
    /// What the gate says of the clips, once everything that it goes by is known.
    verdicts: Option<Arc<Verdicts>>,
}

/// What one task came to.
#[derive(Debug, Clone)]
struct Made {
    key: Key,
    outputs: OutputDigests,
}

impl<'s> Results<'s> {
    /// Nothing yet, of any of these tasks.
    pub fn none(tasks: &Tasks, store: &'s dyn Store) -> Self {
        let steps = tasks.steps.iter().map(|step| step.name.clone()).collect();
        let (n_clips, n_steps) = (tasks.manifest.clips.len(), tasks.steps.len());
        let (wholes, made) = (vec![None; n_clips], vec![Vec::new(); n_steps]);
        Self { store, steps, wholes, made, ledger: None, verdicts: None }
    }

    /// The outputs of the step called `step` for one clip (or, with none, for the dataset).
    pub fn of(&self, step: &str, clip: Option<usize>) -> Option<OutputDigests> {
        let step = self.steps.iter().position(|name| name == step)?;
        self.of_task(Task { step, clip })
    }

    /// The outputs of a task.
    pub fn of_task(&self, task: Task) -> Option<OutputDigests> {
        let at_hand = self.made(task).map(|made| &made.outputs).or_else(|| self.in_ledger(task));
        at_hand.cloned().or_else(|| self.store.recall(&self.key_in_whole(task)?))
    }

    /// The key of a task that succeeded.
    pub fn key_of(&self, task: Task) -> Option<Key> {
        self.made(task).map(|made| made.key).or_else(|| self.key_in_whole(task))
    }

    /// Whether a task succeeded.
    pub fn has(&self, task: Task) -> bool {
        self.made(task).is_some() || self.whole(task.clip).is_some()
    }

    /// What is known of all clips at once, where somebody asked for it.
    pub fn ledger(&self) -> Option<&Arc<Ledger>> {
        self.ledger.as_ref()
    }

    /// Takes down what is known of all clips.
    pub(super) fn set_ledger(&mut self, ledger: Option<Arc<Ledger>>) {
        self.ledger = ledger;
    }

    /// Takes down what was found out about the gate from the same results.
    pub fn take_from_gate(&mut self, other: &Self) {
        self.ledger = other.ledger.clone();
        self.verdicts = other.verdicts.clone().or(self.verdicts.take());
    }

    /// What the gate says of the clips, once everything that it goes by is known.
    pub fn verdicts(&self) -> Option<&Arc<Verdicts>> {
        self.verdicts.as_ref()
    }

    /// Takes down what the gate says of the clips.
    pub fn judge(&mut self, verdicts: Arc<Verdicts>) {
        self.verdicts = Some(verdicts);
    }

    /// Whether the gate leaves a clip out of everything that sees many clips.
    pub fn is_left_out(&self, clip: usize) -> bool {
        self.verdicts.as_ref().is_some_and(|verdicts| verdicts.is_left_out(clip))
    }

    /// How many clips there are.
    pub(super) fn n_clips(&self) -> usize {
        self.wholes.len()
    }

    /// The key of everything about a clip, where everything was known before.
    pub fn whole(&self, clip: Option<usize>) -> Option<Key> {
        self.wholes.get(clip?).copied().flatten()
    }

    /// Takes down that everything about a clip is known under this key.
    pub(super) fn add_whole(&mut self, clip: usize, key: Key) {
        self.wholes[clip] = Some(key);
    }

    /// Takes down what a task came to.
    pub fn add(&mut self, task: Task, key: Key, outputs: OutputDigests) {
        let n_clips = self.wholes.len().max(1);
        let of_step = &mut self.made[task.step];
        if of_step.is_empty() {
            of_step.resize(if task.clip.is_some() { n_clips } else { 1 }, None);
        }
        of_step[task.clip.unwrap_or(0)] = Some(Made { key, outputs });
    }

    fn made(&self, task: Task) -> Option<&Made> {
        self.made[task.step].get(task.clip.unwrap_or(0))?.as_ref()
    }

    fn in_ledger(&self, task: Task) -> Option<&OutputDigests> {
        let is_normalize = self.steps[task.step] == NORMALIZE;
        let ledger = self.ledger.as_ref().filter(|_| is_normalize)?;
        Some(&ledger.get(task.clip?)?.outputs)
    }

    fn key_in_whole(&self, task: Task) -> Option<Key> {
        let keys = self.store.recall(&self.whole(task.clip)?)?;
        keys.get(&self.steps[task.step]).map(|digest: &Digest| Key::from_digest(*digest))
    }
}

impl std::fmt::Debug for Results<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Results").field("steps", &self.steps).finish_non_exhaustive()
    }
}
