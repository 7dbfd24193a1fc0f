//! What was measured of all clips, and what the gate says of them, with nothing written.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::tables::Joiner;
use super::{Options, Project, look};
use crate::error::{Error, Result};
use crate::plan::{Plan, Task, Verdicts, Work};
use crate::stages::Frame;
use crate::store::DiskStore;

/// What was measured of the clips of a manifest.
#[derive(Debug)]
pub struct Measured {
    /// A row a clip: id, measures, copies, flags.
    pub clips: Frame,
    /// What the gate says.
    pub verdicts: Arc<Verdicts>,
    /// Why clips could not be measured, by id.
    pub failed: BTreeMap<String, Error>,
}

/// Measures every clip that can be, and lets the gate say what it says; draft and lock stay as they are.
///
/// # Errors
/// When the user interrupted it, or the disk fails.
pub fn measure(project: &Project, store: &DiskStore, options: &Options) -> Result<Measured> {
    let is_selected =
        |plan: &Plan, task: Task| matches!(plan.tasks.step(task).work, Work::Normalize(_) | Work::Duplicates);
    look(project, store, options, is_selected, |built, results| {
        let manifest = &project.manifest;
        let joiner = Joiner { manifest, lines: &[], splits: &[], results, store, failed: &BTreeMap::new() };
        let verdicts = results.verdicts().cloned().unwrap_or_default();
        Ok(Measured { clips: joiner.measured_clips()?, verdicts, failed: built.failed.clone() })
    })
}
