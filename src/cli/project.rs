//! From where the user stands to the project: finding the manifest, reading it, saying what is wrong with it.

use std::cell::RefCell;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::talk::duration;
use super::{Global, Talk, findings};
use crate::error::{Error, Result};
use crate::manifest::{self, Manifest, Outcome};
use crate::release::Project;
use crate::run::{Roots, open_tables};
use crate::store::{CacheLock, Digest, DiskStore, Holder};

pub(super) const MANIFEST: &str = "taqsim.toml";

/// A manifest is written by people or by their scripts; this many bytes are more than a million clips.
const MAX_MANIFEST_BYTES: u64 = 1 << 29;

/// The project that the user stands in; whatever is wrong with its manifest is said on the way.
pub(super) fn open(global: &Global, talk: &Talk) -> Result<Project> {
    let folder = folder(global)?;
    let (outcome, read) = read_files(&folder, global)?;
    findings::say(&outcome, talk);
    let Some(manifest) = outcome.manifest else {
        return Err(findings::summary(&outcome));
    };
    let (globs, has_warnings) = (outcome.tables.globs, !outcome.findings.is_empty());
    Ok(Project { read, globs, has_warnings, ..project_of(folder, manifest, global)? })
}

/// A project of a manifest that was read already, as far as that tells.
pub(super) fn project_of(folder: PathBuf, manifest: Manifest, global: &Global) -> Result<Project> {
    Ok(Project {
        manifest,
        read: Vec::new(),
        globs: Vec::new(),
        has_warnings: false,
        roots: Roots::new(&folder, &global.roots)?,
        other_roots: global.roots.clone(),
        cache: cache(&folder, global),
        outputs: folder.join("outputs"),
        folder,
    })
}

/// The folder of what is remembered.
pub(super) fn cache(folder: &Path, global: &Global) -> PathBuf {
    global.cache.clone().unwrap_or_else(|| folder.join("cache"))
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

/// Reads and checks the manifest of a folder, and its clip tables.
pub(super) fn read(folder: &Path, global: &Global) -> Result<Outcome> {
    read_files(folder, global).map(|(outcome, _)| outcome)
}

/// The same, and the digest of each file that was read, by path.
fn read_files(folder: &Path, global: &Global) -> Result<(Outcome, Vec<(String, Digest)>)> {
    let path = folder.join(MANIFEST);
    let cannot = |cause| Error::usage(format!("cannot read `{MANIFEST}`: {cause}"));
    let mut bytes = Vec::new();
    let file = fs::File::open(&path).map_err(cannot)?;
    file.take(MAX_MANIFEST_BYTES).read_to_end(&mut bytes).map_err(cannot)?;
    let mut read = vec![(MANIFEST.to_owned(), Digest::of(&bytes))];
    let outcome = parse_noting(&bytes, folder, global, &mut read)?;
    Ok((outcome, read))
}

/// Checks what could be the manifest of a folder, with the clip tables that it names.
pub(super) fn parse(manifest: &[u8], folder: &Path, global: &Global) -> Result<Outcome> {
    parse_noting(manifest, folder, global, &mut Vec::new())
}

fn parse_noting(
    manifest: &[u8],
    folder: &Path,
    global: &Global,
    read: &mut Vec<(String, Digest)>,
) -> Result<Outcome> {
    let roots = Roots::new(folder, &global.roots)?;
    let open = open_tables(&roots);
    let noted = RefCell::new(read);
    Ok(manifest::parse_with_tables(manifest, MANIFEST, &|name| {
        let tables = open(name)?;
        let digests = tables.iter().map(|table| (table.path.clone(), Digest::of(&table.bytes)));
        noted.borrow_mut().extend(digests);
        Ok(tables)
    }))
}

/// Opens the project's store, for reading: nothing is written to it but what files hold.
pub(super) fn store(project: &Project, talk: &Talk) -> Result<DiskStore> {
    let store = DiskStore::open(&project.cache)?;
    store.complaints().iter().for_each(|complaint| talk.warning(complaint));
    Ok(store)
}

/// Waits until nobody else builds here, then opens the store.
pub(super) fn store_to_build(project: &Project, talk: &Talk) -> Result<(CacheLock, DiskStore)> {
    let lock = lock_cache(&project.cache, "build", talk)?;
    Ok((lock, store(project, talk)?))
}

/// Takes the lock of a cache, and says whom it waits for.
pub(super) fn lock_cache(cache: &Path, verb: &str, talk: &Talk) -> Result<CacheLock> {
    CacheLock::take(cache, verb, |holder| {
        let who = match holder {
            Some((holder, seconds)) => {
                let Holder { verb, process, .. } = holder;
                format!("`taqsim {verb}` (process {process}, for {})", duration(seconds))
            }
            None => "another process".to_owned(),
        };
        talk.say(format!("waiting for {who} to be done with `{}`", cache.display()));
    })
}

/// Relative to where the user stands, where that is shorter to read.
fn shortest(folder: &Path) -> PathBuf {
    match std::env::current_dir() {
        Ok(here) if here == folder => PathBuf::from("."),
        _ => folder.to_owned(),
    }
}
