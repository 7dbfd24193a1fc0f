//! The work on one task: recall its result, or make it from its inputs, which are made again where they are lost.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::fetch::{self, OpenSource};
use super::{Event, How, OUTPUTS_OF_TABLES, Outcome, Setting, memory};
use crate::error::{Error, Kind, Result};
use crate::plan::{Need, Observed, Plan, Results, Status, Task, Tasks, Verdicts};
use crate::stages::{Context, Input, Inputs};
use crate::store::{Digest, Key, OutputDigests};

/// The work of a run, and what it came to so far.
pub(super) struct Work<'a, 's> {
    pub(super) tasks: &'a Tasks<'s>,
    plan: &'a Plan<'s>,
    setting: &'a Setting<'a>,
    state: Mutex<State<'s>>,
}

struct State<'s> {
    outcome: Outcome<'s>,
    /// Whether the user wants to stop.
    interrupted: bool,
}

/// A task, looked at.
pub(super) enum Prepared {
    /// It need not be made.
    Done(Done),
    /// It must be made, of this.
    ToMake(Key, Vec<Read>),
}

/// What a task came to.
pub(super) enum Done {
    Ran(Key, OutputDigests),
    Recalled(Key, OutputDigests),
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

impl<'a, 's> Work<'a, 's> {
    pub(super) fn new(plan: &'a Plan<'s>, setting: &'a Setting<'a>) -> Self {
        let outcome = Outcome::of(plan.known.clone());
        Self { tasks: &plan.tasks, plan, setting, state: Mutex::new(State { outcome, interrupted: false }) }
    }

    /// Whether nothing more shall be started.
    pub(super) fn is_over(&self) -> bool {
        self.state().interrupted
    }

    /// What all came to.
    pub(super) fn finish(self) -> Result<Outcome<'s>> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        if state.interrupted { Err(Error::interrupted()) } else { Ok(state.outcome) }
    }

    /// Recalls a task's result, or finds what it must be made of.
    pub(super) fn prepare(&self, task: Task) -> Result<Prepared> {
        if let Status::Blocked(_) = self.plan.status(task) {
            return self.blocked(task).map(Prepared::Done);
        }
        if self.tasks.is_judged(task) && !self.is_judged()? {
            return Ok(Prepared::Done(Done::Skipped));
        }
        let Some(key) = self.key(task) else { return Ok(Prepared::Done(Done::Skipped)) };
        let Some(outputs) = self.setting.store.recall(&key) else {
            let reads = self.reads(task)?;
            return Ok(Prepared::ToMake(key, reads));
        };
        self.bring_what_tables_need(task, &outputs)?;
        Ok(Prepared::Done(Done::Recalled(key, outputs)))
    }

    /// How many bytes a task that reads this is expected to need.
    pub(super) fn bytes_needed(&self, reads: &[Read]) -> u64 {
        let needs = reads.iter().map(|read| match read {
            Read::Source(clip) => self.bytes_to_normalize(*clip),
            Read::Value(value) => {
                let n_bytes = self.setting.store.length(&value.digest).unwrap_or(0);
                let is_master = value.name == "audio";
                n_bytes * if is_master { memory::PER_BYTE_OF_MASTER } else { memory::PER_BYTE_OF_VALUE }
            }
        });
        needs.fold(0, u64::saturating_add)
    }

    /// How many bytes it takes to normalize a clip, as far as the headers of its source tell.
    fn bytes_to_normalize(&self, clip: usize) -> u64 {
        let (manifest, clip) = (self.tasks.manifest, &self.tasks.manifest.clips[clip]);
        let Ok(probe) = fetch::probe(self.setting.roots, &clip.source) else { return 0 };
        let ranges: f64 = clip.ranges.iter().map(|range| range.end - range.start).sum();
        let seconds = if clip.ranges.is_empty() { probe.duration_s.unwrap_or(0.0) } else { ranges };
        let n_channels = f64::from(probe.layout.channels());
        let n_decoded = seconds * f64::from(probe.sample_rate) * n_channels;
        let n_made = seconds * manifest.normalize.samples_a_second(probe.sample_rate, n_channels);
        (n_decoded * memory::PER_SAMPLE_OF_SOURCE + n_made * memory::PER_SAMPLE_OF_MASTER) as u64
    }

    /// Makes a task's outputs, and remembers them.
    pub(super) fn make(&self, task: Task, key: Key, reads: &[Read]) -> Result<Done> {
        let outputs = self.outputs(task, reads)?;
        let recipe = self.tasks.recipe(task, self.setting.sources, &self.state().outcome.results);
        let recipe = recipe.ok_or_else(|| self.inputs_failed(task))?;
        self.setting.store.remember(&recipe, &outputs)?;
        Ok(Done::Ran(key, outputs))
    }

    /// Takes down what a task came to, and tells the listener.
    pub(super) fn note(&self, task: Task, done: Result<Done>, took: Duration) {
        let how = self.state().note(task, done, took);
        let step = self.tasks.step(task).name.clone();
        (self.setting.listener)(&Event::Done { step, how, took });
    }

    /// The first task of a clip whose source is of no use says why; those after it are only skipped.
    fn blocked(&self, task: Task) -> Result<Done> {
        match task.clip.and_then(|clip| self.setting.sources.0.get(clip)) {
            Some(Observed::Unusable(error)) if self.tasks.upstream(task).is_empty() => Err(error.clone()),
            _ => Ok(Done::Skipped),
        }
    }

