//! `[segment]`, `[embed]` and `[reduce]`: names, kinds and what they are of.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde::de::{DeserializeOwned, IntoDeserializer};
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::Of;
use super::findings::{Finding, Findings};
use super::names::{did_you_mean, listed, quoted};
use super::tree::{table, text};

/// The names of the steps that the manifest has, broken ones included, by family.
pub(super) type StepNames = BTreeMap<&'static str, BTreeSet<String>>;

/// Reads the steps of a family; `of` is the family whose steps they are of.
pub(super) fn read<K: DeserializeOwned>(
    manifest: &DeTable<'_>,
    family: &str,
    of: Option<&str>,
    names: &StepNames,
    findings: &mut Findings,
) -> BTreeMap<String, Of<K>> {
    let mut steps = BTreeMap::new();
    for (key, node) in table(manifest, family).into_iter().flatten() {
        check_name(key.get_ref(), key.span(), findings);
        let Some(step) = node.get_ref().as_table() else { continue };
        let Some((kind, params)) = step.iter().next() else { continue };
        let Some(params) = params.get_ref().as_table() else { continue };
        let target = text(params, "of");
        if let (Some(of), Some((target, span))) = (of, target.clone()) {
            check_target(target, span, of, names, findings);
        }
        match kind_of(step, of.is_some()) {
            Ok(kind) => {
                let of = target.map(|(target, _)| target.to_owned()).unwrap_or_default();
                steps.insert(key.get_ref().to_string(), Of { of, kind });
            }
            Err(error) => findings.push(rejected(&error, kind.span())),
        }
    }
    steps
}

/// Reads a section that is one set of parameters; its defaults where it is absent.
pub(super) fn read_params<P: DeserializeOwned + Default>(
    manifest: &DeTable<'_>,
    section: &str,
    findings: &mut Findings,
) -> P {
    manifest.get(section).map_or_else(P::default, |node| read_table(node, findings))
}

/// Reads a set of parameters; their defaults where it makes no sense.
pub(super) fn read_table<P: DeserializeOwned + Default>(
    node: &Spanned<DeValue<'_>>,
    findings: &mut Findings,
) -> P {
    P::deserialize(ValueDeserializer::from(node.clone())).unwrap_or_else(|error| {
        findings.push(rejected(&error, node.span()));
        P::default()
    })
}

fn kind_of<K: DeserializeOwned>(step: &DeTable<'_>, with_of: bool) -> Result<K, toml::de::Error> {
    let mut step = step.clone();
    if with_of {
        for (_, params) in step.iter_mut() {
            if let DeValue::Table(params) = params.get_mut() {
                params.remove("of");
            }
        }
    }
    K::deserialize(ValueDeserializer::from(Spanned::new(0..0, DeValue::Table(step))).into_deserializer())
}

/// The structure fits, but the stage's own reading of its parameters says no.
fn rejected(error: &toml::de::Error, fallback: Range<usize>) -> Finding {
    let span = error.span().filter(|span| !span.is_empty()).unwrap_or(fallback);
    Finding::error("T0107", span, format!("not a value of this key: {}", error.message()))
}

fn check_name(name: &str, span: Range<usize>, findings: &mut Findings) {
    const LONGEST: usize = 64;
    const SPLITS: [&str; 6] = ["train", "training", "test", "testing", "valid", "validation"];
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    if name.is_empty() || name.len() > LONGEST || !name.bytes().all(fits) {
        let finding = Finding::error("T0401", span, format!("{} cannot be the name of a step", quoted(name)));
        findings.push(finding.hint(
            "a step's name is the name of its table: lower-case letters a-z, digits, `-` and `_`, at most 64",
        ));
    } else if let Some(split) = name.split(['-', '_']).find(|word| SPLITS.contains(word)) {
        let message = format!("a step's name must not have the word `{split}`");
        findings.push(Finding::error("T0405", span, message).hint(
            "tools that load datasets take a file with this word in its name for that part of the data",
        ));
    }
}

/// Reports a step that is meant to be of `family` and is not there.
pub(super) fn check_target(
    target: &str,
    span: Range<usize>,
    family: &str,
    names: &StepNames,
    findings: &mut Findings,
) {
    let known = names.get(family);
    if known.is_some_and(|known| known.contains(target)) {
        return;
    }
    let hints = findings.want_hints();
    let message = format!("there is no {family} step {}", quoted(target));
    let finding = Finding::error("T0404", span, message).label(format!("no such {family} step"));
    let elsewhere = names.iter().find(|(_, names)| names.contains(target));
    let known = || known.into_iter().flatten().map(String::as_str).filter(|_| hints);
    let hint = match (elsewhere, did_you_mean(target, known()), known().next()) {
        (Some((other, _)), _, _) => {
            format!("{} is of [{other}]; this must name a step of [{family}]", quoted(target))
        }
        (None, Some(hint), _) => hint,
        (None, None, Some(_)) => format!("known: {}", listed(known())),
        (None, None, None) => format!("add one: `[{family}.NAME.KIND]`"),
    };
    findings.push(finding.hint(hint));
}
