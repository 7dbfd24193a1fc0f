//! The labels of a clip or a range: few, sorted, their names and words shared between clips.

use std::borrow::Cow;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::Label;

/// Labels by name, in the order of their names.
///
/// A hundred thousand clips have the same few names: a map of strings for each would take ten times the memory.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Labels(Box<[(Arc<str>, Label)]>);

impl Labels {
    /// The label of this name.
    pub fn get(&self, name: &str) -> Option<&Label> {
        self.position(name).ok().map(|at| &self.0[at].1)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Label)> {
        self.0.iter().map(|(name, label)| (&**name, label))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets a label, and gives the one of that name that was there.
    pub fn insert(&mut self, name: impl Into<Arc<str>>, label: Label) -> Option<Label> {
        let name = name.into();
        match self.position(&name) {
            Ok(at) => Some(std::mem::replace(&mut self.0[at].1, label)),
            Err(at) => {
                let mut list = std::mem::take(&mut self.0).into_vec();
                list.insert(at, (name, label));
                self.0 = list.into_boxed_slice();
                None
            }
        }
    }

    /// Removes all of them.
    pub fn clear(&mut self) {
        self.0 = Box::default();
    }

    fn position(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| (**known).cmp(name))
    }
}

/// Of several labels of one name the last stands, as in any map.
impl<N: Into<Arc<str>>> FromIterator<(N, Label)> for Labels {
    fn from_iter<I: IntoIterator<Item = (N, Label)>>(labels: I) -> Self {
        let labels = labels.into_iter().map(|(name, label)| (name.into(), label));
        let mut list: Vec<(Arc<str>, Label)> = labels.collect();
        if !list.is_sorted_by(|(a, _), (b, _)| a < b) {
            list.reverse();
            list.sort_by(|(a, _), (b, _)| a.cmp(b));
            list.dedup_by(|(later, _), (kept, _)| later == kept);
        }
        Self(list.into_boxed_slice())
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for (name, label) in self.iter() {
            map.serialize_entry(name, label)?;
        }
        map.end()
    }
}

/// The bare value: text, number, true or false.
impl Serialize for Label {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Number(number) => serializer.serialize_f64(*number),
            Self::Bool(truth) => serializer.serialize_bool(*truth),
        }
    }
}

impl JsonSchema for Labels {
    fn schema_name() -> Cow<'static, str> {
        "Labels".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        std::collections::BTreeMap::<String, Label>::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn labels_are_a_map(pairs in proptest::collection::vec(("[a-e]", 0_u8..9), 0..9), more in ("[a-e]", 0_u8..9)) {
            let label = |number: u8| Label::Number(f64::from(number));
            let pairs = || pairs.iter().map(|(name, number)| (name.clone(), label(*number)));
            let mut map: BTreeMap<String, Label> = pairs().collect();
            let mut labels: Labels = pairs().collect();
            let (name, number) = more;
            prop_assert_eq!(labels.get(&name), map.get(&name));
            let replaced = map.insert(name.clone(), label(number));
            prop_assert_eq!(labels.insert(name, label(number)), replaced);
            prop_assert_eq!(
                serde_json::to_string(&labels).expect("labels are JSON"),
                serde_json::to_string(&map).expect("labels are JSON")
            );
            prop_assert_eq!(labels.len(), map.len());
        }
    }
}
