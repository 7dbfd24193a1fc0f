//! Words in, words out: the only room that prints. One verb, one file.

mod add;
mod allocator;
mod audio;
mod build;
mod cache;
mod check;
mod completions;
mod drawn;
mod evaluate;
mod explain;
mod export;
mod findings;
mod gc;
mod graph;
mod init;
mod label_track;
mod ls;
mod man;
mod models;
mod plan;
mod progress;
mod project;
mod release;
mod schema;
mod segments;
mod talk;
mod toml_text;
mod verify;
mod waveform;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use crate::error::{Error, Kind, Result};

pub use talk::{Color, Talk};

/// A declarative build system for audio research datasets.
#[derive(Debug, Parser)]
#[command(name = "taqsim", version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    global: Global,
}

const EXIT_CODES: &str = "Exit codes:
  0    done
  1    something in the world failed: a source is missing, a clip cannot be built
  2    the command line or the manifest is wrong
  3    hashes differ, or changes are present (verify, plan --exit-code, build --locked)
  130  interrupted; what was finished is kept";

/// What holds for every verb.
#[derive(Debug, Clone, clap::Args)]
pub struct Global {
    /// Work in this folder, or the nearest one above it that has a taqsim.toml
    #[arg(
        short = 'C',
        long,
        global = true,
        value_name = "DIR",
        default_value = ".",
        help_heading = "Global options"
    )]
    directory: PathBuf,
    /// Keep what is remembered here instead of in cache/
    #[arg(long, global = true, value_name = "DIR", help_heading = "Global options")]
    cache: Option<PathBuf>,
    /// Let sources lie in this folder too, behind a symbolic link
    #[arg(long = "root", global = true, value_name = "DIR", help_heading = "Global options")]
    roots: Vec<PathBuf>,
    /// Colour the talk on stderr
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "WHEN",
        help_heading = "Global options"
    )]
    color: Color,
    /// Say only what went wrong
    #[arg(short, long, global = true, help_heading = "Global options")]
    quiet: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Init(init::Args),
    Add(add::Args),
    Check(check::Args),
    Plan(plan::Args),
    #[command(visible_alias = "b")]
    Build(build::Args),
    Release(release::Args),
    Explain(explain::Args),
    Export(export::Args),
    Verify(verify::Args),
    Cache(cache::Args),
    Gc(gc::Args),
    Ls(ls::Args),
    Segments(segments::Args),
    Evaluate(evaluate::Args),
    Graph(graph::Args),
    Models(models::Args),
    Schema(schema::Args),
    Completions(completions::Args),
    Man(man::Args),
}

/// The form of what goes to stdout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Human,
    /// For programs; carries a schema_version.
    Json,
}

/// Runs the program with the words of the command line.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let talk = Talk::new(cli.global.color, cli.global.quiet);
    // A decoder that breaks down on a hostile file is caught and reported as that clip's failure: the hook's own
    // report would only be noise, with whatever the file put into it.
    std::panic::set_hook(Box::new(|_| {}));
    let outcome = std::panic::catch_unwind(|| dispatch(cli, &talk)).unwrap_or_else(|_| Err(broken_down()));
    match outcome {
        Ok(code) => code,
        Err(error) => {
            talk.error(&error);
            exit_code(error.kind)
        }
    }
}

fn broken_down() -> Error {
    Error::world("taqsim broke down: this is a mistake in taqsim")
        .hint("please report it, with the command and the manifest; nothing that was finished is lost")
}

fn dispatch(cli: Cli, talk: &Talk) -> Result<ExitCode> {
    let global = &cli.global;
    match cli.verb {
        Verb::Init(args) => init::run(&args, talk),
        Verb::Add(args) => add::run(&args, global, talk),
        Verb::Check(args) => check::run(&args, global, talk),
        Verb::Plan(args) => plan::run(&args, global, talk),
        Verb::Build(args) => build::run(&args, global, talk),
        Verb::Release(args) => release::run(&args, global, talk),
        Verb::Explain(args) => explain::run(&args, global, talk),
        Verb::Export(args) => export::run(&args, global, talk),
        Verb::Verify(args) => verify::run(&args, global, talk),
        Verb::Cache(args) => cache::run(&args, global, talk),
        Verb::Gc(args) => gc::run(&args, global, talk),
        Verb::Ls(args) => ls::run(&args, global, talk),
        Verb::Evaluate(args) => evaluate::run(&args, global, talk),
        Verb::Segments(args) => segments::run(&args, global, talk),
        Verb::Models(args) => models::run(&args, talk),
        Verb::Graph(args) => graph::run(&args, global, talk),
        Verb::Schema(args) => schema::run(&args, talk),
        Verb::Completions(args) => completions::run(&args, talk),
        Verb::Man(args) => man::run(&args, talk),
    }
}

fn exit_code(kind: Kind) -> ExitCode {
    ExitCode::from(match kind {
        Kind::World => 1,
        Kind::Usage => 2,
        Kind::Differs => 3,
        Kind::Interrupted => 130,
    })
}
