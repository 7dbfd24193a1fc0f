//! A project: a checked manifest, and the folders that belong to it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::Lock;
use crate::error::Result;
use crate::manifest::Manifest;
use crate::run::Roots;
use crate::store::Digest;

/// A checked manifest, and the folders that belong to it.
#[derive(Debug, Clone)]
pub struct Project {
    /// What is to be built.
    pub manifest: Manifest,
    /// The folder that `taqsim.toml` is in.
    pub folder: PathBuf,
    /// What the manifest was read from: each file's path, from the folder, and what was in it.
    pub read: Vec<(String, Digest)>,
    /// The globs over clip tables in it.
    pub globs: Vec<String>,
    /// Whether something about the manifest has to be said each time that it is used.
    pub has_warnings: bool,
    /// Where sources may lie.
    pub roots: Roots,
    /// The folders that the user named for them besides the project's.
    pub other_roots: Vec<PathBuf>,
    /// What is remembered; can be deleted at any time.
    pub cache: PathBuf,
    /// Where a folder per version is written.
    pub outputs: PathBuf,
}

impl Project {
    /// The draft's folder.
    pub fn draft(&self) -> PathBuf {
        self.outputs.join(&self.manifest.dataset.version)
    }

    /// Where the lock is.
    pub fn lock_path(&self) -> PathBuf {
        self.folder.join("taqsim.lock")
    }

    /// The lock; none before the first build.
    ///
    /// # Errors
    /// When it is there but is none: damaged, edited by hand, or of a later version.
    pub fn lock(&self) -> Result<Option<Lock>> {
        Lock::read(&self.lock_path())
    }

    /// What the lock says each source had in it, by path.
    pub fn locked_sources(&self, lock: Option<&Lock>) -> BTreeMap<String, Digest> {
        let locked = |id: &str| lock?.clips.get(id)?.source;
        let clips = self.manifest.clips.iter();
        clips.filter_map(|clip| Some((clip.source.clone(), locked(&clip.id)?))).collect()
    }
}
