//! CSV and TSV (RFC 4180) as cells that know their place: findings point at bytes, which readers of records forget.

use std::borrow::Cow;
use std::ops::Range;

use memchr::{memchr, memchr3};

/// A cell of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell<'t> {
    /// Where it stands in the text, quotes included.
    pub span: Range<usize>,
    /// What it says.
    pub value: Cow<'t, str>,
    /// Whether its quotes are closed, and nothing stands behind them.
    pub is_whole: bool,
}

/// Reads a table row by row; blank lines are no rows.
#[derive(Debug)]
pub struct Rows<'t> {
    text: &'t str,
    delimiter: u8,
    at: usize,
    base: usize,
}

impl<'t> Rows<'t> {
    /// The rows of `text`, whose cells `delimiter` separates.
    pub fn new(text: &'t str, delimiter: u8) -> Self {
        Self { text, delimiter, at: 0, base: 0 }
    }

    /// Begins with the row that starts at this byte.
    #[must_use]
    pub fn after_byte(self, at: usize) -> Self {
        Self { at, ..self }
    }

    /// Says places as if the first byte of the text were this one.
    #[must_use]
    pub fn counted_from(self, base: usize) -> Self {
        Self { base, ..self }
    }

    /// Puts the cells of the next row into `cells`, `most` and one at the most, and says where the row stands and
    /// how many cells it has; none after the last row.
    ///
    /// Lines end with a line feed, a carriage return, or both.
    pub fn next(&mut self, cells: &mut Vec<Cell<'t>>, most: usize) -> Option<(Range<usize>, usize)> {
        cells.clear();
        let bytes = self.text.as_bytes();
        while matches!(bytes.get(self.at), Some(b'\n' | b'\r')) {
            self.at += 1;
        }
        let start = self.at;
        if start >= bytes.len() {
            return None;
        }
        let mut n_cells = 0;
        loop {
            let cell = self.cell();
            self.at = cell.span.end - self.base;
            n_cells += 1;
            if cells.len() <= most {
                cells.push(cell);
            }
            if bytes.get(self.at) != Some(&self.delimiter) {
                return Some((self.base + start..self.base + self.at, n_cells));
            }
            self.at += 1;
        }
    }

    /// The cell that starts here; it ends before its delimiter or the end of its line.
    fn cell(&self) -> Cell<'t> {
        let start = self.at;
        if self.text.as_bytes().get(start) == Some(&b'"') {
            return self.quoted_cell();
        }
        let end = self.end_of_plain(start);
        self.spanning(start..end, Cow::Borrowed(&self.text[start..end]), true)
    }

    fn quoted_cell(&self) -> Cell<'t> {
        let start = self.at;
        let Some(close) = self.closing_quote() else {
            let end = self.text.len();
            return self.spanning(start..end, Cow::Borrowed(&self.text[start + 1..end]), false);
        };
        let end = self.end_of_plain(close + 1);
        let quoted = &self.text[start + 1..close];
        let value = if memchr(b'"', quoted.as_bytes()).is_some() {
            Cow::Owned(quoted.replace("\"\"", "\""))
        } else {
            Cow::Borrowed(quoted)
        };
        self.spanning(start..end, value, end == close + 1)
    }

    fn spanning(&self, span: Range<usize>, value: Cow<'t, str>, is_whole: bool) -> Cell<'t> {
        Cell { span: self.base + span.start..self.base + span.end, value, is_whole }
    }

    /// The quote that closes the one that stands here; two in a row are one that is meant.
    fn closing_quote(&self) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let mut at = self.at + 1;
        loop {
            let quote = at + memchr(b'"', bytes.get(at..)?)?;
            if bytes.get(quote + 1) != Some(&b'"') {
                return Some(quote);
            }
            at = quote + 2;
        }
    }

    fn end_of_plain(&self, from: usize) -> usize {
        let rest = &self.text.as_bytes()[from..];
        memchr3(self.delimiter, b'\n', b'\r', rest).map_or(self.text.len(), |length| from + length)
    }
}

