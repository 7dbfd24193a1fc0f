//! The structure of a manifest: a walk along text and JSON Schema at once, which reports and prunes what does not fit.

use std::ops::Range;

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeArray, DeString, DeTable, DeValue};

use super::bounds;
use super::findings::{Finding, Findings};
use super::names::{closest, did_you_mean, listed, quoted};
use super::schema::FAMILIES;
use super::tree::{Node, type_name};

/// Reports everything in `tree` that `schema` does not allow, and removes it, so that the rest can be read.
pub(super) fn prune(tree: &mut DeTable<'_>, schema: &Value, findings: &mut Findings) {
    let mut walk = Walk { path: Vec::new(), findings };
    walk.table(tree, &(0..0), schema);
}

/// `[family.name.kind]`: below it are the values of parameters.
const DEPTH_OF_KIND: usize = 3;

struct Walk<'f> {
    path: Vec<String>,
    findings: &'f mut Findings,
}

impl Walk<'_> {
    /// Whether the value fits; what is wrong inside a table or an array is removed from it instead.
    fn value(&mut self, node: &mut Node<'_>, schema: &Value) -> bool {
        let alternatives = leaves(schema);
        let span = node.span();
        let fitting = alternatives.iter().find(|leaf| accepts(leaf, node.get_ref()));
        let Some(leaf) = fitting else {
            let finding = self.no_alternative(node.get_ref(), span, &alternatives);
            self.findings.push(finding);
            return false;
        };
        match node.get_mut() {
            DeValue::Table(table) => self.table(table, &span, leaf),
            DeValue::Array(array) => self.array(array, span, leaf),
            number @ (DeValue::Integer(_) | DeValue::Float(_)) => self.number(number, span, [schema, leaf]),
            _ => true,
        }
    }

    fn table(&mut self, table: &mut DeTable<'_>, span: &Range<usize>, schema: &Value) -> bool {
        if !self.has_one_kind(table, span, schema) {
            return false;
        }
        let is_complete = self.missing(table, span, schema);
        let entries = std::mem::take(table).into_iter();
        *table = entries
            .filter_map(|(key, mut node)| self.entry(&key, &mut node, schema).then_some((key, node)))
            .collect();
        // Half the value of a parameter is none; what is missing elsewhere is no reason not to read the rest.
        is_complete || self.path.len() <= DEPTH_OF_KIND
    }

    fn entry(&mut self, key: &Spanned<DeString<'_>>, node: &mut Node<'_>, schema: &Value) -> bool {
        let Some(schema) = schema_of_key(schema, key.get_ref()) else {
            let finding = self.unknown_key(key.get_ref(), key.span(), node.get_ref(), schema);
            self.findings.push(finding);
            return false;
        };
        self.path.push(key.get_ref().to_string());
        let fits = self.value(node, schema);
        self.path.pop();
        fits
    }

    fn array(&mut self, array: &mut DeArray<'_>, span: Range<usize>, schema: &Value) -> bool {
        let (least, most) = (schema["minItems"].as_u64(), schema["maxItems"].as_u64());
        let length = array.len() as u64;
        if length < least.unwrap_or(0) || length > most.unwrap_or(u64::MAX) {
            let finding = self.wrong_length(length, least, most, span);
            self.findings.push(finding);
            return false;
        }
        if let Some(items) = schema.get("items") {
            let nodes = std::mem::replace(array, DeArray::new()).into_iter();
            *array = nodes.filter_map(|mut node| self.value(&mut node, items).then_some(node)).collect();
        }
        true
    }

    fn number(&mut self, value: &DeValue<'_>, span: Range<usize>, schemas: [&Value; 2]) -> bool {
        let bound = schemas.iter().find_map(|schema| bounds::broken(value, schema));
        let listed = schemas.iter().find_map(|schema| bounds::not_listed(value, schema));
        let (code, bound) = match (bound, listed) {
            (Some(bound), _) => ("T0106", bound),
            (None, Some(listed)) => ("T0107", listed),
            (None, None) => return true,
        };
        let message = format!("{} must be {bound}", self.here());
        self.findings.push(Finding::error(code, span, message).label(format!("must be {bound}")));
        false
    }

    /// Reports the keys that are missing; whether none is.
    fn missing(&mut self, table: &DeTable<'_>, span: &Range<usize>, schema: &Value) -> bool {
        let mut is_complete = true;
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        for key in required.filter(|key| !table.contains_key(*key)) {
            let about = schema["properties"][key]["description"].as_str().unwrap_or_default();
            let message = format!("missing {} in {}", quoted(key), self.here());
            let finding = Finding::error("T0105", span.clone(), message);
            let finding = finding.label(format!("no {} here", quoted(key)));
            self.findings.push(finding.hint(format!("add {}: {}", quoted(key), first_sentence(about))));
            is_complete = false;
        }
        if self.path.is_empty() && !["clip", "clips"].iter().any(|key| table.contains_key(*key)) {
            self.findings.push(no_clips(span.clone()));
            is_complete = false;
        }
        is_complete
    }

    /// A step has one kind: a table under its name, and only one.
    fn has_one_kind(&mut self, table: &DeTable<'_>, span: &Range<usize>, schema: &Value) -> bool {
        if schema.get("maxProperties").is_none() || table.len() == 1 {
            return true;
        }
        let kinds = keys(schema);
        let named = table.keys().filter(|key| kinds.contains(&key.get_ref().as_ref()));
        let mut places: Vec<Range<usize>> = named.map(Spanned::span).collect();
        places.sort_by_key(|place| place.start);
        let finding = match places.as_slice() {
            [first, second, ..] => {
                Finding::error("T0403", second.clone(), format!("the step {} has two kinds", self.here()))
                    .label("a second kind")
                    .also(first.clone(), "the first")
                    .hint("give one of them another name")
            }
            [] if table.is_empty() => {
                Finding::error("T0403", span.clone(), format!("the step {} has no kind", self.here()))
                    .hint(format!("write `[{}.KIND]` with one of {}", self.path.join("."), listed(kinds)))
            }
            _ => return true,
        };
        self.findings.push(finding);
        false
    }

    fn unknown_key(&self, key: &str, span: Range<usize>, value: &DeValue<'_>, schema: &Value) -> Finding {
        let known = keys(schema);
        let in_step = self.path.len() == 2 && FAMILIES.iter().any(|(family, _)| *family == self.path[0]);
        let is_kind = in_step && value.is_table();
        let mut finding = if is_kind {
            let message = format!("unknown kind of {} step {}", self.path[0], quoted(key));
            Finding::error("T0402", span, message).label("unknown kind")
        } else {
            let message = format!("unknown key {} in {}", quoted(key), self.here());
            Finding::error("T0103", span, message).label("unknown key")
        };
        if in_step && !value.is_table() {
            finding =
                finding.hint(format!("the kind belongs into the header: `[{}.KIND]`", self.path.join(".")));
        }
        if key == "clips" {
            return finding.hint("`clips` stands at the top of the manifest, before the first `[section]`");
        }
        match closest(key, known.iter().copied()) {
            Some(near) => finding.hint(format!("did you mean {}?", quoted(near))),
            None if known.is_empty() => finding.hint(format!("{} takes no keys", self.here())),
            None => finding.hint(format!("known here: {}", listed(known))),
        }
    }

    fn no_alternative(&self, value: &DeValue<'_>, span: Range<usize>, alternatives: &[&Value]) -> Finding {
        let expected = expected(alternatives);
        let words: Vec<&str> = alternatives.iter().flat_map(|leaf| words(leaf)).collect();
        match value.as_str() {
            Some(text) if !words.is_empty() => {
                let message = format!("{} must be {expected}, not {}", self.here(), quoted(text));
                Finding::error("T0107", span, message)
                    .label("not a value of this key")
                    .maybe_hint(did_you_mean(text, words))
            }
            _ => {
                let message = format!("{} must be {expected}, not {}", self.here(), type_name(value));
                let finding = Finding::error("T0104", span, message).label(format!("expected {expected}"));
                finding.maybe_hint(conversion(value, alternatives))
            }
        }
    }

    fn wrong_length(
        &self,
        length: u64,
        least: Option<u64>,
        most: Option<u64>,
        span: Range<usize>,
    ) -> Finding {
        if self.path == ["clip"] {
            return no_clips(span);
        }
        let bound = match (least, most) {
            (Some(least), _) if length < least => format!("at least {least}"),
            (_, most) => format!("at most {}", most.unwrap_or(u64::MAX)),
        };
        Finding::error("T0106", span, format!("{} must have {bound} items", self.here()))
            .label(format!("has {length}"))
    }

    /// Where the walk is, for messages.
    fn here(&self) -> String {
        match self.path.as_slice() {
            [] => "the manifest".to_owned(),
            [clip] if clip == "clip" => "`[[clip]]`".to_owned(),
            [clips] if clips == "clips" => quoted(clips),
            [section] => quoted(&format!("[{section}]")),
            [family, name] if keys_of_families(family) => quoted(&format!("[{family}.{name}]")),
            [family, name, kind] if keys_of_families(family) => quoted(&format!("[{family}.{name}.{kind}]")),
            path => quoted(path.last().map_or("", String::as_str)),
        }
    }
}

