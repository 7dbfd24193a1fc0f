//! What is remembered: recipe to output digests, digest to bytes. Nothing outside knows how.

mod digest;
mod disk;
mod lock;
mod log;
mod recipe;

pub use digest::Digest;
pub use disk::DiskStore;
pub use lock::{CacheLock, Holder};
pub use recipe::{Difference, Key, OutputDigests, Recipe};

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::stages::Input;

/// What a build remembers. Deleting all of it costs only time.
pub trait Store: Sync {
    /// The outputs that a task with this key had.
    fn recall(&self, key: &Key) -> Option<OutputDigests>;

    /// Keeps a task's recipe and outputs, whose values are already kept, as what the task of this name came to.
    ///
    /// # Errors
    /// When the disk fails.
    fn remember(&self, task: &str, recipe: &Recipe, outputs: &OutputDigests) -> Result<()>;

    /// The recipe that the task of this name had when it last ran or was recalled.
    fn last_recipe(&self, task: &str) -> Option<Recipe>;

    /// Whether a value is at hand, without reading it.
    fn has(&self, digest: &Digest) -> bool;

    /// A value, checked against its digest; none where it is absent or damaged.
    ///
    /// # Errors
    /// When the disk fails.
    fn read(&self, digest: &Digest) -> Result<Option<Input>>;

    /// Keeps a value.
    ///
    /// # Errors
    /// When the disk fails.
    fn write(&self, bytes: &[u8]) -> Result<Digest>;

    /// What the file at this path was when it was last hashed.
    fn file(&self, path: &str) -> Option<FileRecord>;

    /// Keeps what a file was when it was hashed.
    ///
    /// # Errors
    /// When the disk fails.
    fn remember_file(&self, path: &str, record: FileRecord) -> Result<()>;
}

/// A file as it was when it was hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// What the file system said of it.
    pub stat: Stat,
    /// When it was hashed, ns since 1970. A stat from about that time proves nothing.
    pub hashed_at: i64,
    /// What was in it.
    pub digest: Digest,
}

/// What the file system says of a file; whatever changes its bytes changes one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stat {
    /// In bytes.
    pub size: u64,
    /// Last change of the bytes, ns since 1970; programs can set it back.
    pub mtime: i64,
    /// Last change of the bytes or of the other fields, ns since 1970; programs cannot set it.
    pub ctime: i64,
    /// The file's number on its file system.
    pub inode: u64,
}
