//! `taqsim export`: what others, or later versions of the dataset, build on.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use unicode_normalization::UnicodeNormalization;

use super::progress::Progress;
use super::talk::count;
use super::{Global, Talk, build, project};
use crate::error::{Error, Result};
use crate::manifest::Manifest;
use crate::release::{self, Options};
use crate::run::write_map;
use crate::text::printable;

/// Write what later versions of the dataset build on
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Map(Map),
}

/// Write a map to a file, so that new rows are placed on it and old ones stay where they are
///
/// The file has what the map was fitted to: scaling, rows and their places, or the axes of a projection. Commit it, and name it in
/// the step with `fit`. What is stale is made; draft and lock stay as they are.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  taqsim export map timbre                           # maps/timbre-VERSION.parquet
  taqsim export map timbre --to maps/0.3.0.parquet   # then, in [reduce.timbre.umap]: fit = \"maps/0.3.0.parquet\"")]
struct Map {
    /// The reduce step: `timbre` of [reduce.timbre.umap]
    name: String,
    /// The file to write, if not maps/NAME-VERSION.parquet in the project's folder
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// Overwrite the file
    #[arg(long)]
    force: bool,
}

pub(super) fn run(args: &Args, global: &Global, talk: &Talk) -> Result<ExitCode> {
    let What::Map(args) = &args.what;
    let project = project::open(global, talk)?;
    let name: String = args.name.nfc().collect();
    check(&name, &project.manifest)?;
    build::finish_what_is_running_on_ctrl_c()?;
    let (_lock, store) = project::store_to_build(&project, talk)?;
    let progress = Progress::new(*talk);
    let listener = |event: &crate::run::Event| progress.hear(event);
    let options = Options::new(&build::CANCELLED, &listener);
    let see = |built: &release::Built| build::say_failures(built, talk);
    let Some(map) = release::export_map(&project, &store, &options, &name, see)? else {
        return Ok(ExitCode::from(1));
    };
    let version = &project.manifest.dataset.version;
    let default = project.folder.join("maps").join(format!("{name}-{version}.parquet"));
    let path = args.to.as_ref().unwrap_or(&default);
    write_map(path, &map, args.force)?;
    let rows = count(map.ids.len(), "row");
    let kind = &map.fitted.kind;
    talk.say(format!("wrote `{}`: a map of {rows} by {kind}", printable(&path.display().to_string())));
    Ok(ExitCode::SUCCESS)
}

fn check(name: &str, manifest: &Manifest) -> Result<()> {
    let maps = manifest.reduce.iter().filter(|(_, reduce)| reduce.kind.makes_map());
    let names: Vec<&str> = maps.map(|(name, _)| name.as_str()).collect();
    if names.contains(&name) {
        return Ok(());
    }
    let what = if manifest.reduce.contains_key(name) { "makes no map" } else { "is not in the manifest" };
    let error = Error::usage(format!("cannot export a map: the step `reduce.{}` {what}", printable(name)));
    Err(match names.as_slice() {
        [] => error.hint("steps of the kinds `pca`, `tsne` and `umap` do, and there is none"),
        names => error.hint(format!("these do: {}", printable(&names.join(", ")))),
    })
}
