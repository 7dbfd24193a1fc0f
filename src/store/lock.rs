//! The cache's lock: one build at a time, and nothing stays locked when a process dies.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use crate::error::{Error, Result};

/// Held while a build writes; freed by the kernel when the process ends, however it ends.
#[derive(Debug)]
pub struct CacheLock {
    _file: File,
}

/// Who holds the lock, in words.
pub type Holder = String;

impl CacheLock {
    /// Takes the lock of the cache in `folder`; `waiting` hears who holds it, if somebody does, before the wait.
    ///
    /// # Errors
    /// When the lock's file cannot be made or locked.
    pub fn take(folder: &Path, waiting: impl FnOnce(&Holder)) -> Result<Self> {
        std::fs::create_dir_all(folder).map_err(|cause| Error::cannot_write(folder.display(), cause))?;
        let path = folder.join("lock");
        let cannot = |cause| Error::cannot_write(path.display(), cause);
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(cannot)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                waiting(&holder(&file));
                file.lock().map_err(cannot)?;
            }
            Err(TryLockError::Error(cause)) => return Err(cannot(cause)),
        }
        sign(&mut file).map_err(cannot)?;
        Ok(Self { _file: file })
    }
}

fn holder(file: &File) -> Holder {
    let mut text = String::new();
    match file.take(200).read_to_string(&mut text) {
        Ok(n) if n > 0 => text.trim().chars().filter(|c| !c.is_control()).collect(),
        _ => "another process".to_owned(),
    }
}

fn sign(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "taqsim, process {}", std::process::id())
}
