//! What has to happen, before anything happens: a pure function of manifest, sources and store.

mod gate;
mod judge;
mod ledger;
mod order;
mod results;
mod status;
mod steps;
mod tasks;
mod truth;
mod wholes;

pub use gate::{Broken, Gatekeeper, ReadValue, Verdict, Verdicts};
pub use ledger::Ledger;
pub use order::content_order;
pub use results::Results;
pub use status::{Awaited, Plan, Reason, Status};
pub use steps::{From, Step, Wire, Work, clusters, steps};
pub use tasks::{Found, Need, Task, Tasks};
pub use wholes::Wholes;

use std::collections::BTreeMap;

use crate::error::Error;
use crate::stages::WeightFiles;
use crate::store::{Digest, FileRecord};

/// What was seen of the files that a manifest names.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The source of every clip, in the order of the manifest's clips.
    pub clips: Vec<Observed>,
    /// The files that steps name, by path: each is here or absent.
    pub files: BTreeMap<String, Observed>,
    /// Of each step that imports vectors, by its name in `[embed]`: the digest of those of every clip, in the order of the
    /// manifest's clips.
    pub vectors: BTreeMap<String, Vec<Digest>>,
    /// Of each step that reads weights, by its name in `[embed]`: which files they are.
    pub weights: BTreeMap<String, SeenWeights>,
}

/// The weights of a step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenWeights {
    /// The files, each with what is in it: what the numbers depend on.
    pub files: WeightFiles,
    /// Their paths, in the same order, as they stand in [`Sources::files`].
    pub paths: Vec<String>,
    /// What their licence is, as far as the manifest or their README.md says.
    pub license: Option<String>,
}

impl SeenWeights {
    /// What tells these weights from others.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.files.to_bytes())
    }
}

/// What was seen of one file.
#[derive(Debug, Clone, PartialEq)]
pub enum Observed {
    /// It is here, and this is what it is.
    Here(FileRecord),
    /// It is not here; the lock says that it had this content.
    Absent(Digest),
    /// It is not here and was never built, or it may not or cannot be read.
    Unusable(Error),
}

impl Sources {
    /// The content of the source of a clip, as far as it is known.
    pub fn digest(&self, clip: usize) -> Option<Digest> {
        self.clips.get(clip)?.digest()
    }

    /// What is in a file that a step names, as far as it is known.
    pub fn file(&self, path: &str) -> Option<Digest> {
        self.files.get(path)?.digest()
    }

    /// All weights that steps read; none where no step reads any.
    pub(crate) fn all_weights(&self) -> Option<Digest> {
        let bytes: Vec<u8> = self.weights.values().flat_map(|weights| *weights.digest().as_bytes()).collect();
        (!bytes.is_empty()).then(|| Digest::of(&bytes))
    }

    /// All vectors that are imported for a clip; none where no step imports any.
    pub(crate) fn vectors_of(&self, clip: usize) -> Option<Digest> {
        let digests = self.vectors.values().filter_map(|clips| clips.get(clip));
        let bytes: Vec<u8> = digests.flat_map(|digest| *digest.as_bytes()).collect();
        (!bytes.is_empty()).then(|| Digest::of(&bytes))
    }
}

impl Observed {
    /// What is in it, as far as it is known.
    pub fn digest(&self) -> Option<Digest> {
        match self {
            Self::Here(record) => Some(record.digest),
            Self::Absent(digest) => Some(*digest),
            Self::Unusable(_) => None,
        }
    }
}
