//! `taqsim schema`: the JSON Schema of the manifest.

use std::process::ExitCode;

use super::Talk;
use crate::error::Result;
use crate::manifest;

/// Print the JSON Schema of taqsim.toml, for editors
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: &Args, talk: &Talk) -> Result<ExitCode> {
    talk.data(&text())?;
    Ok(ExitCode::SUCCESS)
}

/// The schema as a file: what `taqsim init` writes beside the manifest.
pub(super) fn text() -> String {
    format!("{:#}\n", manifest::schema())
}
