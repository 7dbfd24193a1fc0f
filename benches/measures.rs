//! What the measures of the quality gate cost: CPU seconds for a minute of audio.
//!
//! `cargo bench --bench measures [-- MINUTES]`; where the system does not tell a thread's CPU time, it says so.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::f64::consts::TAU;

use taqsim::signal::layout::Layout;
use taqsim::signal::quality::Examiner;

const RATE: u32 = 44_100;

fn main() {
    let minutes = std::env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(4);
    if cpu_seconds().is_none() {
        println!("skipped: this system does not tell a thread's CPU time");
        return;
    }
    println!(
        "{RATE} Hz, {minutes} min; CPU s for a minute of audio, least of 3\n\n| channels | measures |\n|---|---|"
    );
    for channels in [1, 2] {
        let planes = vec![plucks(minutes); channels];
        let least = (0..3).map(|_| examine(&planes)).fold(f64::INFINITY, f64::min);
        println!("| {channels} | {:.3} |", least / f64::from(minutes));
    }
}

fn examine(planes: &[Vec<f32>]) -> f64 {
    let before = cpu_seconds().unwrap();
    let layout = Layout::new(planes.len() as u16, 0);
    let mut examiner = Examiner::new(RATE);
    examiner.add(planes, &layout.downmix(planes));
    assert!(examiner.finish().percussion.is_some());
    cpu_seconds().unwrap() - before
}

/// Notes of a plucked string, four a second, in a little noise.
fn plucks(minutes: u32) -> Vec<f32> {
    let mut state = 1u64;
    let mut noise = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / f64::from(1u32 << 30) - 1.0
    };
    let sample = |i: u32| {
        let (note, age) = (i / 11_025, f64::from(i % 11_025) / f64::from(RATE));
        let hz = 110.0 * 2f64.powf(f64::from(note * 7 % 24) / 12.0);
        let tone: f64 = (1..6).map(|k| (TAU * hz * f64::from(k) * age).sin() / f64::from(k)).sum();
        (0.2 * tone * (-4.0 * age).exp() + 1e-4 * noise()) as f32
    };
    (0..minutes * 60 * RATE).map(sample).collect()
}

/// CPU time of this thread, as Linux tells it.
fn cpu_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(text.split_whitespace().next()?.parse::<f64>().ok()? * 1e-9)
}
