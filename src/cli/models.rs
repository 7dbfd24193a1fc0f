//! `taqsim models`: what can be had and what is here; does one work?

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use clap::Subcommand;
use serde_json::json;

use super::{Format, Talk};
use crate::error::{Error, Result};
use crate::run::{self, Roots};
use crate::signal::layout::Layout;
use crate::signal::wav::Pcm;
use crate::stages::embed::Wav2vec2;
use crate::stages::{
    Context, Frame, Input, Inputs, MODELS, Model, Span, Spans, Stage, Values, WeightFile, WeightFiles,
};
use crate::text::printable;

/// List the models that embed steps can run, and say which are here
///
/// Nothing is downloaded: `hf download ORG/NAME` gets a model, and prints the folder that it is in, whose name is its revision.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  taqsim models                            # what there is, and what of it is here
  taqsim models check models/mert-v1-95m   # load one, and embed a tone with it")]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Load a model, and embed two seconds of a tone with it
    Check {
        /// A folder with config.json and weights, a file of weights in one, or hf:org/name@revision
        path: String,
    },
}

pub(super) fn run(args: &Args, talk: &Talk) -> Result<ExitCode> {
    let text = match &args.verb {
        Some(Verb::Check { path }) => check(path)?,
        None => match args.format {
            Format::Human => human(),
            Format::Json => as_json(),
        },
    };
    talk.data(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn human() -> String {
    let mut text = String::new();
    for model in &MODELS {
        let (dim, states) = model.shape;
        let license = model.license.unwrap_or("see its card");
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{} ({}, {license}): {}", model.id, model.kind, model.good_for);
        let _ = writeln!(
            text,
            "    {} Hz, {} s, {states} states of {dim}, {} M parameters, speed {}",
            model.sample_rate,
            model.window,
            model.parameters,
            model.speed.letter()
        );
        let here = places(model);
        match here.is_empty() {
            true => _ = writeln!(text, "    not here: hf download {}", model.repository),
            false => here.iter().for_each(|place| _ = writeln!(text, "    here: weights = \"{place}\"")),
        }
    }
    text
}

fn as_json() -> String {
    let model = |model: &Model| {
        json!({
            "id": model.id, "kind": model.kind, "repository": model.repository, "license": model.license,
            "sample_rate_hz": model.sample_rate, "window_s": model.window, "dim": model.shape.0,
            "states": model.shape.1, "parameters_millions": model.parameters,
            "speed": model.speed.letter().to_string(), "good_for": model.good_for, "here": places(model),
        })
    };
    let models: Vec<_> = MODELS.iter().map(model).collect();
    format!("{:#}\n", json!({ "schema_version": "1.0", "models": models }))
}

/// What a step would name each revision of a model by that is here.
fn places(model: &Model) -> Vec<String> {
    let revisions = run::revisions_in_hub(model.repository).into_iter();
    revisions.map(|revision| format!("hf:{}@{revision}", model.repository)).collect()
}

const TONE_RATE: u32 = 44_100;
const TONE_SECONDS: u32 = 2;

/// Loads a model and embeds a tone.
fn check(path: &str) -> Result<String> {
    let (base, weights) = base_and_name(path);
    let roots = Roots::new(&base, &[])?;
    let files = run::files_of_model(&weights, &roots)?;
    let listed = files.iter().map(|(name, _)| WeightFile { name: name.clone(), digest: String::new() });
    let mut inputs = Inputs::default();
    inputs.push("weights", Input::bytes(WeightFiles { files: listed.collect() }.to_bytes()));
    files.iter().for_each(|(_, path)| inputs.push("files", Input::file(path.clone())));
    inputs.push("audio", Input::bytes(tone()?));
    let spans = vec![Span { range: 0, start: 0, end: u64::from(TONE_RATE * TONE_SECONDS) }];
    inputs.push("spans", Input::bytes(Spans { spans, padded_to: 0 }.to_bytes()));
    let began = Instant::now();
    let outputs = Wav2vec2::default().run(&inputs, &Context::new(&AtomicBool::new(false)))?;
    let took = began.elapsed().as_secs_f64();
    let bytes = outputs.into_iter().next().map(|(_, bytes)| bytes).unwrap_or_default();
    let frame = Frame::read(&Input::bytes(bytes))?;
    let Some(Values::Lists { dim, data }) = frame.column("vector") else {
        return Err(Error::cannot_read(printable(path), "it gives no vector"));
    };
    if !data.iter().all(|x| x.is_finite()) {
        return Err(Error::cannot_read(
            printable(path),
            "it gives numbers that are not finite: its weights are damaged",
        ));
    }
    let (least, most) =
        data.iter().fold((f32::MAX, f32::MIN), |(least, most), x| (least.min(*x), most.max(*x)));
    let names: Vec<String> = files.iter().map(|(name, _)| printable(name)).collect();
    Ok(format!(
        "{}: works as `wav2vec2`\nfiles: {}\n{TONE_SECONDS} s of 440 Hz: {dim} numbers from {least:.3} to {most:.3}, in {took:.1} s \
         with loading\n",
        printable(path),
        names.join(", ")
    ))
}

/// The folder that a model is looked for in, and what it is called there.
fn base_and_name(path: &str) -> (PathBuf, String) {
    if path.starts_with("hf:") {
        return (PathBuf::from("."), path.to_owned());
    }
    let whole = Path::new(path);
    match (whole.is_file(), whole.parent(), whole.file_name()) {
        (true, Some(parent), Some(name)) => {
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            (parent.to_owned(), name.to_string_lossy().into_owned())
        }
        _ => (whole.to_owned(), ".".to_owned()),
    }
}

fn tone() -> Result<Vec<u8>> {
    let step = std::f64::consts::TAU * 440.0 / f64::from(TONE_RATE);
    let sample = |n: u32| (libm::sin(step * f64::from(n)) * 2_000_000.0) as i32;
    let samples = (0..TONE_RATE * TONE_SECONDS).map(sample).collect();
    Pcm { sample_rate: TONE_RATE, layout: Layout::new(1, 0), samples }.to_wav()
}
