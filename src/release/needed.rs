//! What a project needs of its cache: what is known of it now, what its lock was made of, and what was frozen.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::files::{is_unfinished, names_in};
use super::{Planned, Project};
use crate::error::Result;
use crate::plan::{Ledger, Task, Verdicts};
use crate::run;
use crate::stages::Params;
use crate::store::{DiskStore, Key, Needed, OutputDigests, Recipe, Store};

/// What a project needs of its cache.
///
/// # Errors
/// When the lock is damaged.
pub fn needed(project: &Project, store: &DiskStore) -> Result<Needed> {
    let planned = Planned::of(project, store)?;
    let mut keys: Vec<Key> = known_now(&planned).collect();
    keys.extend(names(project, &planned).iter().filter_map(|name| store.last(name)));
    keys.extend(planned.draft_keys.iter().copied());
    keys.extend(run::keys_of_imports(&project.manifest, &planned.sources));
    keys.extend(run::keys_of_weights(&planned.sources));
    let of_steps = planned.sources.files.keys().cloned();
    let sources = project.manifest.clips.iter().map(|clip| clip.source.clone()).chain(of_steps);
    let written = run::files_below(&project.outputs, "outputs");
    let read = project.read.iter().map(|(path, _)| path.clone());
    let lock = ["taqsim.lock", "taqsim.lock.csv"].map(str::to_owned);
    let files = sources.chain(written).chain(read).chain(lock).collect();
    Ok(Needed { keys, files, unfinished: unfinished(project), ..Needed::default() })
}

/// What a killed build left half written beside the lock and in the drafts.
fn unfinished(project: &Project) -> Vec<PathBuf> {
    let outputs = run::files_below(&project.outputs, "").into_iter();
    let beside_lock = names_in(&project.folder).unwrap_or_default();
    let below_outputs = outputs.map(|file| project.outputs.join(file.trim_start_matches('/')));
    let all = beside_lock.iter().map(|name| project.folder.join(name)).chain(below_outputs);
    all.filter(|path| is_unfinished(path)).collect()
}

/// Remembers what the tables of a version were made of when it was frozen.
///
/// # Errors
/// When the disk fails.
pub(super) fn remember_release(version: &str, planned: &Planned, store: &DiskStore) -> Result<()> {
    let mut params = Params::new();
    params.insert("version".to_owned(), version.into());
    let recipe = Recipe {
        kind: "release".to_owned(),
        version: 1,
        numerics: "exact".to_owned(),
        params,
        inputs: std::collections::BTreeMap::new(),
    };
    let keys = known_now(planned).chain(planned.draft_keys.iter().copied());
    let outputs: OutputDigests =
        keys.enumerate().map(|(number, key)| (number.to_string(), *key.digest())).collect();
    store.remember(&recipe, &outputs)?;
    store.remember_last(&name_of_release(version), &recipe.key())
}

fn known_now<'p>(planned: &'p Planned) -> impl Iterator<Item = Key> + 'p {
    let plan = &planned.plan;
    let wholes = (0..plan.tasks.manifest.clips.len()).filter_map(|clip| plan.known.whole(Some(clip)));
    let is_in_whole = |task: &Task| plan.known.whole(task.clip).is_some();
    let others = plan.tasks.all().filter(move |task| !is_in_whole(task));
    let dataset_wide = plan.tasks.dataset_wide();
    let of_all = dataset_wide.filter_map(|task| plan.wholes.key_of_all(&plan.tasks, task.step, &plan.known));
    wholes.chain(of_all).chain(others.filter_map(|task| plan.known.key_of(task)))
}

/// What the store calls the clips, the dataset-wide steps and the frozen versions.
fn names(project: &Project, planned: &Planned) -> BTreeSet<String> {
    let mut names = BTreeSet::from(["shape", Ledger::NAME, Verdicts::NAME].map(str::to_owned));
    names.extend((0..project.manifest.clips.len()).map(|clip| planned.plan.tasks.name_of_whole(clip)));
    names.extend(planned.plan.tasks.steps.iter().map(|step| step.name.clone()));
    if let Some(lock) = &planned.lock {
        names.extend(lock.clips.keys().map(|id| format!("clip/{id}")));
        names.extend(lock.steps.keys().cloned());
        names.extend(lock.released.iter().map(|released| name_of_release(&released.version)));
    }
    names
}

fn name_of_release(version: &str) -> String {
    format!("release/{version}")
}
