//! `[dataset]`: name, version, licence.

use std::ops::Range;

use semver::Version;
use toml::de::DeTable;

use super::findings::{Finding, Findings};
use super::names::{nfc, quoted};
use super::tree::{items, spanned_text, text};
use super::{Dataset, labels, licences};

/// Reads `[dataset]` and checks what it says.
pub(super) fn read(table: &DeTable<'_>, findings: &mut Findings) -> Dataset {
    let mut take = |key: &str, check: fn(&str, Range<usize>, &mut Findings)| match text(table, key) {
        Some((text, span)) => {
            check(text, span, findings);
            nfc(text)
        }
        None => String::new(),
    };
    Dataset {
        name: take("name", check_name),
        version: take("version", check_version),
        license: take("license", licences::check),
        description: table.contains_key("description").then(|| take("description", |_, _, _| {})),
        authors: items(table, "authors").iter().filter_map(|node| author(node, findings)).collect(),
    }
}

fn author(node: &super::tree::Node<'_>, findings: &mut Findings) -> Option<String> {
    let (author, span) = spanned_text(node)?;
    labels::check_characters(author, "an author", span, findings);
    Some(nfc(author))
}

fn check_name(name: &str, span: Range<usize>, findings: &mut Findings) {
    const LONGEST: usize = 64;
    let name = nfc(name);
    let fits = |character: char| character.is_alphanumeric() || matches!(character, '-' | '_' | '.');
    let starts_well = name.chars().next().is_some_and(char::is_alphanumeric);
    if name.len() > LONGEST || !starts_well || !name.chars().all(fits) {
        let message = format!("{} cannot be the name of a dataset", quoted(&name));
        findings.push(Finding::error("T0201", span, message).hint(
            "a name has letters, digits, `-`, `_` and `.`, begins with a letter or digit, and is at most 64 bytes long",
        ));
    }
}

fn check_version(version: &str, span: Range<usize>, findings: &mut Findings) {
    const LONGEST: usize = 64;
    let parsed = Version::parse(version);
    if version.len() <= LONGEST && parsed.is_ok() {
        return;
    }
    let numbers: Vec<&str> = version.trim_start_matches('v').split('.').collect();
    let padded = match numbers.as_slice() {
        [major] => format!("{major}.0.0"),
        [major, minor] => format!("{major}.{minor}.0"),
        _ => version.trim_start_matches('v').to_owned(),
    };
    let meant = Version::parse(&padded).ok().filter(|_| padded != version && padded.len() <= LONGEST);
    let finding = Finding::error("T0202", span, format!("{} is not a semantic version", quoted(version)));
    findings.push(match meant {
        Some(meant) => finding.hint(format!("did you mean `{meant}`?")),
        None => finding.hint("a version is MAJOR.MINOR.PATCH, such as `0.1.0` or `1.0.0-beta.2`"),
    });
}
