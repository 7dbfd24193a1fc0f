//! What the manifest says of the clips that are evaluated: the classes, and what must not be mistaken for them.

use serde::{Deserialize, Serialize};

use super::super::Input;
use crate::error::{Error, Result};

/// What the manifest says of the clips that are evaluated. It names labels and their values, but no clip.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Truth {
    /// The names of the labels that are evaluated, and the artist's, if it is none of them.
    pub labels: Vec<String>,
    /// Which of them says who plays.
    pub artist: Option<usize>,
    /// In the order in which the clips' values are read.
    pub clips: Vec<TruthOfClip>,
}

/// What the manifest says of one clip.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TruthOfClip {
    /// The value of each label; none where the clip has none.
    pub labels: Vec<Option<String>>,
    /// Of each range, the values that stand over the clip's.
    pub ranges: Vec<Vec<Option<String>>>,
    /// Which recording the clip is of: clips with one number are of one.
    pub recording: usize,
}

impl Truth {
    /// The value as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("these types have only string keys")
    }

    /// Reads the value back.
    ///
    /// # Errors
    /// When the bytes are not this kind of value.
    pub fn read(input: &Input) -> Result<Self> {
        serde_json::from_slice(&input.read()?).map_err(|cause| Error::cannot_read("Truth", cause))
    }
}

impl TruthOfClip {
    /// The value of a label in a range.
    pub(super) fn label(&self, label: usize, range: usize) -> Option<&str> {
        let own = self.ranges.get(range).and_then(|own| own.get(label)?.as_deref());
        own.or_else(|| self.labels.get(label)?.as_deref())
    }
}
