//! The manifest as text, and where in it things are.

use std::ops::Range;

/// The text of a manifest with the path that messages call it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestText {
    /// What messages call the file.
    pub path: String,
    /// The text: no byte order mark; bytes that are not UTF-8 are replaced.
    pub text: String,
    line_starts: Vec<usize>,
}

/// A place as editors count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
}

impl ManifestText {
    /// Wraps a manifest's text, to show findings in it.
    pub fn new(path: &str, text: String) -> Self {
        let line_starts = std::iter::once(0)
            .chain(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1))
            .collect();
        Self { path: path.to_owned(), text, line_starts }
    }

    /// The byte at which the character begins that a byte belongs to.
    pub(super) fn boundary(&self, byte: usize) -> usize {
        let byte = byte.min(self.text.len());
        (0..=byte).rev().find(|at| self.text.is_char_boundary(*at)).unwrap_or(0)
    }

    /// The line and column of a byte; one inside a character counts as that character.
    pub(super) fn position(&self, byte: usize) -> Position {
        let byte = self.boundary(byte);
        let line = self.line_starts.partition_point(|start| *start <= byte);
        let start = self.line_starts[line - 1];
        Position { line, column: self.text[start..byte].chars().count() + 1 }
    }

    /// The bytes of the line that a byte is on, without its line feed.
    pub(super) fn line_of(&self, byte: usize) -> Range<usize> {
        let line = self.line_starts.partition_point(|start| *start <= byte);
        let start = self.line_starts[line - 1];
        let end = self.line_starts.get(line).map_or(self.text.len(), |next| next - 1);
        start..end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_from_one() {
        let text = ManifestText::new("taqsim.toml", "a\nعود = 1\n".to_owned());
        for (byte, line, column) in [(0, 1, 1), (1, 1, 2), (2, 2, 1), (4, 2, 2), (8, 2, 4), (99, 3, 1)] {
            assert_eq!(text.position(byte), Position { line, column }, "byte {byte}");
        }
    }

    #[test]
    fn a_line_ends_before_its_line_feed() {
        let text = ManifestText::new("taqsim.toml", "ab\ncd".to_owned());
        assert_eq!((text.line_of(1), text.line_of(2), text.line_of(4)), (0..2, 0..2, 3..5));
    }
}
