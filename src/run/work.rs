//! The work on one task: recall its result, or make it from its inputs, which are made again where they are lost.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::fetch::OpenSource;
use super::{Event, How, OUTPUTS_OF_TABLES, Outcome, Setting};
use crate::error::{Error, Kind, Result};
use crate::plan::{Need, Observed, Plan, Results, Status, Task, Tasks};
use crate::stages::{Context, Input, Inputs};
use crate::store::{Digest, OutputDigests, Recipe};

/// The work of a run, and what it came to so far.
pub(super) struct Work<'a> {
    pub(super) tasks: &'a Tasks<'a>,
    plan: &'a Plan<'a>,
    setting: &'a Setting<'a>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    outcome: Outcome,
    /// Whether the user wants to stop.
    interrupted: bool,
}

/// A task, looked at.
pub(super) enum Prepared {
    /// It need not be made.
    Done(Done),
    /// It must be made, of this.
    ToMake(Recipe, Vec<Read>),
}

/// What a task came to.
pub(super) enum Done {
    Ran(OutputDigests),
    Recalled(OutputDigests),
    Skipped,
}

/// Something that a task reads, found.
pub(super) enum Read {
    Source(usize),
    Value(Value),
}

/// An output of a task that is done.
pub(super) struct Value {
    name: &'static str,
    producer: Task,
    digest: Digest,
}

impl<'a> Work<'a> {
    pub(super) fn new(plan: &'a Plan<'a>, setting: &'a Setting<'a>) -> Self {
        Self { tasks: &plan.tasks, plan, setting, state: Mutex::new(State::default()) }
    }

    /// Whether nothing more shall be started.
    pub(super) fn is_over(&self) -> bool {
        self.state().interrupted
    }

