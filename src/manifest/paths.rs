//! Sources: relative paths that stay inside the manifest's folder, as far as their words tell.

use std::ops::Range;

use super::findings::{Finding, Findings};
use super::names::{composed, quoted};
use crate::text::any_must_escape;

/// Checks the name of a clip table, perhaps a glob, and gives it composed and without `.` and empty components.
pub(super) fn read_table_name(name: &str, span: Range<usize>, findings: &mut Findings) -> Option<String> {
    match problem(name) {
        Some((problem, hint)) => {
            let message = format!("{} cannot be a clip table: {problem}", quoted(name));
            findings.push(Finding::error("T0506", span, message).label(problem).hint(hint));
            None
        }
        None => Some(normal(name)),
    }
}

/// Checks the path of a file that a step names, and gives it composed and without `.` and empty components.
pub(super) fn read_step_file(file: &str, span: Range<usize>, findings: &mut Findings) -> String {
    if let Some((problem, hint)) = problem(file) {
        let message = format!("{} cannot be a file of a step: {problem}", quoted(file));
        findings.push(Finding::error("T0407", span, message).label(problem).hint(hint));
    }
    normal(file)
}

/// Checks the path of a source, and gives it composed and without `.` and empty components.
///
/// Whether the file is there, and where its symbolic links lead, is found out when it is read.
pub(super) fn read(source: &str, span: Range<usize>, findings: &mut Findings) -> String {
    if let Some((problem, hint)) = problem(source) {
        let message = format!("{} cannot be a source: {problem}", quoted(source));
        findings.push(Finding::error("T0505", span, message).label(problem).hint(hint));
    }
    normal(source)
}

fn normal(path: &str) -> String {
    let path = composed(path);
    let is_idle = |part: &str| matches!(part, "" | ".");
    if !path.split('/').any(is_idle) {
        return path.into_owned();
    }
    path.split('/').filter(|part| !is_idle(part)).collect::<Vec<&str>>().join("/")
}

fn problem(source: &str) -> Option<(&'static str, String)> {
    const INSIDE: &str = "name a file in the manifest's folder or below it, by its path from there";
    let bytes = source.as_bytes();
    let drive = bytes.get(1) == Some(&b':') && bytes[0].is_ascii_alphabetic();
    if source.is_empty() {
        Some(("it is empty", INSIDE.to_owned()))
    } else if any_must_escape(source) {
        Some(("it has control or bidirectional characters", "rename the file".to_owned()))
    } else if source.contains("://") {
        Some((
            "it is an address",
            "nothing is fetched: download it, and keep the address as `origin`".to_owned(),
        ))
    } else if source.contains('\\') {
        Some(("it has a backslash", format!("did you mean {}?", quoted(&source.replace('\\', "/")))))
    } else if source.starts_with('/') || drive {
        Some(("it is absolute", INSIDE.to_owned()))
    } else if leads_out(source) {
        Some(("it leads out of the manifest's folder", INSIDE.to_owned()))
    } else if source.ends_with('/') || source.split('/').all(|part| matches!(part, "" | "." | "..")) {
        Some(("it is a folder", INSIDE.to_owned()))
    } else {
        None
    }
}

fn leads_out(source: &str) -> bool {
    let mut depth = 0_i64;
    source.split('/').any(|part| {
        match part {
            ".." => depth -= 1,
            "" | "." => {}
            _ => depth += 1,
        }
        depth < 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_inside_the_folder_are_sources() {
        for (source, read_as, sound) in [
            ("sources/a.flac", "sources/a.flac", true),
            ("./sources//a.flac", "sources/a.flac", true),
            ("sources/../a.flac", "sources/../a.flac", true),
            ("cafe\u{301}.wav", "caf\u{e9}.wav", true),
            ("a b/ü.wav", "a b/ü.wav", true),
            ("", "", false),
            ("/etc/passwd", "etc/passwd", false),
            ("../a.flac", "../a.flac", false),
            ("a/../../b.flac", "a/../../b.flac", false),
            ("C:/a.flac", "C:/a.flac", false),
            ("sources\\a.flac", "sources\\a.flac", false),
            ("https://example.org/a.flac", "https:/example.org/a.flac", false),
            ("sources/", "sources", false),
            (".", "", false),
            ("a\u{202e}b.wav", "a\u{202e}b.wav", false),
            ("a\0.wav", "a\0.wav", false),
        ] {
            let mut findings = Findings::default();
            assert_eq!(read(source, 0..1, &mut findings), read_as, "{source:?}");
            assert_eq!(findings.is_empty(), sound, "{source:?}");
        }
    }
}
