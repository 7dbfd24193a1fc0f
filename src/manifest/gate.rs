//! `[gate]`: limits on what is measured of clips and on their labels, and what becomes of a clip that breaks one.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use toml::de::{DeTable, DeValue};

use super::Label;
use super::findings::{Finding, Findings};
use super::labels;
use super::names::{did_you_mean, nfc, quoted};
use super::tree::{Node, items, number, spanned_text, table, text};
use super::vocabulary::Vocabularies;
use crate::stages::{DUPLICATE, MEASURES};

/// `[gate]`: limits, applied when tables are written, so that another limit recomputes nothing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Gate {
    /// By measure, as the columns of `clips.parquet` are called, or `duplicate`; of each the limits one after the other.
    pub limits: BTreeMap<String, Vec<Limit>>,
    /// By label: what a clip must be labelled with.
    pub labels: BTreeMap<String, LabelLimit>,
}

/// A limit on a measure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Limit {
    /// Less breaks it.
    pub min: Option<f64>,
    /// More breaks it.
    pub max: Option<f64>,
    /// What becomes of a clip that breaks it.
    pub then: Then,
}

/// What a clip must be labelled with.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LabelLimit {
    /// Any other value, or none, breaks it.
    pub is: Label,
    /// What becomes of a clip that breaks it.
    pub then: Then,
}

/// What becomes of a clip that breaks a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Then {
    /// It is flagged.
    Warn,
    /// It is left out of all tables but `clips`.
    Exclude,
    /// The build fails, as if the clip could not be read.
    Fail,
}

const THENS: [(&str, Then); 3] = [("warn", Then::Warn), ("exclude", Then::Exclude), ("fail", Then::Fail)];

impl Default for Gate {
    /// Only what is of no use for any dataset is left out: docs/GATE.md says where each limit comes from.
    fn default() -> Self {
        let limits: [(&str, Vec<Limit>); 15] = [
            ("duration_s", vec![at_least(1.0, Then::Exclude)]),
            ("true_peak_dbtp", vec![at_most(-1.0, Then::Warn)]),
            ("clipping", vec![at_most(1e-5, Then::Warn), at_most(1e-3, Then::Exclude)]),
            ("dc_offset", vec![at_most(0.01, Then::Warn), at_most(0.1, Then::Exclude)]),
            ("snr_db", vec![at_least(20.0, Then::Warn)]),
            ("silence", vec![at_most(0.3, Then::Warn), at_most(0.999, Then::Exclude)]),
            ("cutoff_hz", vec![at_least(20_500.0, Then::Warn)]),
            ("channel_correlation", vec![Limit { min: Some(0.0), max: Some(0.9995), then: Then::Warn }]),
            ("hum_db", vec![at_most(-40.0, Then::Warn)]),
            ("clicks_per_minute", vec![at_most(10.0, Then::Warn)]),
            ("percussion", vec![at_most(0.3, Then::Warn)]),
            ("single_line", vec![at_least(0.5, Then::Warn)]),
            ("start_level_dbfs", vec![at_most(-60.0, Then::Warn)]),
            ("end_level_dbfs", vec![at_most(-60.0, Then::Warn)]),
            (DUPLICATE, vec![at_most(0.7, Then::Warn), at_most(0.85, Then::Exclude)]),
        ];
        let limits = limits.map(|(name, limits)| (name.to_owned(), limits));
        Self { limits: limits.into(), labels: BTreeMap::new() }
    }
}

const fn at_least(min: f64, then: Then) -> Limit {
    Limit { min: Some(min), max: None, then }
}

const fn at_most(max: f64, then: Then) -> Limit {
    Limit { min: None, max: Some(max), then }
}

impl Limit {
    /// The bound that `value` breaks, in words: "above 0.3"; none where it breaks none.
    pub fn broken_by(&self, value: f64) -> Option<String> {
        let below = self.min.filter(|min| value < *min).map(|min| format!("below {min}"));
        below.or_else(|| self.max.filter(|max| value > *max).map(|max| format!("above {max}")))
    }
}

impl fmt::Display for Then {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(THENS.iter().find(|(_, then)| then == self).map_or("", |(word, _)| word))
    }
}

/// What `accept` of a clip and a limit of `[gate]` may name.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    MEASURES.iter().map(|measure| measure.name).chain([DUPLICATE])
}

/// The schema of a clip's `accept`.
pub(super) fn accept_schema(_: &mut SchemaGenerator) -> Schema {
    let names: Vec<&str> = names().collect();
    let schema = json!({ "type": "array", "items": { "type": "string", "enum": names } });
    Schema::try_from(schema).expect("it is an object")
}

/// Reads the cell `accept` of a clip table: names with `;` between them, sorted and once each.
pub(super) fn accepted_in_cell(cell: &str, span: &Range<usize>, findings: &mut Findings) -> Vec<String> {
    let given: BTreeSet<&str> = cell.split(';').map(str::trim).filter(|name| !name.is_empty()).collect();
    for name in given.iter().filter(|name| !names().any(|known| known == **name)) {
        let message = format!("{} is no measure of a clip", quoted(name));
        let finding = Finding::error("T0107", span.clone(), message).label("not a value of `accept`");
        let meant = did_you_mean(name, names().filter(|_| findings.want_hints()));
        findings.push(finding.maybe_hint(meant));
    }
    given.into_iter().map(str::to_owned).collect()
}