fn no_clips(span: Range<usize>) -> Finding {
    Finding::error("T0501", span, "the dataset has no clips").hint(
        "add a `[[clip]]` with `id`, `source` and `license`, or a table of them: `clips = \"clips.csv\"`",
    )
}

fn keys_of_families(section: &str) -> bool {
    FAMILIES.iter().any(|(family, _)| *family == section)
}

/// The alternatives that a schema allows, however they are nested.
fn leaves(schema: &Value) -> Vec<&Value> {
    let nested = schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array);
    match nested {
        Some(alternatives) => alternatives.iter().flat_map(leaves).collect(),
        None => vec![schema],
    }
}

/// The only words that a schema allows; none when it does not say.
fn words(leaf: &Value) -> Vec<&str> {
    let listed = leaf["enum"].as_array().into_iter().flatten();
    listed.chain(leaf.get("const")).filter_map(Value::as_str).collect()
}

fn accepts(leaf: &Value, value: &DeValue<'_>) -> bool {
    let of_type = match leaf["type"].as_str() {
        Some("string") if leaf["format"] == "date" => value.is_datetime(),
        Some("string") => value.is_str(),
        Some("number") => value.is_integer() || value.is_float(),
        Some("integer") => value.is_integer(),
        Some("boolean") => value.is_bool(),
        Some("array") => value.is_array(),
        Some("object") => value.is_table(),
        _ => true,
    };
    let words = words(leaf);
    of_type && (words.is_empty() || value.as_str().is_some_and(|text| words.contains(&text)))
}

