//! Pitch of real plucked strings: 48 notes of a classical guitar, whose names are their pitches.
//!
//! They are the CC0 samples of the FreePats project's "Spanish classical guitar" of 2019-06-18, and are no part of this
//! repository: `TAQSIM_TEST_AUDIO` names the folder that has `guitar_cc0/samples`, `../shared/audio` otherwise.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test stops where it fails, and says what it skips"
)]

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use taqsim::signal::pitch::{
    Period, Yin, YinParameters, cents_of, hold_octaves, median_filter, voiced, without_the_faint,
};
use taqsim::signal::resample::Resampler;
use taqsim::signal::{LANES, rms};
use taqsim::stages::{Context, Input, Inputs, Master, Normalize, Stage};

#[test]
fn notes_of_a_guitar_have_their_octave_and_their_pitch() {
    let notes = notes();
    if notes.is_empty() {
        eprintln!("skipped: no notes in `{}`", folder().display());
        return;
    }
    assert_eq!(notes.len(), 48);
    let (mut right, mut near, mut of) = (Vec::new(), 0, 0);
    for (name, path) in &notes {
        let truth = cents_of_name(name);
        let mut pitches: Vec<f64> = contour(path).into_iter().flatten().collect();
        pitches.sort_by(f64::total_cmp);
        let middle = pitches.get(pitches.len() / 2).copied().unwrap_or(f64::NAN);
        if (middle - truth).abs() <= 50.0 {
            right.push(name);
            near += pitches.iter().filter(|pitch| (*pitch - middle).abs() <= 20.0).count();
            of += pitches.len();
        } else {
            eprintln!("{name}: {:.0} cents off", middle - truth);
        }
    }
    let share = f64::from(near as u32) / f64::from(of as u32);
    eprintln!("{} of 48 in their octave; {share:.4} of {of} voiced frames within 20 cents", right.len());
    assert!(right.len() >= 47 && share >= 0.98, "{} {share}", right.len());
}

fn folder() -> PathBuf {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/audio");
    std::env::var_os("TAQSIM_TEST_AUDIO").map_or(beside, PathBuf::from).join("guitar_cc0/samples")
}

fn notes() -> Vec<(String, PathBuf)> {
    let entries = std::fs::read_dir(folder()).into_iter().flatten();
    let mut notes: Vec<(String, PathBuf)> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "flac"))
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), path))
        .collect();
    notes.sort();
    notes
}

/// `A#1`: 440 Hz is A4.
fn cents_of_name(name: &str) -> f64 {
    let (class, octave) = name.split_at(name.len() - 1);
    let semitone = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"]
        .iter()
        .position(|known| *known == class)
        .unwrap();
    let octave: i32 = octave.parse().unwrap();
    f64::from((octave - 4) * 12 + semitone as i32 - 9) * 100.0
}

/// The contour as the embedder `pitch` takes it, with its defaults but for `fmin`: the lowest note has 49 Hz.
fn contour(path: &Path) -> Vec<Option<f64>> {
    let mut inputs = Inputs::default();
    inputs.push("source", Input::file(path.to_owned()));
    let outputs = Normalize::default().run(&inputs, &Context::new(&AtomicBool::new(false))).unwrap();
    let master = Master::read(&Input::bytes(outputs[0].1.as_slice())).unwrap();
    let n_frames = (outputs[0].1.len() as u64 - 44) / 3;
    let samples = Resampler::new(master.sample_rate(), 22_050).resample(master.mono(0, n_frames).unwrap());
    let mut yin = Yin::new(YinParameters {
        sample_rate: 22_050.0,
        fmin: 45.0,
        fmax: 1760.0,
        frame_length: 2048,
        hop_length: 256,
        trough_threshold: 0.1,
    })
    .unwrap();
    let n_frames = yin.n_frames(samples.len());
    let periods: Vec<Period> =
        (0..n_frames).step_by(LANES).flat_map(|first| yin.periods(&samples, first)).take(n_frames).collect();
    let levels: Vec<f64> =
        rms(&samples, 256, 256).into_iter().map(|rms| 20.0 * libm::log10(rms.max(1e-6))).collect();
    let contour = without_the_faint(&voiced(&periods, 0.2), &rms(&samples, 2048, 256), 40.0);
    hold_octaves(&median_filter(&contour, 5), &levels)
}

#[test]
fn names_are_pitches() {
    assert_eq!(cents_of_name("A4"), 0.0);
    assert!((cents_of_name("C#2") - cents_of(69.296)).abs() < 0.1);
}
