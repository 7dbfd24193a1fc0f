//! Making it happen: what is stale runs, on all cores, and one bad clip stops nobody else.

mod clip_tables;
mod executor;
mod fetch;
mod imports;
mod map_file;
mod maps;
mod memory;
mod roots;
mod schedule;
mod vectors;
mod weights;
mod work;

#[cfg(test)]
mod tests;

pub use clip_tables::{matching_tables, open_tables};
pub use executor::{Executor, Local};
pub use fetch::{
    Seen, digest_of_source, file_digest, file_record, files_below, observe, plain, probe, stat_of, still,
    tags,
};
pub use imports::{
    Misfits, Strangers, files_of, imports, keys_of_imports, misfits, observe_files, strangers,
};
pub use map_file::{MapFile, write_map};
pub use maps::read_map;
pub use roots::{Roots, revisions_in_hub};
pub use weights::{files_of_model, keys_of_weights, observe_weights, size_and_sha256, weights};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::plan::{Gatekeeper, Plan, Results, Sources, Task, Tasks};
use crate::stages::Outputs;
use crate::store::Store;

use schedule::Schedule;
use work::Work;

/// The outputs that tables are made of; audio is not among them.
pub const OUTPUTS_OF_TABLES: [&str; 8] =
    ["ranges", "measures", "pairs", "spans", "marks", "features", "rows", "evaluation"];

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
    /// How many bytes the tasks that run at one time may need together, as far as that can be foreseen.
    pub memory: Option<u64>,
    /// Whether tables will be written after the run: then what they are made of must be at hand.
    pub for_tables: bool,
    /// What becomes of the outputs of a task: where something recorded is verified, that may stand in their stead.
    pub settle: Option<Settle<'a>>,
    /// Hears what happens, from any thread.
    pub listener: &'a (dyn Fn(&Event) + Sync),
}

/// Takes the outputs of a task that ran, and gives what it came to.
pub type Settle<'a> = &'a (dyn Fn(&Tasks, Task, Outputs) -> Result<Outputs> + Sync);

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// These tasks will be looked at.
    Began(Vec<Expected>),
    /// A task is done, one way or another.
    Done {
        /// Its step.
        step: String,
        /// How.
        how: How,
        /// How long it took.
        took: Duration,
    },
    /// A task for the whole dataset came so far.
    Progressed {
        /// Its step.
        step: String,
        /// How much of it is done, 0 to 1.
        share: f64,
    },
    /// Something that the user should know.
    Warned(String),
}

/// The tasks of one step that a run will look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The name of the step.
    pub step: String,
    /// How many tasks.
    pub n_tasks: usize,
    /// How long one of them took in earlier runs.
    pub pace: Option<Duration>,
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
#[derive(Debug)]
pub struct Outcome<'s> {
    /// The outputs of what succeeded.
    pub results: Results<'s>,
    /// What failed, first cause only: by task.
    pub failures: BTreeMap<Task, Error>,
    /// The tasks that ran; one whose value was made again for another task is among them.
    pub ran: BTreeSet<Task>,
    /// How many tasks of each step ran, and how long they took together.
    pub took: BTreeMap<usize, (u32, Duration)>,
    /// How many tasks were recalled.
    pub n_recalled: usize,
    /// How many tasks were skipped because something that they read failed.
    pub n_skipped: usize,
}

impl<'s> Outcome<'s> {
    fn of(results: Results<'s>) -> Self {
        Self {
            results,
            failures: BTreeMap::new(),
            ran: BTreeSet::new(),
            took: BTreeMap::new(),
            n_recalled: 0,
            n_skipped: 0,
        }
    }
}

/// Carries out the tasks of `plan` that `is_selected` names. What is fresh is recalled without being looked at.
///
/// # Errors
/// When the user interrupted it, or the store fails. A failing task is no error here: see [`Outcome::failures`].
pub fn run<'s>(
    plan: &Plan<'s>,
    setting: &Setting,
    is_selected: impl Fn(Task) -> bool,
) -> Result<Outcome<'s>> {
    let n_selected = plan.tasks.all().filter(|task| is_selected(*task)).count();
    let unfresh: Vec<Task> = plan.unfresh().map(|(task, _)| task).filter(|task| is_selected(*task)).collect();
    let work = Work::new(plan, setting);
    carry_out(&work, &unfresh, setting);
    let mut outcome = work.finish()?;
    outcome.n_recalled += n_selected - unfresh.len();
    judge(plan, setting, &mut outcome.results)?;
    remember_wholes(plan, setting, &mut outcome.results)?;
    Ok(outcome)
}

fn carry_out(work: &Work, tasks: &[Task], setting: &Setting) {
    let schedule = Schedule::new(work, tasks, setting.memory);
    let expected = schedule.n_per_step().map(|(step, n_tasks)| Expected {
        step: step.name.clone(),
        n_tasks,
        pace: setting.store.pace(&step.kind()),
    });
    (setting.listener)(&Event::Began(expected.collect()));
    schedule.carry_out();
}

/// Lets the gate say what it says of the clips, where that is known by now. (Whoever asked for some tasks alone may have
/// made less.)
fn judge(plan: &Plan, setting: &Setting, results: &mut Results) -> Result<()> {
    if results.verdicts().is_none() {
        let (sources, store) = (setting.sources, setting.store);
        let read = |_, _, digest: &_| store.read(digest);
        Gatekeeper { tasks: &plan.tasks, sources, store, read: &read }.judge(results)?;
    }
    Ok(())
}

/// Remembers everything about clips, and about the dataset, that is known as a whole now.
fn remember_wholes(plan: &Plan, setting: &Setting, results: &mut Results) -> Result<()> {
    let (tasks, store) = (&plan.tasks, setting.store);
    let shape = plan.wholes.shape();
    let is_other_shape = store.last("shape") != Some(shape);
    for clip in 0..tasks.manifest.clips.len() {
        let known = results.whole(Some(clip));
        let key = match known {
            Some(key) => Some(key),
            None => plan.wholes.remember(tasks, clip, setting.sources, results, store)?,
        };
        if let Some(key) = key.filter(|_| known.is_none() || is_other_shape) {
            store.remember_last(&tasks.name_of_whole(clip), &key)?;
        }
    }
    for task in tasks.dataset_wide() {
        if let Some(key) = results.key_of(task) {
            store.remember_last(&tasks.step(task).name, &key)?;
            plan.wholes.remember_all(tasks, task.step, &key, results, store)?;
        }
    }
    results.ledger().map_or(Ok(()), |ledger| ledger.remember(store))?;
    results.verdicts().map_or(Ok(()), |verdicts| verdicts.remember(tasks.manifest, store))?;
    store.remember_last("shape", &shape)
}
