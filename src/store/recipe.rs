//! Recipes: one value that is hashed into the key, kept beside the result, and compared to say why a task is stale.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Digest;
use crate::stages::Params;

/// Everything that can change a task's output, and nothing else.
///
/// No clip id, step name, label, licence, path, clock, host name or thread count is in here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// The kind of step, family first: `embed.spectral`.
    pub kind: String,
    /// The version of the stage that carries it out.
    pub version: u32,
    /// `exact`, or the hardware class that the numbers depend on.
    pub numerics: String,
    /// The parameters that differ from their defaults.
    pub params: Params,
    /// The digests of the inputs that the stage reads, by name, in order.
    pub inputs: BTreeMap<String, Vec<Digest>>,
}

/// The digest of a recipe: what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key(Digest);

/// The digests of a task's named outputs.
pub type OutputDigests = BTreeMap<String, Digest>;

/// Names the format of what is hashed: a change of format changes this string, and so every key.
const CONTEXT: &str = "taqsim 2026-11-21 recipe v1";

impl Recipe {
    /// The key: the digest of the recipe as JSON with sorted names.
    pub fn key(&self) -> Key {
        let json = serde_json::to_vec(self).expect("a recipe has only string keys");
        Key(Digest::derive(CONTEXT, &json))
    }
}

impl Key {
    /// The digest behind it.
    pub fn digest(&self) -> &Digest {
        &self.0
    }
}
