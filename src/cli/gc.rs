//! `taqsim gc`: free what nobody needs any more of the cache.

use std::process::ExitCode;

use super::talk::{bytes, count};
use super::{Global, Talk, project};
use crate::error::{Error, Result};
use crate::release::needed;
use crate::store::{Garbage, days_ago};

/// Free what nobody needs any more of the cache
///
/// Keeps what the manifest, the lock and the frozen versions need. Says what it would free; frees it with --yes.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  taqsim gc                            # what would be freed
  taqsim gc --yes                      # free it
  taqsim gc --yes --keep-days 30       # but nothing that is younger than a month
  taqsim gc --yes --max-size 20G       # and masters, oldest first, until the cache is that small")]
pub(super) struct Args {
    /// Free it, rather than only say what would be freed
    #[arg(long)]
    yes: bool,
    /// Keep everything that was made in the last N days
    #[arg(long, value_name = "N")]
    keep_days: Option<u64>,
    /// Free masters, oldest first, until the cache has at most this size: 500M, 20G
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    max_size: Option<u64>,
}

pub(super) fn run(args: &Args, global: &Global, talk: &Talk) -> Result<ExitCode> {
    let project = project::open(global, talk)?;
    let _lock = project::lock_cache(&project.cache, "gc", talk)?;
    let store = project::store(&project, talk)?;
    if store.has_foreign_logs() {
        let cache = project.cache.display();
        return Err(Error::world(format!(
            "cannot tell what is needed in `{cache}`: another version of taqsim uses it"
        ))
        .hint("run gc with the newest version of taqsim that you have, or delete the cache"));
    }
    let mut needed = needed(&project, &store)?;
    needed.since = args.keep_days.map(days_ago);
    needed.most_bytes = args.max_size;
    let garbage = store.find_garbage(&needed)?;
    if args.yes && !garbage.is_empty() {
        store.remove(&garbage)?;
    }
    talk.data(&report(&garbage, args.yes))?;
    Ok(ExitCode::SUCCESS)
}

fn report(garbage: &Garbage, is_done: bool) -> String {
    if garbage.is_empty() {
        return "Nothing to free.\n".to_owned();
    }
    let word = if is_done { "Freed" } else { "Would free" };
    let mut text = format!("{word} {}:\n", bytes(garbage.value_bytes + garbage.master_bytes));
    let mut push = |n: usize, what: &str, why: &str| {
        if n > 0 {
            text.push_str(&format!("  {}{why}\n", count(n, what)));
        }
    };
    push(garbage.n_results, "result", "");
    push(garbage.n_values, "value", "");
    push(garbage.n_masters, "master", "");
    push(garbage.n_needed_masters, "needed master", ": made again where a step has to read it");
    push(garbage.n_unfinished, "unfinished file", "");
    if !is_done {
        text.push_str("Give --yes to free it.\n");
    }
    text
}

/// `500M`, `20G`: bytes, in powers of 1024.
pub(super) fn parse_size(text: &str) -> std::result::Result<u64, String> {
    let wrong = || format!("`{}` is no size: write `500M` or `20G`", text.escape_debug());
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit =
        match text[digits.len()..].trim().trim_end_matches(['B', 'i', 'b']).to_ascii_uppercase().as_str() {
            "" => 0,
            "K" => 10,
            "M" => 20,
            "G" => 30,
            "T" => 40,
            _ => return Err(wrong()),
        };
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    number.checked_mul(1 << unit).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, size) in [
            ("0", Some(0)),
            ("500M", Some(500 << 20)),
            ("20G", Some(20 << 30)),
            ("1 GiB", Some(1 << 30)),
            ("7kb", Some(7 << 10)),
        ] {
            assert_eq!(parse_size(text).ok(), size, "{text}");
        }
        for text in ["", "G", "-1G", "1.5G", "20X", "99999999999T"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }
}
