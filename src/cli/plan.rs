//! `taqsim plan`: what a build would do, and why.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::ExitCode;

use clap::ValueEnum;
use serde_json::json;

use super::{Global, Talk, project};
use crate::error::Result;
use crate::plan::{Plan, Status, Task};
use crate::release::{Planned, Project, verify_manifest};
use crate::text::{markdown, printable_lines};

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

/// What there is to show.
struct View<'p> {
    plan: &'p Plan<'p>,
    draft_is_current: bool,
    /// How the manifest differs from the one that was built last, a sentence each.
    changes: Vec<String>,
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
    let view = View::of(&project, &planned);
    talk.data(&match args.format {
        Form::Human => view.human(),
        Form::Json => view.json(),
        Form::Markdown => view.markdown(),
    })?;
    let is_blocked = planned.plan.unfresh().any(|(_, status)| matches!(status, Status::Blocked(_)));
    let has_changes = !planned.draft_is_current || !view.changes.is_empty();
    Ok(match (is_blocked, args.exit_code && has_changes) {
        (true, _) => ExitCode::from(1),
        (false, true) => ExitCode::from(3),
        (false, false) => ExitCode::SUCCESS,
    })
}

impl<'p> View<'p> {
    fn of(project: &Project, planned: &'p Planned<'p>) -> Self {
        let changes = planned.lock.as_ref().map(|lock| verify_manifest(lock, &project.manifest));
        let changes = changes.unwrap_or_default();
        Self { plan: &planned.plan, draft_is_current: planned.draft_is_current, changes }
    }

    fn human(&self) -> String {
        let mut text = String::new();
        for change in &self.changes {
            let _ = writeln!(text, "~ {change}");
        }
        for group in self.groups() {
            let n = group.tasks.len();
            let _ = writeln!(text, "{:24} {n:>6} {:8} {}", group.step, group.word, group.why);
            if !self.clips(&group.tasks).is_empty() {
                let _ = writeln!(text, "{:24} {}", "", self.clips(&group.tasks));
            }
        }
        text.push_str(&self.summary());
        text.push('\n');
        printable_lines(&text)
    }

    fn markdown(&self) -> String {
        let mut text = format!("<!-- taqsim-plan -->\n{}\n", self.summary());
        if !self.changes.is_empty() {
            text.push('\n');
        }
        for change in &self.changes {
            let _ = writeln!(text, "* {}", markdown(change));
        }
        let groups = self.groups();
        if !groups.is_empty() {
            text.push_str("\n| step | tasks | status | why | clips |\n|---|---:|---|---|---|\n");
        }
        for group in groups {
            let (n, ids) = (group.tasks.len(), self.clips(&group.tasks));
            let cells = [group.step, n.to_string(), group.word.to_owned(), group.why, ids];
            let cells: Vec<String> = cells.iter().map(|cell| markdown(cell)).collect();
            let _ = writeln!(text, "| {} |", cells.join(" | "));
        }
        text
    }

    fn json(&self) -> String {
        let tasks: Vec<_> = self
            .plan
            .tasks
            .all()
            .map(|task| {
                let status = self.plan.status(task);
                json!({
                    "step": self.plan.tasks.step(task).name,
                    "clip": task.clip.map(|clip| &self.plan.tasks.manifest.clips[clip].id),
                    "status": status.word(),
                    "why": self.plan.why(status),
                })
            })
            .collect();
        let value = json!({
            "schema_version": "1.0",
            "dataset": self.plan.tasks.manifest.dataset.name,
            "version": self.plan.tasks.manifest.dataset.version,
            "counts": self.counts(),
            "draft_is_current": self.draft_is_current,
            "changes": self.changes,
            "tasks": tasks,
        });
        format!("{value:#}\n")
    }

    fn groups(&self) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        for (task, status) in self.plan.unfresh() {
            let (step, word, why) = (&self.plan.tasks.step(task).name, status.word(), self.plan.why(status));
            match groups
                .iter_mut()
                .find(|group| group.step == *step && group.word == word && group.why == why)
            {
                Some(group) => group.tasks.push(task),
                None => groups.push(Group { step: step.clone(), word, why, tasks: vec![task] }),
            }
        }
        groups
    }

    fn clips(&self, tasks: &[Task]) -> String {
        let clips = &self.plan.tasks.manifest.clips;
        let ids = tasks.iter().filter_map(|task| Some(clips[task.clip?].id.as_str()));
        let named: Vec<&str> = ids.take(N_NAMED).collect();
        match tasks.len().saturating_sub(N_NAMED) {
            0 => named.join(", "),
            n => format!("{}, and {n} more", named.join(", ")),
        }
    }

    fn counts(&self) -> BTreeMap<&'static str, usize> {
        let words = ["fresh", "stale", "waiting", "remade", "blocked"];
        let mut counts = BTreeMap::from(words.map(|word| (word, 0)));
        for (_, status) in self.plan.unfresh() {
            *counts.entry(status.word()).or_default() += 1;
        }
        let n_unfresh: usize = counts.values().sum();
        counts.insert("fresh", self.plan.tasks.len() - n_unfresh);
        counts
    }

    fn summary(&self) -> String {
        let counts = self.counts();
        let (n, fresh) = (self.plan.tasks.len(), counts["fresh"]);
        let words = ["stale", "waiting", "remade", "blocked"].into_iter();
        let parts: Vec<String> =
            words.filter(|word| counts[word] > 0).map(|word| format!("{} {word}", counts[word])).collect();
        match (parts.is_empty(), self.draft_is_current && self.changes.is_empty()) {
            (true, true) => format!("Nothing to do: all {n} tasks are fresh, and the tables are up to date."),
            (true, false) => format!("No task to run: all {n} are fresh. Tables and lock will be written."),
            (false, _) => format!("Of {n} tasks: {}, {fresh} fresh.", parts.join(", ")),
        }
    }
}
