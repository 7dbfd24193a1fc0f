//! Parameters that take a clip's label as their value.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Embed;
use crate::error::{Error, Result};

/// A value, or the name of the label that has it: `tonic = 146.8` or `tonic = { label = "tonic_hz" }`.
///
/// Only a parameter that is written so makes a label part of a recipe, and there its value stands, not its name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OrLabel<V> {
    /// The value itself.
    Value(V),
    /// What each clip's label says.
    Label(FromLabel),
}

/// The name of a label of the clip; a clip without it takes the parameter's default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FromLabel {
    /// The label that has the value.
    pub label: String,
}

impl Embed {
    /// The parameters that take a label's value, each with the name of its label.
    pub fn labels(&self) -> Vec<(String, String)> {
        let params = self.params().into_iter();
        params.filter_map(|(name, value)| Some((name, label_of(&value)?))).collect()
    }

    /// The step as it is for one clip: every parameter that takes a label's value has that value, or its default where
    /// `value_of` knows none.
    ///
    /// # Errors
    /// When a parameter does not take such a value.
    pub fn for_clip(&self, value_of: impl Fn(&str) -> Option<Value>) -> Result<Self> {
        let mut params = self.params();
        for (parameter, label) in self.labels() {
            match value_of(&label) {
                Some(value) => params.insert(parameter, value),
                None => params.remove(&parameter),
            };
        }
        let step = serde_json::json!({ self.kind(): params });
        serde_json::from_value(step).map_err(|_| {
            let kind = self.kind();
            Error::usage(format!("cannot set parameters of `{kind}` from labels: a label has another type"))
        })
    }
}

fn label_of(value: &Value) -> Option<String> {
    let table = value.as_object().filter(|table| table.len() == 1)?;
    table.get("label")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stages::embed::Pitch;

    #[test]
    fn a_label_becomes_the_value_of_its_parameter() {
        let step: Embed = serde_json::from_value(serde_json::json!({
            "pitch": { "fmin": 60.0, "tonic": { "label": "tonic_hz" } }
        }))
        .unwrap();
        assert_eq!(step.labels(), [("tonic".to_owned(), "tonic_hz".to_owned())]);
        let clip = step.for_clip(|label| (label == "tonic_hz").then(|| 146.8.into())).unwrap();
        assert_eq!(Value::from(clip.params()), serde_json::json!({ "fmin": 60.0, "tonic": 146.8 }));
        assert!(clip.labels().is_empty());
        let without = step.for_clip(|_| None).unwrap();
        assert_eq!(Value::from(without.params()), serde_json::json!({ "fmin": 60.0 }));
        assert!(step.for_clip(|_| Some("rast".into())).is_err());
    }

    #[test]
    fn a_step_without_labels_stays_as_it_is() {
        let step = Embed::Pitch(Pitch::default());
        assert!(step.labels().is_empty());
        assert_eq!(step.for_clip(|_| None).unwrap(), step);
    }
}
