//! Makes the sample dataset: solo oud improvisations from physical models, and the manifest that catalogues them.
//!
//! `cargo run --example synthesize` writes `sources/` and `taqsim.toml` into the repository. It needs ffmpeg for every
//! format but WAV. The same seeds give the same samples on every machine.
#![allow(clippy::print_stderr, reason = "an example speaks to whoever runs it")]

mod body;
mod catalogue;
mod encode;
mod form;
mod instrument;
mod manifest;
mod maqam;
mod melody;
mod oud;
mod performance;
mod player;
mod random;
mod recording;
mod room;
mod string;

use std::fs;
use std::io::{Error, Result};
use std::path::Path;
use std::process::ExitCode;

use rayon::prelude::*;

use catalogue::{PIECES, Piece};
use encode::Tags;
use performance::Performance;
use random::Random;

fn main() -> ExitCode {
    if !encode::ffmpeg_is_there() {
        eprintln!("error: cannot run `ffmpeg`, which encodes all but the WAV files\nhint: install it");
        return ExitCode::FAILURE;
    }
    match synthesise(Path::new(env!("CARGO_MANIFEST_DIR"))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn synthesise(root: &Path) -> Result<()> {
    let sources = root.join("sources");
    fs::create_dir_all(&sources).map_err(|error| cannot_write("sources", &error))?;
    let recorded: Result<Vec<(&Piece, Performance)>> =
        PIECES.par_iter().map(|piece| Ok((piece, make(piece, &sources)?))).collect();
    let recorded = recorded?;
    write(&sources.join("notes.csv"), &notes(&recorded))?;
    write(&root.join("taqsim.toml"), &manifest::text(&recorded))
}

/// Plays, records and encodes one piece.
fn make(piece: &Piece, sources: &Path) -> Result<Performance> {
    let mut random = Random::from_text(piece.file);
    let performance =
        performance::improvise(piece.player, piece.maqam, piece.oud, piece.seconds, &mut random);
    let recording = recording::record(&performance, piece.oud, piece.setting, random);
    let title = format!("Taqsim {} ({} oud, synthetic)", piece.maqam.name, piece.oud.build().name);
    let tags = Tags { title: &title, artist: piece.player.name };
    encode::write(&recording, piece.format, tags, &sources.join(piece.file))
        .map_err(|error| cannot_write(piece.file, &error))?;
    eprintln!("{}: {:.1} s", piece.file, performance.seconds);
    Ok(performance)
}

/// Every note as it was played: the truth against which pitch and onsets can be checked.
fn notes(recorded: &[(&Piece, Performance)]) -> String {
    let mut table = String::from("source,start_s,end_s,hertz,cents_from_tonic,plucked\n");
    for (piece, performance) in recorded {
        for note in &performance.notes {
            let cents = 1200.0 * libm::log2(note.hertz / performance.tonic);
            let end = note.start + note.length;
            let (file, start, hertz) = (piece.file, note.start, note.hertz);
            let plucked = note.stroke.is_some();
            table += &format!("{file},{start:.3},{end:.3},{hertz:.2},{cents:.1},{plucked}\n");
        }
    }
    table
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(|error| cannot_write(&path.display().to_string(), &error))
}

fn cannot_write(what: &str, cause: &Error) -> Error {
    Error::other(format!("cannot write `{what}`: {cause}"))
}
