//! The tests of docs/MANIFEST.md and docs/CODES.md: generated parts are up to date, examples are read.
//!
//! `TAQSIM_BLESS=1 cargo test docs` writes the generated parts anew.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::Value;

use super::codes::CODES;
use super::schema::FAMILIES;
use super::*;
use crate::stages::{DUPLICATE, MEASURES};

const BEGIN: &str = "<!-- generated: kinds -->\n";
const BEGIN_MEASURES: &str = "<!-- generated: measures -->\n";
const END: &str = "<!-- end of generated -->\n";

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)
}

fn read(name: &str) -> String {
    std::fs::read_to_string(path(name)).expect("the document is there")
}

/// Compares a document with what it should be, or writes it when asked to.
#[track_caller]
fn check(name: &str, expected: &str) {
    if std::env::var_os("TAQSIM_BLESS").is_some() {
        std::fs::write(path(name), expected).expect("the document can be written");
    }
    assert!(read(name) == expected, "docs/{name} is out of date: run `TAQSIM_BLESS=1 cargo test docs`");
}

fn blocks(document: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut rest = document;
    while let Some((_, after)) = rest.split_once("```toml\n") {
        let (block, after) = after.split_once("```").expect("every block is closed");
        blocks.push(block.to_owned());
        rest = after;
    }
    blocks
}

fn kinds() -> String {
    let schema = schema();
    let normalize = &schema["properties"]["normalize"];
    let mut document = String::from("## `[normalize]`\n\n");
    section(&mut document, normalize);
    for (family, of) in FAMILIES {
        let step = &schema["properties"][family]["additionalProperties"];
        let description = step["description"].as_str().expect("a family has a description");
        writeln!(document, "## `[{family}.NAME.KIND]`\n\n{}\n", joined(description)).expect("a string grows");
        if let Some(of) = of {
            writeln!(document, "Every kind needs `of`, the name of a step of `[{of}]`.\n")
                .expect("a string grows");
        }
        for (kind, schema) in step["properties"].as_object().expect("a family has kinds") {
            writeln!(document, "### `[{family}.NAME.{kind}]`\n").expect("a string grows");
            section(&mut document, schema);
        }
    }
    document.push_str("## `[evaluate]`\n\n");
    section(&mut document, &schema["properties"]["evaluate"]);
    document.trim_end().to_owned() + "\n"
}

fn section(document: &mut String, schema: &Value) {
    let description = schema["description"].as_str().expect("a kind has a description");
    writeln!(document, "{}\n", paragraphs(description)).expect("a string grows");
    let properties = schema["properties"].as_object().into_iter().flatten();
    let mut rows = String::new();
    for (key, schema) in properties.filter(|(key, schema)| *key != "of" || schema["type"] == "array") {
        let description = schema["description"].as_str().expect("a parameter has a description");
        let default = schema.get("default").map_or_else(String::new, |default| format!("`{default}`"));
        let cells = (values(schema), joined(description).replace('|', "\\|"));
        writeln!(rows, "| `{key}` | {} | {default} | {} |", cells.0, cells.1).expect("a string grows");
    }
    match rows.as_str() {
        "" => document.push_str("It has no parameters.\n\n"),
        rows => {
            *document += &format!("| key | value | default | meaning |\n|---|---|---|---|\n{rows}\n");
        }
    }
}

/// Each paragraph on a line of its own, but a table on its lines.
fn paragraphs(text: &str) -> String {
    let paragraphs = text.split("\n\n");
    let line = |text: &str| if text.starts_with('|') { text.to_owned() } else { joined(text) };
    paragraphs.map(line).collect::<Vec<_>>().join("\n\n")
}

fn joined(text: &str) -> String {
    text.lines().collect::<Vec<_>>().join(" ")
}

/// The values of a parameter: `"mono" or "keep"`, `number, more than 0`.
fn types(schema: &Value) -> String {
    let nested = schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array);
    if let Some(alternatives) = nested {
        let outer = schema.get("minimum").or_else(|| schema.get("maximum")).is_some();
        let named = alternatives.iter().map(if outer { types } else { values });
        let alternatives: Vec<String> = named.collect();
        return alternatives.join(" or ");
    }
    let words: Vec<String> = schema["enum"]
        .as_array()
        .into_iter()
        .flatten()
        .chain(schema.get("const"))
        .map(|word| format!("`{word}`"))
        .collect();
    if !words.is_empty() {
        return words.join(" or ");
    }
    match schema["properties"].as_object() {
        Some(keys) => format!("`{{ {} = ... }}`", keys.keys().cloned().collect::<Vec<_>>().join(", ")),
        None => schema["type"].as_str().unwrap_or("any").to_owned(),
    }
}

