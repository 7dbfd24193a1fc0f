//! Findings as text for people, as JSON, and as annotations of a pull request.

use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use serde_json::{Value, json};

use super::findings::{Finding, Findings, Severity};
use super::names::quoted;
use super::text::{Position, Text, Texts};
use crate::text::{must_escape, printable};

/// How findings are shown to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Plain text.
    Plain,
    /// With colours, as ANSI escapes.
    Coloured,
}

/// The findings as rustc shows its own: message, place, the line with a caret, and help.
///
/// Nothing that the manifest says reaches the terminal unescaped.
pub fn render(findings: &Findings, texts: &Texts, style: Style) -> String {
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Coloured => Renderer::styled(),
    };
    let renderer = renderer.decor_style(DecorStyle::Ascii);
    let mut rendered = String::new();
    for finding in findings.iter() {
        rendered.push_str(&renderer.render(&[group(finding, texts)]));
        rendered.push_str("\n\n");
    }
    if findings.omitted() > 0 {
        rendered.push_str(&format!("and {} more findings\n", findings.omitted()));
    }
    rendered
}

/// The findings as JSON: `{schema_version, findings: [{code, severity, message, file, line, ...}], omitted}`.
///
/// Lines and columns count from 1, columns in characters; the end is exclusive. In a clip table, `row` counts from 1
/// after the header, and `cell` is the name of the column; the lines of a Parquet table are its rows, and the columns
/// count as if it were written as CSV.
pub fn to_json(findings: &Findings, texts: &Texts) -> Value {
    let list: Vec<Value> = findings
        .iter()
        .map(|finding| {
            let (text, span) = texts.locate(&finding.span);
            let (start, end) = (text.position(span.start), text.position(span.end));
            let mut json = json!({
                "code": finding.code, "severity": severity(finding), "message": finding.message,
                "file": text.path, "line": start.line, "column": start.column,
                "end_line": end.line, "end_column": end.column, "hints": finding.hints,
            });
            if let Some((row, cell)) = text.row_and_column(span.start) {
                json["row"] = row.into();
                json["cell"] = cell.into();
            }
            json
        })
        .collect();
    json!({ "schema_version": 1, "findings": list, "omitted": findings.omitted() })
}

/// The findings as workflow commands of GitHub Actions, errors first: of each kind only ten are shown a step.
pub fn to_github(findings: &Findings, texts: &Texts) -> String {
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by_key(|finding| finding.severity);
    let lines = sorted.into_iter().map(|finding| {
        let (text, span) = texts.locate(&finding.span);
        let (start, end) = (text.position(span.start), text.position(span.end));
        let mut words = vec![finding.message.clone()];
        words.extend(row_and_column(text, span.start));
        words.extend(finding.hints.iter().map(|hint| format!("help: {hint}")));
        let mut properties =
            format!("file={},line={},col={}", property(&text.path), start.line, start.column);
        if start.line == end.line {
            properties.push_str(&format!(",endColumn={}", end.column));
        }
        let (severity, message) = (severity(finding), data(&words.join("\n")));
        format!("::{severity} {properties},title={}::{message}\n", property(finding.code))
    });
    lines.collect()
}

fn severity(finding: &Finding) -> &'static str {
    match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// Escapes the message of a workflow command.
fn data(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(printable).collect();
    lines.join("\n").replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes a property of a workflow command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// Where in a table: `row 17, column `maqam``.
fn row_and_column(text: &Text, byte: usize) -> Option<String> {
    let (row, column) = text.row_and_column(byte)?;
    let column = column.map_or_else(String::new, |column| format!(", column {}", quoted(column)));
    Some(format!("row {row}{column}"))
}

fn group<'f>(finding: &'f Finding, texts: &Texts) -> Group<'f> {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(printable(&finding.message)).id(finding.code));
    if finding.span == (0..0) {
        // What is missing from the manifest as a whole stands nowhere: a caret would blame the first line.
        group = group.element(Origin::path(printable(&texts.manifest().path)));
    } else {
        for shown in excerpts(finding, texts) {
            group = shown.add_to(group);
        }
    }
    let (text, span) = texts.locate(&finding.span);
    if let Some(place) = row_and_column(text, span.start) {
        group = group.element(Level::NOTE.message(place));
    }
    for hint in &finding.hints {
        group = group.element(Level::HELP.message(printable(hint)));
    }
    group
}

/// One excerpt per line that the finding points at, its own place first.
fn excerpts<'f, 't>(finding: &'f Finding, texts: &'t Texts) -> Vec<Excerpt<'f, 't>> {
    let mut marks = vec![(&finding.span, finding.label.as_str(), AnnotationKind::Primary)];
    marks.extend(finding.also.iter().map(|(span, label)| (span, label.as_str(), AnnotationKind::Context)));
    let mut excerpts: Vec<Excerpt<'f, 't>> = Vec::new();
    for (span, label, kind) in marks {
        let (text, span) = texts.locate(span);
        let new = Excerpt::new(text, &span);
        let mark = kind.span(new.place(&span));
        let mark = if label.is_empty() { mark } else { mark.label(printable(label)) };
        match excerpts.iter_mut().find(|known| std::ptr::eq(known.text, text) && known.window == new.window) {
            Some(known) => known.marks.push(mark),
            None => excerpts.push(Excerpt { marks: vec![mark], ..new }),
        }
    }
    excerpts
}

