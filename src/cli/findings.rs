//! Findings in the form that the reader wants.

use std::fmt::Write;

use clap::ValueEnum;

use super::Talk;
use crate::error::Error;
use crate::manifest::{Findings, Outcome, Severity, Style, render, to_github, to_json};

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
        talk.rendered(&render(&outcome.findings, &outcome.text, style));
    }
}

/// What is wrong with a manifest, as data; nothing for people, who are told on stderr.
pub(super) fn as_data(outcome: &Outcome, form: Form) -> String {
    match form {
        Form::Human => String::new(),
        Form::Json => format!("{:#}\n", to_json(&outcome.findings, &outcome.text)),
        Form::Github => to_github(&outcome.findings, &outcome.text),
    }
}

/// The one line that stands for all findings.
pub(super) fn summary(findings: &Findings) -> Error {
    let n_errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    let mut codes: Vec<&str> = findings.iter().map(|finding| finding.code).collect();
    codes.sort_unstable();
    codes.dedup();
    let mut message = format!("`taqsim.toml` has {n_errors} error");
    if n_errors != 1 {
        message.push('s');
    }
    let mut hint = String::from("more on a code: ");
    let _ = write!(hint, "`taqsim explain {}`", codes.first().copied().unwrap_or("T0001"));
    Error::usage(message).hint(hint)
}
