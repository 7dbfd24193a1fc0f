//! The work on one task: recall its result, or make it from its inputs, which are made again where they are lost.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::fetch::{self, OpenSource};
use super::imports::{self, Imports};
use super::{Event, How, OUTPUTS_OF_TABLES, Outcome, Setting, maps, memory, weights};
use crate::error::{Error, Kind, Result};
use crate::plan::{Found, Gatekeeper, Need, Observed, Plan, Results, Status, Task, Tasks};
use crate::stages::{Context, Input, Inputs};
use crate::store::{Digest, Key, OutputDigests};

/// The work of a run, and what it came to so far.
pub(super) struct Work<'a, 's> {
    pub(super) tasks: &'a Tasks<'s>,
    plan: &'a Plan<'s>,
    setting: &'a Setting<'a>,
    imports: Imports,
    state: Mutex<State<'s>>,
}

struct State<'s> {
    outcome: Outcome<'s>,
    /// Whether the ledger is of what this run came to.
    has_stock: bool,
    /// Whether the user wants to stop.
    interrupted: bool,
}

/// A task, looked at.
pub(super) enum Prepared {
    /// It need not be made.
    Done(Done),
    /// It must be made, of this.
    ToMake(Key, Vec<Found>),
}

/// What a task came to.
pub(super) enum Done {
    Ran(Key, OutputDigests),
    Recalled(Key, OutputDigests),
    Skipped,
}

impl<'a, 's> Work<'a, 's> {
    pub(super) fn new(plan: &'a Plan<'s>, setting: &'a Setting<'a>) -> Self {
        let outcome = Outcome::of(plan.known.clone());
        let state = State { outcome, has_stock: false, interrupted: false };
        let state = Mutex::new(state);
        Self { tasks: &plan.tasks, plan, setting, imports: Imports::default(), state }
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
        if task.clip.is_none() {
            self.take_stock()?;
        }
        if self.tasks.is_judged(task) && !self.is_judged()? {
            return Ok(Prepared::Done(Done::Skipped));
        }
        let Some(found) = self.found(task) else { return Ok(Prepared::Done(Done::Skipped)) };
        let key = self.tasks.key(task, found.iter().copied());
        let Some(outputs) = self.setting.store.recall(&key) else { return Ok(Prepared::ToMake(key, found)) };
        self.bring_what_tables_need(task, &outputs)?;
        Ok(Prepared::Done(Done::Recalled(key, outputs)))
    }

    /// How many bytes a task that reads this is expected to need.
    pub(super) fn bytes_needed(&self, found: &[Found]) -> u64 {
        let needs = found.iter().map(|(need, digest)| match need {
            Need::Source(clip) => self.bytes_to_normalize(*clip),
            // They are in memory with those of all clips.
            Need::Vectors(_) | Need::Weights(_) => 0,
            Need::Output(name, _) => {
                let n_bytes = self.setting.store.length(digest).unwrap_or(0);
                let is_master = *name == "audio";
                n_bytes * if is_master { memory::PER_BYTE_OF_MASTER } else { memory::PER_BYTE_OF_VALUE }
            }
            Need::Map(task) => self.bytes_to_place(*task),
            Need::Said(_) => 0,
        });
        needs.fold(0, u64::saturating_add)
    }

