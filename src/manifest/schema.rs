//! The JSON Schema of `taqsim.toml`, generated from the types: editors complete from it, and the parser walks it.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use super::{Label, Manifest, Of, Range, Vocabulary};

/// The families of steps, each with the family that its steps are of.
pub(super) const FAMILIES: [(&str, Option<&str>); 3] =
    [("segment", None), ("embed", Some("segment")), ("reduce", Some("embed"))];

/// The JSON Schema of `taqsim.toml` (draft 2020-12), without references.
///
/// It describes the structure. What refers to other places, such as labels and the vocabulary, only
/// [`parse`](super::parse) can check.
pub fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<Manifest>().to_value();
    schema["title"] = json!("taqsim.toml");
    schema["description"] = json!("An audio dataset: what it is made from and what is computed from it.");
    remove_nulls(&mut schema);
    for (family, of) in FAMILIES {
        let step = &mut schema["properties"][family]["additionalProperties"];
        *step = step_schema(step, of);
        schema["properties"][family]["propertyNames"] = json!({ "pattern": "^[a-z0-9_-]+$" });
    }
    schema["properties"]["clips"] = clip_tables();
    schema["required"] = json!(["dataset"]);
    schema["anyOf"] = json!([{ "required": ["clip"] }, { "required": ["clips"] }]);
    for section in ["normalize", "gate", "evaluate"] {
        if let Some(section) = schema["properties"][section].as_object_mut() {
            section.remove("default");
        }
    }
    schema
}

/// Of many clips: the names of tables.
fn clip_tables() -> Value {
    let name = json!({
        "description": "A table of clips, `.csv`, `.tsv` or `.parquet`, or a glob that several match.",
        "type": "string",
    });
    json!({
        "description": "Tables of clips beside `[[clip]]`, one clip a row: `\"clips.csv\"`, or a list of such names and globs.",
        "anyOf": [name, { "type": "array", "items": name, "minItems": 1 }],
    })
}

/// A step is a table with one key, its kind. As properties rather than alternatives, so that an editor
/// completes the kind, and a wrong parameter is not reported as "no alternative fits".
fn step_schema(step: &Value, of: Option<&str>) -> Value {
    let mut properties = Map::new();
    for alternative in step["oneOf"].as_array().into_iter().flatten() {
        properties.extend(alternative["properties"].as_object().cloned().unwrap_or_default());
    }
    for kind in properties.values_mut() {
        if let Some(of) = of {
            add_of(kind, of);
        }
    }
    json!({
        "description": step["description"], "type": "object", "properties": properties,
        "additionalProperties": false, "minProperties": 1, "maxProperties": 1,
    })
}

fn add_of(kind: &mut Value, family: &str) {
    let article = if family == "embed" { "an" } else { "a" };
    kind["properties"]["of"] = json!({ "type": "string", "description": format!("The name of {article} {family} step: what it works on.") });
    let others = kind["required"].as_array().cloned().unwrap_or_default();
    kind["required"] = std::iter::once(json!("of")).chain(others).collect();
}

/// TOML has no null: an optional key is one that may be absent.
fn remove_nulls(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if let Some(Value::Array(types)) = map.get("type").cloned() {
                let mut types: Vec<Value> = types.into_iter().filter(|name| name != "null").collect();
                let single = if types.len() == 1 { types.pop() } else { None };
                map.insert("type".to_owned(), single.unwrap_or(Value::Array(types)));
            }
            map.retain(|name, value| !(name == "default" && value.is_null()));
            map.values_mut().for_each(remove_nulls);
        }
        Value::Array(values) => {
            values.retain(|value| *value != json!({ "type": "null" }));
            values.iter_mut().for_each(remove_nulls);
        }
        _ => {}
    }
}

impl<K: JsonSchema> JsonSchema for Of<K> {
    fn schema_name() -> Cow<'static, str> {
        K::schema_name()
    }

    /// `of` stands among the parameters of the kind: [`schema`] adds it there.
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        K::json_schema(generator)
    }
}

impl JsonSchema for Range {
    fn schema_name() -> Cow<'static, str> {
        "Range".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let at = json!({
            "type": "string", "description": "A piece of the source, `start-end`: `0:12.5-0:58`, `1:02:03-1:04:00` or `12.5-58` (s).",
        });
        json_schema!({
            "anyOf": [at, {
                "description": "A range with labels of its own, which stand over the clip's.",
                "type": "object", "properties": { "at": at }, "required": ["at"],
                "additionalProperties": label_schema(),
            }],
        })
    }
}

impl JsonSchema for Label {
    fn schema_name() -> Cow<'static, str> {
        "Label".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        Schema::try_from(label_schema()).expect("the schema of a label is an object")
    }
}

fn label_schema() -> Value {
    json!({
        "description": "The value of a label: text or a word of the vocabulary, a number, a date, or true or false.",
        "anyOf": [
            { "type": "string" }, { "type": "number" }, { "type": "boolean" }, { "type": "string", "format": "date" },
        ],
    })
}

impl JsonSchema for Vocabulary {
    fn schema_name() -> Cow<'static, str> {
        "Vocabulary".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let words = json!({ "type": "array", "items": { "type": "string" } });
        let aliases = json!({
            "description": "Each word with the other spellings that are read as it.",
            "type": "object", "additionalProperties": words,
        });
        json_schema!({
            "description": "What a label may be: any text, number, date or bool; or one of a list of words; \
                or one of a table of words with their other spellings.",
            "anyOf": [{ "enum": ["text", "number", "date", "bool"], "type": "string" }, words, aliases],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_tables_with_one_known_kind() {
        let schema = schema();
        let pca = &schema["properties"]["reduce"]["additionalProperties"]["properties"]["pca"];
        assert_eq!(pca["required"], json!(["of"]));
        assert_eq!(pca["additionalProperties"], json!(false));
        assert_eq!(schema["properties"]["segment"]["additionalProperties"]["maxProperties"], json!(1));
    }

    #[test]
    fn nothing_in_the_schema_is_null_or_a_reference() {
        let text = schema().to_string();
        assert!(!text.contains("null") && !text.contains("$ref"), "{text}");
    }
}