    /// What all came to.
    pub(super) fn finish(self) -> Result<Outcome> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        if state.interrupted { Err(Error::interrupted()) } else { Ok(state.outcome) }
    }

    /// Recalls a task's result, or finds what it must be made of.
    pub(super) fn prepare(&self, task: Task) -> Result<Prepared> {
        if let Some(Status::Blocked(_)) = self.plan.statuses.get(&task) {
            return self.blocked(task).map(Prepared::Done);
        }
        let Some((recipe, reads)) = self.recipe(task) else { return Ok(Prepared::Done(Done::Skipped)) };
        let Some(outputs) = self.setting.store.recall(&recipe.key()) else {
            return Ok(Prepared::ToMake(recipe, reads));
        };
        self.bring_what_tables_need(task, &outputs)?;
        self.setting.store.remember(&self.tasks.name(task), &recipe, &outputs)?;
        Ok(Prepared::Done(Done::Recalled(outputs)))
    }

    /// Makes a task's outputs, and remembers them.
    pub(super) fn make(&self, task: Task, recipe: &Recipe, reads: &[Read]) -> Result<Done> {
        let outputs = self.outputs(task, reads)?;
        self.setting.store.remember(&self.tasks.name(task), recipe, &outputs)?;
        Ok(Done::Ran(outputs))
    }

    /// Takes down what a task came to, and tells the listener.
    pub(super) fn note(&self, task: Task, done: Result<Done>, took: Duration) {
        let step = self.tasks.step(task).name.clone();
        let how = self.state().note(task, step.clone(), done);
        (self.setting.listener)(&Event::Done { step, how, took });
    }

    /// The first task of a clip whose source is of no use says why; those after it are only skipped.
    fn blocked(&self, task: Task) -> Result<Done> {
        let source = task.clip.map(|clip| &self.tasks.manifest.clips[clip].source);
        match source.and_then(|source| self.setting.sources.0.get(source)) {
            Some(Observed::Unusable(error)) if self.tasks.upstream(task).is_empty() => Err(error.clone()),
            _ => Ok(Done::Skipped),
        }
    }

    /// The recipe of a task and what it reads; none where something upstream failed.
    fn recipe(&self, task: Task) -> Option<(Recipe, Vec<Read>)> {
        let results = &self.state().outcome.results;
        if !self.has_its_inputs(task, results) {
            return None;
        }
        let recipe = self.tasks.recipe(task, self.setting.sources, results)?;
        Some((recipe, self.reads(task, results)?))
    }

    /// Whether everything upstream succeeded: of the clip, or of every clip that may not be left out.
    fn has_its_inputs(&self, task: Task, results: &Results) -> bool {
        let is_there = |before: &Task| results.of(&self.tasks.step(*before).name, before.clip).is_some();
        let mut upstream = self.tasks.upstream(task).into_iter();
        match task.clip {
            None if self.setting.allow_failed => upstream.any(|before| is_there(&before)),
            _ => upstream.all(|before| is_there(&before)),
        }
    }

    fn reads(&self, task: Task, results: &Results) -> Option<Vec<Read>> {
        let needs = self.tasks.needs(task, results).into_iter();
        needs
            .map(|need| match need {
                Need::Source(clip) => Some(Read::Source(clip)),
                Need::Output(name, producer) => {
                    let outputs = results.of(&self.tasks.step(producer).name, producer.clip)?;
                    Some(Read::Value(Value { name, producer, digest: *outputs.get(name)? }))
                }
            })
            .collect()
    }

    fn bring_what_tables_need(&self, task: Task, outputs: &OutputDigests) -> Result<()> {
        for name in OUTPUTS_OF_TABLES.iter().filter(|_| self.setting.for_tables) {
            if let Some(digest) = outputs.get(*name).copied() {
                self.value(&Value { name, producer: task, digest })?;
            }
        }
        Ok(())
    }

    /// Runs a task's stage and keeps its outputs.
    fn outputs(&self, task: Task, reads: &[Read]) -> Result<OutputDigests> {
        let context = Context::new(self.setting.cancelled);
        context.check()?;
        let mut inputs = Inputs::default();
        let mut source = None;
        for read in reads {
            match read {
                Read::Source(clip) => {
                    let open = self.open_source(&self.tasks.manifest.clips[*clip].source)?;
                    inputs.push("source", open.input());
                    source = Some(open);
                }
                Read::Value(value) => inputs.push(value.name, self.value(value)?),
            }
        }
        let outputs = self.setting.executor.execute(self.tasks.stage(task), &inputs, &context);
        let outputs = match source {
            Some(source) => source.settle(outputs)?,
            None => outputs?,
        };
        let mut digests = OutputDigests::new();
        for (name, bytes) in outputs {
            digests.insert(name.to_owned(), self.setting.store.write(&bytes)?);
        }
        self.state().outcome.ran.insert(self.tasks.name(task));
        Ok(digests)
    }

    fn open_source(&self, source: &str) -> Result<OpenSource> {
        match self.setting.sources.0.get(source) {
            Some(Observed::Here(digest)) => {
                OpenSource::open(source, digest, self.setting.roots, self.setting.store)
            }
            Some(Observed::Unusable(error)) => Err(error.clone()),
            _ => Err(Error::cannot_read(source, "no such file").hint(
                "the lock knows this source, but a stale step has to read it: bring the recording back",
            )),
        }
    }

    /// A value; where the cache no longer has it, it is made again. Two tasks may make the same one at the same
    /// time: that costs time only, and a lock held while a stage uses the threads could wait for itself.
    fn value(&self, value: &Value) -> Result<Input> {
        match self.setting.store.read(&value.digest)? {
            Some(input) => Ok(input),
            None => self.remake(value),
        }
    }

    fn remake(&self, value: &Value) -> Result<Input> {
        let task = self.tasks.name(value.producer);
        if !matches!(self.plan.statuses.get(&value.producer), Some(Status::Remade(_))) {
            let warning = format!("the cache lost or damaged `{}` of `{task}`: making it again", value.name);
            (self.setting.listener)(&Event::Warned(warning));
        }
        let reads = self.reads(value.producer, &self.state().outcome.results);
        let reads =
            reads.ok_or_else(|| Error::world(format!("cannot make `{task}` again: its inputs failed")))?;
        let made = self.outputs(value.producer, &reads)?;
        if made.get(value.name) != Some(&value.digest) {
            let message = format!("`{}` of `{task}` came out differently than recorded", value.name);
            return Err(
                Error::differs(message).hint("the stage is not deterministic here: please report this")
            );
        }
        let input = self.setting.store.read(&value.digest)?;
        input.ok_or_else(|| Error::cannot_read(task, "it vanished from the cache"))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn note(&mut self, task: Task, step: String, done: Result<Done>) -> How {
        let (how, outputs) = match done {
            Ok(Done::Ran(outputs)) => (How::Ran, outputs),
            Ok(Done::Recalled(outputs)) => {
                self.outcome.n_recalled += 1;
                (How::Recalled, outputs)
            }
            Ok(Done::Skipped) => {
                self.outcome.n_skipped += 1;
                return How::Skipped;
            }
            Err(error) if error.kind == Kind::Interrupted => {
                self.interrupted = true;
                return How::Skipped;
            }
            Err(error) => {
                self.outcome.failures.insert(task, error);
                return How::Failed;
            }
        };
        self.outcome.results.outputs.insert((step, task.clip), outputs);
        how
    }
}
