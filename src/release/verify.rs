//! Verification: what is there against the lock, computing nothing; or everything again, from nothing.

use std::collections::BTreeMap;

use super::build::build_settling;
use super::recorded::{Nearness, Recorded};
use super::{Built, FilesReport, Lock, Options, Project, verify_manifest, verify_tables};
use crate::error::{Error, Result};
use crate::plan::Tasks;
use crate::run::digest_of_source;
use crate::store::DiskStore;

/// How a source compares with the lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceState {
    /// As recorded.
    Same,
    /// Not there.
    Absent,
    /// It has other content.
    Differs,
    /// It cannot be read, for this reason.
    Unreadable(String),
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// How the manifest differs from the one that was built, a sentence each.
    pub manifest: Vec<String>,
    /// By path.
    pub sources: BTreeMap<String, SourceState>,
    /// The files of the draft or release.
    pub files: FilesReport,
}

/// Compares manifest, sources and tables with the lock.
///
/// # Errors
/// When there is no lock, or it is damaged.
pub fn verify(project: &Project) -> Result<Report> {
    let lock = required_lock(project)?;
    let sources = lock_of_sources(project, &lock);
    Ok(Report {
        manifest: verify_manifest(&lock, &project.manifest),
        sources,
        files: verify_tables(&lock, &project.outputs.join(&lock.version))?,
    })
}

/// Builds everything from nothing, in folders that vanish afterwards, and holds it against the lock.
///
/// A step whose numbers depend on the hardware is held against its recorded table, where that is here, and every later step is
/// computed from what was recorded: how each such step compares is given beside what was built.
///
/// # Errors
/// When what comes out is not what the lock says, or there is no room for it.
pub fn rebuild(project: &Project, options: &Options) -> Result<(Built, Vec<(String, Nearness)>)> {
    let lock = required_lock(project)?;
    let cannot = |cause| Error::cannot_write("a temporary folder", cause);
    let folder = tempfile::Builder::new().prefix("taqsim-").tempdir().map_err(cannot)?;
    let temporary = Project {
        cache: folder.path().join("cache"),
        outputs: folder.path().join("outputs"),
        ..project.clone()
    };
    let store = DiskStore::open(&temporary.cache)?;
    let allow_failed = !lock.failed.is_empty();
    let recorded = Recorded::of(project, &lock)?;
    let settle = |tasks: &Tasks, task, outputs| recorded.settle(tasks, task, outputs);
    let options = Options { locked: true, allow_failed, ..*options };
    let built = build_settling(&temporary, &store, (&options, Some(&settle)));
    let findings = recorded.findings();
    let far = findings.iter().filter(|(_, nearness)| *nearness == Nearness::Far);
    let far: Vec<String> = far.map(|(step, nearness)| nearness.words(step)).collect();
    let built = built.map_err(|error| far.iter().fold(error, |error, words| error.hint(words.clone())))?;
    Ok((built, findings))
}

fn required_lock(project: &Project) -> Result<Lock> {
    let no_lock = || Error::differs("there is no `taqsim.lock` to verify against");
    project.lock()?.ok_or_else(|| no_lock().hint("build first, and commit the lock"))
}

fn lock_of_sources(project: &Project, lock: &Lock) -> BTreeMap<String, SourceState> {
    let mut locked = project.locked_sources(Some(lock));
    locked.extend(lock.files.iter().map(|(path, digest)| (path.clone(), *digest)));
    locked.extend(lock.weights.iter().map(|(path, line)| (path.clone(), line.blake3)));
    let state = |path: &String| match digest_of_source(&project.roots, path) {
        Ok(None) => SourceState::Absent,
        Ok(Some(digest)) if Some(&digest) == locked.get(path) => SourceState::Same,
        Ok(Some(_)) => SourceState::Differs,
        Err(error) => SourceState::Unreadable(error.message),
    };
    // A clip that the lock does not know is said when the manifest is compared.
    locked.keys().map(|path| (path.clone(), state(path))).collect()
}
