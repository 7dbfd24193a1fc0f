//! `taqsim release`: freeze the draft under its version.

use std::process::ExitCode;

use super::{Global, Talk, project};
use crate::error::Result;
use crate::release;

/// Freeze the draft: from now on other content under its version is an error
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: &Args, global: &Global, talk: &Talk) -> Result<ExitCode> {
    let project = project::open(global, talk)?;
    let (_lock, store) = project::store_to_build(&project, talk)?;
    let lock = release::freeze(&project, &store)?;
    let dataset = &project.manifest.dataset;
    talk.say(format!("{} {}: released, {}", dataset.name, dataset.version, lock.release_digest()));
    talk.say(format!("commit taqsim.lock; the next build needs another version than {}", dataset.version));
    Ok(ExitCode::SUCCESS)
}
