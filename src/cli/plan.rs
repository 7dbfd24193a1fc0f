//! `taqsim plan`: what a build would do, and why.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::ExitCode;

use clap::ValueEnum;
use serde_json::json;

use super::{Global, Talk, project};
use crate::error::Result;
use crate::plan::{Plan, Status, Task};
use crate::release::Planned;

/// Show what a build would do, and why, without doing it
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Form,
    /// Exit with code 3 if a build would change anything
    #[arg(long)]
    exit_code: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people
    #[default]
    Human,
    /// For programs; carries a schema_version
    Json,
    /// For a comment on a pull request
    Markdown,
}

/// Tasks of one step that share a status and a reason.
struct Group {
    step: String,
    word: &'static str,
    why: String,
    tasks: Vec<Task>,
}

/// How many tasks of a group are named.
const N_NAMED: usize = 3;

pub(super) fn run(args: &Args, global: &Global, talk: &Talk) -> Result<ExitCode> {
    let project = project::open(global, talk)?;
    let store = project::store(&project, talk)?;
    let planned = Planned::of(&project, &store)?;
    let plan = &planned.plan;
    talk.data(&match args.format {
        Form::Human => human(plan, planned.draft_is_current),
        Form::Json => json_of(plan, planned.draft_is_current),
        Form::Markdown => markdown(plan, planned.draft_is_current),
    })?;
    let is_blocked = plan.statuses.values().any(|status| matches!(status, Status::Blocked(_)));
    let has_changes = !planned.draft_is_current;
    Ok(match (is_blocked, args.exit_code && has_changes) {
        (true, _) => ExitCode::from(1),
        (false, true) => ExitCode::from(3),
        (false, false) => ExitCode::SUCCESS,
    })
}

fn groups(plan: &Plan) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (task, status) in &plan.statuses {
        let (step, word, why) = (&plan.tasks.step(*task).name, status.word(), status.why());
        if matches!(status, Status::Fresh(_)) {
            continue;
        }
        match groups.iter_mut().find(|group| group.step == *step && group.word == word && group.why == why) {
            Some(group) => group.tasks.push(*task),
            None => groups.push(Group { step: step.clone(), word, why, tasks: vec![*task] }),
        }
    }
    groups
}

fn clips(plan: &Plan, tasks: &[Task]) -> String {
    let ids = tasks.iter().filter_map(|task| Some(plan.tasks.manifest.clips[task.clip?].id.as_str()));
    let named: Vec<&str> = ids.take(N_NAMED).collect();
    match tasks.len().saturating_sub(N_NAMED) {
        0 => named.join(", "),
        n => format!("{}, and {n} more", named.join(", ")),
    }
}

fn counts(plan: &Plan) -> BTreeMap<&'static str, usize> {
    let mut counts =
        BTreeMap::from([("fresh", 0), ("stale", 0), ("waiting", 0), ("remade", 0), ("blocked", 0)]);
    for status in plan.statuses.values() {
        *counts.entry(status.word()).or_default() += 1;
    }
    counts
}

fn summary(plan: &Plan, draft_is_current: bool) -> String {
    let counts = counts(plan);
    let words = ["stale", "waiting", "remade", "blocked"];
    let parts: Vec<String> = words
        .iter()
        .filter(|word| counts[**word] > 0)
        .map(|word| format!("{} {word}", counts[word]))
        .collect();
    match (parts.is_empty(), draft_is_current) {
        (true, true) => {
            format!("Nothing to do: {} tasks are fresh, and the tables are up to date.", counts["fresh"])
        }
        (true, false) => {
            format!("No task to run: {} are fresh. Tables or lock will be written.", counts["fresh"])
        }
        (false, _) => {
            format!("Of {} tasks: {}, {} fresh.", plan.statuses.len(), parts.join(", "), counts["fresh"])
        }
    }
}

fn human(plan: &Plan, draft_is_current: bool) -> String {
    let mut text = String::new();
    for group in groups(plan) {
        let n = group.tasks.len();
        let _ = writeln!(text, "{:24} {n:>6} {:8} {}", group.step, group.word, group.why);
        if !clips(plan, &group.tasks).is_empty() {
            let _ = writeln!(text, "{:24} {}", "", clips(plan, &group.tasks));
        }
    }
    text.push_str(&summary(plan, draft_is_current));
    text.push('\n');
    super::talk::clean(&text)
}

fn markdown(plan: &Plan, draft_is_current: bool) -> String {
    let mut text = format!("<!-- taqsim-plan -->\n{}\n", summary(plan, draft_is_current));
    let groups = groups(plan);
    if !groups.is_empty() {
        text.push_str("\n| step | tasks | status | why | clips |\n|---|---:|---|---|---|\n");
    }
    for group in groups {
        let (n, ids) = (group.tasks.len(), clips(plan, &group.tasks));
        let cells = [group.step, n.to_string(), group.word.to_owned(), group.why, ids];
        let cells: Vec<String> = cells.iter().map(|cell| escape_cell(cell)).collect();
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text
}

/// Text that stays text in a cell of a Markdown table.
fn escape_cell(text: &str) -> String {
    let mut escaped = String::new();
    for c in super::talk::clean(text).chars() {
        match c {
            '\n' => escaped.push(' '),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '@' => escaped.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '!' | '~' | '$' => escaped.extend(['\\', c]),
            _ => escaped.push(c),
        }
    }
    escaped
}

fn json_of(plan: &Plan, draft_is_current: bool) -> String {
    let tasks: Vec<_> = plan
        .statuses
        .iter()
        .map(|(task, status)| {
            json!({
                "step": plan.tasks.step(*task).name,
                "clip": task.clip.map(|clip| &plan.tasks.manifest.clips[clip].id),
                "status": status.word(),
                "why": status.why(),
            })
        })
        .collect();
    let value = json!({
        "schema_version": "1.0",
        "dataset": plan.tasks.manifest.dataset.name,
        "version": plan.tasks.manifest.dataset.version,
        "counts": counts(plan),
        "draft_is_current": draft_is_current,
        "tasks": tasks,
    });
    format!("{value:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clip_cannot_write_markdown_into_a_comment() {
        let cases = [
            ("a|b", "a\\|b"),
            ("<img src=x>", "&lt;img src=x&gt;"),
            ("[x](http://e)\n# big", "\\[x\\](http://e) \\# big"),
            ("@everyone", "&#64;everyone"),
        ];
        for (hostile, expected) in cases {
            assert_eq!(escape_cell(hostile), expected);
        }
    }
}
