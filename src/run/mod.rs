//! Making it happen: what is stale runs, on all cores, and one bad clip stops nobody else.

mod executor;
mod fetch;

pub use executor::{Executor, Local};
pub use fetch::{Roots, digest_of_source, file_digest, observe, probe, stat_of};

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rayon::Scope;

use crate::error::{Error, Kind, Result};
use crate::plan::{Need, Observed, Plan, Results, Sources, Status, Task, Tasks};
use crate::stages::{Context, Input, Inputs};
use crate::store::{Digest, OutputDigests, Recipe, Stat, Store};

/// The outputs that tables are made of; audio is not among them.
pub const OUTPUTS_OF_TABLES: [&str; 5] = ["ranges", "measures", "spans", "features", "rows"];

/// What a run works with.
pub struct Setting<'a> {
    /// What the sources hold.
    pub sources: &'a Sources,
    /// Where the sources lie.
    pub roots: &'a Roots,
    /// What is remembered.
    pub store: &'a dyn Store,
    /// Who carries tasks out.
    pub executor: &'a dyn Executor,
    /// Becomes true when the user wants to stop.
    pub cancelled: &'a AtomicBool,
    /// Whether dataset-wide tasks go on without the clips that failed.
    pub allow_failed: bool,
    /// Whether tables will be written after the run: then what they are made of must be at hand.
    pub for_tables: bool,
    /// Hears what happens, from any thread.
    pub listener: &'a (dyn Fn(&Event) + Sync),
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// This many tasks will be looked at, by name of their step.
    Began(Vec<(String, usize)>),
    /// A task is done, one way or another.
    Done {
        /// Its step.
        step: String,
        /// How.
        how: How,
        /// How long it took.
        took: Duration,
    },
    /// Something that the user should know.
    Warned(String),
}

/// How a task was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It ran.
    Ran,
    /// Its result was known.
    Recalled,
    /// It failed.
    Failed,
    /// Something that it reads failed.
    Skipped,
}

/// What a run came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The outputs of what succeeded.
    pub results: Results,
    /// What failed, first cause only: by task.
    pub failures: BTreeMap<Task, Error>,
    /// The tasks that ran, by name; a value remade for another task is among them.
    pub ran: Vec<String>,
    /// How many tasks were recalled.
    pub n_recalled: usize,
    /// How many tasks were skipped because something that they read failed.
    pub n_skipped: usize,
}

/// Carries out the tasks of `plan` that `is_selected` names, and no others.
///
/// # Errors
/// When the user interrupted it, or the store fails. A failing task is no error here: see [`Outcome::failures`].
pub fn run(plan: &Plan, setting: &Setting, is_selected: impl Fn(Task) -> bool) -> Result<Outcome> {
    let selected: Vec<Task> = plan.tasks.all().filter(|task| is_selected(*task)).collect();
    let run = Run::new(plan, setting, selected);
    (setting.listener)(&Event::Began(run.n_per_step()));
    rayon::scope(|scope| {
        for index in run.ready_at_once() {
            run.start(scope, index);
        }
    });
    let state = run.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    match state.broken {
        Some(error) => Err(error),
        None => Ok(state.outcome),
    }
}

/// A run on its way.
struct Run<'a> {
    plan: &'a Plan<'a>,
    tasks: &'a Tasks<'a>,
    setting: &'a Setting<'a>,
    selected: Vec<Task>,
    /// For each selected task, how many of those before it are not done yet.
    n_missing: Vec<AtomicUsize>,
    /// For each selected task, those that wait for it.
    waiting: Vec<Vec<usize>>,
    state: Mutex<State>,
    /// One value is remade at a time: whoever comes second finds it made.
    remaking: Mutex<()>,
}

#[derive(Default)]
struct State {
    outcome: Outcome,
    /// What ends the whole run: the user, or the store.
    broken: Option<Error>,
}

/// Something that a task reads, found.
enum Read {
    Source(usize),
    Value(Value),
}

/// An output of a task that is done.
struct Value {
    name: &'static str,
    producer: Task,
    digest: Digest,
}

