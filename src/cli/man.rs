//! `taqsim man`: the manual, as roff.

use std::process::ExitCode;

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use super::{Cli, Talk};
use crate::error::{Error, Result};

/// Print the manual page of taqsim, or of one of its verbs
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The verb to print the page of
    verb: Option<String>,
}

pub(super) fn run(args: &Args, talk: &Talk) -> Result<ExitCode> {
    let mut command = Cli::command();
    command.build();
    let (page, title) = match &args.verb {
        None => (command, "taqsim".to_owned()),
        Some(verb) => (page_of(&command, verb)?, format!("taqsim-{verb}")),
    };
    let mut text = Vec::new();
    Man::new(page).title(title).render(&mut text).map_err(|cause| Error::cannot_write("stdout", cause))?;
    talk.data(&String::from_utf8_lossy(&text))?;
    Ok(ExitCode::SUCCESS)
}

fn page_of(command: &Command, verb: &str) -> Result<Command> {
    let verbs = command.get_subcommands().find(|candidate| candidate.get_name() == verb);
    let found = verbs.ok_or_else(|| Error::usage(format!("cannot find the verb `{verb}`")))?;
    Ok(found.clone())
}
