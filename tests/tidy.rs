//! The rules of the house, held by reading the sources: which room may use which, and what is never written.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use taqsim::stages::{Embed, Reduce, Segment};

/// A file stops being one idea about here.
const MOST_LINES: usize = 500;

/// Words, whether they are forbidden in the file at this path, and why.
type Rule = (&'static [&'static str], fn(&str) -> bool, &'static str);

/// What is not written in code that is no test.
const FORBIDDEN: &[Rule] = &[
    (
        &["println!", "eprintln!", "print!", "eprint!", "dbg!"],
        |_| true,
        "only src/cli/talk.rs writes to the outside, without macros",
    ),
    (&["stdout()", "stderr()"], |path| path != "src/cli/talk.rs", "only src/cli/talk.rs talks"),
    (&["todo!", "unimplemented!"], |_| true, "what is not there yet is not there at all"),
    (&[".unwrap()"], |_| true, "say with expect why it cannot happen, or return an error"),
    (
        &["HashMap", "HashSet"],
        |path| !path.starts_with("src/store/"),
        "their order differs from run to run: take a BTreeMap",
    ),
    (
        &[
            ".sin()",
            ".cos()",
            ".tan()",
            ".sin_cos()",
            ".asin()",
            ".acos()",
            ".atan()",
            ".atan2(",
            ".sinh()",
            ".cosh()",
            ".tanh()",
            ".exp()",
            ".exp2()",
            ".exp_m1()",
            ".ln()",
            ".ln_1p()",
            ".log(",
            ".log2()",
            ".log10()",
            ".powf(",
            ".powi(",
            ".cbrt()",
            ".hypot(",
            ".mul_add(",
        ],
        is_numeric,
        "its last bits differ from machine to machine: take it from libm, or do without",
    ),
    (&["rustfft::", "realfft::"], is_numeric, "their twiddle factors depend on the CPU: take RealFft"),
    (
        &["fs::", "File::"],
        |path| is_numeric(path) && path != "src/stages/input.rs",
        "a stage knows nothing of files: it reads its inputs",
    ),
    (
        &["SystemTime", "Instant", "env::"],
        |path| is_numeric(path) || path.starts_with("src/plan/"),
        "a result depends on neither clock nor environment",
    ),
];

/// What is not written anywhere, not even in a comment or a test.
const UNFINISHED: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

#[test]
fn a_room_uses_only_the_rooms_listed_after_it() {
    expect_no_findings(&sources("src"), |path, text| uses_of_rooms_before(path, text, &rooms()));
}

#[test]
fn nothing_forbidden_is_written() {
    expect_no_findings(&sources("src"), forbidden);
}

#[test]
fn nothing_is_left_unfinished() {
    let texts = ["src", "tests", "examples", "benches"].into_iter().flat_map(sources);
    expect_no_findings(&texts.collect(), unfinished);
}

#[test]
fn every_file_says_what_it_is_for_and_is_one_idea() {
    let texts = ["src", "tests", "examples", "benches"].into_iter().flat_map(sources);
    expect_no_findings(&texts.collect(), shape);
}

#[test]
fn every_planted_violation_is_reported_with_its_line() {
    let rooms = rooms();
    let planted: [(&str, &str, &[&str]); 16] = [
        ("src/store/log.rs", "use crate::plan::Task;\n", &["src/store/log.rs:1"]),
        ("src/stages/mod.rs", "\nfn f() -> crate::store::Digest {}\n", &["src/stages/mod.rs:2"]),
        ("src/signal/a/b.rs", "use super::super::super::store::Digest;\n", &["src/signal/a/b.rs:1"]),
        ("src/signal/a/b.rs", "use super::super::stft;\nuse super::matrix;\n", &[]),
        ("src/signal/mod.rs", "use super::stages::Span;\n", &["src/signal/mod.rs:1"]),
        ("src/error.rs", "use super::signal::Span;\n", &["src/error.rs:1"]),
        ("src/plan/mod.rs", "use crate::{error, run};\n", &["src/plan/mod.rs:1"]),
        ("src/plan/mod.rs", "use crate::store::Digest;\n// use crate::run::run;\n", &[]),
        ("src/plan/mod.rs", "#[cfg(test)]\nmod tests {\n    use crate::run::run;\n}\n", &[]),
        (
            "src/plan/mod.rs",
            "#[cfg(test)]\nmod tests {\n    const A: &[u8] = b\"}\";//}\n}\nuse crate::run::run;\n",
            &["src/plan/mod.rs:5"],
        ),
        (
            "src/run/a.rs",
            "fn f() {\n    x.unwrap();\n    eprintln!(\"a\");\n}\n",
            &["src/run/a.rs:2", "src/run/a.rs:3"],
        ),
        ("src/run/a.rs", "fn f() {\n    g(\"x.unwrap()\", 'a', '\"');\n    // dbg!\n}\n", &[]),
        (
            "src/signal/a.rs",
            "const A: &str = r#\"\"\n\"#;\nfn f(x: f64) -> f64 {\n    libm::sin(x) + x.powi(2)\n}\n",
            &["src/signal/a.rs:4"],
        ),
        ("src/release/a.rs", "fn f(x: f64) -> f64 { x.sin() }\n", &[]),
        ("src/plan/a.rs", "use std::time::Instant;\n", &["src/plan/a.rs:1"]),
        ("src/stages/a.rs", "/* fs:: */ fn f<'a>(x: &'a str) { std::fs::read(x) }\n", &["src/stages/a.rs:1"]),
    ];
    for (path, text, expected) in planted {
        let mut findings = uses_of_rooms_before(path, text, &rooms);
        findings.extend(forbidden(path, text));
        let places: Vec<&str> =
            findings.iter().filter_map(|finding| finding.split_once(": ")).map(|(place, _)| place).collect();
        assert_eq!(places, expected, "{path}\n{text}\n{findings:#?}");
    }
    assert_eq!(unfinished("src/a.rs", &format!("//! A.\n// {}: b\n", UNFINISHED[1])).len(), 1);
    assert_eq!(shape("src/a.rs", "use std::fs;\n"), ["src/a.rs:1: it does not begin with `//!`"]);
    assert_eq!(shape("src/a.rs", &"//! A.\n".repeat(501)), ["src/a.rs:501: it has more than 500 lines"]);
}

