//! Records: the facts that a log holds.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::{Digest, FileRecord, Key, OutputDigests, Recipe};

/// One fact. Its form is postcard's: the order of the variants and of their fields is the format.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Record {
    /// What a recipe came to, and when, s since 1970.
    Task { key: Key, recipe: StoredRecipe, outputs: OutputDigests, at: u64 },
    /// The key that something of this name had last.
    Last { name: String, key: Key },
    /// What a file was when it was hashed.
    File { path: String, record: FileRecord },
    /// Where a value lies in the packs.
    Value { digest: Digest, place: Place },
    /// How long a task of this kind takes, ms.
    Pace { kind: String, ms: u32 },
}

/// Where a value lies in the packs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) pack: u64,
    pub(super) offset: u64,
    pub(super) length: u64,
}

/// A recipe, its parameters as JSON: postcard cannot tell what type a value has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct StoredRecipe {
    pub(super) kind: String,
    version: u32,
    numerics: String,
    params: String,
    inputs: Vec<(String, Vec<Digest>)>,
}

/// What a record is looked up by: half a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Address(pub(super) u128);

impl Record {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("a record has nothing that postcard lacks")
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        postcard::from_bytes(bytes).ok()
    }

    pub(super) fn address(&self) -> Address {
        match self {
            Self::Task { key, .. } => Address::of_task(key),
            Self::Last { name, .. } => Address::of_name(name),
            Self::File { path, .. } => Address::of_file(path),
            Self::Value { digest, .. } => Address::of_value(digest),
            Self::Pace { kind, .. } => Address::of_pace(kind),
        }
    }
}

impl Address {
    pub(super) fn of_task(key: &Key) -> Self {
        Self::half(key.digest())
    }

    pub(super) fn of_value(digest: &Digest) -> Self {
        Self::half(digest)
    }

    pub(super) fn of_name(name: &str) -> Self {
        Self::of_text(b'n', name)
    }

    pub(super) fn of_file(path: &str) -> Self {
        Self::of_text(b'f', path)
    }

    pub(super) fn of_pace(kind: &str) -> Self {
        Self::of_text(b'p', kind)
    }

    /// A domain of its own: no value or recipe of a stranger can be made to look like a name.
    fn of_text(sort: u8, text: &str) -> Self {
        static HASHER: LazyLock<blake3::Hasher> =
            LazyLock::new(|| blake3::Hasher::new_derive_key("taqsim 2026-11-21 address v1"));
        let mut hasher = HASHER.clone();
        hasher.update(&[sort]).update(text.as_bytes());
        Self::half(&Digest::from_bytes(*hasher.finalize().as_bytes()))
    }

    fn half(digest: &Digest) -> Self {
        let half = digest.as_bytes().first_chunk().expect("a digest has twice as many bytes");
        Self(u128::from_be_bytes(*half))
    }
}

impl From<&Recipe> for StoredRecipe {
    fn from(recipe: &Recipe) -> Self {
        Self {
            kind: recipe.kind.clone(),
            version: recipe.version,
            numerics: recipe.numerics.clone(),
            params: serde_json::to_string(&recipe.params).expect("parameters have only string keys"),
            inputs: recipe.inputs.iter().map(|(name, digests)| (name.clone(), digests.clone())).collect(),
        }
    }
}

impl StoredRecipe {
    pub(super) fn to_recipe(&self) -> Option<Recipe> {
        Some(Recipe {
            kind: self.kind.clone(),
            version: self.version,
            numerics: self.numerics.clone(),
            params: serde_json::from_str(&self.params).ok()?,
            inputs: self.inputs.iter().cloned().collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_record_comes_back_from_its_bytes() {
        let digest = Digest::of(b"audio");
        let recipe = Recipe {
            kind: "embed.pitch".into(),
            version: 3,
            numerics: "exact".into(),
            params: serde_json::json!({"fmin": 60.5, "tonic": {"label": "tonic_hz"}})
                .as_object()
                .unwrap()
                .clone(),
            inputs: BTreeMap::from([("audio".into(), vec![digest, digest])]),
        };
        let outputs = OutputDigests::from([("features", digest), ("of no stage", digest)]);
        let stored = StoredRecipe::from(&recipe);
        assert_eq!(stored.to_recipe(), Some(recipe.clone()));
        let record = Record::Task { key: recipe.key(), recipe: stored, outputs, at: 5 };
        assert_eq!(Record::from_bytes(&record.to_bytes()), Some(record));
        assert_eq!(Record::from_bytes(b"nonsense"), None);
    }
}
