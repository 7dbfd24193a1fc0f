//! What has to happen, before anything happens: a pure function of manifest, sources and store.

mod order;
mod status;
mod steps;
mod tasks;

pub use order::content_order;
pub use status::{Plan, Reason, Status};
pub use steps::{From, Step, Wire, Work, steps};
pub use tasks::{Need, Task, Tasks};

use std::collections::BTreeMap;

use crate::error::Error;
use crate::store::{Digest, OutputDigests};

/// What the tasks of a dataset came to: the output digests of each, where it succeeded.
#[derive(Debug, Clone, Default)]
pub struct Results {
    /// By step and clip. A step is named `normalize`, `segment.NAME`, `embed.NAME` or `reduce.NAME`;
    /// the clip is its index in the manifest, and none for a reduce step.
    pub outputs: BTreeMap<(String, Option<usize>), OutputDigests>,
}

impl Results {
    /// The outputs of a step for one clip (or, with none, for the dataset).
    pub fn of(&self, step: &str, clip: Option<usize>) -> Option<&OutputDigests> {
        self.outputs.get(&(step.to_owned(), clip))
    }
}

/// What was seen of every source that the manifest names, by its path there.
#[derive(Debug, Clone, Default)]
pub struct Sources(pub BTreeMap<String, Observed>);

/// What was seen of one source.
#[derive(Debug, Clone, PartialEq)]
pub enum Observed {
    /// It is here, with this content.
    Here(Digest),
    /// It is not here; the lock says that it had this content.
    Absent(Digest),
    /// It is not here and was never built, or it may not or cannot be read.
    Unusable(Error),
}

impl Sources {
    /// The content of a source, as far as it is known.
    pub fn digest(&self, path: &str) -> Option<Digest> {
        match self.0.get(path)? {
            Observed::Here(digest) | Observed::Absent(digest) => Some(*digest),
            Observed::Unusable(_) => None,
        }
    }
}
