//! What is where in a cache, and whether it is sound.

use super::disk::DiskStore;
use super::record::Record;
use super::{Digest, Store, logs, masters, packs};
use crate::error::{Error, Result};

/// What a cache holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    /// Files and bytes of the logs.
    pub logs: Amount,
    /// Files and bytes of the packs.
    pub packs: Amount,
    /// Files and bytes of the masters.
    pub masters: Amount,
    /// Results of tasks that are remembered.
    pub n_results: usize,
    /// Values in the packs.
    pub n_values: usize,
    /// Files whose digests are remembered.
    pub n_files: usize,
}

/// So many files of so many bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amount {
    /// Files.
    pub n_files: usize,
    /// Bytes.
    pub n_bytes: u64,
}

impl DiskStore {
    /// Counts what is there.
    ///
    /// # Errors
    /// When the cache cannot be read.
    pub fn inventory(&self) -> Result<Inventory> {
        let cannot = |cause| Error::cannot_read(self.folder.display(), cause);
        let log = self.folder.join("log");
        let logs = logs::names(&log).map_err(cannot)?;
        let logs = logs.iter().map(|name| log.join(name).metadata().map_or(0, |file| file.len()));
        let packs = packs::lengths(&self.folder.join("packs")).map_err(cannot)?;
        let masters = masters::all(&self.masters()).map_err(cannot)?;
        let mut inventory = Inventory {
            logs: logs.collect(),
            packs: packs.into_values().collect(),
            masters: masters.iter().map(|found| found.n_bytes).collect(),
            ..Inventory::default()
        };
        self.memory().for_each_record(|record| match record {
            Record::Task { .. } => inventory.n_results += 1,
            Record::Value { .. } => inventory.n_values += 1,
            Record::File { .. } => inventory.n_files += 1,
            Record::Last { .. } | Record::Pace { .. } => {}
        });
        Ok(inventory)
    }

    /// Reads every value and every master: how many there are, and which are not what they should be.
    ///
    /// # Errors
    /// When the cache cannot be read.
    pub fn check(&self) -> Result<(usize, Vec<Digest>)> {
        let mut digests = Vec::new();
        self.memory().for_each_record(|record| {
            if let Record::Value { digest, .. } = record {
                digests.push(*digest);
            }
        });
        let cannot = |cause| Error::cannot_read(self.folder.display(), cause);
        digests
            .extend(masters::all(&self.masters()).map_err(cannot)?.iter().filter_map(|found| found.digest));
        let mut damaged = Vec::new();
        for digest in &digests {
            if self.read(digest)?.is_none() {
                damaged.push(*digest);
            }
        }
        Ok((digests.len(), damaged))
    }
}

impl FromIterator<u64> for Amount {
    fn from_iter<I: IntoIterator<Item = u64>>(lengths: I) -> Self {
        lengths.into_iter().fold(Self::default(), |sum, length| Self {
            n_files: sum.n_files + 1,
            n_bytes: sum.n_bytes + length,
        })
    }
}
