//! How fast the sample rate is changed, beside soxr's HQ: CPU seconds, medians of interleaved runs.
//!
//! `cargo bench --bench resample -- PYTHON` prints a Markdown table; PYTHON is an interpreter that can import `soxr` and
//! `numpy`. Each measurement is a process of its own, which says how much CPU time resampling took it.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::env;
use std::fs;
use std::process::{Command, Stdio};

use taqsim::signal::resample::Resampler;

const RUNS: usize = 3;
const TIMES: u32 = 3;
/// Long enough for the system to hand out memory for both results anew each time.
const SECONDS: u32 = 300;
const PAIRS: [(u32, u32); 12] = [
    (44_100, 22_050),
    (44_100, 16_000),
    (44_100, 48_000),
    (44_100, 88_200),
    (44_100, 11_025),
    (48_000, 44_100),
    (48_000, 16_000),
    (96_000, 44_100),
    (96_000, 24_000),
    (192_000, 44_100),
    (22_050, 44_100),
    (16_000, 44_100),
];
const SOXR: &str = "import sys, time, numpy, soxr
a, b, seconds, times = map(int, sys.argv[1:])
x = (numpy.arange(a * seconds) * 7919 % 1000 / 1000 - 0.5).astype(numpy.float32)
start = time.process_time()
for _ in range(times): soxr.resample(x, a, b, quality='HQ')
print((time.process_time() - start) / times)";

fn main() {
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.as_slice() {
        [from, to] => println!("{}", resample(from.parse().unwrap(), to.parse().unwrap())),
        [python] => compare(python),
        _ => compare("python3"),
    }
}

/// CPU s that resampling once takes.
fn resample(from: u32, to: u32) -> f64 {
    let samples: Vec<f64> =
        (0..u64::from(from * SECONDS)).map(|n| (n * 7919 % 1000) as f64 / 1000.0 - 0.5).collect();
    let copies = vec![samples; TIMES as usize];
    let start = ticks();
    for samples in copies {
        // As for each clip, the filter is made anew.
        assert!(!Resampler::new(from, to).resample(samples).is_empty());
    }
    (ticks() - start) as f64 / 100.0 / f64::from(TIMES)
}

fn compare(python: &str) {
    let import = Command::new(python).args(["-c", "import numpy, soxr"]).stderr(Stdio::null()).status();
    if !import.is_ok_and(|status| status.success()) {
        println!("skipped: {python} cannot import numpy and soxr");
        return;
    }
    println!("{SECONDS} s, mono; CPU s, median of {RUNS} interleaved runs\n");
    println!("| from | to | taqsim | soxr HQ | ratio |\n|---|---|---|---|---|");
    for (from, to) in PAIRS {
        let runs: Vec<(f64, f64)> = (0..RUNS).map(|_| (ours(from, to), soxr(python, from, to))).collect();
        let median = |mut times: Vec<f64>| {
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        };
        let ours = median(runs.iter().map(|run| run.0).collect());
        let theirs = median(runs.iter().map(|run| run.1).collect());
        println!("| {from} | {to} | {ours:.3} | {theirs:.3} | {:.1} |", ours / theirs);
    }
}

fn ours(from: u32, to: u32) -> f64 {
    said(Command::new(env::current_exe().unwrap()).args([from.to_string(), to.to_string()]))
}

fn soxr(python: &str, from: u32, to: u32) -> f64 {
    let numbers = [from, to, SECONDS, TIMES].map(|number| number.to_string());
    said(Command::new(python).args(["-c", SOXR]).args(numbers).env("OMP_NUM_THREADS", "1"))
}

/// The number that the command prints.
fn said(command: &mut Command) -> f64 {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}

/// Our CPU time, user and system, in ticks of 10 ms: fields 14 and 15 of Linux's stat.
fn ticks() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}
