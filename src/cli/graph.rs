//! `taqsim graph`: the steps and what they read, as a picture to be drawn.

use std::fmt::Write;
use std::process::ExitCode;

use clap::ValueEnum;

use super::{Global, Talk, project};
use crate::error::Result;
use crate::plan::{From, Step, steps};

/// Print the graph of the steps
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Language,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Language {
    /// For Graphviz: taqsim graph | dot -Tsvg > steps.svg
    #[default]
    Dot,
    /// For Markdown on GitHub and GitLab
    Mermaid,
}

pub(super) fn run(args: &Args, global: &Global, talk: &Talk) -> Result<ExitCode> {
    let project = project::open(global, talk)?;
    let steps = steps(&project.manifest)?;
    talk.data(&match args.format {
        Language::Dot => dot(&steps),
        Language::Mermaid => mermaid(&steps),
    })?;
    Ok(ExitCode::SUCCESS)
}

// Step names hold only letters, digits, `-` and `_`: there is nothing to escape.

fn dot(steps: &[Step]) -> String {
    let mut text =
        String::from("digraph taqsim {\n  rankdir=LR;\n  node [shape=box];\n  \"sources\" [shape=folder];\n");
    for step in steps {
        let _ = writeln!(text, "  \"{}\" [label=\"{}\\n{}\"];", step.name, step.name, step.kind());
    }
    for (from, to, inputs) in edges(steps) {
        let _ = writeln!(text, "  \"{from}\" -> \"{to}\" [label=\"{inputs}\"];");
    }
    text + "}\n"
}

fn mermaid(steps: &[Step]) -> String {
    let id = |name: &str| name.replace(['.', '-'], "_");
    let mut text = String::from("graph LR\n  sources[(sources)]\n");
    for step in steps {
        let _ = writeln!(text, "  {}[\"{}<br/>{}\"]", id(&step.name), step.name, step.kind());
    }
    for (from, to, inputs) in edges(steps) {
        let _ = writeln!(text, "  {} -->|{inputs}| {}", id(&from), id(&to));
    }
    text
}

/// From, to, and the names of what passes between them.
fn edges(steps: &[Step]) -> Vec<(String, String, String)> {
    let mut edges: Vec<(String, String, String)> = Vec::new();
    for step in steps {
        for wire in &step.wires {
            let from = match wire.from {
                From::Source => "sources".to_owned(),
                From::Vectors | From::Map => "files".to_owned(),
                From::Weights => "weights".to_owned(),
                From::Step(index) => steps[index].name.clone(),
            };
            match edges.iter_mut().find(|(before, to, _)| *before == from && *to == step.name) {
                Some((.., inputs)) => {
                    let _ = write!(inputs, ", {}", wire.input);
                }
                None => edges.push((from, step.name.clone(), wire.input.to_owned())),
            }
        }
    }
    edges
}
