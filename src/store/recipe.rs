//! Recipes: one value that is hashed into the key, kept beside the result, and compared to say why a task is stale.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::LazyLock;

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

/// One way in which a recipe differs from an earlier one.
#[derive(Debug, Clone, PartialEq)]
pub enum Difference {
    /// Another kind of step.
    Kind(String, String),
    /// Another version of the stage.
    Version(u32, u32),
    /// Another class of hardware.
    Numerics(String, String),
    /// Another value of a parameter; none where it is at its default.
    Param(String, Option<serde_json::Value>, Option<serde_json::Value>),
    /// Other content of an input.
    Input(String),
}

/// Names the format of what is hashed: a change of format changes this string, and so every key.
const CONTEXT: &str = "taqsim 2026-11-21 recipe v1";

impl Recipe {
    /// The key: the digest of the recipe as JSON, whose parameters and inputs are sorted by name.
    pub fn key(&self) -> Key {
        let stem = KeyStem::of(&self.kind, self.version, &self.numerics, &self.params);
        let inputs = self.inputs.iter();
        stem.key(inputs.flat_map(|(name, digests)| digests.iter().map(|digest| (name.as_str(), *digest))))
    }

    /// What changed from `earlier` to `self`; empty exactly where their keys are equal.
    pub fn differences_from(&self, earlier: &Self) -> Vec<Difference> {
        let mut differences = Vec::new();
        if self.kind != earlier.kind {
            differences.push(Difference::Kind(earlier.kind.clone(), self.kind.clone()));
        }
        if self.version != earlier.version {
            differences.push(Difference::Version(earlier.version, self.version));
        }
        if self.numerics != earlier.numerics {
            differences.push(Difference::Numerics(earlier.numerics.clone(), self.numerics.clone()));
        }
        differences.extend(self.param_differences_from(earlier));
        differences.extend(self.input_differences_from(earlier));
        differences
    }

    fn param_differences_from(&self, earlier: &Self) -> Vec<Difference> {
        let names: BTreeSet<&String> = self.params.keys().chain(earlier.params.keys()).collect();
        names
            .into_iter()
            .map(|name| (name, earlier.params.get(name), self.params.get(name)))
            .filter(|(_, before, now)| before != now)
            .map(|(name, before, now)| Difference::Param(name.clone(), before.cloned(), now.cloned()))
            .collect()
    }

    fn input_differences_from(&self, earlier: &Self) -> Vec<Difference> {
        let names: BTreeSet<&String> = self.inputs.keys().chain(earlier.inputs.keys()).collect();
        names
            .into_iter()
            .filter(|name| self.inputs.get(*name) != earlier.inputs.get(*name))
            .map(|name| Difference::Input(name.clone()))
            .collect()
    }
}

/// All of a recipe but its inputs: tasks of one step differ in nothing else, and there may be 100,000 of them.
#[derive(Debug, Clone)]
pub struct KeyStem {
    json: Vec<u8>,
}

impl KeyStem {
    /// What recipes of this kind, version, numerics and parameters have in common.
    pub fn of(kind: &str, version: u32, numerics: &str, params: &Params) -> Self {
        let text = |text: &str| serde_json::to_string(text).expect("any text can be JSON");
        let params = serde_json::to_string(params).expect("parameters have only string keys");
        let (kind, numerics) = (text(kind), text(numerics));
        let json = format!(
            "{{\"kind\":{kind},\"version\":{version},\"numerics\":{numerics},\"params\":{params},\"inputs\":{{"
        );
        Self { json: json.into_bytes() }
    }

