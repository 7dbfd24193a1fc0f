//! The store in a folder: `log` holds the records, `objects/` the values, a file each, named by digest.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::log::Log;
use super::{Digest, FileRecord, Key, OutputDigests, Recipe, Store};
use crate::error::{Error, Result};
use crate::stages::Input;

/// The store in a folder, usually `cache/`.
#[derive(Debug)]
pub struct DiskStore {
    folder: PathBuf,
    memory: Mutex<Memory>,
    n_dropped_bytes: u64,
}

/// Everything the log says, in memory: it is loaded whole and never queried.
#[derive(Debug)]
struct Memory {
    log: Log,
    outputs: HashMap<Key, OutputDigests>,
    recipes: HashMap<String, (Key, Recipe)>,
    files: HashMap<String, FileRecord>,
}

/// One line of the log.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Record {
    Task { name: String, key: Key, recipe: Recipe, outputs: OutputDigests },
    File { path: String, record: FileRecord },
}

impl DiskStore {
    /// Opens the store in `folder`, which need not exist yet.
    ///
    /// # Errors
    /// When the log is there but cannot be read.
    pub fn open(folder: &Path) -> Result<Self> {
        let path = folder.join("log");
        let (log, replayed) =
            Log::replay(&path).map_err(|cause| Error::cannot_read(path.display(), cause))?;
        let mut memory =
            Memory { log, outputs: HashMap::new(), recipes: HashMap::new(), files: HashMap::new() };
        replayed.records.into_iter().for_each(|record| memory.learn(record));
        let n_dropped_bytes = replayed.n_dropped_bytes;
        Ok(Self { folder: folder.to_owned(), memory: Mutex::new(memory), n_dropped_bytes })
    }

    /// How many bytes at the end of the log made no sense and were dropped.
    pub fn n_dropped_bytes(&self) -> u64 {
        self.n_dropped_bytes
    }

    /// Makes what was remembered so far survive a power cut.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn sync(&self) -> Result<()> {
        self.memory().log.sync().map_err(|cause| self.cannot_write(cause))
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // A panic elsewhere leaves whole records behind: each is learnt in one go.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn object_path(&self, digest: &Digest) -> PathBuf {
        let digits = digest.to_string();
        self.folder.join("objects").join(&digits[..2]).join(&digits[2..])
    }

    fn cannot_write(&self, cause: impl std::fmt::Display) -> Error {
        Error::cannot_write(self.folder.display(), cause)
            .hint("free some space, or name another folder with --cache; what was finished is kept")
    }

    fn write_object(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let folder = path.parent().unwrap_or(&self.folder);
        fs::create_dir_all(folder)?;
        // Not synced: a value that a power cut tore fails its digest when read, and is made again.
        let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    }
}

impl Memory {
    fn learn(&mut self, record: Record) {
        match record {
            Record::Task { name, key, recipe, outputs } => {
                self.recipes.insert(name, (key, recipe));
                self.outputs.insert(key, outputs);
            }
            Record::File { path, record } => {
                self.files.insert(path, record);
            }
        }
    }

    fn keep(&mut self, record: Record) -> io::Result<()> {
        self.log.append(&record)?;
        self.learn(record);
        Ok(())
    }
}

impl Store for DiskStore {
    fn recall(&self, key: &Key) -> Option<OutputDigests> {
        self.memory().outputs.get(key).cloned()
    }

    fn remember(&self, task: &str, recipe: &Recipe, outputs: &OutputDigests) -> Result<()> {
        let key = recipe.key();
        let mut memory = self.memory();
        let known = memory.recipes.get(task).is_some_and(|(last, _)| *last == key);
        if known && memory.outputs.get(&key) == Some(outputs) {
            return Ok(());
        }
        let record =
            Record::Task { name: task.to_owned(), key, recipe: recipe.clone(), outputs: outputs.clone() };
        memory.keep(record).map_err(|cause| self.cannot_write(cause))
    }

    fn last_recipe(&self, task: &str) -> Option<Recipe> {
        self.memory().recipes.get(task).map(|(_, recipe)| recipe.clone())
    }

    fn has(&self, digest: &Digest) -> bool {
        self.object_path(digest).is_file()
    }

    fn read(&self, digest: &Digest) -> Result<Option<Input>> {
        let path = self.object_path(digest);
        match fs::read(&path) {
            Ok(bytes) if Digest::of(&bytes) == *digest => Ok(Some(Input::bytes(bytes))),
            Ok(_) => {
                fs::remove_file(&path).map_err(|cause| self.cannot_write(cause))?;
                Ok(None)
            }
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(Error::cannot_read(path.display(), cause)),
        }
    }

    fn write(&self, bytes: &[u8]) -> Result<Digest> {
        let digest = Digest::of(bytes);
        let path = self.object_path(&digest);
        if fs::metadata(&path).is_ok_and(|file| file.len() == bytes.len() as u64) {
            return Ok(digest);
        }
        self.write_object(&path, bytes).map_err(|cause| self.cannot_write(cause))?;
        Ok(digest)
    }

    fn file(&self, path: &str) -> Option<FileRecord> {
        self.memory().files.get(path).copied()
    }

    fn remember_file(&self, path: &str, record: FileRecord) -> Result<()> {
        let mut memory = self.memory();
        if memory.files.get(path) == Some(&record) {
            return Ok(());
        }
        let record = Record::File { path: path.to_owned(), record };
        memory.keep(record).map_err(|cause| self.cannot_write(cause))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(kind: &str) -> Recipe {
        Recipe {
            kind: kind.into(),
            version: 1,
            numerics: "exact".into(),
            params: serde_json::Map::new(),
            inputs: std::collections::BTreeMap::new(),
        }
    }

    #[test]
    fn what_was_remembered_is_there_when_the_store_is_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let outputs = {
            let store = DiskStore::open(folder.path()).unwrap();
            let outputs = OutputDigests::from([("spans".into(), store.write(b"spans").unwrap())]);
            store.remember("segment.a/clip", &recipe("segment.whole"), &outputs).unwrap();
            outputs
        };
        let store = DiskStore::open(folder.path()).unwrap();
        assert_eq!(store.recall(&recipe("segment.whole").key()), Some(outputs));
        assert_eq!(store.recall(&recipe("segment.sliding").key()), None);
        assert_eq!(store.last_recipe("segment.a/clip"), Some(recipe("segment.whole")));
    }

    #[test]
    fn a_damaged_value_is_as_good_as_absent() {
        let folder = tempfile::tempdir().unwrap();
        let store = DiskStore::open(folder.path()).unwrap();
        let digest = store.write(b"a value").unwrap();
        assert!(store.read(&digest).unwrap().is_some());
        fs::write(store.object_path(&digest), b"A value").unwrap();
        assert!(store.read(&digest).unwrap().is_none());
        assert!(!store.has(&digest));
        store.write(b"a value").unwrap();
        assert!(store.read(&digest).unwrap().is_some());
    }
}