/// Reads `accept` of a clip: sorted and once each, for in what order they stand means nothing.
pub(super) fn accepted(clip: &DeTable<'_>) -> Vec<String> {
    let given: BTreeSet<&str> =
        items(clip, "accept").iter().filter_map(spanned_text).map(|(name, _)| name).collect();
    given.into_iter().map(str::to_owned).collect()
}

/// Reads `[gate]`: what it names stands instead of the default limits of that name.
pub(super) fn read(manifest: &DeTable<'_>, vocabularies: &Vocabularies, findings: &mut Findings) -> Gate {
    let mut gate = Gate::default();
    for (key, node) in table(manifest, "gate").into_iter().flatten() {
        match (key.get_ref().as_ref(), node.get_ref()) {
            ("labels", DeValue::Table(table)) => gate.labels = label_limits(table, vocabularies, findings),
            (name, DeValue::Array(nodes)) => {
                let limits = nodes.iter().map(|node| limit(node, findings));
                gate.limits.insert(name.to_owned(), limits.collect());
            }
            (name, _) => _ = gate.limits.insert(name.to_owned(), vec![limit(node, findings)]),
        }
    }
    gate
}

fn limit(node: &Node<'_>, findings: &mut Findings) -> Limit {
    let bound = |key: &str| number(node.get_ref().as_table()?.get(key)?.get_ref());
    let (min, max) = (bound("min"), bound("max"));
    let wrong = match (min, max) {
        (None, None) => Some(("a limit without a bound", "no `min` or `max`")),
        (Some(min), Some(max)) if min > max => Some(("no value lies within this limit", "`min` above `max`")),
        _ => None,
    };
    if let Some((message, label)) = wrong {
        let finding = Finding::error("T0901", node.span(), message).label(label);
        findings.push(finding.hint("for no limit at all, write `[]`"));
    }
    Limit { min, max, then: then(node) }
}

fn label_limits(
    table: &DeTable<'_>,
    vocabularies: &Vocabularies,
    findings: &mut Findings,
) -> BTreeMap<String, LabelLimit> {
    let mut limits = BTreeMap::new();
    for (key, node) in table {
        let name = nfc(key.get_ref());
        if !vocabularies.vocabularies.contains_key(&name) {
            if !vocabularies.broken.contains(&name) {
                let finding = labels::unknown_label(&name, key.span(), vocabularies, findings.want_hints());
                findings.push(finding);
            }
            continue;
        }
        let Some(is) = node.get_ref().as_table().and_then(|limit| limit.get("is")) else { continue };
        // In a table of its own, to be read as a label of a clip is.
        let alone: DeTable<'_> = [(key.clone(), is.clone())].into_iter().collect();
        let read = labels::read(&alone, "", vocabularies, findings);
        limits.extend(
            read.get(&name).map(|is| (name.clone(), LabelLimit { is: is.clone(), then: then(node) })),
        );
    }
    limits
}

fn then(limit: &Node<'_>) -> Then {
    let word = limit.get_ref().as_table().and_then(|limit| text(limit, "then"));
    let known = word.and_then(|(word, _)| THENS.iter().find(|(known, _)| *known == word));
    known.map_or(Then::Warn, |(_, then)| *then)
}

impl JsonSchema for Gate {
    fn schema_name() -> Cow<'static, str> {
        "Gate".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut properties: Map<String, Value> = MEASURES
            .iter()
            .map(|measure| (measure.name, measure.about))
            .chain([(DUPLICATE, "agreement with the clip that is kept, 0-1")])
            .map(|(name, about)| (name.to_owned(), limits_schema(about)))
            .collect();
        let label = Label::json_schema(generator).to_value();
        properties.insert("labels".to_owned(), labels_schema(&label));
        let schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
        Schema::try_from(schema).expect("it is an object")
    }
}

fn limits_schema(about: &str) -> Value {
    let bound = |about: &str| json!({ "type": "number", "description": about });
    let limit = json!({
        "type": "object",
        "properties": {
            "min": bound("Less breaks the limit."), "max": bound("More breaks the limit."),
            "then": then_schema(),
        },
        "additionalProperties": false,
    });
    json!({ "description": about, "anyOf": [limit, { "type": "array", "items": limit }] })
}

fn labels_schema(label: &Value) -> Value {
    let limit = json!({
        "type": "object", "properties": { "is": label, "then": then_schema() }, "required": ["is"],
        "additionalProperties": false,
    });
    json!({
        "description": "What clips must be labelled with, by label.", "type": "object",
        "additionalProperties": limit,
    })
}

fn then_schema() -> Value {
    let words: Vec<&str> = THENS.iter().map(|(word, _)| *word).collect();
    json!({ "type": "string", "enum": words, "description": "What becomes of a clip that breaks it; warn unless given." })
}
