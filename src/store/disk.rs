//! The store in a folder: `log/` holds the records, `packs/` the values, `masters/` those that people may want to
//! hear, `index` where in the logs each record is.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::index::Index;
use super::lock::now;
use super::logs::Logs;
use super::packs::Packs;
use super::record::{Address, Place, Record};
use super::{Digest, FileRecord, Key, OutputDigests, Recipe, Store, masters};
use crate::error::{Error, Result};
use crate::stages::Input;

/// The output that is kept as a file of its own, which a player opens.
const MASTER: &str = "audio";

/// So many records, or so much time, and what was written is made durable: a sync takes milliseconds.
const RECORDS_A_SYNC: usize = 256;
const TIME_A_SYNC: Duration = Duration::from_millis(200);

/// The index is saved when so many records, or this share of all, are not in it.
const UNSAVED: usize = 4096;
const UNSAVED_SHARE: usize = 8;

/// The store in a folder, usually `cache/`.
#[derive(Debug)]
pub struct DiskStore {
    pub(super) folder: PathBuf,
    memory: Mutex<Memory>,
    complaints: Vec<String>,
}

/// What of the store is in memory: where everything is.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) folder: PathBuf,
    pub(super) index: Index,
    pub(super) logs: Logs,
    pub(super) packs: Packs,
    /// Values that were read and were not what they should be.
    damaged: BTreeSet<Digest>,
    /// Whether there are more of those than anybody knows.
    has_new_damage: bool,
    /// Whether the index led to a record that is none.
    index_is_wrong: bool,
    n_unsynced: usize,
    last_sync: Instant,
}

/// Files that were written to and are not durable yet: values before the records that name them.
struct ToSync(Vec<File>);

impl DiskStore {
    /// Opens the store in `folder`, which need not exist yet; nothing is written before something is added.
    ///
    /// # Errors
    /// When the logs are there but cannot be read.
    pub fn open(folder: &Path) -> Result<Self> {
        let (mut index, covered) = Index::read(&folder.join("index"));
        let logs = folder.join("log");
        let (logs, complaints) = Logs::open(&logs, &mut index, covered)
            .map_err(|cause| Error::cannot_read(folder.join("log").display(), cause))?;
        let memory = Memory {
            folder: folder.to_owned(),
            index,
            logs,
            packs: Packs::new(&folder.join("packs")),
            damaged: BTreeSet::new(),
            has_new_damage: false,
            index_is_wrong: false,
            n_unsynced: 0,
            last_sync: Instant::now(),
        };
        Ok(Self { folder: folder.to_owned(), memory: Mutex::new(memory), complaints })
    }

    /// What in the logs made no sense when they were opened, a sentence each.
    pub fn complaints(&self) -> &[String] {
        &self.complaints
    }

    /// Whether another version of taqsim has a log here, and so may need what this one knows nothing of.
    pub fn has_foreign_logs(&self) -> bool {
        self.memory().logs.has_foreign
    }

    /// Whether values or records turned out to be damaged since this was last asked: then the logs are read again,
    /// and what happened is said in words.
    ///
    /// # Errors
    /// When the logs cannot be read.
    pub fn recover(&self) -> Result<Option<String>> {
        let mut memory = self.memory();
        if !memory.index_is_wrong && !memory.has_new_damage {
            return Ok(None);
        }
        memory.has_new_damage = false;
        if std::mem::take(&mut memory.index_is_wrong) {
            let folder = self.folder.join("log");
            memory.index = Index::default();
            (memory.logs, _) = Logs::open(&folder, &mut memory.index, Vec::new())
                .map_err(|cause| Error::cannot_read(folder.display(), cause))?;
        }
        Ok(Some("parts of the cache are damaged: what they held is made again".to_owned()))
    }