/// Writes a cell so that it is read as `value`.
pub(super) fn push_cell(text: &mut String, value: &str, delimiter: u8) {
    let is_plain = memchr3(delimiter, b'\n', b'\r', value.as_bytes()).is_none() && !value.contains('"');
    if is_plain {
        text.push_str(value);
    } else {
        text.push('"');
        text.push_str(&value.replace('"', "\"\""));
        text.push('"');
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(text: &str, delimiter: u8) -> Vec<Vec<String>> {
        let (mut rows, mut cells, mut all) = (Rows::new(text, delimiter), Vec::new(), Vec::new());
        while let Some((span, n_cells)) = rows.next(&mut cells, usize::MAX - 1) {
            assert!(n_cells == cells.len() && span.end <= text.len());
            all.push(cells.iter().map(|cell| cell.value.clone().into_owned()).collect());
        }
        all
    }

    #[test]
    fn quotes_commas_and_line_ends_are_read_as_spreadsheets_write_them() {
        for (text, expected) in [
            ("a,b\nc,d", vec![vec!["a", "b"], vec!["c", "d"]]),
            ("a,b\r\nc,d\r\n", vec![vec!["a", "b"], vec!["c", "d"]]),
            ("a\rb\r", vec![vec!["a"], vec!["b"]]),
            ("\n\na\n\n\r\n,\n", vec![vec!["a"], vec!["", ""]]),
            ("\"a,\"\"b\"\"\nc\",d", vec![vec!["a,\"b\"\nc", "d"]]),
            ("5\" disc,\"\"", vec![vec!["5\" disc", ""]]),
        ] {
            assert_eq!(rows(text, b','), expected, "{text:?}");
        }
    }

    #[test]
    fn a_quote_that_is_not_closed_or_has_something_behind_it_is_not_whole() {
        for (text, is_whole) in
            [("\"a\"", true), ("\"a", false), ("\"a\"b", false), ("\"\"\"\"", true), ("\"", false)]
        {
            let mut cells = Vec::new();
            Rows::new(text, b',').next(&mut cells, 9);
            assert_eq!((cells[0].is_whole, cells[0].span.clone()), (is_whole, 0..text.len()), "{text}");
        }
    }

    #[test]
    fn a_row_of_too_many_cells_is_counted_and_not_kept() {
        let (text, mut cells) = (",".repeat(1000), Vec::new());
        assert_eq!(Rows::new(&text, b',').next(&mut cells, 3), Some((0..1000, 1001)));
        assert_eq!(cells.len(), 4);
    }

    proptest! {
        /// The csv crate is the oracle: it reads the same cells wherever quotes are used as they should be.
        #[test]
        fn cells_are_those_of_the_csv_crate(
            table in proptest::collection::vec(proptest::collection::vec("[a\u{e9}عb ;,\t\"\n\r]{0,4}", 1..4), 0..5),
            delimiter in prop_oneof![Just(b','), Just(b'\t')],
        ) {
            let mut text = String::new();
            let mut by_csv = csv::WriterBuilder::new().delimiter(delimiter).flexible(true).from_writer(Vec::new());
            for row in &table {
                for (nth, value) in row.iter().enumerate() {
                    if nth > 0 {
                        text.push(char::from(delimiter));
                    }
                    push_cell(&mut text, value, delimiter);
                }
                text.push('\n');
                by_csv.write_record(row).expect("it is written to memory");
            }
            let by_csv = String::from_utf8(by_csv.into_inner().expect("it is in memory")).expect("it is text");
            prop_assert_eq!(rows(&by_csv, delimiter), table.clone());
            let mut reader = csv::ReaderBuilder::new()
                .delimiter(delimiter).flexible(true).has_headers(false).from_reader(text.as_bytes());
            let read: Vec<Vec<String>> =
                reader.records().map(|row| row.expect("it is text").iter().map(str::to_owned).collect()).collect();
            prop_assert_eq!(rows(&text, delimiter), read);
        }
    }
}
