//! Compaction: the records that still count, in one new log; those that newer ones stand over are gone.

use std::fs;
use std::io;

use super::disk::Memory;
use super::index::Index;
use super::logs::Logs;
use super::record::Record;

/// Logs of fewer records are left as they are.
const FEW: u64 = 10_000;
/// So many records for each that counts, and the logs are compacted.
const SUPERSEDED: u64 = 3;

/// So many records are written at a time.
const BATCH: usize = 1024;

impl Memory {
    /// Whether newer records stand over most of them.
    pub(super) fn is_mostly_superseded(&self) -> bool {
        let n_records = self.index.n_records;
        n_records > FEW && n_records > SUPERSEDED * self.index.n_addresses() as u64
    }

    /// Writes what `keep` leaves of the records into one new log, and removes the other logs. At every moment the
    /// logs that are there hold everything that counts: a kill costs nothing but the space.
    pub(super) fn rewrite(&mut self, mut keep: impl FnMut(Record) -> Option<Record>) -> io::Result<()> {
        let locations = self.index.locations();
        let mut index = Index::default();
        self.logs.begin_anew()?;
        for some in locations.chunks(BATCH) {
            let records = some.iter().filter_map(|location| self.logs.read(*location));
            let kept: Vec<Record> = records.filter_map(&mut keep).collect();
            self.logs.append(&kept, &mut index)?;
        }
        if let Some(file) = self.logs.file_to_sync() {
            file?.sync_data()?;
        }
        let _ = fs::remove_file(self.folder.join("index"));
        self.logs.remove_others()?;
        let folder = self.folder.join("log");
        self.index = Index::default();
        (self.logs, _) = Logs::open(&folder, &mut self.index, Vec::new())?;
        self.save_index()
    }
}