    /// Keeps how long tasks of this kind take.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn remember_pace(&self, kind: &str, pace: Duration) -> Result<()> {
        let ms = u32::try_from(pace.as_millis()).unwrap_or(u32::MAX);
        self.add(&[Record::Pace { kind: kind.to_owned(), ms }])
    }

    /// Makes what was added so far survive a power cut.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn sync(&self) -> Result<()> {
        let files = self.memory().take_unsynced();
        files.and_then(|files| files.sync()).map_err(|cause| self.cannot_write(cause))
    }

    /// Saves the index where that spares the next start enough, and removes superseded records from the logs
    /// where most are. Only for whoever holds the cache's lock.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn tidy_up(&self) -> Result<()> {
        self.sync()?;
        let mut memory = self.memory();
        let n_unsaved = memory.index.n_unsaved();
        if memory.is_mostly_superseded() {
            memory.rewrite(Some)
        } else if n_unsaved > UNSAVED.max(memory.index.n_addresses() / UNSAVED_SHARE) {
            memory.save_index()
        } else {
            Ok(())
        }
        .map_err(|cause| self.cannot_write(cause))
    }

    pub(super) fn memory(&self) -> MutexGuard<'_, Memory> {
        // A panic elsewhere leaves whole records behind: each is learnt in one go.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn cannot_write(&self, cause: impl std::fmt::Display) -> Error {
        Error::cannot_write(self.folder.display(), cause)
            .hint("free some space, or name another folder with --cache; what was finished is kept")
    }

    fn add(&self, records: &[Record]) -> Result<()> {
        let to_sync = {
            let mut memory = self.memory();
            memory.add(records).and_then(|()| memory.take_unsynced_when_due())
        };
        to_sync.and_then(|files| files.sync()).map_err(|cause| self.cannot_write(cause))
    }

    pub(super) fn masters(&self) -> PathBuf {
        self.folder.join("masters")
    }

    fn keep_packed(&self, values: &[(Digest, &[u8])]) -> io::Result<()> {
        let mut memory = self.memory();
        let mut missing = Vec::new();
        for (digest, bytes) in values {
            if !memory.has_packed(digest) {
                missing.push((*digest, *bytes));
            }
        }
        memory.add_values(&missing)
    }
}

impl Memory {
    pub(super) fn record(&mut self, address: Address) -> Option<Record> {
        let location = self.index.get(address)?;
        let record = self.logs.read(location).filter(|record| record.address() == address);
        if record.is_none() && !self.index_is_wrong {
            self.index_is_wrong = true;
            // Whoever starts next finds out by reading the logs what is left of them.
            let _ = fs::remove_file(self.folder.join("index"));
        }
        record
    }

    pub(super) fn add(&mut self, records: &[Record]) -> io::Result<()> {
        self.logs.append(records, &mut self.index)?;
        self.n_unsynced += records.len();
        Ok(())
    }

    /// Adds values and where they are.
    pub(super) fn add_values(&mut self, values: &[(Digest, &[u8])]) -> io::Result<()> {
        if values.is_empty() {
            return Ok(());
        }
        let bytes: Vec<&[u8]> = values.iter().map(|(_, bytes)| *bytes).collect();
        let places = self.packs.append(&bytes)?;
        let located = values.iter().zip(places);
        let records: Vec<Record> =
            located.map(|((digest, _), place)| Record::Value { digest: *digest, place }).collect();
        self.add(&records)?;
        self.damaged.retain(|damaged| !values.iter().any(|(digest, _)| digest == damaged));
        Ok(())
    }

    pub(super) fn place(&mut self, digest: &Digest) -> Option<Place> {
        match self.record(Address::of_value(digest))? {
            Record::Value { digest: found, place } if found == *digest => Some(place),
            _ => None,
        }
    }

    pub(super) fn save_index(&mut self) -> io::Result<()> {
        let covered = self.logs.covered();
        self.index.save(&self.folder.join("index"), &covered)
    }

    fn has_packed(&mut self, digest: &Digest) -> bool {
        if self.damaged.contains(digest) {
            return false;
        }
        self.place(digest).is_some_and(|place| self.packs.has(place))
    }

    fn mark_damaged(&mut self, digest: &Digest) {
        self.has_new_damage |= self.damaged.insert(*digest);
    }

    fn take_unsynced(&mut self) -> io::Result<ToSync> {
        self.n_unsynced = 0;
        self.last_sync = Instant::now();
        let files = self.packs.file_to_sync().into_iter().chain(self.logs.file_to_sync());
        files.collect::<io::Result<Vec<File>>>().map(ToSync)
    }

    fn take_unsynced_when_due(&mut self) -> io::Result<ToSync> {
        let is_due = self.n_unsynced >= RECORDS_A_SYNC || self.last_sync.elapsed() >= TIME_A_SYNC;
        if is_due { self.take_unsynced() } else { Ok(ToSync(Vec::new())) }
    }
}

impl ToSync {
    fn sync(&self) -> io::Result<()> {
        self.0.iter().try_for_each(File::sync_data)
    }
}

impl Store for DiskStore {
    fn recall(&self, key: &Key) -> Option<OutputDigests> {
        match self.memory().record(Address::of_task(key))? {
            Record::Task { key: found, outputs, .. } if found == *key => Some(outputs),
            _ => None,
        }
    }

    fn knows(&self, key: &Key) -> bool {
        self.memory().index.get(Address::of_task(key)).is_some()
    }

    fn recipe(&self, key: &Key) -> Option<Recipe> {
        match self.memory().record(Address::of_task(key))? {
            Record::Task { recipe, .. } => recipe.to_recipe(),
            _ => None,
        }
    }