    /// The key of a task; none where something upstream failed.
    fn key(&self, task: Task) -> Option<Key> {
        let results = &self.state().outcome.results;
        if !self.has_its_inputs(task, results) {
            return None;
        }
        self.tasks.key(task, self.setting.sources, results)
    }

    /// Whether everything upstream succeeded: of the clip, or of every clip that may not be left out.
    fn has_its_inputs(&self, task: Task, results: &Results) -> bool {
        let mut upstream = self.tasks.upstream(task).into_iter();
        match task.clip {
            None if self.setting.allow_failed => upstream.any(|before| results.has(before)),
            _ => upstream.all(|before| results.has(before)),
        }
    }

    /// Whether the gate knows which clips take part. Two tasks may ask at the same time: that costs time only, and a lock
    /// held while values are made again could wait for itself.
    fn is_judged(&self) -> Result<bool> {
        let results = {
            let state = self.state();
            if state.outcome.results.verdicts().is_some() {
                return Ok(true);
            }
            state.outcome.results.clone()
        };
        let read = |producer, name, digest: &Digest| {
            self.value(&Value { name, producer, digest: *digest }).map(Some)
        };
        let Some(verdicts) = Verdicts::of(self.tasks, &results, self.setting.store, &read)? else {
            return Ok(false);
        };
        self.state().outcome.results.judge(Arc::new(verdicts));
        Ok(true)
    }

    fn reads(&self, task: Task) -> Result<Vec<Read>> {
        let results = &self.state().outcome.results;
        let needs = self.tasks.needs(task, results).into_iter();
        let reads: Option<Vec<Read>> = needs
            .map(|need| match need {
                Need::Source(clip) => Some(Read::Source(clip)),
                Need::Output(name, producer) => {
                    let digest = *results.of_task(producer)?.get(name)?;
                    Some(Read::Value(Value { name, producer, digest }))
                }
            })
            .collect();
        reads.ok_or_else(|| self.inputs_failed(task))
    }

    fn inputs_failed(&self, task: Task) -> Error {
        Error::world(format!("cannot make `{}`: its inputs failed", self.tasks.name(task)))
    }

    fn bring_what_tables_need(&self, task: Task, outputs: &OutputDigests) -> Result<()> {
        for name in OUTPUTS_OF_TABLES.iter().filter(|_| self.setting.for_tables) {
            if let Some(digest) = outputs.get(name).copied() {
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
                    let open = self.open_source(*clip)?;
                    inputs.push("source", open.input());
                    source = Some(open);
                }
                Read::Value(value) => inputs.push(value.name, self.value(value)?),
            }
        }
        let outputs = self.setting.executor.execute(self.tasks.stage(task), &inputs, &context);
        let outputs = match source {
            Some(source) => source.settle(outputs)?,
            None => outputs.map_err(|error| self.naming_the_clip(error, reads))?,
        };
        let digests = self.setting.store.keep(&outputs)?;
        self.state().outcome.ran.insert(task);
        Ok(digests)
    }

    /// The error with the id of the clip whose value is at fault, if it is one's.
    fn naming_the_clip(&self, mut error: Error, reads: &[Read]) -> Error {
        let values = reads.iter().filter_map(|read| match read {
            Read::Value(value) => value.producer.clip,
            Read::Source(_) => None,
        });
        if let Some(clip) = error.input.take().and_then(|input| values.into_iter().nth(input)) {
            let id = crate::text::printable(&self.tasks.manifest.clips[clip].id);
            error.message = format!("{} (clip `{id}`)", error.message);
        }
        error
    }

    fn open_source(&self, clip: usize) -> Result<OpenSource> {
        let source = &self.tasks.manifest.clips[clip].source;
        match self.setting.sources.0.get(clip) {
            Some(Observed::Here(record)) => {
                OpenSource::open(source, &record.digest, self.setting.roots, self.setting.store)
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
        if *self.plan.status(value.producer) != Status::Remade {
            let warning = format!("the cache lost or damaged `{}` of `{task}`: making it again", value.name);
            (self.setting.listener)(&Event::Warned(warning));
        }
        let reads = self.reads(value.producer)?;
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

    fn state(&self) -> MutexGuard<'_, State<'s>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State<'_> {
    fn note(&mut self, task: Task, done: Result<Done>, took: Duration) -> How {
        match done {
            Ok(Done::Ran(key, outputs)) => {
                self.outcome.results.add(task, key, outputs);
                let (n, sum) = self.outcome.took.entry(task.step).or_default();
                *n += 1;
                *sum += took;
                How::Ran
            }
            Ok(Done::Recalled(key, outputs)) => {
                self.outcome.results.add(task, key, outputs);
                self.outcome.n_recalled += 1;
                How::Recalled
            }
            Ok(Done::Skipped) => {
                self.outcome.n_skipped += 1;
                How::Skipped
            }
            Err(error) if error.kind == Kind::Interrupted => {
                self.interrupted = true;
                How::Skipped
            }
            Err(error) => {
                self.outcome.failures.insert(task, error);
                How::Failed
            }
        }
    }
}
