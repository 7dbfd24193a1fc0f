//! What has to happen, before anything happens.

use crate::store::OutputDigests;

/// What the tasks of a dataset came to: the output digests of each, where it succeeded.
#[derive(Debug, Clone, Default)]
pub struct Results {
    /// By step and clip. A step is named `normalize`, `segment.NAME`, `embed.NAME` or `reduce.NAME`;
    /// the clip is its index in the manifest, and none for a reduce step.
    pub outputs: std::collections::BTreeMap<(String, Option<usize>), OutputDigests>,
}

impl Results {
    /// The outputs of a step for one clip (or, with none, for the dataset).
    pub fn of(&self, step: &str, clip: Option<usize>) -> Option<&OutputDigests> {
        self.outputs.get(&(step.to_owned(), clip))
    }
}
