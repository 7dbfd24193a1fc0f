//! Making it happen: what is stale runs, on all cores, and one bad clip stops nobody else.

mod executor;
mod fetch;
mod schedule;
mod work;

#[cfg(test)]
mod tests;

pub use executor::{Executor, Local};
pub use fetch::{Roots, digest_of_source, file_digest, observe, plain, probe, stat_of};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::plan::{Plan, Results, Sources, Task};
use crate::store::Store;

use schedule::Schedule;
use work::Work;

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
    pub ran: BTreeSet<String>,
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
    let work = Work::new(plan, setting);
    let schedule = Schedule::new(&work, plan.tasks.all().filter(|task| is_selected(*task)).collect());
    (setting.listener)(&Event::Began(schedule.n_per_step()));
    schedule.carry_out();
    work.finish()
}
