//! `[[clip]]`: ids, sources, licences, ranges and labels.

use std::ops::Range as Bytes;

use toml::de::{DeTable, DeValue};

use super::findings::{Finding, Findings};
use super::labels;
use super::names::{nfc, quoted};
use super::places::{ClipPlace, Origin};
use super::tree::{Node, items, spanned_text, table, text};
use super::vocabulary::Vocabularies;
use super::{Clip, Labels, Range, gate, licences, paths, ranges};
use crate::text::any_must_escape;

/// Reads all clips that stand in the manifest itself, and where they stand.
pub(super) fn read(
    nodes: &[Node<'_>],
    vocabularies: &Vocabularies,
    findings: &mut Findings,
) -> Vec<(Clip, Origin)> {
    let mut clips = Vec::new();
    for node in nodes {
        let Some(table) = node.get_ref().as_table() else { continue };
        let (clip, place) = Reader { vocabularies, findings }.clip(table, node.span());
        clips.push((clip, Origin::Written(Box::new(place))));
    }
    clips
}

struct Reader<'r> {
    vocabularies: &'r Vocabularies,
    findings: &'r mut Findings,
}

impl Reader<'_> {
    fn clip(&mut self, table: &DeTable<'_>, header: Bytes<usize>) -> (Clip, ClipPlace) {
        let (id, id_span) = text(table, "id").unwrap_or(("", header.clone()));
        let (source, source_span) = text(table, "source").unwrap_or(("", header));
        if table.contains_key("id") {
            check_id(&nfc(id), &id_span, self.findings);
        }
        let nodes = items(table, "ranges");
        let clip = Clip {
            id: nfc(id),
            source: match table.contains_key("source") {
                true => paths::read(source, source_span.clone(), self.findings),
                false => String::new(),
            },
            license: self.licence(table),
            origin: self.origin(table),
            ranges: self.ranges(nodes),
            labels: self.labels(table),
            accept: gate::accepted(table),
        };
        let ranges = nodes.iter().map(Node::span).collect();
        (clip, ClipPlace { id: id_span, source: source_span, ranges })
    }

    fn licence(&mut self, table: &DeTable<'_>) -> String {
        let Some((licence, span)) = text(table, "license") else { return String::new() };
        licences::check(licence, span, self.findings);
        licence.to_owned()
    }

    fn origin(&mut self, table: &DeTable<'_>) -> Option<String> {
        let (origin, span) = text(table, "origin")?;
        labels::check_characters(origin, "`origin`", span, self.findings);
        Some(nfc(origin))
    }

    fn labels(&mut self, clip: &DeTable<'_>) -> Labels {
        let labels = table(clip, "labels");
        labels.map(|table| labels::read(table, "", self.vocabularies, self.findings)).unwrap_or_default()
    }

    fn ranges(&mut self, nodes: &[Node<'_>]) -> Vec<Range> {
        let mut placed = Vec::new();
        let mut read = Vec::new();
        for node in nodes {
            let labels = match node.get_ref() {
                DeValue::Table(table) => labels::read(table, "at", self.vocabularies, self.findings),
                _ => Labels::default(),
            };
            let at = match node.get_ref() {
                DeValue::Table(table) => text(table, "at"),
                _ => spanned_text(node),
            };
            let range = at.and_then(|(text, span)| ranges::read(text, span, self.findings));
            if let Some(range) = range {
                read.push(Range { start: range.start_s(), end: range.end_s(), labels });
                placed.push(range);
            }
        }
        ranges::check_order(&placed, self.findings);
        read
    }
}

/// Checks an id that is composed.
pub(super) fn check_id(id: &str, span: &Bytes<usize>, findings: &mut Findings) {
    const LONGEST: usize = 128;
    let problem = if id.is_empty() {
        "it is empty"
    } else if id.len() > LONGEST {
        "it is longer than 128 bytes"
    } else if id.contains('/') {
        "it has a `/`"
    } else if matches!(id, "." | "..") {
        "it means a folder"
    } else if any_must_escape(id) {
        "it has control or bidirectional characters"
    } else if id.trim() != id {
        "it begins or ends with a space"
    } else {
        return;
    };
    let message = format!("{} cannot be the id of a clip: {problem}", quoted(id));
    findings.push(Finding::error("T0502", span.clone(), message).label(problem));
}
