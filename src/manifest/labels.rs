//! Labels of clips and ranges, against the vocabulary.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::findings::{Finding, Findings};
use super::names::{did_you_mean, listed, nfc, quoted};
use super::tree::{Node, number, type_name};
use super::vocabulary::Vocabularies;
use super::{Label, Labels, Vocabulary, dates};
use crate::text::{any_must_escape, must_escape, printable};

/// The columns of the tables; no label may be named like one of them.
pub const BUILT_IN_COLUMNS: &[&str] = &[
    "clip_id",
    "segment_id",
    "evaluation_id",
    "confusion_id",
    "composition_id",
    "segmenter",
    "status",
    "source",
    "source_blake3",
    "license",
    "origin",
    "split",
    "duration_s",
    "codec",
    "sample_rate_hz",
    "channels",
    "loudness_lufs",
    "loudness_range_lu",
    "momentary_max_lufs",
    "short_term_max_lufs",
    "true_peak_dbtp",
    "channels_to_master",
    "gain_db",
    "bit_depth",
    "used_bits",
    "clipping",
    "dc_offset",
    "noise_floor_dbfs",
    "snr_db",
    "silence",
    "bandwidth_hz",
    "cutoff_hz",
    "cutoff_drop_db",
    "channel_correlation",
    "hum_db",
    "hum_hz",
    "clicks_per_minute",
    "percussion",
    "single_line",
    "decay_s",
    "start_level_dbfs",
    "end_level_dbfs",
    "duplicate",
    "duplicate_of",
    "pcm_blake3",
    "start_s",
    "end_s",
    "position",
    "range",
    "start_confidence",
    "end_confidence",
    "section_auto",
    "vector",
    "x",
    "y",
    "z",
    "cluster",
    "neighbors",
    "gate_flags",
    "reason",
];

impl Vocabulary {
    /// The label that bare text stands for, where there are no quotes to tell text from numbers; none where the
    /// vocabulary does not have it.
    pub fn label_of(&self, text: &str) -> Option<Label> {
        let text = nfc(text);
        match self {
            Self::Text => (!text.chars().any(must_escape)).then(|| Label::Text(text.into())),
            Self::Number => text.parse().ok().filter(|number: &f64| number.is_finite()).map(Label::Number),
            Self::Date => dates::is_date(&text).then(|| Label::Text(text.into())),
            Self::Bool => text.parse().ok().map(Label::Bool),
            Self::Values(words) => {
                let means =
                    |(word, aliases): &(&String, &Vec<String>)| **word == text || aliases.contains(&text);
                words.iter().find(means).map(|(word, _)| Label::Text(word.as_str().into()))
            }
        }
    }
}

/// Reads the labels in a table, but for the key `except`.
pub(super) fn read(
    table: &DeTable<'_>,
    except: &str,
    vocabularies: &Vocabularies,
    findings: &mut Findings,
) -> Labels {
    let mut labels = Labels::default();
    for (key, node) in table.iter().filter(|(key, _)| key.get_ref() != except) {
        let name = nfc(key.get_ref());
        let Some(vocabulary) = vocabularies.vocabularies.get(&name) else {
            if !vocabularies.broken.contains(&name) {
                let finding = unknown_label(&name, key.span(), vocabularies, findings.want_hints());
                findings.push(finding);
            }
            continue;
        };
        let reader = Reader { name: &name, vocabulary, readings: vocabularies.readings.get(&name) };
        let Some(label) = reader.label(node, findings) else { continue };
        if labels.insert(name.as_str(), label).is_some() {
            let message = format!("the label {} is given twice, in two Unicode spellings", quoted(&name));
            findings.push(Finding::error("T0304", key.span(), message).label("given twice"));
        }
    }
    labels
}

/// Reports characters that drive a terminal or reorder the text around them.
pub(super) fn check_characters(text: &str, what: &str, span: Range<usize>, findings: &mut Findings) {
    if !any_must_escape(text) {
        return;
    }
    if let Some(character) = text.chars().find(|character| must_escape(*character)) {
        let message = format!("{what} has the invisible character U+{:04X}", u32::from(character));
        findings.push(Finding::error("T0108", span, message).label("control or bidirectional character"));
    }
}

/// A label that `[labels]` does not have.
pub(super) fn unknown_label(
    name: &str,
    span: Range<usize>,
    vocabularies: &Vocabularies,
    hints: bool,
) -> Finding {
    let finding =
        Finding::error("T0305", span, format!("unknown label {}", quoted(name))).label("not in `[labels]`");
    let declared = vocabularies.vocabularies.keys().map(String::as_str);
    match did_you_mean(name, declared.filter(|_| hints)) {
        Some(hint) => finding.hint(hint),
        None => {
            let declaration = quoted(&format!("{name} = \"text\""));
            finding.hint(format!("declare it in `[labels]`, for example as {declaration}"))
        }
    }
}

/// Reads the values of one label.
pub(super) struct Reader<'r> {
    /// What it is called.
    pub name: &'r str,
    /// What it may be.
    pub vocabulary: &'r Vocabulary,
    /// How each spelling of the vocabulary is read.
    pub readings: Option<&'r BTreeMap<String, String>>,
}

