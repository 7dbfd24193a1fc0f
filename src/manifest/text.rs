//! What was read, as text: the manifest and every clip table, and where in them things are.

use std::ops::Range;
use std::sync::OnceLock;

use memchr::memchr2_iter;

use super::cells::Rows;
use super::places::ClipPlace;

/// All that was read, one text after the other: a place is a byte of one of them, counted through all.
///
/// The manifest comes first, so that its bytes count from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Texts(Vec<Text>);

/// One text with the path that messages call it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text {
    /// What messages call the file.
    pub path: String,
    /// The text: no byte order mark; bytes that are not UTF-8 are replaced.
    pub text: String,
    /// The byte that its first one counts as.
    base: usize,
    /// What makes it a table.
    table: Option<TableLayout>,
    line_starts: OnceLock<Vec<usize>>,
}

/// Where the rows of a table are, and what its columns are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TableLayout {
    /// Where each row starts; the first is the header.
    pub row_starts: Vec<usize>,
    /// The names of the columns, composed.
    pub columns: Vec<String>,
    /// What separates cells.
    pub delimiter: u8,
    /// Whether a line is a row whatever line ends its cells have: the text was made from a binary table.
    pub rows_are_lines: bool,
}

/// A place as editors count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
}

impl Texts {
    /// Begins with the manifest.
    pub(super) fn new(manifest: Text) -> Self {
        Self(vec![manifest])
    }

    /// The byte that the first one of the next text will count as.
    pub(super) fn next_base(&self) -> usize {
        self.0.last().map_or(0, |last| last.base + last.text.len() + 1)
    }

    /// Adds a text.
    pub(super) fn push(&mut self, text: Text) {
        self.0.push(Text { base: self.next_base(), ..text });
    }

    /// The manifest.
    pub(super) fn manifest(&self) -> &Text {
        &self.0[0]
    }

    /// The text that a place is in, and its bytes there.
    pub(super) fn locate(&self, span: &Range<usize>) -> (&Text, Range<usize>) {
        let after = self.0.partition_point(|text| text.base <= span.start);
        let text = &self.0[after.max(1) - 1];
        (text, span.start - text.base..span.end.saturating_sub(text.base))
    }

    /// Where a clip is that a row of a table says; `start` is where the row starts.
    pub(super) fn clip_in_row(&self, start: usize) -> ClipPlace {
        let (text, row) = self.locate(&(start..start));
        let cell = |key: &str| {
            text.cell(row.start, key)
                .map_or(start..start, |cell| cell.start + text.base..cell.end + text.base)
        };
        let ranges = cell("ranges");
        let value = &self.locate(&ranges).0.text[ranges.start - text.base..ranges.end - text.base];
        let ranges = super::ranges::in_cell(value, ranges.start).map(|(_, span)| span).collect();
        ClipPlace { id: cell("id"), source: cell("source"), ranges }
    }
}

impl Text {
    /// Wraps a text.
    pub(super) fn new(path: &str, text: String) -> Self {
        Self { path: path.to_owned(), text, base: 0, table: None, line_starts: OnceLock::new() }
    }

    /// Wraps a table.
    pub(super) fn of_table(path: &str, text: String, table: TableLayout) -> Self {
        Self { table: Some(table), ..Self::new(path, text) }
    }

    /// The byte at which the character begins that a byte belongs to.
    pub(super) fn boundary(&self, byte: usize) -> usize {
        let byte = byte.min(self.text.len());
        (0..=byte).rev().find(|at| self.text.is_char_boundary(*at)).unwrap_or(0)
    }

    /// The line and column of a byte; one inside a character counts as that character.
    pub(super) fn position(&self, byte: usize) -> Position {
        let byte = self.boundary(byte);
        let starts = self.line_starts();
        let line = starts.partition_point(|start| *start <= byte);
        let start = starts[line - 1];
        Position { line, column: self.text[start..byte].chars().count() + 1 }
    }

    /// The bytes of the line that a byte is on, without what ends it.
    pub(super) fn line_of(&self, byte: usize) -> Range<usize> {
        let starts = self.line_starts();
        let line = starts.partition_point(|start| *start <= byte);
        let start = starts[line - 1];
        let end = starts.get(line).map_or(self.text.len(), |next| next - 1);
        start..end
    }

    /// The row, counted from 1 after the header, and the column that a byte of a table is in.
    pub(super) fn row_and_column(&self, byte: usize) -> Option<(usize, Option<&str>)> {
        let table = self.table.as_ref()?;
        let row = table.row_starts.partition_point(|start| *start <= byte).checked_sub(1)?;
        let mut cells = Vec::new();
        let rows = Rows::new(&self.text, table.delimiter);
        rows.after_byte(table.row_starts[row]).next(&mut cells, table.columns.len());
        let nth = cells.iter().position(|cell| byte <= cell.span.end);
        let column = nth.and_then(|nth| table.columns.get(nth)).map(String::as_str);
        (row > 0).then_some((row, column))
    }

    /// Where the cell of a column is in the row that starts at a byte.
    fn cell(&self, row: usize, column: &str) -> Option<Range<usize>> {
        let table = self.table.as_ref()?;
        let nth = table.columns.iter().position(|name| name == column)?;
        let mut cells = Vec::new();
        Rows::new(&self.text, table.delimiter).after_byte(row).next(&mut cells, table.columns.len());
        cells.get(nth).map(|cell| cell.span.clone())
    }

    fn line_starts(&self) -> &[usize] {
        self.line_starts.get_or_init(|| match &self.table {
            Some(table) if table.rows_are_lines && !table.row_starts.is_empty() => table.row_starts.clone(),
            _ => line_starts(&self.text),
        })
    }
}

/// A line ends with a line feed, a carriage return, or both.
fn line_starts(text: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let is_end = |at: &usize| bytes[*at] == b'\n' || bytes.get(at + 1) != Some(&b'\n');
    let ends = memchr2_iter(b'\n', b'\r', bytes).filter(is_end);
    std::iter::once(0).chain(ends.map(|at| at + 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_from_one() {
        let text = Text::new("taqsim.toml", "a\nعود = 1\n".to_owned());
        for (byte, line, column) in [(0, 1, 1), (1, 1, 2), (2, 2, 1), (4, 2, 2), (8, 2, 4), (99, 3, 1)] {
            assert_eq!(text.position(byte), Position { line, column }, "byte {byte}");
        }
    }

    #[test]
    fn a_line_ends_before_its_line_feed() {
        let text = Text::new("taqsim.toml", "ab\ncd".to_owned());
        assert_eq!((text.line_of(1), text.line_of(2), text.line_of(4)), (0..2, 0..2, 3..5));
    }

    #[test]
    fn lines_end_as_any_system_ends_them() {
        for (text, starts) in [("a\nb", vec![0, 2]), ("a\r\nb", vec![0, 3]), ("a\rb\r", vec![0, 2, 4])] {
            assert_eq!(line_starts(text), starts, "{text:?}");
        }
    }

    #[test]
    fn a_place_is_in_one_of_several_texts() {
        let mut texts = Texts::new(Text::new("taqsim.toml", "abc".to_owned()));
        texts.push(Text::new("a.csv", String::new()));
        texts.push(Text::new("b.csv", "id\nx".to_owned()));
        for (byte, path, local) in
            [(0, "taqsim.toml", 0), (3, "taqsim.toml", 3), (4, "a.csv", 0), (5, "b.csv", 0), (9, "b.csv", 4)]
        {
            let (text, span) = texts.locate(&(byte..byte));
            assert_eq!((text.path.as_str(), span.start), (path, local), "byte {byte}");
        }
    }
}
