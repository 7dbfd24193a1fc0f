//! `taqsim ls`: the clips, and how each stands.

use std::fmt::Write;
use std::process::ExitCode;

use serde_json::json;

use super::build::glob;
use super::{Format, Global, Talk, project};
use crate::error::Result;
use crate::manifest::{Clip, Grouping, Label};
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
    let all: Vec<&Clip> = project.manifest.clips.iter().collect();
    let split = project.manifest.split.as_ref().map(|split| Grouping::of(split, &all));
    let clips: Vec<Line> = all
        .iter()
        .enumerate()
        .filter(|(_, clip)| glob.is_match(&clip.id))
        .map(|(index, clip)| Line {
            clip,
            state: state(&planned.plan, index),
            part: split.as_ref().map(|split| split.part_of(index)),
        })
        .collect();
    talk.data(&match args.format {
        Format::Human => human(&clips),
        Format::Json => json_of(&clips),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// A clip, how it stands, and in which part of the split.
struct Line<'a> {
    clip: &'a Clip,
    state: &'static str,
    part: Option<&'a str>,
}

/// The status of a clip's tasks that most needs saying.
fn state(plan: &Plan, clip: usize) -> &'static str {
    let of_clip =
        |status: &dyn Fn(&Status) -> bool| plan.tasks.of_clip(clip).any(|task| status(plan.status(task)));
    if of_clip(&|status| matches!(status, Status::Blocked(_))) {
        "blocked"
    } else if of_clip(&|status| matches!(status, Status::Stale(_) | Status::Waiting(_))) {
        "stale"
    } else if plan.known.is_left_out(clip) {
        "excluded"
    } else {
        "fresh"
    }
}

fn human(clips: &[Line]) -> String {
    let width = clips.iter().map(|line| line.clip.id.chars().count()).max().unwrap_or(0);
    let width_of_parts = clips.iter().filter_map(|line| line.part).map(str::len).max();
    let mut text = String::new();
    for Line { clip, state, part } in clips {
        let labels: Vec<String> =
            clip.labels.iter().map(|(name, label)| format!("{name}={}", word(label))).collect();
        let padding = " ".repeat(width - clip.id.chars().count());
        let part =
            width_of_parts.map_or_else(String::new, |width| format!("{:width$}  ", part.unwrap_or("")));
        let line = format!("{}{padding}  {state:8}  {part}{}  {}", clip.id, clip.source, labels.join(" "));
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

fn json_of(clips: &[Line]) -> String {
    let clips: Vec<_> = clips
        .iter()
        .map(|Line { clip, state, part }| {
            json!({
                "id": clip.id, "source": clip.source, "license": clip.license, "origin": clip.origin,
                "labels": clip.labels, "split": part, "state": state,
            })
        })
        .collect();
    format!("{:#}\n", json!({ "schema_version": "1.0", "clips": clips }))
}
