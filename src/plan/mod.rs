//! What has to happen, before anything happens: a pure function of manifest, sources and store.

mod gate;
mod judge;
mod ledger;
mod order;
mod results;
mod status;
mod steps;
mod tasks;
mod wholes;

pub use gate::{Broken, Gatekeeper, ReadValue, Verdict, Verdicts};
pub use ledger::Ledger;
pub use order::content_order;
pub use results::Results;
pub use status::{Awaited, Plan, Reason, Status};
pub use steps::{From, Step, Wire, Work, steps};
pub use tasks::{Found, Need, Task, Tasks};
pub use wholes::Wholes;

use crate::error::Error;
use crate::store::{Digest, FileRecord};

/// What was seen of the source of every clip, in the order of the manifest's clips.
#[derive(Debug, Clone, Default)]
pub struct Sources(pub Vec<Observed>);

/// What was seen of one source.
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
        match self.0.get(clip)? {
            Observed::Here(record) => Some(record.digest),
            Observed::Absent(digest) => Some(*digest),
            Observed::Unusable(_) => None,
        }
    }
}
