//! What a dataset survives: kills at any moment, full disks, damage, and several commands at once.
#![cfg(unix)]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::space::{Answer, N_TASKS, Space, is_slow_suite_on, music};

/// Starts the program and kills it after `patience`.
fn kill_after(space: &Space, words: &[&str], patience: Duration) {
    let mut child = space.command(words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // Not a wait for anything: only a way to die at another moment each time.
    std::thread::sleep(patience);
    let _ = child.kill();
    child.wait().unwrap();
}

/// How long a command takes that is left alone.
fn time_of(space: &Space, words: &[&str]) -> Duration {
    let began = Instant::now();
    space.run(words).succeeds();
    began.elapsed()
}

/// So many moments, spread over a command's life and a little longer.
fn moments(life: Duration, n: u32) -> impl Iterator<Item = Duration> {
    (0..n).map(move |nth| life.mul_f64(1.1 * f64::from(nth) / f64::from(n)))
}

fn n_moments() -> u32 {
    if is_slow_suite_on() { 40 } else { 4 }
}

/// Files that somebody began and nobody finished.
fn unfinished(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if entry.path().is_dir() {
            names.extend(unfinished(&entry.path()));
        } else if name.starts_with(".new-") || name.starts_with(".taqsim-") {
            names.push(name);
        }
    }
    names
}

/// After a kill: what was finished is not done again, the release is the same, and nothing is left lying about.
fn goes_on(space: &Space, expected: &[(String, Vec<u8>)], when: &str) {
    let (fresh, remade) = (space.n_planned("fresh"), space.n_planned("remade"));
    let n_ran = space.build().succeeds().n_ran();
    assert!(n_ran <= N_TASKS - fresh + remade, "{when}: {n_ran} ran of {N_TASKS}, but {fresh} were fresh");
    assert!(space.published() == expected, "{when}");
    space.run(&["gc", "--yes"]).succeeds();
    assert_eq!(unfinished(&space.path("")), [] as [&str; 0], "{when}");
    space.run(&["cache", "--check"]).succeeds();
    space.build().succeeds().ran(0);
}

fn forget_everything(space: &Space) {
    for folder in ["cache", "outputs", "taqsim.lock"] {
        let path = space.path(folder);
        let _ = fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path));
    }
}

#[test]
fn a_cold_build_killed_at_any_moment_goes_on_to_the_same_release() {
    let space = Space::new();
    let life = time_of(&space, &["build"]);
    let expected = space.published();
    for (nth, patience) in moments(life, n_moments()).enumerate() {
        forget_everything(&space);
        kill_after(&space, &["build"], patience);
        goes_on(&space, &expected, &format!("cold, kill {nth}"));
    }
}

#[test]
fn a_build_killed_again_and_again_gets_there() {
    let expected = Space::built().published();
    let space = Space::new();
    let life = time_of(&Space::new(), &["build"]);
    for patience in moments(life, n_moments()) {
        kill_after(&space, &["build", "--jobs", "1"], patience);
    }
    goes_on(&space, &expected, "killed again and again");
}

#[test]
fn a_half_warm_build_killed_at_any_moment_goes_on_to_the_same_release() {
    let space = Space::built();
    space.edit("hop    = 0.5", "hop    = 0.25");
    let life = time_of(&space, &["build"]);
    let expected = space.published();
    for (nth, patience) in moments(life, n_moments()).enumerate() {
        space.edit("hop    = 0.25", "hop    = 0.5");
        space.build().succeeds();
        space.run(&["gc", "--yes"]).succeeds();
        space.edit("hop    = 0.5", "hop    = 0.25");
        kill_after(&space, &["build"], patience);
        goes_on(&space, &expected, &format!("half warm, kill {nth}"));
    }
}