    fn remember(&self, recipe: &Recipe, outputs: &OutputDigests) -> Result<()> {
        let key = recipe.key();
        if self.recall(&key).as_ref() == Some(outputs) {
            return Ok(());
        }
        self.add(&[Record::Task { key, recipe: recipe.into(), outputs: outputs.clone(), at: now() }])
    }

    fn last(&self, name: &str) -> Option<Key> {
        match self.memory().record(Address::of_name(name))? {
            Record::Last { name: found, key } if found == name => Some(key),
            _ => None,
        }
    }

    fn remember_last(&self, name: &str, key: &Key) -> Result<()> {
        if self.last(name).as_ref() == Some(key) {
            return Ok(());
        }
        self.add(&[Record::Last { name: name.to_owned(), key: *key }])
    }

    fn has(&self, digest: &Digest) -> bool {
        self.memory().has_packed(digest) || masters::path_of(&self.masters(), digest).is_file()
    }

    fn length(&self, digest: &Digest) -> Option<u64> {
        let place = self.memory().place(digest);
        let master = || fs::metadata(masters::path_of(&self.masters(), digest)).ok().map(|file| file.len());
        place.map(|place| place.length).or_else(master)
    }

    fn read(&self, digest: &Digest) -> Result<Option<Input>> {
        let packed = {
            let mut memory = self.memory();
            let place = memory.place(digest);
            place.map(|place| memory.packs.read(place)).transpose()
        };
        let packed = packed.map_err(|cause| Error::cannot_read(self.folder.display(), cause))?;
        match packed.flatten() {
            Some(bytes) if Digest::of(&bytes) == *digest => return Ok(Some(Input::bytes(bytes))),
            Some(_) => self.memory().mark_damaged(digest),
            None => {}
        }
        self.read_master(digest)
    }

    fn later(&self, digest: &Digest) -> Option<Input> {
        let digest = *digest;
        let read = {
            let mut memory = self.memory();
            let place = memory.place(&digest)?;
            memory.packs.later(place)?
        };
        Some(Input::later(move || match read() {
            Ok(bytes) if Digest::of(&bytes) == digest => Ok(bytes.into()),
            Ok(_) => {
                Err(Error::cannot_read(digest, "it was damaged just now")
                    .hint("build again: it is made anew"))
            }
            Err(cause) => Err(Error::cannot_read(digest, cause)),
        }))
    }

    fn keep(&self, outputs: &[(&str, Vec<u8>)]) -> Result<OutputDigests> {
        let digests: Vec<(&str, Digest)> =
            outputs.iter().map(|(name, bytes)| (*name, Digest::of(bytes))).collect();
        let named = digests.iter().zip(outputs);
        let (masters, packed): (Vec<_>, Vec<_>) = named.partition(|((name, _), _)| *name == MASTER);
        let packed: Vec<(Digest, &[u8])> =
            packed.into_iter().map(|((_, digest), (_, bytes))| (*digest, bytes.as_slice())).collect();
        self.keep_packed(&packed).map_err(|cause| self.cannot_write(cause))?;
        for ((_, digest), (_, bytes)) in masters {
            self.keep_master(digest, bytes).map_err(|cause| self.cannot_write(cause))?;
        }
        Ok(digests.into_iter().collect())
    }

    fn pace(&self, kind: &str) -> Option<Duration> {
        match self.memory().record(Address::of_pace(kind))? {
            Record::Pace { kind: found, ms } if found == kind => Some(Duration::from_millis(ms.into())),
            _ => None,
        }
    }

    fn file(&self, path: &str) -> Option<FileRecord> {
        match self.memory().record(Address::of_file(path))? {
            Record::File { path: found, record } if found == path => Some(record),
            _ => None,
        }
    }

    fn remember_file(&self, path: &str, record: FileRecord) -> Result<()> {
        if self.file(path) == Some(record) {
            return Ok(());
        }
        self.add(&[Record::File { path: path.to_owned(), record }])
    }
}

impl DiskStore {
    fn read_master(&self, digest: &Digest) -> Result<Option<Input>> {
        let path = masters::path_of(&self.masters(), digest);
        match fs::read(&path) {
            Ok(bytes) if Digest::of(&bytes) == *digest => Ok(Some(Input::bytes(bytes))),
            Ok(_) => {
                fs::remove_file(&path).map_err(|cause| self.cannot_write(cause))?;
                self.memory().has_new_damage = true;
                Ok(None)
            }
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(Error::cannot_read(path.display(), cause)),
        }
    }

    fn keep_master(&self, digest: &Digest, bytes: &[u8]) -> io::Result<()> {
        let path = masters::path_of(&self.masters(), digest);
        if fs::metadata(&path).is_ok_and(|file| file.len() == bytes.len() as u64) {
            return Ok(());
        }
        masters::write(&self.masters(), digest, bytes)
    }
}