/// A source that is about to be read, and what it was then.
struct OpenSource {
    name: String,
    path: PathBuf,
    stat: Stat,
}

/// What a task came to when it was looked at.
enum Done {
    Ran(OutputDigests),
    Recalled(OutputDigests),
    Skipped,
}

impl<'a> Run<'a> {
    fn new(plan: &'a Plan<'a>, setting: &'a Setting<'a>, selected: Vec<Task>) -> Self {
        let indices: BTreeMap<Task, usize> =
            selected.iter().enumerate().map(|(index, task)| (*task, index)).collect();
        let mut waiting = vec![Vec::new(); selected.len()];
        let mut n_missing = Vec::with_capacity(selected.len());
        for (index, task) in selected.iter().enumerate() {
            let upstream: Vec<usize> =
                plan.tasks.upstream(*task).iter().filter_map(|task| indices.get(task).copied()).collect();
            upstream.iter().for_each(|before| waiting[*before].push(index));
            n_missing.push(AtomicUsize::new(upstream.len()));
        }
        Self {
            plan,
            tasks: &plan.tasks,
            setting,
            selected,
            n_missing,
            waiting,
            state: Mutex::new(State::default()),
            remaking: Mutex::new(()),
        }
    }

    fn n_per_step(&self) -> Vec<(String, usize)> {
        let steps = self.tasks.steps.iter().enumerate();
        let counted = steps.map(|(index, step)| {
            (step.name.clone(), self.selected.iter().filter(|task| task.step == index).count())
        });
        counted.filter(|(_, n)| *n > 0).collect()
    }

    fn ready_at_once(&self) -> Vec<usize> {
        let is_ready = |index: &usize| self.n_missing[*index].load(Ordering::Relaxed) == 0;
        (0..self.selected.len()).filter(is_ready).collect()
    }