/// The part of one line that is shown, made safe, and what is marked in it.
struct Excerpt<'f, 't> {
    text: &'t Text,
    start: Position,
    window: Range<usize>,
    shown: String,
    marks: Vec<Annotation<'f>>,
}

/// Bytes shown before and after what is marked, at least, of a line that is far too long.
const AROUND: usize = 400;

impl<'f, 't> Excerpt<'f, 't> {
    fn new(text: &'t Text, span: &Range<usize>) -> Self {
        let start = text.boundary(span.start);
        let mut window = text.line_of(start);
        if window.len() > 4 * AROUND {
            let from = text.boundary(start.saturating_sub(AROUND));
            let to = text.boundary(start.saturating_add(2 * AROUND));
            window = window.start.max(from)..window.end.min(to);
        }
        let shown = safe(&text.text[window.clone()]);
        Self { text, start: text.position(start), window, shown, marks: Vec::new() }
    }

    /// The part of a span that is on the line, as bytes of what is shown.
    fn place(&self, span: &Range<usize>) -> Range<usize> {
        let at = |byte: usize| {
            let byte = self.text.boundary(byte.clamp(self.window.start, self.window.end));
            safe(&self.text.text[self.window.start..byte]).len()
        };
        at(span.start)..at(span.end)
    }

    fn add_to(self, group: Group<'f>) -> Group<'f> {
        let is_whole_line = self.window == self.text.line_of(self.window.start);
        let path = printable(&self.text.path);
        let snippet = Snippet::source(self.shown).line_start(self.start.line).annotations(self.marks);
        if is_whole_line {
            return group.element(snippet.path(path));
        }
        // The snippet begins somewhere in its line, so its own columns would be wrong.
        let origin = Origin::path(path).line(self.start.line).char_column(self.start.column);
        group.element(origin).element(snippet)
    }
}

/// A line in which every unsafe character is replaced by one that shows that something was there.
fn safe(line: &str) -> String {
    let line = line.trim_end_matches('\r');
    line.chars()
        .map(|character| if must_escape(character) && character != '\t' { '\u{fffd}' } else { character })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    const HOSTILE: &str = "[dataset]\nname = \"a\u{202e}b\"\n\"\\u001b[31m\" = 1 # \u{202e}\n";

    fn both(text: &str) -> (Findings, Texts) {
        let outcome = parse(text.as_bytes(), "a\u{1b}[0m:b,c%.toml");
        (outcome.findings, outcome.texts)
    }

    #[test]
    fn nothing_hostile_reaches_the_terminal() {
        let (findings, text) = both(HOSTILE);
        let rendered = render(&findings, &text, Style::Plain) + &to_github(&findings, &text);
        assert!(
            !rendered.chars().any(|character| must_escape(character) && character != '\n'),
            "{rendered:?}"
        );
        assert!(rendered.contains("\\u{1b}[31m"), "{rendered}");
    }

    #[test]
    fn colours_are_asked_for() {
        let (findings, text) = both("x = 1");
        assert!(render(&findings, &text, Style::Coloured).contains("\u{1b}["));
    }

    #[test]
    fn github_commands_escape_what_would_end_them() {
        let mut findings = Findings::default();
        findings.push(Finding::warning("T0204", 0..2, "w"));
        findings.push(Finding::error("T0103", 5..6, "50 %, a: b").hint("so"));
        let text = Texts::new(Text::new("a,b:c.toml", "é\nü = 1".to_owned()));
        let expected = "::error file=a%2Cb%3Ac.toml,line=2,col=2,endColumn=3,title=T0103::50 %25, a: b%0Ahelp: so\n\
                        ::warning file=a%2Cb%3Ac.toml,line=1,col=1,endColumn=2,title=T0204::w\n";
        assert_eq!(to_github(&findings, &text), expected);
    }

    #[test]
    fn json_counts_columns_in_characters() {
        let (findings, text) = both("[dataset]\nname = \"عود\"\nversion = \"1\"\nlicense = \"MIT\"\n");
        let json = to_json(&findings, &text);
        assert_eq!(json["findings"][1]["code"], "T0202");
        assert_eq!(json["findings"][1]["line"], 3);
        assert_eq!(json["findings"][1]["column"], 11);
        assert_eq!(json["findings"][1]["end_column"], 14);
    }

    #[test]
    fn of_a_very_long_line_only_a_part_is_shown() {
        let (findings, text) = both(&format!("{}x = 1", " ".repeat(100_000)));
        let rendered = render(&findings, &text, Style::Plain);
        assert!(rendered.len() < 5_000 && rendered.contains(":1:100001"), "{}", rendered.len());
    }
}
