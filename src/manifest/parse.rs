//! From bytes to a manifest, or to everything that is wrong with it.

use std::collections::BTreeSet;

use toml::de::DeTable;

use super::findings::Findings;
use super::names::nfc;
use super::places::Places;
use super::schema::FAMILIES;
use super::steps::StepNames;
use super::tree::{items, table};
use super::{
    Manifest, ManifestText, clips, dataset, label_params, schema, steps, structure, syntax, vocabulary,
};
use crate::stages::{Embed, Reduce, Segment};

/// What came of reading a manifest.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The manifest, if it has no errors.
    pub manifest: Option<Manifest>,
    /// Everything that is wrong with it, in the order of the text.
    pub findings: Findings,
    /// Where its clips are.
    pub places: Places,
    /// Its text, to show findings in.
    pub text: ManifestText,
}

/// Reads a manifest, and reports all that is wrong with it at once.
///
/// `path` is only what messages call it.
pub fn parse(bytes: &[u8], path: &str) -> Outcome {
    let mut findings = Findings::default();
    let mut places = Places::default();
    let text = syntax::decode(bytes, path, &mut findings);
    let tree = if findings.is_empty() { syntax::tree(&text, &mut findings) } else { None };
    let mut manifest = None;
    if let Some(tree) = tree {
        let mut meaning = Findings::default();
        manifest = read(tree, &mut meaning, &mut places);
        add_independent(&mut findings, meaning, &text);
    }
    findings.sort();
    let manifest = manifest.filter(|_| !findings.has_errors());
    Outcome { manifest, findings, places, text }
}

/// Adds findings to those about the syntax, but for lines of which the syntax is already in question.
fn add_independent(findings: &mut Findings, mut meaning: Findings, text: &ManifestText) {
    findings.sort();
    meaning.sort();
    let lines = syntax::lines_with_findings(findings, text);
    findings.append(meaning, |finding| lines.iter().any(|line| line.contains(&finding.span.start)));
}

fn read(mut tree: DeTable<'_>, findings: &mut Findings, places: &mut Places) -> Option<Manifest> {
    let step_names: StepNames =
        FAMILIES.iter().map(|(family, _)| (*family, names_under(&tree, family))).collect();
    let label_names = names_under(&tree, "labels");
    structure::prune(&mut tree, &schema(), findings);

    let empty = DeTable::new();
    let labels = table(&tree, "labels").unwrap_or(&empty);
    let vocabularies = vocabulary::read(labels, &label_names, findings);
    let segment = steps::read::<Segment>(&tree, "segment", None, &step_names, findings);
    let manifest = Manifest {
        dataset: dataset::read(table(&tree, "dataset").unwrap_or(&empty), findings),
        normalize: steps::read_params(&tree, "normalize", findings),
        segment: segment.into_iter().map(|(name, step)| (name, step.kind)).collect(),
        embed: steps::read::<Embed>(&tree, "embed", Some("segment"), &step_names, findings),
        reduce: steps::read::<Reduce>(&tree, "reduce", Some("embed"), &step_names, findings),
        clips: clips::read(items(&tree, "clip"), &vocabularies, findings, places),
        labels: vocabularies.vocabularies.clone(),
    };
    label_params::check(&tree, &manifest, &vocabularies, findings);
    Some(manifest)
}

/// The names in a section before anything is removed from it, so that what refers to them is not reported too.
fn names_under(tree: &DeTable<'_>, section: &str) -> BTreeSet<String> {
    table(tree, section).into_iter().flatten().map(|(key, _)| nfc(key.get_ref())).collect()
}
