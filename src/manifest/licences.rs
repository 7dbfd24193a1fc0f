//! Licences: SPDX expressions.

use std::ops::Range;

use spdx::error::Reason;
use spdx::identifiers::LICENSES;
use spdx::{Expression, ParseMode};

use super::findings::{Finding, Findings};
use super::names::{closest, quoted};

/// Checks that a licence is an SPDX expression of licences on the SPDX list, or of `LicenseRef-...`.
pub(super) fn check(licence: &str, span: Range<usize>, findings: &mut Findings) {
    const LONGEST: usize = 1024;
    let sane = licence.len() <= LONGEST && licence.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let mode = ParseMode { allow_deprecated: true, ..ParseMode::STRICT };
    let parsed = if sane {
        Expression::parse_mode(licence, mode).map_err(|error| error.reason)
    } else {
        Err(Reason::InvalidCharacters)
    };
    match parsed {
        Ok(expression) if says_nothing(&expression) => {
            let finding = unreadable(licence, span, &Reason::UnknownLicense, findings.want_hints());
            findings.push(finding);
        }
        Ok(expression) => warn_of_deprecated(&expression, span, findings),
        Err(reason) => {
            let finding = unreadable(licence, span, &reason, findings.want_hints());
            findings.push(finding);
        }
    }
}

/// SPDX's placeholders for "nobody knows" and "there is none" parse, but are no licence to share under.
fn says_nothing(expression: &Expression) -> bool {
    let names = expression.requirements().filter_map(|requirement| requirement.req.license.id());
    names.map(|id| id.name).any(|name| matches!(name, "NOASSERTION" | "NONE"))
}

fn unreadable(licence: &str, span: Range<usize>, reason: &Reason, hints: bool) -> Finding {
    let message = match reason {
        Reason::Empty => "the licence is empty".to_owned(),
        _ => format!("{} is not an SPDX licence expression", quoted(licence)),
    };
    let finding = Finding::error("T0203", span, message).label(match reason {
        Reason::UnclosedParens => "a parenthesis is not closed",
        Reason::UnopenedParens => "a parenthesis was not opened",
        _ => "not a licence that SPDX lists",
    });
    let meant = if hints { meant(licence) } else { None };
    let finding = finding.maybe_hint(meant.map(|name| format!("did you mean `{name}`?")));
    finding
        .hint("for terms of your own write `LicenseRef-` and a name, such as `LicenseRef-permission-letter`")
}

/// What an imprecise name stands for: "CC BY 4.0", "cc-by-4.0" and "Apache 2" have one reading.
fn meant(licence: &str) -> Option<&'static str> {
    const LONGEST: usize = 80;
    if licence.len() > LONGEST {
        return None;
    }
    let full_name = LICENSES.iter().find(|known| known.full_name.eq_ignore_ascii_case(licence.trim()));
    if let Some(known) = full_name {
        return Some(known.name);
    }
    let dashed = licence.trim().replace([' ', '_'], "-").replace("--", "-");
    if let Some((known, length)) = spdx::imprecise_license_id(licence.trim())
        && length == licence.trim().len()
    {
        return Some(known.name);
    }
    closest(&dashed, LICENSES.iter().map(|known| known.name))
}

fn warn_of_deprecated(expression: &Expression, span: Range<usize>, findings: &mut Findings) {
    for requirement in expression.requirements() {
        let Some(id) = requirement.req.license.id().filter(|id| id.is_deprecated()) else { continue };
        let message = format!("the licence name `{}` is deprecated by SPDX", id.name);
        let finding = Finding::warning("T0204", span.clone(), message).label("deprecated name");
        let only = format!("{}-only", id.name);
        let hint = spdx::license_id(&only).map(|_| format!("write `{only}` or `{}-or-later`", id.name));
        findings.push(finding.maybe_hint(hint));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(licence: &str) -> Option<(&'static str, Option<String>)> {
        let mut findings = Findings::default();
        check(licence, 0..1, &mut findings);
        findings.iter().next().map(|finding| (finding.code, finding.hints.first().cloned()))
    }

    #[test]
    fn expressions_and_own_terms_are_licences() {
        for licence in [
            "CC-BY-4.0",
            "CC-BY-NC-4.0 OR LicenseRef-permission-letter",
            "(MIT AND CC0-1.0) OR Apache-2.0 WITH LLVM-exception",
            "LicenseRef-all-rights-reserved",
        ] {
            assert_eq!(found(licence), None, "{licence}");
        }
    }

    #[test]
    fn imprecise_names_are_recognised() {
        for (licence, meant) in [
            ("CC-BY 4.0", "CC-BY-4.0"),
            ("CC BY-NC 4.0", "CC-BY-NC-4.0"),
            ("cc0-1.0", "CC0-1.0"),
            ("CC-BY-4", "CC-BY-4.0"),
            ("Creative Commons Attribution 4.0 International", "CC-BY-4.0"),
            ("apache 2.0", "Apache-2.0"),
        ] {
            assert_eq!(
                found(licence),
                Some(("T0203", Some(format!("did you mean `{meant}`?")))),
                "{licence}"
            );
        }
    }

    #[test]
    fn what_is_no_licence_is_said() {
        for licence in [
            "",
            " ",
            "all rights reserved",
            "MIT AND",
            "((MIT",
            "MIT++",
            "ع",
            "\u{1b}",
            "NOASSERTION",
            "+",
            "MIT WITH",
        ] {
            assert_eq!(found(licence).map(|(code, _)| code), Some("T0203"), "{licence}");
        }
        assert_eq!(found("GPL-3.0").map(|(code, _)| code), Some("T0204"));
    }
}
