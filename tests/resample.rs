//! Resampling beside soxr: sox's `rate -v` is soxr's algorithm at its very high quality.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;

use taqsim::signal::decode::Source;
use taqsim::signal::resample::Resampler;

const RATES: [u32; 11] =
    [8000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000, 192_000];

#[test]
fn a_sweep_through_the_pass_band_is_what_soxr_makes_of_it() {
    if !Command::new("sox").arg("--version").output().is_ok_and(|output| output.status.success()) {
        std::io::stdout().write_all(b"skipped: there is no sox\n").unwrap();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sweep.wav");
    let mut wrong = Vec::new();
    for from in RATES {
        for to in RATES.into_iter().filter(|to| *to != from) {
            let sweep = sweep(from, 0.9 * f64::from(from.min(to)) / 2.0);
            fs::write(&path, wav(from, &sweep)).unwrap();
            let theirs = by_sox(&path, to);
            let ours = Resampler::new(from, to).resample(sweep.iter().copied().map(f64::from).collect());
            let differences =
                ours.iter().zip(&theirs).map(|(ours, theirs)| (ours - f64::from(*theirs)).abs());
            let largest = differences.fold(0.0, f64::max);
            // sox rounds lengths where soxr and we round up. It is sox that is -94 dB away: the ideal is -118 dB from us.
            if ours.len().abs_diff(theirs.len()) > 1 || largest > 1e-5 {
                wrong.push(format!("{from} to {to}: {} and {} frames, {largest}", ours.len(), theirs.len()));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// Half a second that rises to `highest` Hz, and fades in and out, for filters ring differently at an abrupt end.
fn sweep(rate: u32, highest: f64) -> Vec<f32> {
    let frames = rate / 2;
    let sample = |n: u32| {
        let time = f64::from(n) / f64::from(rate);
        let fade = (std::f64::consts::PI * f64::from(n) / f64::from(frames)).sin().powi(2);
        (0.5 * fade * (std::f64::consts::TAU * highest * time * time).sin()) as f32
    };
    (0..frames).map(sample).collect()
}

fn by_sox(path: &Path, to: u32) -> Vec<f32> {
    let out = path.with_file_name("out.wav");
    let mut sox = Command::new("sox");
    sox.args(["-D", "-V1"]).arg(path).args(["-e", "float", "-b", "32"]).arg(&out).args([
        "rate",
        "-v",
        &to.to_string(),
    ]);
    assert!(sox.status().unwrap().success());
    Source::open(File::open(out).unwrap()).unwrap().decode_all().unwrap().swap_remove(0)
}

/// Mono, of 32-bit floats.
fn wav(rate: u32, samples: &[f32]) -> Vec<u8> {
    let bytes = samples.len() as u32 * 4;
    let mut file = b"RIFF".to_vec();
    file.extend((bytes + 36).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x03\0\x01\0");
    file.extend(rate.to_le_bytes());
    file.extend((rate * 4).to_le_bytes());
    file.extend(b"\x04\0\x20\0data");
    file.extend(bytes.to_le_bytes());
    file.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    file
}
