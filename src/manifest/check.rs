//! The tests of reading: a manifest in, what is shown out.

use proptest::prelude::*;
use serde_json::Value;

use super::codes::CODES;
use super::*;
use crate::stages::{Embed, Reduce, Segment};

/// A `[dataset]` and a clip, for fragments that have none.
pub(super) const DATASET: &str = "[dataset]\nname = \"demo\"\nversion = \"0.1.0\"\nlicense = \"CC0-1.0\"\n";
const CLIP: &str = "[[clip]]\nid = \"demo-clip\"\nsource = \"demo.wav\"\nlicense = \"CC0-1.0\"\n";

/// The whole manifest that a fragment stands for.
pub(super) fn complete(fragment: &str) -> String {
    let mut manifest = fragment.to_owned();
    let mut add = |mark: &str, part: &str| {
        if !fragment.contains(mark) {
            manifest.push('\n');
            manifest.push_str(part);
        }
    };
    add("[dataset]", DATASET);
    add("clip", CLIP);
    manifest
}

/// The findings in a fragment as they are shown.
fn shown(fragment: &str) -> String {
    let outcome = parse(complete(fragment).as_bytes(), "taqsim.toml");
    render(&outcome.findings, &outcome.text, Style::Plain)
}

#[track_caller]
fn check(fragment: &str, expected: &str) {
    let shown = shown(fragment);
    assert_eq!(shown.trim_end(), expected.trim(), "\n{shown}");
}

/// The codes raised, and where: `T0103 2:1`.
fn codes(fragment: &str) -> Vec<String> {
    let outcome = parse(complete(fragment).as_bytes(), "taqsim.toml");
    let place = |finding: &Finding| {
        let position = outcome.text.position(finding.span.start);
        format!("{} {}:{}", finding.code, position.line, position.column)
    };
    outcome.findings.iter().map(place).collect()
}

#[track_caller]
fn manifest(fragment: &str) -> Manifest {
    parse(complete(fragment).as_bytes(), "taqsim.toml")
        .manifest
        .unwrap_or_else(|| panic!("{}", shown(fragment)))
}

#[test]
fn an_unknown_key_is_shown_with_its_line_and_what_was_meant() {
    println!("{}", shown("[segment.windows.sliding]\nlength = 20.0\nhopp = 3.0\n"));
    println!("{}", shown("[segment.windows.slidng]\n[embed.x.spectral]\nof=\"window\""));
    println!("{}", shown(CODES.iter().find(|c| c.code == "T0503").unwrap().wrong));
    println!("{}", shown(CODES.iter().find(|c| c.code == "T0603").unwrap().wrong));
    println!("{}", shown("[dataset]\nname=\"\tعود\" \nx=1"));
    println!(
        "{}",
        shown(
            "[normalize]\nsample_rate = \"kep\"\nloudness=true\nchannels = mono\n[normalize]\na = [1,,\n[x]\nb="
        )
    );
    check("", "");
}
