//! The digests of a task's named outputs, kept small: a hundred thousand clips have half a million of them.

use std::borrow::Cow;
use std::sync::Arc;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Digest;

/// The digests of a task's outputs, by name and sorted by it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutputDigests(Arc<[(Name, Digest)]>);

/// The name of an output. Those of stages are never copied.
type Name = Cow<'static, str>;

/// The names that stages give to their outputs.
const OF_STAGES: [&str; 10] =
    ["audio", "drawn", "features", "fingerprint", "marks", "measures", "pairs", "ranges", "rows", "spans"];

impl OutputDigests {
    /// The digest of the output called `name`.
    pub fn get(&self, name: &str) -> Option<&Digest> {
        self.0.iter().find(|(output, _)| output == name).map(|(_, digest)| digest)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Digest)> {
        self.0.iter().map(|(name, digest)| (name.as_ref(), digest))
    }

    fn sorted(mut outputs: Vec<(Name, Digest)>) -> Self {
        if !outputs.is_sorted() {
            outputs.sort();
        }
        Self(outputs.into())
    }
}

impl<N: AsRef<str>> FromIterator<(N, Digest)> for OutputDigests {
    fn from_iter<I: IntoIterator<Item = (N, Digest)>>(pairs: I) -> Self {
        Self::sorted(pairs.into_iter().map(|(name, digest)| (named(name.as_ref()), digest)).collect())
    }
}

impl<N: AsRef<str>, const COUNT: usize> From<[(N, Digest); COUNT]> for OutputDigests {
    fn from(pairs: [(N, Digest); COUNT]) -> Self {
        pairs.into_iter().collect()
    }
}

fn named(name: &str) -> Name {
    match OF_STAGES.iter().find(|known| **known == name) {
        Some(known) => Cow::Borrowed(known),
        None => Cow::Owned(name.to_owned()),
    }
}

impl Serialize for OutputDigests {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, digest) in self.iter() {
            map.serialize_entry(name, digest)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for OutputDigests {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = OutputDigests;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("digests by name")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut pairs = Vec::with_capacity(map.size_hint().unwrap_or(0).min(OF_STAGES.len()));
                while let Some((name, digest)) = map.next_entry::<&str, Digest>()? {
                    pairs.push((named(name), digest));
                }
                Ok(OutputDigests::sorted(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}
