//! `clips = "clips.csv"`: clip tables are found, decoded and read, each a list of clips, one per row.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::de::DeTable;

use super::cells::Rows;
use super::columns::Columns;
use super::findings::{Finding, Findings};
use super::names::{composed, quoted};
use super::places::Origin;
use super::rows::{Reader, misshapen};
use super::text::{TableLayout, Text, Texts};
use super::tree::spanned_text;
use super::vocabulary::Vocabularies;
use super::{Clip, parquet_table, paths, syntax};
use crate::error::{Error, Result};

/// A clip table as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableFile {
    /// Its path from the manifest's folder, with `/`.
    pub path: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// Finds the clip tables of a name, or of a glob: `*` and `?` match within a name, `[...]` one of some characters,
/// `**` any folders. None match, or several, sorted by path.
pub type OpenTables<'o> = dyn Fn(&str) -> Result<Vec<TableFile>> + 'o;

/// What a manifest was read from besides itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TablesRead {
    /// The clip tables, as paths from the manifest's folder, in the order in which they were read.
    pub files: Vec<String>,
    /// The globs that were asked for: a file that is added may match one.
    pub globs: Vec<String>,
}

/// Whether the name of a clip table is a glob, and may match several files.
pub fn is_glob(name: &str) -> bool {
    name.contains(['*', '?', '[', '{'])
}

/// The forms of a clip table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Delimited(u8),
    Parquet,
}

impl Form {
    /// The name's ending says how a table is read.
    fn of(name: &str) -> Option<Self> {
        let (_, ending) = name.rsplit_once('.')?;
        match ending.to_ascii_lowercase().as_str() {
            "csv" => Some(Self::Delimited(b',')),
            "tsv" => Some(Self::Delimited(b'\t')),
            "parquet" => Some(Self::Parquet),
            _ => None,
        }
    }
}

/// Reads the clips of all tables that the manifest names.
pub(super) struct ClipTables<'r> {
    /// Who finds the files.
    pub open: &'r OpenTables<'r>,
    /// What labels may be.
    pub vocabularies: &'r Vocabularies,
    /// Takes the texts that are read.
    pub texts: &'r mut Texts,
    /// Takes what is wrong.
    pub findings: &'r mut Findings,
    /// Takes the clips.
    pub clips: &'r mut Vec<(Clip, Origin)>,
}

impl ClipTables<'_> {
    /// Reads what stands under `clips`.
    pub(super) fn read(&mut self, manifest: &DeTable<'_>) -> TablesRead {
        let mut read = TablesRead::default();
        let mut seen = BTreeSet::new();
        for (name, span) in names(manifest) {
            let Some(name) = paths::read_table_name(name, span.clone(), self.findings) else { continue };
            let Some(form) = Form::of(&name) else {
                self.findings.push(no_form(&name, span));
                continue;
            };
            if is_glob(&name) {
                read.globs.push(name.clone());
            }
            for file in self.open(&name, &span) {
                if seen.insert(file.path.clone()) {
                    read.files.push(file.path.clone());
                    self.table(file, form, &span);
                }
            }
        }
        read
    }

    fn open(&mut self, name: &str, span: &Range<usize>) -> Vec<TableFile> {
        match (self.open)(name) {
            Ok(files) if files.is_empty() => {
                let message = format!("no file matches {}", quoted(name));
                self.findings.push(Finding::error("T0507", span.clone(), message).label("matches nothing"));
                files
            }
            Ok(files) => files,
            Err(error) => {
                self.findings.push(unreadable(&error, span));
                Vec::new()
            }
        }
    }

    fn table(&mut self, file: TableFile, form: Form, span: &Range<usize>) {
        let base = self.texts.next_base();
        let (text, delimiter) = match form {
            Form::Delimited(delimiter) => {
                let n_found = self.findings.n_found();
                let text = syntax::decode(file.bytes, "the table", base, self.findings);
                if self.findings.n_found() > n_found {
                    self.texts.push(Text::new(&file.path, text));
                    return;
                }
                (text, delimiter)
            }
            Form::Parquet => match parquet_table::as_csv(file.bytes) {
                Ok(text) => (text, b','),
                Err(cause) => {
                    self.findings.push(unreadable(&Error::cannot_read(&file.path, cause), span));
                    return;
                }
            },
        };
        let rows_are_lines = form == Form::Parquet;
        let layout = self.rows(
            &file.path,
            &text,
            base,
            TableLayout { row_starts: Vec::new(), columns: Vec::new(), delimiter, rows_are_lines },
        );
        self.texts.push(Text::of_table(&file.path, text, layout));
    }

    fn rows(&mut self, path: &str, text: &str, base: usize, mut layout: TableLayout) -> TableLayout {
        let mut rows = Rows::new(text, layout.delimiter).counted_from(base);
        let mut cells = Vec::new();
        let Some((header, _)) = rows.next(&mut cells, Columns::MOST) else {
            let message = format!("the table {} is empty", quoted(path));
            let hint = "its first row names the columns: `id`, `source`, `license` and any labels";
            self.findings.push(Finding::error("T0509", base..base, message).hint(hint));
            return layout;
        };
        layout.row_starts.push(header.start - base);
        layout.columns = cells.iter().map(|cell| composed(&cell.value).into_owned()).collect();
        if let Some(finding) = misshapen(&cells, &header, cells.len(), cells.len()) {
            self.findings.push(finding);
            return layout;
        }
        let columns = Columns::read(&cells, header, path, self.vocabularies, self.findings);
        let mut reader = Reader::new(columns, self.findings);
        while let Some((row, n_cells)) = rows.next(&mut cells, layout.columns.len()) {
            layout.row_starts.push(row.start - base);
            let start = row.start;
            if let Some(clip) = reader.clip(&cells, row, n_cells) {
                self.clips.push((clip, Origin::Row(start)));
            }
        }
        layout
    }
}

/// The names of clip tables: `clips` is one, or a list of them.
fn names<'n>(manifest: &'n DeTable<'_>) -> Vec<(&'n str, Range<usize>)> {
    let Some(node) = manifest.get("clips") else { return Vec::new() };
    match node.get_ref().as_array() {
        Some(list) => list.iter().filter_map(spanned_text).collect(),
        None => spanned_text(node).into_iter().collect(),
    }
}

fn no_form(name: &str, span: Range<usize>) -> Finding {
    let message = format!("{} cannot be a clip table: its name says not how to read it", quoted(name));
    Finding::error("T0506", span, message)
        .label("not .csv, .tsv or .parquet")
        .hint("name a file, or a glob, that ends in `.csv`, `.tsv` or `.parquet`")
}

fn unreadable(error: &Error, span: &Range<usize>) -> Finding {
    let finding = Finding::error("T0507", span.clone(), error.message.clone()).label("cannot be read");
    error.hints.iter().fold(finding, |finding, hint| finding.hint(hint.clone()))
}
