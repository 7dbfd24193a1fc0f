//! Stopping a build, and two of them at once.
#![cfg(unix)]

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use crate::space::{N_TASKS, Space, music};

/// A build on its way, and what it says.
fn started(space: &Space, words: &[&str]) -> (Child, BufReader<std::process::ChildStderr>) {
    let mut child = space.command(words).stderr(Stdio::piped()).spawn().unwrap();
    let stderr = BufReader::new(child.stderr.take().unwrap());
    (child, stderr)
}

#[test]
fn ctrl_c_keeps_what_is_finished() {
    let space = Space::new();
    for (name, seed) in [("one", 5), ("two", 6), ("three", 7)] {
        space.write(&format!("sources/{name}.wav"), music(40.0, seed));
    }
    // Many windows a second: embedding even one clip takes far longer than the signal needs.
    space.edit("hop    = 0.5", "hop    = 0.05");
    let (mut child, mut stderr) = started(&space, &["build", "--jobs", "1"]);
    let mut said = String::new();
    while !said.contains("normalize: ") {
        assert!(stderr.read_line(&mut said).unwrap() > 0, "it ended before it could be interrupted: {said}");
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    stderr.read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{said}");
    assert!(said.contains("interrupted"), "{said}");
    assert!(!space.path("taqsim.lock").exists());
    let answer = space.build().succeeds();
    assert!(answer.n_ran() < N_TASKS - 1, "nothing was kept: {}", answer.stderr);
}

#[test]
fn a_second_build_waits_and_says_for_whom() {
    let space = Space::built();
    space.edit("maqam = \"rast\"", "maqam = \"hijaz\"");
    let lock = File::options().read(true).write(true).open(space.path("cache/lock")).unwrap();
    lock.lock().unwrap();
    let (mut child, mut stderr) = started(&space, &["build"]);
    let mut said = String::new();
    stderr.read_line(&mut said).unwrap();
    assert!(said.contains("waiting for `taqsim build` (process "), "{said}");
    lock.unlock().unwrap();
    stderr.read_to_string(&mut said).unwrap();
    assert!(child.wait().unwrap().success() && said.contains("0 ran"), "{said}");
}
