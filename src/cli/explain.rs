//! `taqsim explain`: why a clip or a step stands as it does, and what a finding's code means.

use std::fmt::Write;
use std::process::ExitCode;

use unicode_normalization::UnicodeNormalization;

use super::{Global, Talk, project};
use crate::error::{Error, Result};
use crate::manifest;
use crate::plan::{Plan, Sources, Status, Task};
use crate::release::Planned;
use crate::text::printable_lines;

/// Explain a clip, a step, or the code of a finding
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  taqsim explain T0103            # what a finding means
  taqsim explain bashir-rast      # every task of a clip: what it is made from, and why it is stale
  taqsim explain embed.timbre     # every task of a step")]
pub(super) struct Args {
    /// The id of a clip, the name of a step, or a code
    what: String,
}

pub(super) fn run(args: &Args, global: &Global, talk: &Talk) -> Result<ExitCode> {
    let what: String = args.what.nfc().collect();
    if let Some(code) = manifest::explain(&what) {
        let (wrong, right) = (indented(code.wrong), indented(code.right));
        let text =
            format!("{}: {}\n\n{}\n\nWrong:\n\n{wrong}\nRight:\n\n{right}", code.code, code.title, code.why);
        talk.data(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    let project = project::open(global, talk)?;
    let store = project::store(&project, talk)?;
    let planned = Planned::of(&project, &store)?;
    let plan = &planned.plan;
    let is_meant = |task: &Task| {
        let clip = task.clip.map(|clip| project.manifest.clips[clip].id.as_str());
        clip == Some(&what) || plan.tasks.step(*task).name == what
    };
    let tasks: Vec<Task> = plan.tasks.all().filter(is_meant).collect();
    if tasks.is_empty() {
        return Err(Error::usage(format!("no clip, step or code is called `{what}`"))
            .hint("list clips with `taqsim ls`, steps with `taqsim graph`"));
    }
    let text: String = tasks.iter().map(|task| explanation(plan, &planned.sources, *task)).collect();
    talk.data(&printable_lines(&text))?;
    Ok(ExitCode::SUCCESS)
}

fn indented(example: &str) -> String {
    example.trim().lines().map(|line| format!("    {line}\n")).collect()
}

/// A task's status, why, and the recipe that its key is the digest of.
fn explanation(plan: &Plan, sources: &Sources, task: Task) -> String {
    let status = plan.status(task);
    let mut text = format!("{}: {}", plan.tasks.name(task), status.word());
    if *status != Status::Fresh {
        let _ = write!(text, ": {}", plan.why(status));
    }
    text.push('\n');
    let Some(found) = plan.tasks.found(task, sources, &plan.known) else { return text };
    if matches!(status, Status::Waiting(_)) {
        return text;
    }
    let recipe = plan.tasks.recipe(task, found);
    let _ = writeln!(text, "  key      {}", recipe.key().digest());
    let _ = writeln!(text, "  kind     {} version {}, {}", recipe.kind, recipe.version, recipe.numerics);
    for (name, value) in &recipe.params {
        let _ = writeln!(text, "  param    {name} = {value}");
    }
    for (name, digests) in &recipe.inputs {
        match digests.as_slice() {
            [digest] => drop(writeln!(text, "  input    {name} {}", digest.short())),
            many => drop(writeln!(text, "  input    {name} of {} clips", many.len())),
        }
    }
    let outputs = plan.known.of_task(task).unwrap_or_default();
    for (name, digest) in outputs.iter() {
        let _ = writeln!(text, "  output   {name} {}", digest.short());
    }
    text
}
