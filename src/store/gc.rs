//! Garbage: what nobody needs any more of what the store holds, found first, and removed only when asked.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::io;
use std::path::PathBuf;

use super::disk::{DiskStore, Memory};
use super::lock::now;
use super::masters::{self, Found};
use super::record::{Address, Place, Record};
use super::{Digest, Key, packs};
use crate::error::{Error, Result};

/// Packs of which more than this share is garbage are written anew, without it.
const MOST_GARBAGE: f64 = 0.1;

/// What is to be kept.
#[derive(Debug, Default)]
pub struct Needed {
    /// What these keys came to, and what that in turn refers to.
    pub keys: Vec<Key>,
    /// What was remembered of these files.
    pub files: HashSet<String>,
    /// What a killed build left half written outside of the cache.
    pub unfinished: Vec<PathBuf>,
    /// Whatever was remembered since then, s since 1970.
    pub since: Option<u64>,
    /// How large the cache may stay, bytes. What is needed stays, but for masters, which can be made again: the
    /// oldest go first.
    pub most_bytes: Option<u64>,
}

/// What can be removed.
#[derive(Debug, Default)]
pub struct Garbage {
    /// How many results of tasks.
    pub n_results: usize,
    /// How many packed values, and how many bytes they have.
    pub n_values: usize,
    /// The bytes of those values.
    pub value_bytes: u64,
    /// How many masters that nobody needs.
    pub n_masters: usize,
    /// How many masters that are needed, but go to keep the cache small.
    pub n_needed_masters: usize,
    /// The bytes of all those masters.
    pub master_bytes: u64,
    /// How many files that a killed build left half written.
    pub n_unfinished: usize,
    live: HashSet<Address>,
    files: Vec<PathBuf>,
}

impl Garbage {
    /// Whether there is nothing to remove.
    pub fn is_empty(&self) -> bool {
        self.n_results + self.n_values + self.files.len() == 0
    }
}

impl DiskStore {
    /// Finds what nobody needs.
    ///
    /// # Errors
    /// When the cache cannot be read.
    pub fn find_garbage(&self, needed: &Needed) -> Result<Garbage> {
        let mut memory = self.memory();
        let mut garbage = Garbage { live: memory.live(needed), ..Garbage::default() };
        let mut kept_bytes = 0;
        memory.for_each_record(|record| {
            let is_live = garbage.live.contains(&record.address());
            match record {
                Record::Task { .. } if !is_live => garbage.n_results += 1,
                Record::Value { place, .. } if is_live => kept_bytes += place.length,
                Record::Value { place, .. } => {
                    garbage.n_values += 1;
                    garbage.value_bytes += place.length;
                }
                _ => {}
            }
        });
        let cannot = |cause: io::Error| Error::cannot_read(self.folder.display(), cause);
        let most_bytes = needed.most_bytes.map(|most| most.saturating_sub(kept_bytes));
        garbage.sort_masters(masters::all(&self.masters()).map_err(cannot)?, most_bytes);
        garbage.files.extend(masters::unfinished(&self.folder).map_err(cannot)?);
        garbage.files.extend(needed.unfinished.iter().cloned());
        garbage.n_unfinished = garbage.files.len() - garbage.n_masters - garbage.n_needed_masters;
        Ok(garbage)
    }

    /// Removes it. Only for whoever holds the cache's lock.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn remove(&self, garbage: &Garbage) -> Result<()> {
        let mut memory = self.memory();
        memory.remove(garbage).map_err(|cause| self.cannot_write(cause))?;
        garbage.files.iter().try_for_each(fs::remove_file).map_err(|cause| self.cannot_write(cause))
    }
}

impl Garbage {
    /// Sorts the masters into those that stay and those that go.
    fn sort_masters(&mut self, found: Vec<Found>, most_bytes: Option<u64>) {
        let is_live = |digest: &Digest| self.live.contains(&Address::of_value(digest));
        let (mut kept, gone): (Vec<Found>, Vec<Found>) =
            found.into_iter().partition(|found| found.digest.as_ref().is_some_and(is_live));
        let (unneeded, unfinished): (Vec<Found>, Vec<Found>) =
            gone.into_iter().partition(|found| found.digest.is_some());
        self.n_masters = unneeded.len();
        self.files.extend(unfinished.into_iter().map(|found| found.path));
        kept.sort_by_key(|found| std::cmp::Reverse(found.modified));
        let mut n_bytes = 0;
        let too_much = |found: &Found| {
            n_bytes += found.n_bytes;
            most_bytes.is_some_and(|most| n_bytes > most)
        };
        let too_many: Vec<Found> = kept.into_iter().filter(too_much).collect();
        self.n_needed_masters = too_many.len();
        for found in unneeded.into_iter().chain(too_many) {
            self.master_bytes += found.n_bytes;
            self.files.push(found.path);
        }
    }
}