#[test]
fn a_build_killed_while_it_writes_tables_goes_on_to_the_same_release() {
    let space = Space::built();
    let expected = space.published();
    let forget_release = || {
        fs::remove_dir_all(space.path("outputs")).unwrap();
        fs::remove_file(space.path("taqsim.lock")).unwrap();
    };
    forget_release();
    let life = time_of(&space, &["build"]);
    for (nth, patience) in moments(life, n_moments()).enumerate() {
        forget_release();
        kill_after(&space, &["build"], patience);
        goes_on(&space, &expected, &format!("tables, kill {nth}"));
    }
}

#[test]
fn a_gc_killed_at_any_moment_loses_nothing() {
    let space = Space::built();
    let leave_garbage = || {
        space.edit("hop    = 0.5", "hop    = 0.25");
        space.build().succeeds();
        space.edit("hop    = 0.25", "hop    = 0.5");
        space.build().succeeds();
    };
    leave_garbage();
    let expected = space.published();
    // It moves values to a new pack, writes a new log, and removes the old ones: compaction is a part of that.
    let life = time_of(&space, &["gc", "--yes"]);
    for (nth, patience) in moments(life, n_moments()).enumerate() {
        leave_garbage();
        kill_after(&space, &["gc", "--yes"], patience);
        space.build().succeeds().ran(0);
        goes_on(&space, &expected, &format!("gc, kill {nth}"));
    }
}

/// A folder with so little room; none where such a thing cannot be had here.
struct SmallDisk<'s> {
    space: &'s Space,
}

impl<'s> SmallDisk<'s> {
    fn of(space: &'s Space, n_bytes: u64) -> Option<Self> {
        let options = format!("size={n_bytes}");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(space.path("")).stderr(Stdio::null());
        let mounted = mount.status();
        mounted.is_ok_and(|status| status.success()).then_some(Self { space })
    }

    fn grow(&self, n_bytes: u64) {
        let options = format!("remount,size={n_bytes}");
        let folder = self.space.path("");
        assert!(Command::new("mount").args(["-o", &options]).arg(folder).status().unwrap().success());
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.space.path("")).status();
    }
}

#[test]
fn a_full_disk_stops_a_build_and_harms_nothing() {
    const PLENTY: u64 = 64 << 20;
    let expected = Space::built().published();
    let sources = 3 * (4 << 20);
    let n_sizes = if is_slow_suite_on() { 60 } else { 6 };
    let mut n_full = 0;
    for nth in 0..n_sizes {
        let space = Space::empty();
        let Some(disk) = SmallDisk::of(&space, PLENTY) else {
            eprintln!("skipped: a small disk can only be mounted by root");
            return;
        };
        space.fill();
        let filling = vec![7; 4096];
        let used = || {
            let output =
                Command::new("df").args(["--output=used", "-B1"]).arg(space.path("")).output().unwrap();
            String::from_utf8(output.stdout).unwrap().lines().nth(1).unwrap().trim().parse::<u64>().unwrap()
        };
        // From no room at all to nearly enough.
        let room = nth * 2_000_000 / n_sizes / 4096 * 4096;
        disk.grow(used() + 4096 + room);
        let _ = fs::write(space.path("filling"), &filling);
        let answer = space.build();
        if answer.code == 0 {
            continue;
        }
        n_full += 1;
        let said = answer.exits(1);
        let words = ["cannot write", "No space left"];
        assert!(words.iter().all(|words| said.stderr.contains(words)), "{room} bytes: {}", said.stderr);
        disk.grow(PLENTY);
        let fresh = space.n_planned("fresh");
        let n_ran = space.build().succeeds().n_ran();
        assert!(n_ran <= N_TASKS - fresh, "{room} bytes: {n_ran} ran, {fresh} were fresh");
        assert!(space.published() == expected, "{room} bytes");
        space.run(&["cache", "--check"]).succeeds();
    }
    assert!(n_full > n_sizes / 3, "only {n_full} of {n_sizes} disks were too small; sources take {sources}");
}

