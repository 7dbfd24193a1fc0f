//! `[split]`: which clips must never be parted, and how large the parts shall be.

use std::collections::BTreeMap;
use std::ops::Range;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use toml::Spanned;
use toml::de::{DeString, DeTable};

use super::findings::{Finding, Findings};
use super::grouping::{Grouping, RECORDING};
use super::labels::unknown_label;
use super::names::{did_you_mean, listed, nfc, quoted};
use super::places::ClipPlace;
use super::tree::{Node, items, number, spanned_text, table};
use super::vocabulary::Vocabularies;
use super::{Clip, Manifest};

/// `[split]`: which clips must never be parted, and how large the parts shall be.
///
/// Clips that share a value of any of `groups` form one group, also by way of others. A group stands in one part,
/// which follows from the smallest of its values (by the order of `groups`, then of the text) and `seed`, and from
/// nothing else: adding clips moves nobody unless it joins two groups. Parts come out near their shares where there are
/// many groups; nothing is moved to make them even.
#[derive(Debug, Clone, PartialEq, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Split {
    /// Labels, and `recording`: what must not stand on both sides. `recording` is built in: the clip's label of this
    /// name where it has one, else its source.
    #[schemars(default = "default_groups", length(min = 1))]
    pub groups: Vec<String>,
    /// The names of the parts, each with its share of the groups: `{ train = 0.8, test = 0.2 }`. The shares make 1.
    #[schemars(schema_with = "shares")]
    pub parts: BTreeMap<String, f64>,
    /// Another seed is another split.
    #[schemars(default)]
    pub seed: u64,
    /// Groups whose part is fixed, by label and value: `{ artist = { "Munir Bashir" = "test" } }`.
    #[schemars(default)]
    pub pin: BTreeMap<String, BTreeMap<String, String>>,
}

fn default_groups() -> Vec<String> {
    vec![RECORDING.to_owned()]
}

fn shares(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "additionalProperties": { "type": "number", "exclusiveMinimum": 0.0, "maximum": 1.0 },
    })
}

/// Reads `[split]`; none where there is none, or it has no parts.
pub(super) fn read(
    manifest: &DeTable<'_>,
    vocabularies: &Vocabularies,
    findings: &mut Findings,
) -> Option<Split> {
    let split = table(manifest, "split")?;
    let parts = parts(split, findings)?;
    let groups = groups(split, vocabularies, findings);
    let pin = pins(split, &groups, &parts, findings);
    let seed = split.get("seed").and_then(|node| super::tree::integer(node.get_ref()));
    let seed = seed.and_then(|seed| u64::try_from(seed).ok()).unwrap_or(0);
    Some(Split { groups, parts, seed, pin })
}

/// Reports pins that no clip fits or that contradict each other, and recordings that stand on both sides.
///
/// `place` says where a clip stands.
pub(super) fn check(
    tree: &DeTable<'_>,
    manifest: &Manifest,
    place: impl Fn(usize) -> ClipPlace,
    findings: &mut Findings,
) {
    let (Some(split), Some(node)) = (&manifest.split, table(tree, "split")) else { return };
    if split.pin.is_empty() && split.groups.iter().any(|name| name == RECORDING) {
        return;
    }
    let clips: Vec<&Clip> = manifest.clips.iter().collect();
    let grouping = Grouping::of(split, &clips);
    check_pins(node, split, &grouping, findings);
    for (first, second) in grouping.parted_recordings(&clips) {
        let [first, second] = [first, second].map(|clip| (clip, &clips[clip].id, grouping.part_of(clip)));
        let message = format!(
            "the recording of {} stands on both sides of the split: in {} and in {}",
            quoted(second.1),
            quoted(first.2),
            quoted(second.2)
        );
        let finding = Finding::error("T0804", place(second.0).source, message).label("the same recording");
        let finding = finding.also(place(first.0).source, format!("in {}", quoted(first.2)));
        findings.push(finding.hint(format!("add {} to `groups` of `[split]`", quoted(RECORDING))));
    }
}

fn groups(split: &DeTable<'_>, vocabularies: &Vocabularies, findings: &mut Findings) -> Vec<String> {
    if !split.contains_key("groups") {
        return default_groups();
    }
    let mut groups: Vec<String> = Vec::new();
    for (name, span) in items(split, "groups").iter().filter_map(spanned_text) {
        let name = nfc(name);
        let is_known = name == RECORDING || vocabularies.vocabularies.contains_key(&name);
        if !is_known && !vocabularies.broken.contains(&name) {
            findings.push(unknown_label(&name, span, vocabularies, findings.want_hints()));
        } else if !groups.contains(&name) {
            groups.push(name);
        }
    }
    groups
}

