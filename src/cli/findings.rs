//! Findings in the form that the reader wants.

use clap::ValueEnum;

use super::Talk;
use super::talk::count;
use crate::error::Error;
use crate::manifest::{Outcome, Severity, Style, render, to_github, to_json};

/// The form of a report on a manifest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    /// For people, with the lines in question, on stderr
    #[default]
    Human,
    /// For programs; carries a schema_version
    Json,
    /// Annotations for a pull request on GitHub
    Github,
}

/// Says to a person what is wrong with a manifest.
pub(super) fn say(outcome: &Outcome, talk: &Talk) {
    if outcome.findings.has_errors() || !talk.is_quiet() {
        let style = if talk.is_coloured() { Style::Coloured } else { Style::Plain };
        talk.rendered(&render(&outcome.findings, &outcome.texts, style));
    }
}

/// What is wrong with a manifest, as data; nothing for people, who are told on stderr.
pub(super) fn as_data(outcome: &Outcome, form: Form) -> String {
    match form {
        Form::Human => String::new(),
        Form::Json => format!("{:#}\n", to_json(&outcome.findings, &outcome.texts)),
        Form::Github => to_github(&outcome.findings, &outcome.texts),
    }
}

/// The one line that stands for all findings.
pub(super) fn summary(outcome: &Outcome) -> Error {
    let findings = &outcome.findings;
    let n_errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    let who = if outcome.tables.files.is_empty() {
        "`taqsim.toml` has"
    } else {
        "`taqsim.toml` and its clip tables have"
    };
    let message = format!("{who} {}", count(n_errors, "error"));
    let code = findings.iter().next().map_or("T0001", |finding| finding.code);
    let hint = format!("more on a code: `taqsim explain {code}`");
    Error::usage(message).hint(hint)
}
