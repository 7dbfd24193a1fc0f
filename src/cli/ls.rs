//! `taqsim ls`: the clips, and how each stands.

use std::fmt::Write;
use std::process::ExitCode;

use serde_json::json;

use super::build::glob;
use super::{Format, Global, Talk, project};
use crate::error::Result;
use crate::manifest::{Clip, Label};
use crate::plan::{Plan, Status};
use crate::release::Planned;
use crate::text::printable;

/// List the clips, and how each stands
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only clips whose id matches this glob
    glob: Option<String>,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(args: &Args, global: &Global, talk: &Talk) -> Result<ExitCode> {
    let project = project::open(global, talk)?;
    let store = project::store(&project, talk)?;
    let planned = Planned::of(&project, &store)?;
    let glob = glob(args.glob.as_deref().unwrap_or("*"))?;
    let clips: Vec<(&Clip, &'static str)> = project
        .manifest
        .clips
        .iter()
        .enumerate()
        .filter(|(_, clip)| glob.is_match(&clip.id))
        .map(|(index, clip)| (clip, state(&planned.plan, index)))
        .collect();
    talk.data(&match args.format {
        Format::Human => human(&clips),
        Format::Json => json_of(&clips),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The status of a clip's tasks that most needs saying.
fn state(plan: &Plan, clip: usize) -> &'static str {
    let of_clip =
        |status: &dyn Fn(&Status) -> bool| plan.tasks.of_clip(clip).any(|task| status(plan.status(task)));
    if of_clip(&|status| matches!(status, Status::Blocked(_))) {
        "blocked"
    } else if of_clip(&|status| matches!(status, Status::Stale(_) | Status::Waiting(_))) {
        "stale"
    } else {
        "fresh"
    }
}

fn human(clips: &[(&Clip, &'static str)]) -> String {
    let width = clips.iter().map(|(clip, _)| clip.id.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (clip, state) in clips {
        let labels: Vec<String> =
            clip.labels.iter().map(|(name, label)| format!("{name}={}", word(label))).collect();
        let padding = " ".repeat(width - clip.id.chars().count());
        let line = format!("{}{padding}  {state:7}  {}  {}", clip.id, clip.source, labels.join(" "));
        let _ = writeln!(text, "{}", printable(&line));
    }
    text
}

pub(super) fn word(label: &Label) -> String {
    match label {
        Label::Text(text) => text.to_string(),
        Label::Number(number) => number.to_string(),
        Label::Bool(bool) => bool.to_string(),
    }
}

fn json_of(clips: &[(&Clip, &'static str)]) -> String {
    let clips: Vec<_> = clips
        .iter()
        .map(|(clip, state)| {
            json!({
                "id": clip.id, "source": clip.source, "license": clip.license, "origin": clip.origin,
                "labels": clip.labels, "state": state,
            })
        })
        .collect();
    format!("{:#}\n", json!({ "schema_version": "1.0", "clips": clips }))
}
