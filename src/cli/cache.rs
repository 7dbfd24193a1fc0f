//! `taqsim cache`: what the cache holds, and where.

use std::fs;
use std::process::ExitCode;

use serde_json::json;

use super::talk::{bytes, count};
use super::{Format, Global, Talk, project};
use crate::error::{Error, Result};
use crate::store::{Amount, DiskStore, Inventory};

/// Show what the cache holds, and where
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Read everything in it, and check it against its digest: exit with code 3 where something is damaged
    #[arg(long)]
    check: bool,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(args: &Args, global: &Global, talk: &Talk) -> Result<ExitCode> {
    let cache = project::cache(&project::folder(global)?, global);
    let store = DiskStore::open(&cache)?;
    store.complaints().iter().for_each(|complaint| talk.warning(complaint));
    if args.check {
        return check(&store, talk);
    }
    let inventory = store.inventory()?;
    let size = |name: &str| fs::metadata(cache.join(name)).map_or(0, |file| file.len());
    let (index, snapshot) = (size("index"), size("snapshot"));
    talk.data(&match args.format {
        Format::Human => human(&cache.display().to_string(), &inventory, index, snapshot),
        Format::Json => json_of(&inventory, index, snapshot),
    })?;
    Ok(ExitCode::SUCCESS)
}

fn check(store: &DiskStore, talk: &Talk) -> Result<ExitCode> {
    let (n_values, damaged) = store.check()?;
    if damaged.is_empty() {
        talk.say(format!("{} as they were kept", count(n_values, "value")));
        return Ok(ExitCode::SUCCESS);
    }
    damaged.iter().try_for_each(|digest| talk.data(&format!("{digest}\n")))?;
    let message = format!("of {}, {} damaged or lost", count(n_values, "value"), damaged.len());
    Err(Error::differs(message).hint("nothing to be done: a build makes again what it needs of them"))
}

fn human(cache: &str, inventory: &Inventory, index: u64, snapshot: u64) -> String {
    let Inventory { logs, packs, masters, n_results, n_values, n_files } = inventory;
    let row = |what: &str, amount: &Amount, holds: &str| {
        format!("  {what:10}{:>10}{:>8}  {holds}\n", bytes(amount.n_bytes), amount.n_files)
    };
    let file = |n_bytes: u64| Amount { n_files: usize::from(n_bytes > 0), n_bytes };
    let mut text = format!("{cache}\n  {:10}{:>10}{:>8}\n", "", "size", "files");
    text += &row("log/", logs, &format!("{n_results} results, digests of {n_files} files"));
    text += &row("packs/", packs, &format!("{n_values} values"));
    text += &row("masters/", masters, "normalized audio, to be listened to");
    text += &row("index", &file(index), "where in the logs each record is");
    text += &row("snapshot", &file(snapshot), "the files of the last complete build");
    text + "All of it can be deleted at any time: that costs only time. `taqsim gc` frees what nobody needs.\n"
}

fn json_of(inventory: &Inventory, index: u64, snapshot: u64) -> String {
    let amount = |amount: &Amount| json!({ "files": amount.n_files, "bytes": amount.n_bytes });
    let value = json!({
        "schema_version": "1.0",
        "log": amount(&inventory.logs),
        "packs": amount(&inventory.packs),
        "masters": amount(&inventory.masters),
        "index_bytes": index,
        "snapshot_bytes": snapshot,
        "results": inventory.n_results,
        "values": inventory.n_values,
        "files_hashed": inventory.n_files,
    });
    format!("{value:#}\n")
}
