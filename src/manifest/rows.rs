//! The rows of a clip table: each is a clip, and what is wrong with one is said at its cell.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::ops::Range as Bytes;
use std::sync::Arc;

use super::cells::Cell;
use super::columns::{Columns, KEYS, LabelColumn};
use super::findings::{Finding, Findings};
use super::names::{composed, nfc};
use super::{Clip, Label, Labels, Range, clips, gate, labels, licences, paths, ranges};

/// Reads the rows of one table.
pub(super) struct Reader<'v, 'f> {
    columns: Columns<'v>,
    findings: &'f mut Findings,
    /// Licences that were checked, and have nothing wrong with them: a table has few, each many times.
    sound_licences: BTreeSet<String>,
    labels: Vec<(Arc<str>, Label)>,
}

impl<'v, 'f> Reader<'v, 'f> {
    /// Reads rows that have these columns.
    pub(super) fn new(columns: Columns<'v>, findings: &'f mut Findings) -> Self {
        Self { columns, findings, sound_licences: BTreeSet::new(), labels: Vec::new() }
    }

    /// The clip of the row at `place`, which has `n_cells`; none of a row without cells, or of another length.
    pub(super) fn clip(&mut self, cells: &[Cell<'_>], place: Bytes<usize>, n_cells: usize) -> Option<Clip> {
        if cells.iter().all(|cell| cell.value.is_empty() && cell.is_whole) && n_cells == self.columns.n {
            return None;
        }
        if let Some(finding) = misshapen(cells, &place, n_cells, self.columns.n) {
            self.findings.push(finding);
            return None;
        }
        let [id, source, license, origin, ranges, accept] = self.columns.keys;
        Some(Clip {
            id: self.required(cells, id, 0).map_or_else(String::new, |cell| self.id(cell)),
            source: self.required(cells, source, 1).map_or_else(String::new, |cell| self.source(cell)),
            license: self.required(cells, license, 2).map_or_else(String::new, |cell| self.licence(cell)),
            origin: given(cells, origin).map(|cell| self.origin(cell)),
            ranges: given(cells, ranges).map_or_else(Vec::new, |cell| self.ranges(cell)),
            labels: self.labels(cells),
            accept: given(cells, accept)
                .map_or_else(Vec::new, |cell| gate::accepted_in_cell(&cell.value, &cell.span, self.findings)),
        })
    }

    /// A cell that may not be empty; a column that is missing was said once, at the header.
    fn required<'c, 't>(
        &mut self,
        cells: &'c [Cell<'t>],
        at: Option<usize>,
        key: usize,
    ) -> Option<&'c Cell<'t>> {
        let cell = cells.get(at?)?;
        if cell.value.is_empty() {
            let key = KEYS[key];
            let finding = Finding::error("T0105", cell.span.clone(), format!("missing `{key}` of a clip"));
            self.findings.push(finding.label("this cell is empty"));
            return None;
        }
        Some(cell)
    }

    fn id(&mut self, cell: &Cell<'_>) -> String {
        let id = nfc(&cell.value);
        clips::check_id(&id, &cell.span, self.findings);
        id
    }

    fn source(&mut self, cell: &Cell<'_>) -> String {
        paths::read(&cell.value, cell.span.clone(), self.findings)
    }

    fn licence(&mut self, cell: &Cell<'_>) -> String {
        let licence: &str = &cell.value;
        if !self.sound_licences.contains(licence) {
            let n_found = self.findings.n_found();
            licences::check(licence, cell.span.clone(), self.findings);
            if self.findings.n_found() == n_found {
                self.sound_licences.insert(licence.to_owned());
            }
        }
        licence.to_owned()
    }

    fn origin(&mut self, cell: &Cell<'_>) -> String {
        labels::check_characters(&cell.value, "`origin`", cell.span.clone(), self.findings);
        nfc(&cell.value)
    }

    fn ranges(&mut self, cell: &Cell<'_>) -> Vec<Range> {
        let raw = cell.span.len();
        // Behind an opening quote; what has quotes inside is no range anyway.
        let start = cell.span.start + usize::from(raw > cell.value.len());
        let mut placed = Vec::new();
        for (text, span) in ranges::in_cell(&cell.value, start) {
            placed.extend(ranges::read(text, span, self.findings));
        }
        ranges::check_order(&placed, self.findings);
        let range = |range: &ranges::Placed| Range {
            start: range.start_s(),
            end: range.end_s(),
            labels: Labels::default(),
        };
        placed.iter().map(range).collect()
    }

    fn labels(&mut self, cells: &[Cell<'_>]) -> Labels {
        for column in &mut self.columns.labels {
            let Some(cell) = given(cells, Some(column.at)) else { continue };
            if let Some(label) = label(column, cell, self.findings) {
                self.labels.push((column.name.clone(), label));
            }
        }
        self.labels.drain(..).collect()
    }
}

/// What is wrong with a row that has more or fewer cells than the header, or quotes that do not close.
pub(super) fn misshapen(
    cells: &[Cell<'_>],
    place: &Bytes<usize>,
    n_cells: usize,
    n_columns: usize,
) -> Option<Finding> {
    let hint =
        "a cell with a separator, a quote or a line end in it stands in quotes, its own quotes doubled";
    if let Some(cell) = cells.iter().find(|cell| !cell.is_whole) {
        let finding = Finding::error("T0508", cell.span.clone(), "a quote is not closed where its cell ends");
        return Some(finding.label("opened here").hint(hint));
    }
    let span = match n_cells.cmp(&n_columns) {
        Ordering::Equal => return None,
        Ordering::Less => place.clone(),
        Ordering::Greater => cells.get(n_columns).map_or(place.start, |cell| cell.span.start)..place.end,
    };
    let message = format!("the row has {n_cells} cells, but the header has {n_columns}");
    let label = if n_cells < n_columns { "too few cells" } else { "more cells than columns" };
    Some(Finding::error("T0508", span, message).label(label).hint(hint))
}

fn label(column: &mut LabelColumn<'_>, cell: &Cell<'_>, findings: &mut Findings) -> Option<Label> {
    if let Some((text, label)) = &column.last
        && *text == *cell.value
    {
        return Some(label.clone());
    }
    let text = composed(&cell.value);
    if let Some(label) = column.words.get(&*text) {
        return Some(label.clone());
    }
    let n_found = findings.n_found();
    let reader =
        labels::Reader { name: &column.name, vocabulary: column.vocabulary, readings: column.readings };
    let label = reader.cell(&text, cell.span.clone(), findings)?;
    if findings.n_found() == n_found {
        let (text, last) = column.last.get_or_insert_with(|| (String::new(), label.clone()));
        text.clear();
        text.push_str(&cell.value);
        *last = label.clone();
    }
    Some(label)
}

/// A cell that says something.
fn given<'c, 't>(cells: &'c [Cell<'t>], at: Option<usize>) -> Option<&'c Cell<'t>> {
    cells.get(at?).filter(|cell| !cell.value.is_empty())
}