/// The values of a parameter and their bounds: `number (more than 0)`.
fn values(schema: &Value) -> String {
    if schema.get("enum").is_some() { types(schema) } else { bounded(types(schema), schema) }
}

/// The values with the bounds that the schema sets to them.
fn bounded(values: String, schema: &Value) -> String {
    let bounds = [
        ("minimum", "at least"),
        ("exclusiveMinimum", "more than"),
        ("maximum", "at most"),
        ("exclusiveMaximum", "less than"),
    ];
    let bounds: Vec<String> = bounds
        .iter()
        .filter_map(|(bound, words)| schema.get(bound).map(|bound| format!("{words} {bound}")))
        .collect();
    if bounds.is_empty() { values } else { format!("{values} ({})", bounds.join(", ")) }
}

#[test]
fn docs_of_every_kind_and_parameter_are_up_to_date() {
    let document = read("MANIFEST.md");
    let (before, rest) = document.split_once(BEGIN).expect("the document has the generated part");
    let (_, after) = rest.split_once(END).expect("the generated part ends");
    check("MANIFEST.md", &format!("{before}{BEGIN}\n{}\n{END}{after}", kinds()));
}

fn limits_of(name: &str) -> String {
    let gate = Gate::default();
    let limits = gate.limits.get(name).into_iter().flatten();
    let words = limits.map(|limit| {
        let least = limit.min.map(|min| format!("below {min}"));
        let bounds: Vec<String> =
            least.into_iter().chain(limit.max.map(|max| format!("above {max}"))).collect();
        format!("{}: {}", bounds.join(" or "), limit.then)
    });
    words.collect::<Vec<_>>().join("; ")
}

#[test]
fn docs_of_every_measure_and_default_limit_are_up_to_date() {
    let document = read("GATE.md");
    let (before, rest) = document.split_once(BEGIN_MEASURES).expect("the document has the generated part");
    let (_, after) = rest.split_once(END).expect("the generated part ends");
    let copy = (DUPLICATE, "agreement with the clip that is kept, 0-1; none of a clip that is no copy");
    let measures = MEASURES.iter().map(|measure| (measure.name, measure.about)).chain([copy]);
    let mut table = String::from("| measure | what it is | default limits |\n|---|---|---|\n");
    for (name, about) in measures {
        assert!(after.contains(&format!("`{name}`")), "docs/GATE.md does not say how `{name}` is measured");
        writeln!(table, "| `{name}` | {about} | {} |", limits_of(name)).expect("a string grows");
    }
    check("GATE.md", &format!("{before}{BEGIN_MEASURES}\n{table}\n{END}{after}"));
}

#[test]
fn docs_of_every_code_are_up_to_date() {
    let mut document = String::from(
        "# The codes of findings\n\n`taqsim check` reports findings with a code; `taqsim explain CODE` shows what stands here.\n",
    );
    for Code { code, title, why, wrong, right } in CODES {
        write!(document, "\n## {code}: {title}\n\n{why}\n\n").expect("a string grows");
        write!(document, "Wrong:\n\n```text\n{wrong}\n```\n\nRight:\n\n```toml\n{right}\n```\n")
            .expect("a string grows");
    }
    check("CODES.md", &document);
}

#[test]
fn docs_have_only_examples_that_are_read_without_findings() {
    for name in ["MANIFEST.md", "CODES.md", "GATE.md", "EVALUATE.md"] {
        let blocks = blocks(&read(name));
        assert!(blocks.len() >= 2, "{name}");
        for block in blocks {
            let outcome = super::check::read(&block);
            let shown = render(&outcome.findings, &outcome.texts, Style::Plain);
            assert!(outcome.findings.is_empty(), "{name}\n{block}\n{shown}");
        }
    }
}

#[test]
fn docs_show_the_full_example_and_name_every_section_and_column() {
    let document = read("MANIFEST.md");
    assert!(
        blocks(&document).contains(&read("example.toml")),
        "docs/example.toml is not in docs/MANIFEST.md"
    );
    let root = &schema()["properties"];
    let sections = [&root["dataset"]["properties"], &root["clip"]["items"]["properties"]];
    for keys in sections.into_iter().filter_map(Value::as_object) {
        for key in keys.keys() {
            assert!(document.contains(&format!("| `{key}` |")), "{key}");
        }
    }
    for column in BUILT_IN_COLUMNS {
        assert!(document.contains(&format!("`{column}`")), "{column}");
    }
}
