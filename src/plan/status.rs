//! The plan: every task with its status, and why it has it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::tasks::{Need, Task, Tasks};
use super::{Gatekeeper, Observed, Results, Sources, Wholes};
use crate::error::Result;
use crate::manifest::Manifest;
use crate::store::{Difference, Digest, Key, OutputDigests, Recipe, Store};

/// What will become of a task.
#[derive(Debug, Clone, PartialEq)]
pub enum Status {
    /// Its result is known. It does not run.
    Fresh,
    /// Its result is known, but something that may run needs a value of it that the cache no longer has. It
    /// runs where that need arises.
    Remade,
    /// It runs.
    Stale(Reason),
    /// Nobody can know: it runs unless its new input is one seen before, and recalls the result of a task that
    /// has the same recipe.
    Waiting(Awaited),
    /// It cannot run: its source is of no use, for this reason.
    Blocked(String),
}

/// What a task waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaited {
    /// The step at this index.
    Step(usize),
    /// The same work on another clip.
    EqualWork,
}

/// Why a task is stale.
#[derive(Debug, Clone, PartialEq)]
pub enum Reason {
    /// It never ran.
    New,
    /// It ran with another recipe, and never with this one.
    Changed(Vec<Difference>),
}

/// All tasks, each with its status.
pub struct Plan<'m> {
    /// The tasks.
    pub tasks: Tasks<'m>,
    /// The recipes of clips as wholes.
    pub wholes: Wholes,
    /// What is known of the results before anything runs.
    pub known: Results<'m>,
    store: &'m dyn Store,
    /// The status of each task that is not fresh, in the order of the tasks.
    unfresh: BTreeMap<Task, Status>,
    /// The keys of what is stale: equal work is done once.
    stale_keys: BTreeSet<Key>,
}

impl<'m> Plan<'m> {
    /// Looks at every task: which of them are fresh, and why the others are not.
    ///
    /// # Errors
    /// When the steps of the manifest make no sense.
    pub fn of(manifest: &'m Manifest, sources: &Sources, store: &'m dyn Store) -> Result<Self> {
        let tasks = Tasks::of(manifest)?;
        let known = Results::none(&tasks, store);
        let wholes = Wholes::of(&tasks, sources);
        let (unfresh, stale_keys) = (BTreeMap::new(), BTreeSet::new());
        let mut plan = Self { tasks, wholes, known, store, unfresh, stale_keys };
        (0..manifest.clips.len()).for_each(|clip| plan.look_at_clip(clip, sources));
        for task in plan.tasks.dataset_wide().collect::<Vec<_>>() {
            plan.look_at_dataset(task, sources)?;
            if plan.tasks.duplicates() == Some(task) {
                plan.judge(sources)?;
            }
        }
        plan.mark_what_must_be_remade();
        Ok(plan)
    }

    /// The status of a task.
    pub fn status(&self, task: Task) -> &Status {
        self.unfresh.get(&task).unwrap_or(&Status::Fresh)
    }

    /// Every task that is not fresh, with its status, each after those that it reads from.
    pub fn unfresh(&self) -> impl Iterator<Item = (Task, &Status)> {
        self.unfresh.iter().map(|(task, status)| (*task, status))
    }

    /// Whether nothing has to run.
    pub fn is_all_fresh(&self) -> bool {
        self.unfresh.is_empty()
    }

    /// Marks what a table or a person needs of a fresh task, but the cache no longer has: these of its outputs.
    pub fn need_values(&mut self, tasks: impl IntoIterator<Item = Task>, is_needed: impl Fn(&str) -> bool) {
        let mut is_any_lost = false;
        for task in tasks {
            let outputs = self.outputs_of_fresh(task).unwrap_or_default();
            if outputs.iter().any(|(name, digest)| is_needed(name) && !self.store.has(digest)) {
                self.unfresh.insert(task, Status::Remade);
                is_any_lost = true;
            }
        }
        if is_any_lost {
            self.mark_what_must_be_remade();
        }
    }

    /// Why a task has its status, in words; empty where the status says it all.
    pub fn why(&self, status: &Status) -> String {
        match status {
            Status::Fresh => String::new(),
            Status::Remade => "the cache no longer has its value".to_owned(),
            Status::Stale(reason) => reason.to_string(),
            Status::Waiting(Awaited::Step(step)) => format!("for `{}`", self.tasks.steps[*step].name),
            Status::Waiting(Awaited::EqualWork) => "for the same work on another clip".to_owned(),
            Status::Blocked(why) => why.clone(),
        }
    }

    /// What the gate says, as far as everything that it goes by is known; what it goes by and the cache no longer has
    /// must be made again.
    fn judge(&mut self, sources: &Sources) -> Result<()> {
        let Some(duplicates) = self.tasks.duplicates().filter(|task| self.known.has(*task)) else {
            return Ok(());
        };
        if self.ask_the_gate(sources, |gate, results| gate.judge(results))? {
            return Ok(());
        }
        let clips = 0..self.tasks.manifest.clips.len();
        let normalize = clips.filter_map(|clip| self.tasks.of_clip(clip).next());
        let lost: Vec<Task> = normalize.chain([duplicates]).filter(|task| self.has_lost(*task)).collect();
        lost.into_iter().for_each(|task| drop(self.unfresh.insert(task, Status::Remade)));
        Ok(())
    }

    /// Whether the cache no longer has what the gate goes by.
    fn has_lost(&self, task: Task) -> bool {
        let outputs = self.known.of_task(task).unwrap_or_default();
        let mut needed = outputs.iter().filter(|(name, _)| matches!(*name, "measures" | "pairs"));
        needed.any(|(_, digest)| !self.store.has(digest))
    }

