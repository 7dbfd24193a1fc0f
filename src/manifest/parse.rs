//! From bytes to a manifest, or to everything that is wrong with it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use toml::de::DeTable;

use super::clip_tables::ClipTables;
use super::findings::{Finding, Findings};
use super::names::nfc;
use super::places::{self, ClipPlace, Origin};
use super::schema::FAMILIES;
use super::steps::StepNames;
use super::text::{Text, Texts};
use super::tree::{items, table};
use super::{
    Manifest, OpenTables, TablesRead, clips, dataset, evaluate, gate, label_params, schema, split,
    step_files, steps, structure, syntax, vocabulary,
};
use crate::error::Error;
use crate::stages::{Embed, Reduce, Segment};

/// What came of reading a manifest.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The manifest, if it has no errors.
    pub manifest: Option<Manifest>,
    /// Everything that is wrong with it, in the order of the text.
    pub findings: Findings,
    /// What was read, to show findings in.
    pub texts: Texts,
    /// What it was read from besides itself.
    pub tables: TablesRead,
    /// Where the files stand that steps name, by the name of the step: `embed.clap`.
    pub files: BTreeMap<String, Range<usize>>,
    origins: Vec<Origin>,
}

impl Outcome {
    /// Where a clip stands, by its index in the manifest.
    pub fn place(&self, clip: usize) -> Option<ClipPlace> {
        self.origins.get(clip).map(|origin| origin.place(&self.texts))
    }
}

/// Reads a manifest whose clips all stand in it: a clip table that it names is not found.
///
/// `path` is only what messages call it.
pub fn parse(bytes: &[u8], path: &str) -> Outcome {
    parse_with_tables(bytes, path, &|name| Err(Error::cannot_read(name, "no such file")))
}

/// Reads a manifest and the clip tables that it names, and reports all that is wrong with them at once.
///
/// `path` is only what messages call it; `open` finds the tables.
pub fn parse_with_tables(bytes: &[u8], path: &str, open: &OpenTables) -> Outcome {
    let mut findings = Findings::default();
    let text = syntax::decode(bytes.to_vec(), "the manifest", 0, &mut findings);
    let text = Text::new(path, text);
    let mut read = Read::new(open, text.clone());
    let tree = if findings.is_empty() { syntax::tree(&text, &mut findings) } else { None };
    let manifest = tree.map(|tree| read.manifest(tree));
    add_independent(&mut findings, read.findings, &text);
    findings.sort();
    let manifest = manifest.filter(|_| !findings.has_errors());
    let Read { texts, tables, files, origins, .. } = read;
    Outcome { manifest, findings, texts, tables, files, origins }
}

/// Adds findings to those about the syntax, but for lines of which the syntax is already in question.
fn add_independent(findings: &mut Findings, mut meaning: Findings, text: &Text) {
    findings.sort();
    meaning.sort();
    let lines = syntax::lines_with_findings(findings, text);
    findings.append(meaning, |finding| lines.iter().any(|line| line.contains(&finding.span.start)));
}

/// What is read, and what is wrong with it.
struct Read<'r> {
    open: &'r OpenTables<'r>,
    texts: Texts,
    findings: Findings,
    tables: TablesRead,
    files: BTreeMap<String, Range<usize>>,
    origins: Vec<Origin>,
}

impl<'r> Read<'r> {
    fn new(open: &'r OpenTables<'r>, manifest: Text) -> Self {
        Self {
            open,
            texts: Texts::new(manifest),
            findings: Findings::default(),
            tables: TablesRead::default(),
            files: BTreeMap::new(),
            origins: Vec::new(),
        }
    }

    fn manifest(&mut self, mut tree: DeTable<'_>) -> Manifest {
        let step_names: StepNames =
            FAMILIES.iter().map(|(family, _)| (*family, names_under(&tree, family))).collect();
        let label_names = names_under(&tree, "labels");
        structure::prune(&mut tree, &schema(), &mut self.findings);

        let empty = DeTable::new();
        let labels = table(&tree, "labels").unwrap_or(&empty);
        let vocabularies = vocabulary::read(labels, &label_names, &mut self.findings);
        let findings = &mut self.findings;
        let segment = steps::read::<Segment>(&tree, "segment", None, &step_names, findings);
        let embed = steps::read::<Embed>(&tree, "embed", Some("segment"), &step_names, findings);
        let mut manifest = Manifest {
            dataset: dataset::read(table(&tree, "dataset").unwrap_or(&empty), findings),
            normalize: steps::read_params(&tree, "normalize", findings),
            gate: gate::read(&tree, &vocabularies, findings),
            segment: segment.into_iter().map(|(name, step)| (name, step.kind)).collect(),
            evaluate: evaluate::read(&tree, &vocabularies, &embed, &step_names, findings),
            embed,
            reduce: steps::read::<Reduce>(&tree, "reduce", Some("embed"), &step_names, findings),
            split: split::read(&tree, &vocabularies, findings),
            clips: Vec::new(),
            labels: vocabularies.vocabularies.clone(),
        };
        self.files = step_files::read(&tree, &mut manifest, findings);
        label_params::check(&tree, &manifest, &vocabularies, findings);
        manifest.clips = self.clips(&tree, &vocabularies);
        let place = |clip: usize| self.origins[clip].place(&self.texts);
        split::check(&tree, &manifest, place, &mut self.findings);
        manifest
    }

    /// The clips of the manifest and of its tables, sorted by id.
    fn clips(&mut self, tree: &DeTable<'_>, vocabularies: &vocabulary::Vocabularies) -> Vec<super::Clip> {
        let mut clips = clips::read(items(tree, "clip"), vocabularies, &mut self.findings);
        let (open, texts, findings) = (self.open, &mut self.texts, &mut self.findings);
        self.tables = ClipTables { open, vocabularies, texts, findings, clips: &mut clips }.read(tree);
        if let (true, false, Some(tables)) = (clips.is_empty(), findings.has_errors(), tree.get("clips")) {
            let finding = Finding::error("T0501", tables.span(), "the dataset has no clips");
            findings.push(finding.label("no rows in here"));
        }
        let (clips, origins) = places::sort(clips, texts, findings);
        self.origins = origins;
        clips
    }
}

/// The names in a section before anything is removed from it, so that what refers to them is not reported too.
fn names_under(tree: &DeTable<'_>, section: &str) -> BTreeSet<String> {
    table(tree, section).into_iter().flatten().map(|(key, _)| nfc(key.get_ref())).collect()
}
