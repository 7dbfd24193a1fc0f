//! What a command costs: CPU time from Linux, peak memory from GNU time.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// Where GNU time is, where it is.
const TIME: &str = "/usr/bin/time";

/// What runs of a command cost.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cost {
    /// User and system time of one run, s: the mean of each block of runs.
    pub(crate) cpu: Vec<f64>,
    /// The most memory that one run had, MB; none without GNU time.
    pub(crate) peak: Option<f64>,
}

impl Cost {
    /// The CPU time of one run, s: the median of the blocks.
    pub(crate) fn median(&self) -> f64 {
        let mut sorted = self.cpu.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// The CPU time of this as a part of that of another, and its least and its most: each block is compared with
    /// the other's block that ran next to it.
    pub(crate) fn ratio(&self, other: &Self) -> [f64; 3] {
        let ratios = self.cpu.iter().zip(&other.cpu).map(|(mine, other)| mine / other).collect();
        let ratios = Self { cpu: ratios, peak: None };
        let least = ratios.cpu.iter().copied().fold(f64::INFINITY, f64::min);
        let most = ratios.cpu.iter().copied().fold(0.0, f64::max);
        [ratios.median(), least, most]
    }
}

/// Runs a command some times, and adds the mean as one block to its cost.
pub(crate) fn block(cost: &mut Cost, n_runs: usize, command: impl Fn() -> Command) {
    let before = children_ticks();
    (0..n_runs).for_each(|_| _ = said(command()));
    cost.cpu.push((children_ticks() - before) as f64 / 100.0 / n_runs as f64);
}

/// Runs a command once more, for its memory. It is under GNU time, so its CPU time does not count.
pub(crate) fn peak(command: &Command) -> Option<f64> {
    if !Path::new(TIME).exists() {
        return None;
    }
    let report = tempfile::NamedTempFile::new().unwrap();
    let mut timed = Command::new(TIME);
    timed.args(["-f", "%M", "-o"]).arg(report.path()).arg(command.get_program()).args(command.get_args());
    timed.current_dir(command.get_current_dir().unwrap());
    said(timed);
    let kilobytes: f64 = fs::read_to_string(report.path()).unwrap().trim().parse().unwrap();
    Some(kilobytes * 1024.0 / 1e6)
}

/// What a command says on both channels; it must succeed.
pub(crate) fn said(mut command: Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{command:?}: {said}");
    said
}

/// User and system time of the children that ended, in ticks of 10 ms: fields 16 and 17 of our own stat.
fn children_ticks() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[13].parse::<u64>().unwrap() + fields[14].parse::<u64>().unwrap()
}
