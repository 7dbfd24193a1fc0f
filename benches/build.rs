//! How long the sample dataset takes from nothing, where that time goes, and how long a build with nothing to do
//! takes.
//!
//! `cargo bench --bench build` copies the dataset of this repository into a temporary folder, builds it there with
//! one thread, and prints Markdown. CPU time is read from Linux; elsewhere it says so.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Builds with nothing to do, so that ticks of 10 ms add up to something.
const RUNS: usize = 100;

fn main() {
    let Some(before) = children_ticks() else {
        println!("skipped: there is no /proc/self/stat to read CPU times from");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    copy_dataset(Path::new(env!("CARGO_MANIFEST_DIR")), folder.path());
    let (said, wall) = build(folder.path(), &["--jobs", "1"]);
    let cpu = cpu_since(before);
    println!("From nothing, one thread: {:.2} s CPU, {:.2} s wall\n", cpu, wall.as_secs_f64());
    println!("```\n{}```\n", said);
    nothing_to_do(folder.path());
}

fn nothing_to_do(folder: &Path) {
    // A stat of the last two seconds proves nothing, so the first builds hash the tables again.
    std::thread::sleep(Duration::from_secs(3));
    build(folder, &[]);
    let before = children_ticks().unwrap_or(0);
    let mut walls: Vec<Duration> = (0..RUNS).map(|_| build(folder, &[]).1).collect();
    walls.sort();
    let cpu = cpu_since(before) / RUNS as f64;
    let (least, median) = (walls[0].as_secs_f64(), walls[RUNS / 2].as_secs_f64());
    println!(
        "Nothing to do: {:.1} ms CPU; wall {:.1} ms at least, {:.1} ms in the median of {RUNS}",
        cpu * 1e3,
        least * 1e3,
        median * 1e3
    );
}

fn copy_dataset(from: &Path, to: &Path) {
    fs::create_dir(to.join("sources")).unwrap();
    fs::copy(from.join("taqsim.toml"), to.join("taqsim.toml")).unwrap();
    for entry in fs::read_dir(from.join("sources")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join("sources").join(entry.file_name())).unwrap();
    }
}

fn build(folder: &Path, words: &[&str]) -> (String, Duration) {
    let began = Instant::now();
    let mut command = Command::new(env!("CARGO_BIN_EXE_taqsim"));
    let output = command.arg("build").args(words).current_dir(folder).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    (said, began.elapsed())
}

/// User and system time of the children that ended, in ticks of 10 ms: fields 16 and 17 of our own stat.
fn children_ticks() -> Option<u64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    Some(fields.get(13)?.parse::<u64>().ok()? + fields.get(14)?.parse::<u64>().ok()?)
}

fn cpu_since(before: u64) -> f64 {
    (children_ticks().unwrap_or(before) - before) as f64 / 100.0
}
