//! What is remembered: recipe to output digests, digest to bytes. Nothing outside knows how.

mod digest;
mod recipe;

pub use digest::Digest;
pub use recipe::{Key, OutputDigests, Recipe};

use crate::error::Result;
use crate::stages::Input;

/// What a build remembers. Deleting all of it costs only time.
pub trait Store: Sync {
    /// The outputs that a task with this key had.
    fn recall(&self, key: &Key) -> Option<OutputDigests>;

    /// Keeps a task's recipe and outputs, under the task's name, whose values are already kept.
    ///
    /// # Errors
    /// When the disk fails.
    fn remember(&self, task: &str, recipe: &Recipe, outputs: &OutputDigests) -> Result<()>;

    /// The recipe that the task of this name had when it last ran.
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
}