    /// The key of the recipe with these inputs, which are sorted by name: the very key of [`Recipe::key`].
    pub fn key<'n>(&self, inputs: impl IntoIterator<Item = (&'n str, Digest)>) -> Key {
        static HASHER: LazyLock<blake3::Hasher> = LazyLock::new(|| blake3::Hasher::new_derive_key(CONTEXT));
        let mut json = self.json.clone();
        let mut last: Option<&str> = None;
        for (name, digest) in inputs {
            if last == Some(name) {
                json.push(b',');
            } else {
                json.extend_from_slice(if last.is_some() { b"]," } else { b"" });
                serde_json::to_writer(&mut json, name).expect("any text can be JSON");
                json.extend_from_slice(b":[");
                last = Some(name);
            }
            json.push(b'"');
            digest.push_digits(&mut json);
            json.push(b'"');
        }
        json.extend_from_slice(if last.is_some() { b"]}}" } else { b"}}" });
        let mut hasher = HASHER.clone();
        hasher.update(&json);
        Key(Digest::from_bytes(*hasher.finalize().as_bytes()))
    }
}

impl Key {
    /// The key that has this digest.
    pub fn from_digest(digest: Digest) -> Self {
        Self(digest)
    }

    /// The digest behind it.
    pub fn digest(&self) -> &Digest {
        &self.0
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind(before, now) => write!(f, "kind: {before} -> {now}"),
            Self::Version(before, now) => write!(f, "stage version: {before} -> {now}"),
            Self::Numerics(before, now) => write!(f, "numerics: {before} -> {now}"),
            Self::Param(name, before, now) => {
                write!(f, "`{name}`: {} -> {}", or_default(before), or_default(now))
            }
            Self::Input(name) => write!(f, "other {name}"),
        }
    }
}

fn or_default(value: &Option<serde_json::Value>) -> String {
    value.as_ref().map_or_else(|| "default".to_owned(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn recipe() -> Recipe {
        Recipe {
            kind: "embed.spectral".into(),
            version: 1,
            numerics: "exact".into(),
            params: json!({"n_mfcc": 13, "roll_percent": 0.9}).as_object().unwrap().clone(),
            inputs: BTreeMap::from([("audio".into(), vec![Digest::of(b"audio")])]),
        }
    }

    #[test]
    fn a_key_never_changes_by_accident() {
        // A new value here makes everything stale for everybody: only together with a new CONTEXT.
        let golden = "40074c4d853665e9c856c843e61c72c15cabea58073cfe5a746ce989d475c353";
        assert_eq!(recipe().key().digest().to_string(), golden);
    }

    #[test]
    fn a_key_is_the_digest_of_the_recipe_as_json() {
        let digests = [Digest::of(b"a"), Digest::of(b"b")];
        let many =
            BTreeMap::from([("audio".to_owned(), digests.to_vec()), ("spans".to_owned(), vec![digests[1]])]);
        for inputs in [BTreeMap::new(), recipe().inputs, many] {
            let recipe = Recipe { inputs, ..recipe() };
            let json = serde_json::to_vec(&recipe).unwrap();
            assert_eq!(recipe.key(), Key(Digest::derive(CONTEXT, &json)), "{recipe:?}");
        }
    }

    #[test]
    fn two_recipes_have_equal_keys_exactly_where_nothing_differs() {
        type Change = fn(&mut Recipe);
        let changes: [(Change, &str); 7] = [
            (|_| {}, ""),
            (|recipe| recipe.kind = "embed.mfcc".into(), "kind: embed.spectral -> embed.mfcc"),
            (|recipe| recipe.version = 2, "stage version: 1 -> 2"),
            (|recipe| recipe.numerics = "cpu".into(), "numerics: exact -> cpu"),
            (|recipe| drop(recipe.params.remove("n_mfcc")), "`n_mfcc`: 13 -> default"),
            (|recipe| drop(recipe.params.insert("n_fft".into(), json!(4096))), "`n_fft`: default -> 4096"),
            (
                |recipe| recipe.inputs.values_mut().for_each(|all| all.push(Digest::of(b"more"))),
                "other audio",
            ),
        ];
        for (change, expected) in changes {
            let mut changed = recipe();
            change(&mut changed);
            let differences: Vec<String> =
                changed.differences_from(&recipe()).iter().map(ToString::to_string).collect();
            assert_eq!(differences.join(", "), expected);
            assert_eq!(changed.key() == recipe().key(), expected.is_empty(), "{expected}");
        }
    }
}
