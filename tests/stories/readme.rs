//! The README's first ten minutes, typed in as they stand there.
//!
//! `TAQSIM_BLESS=1` writes what was answered into the README instead of comparing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::space::Space;

/// A line that is typed, and the lines that answer it.
struct Exchange {
    typed: String,
    answer: Vec<String>,
}

fn repository(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The README in pieces: text as it is, and what stands in its `console` blocks.
fn pieces(readme: &str) -> Vec<Result<String, Exchange>> {
    let mut pieces = Vec::new();
    let mut is_console = false;
    for line in readme.lines() {
        let is_fence = line.starts_with("```");
        if is_fence {
            is_console = line == "```console";
        }
        match (is_console && !is_fence, line.strip_prefix("$ "), pieces.last_mut()) {
            (true, Some(typed), _) => {
                pieces.push(Err(Exchange { typed: typed.to_owned(), answer: Vec::new() }));
            }
            (true, None, Some(Err(exchange))) => exchange.answer.push(line.to_owned()),
            _ => pieces.push(Ok(line.to_owned())),
        }
    }
    pieces
}

/// What is answered, without how long it took; steps that run side by side may end in any order.
fn comparable(answer: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = answer
        .iter()
        .map(|line| match line.rsplit_once(" (") {
            Some((before, took)) if took.ends_with(" s)") && before.contains(" ran") => before.to_owned(),
            _ => line.clone(),
        })
        .collect();
    lines.sort();
    lines
}

/// Types one line in a shell that has the program, in `folder`; gives what was said and the folder after it.
fn typed(space: &Space, folder: &Path, line: &str) -> (Vec<String>, PathBuf) {
    let program = Path::new(env!("CARGO_BIN_EXE_taqsim")).parent().unwrap().to_owned();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let script = format!("{{ {line}\n}} 2>&1; pwd > {}", space.path("pwd").display());
    let output = Command::new("sh")
        .args(["-c", &script])
        .current_dir(folder)
        .env("PATH", path)
        .env("HOME", space.path("home"))
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    let answer = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    (answer, PathBuf::from(space.text("pwd").trim()))
}

#[cfg(unix)]
#[test]
fn the_first_ten_minutes_are_as_the_readme_says() {
    let space = Space::empty();
    for (from, to) in [("restless-nahawand.flac", "x.flac"), ("patient-bayati.mp3", "y.mp3")] {
        space.write(&format!("home/recordings/{to}"), fs::read(repository("sources").join(from)).unwrap());
    }
    let readme = fs::read_to_string(repository("README.md")).unwrap();
    let bless = std::env::var_os("TAQSIM_BLESS").is_some();
    let (mut blessed, mut folder) = (String::new(), space.path(""));
    for piece in pieces(&readme) {
        let lines = match piece {
            Ok(text) => vec![text],
            Err(exchange) => {
                let (answer, after) = typed(&space, &folder, &exchange.typed);
                folder = after;
                if !bless {
                    assert_eq!(comparable(&answer), comparable(&exchange.answer), "$ {}", exchange.typed);
                }
                [vec![format!("$ {}", exchange.typed)], answer].concat()
            }
        };
        lines.iter().for_each(|line| blessed.extend([line.as_str(), "\n"]));
    }
    if bless {
        fs::write(repository("README.md"), blessed).unwrap();
    }
}

#[test]
fn ci_runs_the_readmes_test_command() {
    let ci = fs::read_to_string(repository(".ci/run")).unwrap();
    let readme = fs::read_to_string(repository("README.md")).unwrap();
    assert!(readme.contains("\ncargo test  ") && ci.contains("TAQSIM_SLOW_TESTS=1 cargo test\n"));
}
