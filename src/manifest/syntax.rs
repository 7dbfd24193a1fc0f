//! From bytes to a tree: what is not UTF-8 or not TOML is said here.

use std::ops::Range;

use toml::de::DeTable;

use super::findings::{Finding, Findings};
use super::text::Text;

/// Decodes `what`, whose first byte counts as `base`; a byte order mark is skipped, and bytes that are not UTF-8
/// are a finding.
pub(super) fn decode(mut bytes: Vec<u8>, what: &str, base: usize, findings: &mut Findings) -> String {
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3);
    }
    String::from_utf8(bytes).unwrap_or_else(|error| {
        let bytes = error.as_bytes();
        let at = error.utf8_error().valid_up_to();
        let byte = bytes.get(at).copied().unwrap_or_default();
        let message = format!("{what} is not UTF-8: byte 0x{byte:02x} fits no character");
        let at = base + at;
        let finding = Finding::error("T0101", at..at + '\u{fffd}'.len_utf8(), message);
        findings.push(finding.label("not UTF-8").hint("save the file as UTF-8"));
        String::from_utf8_lossy(bytes).into_owned()
    })
}

/// Parses a manifest as far as its mistakes allow; none when the tree would only be guesswork.
pub(super) fn tree<'t>(text: &'t Text, findings: &mut Findings) -> Option<DeTable<'t>> {
    let (tree, errors) = DeTable::parse_recoverable(&text.text);
    let mut mistakes: Vec<Mistake> =
        errors.into_iter().map(|error| Mistake::new(&error, &text.text)).collect();
    mistakes.sort_by_key(|mistake| mistake.span.start);
    let harmless = mistakes.iter().all(Mistake::leaves_the_tree_whole);
    for mistake in independent(mistakes, text) {
        findings.push(mistake.into_finding());
    }
    harmless.then(|| tree.into_inner())
}

/// The bytes of the lines on which there already is a finding: what follows from it is not said again.
pub(super) fn lines_with_findings(findings: &Findings, text: &Text) -> Vec<Range<usize>> {
    findings.iter().map(|finding| text.line_of(finding.span.start)).collect()
}

struct Mistake {
    message: String,
    span: Range<usize>,
    /// A bracket before it is not closed.
    unclosed: bool,
}

impl Mistake {
    fn new(error: &toml::de::Error, text: &str) -> Self {
        // At the end of the text there is nothing to stand under: the last line is what is unfinished.
        let end = text.trim_end().len();
        let span = error.span().unwrap_or(0..0);
        let span = if span.start >= end { end.saturating_sub(1)..end } else { span };
        Self { message: error.message().to_owned(), span, unclosed: false }
    }

    fn is_duplicate(&self) -> bool {
        self.message.starts_with("duplicate key")
    }

    fn is_unquoted(&self) -> bool {
        self.message.starts_with("string values must be quoted")
    }

    /// The parser dropped or guessed this one value only.
    fn leaves_the_tree_whole(&self) -> bool {
        self.is_duplicate() || self.is_unquoted()
    }

    fn into_finding(self) -> Finding {
        let (label, hint) = if self.is_duplicate() {
            ("given twice", Some("a key and a header may stand only once; `[[clip]]` may be repeated"))
        } else if self.is_unquoted() {
            ("not a value", Some("write text in quotes: `\"...\"`"))
        } else if self.message.starts_with("invalid unquoted key") {
            ("here", Some("write keys with other characters than a-z, A-Z, 0-9, `-` and `_` in quotes"))
        } else {
            ("here", None)
        };
        let message = if self.is_unquoted() { "expected a value".to_owned() } else { self.message };
        Finding::error("T0102", self.span, format!("not valid TOML: {message}"))
            .label(label)
            .maybe_hint(if self.unclosed { None } else { hint.map(str::to_owned) })
            .maybe_hint(self.unclosed.then(|| "a bracket or brace here or before is not closed".to_owned()))
    }
}

/// The first mistake of each line; of a text with an unclosed bracket the first only, for what comes after
/// is a consequence.
fn independent(mistakes: Vec<Mistake>, text: &Text) -> Vec<Mistake> {
    let unclosed = mistakes.iter().any(|mistake| mistake.message.starts_with("unclosed"));
    let mut independent: Vec<Mistake> = Vec::new();
    let mut end_of_line = None;
    for mistake in mistakes {
        if end_of_line.is_none_or(|end| mistake.span.start > end) {
            end_of_line = Some(text.line_of(mistake.span.start).end);
            independent.push(Mistake { unclosed, ..mistake });
        }
        if unclosed {
            break;
        }
    }
    independent
}
