//! `taqsim completions`: completions for a shell.

use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use super::{Cli, Talk};
use crate::error::Result;

/// Print completions for a shell
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The shell to complete in
    shell: Shell,
}

pub(super) fn run(args: &Args, talk: &Talk) -> Result<ExitCode> {
    let mut text = Vec::new();
    generate(args.shell, &mut Cli::command(), "taqsim", &mut text);
    talk.data(&String::from_utf8_lossy(&text))?;
    Ok(ExitCode::SUCCESS)
}