fn parts(split: &DeTable<'_>, findings: &mut Findings) -> Option<BTreeMap<String, f64>> {
    let node = split.get("parts")?;
    let mut parts = BTreeMap::new();
    for (key, share) in node.get_ref().as_table()? {
        check_name(key.get_ref(), key.span(), findings);
        parts.insert(key.get_ref().to_string(), number(share.get_ref()).unwrap_or(0.0));
    }
    let sum: f64 = parts.values().sum();
    if (sum - 1.0).abs() > 1e-9 {
        let message = format!("the shares of the parts make {sum}, not 1");
        let finding = Finding::error("T0801", node.span(), message).label("not one whole");
        findings.push(finding.hint("for example `parts = { train = 0.8, test = 0.2 }`"));
    }
    Some(parts)
}

fn check_name(name: &str, span: Range<usize>, findings: &mut Findings) {
    const LONGEST: usize = 64;
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    if name.is_empty() || name.len() > LONGEST || !name.bytes().all(fits) {
        let finding = Finding::error("T0801", span, format!("{} cannot be the name of a part", quoted(name)));
        findings
            .push(finding.hint("a part's name has lower-case letters a-z, digits, `-` and `_`, at most 64"));
    }
}

/// The pins as they are written, with their places.
fn written_pins<'n, 't>(
    split: &'n DeTable<'t>,
) -> impl Iterator<Item = (&'n Spanned<DeString<'t>>, &'n Spanned<DeString<'t>>, &'n Node<'t>)> {
    let columns = table(split, "pin").into_iter().flatten();
    columns.flat_map(|(column, values)| {
        let values = values.get_ref().as_table().into_iter().flatten();
        values.map(move |(value, part)| (column, value, part))
    })
}

fn pins(
    split: &DeTable<'_>,
    groups: &[String],
    parts: &BTreeMap<String, f64>,
    findings: &mut Findings,
) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut pins: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for (column, value, part) in written_pins(split) {
        let name = nfc(column.get_ref());
        if !groups.contains(&name) {
            let message = format!("{} is none of the `groups` of `[split]`", quoted(&name));
            let finding = Finding::error("T0802", column.span(), message).label("none of the groups");
            findings.push(finding.hint(format!("known: {}", listed(groups.iter().map(String::as_str)))));
        }
        let Some((part, span)) = spanned_text(part) else { continue };
        if !parts.contains_key(part) {
            let message = format!("there is no part {}", quoted(part));
            let known = || parts.keys().map(String::as_str);
            let hint = did_you_mean(part, known()).unwrap_or_else(|| format!("known: {}", listed(known())));
            findings.push(Finding::error("T0802", span, message).label("no such part").hint(hint));
        }
        pins.entry(name).or_default().insert(nfc(value.get_ref()), part.to_owned());
    }
    pins
}

fn check_pins(split: &DeTable<'_>, checked: &Split, grouping: &Grouping, findings: &mut Findings) {
    let mut written: Vec<_> = written_pins(split).collect();
    written.sort_by_key(|(_, value, _)| value.span().start);
    let mut first_of_group: BTreeMap<usize, (&str, Range<usize>)> = BTreeMap::new();
    for (column, value, part) in written {
        let (name, text, span) = (nfc(column.get_ref()), nfc(value.get_ref()), value.span());
        let Some(part) = part.get_ref().as_str() else { continue };
        if !checked.groups.contains(&name) {
            continue;
        }
        let Some(group) = grouping.group_with(&name, &text) else {
            let message = format!("no clip has the {name} {}", quoted(&text));
            findings.push(Finding::warning("T0803", span, message).label("fixes nothing"));
            continue;
        };
        match first_of_group.get(&group) {
            Some((other, first)) if *other != part => {
                let message =
                    format!("one group is fixed to two parts: {} and {}", quoted(other), quoted(part));
                let finding = Finding::error("T0805", span, message).label("the same group");
                let finding = finding.also(first.clone(), "fixed here first");
                findings.push(finding.hint("clips of both have something in common that must not be parted"));
            }
            Some(_) => {}
            None => drop(first_of_group.insert(group, (part, span))),
        }
    }
}