impl Reader<'_> {
    /// Reads the cell of a table; `text` is composed, and not empty.
    pub(super) fn cell(&self, text: &str, span: Range<usize>, findings: &mut Findings) -> Option<Label> {
        let finding = match self.vocabulary {
            Vocabulary::Text => {
                check_characters(text, &format!("the label {}", quoted(self.name)), span, findings);
                return Some(Label::Text(text.into()));
            }
            Vocabulary::Values(_) => match self.word(text) {
                Some(word) => return Some(Label::Text(word.as_str().into())),
                None => self.unknown_word(text, span, findings.want_hints()),
            },
            Vocabulary::Date if dates::is_date(text) => return Some(Label::Text(text.into())),
            Vocabulary::Number => match decimal(text) {
                Some((number, true)) => return Some(Label::Number(number)),
                Some((_, false)) => self.not_exact(span),
                None => self.wrong_cell(text, span),
            },
            Vocabulary::Bool if text.eq_ignore_ascii_case("true") => return Some(Label::Bool(true)),
            Vocabulary::Bool if text.eq_ignore_ascii_case("false") => return Some(Label::Bool(false)),
            Vocabulary::Date | Vocabulary::Bool => self.wrong_cell(text, span),
        };
        findings.push(finding);
        None
    }

    fn label(&self, node: &Node<'_>, findings: &mut Findings) -> Option<Label> {
        let value = node.get_ref();
        let finding = match (self.vocabulary, value) {
            (Vocabulary::Text, DeValue::String(text)) => {
                check_characters(text, &format!("the label {}", quoted(self.name)), node.span(), findings);
                return Some(Label::Text(nfc(text).into()));
            }
            (Vocabulary::Values(_), DeValue::String(text)) => match self.word(&nfc(text)) {
                Some(word) => return Some(Label::Text(word.as_str().into())),
                None => self.unknown_word(text, node.span(), findings.want_hints()),
            },
            (Vocabulary::Date, DeValue::String(text)) if dates::is_date(text) => {
                return Some(Label::Text(text.as_ref().into()));
            }
            (Vocabulary::Date, DeValue::Datetime(datetime)) if dates::from_toml(datetime).is_some() => {
                return dates::from_toml(datetime).map(|date| Label::Text(date.into()));
            }
            (Vocabulary::Number, DeValue::Integer(_) | DeValue::Float(_)) => match exact_number(value) {
                Some(number) => return Some(Label::Number(number)),
                None => self.not_exact(node.span()),
            },
            (Vocabulary::Bool, DeValue::Boolean(truth)) => return Some(Label::Bool(*truth)),
            _ => self.wrong_type(value, node.span()),
        };
        findings.push(finding);
        None
    }

    fn word(&self, text: &str) -> Option<&String> {
        self.readings.and_then(|readings| readings.get(text))
    }

    fn unknown_word(&self, text: &str, span: Range<usize>, hints: bool) -> Finding {
        let message = format!("unknown {} {}", printable(self.name), quoted(text));
        let finding = Finding::error("T0306", span, message).label("not in the vocabulary");
        let spellings = self.readings.into_iter().flat_map(|readings| readings.keys().map(String::as_str));
        let Vocabulary::Values(words) = self.vocabulary else { return finding };
        match did_you_mean(&nfc(text), spellings.filter(|_| hints)) {
            Some(hint) => finding.hint(hint),
            None => finding.hint(format!("known: {}", listed(words.keys().map(String::as_str)))),
        }
    }

    fn not_exact(&self, span: Range<usize>) -> Finding {
        let message = format!("the label {} must be a finite number of at most 53 bits", quoted(self.name));
        Finding::error("T0307", span, message).label("no such number in the tables")
    }

    fn wrong_type(&self, value: &DeValue<'_>, span: Range<usize>) -> Finding {
        let hint = match self.vocabulary {
            Vocabulary::Text | Vocabulary::Values(_) => "write it in quotes",
            Vocabulary::Number => "write it without quotes",
            Vocabulary::Date => "a date is `\"2026-11-21\"`, `\"2026-11\"` or `\"2026\"`",
            Vocabulary::Bool => "write `true` or `false`, without quotes",
        };
        let given = match value {
            DeValue::String(text) => quoted(text),
            other => type_name(other).to_owned(),
        };
        self.unexpected(&given, span).hint(hint)
    }

    fn wrong_cell(&self, text: &str, span: Range<usize>) -> Finding {
        self.unexpected(&quoted(text), span).hint(match self.vocabulary {
            Vocabulary::Number => "a number is `12`, `-0.5` or `1e3`: a point, no commas, no unit",
            Vocabulary::Date => "a date is `2026-11-21`, `2026-11` or `2026`",
            _ => "write `true` or `false`",
        })
    }

    fn unexpected(&self, given: &str, span: Range<usize>) -> Finding {
        let expected = match self.vocabulary {
            Vocabulary::Text | Vocabulary::Values(_) => "text",
            Vocabulary::Number => "a number",
            Vocabulary::Date => "a date",
            Vocabulary::Bool => "true or false",
        };
        let message = format!("the label {} must be {expected}, not {given}", quoted(self.name));
        Finding::error("T0307", span, message).label(format!("expected {expected}"))
    }
}

/// Beyond it, whole numbers are not all numbers of 64 bits.
const MOST_EXACT: f64 = 9_007_199_254_740_992.0;

fn exact_number(value: &DeValue<'_>) -> Option<f64> {
    let number = number(value).filter(|number| number.is_finite())?;
    (value.is_float() || number.abs() < MOST_EXACT).then_some(number)
}

/// A decimal number, and whether it is finite and, where it is written as a whole number, exact.
fn decimal(text: &str) -> Option<(f64, bool)> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    let number: f64 = text.parse().ok().filter(|_| is_number)?;
    let is_whole = !text.contains(['.', 'e', 'E']);
    Some((number, number.is_finite() && (!is_whole || number.abs() < MOST_EXACT)))
}