#[test]
fn two_builds_a_gc_and_a_plan_at_once_get_along() {
    let expected = Space::built().published();
    for _ in 0..if is_slow_suite_on() { 10 } else { 2 } {
        let space = Space::new();
        let words: [&[&str]; 6] =
            [&["build"], &["plan"], &["build", "--jobs", "1"], &["gc", "--yes"], &["plan"], &["build"]];
        let commands = words
            .map(|words| space.command(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
        let mut n_ran = 0;
        for (child, words) in commands.into_iter().zip(words) {
            let answer = Answer::of(child.wait_with_output().unwrap()).succeeds();
            n_ran += if words[0] == "build" { answer.n_ran() } else { 0 };
        }
        assert_eq!(n_ran, N_TASKS, "nothing is done twice");
        assert!(space.published() == expected);
        space.run(&["cache", "--check"]).succeeds();
        space.build().succeeds().ran(0);
    }
}

#[test]
fn nothing_stays_locked_after_a_kill() {
    let space = Space::new();
    for name in ["one", "two", "three"] {
        space.write(&format!("sources/{name}.wav"), music(30.0, 9));
    }
    let mut child = space.command(&["build"]).stderr(Stdio::null()).spawn().unwrap();
    while !space.path("cache/log").exists() {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let said = space.build().succeeds().stderr;
    assert!(!said.contains("waiting"), "{said}");
}

#[test]
fn files_of_the_future_are_looked_at_each_time_and_run_nothing() {
    let space = Space::new();
    let future = std::time::SystemTime::now() + Duration::from_secs(86_400 * 365);
    for name in ["one", "two"] {
        let file = fs::File::options().write(true).open(space.path(&format!("sources/{name}.wav"))).unwrap();
        file.set_modified(future).unwrap();
    }
    space.build().succeeds().ran(N_TASKS);
    space.build().succeeds().ran(0);
    let path = space.path("sources/one.wav");
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    space.write("sources/one.wav", music(3.0, 55));
    fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    assert!(space.build().succeeds().n_ran() > 0, "another recording under the same future time");
}

#[test]
fn memory_that_is_given_is_not_exceeded_and_changes_nothing() {
    let expected = Space::built().published();
    let space = Space::new();
    // Less than any task needs: they run one after another.
    space.run(&["build", "--memory", "1K"]).succeeds().ran(N_TASKS);
    assert!(space.published() == expected);
    let space = Space::new();
    space.run(&["build", "--memory", "16M", "--jobs", "8"]).succeeds().ran(N_TASKS);
    assert!(space.published() == expected);
    space.run(&["build", "--memory", "much"]).exits(2);
}

/// The most memory that a process had at one time, bytes, as Linux tells while it runs.
fn peak_of(child: &mut std::process::Child) -> u64 {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
        let kilobytes: u64 = line.trim().trim_end_matches(" kB").trim().parse().unwrap_or(0);
        peak = peak.max(kilobytes * 1024);
        std::thread::yield_now();
    }
    peak
}

#[cfg(target_os = "linux")]
#[test]
fn clips_in_flight_take_no_more_memory_than_was_given() {
    if !is_slow_suite_on() {
        eprintln!("skipped: set TAQSIM_SLOW_TESTS=1 to build clips of minutes");
        return;
    }
    const GIVEN: u64 = 160 << 20;
    let space = Space::new();
    for (name, seed) in [("one", 31), ("two", 32), ("three", 33)] {
        space.write(&format!("sources/{name}.wav"), music(240.0, seed));
    }
    let peak = |words: &[&str]| {
        let _ = fs::remove_dir_all(space.path("cache"));
        let mut child = space.command(words).stderr(Stdio::null()).spawn().unwrap();
        let peak = peak_of(&mut child);
        assert!(child.wait().unwrap().success());
        peak
    };
    let free = peak(&["build", "--jobs", "3"]);
    let bounded = peak(&["build", "--jobs", "3", "--memory", "160M"]);
    assert!(bounded < GIVEN, "{bounded} bytes; without a bound {free}");
    assert!(bounded < free, "the bound makes a difference: {bounded} of {free} bytes");
}
