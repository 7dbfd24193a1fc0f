//! Parameters that take a clip's label as their value: the label has to be there and of the right type.

use serde_json::Value;
use toml::de::DeTable;

use super::findings::{Finding, Findings};
use super::labels::unknown_label;
use super::names::quoted;
use super::tree::{Node, table};
use super::vocabulary::Vocabularies;
use super::{Manifest, Vocabulary};

/// Reports parameters of embed steps that name a label which is not declared, or not of their type.
pub(super) fn check(
    tree: &DeTable<'_>,
    manifest: &Manifest,
    vocabularies: &Vocabularies,
    findings: &mut Findings,
) {
    for (step, embed) in &manifest.embed {
        for (parameter, label) in embed.kind.labels() {
            let Some(node) = node_of(tree, [step, embed.kind.kind(), &parameter]) else { continue };
            let Some(vocabulary) = vocabularies.vocabularies.get(&label) else {
                if !vocabularies.broken.contains(&label) {
                    let finding = unknown_label(&label, node.span(), vocabularies, findings.want_hints());
                    findings.push(finding);
                }
                continue;
            };
            if embed.kind.for_clip(|_| Some(example(vocabulary))).is_err() {
                findings.push(wrong_type(&parameter, &label, vocabulary, node));
            }
        }
    }
}

fn node_of<'n, 't>(tree: &'n DeTable<'t>, [step, kind, parameter]: [&str; 3]) -> Option<&'n Node<'t>> {
    table(table(table(tree, "embed")?, step)?, kind)?.get(parameter)
}

/// A value that a label of this vocabulary could have.
fn example(vocabulary: &Vocabulary) -> Value {
    match vocabulary {
        Vocabulary::Number => 1.0.into(),
        Vocabulary::Bool => true.into(),
        Vocabulary::Text | Vocabulary::Date => "2026-11-21".into(),
        Vocabulary::Values(words) => words.keys().next().map_or("", String::as_str).into(),
    }
}

fn wrong_type(parameter: &str, label: &str, vocabulary: &Vocabulary, node: &Node<'_>) -> Finding {
    let given = match vocabulary {
        Vocabulary::Number => "a number",
        Vocabulary::Bool => "true or false",
        Vocabulary::Date => "a date",
        Vocabulary::Text | Vocabulary::Values(_) => "text",
    };
    let message =
        format!("{} cannot be taken from the label {}, which is {given}", quoted(parameter), quoted(label));
    Finding::error("T0406", node.span(), message).label("a label of another type")
}
