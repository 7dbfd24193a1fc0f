//! What is remembered: recipe to output digests, digest to bytes. Nothing outside knows how.

mod compact;
mod digest;
mod disk;
mod folder;
mod frames;
mod gc;
mod index;
mod inventory;
mod lock;
mod logs;
mod masters;
mod outputs;
mod packs;
mod piece;
mod recipe;
mod record;

#[cfg(test)]
mod tests;

pub use digest::Digest;
pub use disk::DiskStore;
pub use gc::{Garbage, Needed, days_ago};
pub use inventory::{Amount, Inventory};
pub use lock::{CacheLock, Holder};
pub use outputs::OutputDigests;
pub use piece::{unfinished_file, write_in_one_piece};
pub use recipe::{Difference, Key, KeyStem, Recipe};

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::stages::Input;

/// What a build remembers. Deleting all of it costs only time.
pub trait Store: Sync {
    /// The outputs that a task with this key had.
    fn recall(&self, key: &Key) -> Option<OutputDigests>;

    /// Whether [`Store::recall`] would find something, as far as can be told without reading it.
    fn knows(&self, key: &Key) -> bool;

    /// The recipe with this key, where it was carried out.
    fn recipe(&self, key: &Key) -> Option<Recipe>;

    /// Keeps what a recipe came to, once its values are kept.
    ///
    /// # Errors
    /// When the disk fails.
    fn remember(&self, recipe: &Recipe, outputs: &OutputDigests) -> Result<()>;

    /// The key that a clip or a dataset-wide step of this name had when it last came to something.
    fn last(&self, name: &str) -> Option<Key>;

    /// Keeps the key that a clip or a dataset-wide step of this name has now.
    ///
    /// # Errors
    /// When the disk fails.
    fn remember_last(&self, name: &str, key: &Key) -> Result<()>;

    /// Whether a value is at hand, without reading it.
    fn has(&self, digest: &Digest) -> bool;

    /// How many bytes a value that is at hand has, without reading it.
    fn length(&self, digest: &Digest) -> Option<u64>;

    /// A value, checked against its digest; none where it is absent or damaged.
    ///
    /// # Errors
    /// When the disk fails.
    fn read(&self, digest: &Digest) -> Result<Option<Input>>;

    /// A value that is at hand, read and checked each time that somebody wants it; none where it is absent.
    fn later(&self, digest: &Digest) -> Option<Input>;

    /// Keeps the values of a task's named outputs.
    ///
    /// # Errors
    /// When the disk fails.
    fn keep(&self, outputs: &[(&str, Vec<u8>)]) -> Result<OutputDigests>;

    /// How long a task of this kind takes, as far as that was measured.
    fn pace(&self, kind: &str) -> Option<Duration>;

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
