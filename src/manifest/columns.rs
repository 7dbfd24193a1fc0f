//! The header of a clip table: which column is which key of a clip, and which one is which label.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::cells::Cell;
use super::findings::{Finding, Findings};
use super::names::{composed, did_you_mean, quoted};
use super::vocabulary::Vocabularies;
use super::{Label, Vocabulary};

/// Where the columns of a table are, counted from 0.
#[derive(Debug, Default)]
pub(super) struct Columns<'v> {
    /// How many there are.
    pub n: usize,
    /// Where each of [`KEYS`] is.
    pub keys: [Option<usize>; KEYS.len()],
    /// The columns that are labels, by name.
    pub labels: Vec<LabelColumn<'v>>,
}

/// A column of labels.
#[derive(Debug)]
pub(super) struct LabelColumn<'v> {
    /// Where it is.
    pub at: usize,
    /// The name of the label.
    pub name: Arc<str>,
    /// What it may be.
    pub vocabulary: &'v Vocabulary,
    /// How each spelling of the vocabulary is read.
    pub readings: Option<&'v BTreeMap<String, String>>,
    /// The same, with every word made once for all clips that carry it.
    pub words: BTreeMap<&'v str, Label>,
    /// What the row before said, and how it was read: in most tables rows of a kind stand together.
    pub last: Option<(String, Label)>,
}

/// The keys of a clip that are columns.
pub(super) const KEYS: [&str; 6] = ["id", "source", "license", "origin", "ranges", "accept"];

/// Of [`KEYS`], these have to be there.
const N_REQUIRED: usize = 3;

impl<'v> Columns<'v> {
    /// No table has more columns.
    pub(super) const MOST: usize = 4096;

    /// Reads the header at `place` of the table `path`.
    pub(super) fn read(
        header: &[Cell<'_>],
        place: Range<usize>,
        path: &str,
        vocabularies: &'v Vocabularies,
        findings: &mut Findings,
    ) -> Self {
        let mut columns = Self { n: header.len(), ..Self::default() };
        let mut seen: BTreeMap<String, Range<usize>> = BTreeMap::new();
        for (at, cell) in header.iter().enumerate() {
            let name = composed(&cell.value).into_owned();
            if let Some(first) = seen.get(&name).filter(|_| !name.is_empty()) {
                let message = format!("two columns are called {}", quoted(&name));
                let finding = Finding::error("T0509", cell.span.clone(), message).label("again");
                findings.push(finding.also(first.clone(), "first here"));
                continue;
            }
            columns.add(at, &name, cell, vocabularies, findings);
            seen.insert(name, cell.span.clone());
        }
        columns.labels.sort_by(|a, b| a.name.cmp(&b.name));
        columns.check_whole(header, place, path, findings);
        columns
    }

    fn add(
        &mut self,
        at: usize,
        name: &str,
        cell: &Cell<'_>,
        vocabularies: &'v Vocabularies,
        findings: &mut Findings,
    ) {
        if let Some(key) = KEYS.iter().position(|key| *key == name) {
            self.keys[key] = Some(at);
        } else if let Some(vocabulary) = vocabularies.vocabularies.get(name) {
            let readings = vocabularies.readings.get(name);
            let (name, words) = (name.into(), words(readings));
            self.labels.push(LabelColumn { at, name, vocabulary, readings, words, last: None });
        } else if !vocabularies.broken.contains(name) {
            let finding = unknown(name, cell.span.clone(), vocabularies, findings.want_hints());
            findings.push(finding);
        }
    }

    fn check_whole(&self, header: &[Cell<'_>], place: Range<usize>, path: &str, findings: &mut Findings) {
        if header.len() > Self::MOST {
            let message = format!("the table {} has more than {} columns", quoted(path), Self::MOST);
            findings.push(Finding::error("T0509", place.clone(), message).label("too many columns"));
        }
        let missing = KEYS.iter().zip(&self.keys).take(N_REQUIRED).filter(|(_, at)| at.is_none());
        for (key, _) in missing {
            let message = format!("the table {} has no column `{key}`", quoted(path));
            let finding = Finding::error("T0105", place.clone(), message).label(format!("no `{key}` here"));
            findings.push(
                finding.hint("the first row names the columns: `id`, `source`, `license` and any labels"),
            );
        }
    }
}

fn words(readings: Option<&BTreeMap<String, String>>) -> BTreeMap<&str, Label> {
    let mut canonical: BTreeMap<&str, Arc<str>> = BTreeMap::new();
    let mut words = BTreeMap::new();
    for (spelling, word) in readings.into_iter().flatten() {
        let word = canonical.entry(word).or_insert_with(|| word.as_str().into());
        words.insert(spelling.as_str(), Label::Text(word.clone()));
    }
    words
}

fn unknown(name: &str, span: Range<usize>, vocabularies: &Vocabularies, hints: bool) -> Finding {
    if name.is_empty() {
        return Finding::error("T0509", span, "a column has no name")
            .label("no name")
            .hint("delete the column, or name it; pandas leaves its index out with `index=False`");
    }
    let finding = Finding::error("T0509", span, format!("unknown column {}", quoted(name)))
        .label("neither a key of a clip nor a label");
    if name == "labels" {
        return finding.hint("every label is a column of its own, with the label's name");
    }
    if let Some(other) = name.chars().find(|character| matches!(character, ';' | '\t' | ',')) {
        let message =
            format!("cells are separated by commas in a .csv and by tabs in a .tsv, not by {other:?}");
        return finding.hint(message);
    }
    let declared = vocabularies.vocabularies.keys().map(String::as_str);
    match did_you_mean(name, KEYS.into_iter().chain(declared).filter(|_| hints)) {
        Some(hint) => finding.hint(hint),
        None => {
            let declaration = quoted(&format!("{name} = \"text\""));
            finding.hint(format!(
                "declare the label in `[labels]`, for example as {declaration}, or delete the column"
            ))
        }
    }
}
