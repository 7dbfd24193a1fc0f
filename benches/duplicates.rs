//! What it costs to find copies among many recordings: CPU seconds and peak memory of the search.
//!
//! `cargo bench --bench duplicates [-- CLIPS SECONDS]`; where the system does not tell, it says so. The recordings are
//! melodies of chance, made as power spectra; every hundredth is a copy of the one before it, each of its numbers off by up to 5 %.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};

use taqsim::signal::Random;
use taqsim::signal::duplicates::{Fingerprint, Fingerprinter, find_pairs};

const RATE: f64 = 8000.0;
const N_FFT: usize = 512;
const HOP: usize = 250;
const COPY: usize = 100;

fn main() {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse().ok());
    let (clips, seconds) = (numbers.next().unwrap_or(10_000), numbers.next().unwrap_or(30));
    let mut file = tempfile::tempfile().unwrap();
    let (mut places, mut end) = (Vec::new(), 0);
    for clip in 0..clips {
        let bytes = fingerprint(clip, seconds).to_bytes();
        file.write_all(&bytes).unwrap();
        places.push((end, bytes.len()));
        end += bytes.len() as u64;
    }
    let (before, memory) = (cpu_seconds(), peak_mb());
    let pairs = find_pairs(clips, |clip| Ok(read(&file, places[clip]))).unwrap();
    let copies =
        pairs.iter().filter(|pair| pair.second % COPY == COPY - 1 && pair.first + 1 == pair.second).count();
    let told = before.zip(cpu_seconds()).zip(memory.zip(peak_mb()));
    let Some(((before, now), (memory, peak))) = told else {
        return println!("skipped: this system tells neither CPU time nor memory");
    };
    println!("{clips} recordings of {seconds} s, {} MB of fingerprints", end / 1_000_000);
    println!("{:.1} s CPU; {peak:.0} MB at most, {memory:.0} MB of that before it began", now - before);
    println!("{} pairs found, {copies} of {} copies among them", pairs.len(), clips / COPY);
}

fn read(mut file: &File, (offset, length): (u64, usize)) -> Fingerprint {
    let mut bytes = vec![0; length];
    file.seek(SeekFrom::Start(offset)).unwrap();
    file.read_exact(&mut bytes).unwrap();
    Fingerprint::from_bytes(&bytes).unwrap()
}

/// Four notes a second of six partials that fade, over noise; then what coding does to them.
fn fingerprint(clip: usize, seconds: usize) -> Fingerprint {
    let melody = if clip % COPY == COPY - 1 { clip - 1 } else { clip };
    let (mut random, mut coding) = (Random::new(melody as u64), Random::new(!(clip as u64)));
    let mut fingerprinter = Fingerprinter::new(RATE, N_FFT, HOP);
    let (steps_a_note, mut power) = (RATE as usize / HOP / 4, vec![0.0f32; N_FFT / 2 + 1]);
    for _ in 0..4 * seconds {
        let hz = 110.0 * 2f64.powf((random.uniform() * 24.0).floor() / 12.0);
        for step in 0..steps_a_note {
            power.fill_with(|| (1e-4 * random.uniform()) as f32);
            for partial in 1..=6 {
                let bin = (hz * f64::from(partial) / RATE * N_FFT as f64).round() as usize;
                let level = 0.8f64.powi(step as i32) / f64::from(partial);
                power[bin.min(N_FFT / 2)] += (level * (0.9 + 0.2 * random.uniform())) as f32;
            }
            power.iter_mut().for_each(|bin| *bin *= (0.95 + 0.1 * coding.uniform()) as f32);
            fingerprinter.add(&power);
        }
    }
    fingerprinter.end_stretch();
    fingerprinter.finish()
}

fn cpu_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(text.split_whitespace().next()?.parse::<f64>().ok()? * 1e-9)
}

fn peak_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<f64>().ok()? / 1000.0)
}