    /// Lets the gatekeeper take something down in what is known; whether it could.
    fn ask_the_gate(
        &mut self,
        sources: &Sources,
        ask: fn(&Gatekeeper, &mut Results) -> Result<bool>,
    ) -> Result<bool> {
        let (tasks, store) = (&self.tasks, self.store);
        let read = |_, _, digest: &Digest| store.read(digest);
        ask(&Gatekeeper { tasks, sources, store, read: &read }, &mut self.known)
    }

    fn look_at_clip(&mut self, clip: usize, sources: &Sources) {
        let key = self.wholes.key(&self.tasks, clip, sources).filter(|key| self.store.knows(key));
        if let Some(key) = key {
            self.known.add_whole(clip, key);
            return;
        }
        for task in self.tasks.of_clip(clip).collect::<Vec<_>>() {
            self.look_at(task, sources);
        }
    }

    /// A task that sees many clips does not look them up one by one.
    fn look_at_dataset(&mut self, task: Task, sources: &Sources) -> Result<()> {
        if let Some((key, outputs)) = self.recalled_with_all_clips(task) {
            self.known.add(task, key, outputs);
            return Ok(());
        }
        self.ask_the_gate(sources, |gate, results| gate.take_stock(results))?;
        self.look_at(task, sources);
        Ok(())
    }

    fn look_at(&mut self, task: Task, sources: &Sources) {
        match self.status_of(task, sources) {
            Ok((key, outputs)) => self.known.add(task, key, outputs),
            Err(status) => drop(self.unfresh.insert(task, status)),
        }
    }

    /// What a dataset-wide task came to when all clips were as they are.
    fn recalled_with_all_clips(&self, task: Task) -> Option<(Key, OutputDigests)> {
        if !self.unfresh.is_empty() {
            return None;
        }
        let recipe = self.wholes.of_all(&self.tasks, task.step, &self.known)?;
        let key = Key::from_digest(*self.store.recall(&recipe.key())?.get("task")?);
        Some((key, self.store.recall(&key)?))
    }

    /// The key and outputs of a fresh task, or else its status.
    fn status_of(
        &mut self,
        task: Task,
        sources: &Sources,
    ) -> std::result::Result<(Key, OutputDigests), Status> {
        if let Some(reason) = self.blocked(task, sources) {
            return Err(Status::Blocked(reason));
        }
        if let Some(step) = self.awaited_step(task) {
            return Err(Status::Waiting(Awaited::Step(step)));
        }
        let Some(found) = self.tasks.found(task, sources, &self.known) else {
            return Err(Status::Blocked("an input of it is missing".to_owned()));
        };
        let key = self.tasks.key(task, found.iter().copied());
        if let Some(outputs) = self.store.recall(&key) {
            return Ok((key, outputs));
        }
        if !self.stale_keys.insert(key) {
            return Err(Status::Waiting(Awaited::EqualWork));
        }
        Err(Status::Stale(match self.last_recipe(task) {
            Some(last) => Reason::Changed(self.tasks.recipe(task, found).differences_from(&last)),
            None => Reason::New,
        }))
    }

    fn awaited_step(&self, task: Task) -> Option<usize> {
        let upstream = self.tasks.step(task).waits_for();
        match task.clip {
            Some(_) => upstream.into_iter().find(|step| self.is_unfresh(Task { step: *step, ..task })),
            None => upstream
                .into_iter()
                .find(|step| self.tasks.of_step(*step).any(|before| self.is_unfresh(before))),
        }
    }

    fn is_unfresh(&self, task: Task) -> bool {
        !self.unfresh.is_empty() && self.unfresh.contains_key(&task)
    }

    /// The recipe that a task had when its clip, or its step, last came to something.
    fn last_recipe(&self, task: Task) -> Option<Recipe> {
        let name = &self.tasks.step(task).name;
        let key = match task.clip {
            Some(clip) => {
                let whole = self.store.last(&self.tasks.name_of_whole(clip))?;
                Key::from_digest(*self.store.recall(&whole)?.get(name)?)
            }
            None => self.store.last(name)?,
        };
        self.store.recipe(&key)
    }

    /// Why a task cannot run because of its clip's source. A dataset-wide task waits for its clips instead.
    fn blocked(&self, task: Task, sources: &Sources) -> Option<String> {
        match sources.clips.get(task.clip?) {
            Some(Observed::Unusable(error)) => Some(error.to_string()),
            _ => None,
        }
    }

    /// Walks from the last task to the first: whoever may run needs its inputs at hand.
    fn mark_what_must_be_remade(&mut self) {
        let mut next = self.unfresh.last_key_value().map(|(task, _)| *task);
        while let Some(task) = next {
            if !matches!(self.unfresh[&task], Status::Blocked(_)) {
                self.mark_absent_inputs(task);
            }
            next = self.unfresh.range(..task).next_back().map(|(task, _)| *task);
        }
    }

    fn mark_absent_inputs(&mut self, task: Task) {
        for need in self.tasks.needs(task, &self.known) {
            let Need::Output(name, producer) = need else { continue };
            let Some(outputs) = self.outputs_of_fresh(producer) else { continue };
            if outputs.get(name).is_some_and(|digest| !self.store.has(digest)) {
                self.unfresh.insert(producer, Status::Remade);
            }
        }
    }

    fn outputs_of_fresh(&self, task: Task) -> Option<OutputDigests> {
        if self.is_unfresh(task) { None } else { self.known.of_task(task) }
    }
}

impl Status {
    /// The one word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Remade => "remade",
            Self::Stale(_) => "stale",
            Self::Waiting(_) => "waiting",
            Self::Blocked(_) => "blocked",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New => f.write_str("never built"),
            Self::Changed(differences) => {
                let words: Vec<String> = differences.iter().map(ToString::to_string).collect();
                f.write_str(&words.join(", "))
            }
        }
    }
}
