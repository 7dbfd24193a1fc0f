//! Findings: what is wrong with a manifest or its clip tables, where, and what to do about it.

use std::ops::Range;

use super::gate::{self, Then};
use super::names::quoted;
use super::places::ClipPlace;
use crate::error::Error;
use crate::text::printable;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing can be built.
    Error,
    /// Worth a look; the manifest is used as it is.
    Warning,
}

/// One thing that is wrong with a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// A stable code that `taqsim explain` knows, such as `T0103`.
    pub code: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// What is wrong: one line, lower-case, no full stop.
    pub message: String,
    /// The bytes that are wrong, counted through the manifest and the clip tables.
    pub span: Range<usize>,
    /// A few words to stand under them; may be empty.
    pub label: String,
    /// Other places that have to do with it, with a few words each.
    pub also: Vec<(Range<usize>, String)>,
    /// What the user can do, one suggestion each.
    pub hints: Vec<String>,
}

impl Finding {
    /// Something that stops the manifest from being used.
    pub fn error(code: &'static str, span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            span,
            label: String::new(),
            also: Vec::new(),
            hints: Vec::new(),
        }
    }

    /// Something worth a look.
    pub fn warning(code: &'static str, span: Range<usize>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, span, message) }
    }

    /// A clip's source is not there, or may not be read, for `cause`.
    pub fn source_unusable(clip: &ClipPlace, cause: &Error) -> Self {
        let finding = Self::error("T0701", clip.source.clone(), cause.message.clone());
        cause.hints.iter().fold(finding, |finding, hint| finding.hint(hint.clone()))
    }

    /// The file of a step is not there, or not what the step reads, for `cause`.
    pub fn file_unusable(file: Range<usize>, cause: &Error) -> Self {
        let finding = Self::error("T0703", file, cause.message.clone());
        cause.hints.iter().fold(finding, |finding, hint| finding.hint(hint.clone()))
    }

    /// Clips, or rows of the file of a step, have nothing to do with each other: `what` says which.
    pub fn file_misfits(file: Range<usize>, what: String) -> Self {
        Self::warning("T0703", file, what).label("does not fit the clips")
    }

    /// The `nth` range of a clip (from 0) ends at `end` s, after its source does at `duration` s.
    pub fn range_past_end(clip: &ClipPlace, nth: usize, end: f64, duration: f64) -> Self {
        let span = clip.ranges.get(nth).unwrap_or(&clip.source).clone();
        Self::error(
            "T0702",
            span,
            format!("the range ends at {end} s, but the source ends at {duration:.3} s"),
        )
        .label("past the end of the source")
    }

    /// A new clip joins the group of `moved` to another one, which makes that clip and `n_moved` in all move from one
    /// part of the split to another.
    pub fn moves_clips(
        joining: &ClipPlace,
        (moved, id): (&ClipPlace, &str),
        n_moved: usize,
        [from, to]: [&str; 2],
    ) -> Self {
        let clips = if n_moved == 1 { "clip moves" } else { "clips move" };
        let message = format!("{n_moved} {clips} from {} to {} of the split", quoted(from), quoted(to));
        let finding = Self::warning("T0806", joining.id.clone(), message).label("joins two groups");
        let finding = finding.also(moved.id.clone(), format!("{} moves", quoted(id)));
        finding.hint("`[split.pin]` fixes the part of a group by one of its values")
    }

    /// A clip's source is there, but cannot be measured, for `cause`.
    pub fn clip_unmeasured(clip: &ClipPlace, cause: &Error) -> Self {
        let finding = Self::error("T0903", clip.source.clone(), cause.message.clone());
        cause.hints.iter().fold(finding, |finding, hint| finding.hint(hint.clone()))
    }

    /// The clip `id` breaks a limit of `[gate]`, in words `why`.
    pub fn limit_broken(clip: &ClipPlace, id: &str, name: &str, then: Then, why: &str) -> Self {
        let (make, does): (fn(_, _, String) -> Self, _) = match then {
            Then::Warn => (Self::warning, "flagged"),
            Then::Exclude => (Self::warning, "left out"),
            Then::Fail => (Self::error, "fails"),
        };
        let message = format!("clip {}: {}", quoted(id), printable(why));
        let finding = make("T0902", clip.id.clone(), message).label(does);
        match gate::names().any(|known| known == name) {
            true => finding.hint(format!("if it is as it should be, add `accept = [\"{name}\"]`")),
            false => finding,
        }
    }

    /// Sets the words under the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Points at another place, too.
    #[must_use]
    pub fn also(mut self, span: Range<usize>, label: impl Into<String>) -> Self {
        self.also.push((span, label.into()));
        self
    }

    /// Adds a suggestion.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds a suggestion if there is one.
    #[must_use]
    pub fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hints.extend(hint);
        self
    }
}

/// Everything that is wrong with a manifest and its clip tables, in the order of the text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    list: Vec<Finding>,
    omitted: usize,
    errors: bool,
}

/// A manifest made by a stranger may have a million mistakes; nobody reads more than these.
const MOST: usize = 1000;

/// To find out what was meant takes time for every word of the vocabulary: only the first so many are asked.
const HINTED: usize = 200;

/// As many are gathered, to pick those from: memory is bounded, too.
const GATHERED: usize = 10 * MOST;

impl Findings {
    /// Adds one.
    pub fn push(&mut self, finding: Finding) {
        self.errors |= finding.severity == Severity::Error;
        if self.list.len() < GATHERED {
            self.list.push(finding);
        } else {
            self.omitted += 1;
        }
    }

    /// Adds all of another list but those that `unwanted` picks.
    pub(super) fn append(&mut self, other: Self, unwanted: impl Fn(&Finding) -> bool) {
        self.omitted += other.omitted;
        self.errors |= other.errors;
        other.list.into_iter().filter(|finding| !unwanted(finding)).for_each(|finding| self.push(finding));
    }

    /// How many were found, kept or not.
    pub(super) fn n_found(&self) -> usize {
        self.list.len() + self.omitted
    }

    /// Whether it is worth the time to look for what was meant: not any more when there are too many to read.
    pub(super) fn want_hints(&self) -> bool {
        self.list.len() < HINTED
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.list.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many more there were than are kept.
    pub fn omitted(&self) -> usize {
        self.omitted
    }

    /// Whether the manifest can be used: there are warnings at most.
    pub fn has_errors(&self) -> bool {
        self.errors
    }

    /// Puts them in the order of the text, and keeps the first thousand with errors before warnings.
    pub fn sort(&mut self) {
        if self.list.len() > MOST {
            self.list.sort_by_key(|finding| (finding.severity, finding.span.start));
            self.omitted += self.list.len() - MOST;
            self.list.truncate(MOST);
        }
        self.list.sort_by(|a, b| (a.span.start, a.span.end, a.code).cmp(&(b.span.start, b.span.end, b.code)));
        self.list.dedup();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_too_many_findings_errors_are_kept_before_warnings() {
        let mut findings = Findings::default();
        for at in 0..MOST {
            findings.push(Finding::warning("T0204", at..at, "w"));
        }
        findings.push(Finding::error("T0103", 5000..5001, "e"));
        findings.sort();
        assert_eq!((findings.len(), findings.omitted(), findings.has_errors()), (MOST, 1, true));
    }
}