#[test]
fn every_kind_of_step_is_in_the_manual() {
    let manual = read("docs/MANIFEST.md");
    let segment = Segment::every_kind().into_iter().map(|kind| ("segment", kind.kind()));
    let embed = Embed::every_kind().into_iter().map(|kind| ("embed", kind.kind()));
    let reduce = Reduce::every_kind().into_iter().map(|kind| ("reduce", kind.kind()));
    for (family, kind) in segment.chain(embed).chain(reduce) {
        let heading = format!("### `[{family}.NAME.{kind}]`\n");
        assert!(manual.contains(&heading), "docs/MANIFEST.md has no {heading}");
    }
}

#[test]
fn every_room_and_dependency_is_in_the_architecture() {
    let architecture = read("docs/ARCHITECTURE.md");
    for room in rooms() {
        let is_there =
            [format!("`{room}/`"), format!("`{room}.rs`")].iter().any(|n| architecture.contains(n));
        assert!(is_there, "docs/ARCHITECTURE.md does not name the room `{room}`");
    }
    for dependency in dependencies() {
        let row = format!("| `{dependency}` | ");
        assert!(architecture.contains(&row), "docs/ARCHITECTURE.md does not say what `{dependency}` is for");
    }
}

#[test]
fn the_architecture_names_no_dependency_that_is_gone() {
    let architecture = read("docs/ARCHITECTURE.md");
    let (_, table) = architecture.split_once("| dependency | ").expect("there is a table of dependencies");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let named: Vec<String> =
        rows.filter_map(|row| row.split('`').nth(1)).map(std::borrow::ToOwned::to_owned).collect();
    assert_eq!(named.len(), dependencies().len(), "{named:?}");
}

#[test]
fn the_changelog_is_written_as_we_go() {
    let changelog = read("CHANGELOG.md");
    let first = changelog.lines().find(|line| line.starts_with("## "));
    assert_eq!(first, Some("## Unreleased"), "CHANGELOG.md begins with what is not released yet");
}

/// Every source file below `folder`, by its path from the root of the project.
fn sources(folder: &str) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
                texts.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    texts
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    let path: PathBuf = root().join(name);
    fs::read_to_string(&path).unwrap_or_else(|cause| panic!("cannot read `{name}`: {cause}"))
}

/// The rooms, in the order of lib.rs.
fn rooms() -> Vec<String> {
    let rooms = read("src/lib.rs");
    let named = rooms.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    named.map(std::borrow::ToOwned::to_owned).collect()
}

fn dependencies() -> Vec<String> {
    let cargo: toml::Table = read("Cargo.toml").parse().unwrap();
    let tables = ["dependencies", "dev-dependencies"].map(|table| cargo[table].as_table().unwrap().keys());
    tables.into_iter().flatten().cloned().collect()
}

#[track_caller]
fn expect_no_findings(texts: &BTreeMap<String, String>, check: impl Fn(&str, &str) -> Vec<String>) {
    let tests = test_files(texts);
    let checked = texts.iter().filter(|(path, _)| !tests.contains(path));
    let findings: Vec<String> = checked.flat_map(|(path, text)| check(path, text)).collect();
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

/// The files that are there for tests only: `#[cfg(test)]` stands over their `mod`.
fn test_files(texts: &BTreeMap<String, String>) -> Vec<String> {
    let mut files = Vec::new();
    for (path, text) in texts {
        let folder = path.strip_suffix("mod.rs").or_else(|| path.strip_suffix("lib.rs"));
        let folder = folder
            .map_or_else(|| format!("{}/", path.trim_end_matches(".rs")), std::borrow::ToOwned::to_owned);
        let lines: Vec<&str> = text.lines().collect();
        for pair in lines.windows(2).filter(|pair| pair[0].trim() == "#[cfg(test)]") {
            let module = pair[1].trim().strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';'));
            files.extend(module.map(|name| format!("{folder}{name}.rs")));
        }
    }
    files
}

