//! `taqsim evaluate`: whether clips with the same label lie together, and whether it is the label.

mod report;

use std::process::ExitCode;

use serde_json::{Value, json};
use unicode_normalization::UnicodeNormalization;

use super::progress::Progress;
use super::{Format, Global, Talk, build, project};
use crate::error::{Error, Result};
use crate::manifest::Manifest;
use crate::release::{self, Options, Scored};
use report::{Ranked, human, ranked};

/// Show whether clips with the same label lie together, and whether it is the label
///
/// For every label of `[evaluate]` the embed steps, the one that shows it best first: balanced accuracy of the nearest
/// neighbours with its 95 % interval and how often chance does as well, where recordings are left out at random, one by
/// one, or with all others of their artist. What is stale is made; draft and lock stay as they are.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  taqsim evaluate                  # every label, nuisances, and whether performances stay together
  taqsim evaluate maqam            # one label
  taqsim evaluate --format json    # every score, for programs")]
pub(super) struct Args {
    /// Only these labels
    #[arg(value_name = "LABEL")]
    labels: Vec<String>,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(args: &Args, global: &Global, talk: &Talk) -> Result<ExitCode> {
    let project = project::open(global, talk)?;
    let asked: Vec<String> = args.labels.iter().map(|label| label.nfc().collect()).collect();
    check(&asked, &project.manifest)?;
    build::finish_what_is_running_on_ctrl_c()?;
    let (_lock, store) = project::store_to_build(&project, talk)?;
    let progress = Progress::new(*talk);
    let listener = |event: &crate::run::Event| progress.hear(event);
    let options = Options::new(&build::CANCELLED, &listener);
    let scores = release::evaluate(&project, &store, &options, |built| build::say_failures(built, talk))?;
    let Some(mut scores) = scores else { return Ok(ExitCode::from(1)) };
    if !asked.is_empty() {
        scores.retain(|scored| asked.contains(&scored.score.label));
    }
    let ranked = ranked(&scores);
    talk.data(&match args.format {
        Format::Human => human(&ranked, &scores),
        Format::Json => to_json(&ranked, &scores),
    })?;
    Ok(ExitCode::SUCCESS)
}

fn check(asked: &[String], manifest: &Manifest) -> Result<()> {
    let Some(evaluate) = &manifest.evaluate else {
        return Err(Error::usage("the manifest has no `[evaluate]`")
            .hint("add the line `[evaluate]` to taqsim.toml: it evaluates every label in every embed step"));
    };
    let nuisances = evaluate.artist.iter().map(String::as_str);
    let measured = ["recording", "cutoff_hz", "noise_floor_dbfs", "loudness_lufs"];
    let known: Vec<&str> =
        evaluate.labels.iter().map(String::as_str).chain(nuisances).chain(measured).collect();
    match asked.iter().find(|label| !known.contains(&label.as_str())) {
        Some(label) => Err(Error::usage(format!("`[evaluate]` does not evaluate `{label}`"))
            .hint(format!("it evaluates {}", known.join(", ")))),
        None => Ok(()),
    }
}

fn to_json(ranked: &[Ranked], scores: &[Scored]) -> String {
    let labels: Vec<Value> = ranked.iter().map(label_as_json).collect();
    let scores: Vec<Value> = scores.iter().map(score_as_json).collect();
    format!("{:#}\n", json!({ "schema_version": "1.0", "labels": labels, "scores": scores }))
}

fn label_as_json(ranked: &Ranked) -> Value {
    json!({
        "label": ranked.label, "role": ranked.role.name(), "embeds": ranked.embeds,
        "protocol": ranked.strictest.name(), "verdict": ranked.verdict().map(|verdict| verdict.name()),
        "conclusion": ranked.conclusion(),
    })
}

fn score_as_json(scored: &Scored) -> Value {
    let score = &scored.score;
    json!({
        "evaluation_id": scored.id(), "label": score.label, "role": score.role.name(), "embed": scored.embed,
        "protocol": scored.protocol, "measure": score.measure.name(), "value": score.value,
        "interval": score.interval, "p": score.p, "chance": score.chance, "n": score.n,
        "n_recordings": score.n_recordings, "n_classes": score.n_classes,
        "verdict": score.verdict.map(|verdict| verdict.name()), "note": score.note,
    })
}
