//! The plan: every task with its status, and why it has it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::tasks::{Need, Task, Tasks};
use super::{Observed, Results, Sources};
use crate::error::Result;
use crate::manifest::Manifest;
use crate::store::{Difference, Key, OutputDigests, Store};

/// What will become of a task.
#[derive(Debug, Clone, PartialEq)]
pub enum Status {
    /// Its result is known. It does not run.
    Fresh(OutputDigests),
    /// Its result is known, but something that may run needs a value of it that the cache no longer has. It
    /// runs where that need arises.
    Remade(OutputDigests),
    /// It runs.
    Stale(Reason),
    /// It waits for this step, or for equal work, so nobody can know: it runs unless its new input is one seen
    /// before, and recalls the result of a task that has the same recipe.
    Waiting(String),
    /// It cannot run: its source is of no use, for this reason.
    Blocked(String),
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
#[derive(Debug)]
pub struct Plan<'m> {
    /// The tasks.
    pub tasks: Tasks<'m>,
    /// The status of each, in the order of the tasks.
    pub statuses: BTreeMap<Task, Status>,
    /// The keys of what is stale: equal work is done once.
    stale_keys: BTreeSet<Key>,
    /// What is known of the results before anything runs.
    pub known: Results,
}

impl<'m> Plan<'m> {
    /// Looks at every task: which of them are fresh, and why the others are not.
    ///
    /// # Errors
    /// When the steps of the manifest make no sense.
    pub fn of(manifest: &'m Manifest, sources: &Sources, store: &dyn Store) -> Result<Self> {
        let tasks = Tasks::of(manifest)?;
        let mut plan =
            Self { tasks, statuses: BTreeMap::new(), stale_keys: BTreeSet::new(), known: Results::default() };
        for task in plan.tasks.all().collect::<Vec<_>>() {
            let status = plan.status(task, sources, store);
            if let Status::Fresh(outputs) = &status {
                let step = plan.tasks.step(task).name.clone();
                plan.known.outputs.insert((step, task.clip), outputs.clone());
            }
            plan.statuses.insert(task, status);
        }
        plan.mark_what_must_be_remade(store);
        Ok(plan)
    }

    /// Whether nothing has to run.
    pub fn is_all_fresh(&self) -> bool {
        self.statuses.values().all(|status| matches!(status, Status::Fresh(_)))
    }

    /// Marks what a table or a person needs, but the cache no longer has: these outputs of fresh tasks.
    pub fn need_values(&mut self, store: &dyn Store, is_needed: impl Fn(&str) -> bool) {
        for (task, status) in self.statuses.clone() {
            let Status::Fresh(outputs) = status else { continue };
            if outputs.iter().any(|(name, digest)| is_needed(name) && !store.has(digest)) {
                self.statuses.insert(task, Status::Remade(outputs));
            }
        }
        self.mark_what_must_be_remade(store);
    }

    fn status(&mut self, task: Task, sources: &Sources, store: &dyn Store) -> Status {
        if let Some(reason) = self.blocked(task, sources) {
            return Status::Blocked(reason);
        }
        let is_known = |task: &Task| matches!(self.statuses.get(task), Some(Status::Fresh(_)));
        if let Some(stale) = self.tasks.upstream(task).into_iter().find(|task| !is_known(task)) {
            return Status::Waiting(format!("for `{}`", self.tasks.step(stale).name));
        }
        let Some(recipe) = self.tasks.recipe(task, sources, &self.known) else {
            return Status::Blocked("an input of it is missing".to_owned());
        };
        if let Some(outputs) = store.recall(&recipe.key()) {
            return Status::Fresh(outputs);
        }
        if !self.stale_keys.insert(recipe.key()) {
            return Status::Waiting("for the same work on another clip".to_owned());
        }
        Status::Stale(match store.last_recipe(&self.tasks.name(task)) {
            Some(last) => Reason::Changed(recipe.differences_from(&last)),
            None => Reason::New,
        })
    }

    /// Why a task cannot run because of its clip's source. A dataset-wide task waits for its clips instead.
    fn blocked(&self, task: Task, sources: &Sources) -> Option<String> {
        let source = &self.tasks.manifest.clips[task.clip?].source;
        match sources.0.get(source) {
            Some(Observed::Unusable(error)) => Some(error.to_string()),
            _ => None,
        }
    }

    /// Walks from the last task to the first: whoever may run needs its inputs at hand.
    fn mark_what_must_be_remade(&mut self, store: &dyn Store) {
        for task in self.tasks.all().collect::<Vec<_>>().into_iter().rev() {
            let runs = match &self.statuses[&task] {
                Status::Stale(_) | Status::Waiting(_) | Status::Remade(_) => true,
                Status::Fresh(_) | Status::Blocked(_) => false,
            };
            if runs {
                self.mark_absent_inputs(task, store);
            }
        }
    }

    fn mark_absent_inputs(&mut self, task: Task, store: &dyn Store) {
        for need in self.tasks.needs(task, &self.known) {
            let Need::Output(name, producer) = need else { continue };
            let Some(Status::Fresh(outputs)) = self.statuses.get(&producer) else { continue };
            if outputs.get(name).is_some_and(|digest| !store.has(digest)) {
                let outputs = outputs.clone();
                self.statuses.insert(producer, Status::Remade(outputs));
            }
        }
    }
}

impl Status {
    /// The one word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Fresh(_) => "fresh",
            Self::Remade(_) => "remade",
            Self::Stale(_) => "stale",
            Self::Waiting(_) => "waiting",
            Self::Blocked(_) => "blocked",
        }
    }

    /// Why, in words; empty where the word says it all.
    pub fn why(&self) -> String {
        match self {
            Self::Fresh(_) => String::new(),
            Self::Remade(_) => "the cache no longer has its value".to_owned(),
            Self::Stale(reason) => reason.to_string(),
            Self::Waiting(why) | Self::Blocked(why) => why.clone(),
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