/// What is allowed, in words: "an integer or `keep`".
fn expected(alternatives: &[&Value]) -> String {
    let mut expected: Vec<String> = Vec::new();
    for leaf in alternatives {
        let words = words(leaf);
        let named = match leaf["type"].as_str() {
            _ if !words.is_empty() => words.into_iter().map(quoted).collect(),
            Some("string") if leaf["format"] == "date" => vec!["a date".to_owned()],
            Some("array") => vec!["an array".to_owned()],
            Some("object") => vec!["a table".to_owned()],
            Some("integer") => vec!["an integer".to_owned()],
            Some(other) => vec![format!("a {other}")],
            None => vec!["something else".to_owned()],
        };
        expected.extend(named);
    }
    match expected.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => "absent".to_owned(),
    }
}

/// How a value of the wrong type becomes one of the right type.
fn conversion(value: &DeValue<'_>, alternatives: &[&Value]) -> Option<String> {
    let wants = |name: &str| alternatives.iter().any(|leaf| leaf["type"] == name && words(leaf).is_empty());
    match value {
        DeValue::Float(_) if wants("integer") => Some("write it without a fraction".to_owned()),
        DeValue::String(text) if text.parse::<f64>().is_ok() && (wants("number") || wants("integer")) => {
            Some("write it without quotes".to_owned())
        }
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) if wants("string") => {
            Some("write it in quotes".to_owned())
        }
        DeValue::String(_) if wants("array") => Some("write it in brackets: `[\"...\"]`".to_owned()),
        DeValue::Table(_) if wants("array") => Some("write the header in two brackets: `[[...]]`".to_owned()),
        _ => None,
    }
}

fn schema_of_key<'s>(schema: &'s Value, key: &str) -> Option<&'s Value> {
    schema["properties"]
        .get(key)
        .or_else(|| schema.get("additionalProperties").filter(|rest| rest.is_object()))
}

fn keys(schema: &Value) -> Vec<&str> {
    schema["properties"].as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect()
}

/// The first sentence of a description, to be read on after a colon.
fn first_sentence(text: &str) -> String {
    let line = text.replace('\n', " ");
    let sentence = line.split_once(". ").map_or(line.as_str(), |(first, _)| first).trim_end_matches('.');
    let mut characters = sentence.chars();
    match characters.next() {
        Some(first) if !characters.clone().next().is_some_and(char::is_uppercase) => {
            first.to_lowercase().chain(characters).collect()
        }
        _ => sentence.to_owned(),
    }
}