fn is_numeric(path: &str) -> bool {
    path.starts_with("src/signal/") || path.starts_with("src/stages/")
}

fn uses_of_rooms_before(path: &str, text: &str, rooms: &[String]) -> Vec<String> {
    let Some(room) = path.strip_prefix("src/").and_then(|path| path.split(['/', '.']).next()) else {
        return Vec::new();
    };
    let Some(own) = rooms.iter().position(|name| name == room) else { return Vec::new() };
    let mut findings = Vec::new();
    for (number, line) in code(text).lines().enumerate() {
        for used in rooms_named_in(line, depth(path)) {
            match rooms.iter().position(|name| *name == used) {
                Some(other) if other >= own => {}
                Some(_) => findings.push(format!("{path}:{}: `{room}` uses `{used}`", number + 1)),
                None => findings.push(format!("{path}:{}: `{used}` names no room", number + 1)),
            }
        }
    }
    findings
}

/// How many `super::` lead from this file's module to the crate's root.
fn depth(path: &str) -> usize {
    let inner = path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    inner.split('/').count()
}

/// What stands where a path has to name a room: after `crate::`, or after as many `super::` as lead to the root.
fn rooms_named_in(line: &str, depth: usize) -> Vec<String> {
    let to_root = "super::".repeat(depth);
    let mut named = Vec::new();
    for start in ["crate::", to_root.as_str()] {
        for (at, _) in line.match_indices(start) {
            let is_whole =
                !line[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | ':' | '$'));
            let rest = &line[at + start.len()..];
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            if is_whole {
                named.push(if end == 0 { rest.to_owned() } else { rest[..end].to_owned() });
            }
        }
    }
    named
}

fn forbidden(path: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    for (number, line) in code(text).lines().enumerate() {
        for (words, applies, why) in FORBIDDEN {
            let written = words.iter().find(|word| applies(path) && has_word(line, word));
            findings.extend(written.map(|word| format!("{path}:{}: `{word}`: {why}", number + 1)));
        }
    }
    findings
}

/// Whether `word` stands in `line`, and is not the end of a longer word.
fn has_word(line: &str, word: &str) -> bool {
    let joins = |c: char| c.is_alphanumeric() || c == '_';
    let begins_a_word = word.starts_with(joins);
    line.match_indices(word).any(|(at, _)| !begins_a_word || !line[..at].ends_with(joins))
}

fn unfinished(path: &str, text: &str) -> Vec<String> {
    let lines = text.lines().enumerate();
    let found = lines.filter(|(_, line)| UNFINISHED.iter().any(|word| has_word(line, word)));
    found.map(|(number, _)| format!("{path}:{}: it is not finished", number + 1)).collect()
}

fn shape(path: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    if !text.starts_with("//!") {
        findings.push(format!("{path}:1: it does not begin with `//!`"));
    }
    if path.starts_with("src/") && text.lines().count() > MOST_LINES {
        findings.push(format!("{path}:{}: it has more than {MOST_LINES} lines", MOST_LINES + 1));
    }
    findings
}

/// The text without comments, without what stands in strings and characters, and without test modules; line by
/// line where it was.
fn code(text: &str) -> String {
    without_tests(&without_words(text))
}

fn without_words(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = length_of_words(rest);
        let taken = length.unwrap_or(first.len_utf8());
        match length {
            Some(length) => code.extend(rest[..length].chars().map(|c| if c == '\n' { '\n' } else { ' ' })),
            None => code.push(first),
        }
        rest = &rest[taken..];
    }
    code
}

/// How many bytes of comment, string or character `rest` begins with, if it does.
fn length_of_words(rest: &str) -> Option<usize> {
    let until =
        |end: &str, from: usize| rest[from..].find(end).map_or(rest.len(), |at| from + at + end.len());
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(until("*/", 2));
    }
    let raw = rest.trim_start_matches('b');
    if let Some(raw) = raw.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let from = rest.len() - raw.len() + hashes + 1;
            return Some(until(&format!("\"{}", "#".repeat(hashes)), from));
        }
    }
    let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    quoted(&rest[1..], quote).map(|length| length + 2)
}

/// How many bytes stand before the closing quote; none where a lifetime begins.
fn quoted(rest: &str, quote: char) -> Option<usize> {
    let mut is_escaped = false;
    for (n, (at, c)) in rest.char_indices().enumerate() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            c if c == quote => return Some(at),
            _ if quote == '\'' && n > 0 && !rest.starts_with('\\') => return None,
            _ => {}
        }
    }
    None
}

/// Takes away each item under `#[cfg(test)]`: up to its closing brace, or to its semicolon.
fn without_tests(code: &str) -> String {
    let mut kept = String::new();
    let mut rest = code;
    while let Some((before, item)) = rest.split_once("#[cfg(test)]") {
        kept.push_str(before);
        let end = end_of_item(item);
        kept.extend(item[..end].chars().filter(|c| *c == '\n'));
        rest = &item[end..];
    }
    kept + rest
}

fn end_of_item(item: &str) -> usize {
    let mut depth = 0;
    for (at, c) in item.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return at + 1,
            '}' => depth -= 1,
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    item.len()
}
