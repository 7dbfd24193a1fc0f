//! `[labels]`: what a clip may be labelled with.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::Vocabulary;
use super::findings::{Finding, Findings};
use super::labels::{BUILT_IN_COLUMNS, check_characters};
use super::names::{nfc, quoted};
use super::tree::{Node, spanned_text};

/// The vocabularies, and how every spelling in them is read.
#[derive(Debug, Default)]
pub(super) struct Vocabularies {
    /// By label name.
    pub vocabularies: BTreeMap<String, Vocabulary>,
    /// By label name and spelling, the canonical word.
    pub readings: BTreeMap<String, BTreeMap<String, String>>,
    /// Names whose definition is broken: their use is not reported as well.
    pub broken: BTreeSet<String>,
}

/// Reads `[labels]`; `written` are the names that stand there, broken definitions included.
pub(super) fn read(table: &DeTable<'_>, written: &BTreeSet<String>, findings: &mut Findings) -> Vocabularies {
    let mut all = Vocabularies::default();
    for (key, node) in table {
        let name = nfc(key.get_ref());
        check_name(&name, key.span(), findings);
        let mut reader = Reader { label: &name, readings: BTreeMap::new(), findings };
        let vocabulary = reader.vocabulary(node);
        let readings = reader.readings.into_iter().map(|(word, (canonical, _))| (word, canonical)).collect();
        all.readings.insert(name.clone(), readings);
        if all.vocabularies.insert(name.clone(), vocabulary).is_some() {
            let message = format!("the label {} is defined twice, in two Unicode spellings", quoted(&name));
            findings.push(Finding::error("T0304", key.span(), message).label("defined twice"));
        }
    }
    all.broken = written.iter().filter(|name| !all.vocabularies.contains_key(*name)).cloned().collect();
    all
}

fn check_name(name: &str, span: Range<usize>, findings: &mut Findings) {
    const LONGEST: usize = 64;
    let fits = |character: char| {
        (character.is_alphanumeric() && !character.is_uppercase())
            || character == '_'
            || unicode_normalization::char::is_combining_mark(character)
    };
    let starts_well = name.chars().next().is_some_and(char::is_alphabetic);
    if BUILT_IN_COLUMNS.contains(&name) || name == "at" {
        let message = format!("the label {} is named like something built in", quoted(name));
        findings.push(Finding::error("T0303", span, message).label("taken").hint(match name {
            "at" => "`at` is where a range with labels says what it is".to_owned(),
            _ => format!("{} is a column of the tables: choose another name", quoted(name)),
        }));
    } else if name.len() > LONGEST || !starts_well || !name.chars().all(fits) {
        let finding =
            Finding::error("T0302", span, format!("{} cannot be the name of a label", quoted(name)));
        findings.push(finding.hint(
            "a label's name has lower-case letters of any script, digits and `_`, begins with a letter, \
             and is at most 64 bytes long",
        ));
    }
}

struct Reader<'r> {
    label: &'r str,
    /// By spelling: the canonical word and where the spelling stands.
    readings: BTreeMap<String, (String, Range<usize>)>,
    findings: &'r mut Findings,
}

impl Reader<'_> {
    fn vocabulary(&mut self, node: &Node<'_>) -> Vocabulary {
        match node.get_ref() {
            DeValue::String(name) => match name.as_ref() {
                "number" => Vocabulary::Number,
                "date" => Vocabulary::Date,
                "bool" => Vocabulary::Bool,
                _ => Vocabulary::Text,
            },
            DeValue::Array(words) => self.words(words.iter(), node.span()),
            DeValue::Table(words) => self.words_with_aliases(words, node.span()),
            _ => Vocabulary::Text,
        }
    }

    fn words<'n, 't: 'n>(
        &mut self,
        nodes: impl Iterator<Item = &'n Node<'t>>,
        span: Range<usize>,
    ) -> Vocabulary {
        let mut words = BTreeMap::new();
        for (word, span) in nodes.filter_map(spanned_text) {
            let word = nfc(word);
            self.spelling(&word, &word, span);
            words.insert(word, Vec::new());
        }
        self.not_empty(words, span)
    }

    fn words_with_aliases(&mut self, table: &DeTable<'_>, span: Range<usize>) -> Vocabulary {
        let mut words = BTreeMap::new();
        let mut entries: Vec<(&Spanned<DeString<'_>>, &Node<'_>)> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        for (key, node) in entries {
            let word = nfc(key.get_ref());
            self.spelling(&word, &word, key.span());
            let mut aliases = Vec::new();
            let written = node.get_ref().as_array().into_iter().flat_map(|array| array.iter());
            for (alias, span) in written.filter_map(spanned_text) {
                self.spelling(&nfc(alias), &word, span);
                aliases.push(nfc(alias));
            }
            words.insert(word, aliases);
        }
        self.not_empty(words, span)
    }

    fn spelling(&mut self, spelling: &str, canonical: &str, span: Range<usize>) {
        check_characters(spelling, "a word of the vocabulary", span.clone(), self.findings);
        if spelling.is_empty() {
            let message = format!("the label {} has an empty word", quoted(self.label));
            self.findings.push(Finding::error("T0301", span.clone(), message).label("empty"));
        }
        let reading = (canonical.to_owned(), span.clone());
        if let Some((_, first)) = self.readings.get(spelling) {
            let message = format!("{} stands twice in the label {}", quoted(spelling), quoted(self.label));
            let finding =
                Finding::error("T0304", span, message).label("again").also(first.clone(), "first here");
            self.findings.push(finding.hint("every word and every alias stands once, for one word"));
        } else {
            self.readings.insert(spelling.to_owned(), reading);
        }
    }

    fn not_empty(&mut self, words: BTreeMap<String, Vec<String>>, span: Range<usize>) -> Vocabulary {
        if words.is_empty() {
            let message =
                format!("the label {} has no words, so that no clip could carry it", quoted(self.label));
            let finding = Finding::error("T0301", span, message).label("no words");
            self.findings.push(finding.hint("list its words, or write `\"text\"` for any text"));
        }
        Vocabulary::Values(words)
    }
}
