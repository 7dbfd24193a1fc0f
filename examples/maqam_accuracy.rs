//! How well `pitch` finds tonic and maqam in a dataset: the tables of docs/MAQAM.md.
//!
//! `cargo run --example maqam_accuracy` reads `taqsim.toml` in this folder; a path given to it is read instead. Clips
//! need the labels `maqam`, `tonic_hz` and `artist`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example speaks to whoever runs it")]

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use rayon::prelude::*;
use taqsim::error::{Error, Result};
use taqsim::manifest::{Clip, Label, Manifest, parse};
use taqsim::signal::Random;
use taqsim::stages::embed::{Estimate, Pitch, Tonic};
use taqsim::stages::segment::Whole;
use taqsim::stages::{Context, Frame, Input, Inputs, Normalize, OrLabel, Stage, Values};

fn main() -> ExitCode {
    let path = std::env::args().nth(1).unwrap_or_else(|| "taqsim.toml".to_owned());
    match report(Path::new(&path)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A clip with its labels and what `pitch` says of it.
struct Described {
    id: String,
    maqam: String,
    artist: String,
    tonic_hz: f64,
    estimated_hz: Option<f64>,
    confidence: f64,
    suggested: Option<String>,
    /// Its distributions with the tonic labelled, estimated, and not aligned at all, by the name of the block.
    aligned: [Frame; 3],
}

const ALIGNMENTS: [&str; 3] = ["tonic from the label", "tonic estimated", "no alignment (control)"];
const BLOCKS: [(&str, &[&str]); 6] = [
    ("`vector`", &["vector"]),
    ("`pcd53`", &["pcd53"]),
    ("`pcd24_*`", &["pcd24_begin", "pcd24_middle", "pcd24_end"]),
    ("`intervals`", &["intervals"]),
    ("`register`", &["register"]),
    ("`register_arc`", &["register_arc"]),
];

fn report(path: &Path) -> Result<()> {
    let text = read(path)?;
    let manifest = parse(&text, &path.display().to_string()).manifest;
    let manifest = manifest.ok_or_else(|| Error::usage("cannot read the manifest: see `taqsim check`"))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let clips: Vec<Described> =
        manifest.clips.par_iter().map(|clip| describe(&manifest, clip, folder)).collect::<Result<_>>()?;
    print_tonics(&clips);
    print_maqamat(&clips);
    Ok(())
}

fn describe(manifest: &Manifest, clip: &Clip, folder: &Path) -> Result<Described> {
    let source = Input::file(folder.join(&clip.source));
    let ranges = clip.ranges.iter().map(|range| (range.start, range.end)).collect();
    let normalize = Normalize { ranges, ..manifest.normalize.clone() };
    let mut inputs = Inputs::default();
    inputs.push("source", source);
    run(&normalize, &mut inputs)?;
    run(&Whole::default(), &mut inputs)?;
    let labelled = number(clip, "tonic_hz")?;
    let tonics = [Tonic::Hz(labelled), Tonic::Estimate(Estimate::Estimate), Tonic::Hz(440.0)];
    let frame = |tonic| -> Result<Frame> {
        let stage = Pitch { tonic: OrLabel::Value(tonic), ..Pitch::default() };
        let outputs = stage.run(&inputs, &Context::new(&AtomicBool::new(false)))?;
        Frame::read(&Input::bytes(outputs[0].1.as_slice()))
    };
    let aligned = [frame(tonics[0])?, frame(tonics[1])?, frame(tonics[2])?];
    Ok(Described {
        id: clip.id.clone(),
        maqam: text(clip, "maqam")?,
        artist: text(clip, "artist")?,
        tonic_hz: labelled,
        estimated_hz: first_number(&aligned[1], "tonic_hz"),
        confidence: first_number(&aligned[1], "tonic_confidence").unwrap_or(0.0),
        suggested: first_text(&aligned[0], "maqam_suggested"),
        aligned,
    })
}

/// Runs a stage, and adds what it gives to the inputs of the next.
fn run(stage: &dyn Stage, inputs: &mut Inputs) -> Result<()> {
    for (name, bytes) in stage.run(inputs, &Context::new(&AtomicBool::new(false)))? {
        inputs.push(name, Input::bytes(bytes));
    }
    Ok(())
}

fn print_tonics(clips: &[Described]) {
    println!("| clip | tonic, Hz | estimated, Hz | apart, cents | confidence |\n|---|---|---|---|---|");
    let apart = |clip: &Described| clip.estimated_hz.map(|hz| 1200.0 * libm::log2(hz / clip.tonic_hz));
    for clip in clips {
        let (hz, cents) = (clip.estimated_hz.unwrap_or(f64::NAN), apart(clip).unwrap_or(f64::NAN));
        println!("| {} | {:.2} | {hz:.2} | {cents:+.1} | {:.2} |", clip.id, clip.tonic_hz, clip.confidence);
    }
    let right = |clip: &&Described| apart(clip).is_some_and(|cents| cents.abs() <= 20.0);
    let class = |clip: &&Described| {
        apart(clip).is_some_and(|cents| (cents - 1200.0 * libm::round(cents / 1200.0)).abs() <= 20.0)
    };
    let (n, of) = (clips.iter().filter(right).count(), clips.len());
    println!("\nTonic within 20 cents: {n} of {of}; in any octave {}.", clips.iter().filter(class).count());
}

fn print_maqamat(clips: &[Described]) {
    println!("\n| nearest neighbour by another player | {} |", ALIGNMENTS.join(" | "));
    println!("|---|---|---|---|");
    for (name, columns) in BLOCKS {
        let cells: Vec<String> = (0..ALIGNMENTS.len())
            .map(|alignment| {
                let vectors: Vec<Vec<f64>> =
                    clips.iter().map(|clip| mean_row(&clip.aligned[alignment], columns)).collect();
                shown(&hits(clips, &vectors))
            })
            .collect();
        println!("| {name} | {} |", cells.join(" | "));
    }
    let named: Vec<bool> =
        clips.iter().map(|clip| clip.suggested.as_deref() == Some(clip.maqam.as_str())).collect();
    println!("\nNearest named scale is the maqam's, tonic from the label: {}.", shown(&named));
}

/// For each clip, whether the nearest clip of another player has its maqam.
fn hits(clips: &[Described], vectors: &[Vec<f64>]) -> Vec<bool> {
    let distance = |a: usize, b: usize| -> f64 {
        vectors[a].iter().zip(&vectors[b]).map(|(x, y)| (x - y) * (x - y)).sum()
    };
    (0..clips.len())
        .map(|i| {
            let others = (0..clips.len()).filter(|j| clips[*j].artist != clips[i].artist);
            let nearest = others.min_by(|a, b| distance(i, *a).total_cmp(&distance(i, *b)));
            nearest.is_some_and(|j| clips[j].maqam == clips[i].maqam)
        })
        .collect()
}

/// The share of hits, with its 95 % interval by a bootstrap over clips.
fn shown(hits: &[bool]) -> String {
    let share = |n: usize| n as f64 / hits.len().max(1) as f64;
    let mut random = Random::new(7);
    let mut draws: Vec<f64> = (0..10_000)
        .map(|_| share((0..hits.len()).filter(|_| hits[random.below(hits.len() as u64) as usize]).count()))
        .collect();
    draws.sort_by(f64::total_cmp);
    let n = hits.iter().filter(|hit| **hit).count();
    format!("{:.2} ({:.2}-{:.2})", share(n), draws[249], draws[9749])
}

/// The mean of the rows, one per range, of some columns laid end to end.
fn mean_row(frame: &Frame, columns: &[&str]) -> Vec<f64> {
    let mut row = Vec::new();
    for column in columns {
        let Some(Values::Lists { dim, data }) = frame.column(column) else { continue };
        let mean = |i: usize| data.iter().skip(i).step_by(*dim).map(|x| f64::from(*x)).sum::<f64>();
        row.extend((0..*dim).map(|i| mean(i) / frame.n_rows.max(1) as f64));
    }
    row
}

fn first_number(frame: &Frame, name: &str) -> Option<f64> {
    match frame.column(name) {
        Some(Values::Floats(values)) => values.first().copied().flatten(),
        _ => None,
    }
}

fn first_text(frame: &Frame, name: &str) -> Option<String> {
    match frame.column(name) {
        Some(Values::Texts(values)) => values.first().cloned().flatten(),
        _ => None,
    }
}

fn number(clip: &Clip, label: &str) -> Result<f64> {
    match clip.labels.get(label) {
        Some(Label::Number(number)) => Ok(*number),
        _ => Err(Error::usage(format!("the clip `{}` has no number `{label}`", clip.id))),
    }
}

fn text(clip: &Clip, label: &str) -> Result<String> {
    match clip.labels.get(label) {
        Some(Label::Text(text)) => Ok(text.to_string()),
        _ => Err(Error::usage(format!("the clip `{}` has no text `{label}`", clip.id))),
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let opened = File::open(path).and_then(|mut file| file.read_to_end(&mut bytes));
    opened.map_err(|cause| Error::cannot_read(path.display(), cause))?;
    Ok(bytes)
}