    fn start<'s>(&'s self, scope: &Scope<'s>, index: usize) {
        scope.spawn(move |scope| {
            self.look_at(self.selected[index]);
            for after in &self.waiting[index] {
                if self.n_missing[*after].fetch_sub(1, Ordering::AcqRel) == 1 {
                    self.start(scope, *after);
                }
            }
        });
    }

    fn look_at(&self, task: Task) {
        if self.state().broken.is_some() {
            return;
        }
        let began = Instant::now();
        let how = match self.carry_out(task) {
            Ok(done) => self.note(task, done),
            Err(error) => self.note_failure(task, error),
        };
        let step = self.tasks.step(task).name.clone();
        (self.setting.listener)(&Event::Done { step, how, took: began.elapsed() });
    }

    fn note(&self, task: Task, done: Done) -> How {
        let mut state = self.state();
        let (how, outputs) = match done {
            Done::Ran(outputs) => (How::Ran, outputs),
            Done::Recalled(outputs) => {
                state.outcome.n_recalled += 1;
                (How::Recalled, outputs)
            }
            Done::Skipped => {
                state.outcome.n_skipped += 1;
                return How::Skipped;
            }
        };
        let step = self.tasks.step(task).name.clone();
        state.outcome.results.outputs.insert((step, task.clip), outputs);
        how
    }

    fn note_failure(&self, task: Task, error: Error) -> How {
        let mut state = self.state();
        if error.kind == Kind::Interrupted {
            state.broken = Some(error);
        } else {
            state.outcome.failures.insert(task, error);
        }
        How::Failed
    }

    /// Recalls a task's result, or makes it.
    fn carry_out(&self, task: Task) -> Result<Done> {
        if let Some(Status::Blocked(_)) = self.plan.statuses.get(&task) {
            return self.blocked(task);
        }
        let Some((recipe, reads)) = self.recipe(task) else { return Ok(Done::Skipped) };
        let name = self.tasks.name(task);
        let done = match self.setting.store.recall(&recipe.key()) {
            Some(outputs) => Done::Recalled(self.kept_at_hand(task, outputs)?),
            None => Done::Ran(self.make(task, &reads, &|value| self.value(value))?),
        };
        if let Done::Ran(outputs) | Done::Recalled(outputs) = &done {
            self.setting.store.remember(&name, &recipe, outputs)?;
        }
        Ok(done)
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

    /// Makes those outputs of a recalled task again that must be at hand, and are not.
    fn kept_at_hand(&self, task: Task, outputs: OutputDigests) -> Result<OutputDigests> {
        for name in OUTPUTS_OF_TABLES {
            if let Some(digest) = outputs.get(name).copied().filter(|_| self.setting.for_tables) {
                self.value(&Value { name, producer: task, digest })?;
            }
        }
        Ok(outputs)
    }

    /// Runs a task's stage on what `value_of` brings, and keeps its outputs.
    fn make(
        &self,
        task: Task,
        reads: &[Read],
        value_of: &dyn Fn(&Value) -> Result<Input>,
    ) -> Result<OutputDigests> {
        let context = Context::new(self.setting.cancelled);
        context.check()?;
        let mut inputs = Inputs::default();
        let mut source = None;
        for read in reads {
            match read {
                Read::Source(clip) => {
                    let open = self.open_source(&self.tasks.manifest.clips[*clip].source)?;
                    inputs.push("source", Input::file(open.path.clone()));
                    source = Some(open);
                }
                Read::Value(value) => inputs.push(value.name, value_of(value)?),
            }
        }
        let outputs = self.setting.executor.execute(self.tasks.stage(task), &inputs, &context)?;
        source.map_or(Ok(()), |source| source.check_unchanged())?;
        let mut digests = OutputDigests::new();
        for (name, bytes) in outputs {
            digests.insert(name.to_owned(), self.setting.store.write(&bytes)?);
        }
        self.state().outcome.ran.push(self.tasks.name(task));
        Ok(digests)
    }

    fn open_source(&self, source: &str) -> Result<OpenSource> {
        match self.setting.sources.0.get(source) {
            Some(Observed::Here(digest)) => {
                let open = OpenSource::new(source, self.setting.roots.resolve(source)?)?;
                // Somebody may have written to it since it was looked at.
                match file_digest(source, &open.path, self.setting.store)? == *digest {
                    true => Ok(open),
                    false => Err(open.changed()),
                }
            }
            Some(Observed::Unusable(error)) => Err(error.clone()),
            _ => Err(Error::cannot_read(source, "no such file").hint(
                "the lock knows this source, but a stale step has to read it: bring the recording back",
            )),
        }
    }

    /// A value; where the cache no longer has it, it is made again.
    fn value(&self, value: &Value) -> Result<Input> {
        if let Some(input) = self.setting.store.read(&value.digest)? {
            return Ok(input);
        }
        let _one_at_a_time = self.remaking.lock().unwrap_or_else(PoisonError::into_inner);
        self.value_or_remade(value)
    }

    fn value_or_remade(&self, value: &Value) -> Result<Input> {
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
        let made = self.make(value.producer, &reads, &|value| self.value_or_remade(value))?;
        if made.get(value.name) != Some(&value.digest) {
            return Err(Error::differs(format!(
                "`{}` of `{task}` came out differently than recorded",
                value.name
            ))
            .hint("the stage is not deterministic on this machine: please report this"));
        }
        let input = self.setting.store.read(&value.digest)?;
        input.ok_or_else(|| Error::cannot_read(task, "it vanished from the cache"))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenSource {
    fn new(name: &str, path: PathBuf) -> Result<Self> {
        let stat = stat_of(&path).map_err(|cause| Error::cannot_read(name, cause))?;
        Ok(Self { name: name.to_owned(), path, stat })
    }

    fn check_unchanged(&self) -> Result<()> {
        match stat_of(&self.path) {
            Ok(stat) if stat == self.stat => Ok(()),
            _ => Err(self.changed()),
        }
    }

    fn changed(&self) -> Error {
        Error::world(format!("cannot read `{}`: it changed while the build ran", self.name))
            .hint("build again")
    }
}
