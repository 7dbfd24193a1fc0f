//! What a hundred thousand clips cost where nothing, or next to nothing, changed, against other build systems.
//!
//! `cargo bench --bench scale -- 1000 10000 100000` makes that many tiny clips with four steps each in a temporary
//! folder, and prints Markdown; 1000 and 10000 where no number is given. `--program FILE` measures that taqsim.
//! CPU times are read from Linux; elsewhere it says so. What is compared is found on the PATH, or skipped:
//! `apt-get install ninja-build`, `pip install snakemake dvc`.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

mod dataset;
mod measure;
mod others;

use std::path::{Path, PathBuf};
use std::process::Command;

use dataset::{Dataset, N_STEPS};
use measure::{Cost, block, peak, said};

/// Blocks of runs, each next to one of everything else that is compared.
const BLOCKS: usize = 5;

/// Times that something is changed and built.
const CHANGES: usize = 5;

/// The most clips that Snakemake is given: more take it hours.
const MOST_OF_SNAKEMAKE: usize = 10_000;

/// Clips that DVC is given.
const CLIPS_OF_DVC: usize = 250;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    if let Some(place) = words.iter().position(|word| word == "--floor") {
        return others::floor(words[place + 1].parse().unwrap());
    }
    if !Path::new("/proc/self/stat").exists() {
        println!("skipped: there is no /proc/self/stat to read CPU times from");
        return;
    }
    let mut program = PathBuf::from(env!("CARGO_BIN_EXE_taqsim"));
    let mut sizes = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--program" => program = words.next().unwrap().into(),
            size => sizes.push(size.parse().unwrap()),
        }
    }
    if sizes.is_empty() {
        sizes = vec![1000, 10_000];
    }
    print_versions(&program);
    measure_dvc(&program);
    sizes.into_iter().for_each(|n_clips| measure_size(n_clips, &program));
}

fn print_versions(program: &Path) {
    let mut command = Command::new(program);
    command.arg("--version");
    println!("{}", said(command).trim());
    for (name, install) in [
        ("ninja", "apt-get install ninja-build"),
        ("snakemake", "pip install snakemake"),
        ("dvc", "pip install dvc"),
    ] {
        let version =
            others::version(name).unwrap_or_else(|| "skipped, for it is not on the PATH".to_owned());
        println!("{name} ({install}): {version}");
    }
}

/// A dataset that is built, in a folder that goes away with it; prints what building it cost.
fn built(n_clips: usize, program: &Path) -> (tempfile::TempDir, Dataset) {
    let folder = tempfile::tempdir().unwrap();
    let dataset = Dataset::create(folder.path(), n_clips, program);
    println!("\n## {n_clips} clips, {} tasks\n", n_clips * N_STEPS);
    let mut cost = Cost::default();
    block(&mut cost, 1, || dataset.taqsim("build"));
    println!("From nothing: {:.2} s CPU\n", cost.median());
    dataset.settle();
    (folder, dataset)
}

fn measure_size(n_clips: usize, program: &Path) {
    let (_folder, dataset) = built(n_clips, program);
    let mut rivals = vec![("the floor", others::floor_command(&dataset))];
    rivals.extend(others::ninja(&dataset).map(|command| ("ninja", command)));
    compare(&dataset, (40_000 / n_clips).max(2), rivals);
    if n_clips <= MOST_OF_SNAKEMAKE {
        let snakemake = others::snakemake(&dataset).map(|command| ("snakemake", command));
        compare_slow(&dataset, "Nothing to be done", snakemake);
    }
    let (files, masters) = dataset.count_files();
    let share = 100.0 * (files - masters) as f64 / (n_clips * N_STEPS) as f64;
    println!("Files in cache/: {} and {masters} masters, {share:.3} % of clips x steps\n", files - masters);
    print_changes(&dataset);
}

fn measure_dvc(program: &Path) {
    if others::version("dvc").is_some() {
        let (_folder, dataset) = built(CLIPS_OF_DVC, program);
        let dvc = others::dvc(&dataset).map(|command| ("dvc repro", command));
        compare_slow(&dataset, "up to date", dvc);
    }
}

