//! From where the user stands to the project: finding the manifest, reading it, saying what is wrong with it.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::{Global, Talk, findings};
use crate::error::{Error, Result};
use crate::manifest::{self, Outcome};
use crate::release::Project;
use crate::run::Roots;
use crate::store::{CacheLock, DiskStore};

pub(super) const MANIFEST: &str = "taqsim.toml";

/// A manifest is written by people or by their scripts; this many bytes are more than a million clips.
const MAX_MANIFEST_BYTES: u64 = 1 << 29;

/// The project that the user stands in; whatever is wrong with its manifest is said on the way.
pub(super) fn open(global: &Global, talk: &Talk) -> Result<Project> {
    let folder = folder(global)?;
    let outcome = read(&folder)?;
    findings::say(&outcome, talk);
    let Some(manifest) = outcome.manifest else {
        return Err(findings::summary(&outcome.findings));
    };
    project_of(folder, manifest, global)
}

/// A project of a manifest that was read already.
pub(super) fn project_of(folder: PathBuf, manifest: manifest::Manifest, global: &Global) -> Result<Project> {
    Ok(Project {
        manifest,
        roots: Roots::new(&folder, &global.roots)?,
        cache: global.cache.clone().unwrap_or_else(|| folder.join("cache")),
        outputs: folder.join("outputs"),
        folder,
    })
}

/// The nearest folder, from where the user stands upwards, that has a manifest.
pub(super) fn folder(global: &Global) -> Result<PathBuf> {
    let start = &global.directory;
    let absolute = start
        .canonicalize()
        .map_err(|cause| Error::usage(format!("cannot enter `{}`: {cause}", start.display())))?;
    let found = absolute.ancestors().find(|folder| folder.join(MANIFEST).is_file());
    found.map(shortest).ok_or_else(|| {
        Error::usage(format!("cannot find `{MANIFEST}` in `{}` or any folder above it", absolute.display()))
            .hint("make a dataset with `taqsim init NAME`, or name its folder with -C")
    })
}

/// Reads and checks the manifest of a folder.
pub(super) fn read(folder: &Path) -> Result<Outcome> {
    let path = folder.join(MANIFEST);
    let cannot = |cause| Error::usage(format!("cannot read `{MANIFEST}`: {cause}"));
    let mut bytes = Vec::new();
    let file = fs::File::open(&path).map_err(cannot)?;
    file.take(MAX_MANIFEST_BYTES).read_to_end(&mut bytes).map_err(cannot)?;
    Ok(manifest::parse(&bytes, MANIFEST))
}

/// Opens the project's store, for reading: nothing is written to it but what files hold.
pub(super) fn store(project: &Project, talk: &Talk) -> Result<DiskStore> {
    let store = DiskStore::open(&project.cache)?;
    if store.n_dropped_bytes() > 0 {
        let n = store.n_dropped_bytes();
        talk.warning(format!("the last {n} bytes of the cache's log made no sense and were dropped"));
    }
    Ok(store)
}

/// Waits until nobody else builds here, then opens the store.
pub(super) fn store_to_build(project: &Project, talk: &Talk) -> Result<(CacheLock, DiskStore)> {
    let lock =
        CacheLock::take(&project.cache, |holder| talk.say(format!("waiting for another build: {holder}")))?;
    Ok((lock, store(project, talk)?))
}

/// Relative to where the user stands, where that is shorter to read.
fn shortest(folder: &Path) -> PathBuf {
    match std::env::current_dir() {
        Ok(here) if here == folder => PathBuf::from("."),
        _ => folder.to_owned(),
    }
}
