//! The cache's lock: one build at a time, and nothing stays locked when a process dies.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::logs::lock;
use crate::error::{Error, Result};

/// Held while a build writes; freed by the kernel when the process ends, however it ends.
#[derive(Debug)]
pub struct CacheLock {
    _file: File,
}

/// Who holds the lock, as they say of themselves in its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// What they do: `build`, `gc`, ...
    pub verb: String,
    /// The number of their process.
    pub process: u32,
    /// When they took the lock, s since 1970.
    pub since: u64,
}

impl CacheLock {
    /// Takes the lock of the cache in `folder` for `verb`. If somebody else has it, `waiting` hears who, as far as
    /// that can be told, and how many seconds they have had it; then it waits.
    ///
    /// # Errors
    /// When the lock's file cannot be made or locked.
    pub fn take(folder: &Path, verb: &str, waiting: impl FnOnce(Option<(Holder, u64)>)) -> Result<Self> {
        let cannot = |cause: io::Error| {
            Error::cannot_write(folder.display(), cause)
                .hint("a cache that you may write to can be named with --cache")
        };
        let mut file = open(folder).map_err(cannot)?;
        if !lock(&file).map_err(cannot)? {
            waiting(holder(&file));
            file.lock().map_err(cannot)?;
        }
        sign(&mut file, verb).map_err(cannot)?;
        Ok(Self { _file: file })
    }
}

fn open(folder: &Path) -> io::Result<File> {
    std::fs::create_dir_all(folder)?;
    OpenOptions::new().create(true).truncate(false).read(true).write(true).open(folder.join("lock"))
}

fn holder(file: &File) -> Option<(Holder, u64)> {
    let mut text = String::new();
    file.take(1000).read_to_string(&mut text).ok()?;
    let holder: Holder = serde_json::from_str(&text).ok()?;
    let seconds = now().saturating_sub(holder.since);
    Some((holder, seconds))
}

fn sign(file: &mut File, verb: &str) -> io::Result<()> {
    let holder = Holder { verb: verb.to_owned(), process: std::process::id(), since: now() };
    file.set_len(0)?;
    file.rewind()?;
    let json = serde_json::to_string(&holder)?;
    writeln!(file, "{json}")
}

/// The time, s since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}