    /// How many bytes it takes to place rows on a map, as far as the size of its file tells.
    fn bytes_to_place(&self, task: Task) -> u64 {
        let file = self.tasks.map(task).and_then(|file| self.setting.sources.files.get(file));
        match file {
            Some(Observed::Here(record)) => record.stat.size.saturating_mul(memory::PER_BYTE_OF_MAP),
            _ => 0,
        }
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
    pub(super) fn make(&self, task: Task, key: Key, found: &[Found]) -> Result<Done> {
        let outputs = self.outputs(task, found)?;
        let recipe = self.tasks.recipe(task, found.iter().copied());
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
        match task.clip.and_then(|clip| self.setting.sources.clips.get(clip)) {
            Some(Observed::Unusable(error)) if self.tasks.upstream(task).is_empty() => Err(error.clone()),
            _ => Ok(Done::Skipped),
        }
    }

    /// What a task reads; nothing where something upstream failed.
    fn found(&self, task: Task) -> Option<Vec<Found>> {
        let results = &self.state().outcome.results;
        if !self.has_its_inputs(task, results) {
            return None;
        }
        self.tasks.found(task, self.setting.sources, results)
    }

    /// Whether everything upstream succeeded: of the clip, or of every clip that may not be left out.
    fn has_its_inputs(&self, task: Task, results: &Results) -> bool {
        let mut upstream = self.tasks.upstream(task).into_iter();
        match task.clip {
            None if self.setting.allow_failed => upstream.any(|before| results.has(before)),
            _ => upstream.all(|before| results.has(before)),
        }
    }

    /// Lets the gatekeeper take something down in the results; whether it could. Two tasks may ask at the same time: that
    /// costs time only, and a lock held while values are made again could wait for itself.
    fn ask_the_gate(&self, ask: fn(&Gatekeeper, &mut Results) -> Result<bool>) -> Result<bool> {
        let mut results = self.state().outcome.results.clone();
        let read = |producer, name, digest: &Digest| self.value(name, producer, digest).map(Some);
        let (sources, store) = (self.setting.sources, self.setting.store);
        let could = ask(&Gatekeeper { tasks: self.tasks, sources, store, read: &read }, &mut results)?;
        self.state().outcome.results.take_from_gate(&results);
        Ok(could)
    }

    /// Whether the gate knows which clips take part.
    fn is_judged(&self) -> Result<bool> {
        let is_judged = self.state().outcome.results.verdicts().is_some();
        Ok(is_judged || self.ask_the_gate(|gate, results| gate.judge(results))?)
    }

    /// A task that sees many clips does not look them up one by one.
    fn take_stock(&self) -> Result<()> {
        if !self.state().has_stock {
            let has_stock = self.ask_the_gate(|gate, results| gate.take_stock(results))?;
            self.state().has_stock = has_stock;
        }
        Ok(())
    }

    fn bring_what_tables_need(&self, task: Task, outputs: &OutputDigests) -> Result<()> {
        for name in OUTPUTS_OF_TABLES.iter().filter(|_| self.setting.for_tables) {
            if let Some(digest) = outputs.get(name).copied() {
                self.value(name, task, &digest)?;
            }
        }
        Ok(())
    }

    /// Runs a task's stage and keeps its outputs.
    fn outputs(&self, task: Task, found: &[Found]) -> Result<OutputDigests> {
        let name = &self.tasks.step(task).name;
        let report = |share| (self.setting.listener)(&Event::Progressed { step: name.clone(), share });
        let context = Context::new(self.setting.cancelled);
        let context = if task.clip.is_none() { context.reporting(&report) } else { context };
        context.check()?;
        let mut inputs = Inputs::default();
        let mut opened = Vec::new();
        for (need, digest) in found {
            match need {
                Need::Source(clip) => {
                    let open = self.open_source(*clip)?;
                    inputs.push(need.input(), open.input());
                    opened.push(open);
                }
                Need::Output(name, producer) => {
                    let value = self.value(name, *producer, digest)?;
                    // What all clips came to would take too much memory at one time.
                    let later = self.setting.store.later(digest).filter(|_| task.clip.is_none());
                    inputs.push(name, later.unwrap_or(value));
                }
                Need::Vectors(task) => inputs.push(need.input(), self.vectors(*task, digest)?),
                Need::Map(task) => inputs.push(need.input(), self.map(*task)?),
                Need::Weights(step) => {
                    let (weights, files) = self.weights(*step)?;
                    inputs.push(need.input(), weights);
                    files.iter().for_each(|file| inputs.push("files", file.input()));
                    opened.extend(files);
                }
                Need::Said(task) => inputs.push(need.input(), self.said(*task)),
            }
        }
        let outputs = self.setting.executor.execute(self.tasks.stage(task), &inputs, &context);
        let outputs = opened.iter().fold(outputs, |outputs, file| file.settle(outputs));
        let outputs = outputs.map_err(|error| self.naming_the_clip(error, found))?;
        let outputs = match self.setting.settle {
            Some(settle) => settle(self.tasks, task, outputs)?,
            None => outputs,
        };
        let digests = self.setting.store.keep(&outputs)?;
        self.state().outcome.ran.insert(task);
        Ok(digests)
    }

    /// The error with the id of the clip whose value is at fault, if it is one's.
    fn naming_the_clip(&self, mut error: Error, found: &[Found]) -> Error {
        let values = found.iter().filter_map(|(need, _)| match need {
            Need::Output(_, producer) => producer.clip,
            Need::Source(_) | Need::Vectors(_) | Need::Map(_) | Need::Weights(_) | Need::Said(_) => None,
        });
        if let Some(clip) = error.input.take().and_then(|input| values.into_iter().nth(input)) {
            let id = crate::text::printable(&self.tasks.manifest.clips[clip].id);
            error.message = format!("{} (clip `{id}`)", error.message);
        }
        error
    }

    /// What the manifest says of the clips whose values a task reads.
    fn said(&self, task: Task) -> Input {
        let truth = self.tasks.truth(task, self.setting.sources, &self.state().outcome.results);
        Input::bytes(truth.unwrap_or_default().to_bytes())
    }

    fn open_source(&self, clip: usize) -> Result<OpenSource> {
        let source = &self.tasks.manifest.clips[clip].source;
        match self.setting.sources.clips.get(clip) {
            Some(Observed::Here(record)) => {
                OpenSource::open(source, &record.digest, self.setting.roots, self.setting.store)
            }
            Some(Observed::Unusable(error)) => Err(error.clone()),
            _ => Err(Error::cannot_read(source, "no such file").hint(
                "the lock knows this source, but a stale step has to read it: bring the recording back",
            )),
        }
    }

    /// What a step's weights are, and their files.
    fn weights(&self, step: usize) -> Result<(Input, Vec<OpenSource>)> {
        let Setting { sources, roots, store, .. } = *self.setting;
        let name = &self.tasks.steps[step].name;
        let seen = name.strip_prefix("embed.").and_then(|name| sources.weights.get(name));
        let seen = seen
            .ok_or_else(|| Error::world(format!("cannot make `{name}`: its weights were not looked at")))?;
        weights::inputs_of(seen, sources, roots, store)
    }

    /// The vectors that a step imports for a clip.
    fn vectors(&self, task: Task, digest: &Digest) -> Result<Input> {
        let Setting { sources, roots, store, .. } = *self.setting;
        let name = &self.tasks.step(task).name;
        let mut imports = imports::imports(self.tasks.manifest);
        let import = imports.find(|(embed, ..)| name.strip_prefix("embed.") == Some(*embed));
        let clip = task.clip.map(|clip| self.tasks.manifest.clips[clip].id.as_str());
        match (import, clip) {
            (Some(import), Some(clip)) => {
                self.imports.of_clip(import, (clip, *digest), (sources, roots, store))
            }
            _ => Err(Error::world(format!("cannot make `{}`: it imports nothing", self.tasks.name(task)))),
        }
    }

    /// The map that a task places rows on.
    fn map(&self, task: Task) -> Result<Input> {
        let Setting { sources, roots, store, .. } = *self.setting;
        match self.tasks.map(task) {
            Some(file) => maps::map(file, sources, roots, store),
            None => Err(Error::world(format!("cannot make `{}`: it has no map", self.tasks.name(task)))),
        }
    }

    /// A value; where the cache no longer has it, it is made again. Two tasks may make the same one at the same
    /// time: that costs time only, and a lock held while a stage uses the threads could wait for itself.
    fn value(&self, name: &str, producer: Task, digest: &Digest) -> Result<Input> {
        match self.setting.store.read(digest)? {
            Some(input) => Ok(input),
            None => self.remake(name, producer, digest),
        }
    }

    fn remake(&self, name: &str, producer: Task, digest: &Digest) -> Result<Input> {
        let task = self.tasks.name(producer);
        if *self.plan.status(producer) != Status::Remade {
            let warning = format!("the cache lost or damaged `{name}` of `{task}`: making it again");
            (self.setting.listener)(&Event::Warned(warning));
        }
        let found = self.tasks.found(producer, self.setting.sources, &self.state().outcome.results);
        let inputs_failed = || Error::world(format!("cannot make `{task}`: its inputs failed"));
        let made = self.outputs(producer, &found.ok_or_else(inputs_failed)?)?;
        if made.get(name) != Some(digest) {
            let message = format!("`{name}` of `{task}` came out differently than recorded");
            return Err(
                Error::differs(message).hint("the stage is not deterministic here: please report this")
            );
        }
        let input = self.setting.store.read(digest)?;
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