/// Everybody with nothing to do, block beside block.
fn compare(dataset: &Dataset, n_runs: usize, rivals: Vec<(&str, Command)>) {
    let mut own = Cost { peak: peak(&dataset.taqsim("build")), ..Cost::default() };
    let mut costs = vec![Cost::default(); rivals.len()];
    for _ in 0..BLOCKS {
        block(&mut own, n_runs, || dataset.taqsim("build"));
        for ((_, command), cost) in rivals.iter().zip(&mut costs) {
            block(cost, n_runs, || again(command));
        }
    }
    println!("Nothing to do, medians of {BLOCKS} blocks of {n_runs} runs:\n");
    println!("| | CPU ms | peak MB | taqsim's part of its CPU time (least to most) |\n|---|---|---|---|");
    println!("| taqsim | {:.1} | {} | |", 1e3 * own.median(), megabytes(own.peak));
    for ((name, command), cost) in rivals.iter().zip(costs) {
        let [part, least, most] = own.ratio(&cost);
        let peak = megabytes(peak(command));
        println!("| {name} | {:.1} | {peak} | {part:.3} ({least:.3} to {most:.3}) |", 1e3 * cost.median());
    }
    println!();
}

/// The same against one that takes seconds: it runs twice, once to warm up.
fn compare_slow(dataset: &Dataset, nothing: &str, rival: Option<(&str, Command)>) {
    let Some((name, command)) = rival else { return };
    let words = said(again(&command));
    assert!(words.contains(nothing), "{name} finds something to do: {words}");
    let (mut own, mut cost) = (Cost::default(), Cost::default());
    block(&mut cost, 1, || again(&command));
    block(&mut own, 50, || dataset.taqsim("build"));
    println!(
        "Nothing to do: {name} {:.2} s CPU, taqsim {:.1} ms CPU: 1/{:.0} of it\n",
        cost.median(),
        1e3 * own.median(),
        cost.median() / own.median()
    );
}

/// What a build costs after a change.
fn print_changes(dataset: &Dataset) {
    println!(
        "| after a change, `build` unless another verb is named | CPU s | us per task | peak MB |\n|---|---|---|---|"
    );
    let source = changed(dataset, |number| dataset.change_source(number));
    print_change(dataset, "one source changed", &source);
    let row = changed(dataset, |number| dataset.change_row(number));
    print_change(dataset, "one row of clips.csv changed", &row);
    dataset.change_row(CHANGES + 1);
    let wholes = unsettled(dataset, CHANGES, "plan");
    print_change(dataset, "the same, every clip recalled as a whole: `plan`", &wholes);
    dataset.rename_step();
    let planned = unsettled(dataset, CHANGES, "plan");
    print_change(dataset, "a step renamed, every task recalled by itself: `plan`", &planned);
    let renamed = unsettled(dataset, 1, "build");
    print_change(dataset, "the same: `build`, which makes all tables again", &renamed);
    dataset.change_parameter();
    let parameter = unsettled(dataset, 1, "build");
    print_change(dataset, "the last step has another parameter, and runs for every clip", &parameter);
    dataset.settle();
    dataset.undo();
    let undone = unsettled(dataset, 1, "build");
    print_change(dataset, "that undone: every task recalled, all tables made again", &undone);
}

/// Changes something in what is settled, and builds, some times. The number of the change is never the same.
fn changed(dataset: &Dataset, change: impl Fn(usize)) -> Cost {
    let mut cost = Cost::default();
    for number in 0..CHANGES {
        dataset.settle();
        change(number);
        block(&mut cost, 1, || dataset.taqsim("build"));
    }
    dataset.settle();
    change(CHANGES);
    Cost { peak: peak(&dataset.taqsim("build")), ..cost }
}

/// Runs a verb some times on what was just changed.
fn unsettled(dataset: &Dataset, n_times: usize, verb: &str) -> Cost {
    let mut cost = Cost::default();
    (0..n_times).for_each(|_| block(&mut cost, 1, || dataset.taqsim(verb)));
    cost
}

fn print_change(dataset: &Dataset, what: &str, cost: &Cost) {
    let per_task = 1e6 * cost.median() / (dataset.n_clips * N_STEPS) as f64;
    println!("| {what} | {:.2} | {per_task:.2} | {} |", cost.median(), megabytes(cost.peak));
}

fn megabytes(peak: Option<f64>) -> String {
    peak.map_or_else(|| "?".to_owned(), |peak| format!("{peak:.0}"))
}

fn again(command: &Command) -> Command {
    let mut again = Command::new(command.get_program());
    again.args(command.get_args());
    command.get_current_dir().into_iter().for_each(|folder| _ = again.current_dir(folder));
    again
}
