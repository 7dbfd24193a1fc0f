//! `[evaluate]`: which labels are looked for in the rows of which embed steps, and who recorded and played.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::json;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::findings::{Finding, Findings};
use super::grouping::RECORDING;
use super::labels::unknown_label;
use super::names::{nfc, quoted};
use super::steps::{self, StepNames};
use super::tree::{items, spanned_text, text};
use super::vocabulary::Vocabularies;
use super::{Of, Vocabulary};
use crate::stages::{Embed, Evaluation};

/// `[evaluate]`: which labels are looked for in the rows of which embed steps, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluate {
    /// The labels that are evaluated, each once.
    pub labels: Vec<String>,
    /// The embed steps whose rows are evaluated, each once.
    pub of: Vec<String>,
    /// The label that says which recording a clip is of; a clip without it is of that which its source is.
    pub recording: String,
    /// The label that says who plays.
    pub artist: Option<String>,
    /// How it is done.
    pub how: Evaluation,
}

/// The label that says who plays, where there is one of this name.
const ARTIST: &str = "artist";
/// What is no parameter of the stage.
const NAMES: [&str; 4] = ["labels", "of", "recording", "artist"];

/// Reads `[evaluate]`; none where there is none.
pub(super) fn read(
    manifest: &DeTable<'_>,
    vocabularies: &Vocabularies,
    embeds: &BTreeMap<String, Of<Embed>>,
    step_names: &StepNames,
    findings: &mut Findings,
) -> Option<Evaluate> {
    let node = manifest.get("evaluate")?;
    let evaluate = node.get_ref().as_table()?;
    let mut column = |key: &str, built_in: &str| {
        let (name, span) = text(evaluate, key)?;
        let name = nfc(name);
        let is_known = name == built_in || knows(vocabularies, &name);
        if !is_known {
            findings.push(unknown_label(&name, span, vocabularies, findings.want_hints()));
        }
        is_known.then_some(name)
    };
    let recording = column("recording", RECORDING).unwrap_or_else(|| RECORDING.to_owned());
    let has_artist = vocabularies.vocabularies.contains_key(ARTIST) && !evaluate.contains_key("artist");
    let artist = column("artist", "").or_else(|| has_artist.then(|| ARTIST.to_owned()));
    let mut labels = labels(evaluate, vocabularies, findings);
    labels.retain(|label| *label != recording && Some(label) != artist.as_ref());
    let of = of(evaluate, embeds, step_names, findings);
    let is_meant = evaluate.contains_key("labels") || !labels.is_empty();
    warn_of_nothing(is_meant, of.is_empty(), step_names, node.span(), findings);
    Some(Evaluate { labels, of, recording, artist, how: how(node, evaluate, findings) })
}

/// Broken definitions are reported where they stand.
fn knows(vocabularies: &Vocabularies, name: &str) -> bool {
    vocabularies.vocabularies.contains_key(name) || vocabularies.broken.contains(name)
}

/// The labels that are named, or else all whose values are few.
fn labels(evaluate: &DeTable<'_>, vocabularies: &Vocabularies, findings: &mut Findings) -> Vec<String> {
    if !evaluate.contains_key("labels") {
        let is_class = |it: &&Vocabulary| matches!(it, Vocabulary::Values(_) | Vocabulary::Bool);
        let all = vocabularies.vocabularies.iter().filter(|(_, vocabulary)| is_class(vocabulary));
        return all.map(|(name, _)| name.clone()).collect();
    }
    let mut labels = Vec::new();
    for (name, span) in items(evaluate, "labels").iter().filter_map(spanned_text) {
        let name = nfc(name);
        match vocabularies.vocabularies.get(&name) {
            _ if labels.contains(&name) => {}
            None if knows(vocabularies, &name) => {}
            None => findings.push(unknown_label(&name, span, vocabularies, findings.want_hints())),
            Some(Vocabulary::Number | Vocabulary::Date) => findings.push(no_class(&name, span)),
            Some(_) => labels.push(name),
        }
    }
    labels
}

fn no_class(name: &str, span: Range<usize>) -> Finding {
    let message = format!("the label {} has numbers or dates, which are no classes", quoted(name));
    let finding = Finding::error("T1001", span, message).label("no class");
    finding.hint("only labels of words, texts, or true and false can be evaluated")
}

/// The embed steps that are named, or else all.
fn of(
    evaluate: &DeTable<'_>,
    embeds: &BTreeMap<String, Of<Embed>>,
    step_names: &StepNames,
    findings: &mut Findings,
) -> Vec<String> {
    if !evaluate.contains_key("of") {
        return embeds.keys().cloned().collect();
    }
    let mut of: Vec<String> = Vec::new();
    for (name, span) in items(evaluate, "of").iter().filter_map(spanned_text) {
        steps::check_target(name, span, "embed", step_names, findings);
        if embeds.contains_key(name) && !of.iter().any(|known| known == name) {
            of.push(name.to_owned());
        }
    }
    of.sort();
    of
}

fn warn_of_nothing(
    has_labels: bool,
    has_no_rows: bool,
    step_names: &StepNames,
    span: Range<usize>,
    findings: &mut Findings,
) {
    let has_embeds = step_names.get("embed").is_some_and(|names| !names.is_empty());
    if has_no_rows && !has_embeds {
        let finding = Finding::warning("T1002", span, "there is no embed step whose rows could be evaluated");
        findings.push(finding.label("evaluates nothing").hint("add one: `[embed.NAME.KIND]`"));
    } else if !has_labels {
        let finding = Finding::warning("T1002", span, "no label is evaluated, only nuisances");
        let hint = "name texts in `labels`, or give a label a list of words in `[labels]`";
        findings.push(finding.label("no label of words").hint(hint));
    }
}

fn how(node: &Spanned<DeValue<'_>>, evaluate: &DeTable<'_>, findings: &mut Findings) -> Evaluation {
    let mut params = evaluate.clone();
    NAMES.iter().for_each(|name| drop(params.remove(*name)));
    steps::read_table(&Spanned::new(node.span(), DeValue::Table(params)), findings)
}

impl JsonSchema for Evaluate {
    fn schema_name() -> Cow<'static, str> {
        "Evaluate".into()
    }

    /// The names stand among the parameters of the stage.
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let names = json!({ "type": "array", "items": { "type": "string" } });
        let with = |schema: &serde_json::Value, description: &str| {
            let mut schema = schema.clone();
            schema["description"] = json!(description);
            schema
        };
        let name = json!({ "type": "string" });
        let mut schema = Evaluation::json_schema(generator).to_value();
        schema["properties"]["labels"] = with(
            &names,
            "The labels that are evaluated. Without it, all of a list of words, and all that are true or false.",
        );
        schema["properties"]["of"] =
            with(&names, "The embed steps whose rows are evaluated. Without it, all.");
        schema["properties"]["recording"] = with(
            &name,
            "The label that says which recording a clip is of; a clip without it is of the recording that its source \
             is. Without it, `recording`. Segments of one recording are never compared with each other.",
        );
        schema["properties"]["artist"] = with(
            &name,
            "The label that says who plays. Without it, `artist`, where there is such a label. Artists are left out \
             one by one to see whether others' segments are recognised.",
        );
        Schema::try_from(schema).expect("the schema of parameters is an object")
    }
}