impl Memory {
    /// The addresses of everything that is needed.
    fn live(&mut self, needed: &Needed) -> HashSet<Address> {
        let mut keys = needed.keys.clone();
        if let Some(since) = needed.since {
            self.for_each_record(|record| {
                if let Record::Task { key, at, .. } = record
                    && *at >= since
                {
                    keys.push(*key);
                }
            });
        }
        let mut live = HashSet::new();
        while let Some(key) = keys.pop() {
            if live.insert(Address::of_task(&key))
                && let Some(Record::Task { recipe, outputs, .. }) = self.record(Address::of_task(&key))
            {
                // What a whole, a ledger or a release came to are keys of others.
                let is_whole = matches!(recipe.kind.as_str(), "clip" | "clips" | "ledger" | "release");
                for (_, digest) in outputs.iter() {
                    if is_whole {
                        keys.push(Key::from_digest(*digest));
                    } else {
                        live.insert(Address::of_value(digest));
                    }
                }
            }
        }
        self.for_each_record(|record| {
            let is_live = match record {
                Record::Task { .. } | Record::Value { .. } => return,
                Record::Last { key, .. } => live.contains(&Address::of_task(key)),
                Record::File { path, .. } => needed.files.contains(path),
                Record::Pace { .. } => true,
            };
            if is_live {
                live.insert(record.address());
            }
        });
        live
    }

    pub(super) fn for_each_record(&mut self, mut see: impl FnMut(&Record)) {
        for location in self.index.locations() {
            self.logs.read(location).iter().for_each(&mut see);
        }
    }

    /// Moves what is needed out of packs that are mostly garbage, then forgets the rest, then removes the files:
    /// in this order nothing is ever named that is not there.
    fn remove(&mut self, garbage: &Garbage) -> io::Result<()> {
        let packs_folder = self.folder.join("packs");
        let values = self.live_values(garbage);
        let emptied = packs_to_empty(&values, packs::lengths(&packs_folder)?);
        self.packs.begin_anew();
        let moved = self.moved(&values, &emptied)?;
        if let Some(file) = self.packs.file_to_sync() {
            file?.sync_data()?;
        }
        self.rewrite(|record| {
            let record = Some(record).filter(|record| garbage.live.contains(&record.address()))?;
            Some(match record {
                Record::Value { digest, place } => {
                    Record::Value { digest, place: moved.get(&digest).copied().unwrap_or(place) }
                }
                other => other,
            })
        })?;
        emptied.iter().try_for_each(|pack| fs::remove_file(packs::path_of(&packs_folder, *pack)))
    }

    /// The values that stay, and where they are.
    fn live_values(&mut self, garbage: &Garbage) -> Vec<(Digest, Place)> {
        let mut values = Vec::new();
        self.for_each_record(|record| {
            if let Record::Value { digest, place } = record
                && garbage.live.contains(&record.address())
            {
                values.push((*digest, *place));
            }
        });
        values
    }

    /// Copies those of the values that are in these packs to new ones; where each is now.
    fn moved(&mut self, values: &[(Digest, Place)], emptied: &[u64]) -> io::Result<HashMap<Digest, Place>> {
        let mut moved = HashMap::new();
        for (digest, place) in values.iter().filter(|(_, place)| emptied.contains(&place.pack)) {
            let Some(bytes) = self.packs.read(*place)? else { continue };
            moved.insert(*digest, self.packs.append_elsewhere(&bytes, emptied)?);
        }
        Ok(moved)
    }
}

/// The packs that are mostly garbage beside these values.
fn packs_to_empty(values: &[(Digest, Place)], lengths: BTreeMap<u64, u64>) -> Vec<u64> {
    let mut live_bytes: BTreeMap<u64, u64> = BTreeMap::new();
    for (_, place) in values {
        *live_bytes.entry(place.pack).or_default() += place.length;
    }
    let is_mostly_garbage = |(pack, length): &(u64, u64)| {
        let live = live_bytes.get(pack).copied().unwrap_or(0) as f64;
        live < *length as f64 * (1.0 - MOST_GARBAGE) || *length == 0
    };
    lengths.into_iter().filter(is_mostly_garbage).map(|(pack, _)| pack).collect()
}

/// How old a time is that is so many days ago, s since 1970.
pub fn days_ago(days: u64) -> u64 {
    now().saturating_sub(days.saturating_mul(86_400))
}
