//! Where the clips are in the manifest, for what is only found out later.

use std::collections::BTreeMap;
use std::ops::Range;

/// Where a clip stands in the manifest, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClipPlace {
    /// Its id.
    pub id: Range<usize>,
    /// Its source.
    pub source: Range<usize>,
    /// Its ranges, in their order.
    pub ranges: Vec<Range<usize>>,
}

/// Where the clips are, by id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places(BTreeMap<String, ClipPlace>);

impl Places {
    /// Where a clip is.
    pub fn clip(&self, id: &str) -> Option<&ClipPlace> {
        self.0.get(id)
    }

    /// Remembers where a clip is, if its id is the first of that name.
    pub(super) fn add(&mut self, id: &str, place: ClipPlace) {
        self.0.entry(id.to_owned()).or_insert(place);
    }
}
