//! The index: where in the logs the record of each address is. It is saved beside them, so that a start need not
//! read them again; whoever deletes it loses nothing.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::Path;

use super::record::Address;
use super::{Digest, write_in_one_piece};

/// Where a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Location {
    /// The log, counted from 0 in the order of their names.
    pub(super) log: u16,
    /// The byte at which its frame begins.
    pub(super) offset: u64,
}

/// Where the record of each address is.
#[derive(Debug, Default)]
pub(super) struct Index {
    saved: Saved,
    /// What was found or added since.
    newer: HashMap<Address, Location>,
    /// How many records there are in the logs, those that newer ones stand over included.
    pub(super) n_records: u64,
}

/// How far each log is in the saved index, by its name, in the order of their numbers.
pub(super) type Covered = Vec<(String, u64)>;

/// The saved index: its entries sorted by address, as they lie in the file.
#[derive(Debug, Default)]
struct Saved {
    entries: Vec<u8>,
}

/// Names the format of the file.
const MAGIC: &[u8] = b"taqsim index 1\n";
/// Address and location.
const ENTRY: usize = 24;
const DIGEST: usize = 32;
/// So often a place is guessed: among a million evenly spread addresses, four guesses find one.
const GUESSES: usize = 16;
/// Bits of an offset in a packed location; the log's number is above them.
const OFFSET_BITS: u32 = 48;

impl Index {
    /// Reads a saved index, and how far the logs were when it was saved; an empty one where there is none, or it
    /// is damaged.
    pub(super) fn read(path: &Path) -> (Self, Covered) {
        fs::read(path).ok().and_then(parse).unwrap_or_default()
    }

    /// Saves the index, in one piece.
    pub(super) fn save(&self, path: &Path, covered: &Covered) -> io::Result<()> {
        let mut bytes = MAGIC.to_vec();
        let head = postcard::to_stdvec(&(covered, self.n_records)).expect("names and numbers can be written");
        bytes.extend_from_slice(&(head.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&head);
        self.push_entries(&mut bytes);
        bytes.extend_from_slice(Digest::of(&bytes).as_bytes());
        write_in_one_piece(path, &bytes)
    }

    pub(super) fn get(&self, address: Address) -> Option<Location> {
        self.newer.get(&address).copied().or_else(|| self.saved.get(address))
    }

    pub(super) fn add(&mut self, address: Address, location: Location) {
        self.n_records += 1;
        self.newer.insert(address, location);
    }

    /// How many addresses were added since the index was saved.
    pub(super) fn n_unsaved(&self) -> usize {
        self.newer.len()
    }

    /// How many addresses there are, at most: one that was saved and is newer counts twice.
    pub(super) fn n_addresses(&self) -> usize {
        self.newer.len() + self.saved.len()
    }

    /// Where all records are, in the order of the logs.
    pub(super) fn locations(&self) -> Vec<Location> {
        let saved = (0..self.saved.len()).map(|nth| self.saved.entry(nth));
        let current = saved.filter(|(address, _)| !self.newer.contains_key(address));
        let mut all: Vec<Location> =
            current.map(|(_, location)| location).chain(self.newer.values().copied()).collect();
        all.sort_by_key(|location| (location.log, location.offset));
        all
    }

    fn push_entries(&self, bytes: &mut Vec<u8>) {
        let newer: BTreeMap<Address, Location> = self.newer.iter().map(|(a, l)| (*a, *l)).collect();
        let mut newer = newer.into_iter().peekable();
        for nth in 0..self.saved.len() {
            let (address, location) = self.saved.entry(nth);
            while let Some((address, location)) = newer.next_if(|(newer, _)| *newer < address) {
                push_entry(bytes, address, location);
            }
            if newer.peek().is_none_or(|(newer, _)| *newer != address) {
                push_entry(bytes, address, location);
            }
        }
        newer.for_each(|(address, location)| push_entry(bytes, address, location));
    }
}

impl Saved {
    fn len(&self) -> usize {
        self.entries.len() / ENTRY
    }

    fn entry(&self, nth: usize) -> (Address, Location) {
        let entry = &self.entries[nth * ENTRY..][..ENTRY];
        let packed = u64::from_le_bytes(*entry.last_chunk().expect("an entry is longer"));
        let location =
            Location { log: (packed >> OFFSET_BITS) as u16, offset: packed & ((1 << OFFSET_BITS) - 1) };
        (self.address(nth), location)
    }

    fn address(&self, nth: usize) -> Address {
        let half = self.entries[nth * ENTRY..].first_chunk().expect("an entry is longer");
        Address(u128::from_be_bytes(*half))
    }

    /// Addresses are halves of digests, so they are spread evenly: the place is guessed, and what is found there tells
    /// how far off it is. Whoever makes them uneven on purpose gets a search by halves.
    fn get(&self, address: Address) -> Option<Location> {
        let places_in = |distance: u128| (((distance >> 64) * self.len() as u128) >> 64) as usize;
        let (mut low, mut high) = (0, self.len());
        let mut guess = places_in(address.0);
        for round in 0.. {
            if low >= high {
                break;
            }
            guess = if round < GUESSES { guess.clamp(low, high - 1) } else { low + (high - low) / 2 };
            let found = self.address(guess);
            match found.cmp(&address) {
                Ordering::Equal => return Some(self.entry(guess).1),
                Ordering::Less => {
                    low = guess + 1;
                    guess += places_in(address.0 - found.0).max(1);
                }
                Ordering::Greater => {
                    high = guess;
                    guess = guess.saturating_sub(places_in(found.0 - address.0).max(1));
                }
            }
        }
        None
    }
}

fn push_entry(bytes: &mut Vec<u8>, address: Address, location: Location) {
    let packed = (u64::from(location.log) << OFFSET_BITS) | location.offset;
    bytes.extend_from_slice(&address.0.to_be_bytes());
    bytes.extend_from_slice(&packed.to_le_bytes());
}

fn parse(mut bytes: Vec<u8>) -> Option<(Index, Covered)> {
    let body = bytes.len().checked_sub(DIGEST)?;
    if Digest::of(&bytes[..body]).as_bytes().as_slice() != &bytes[body..] {
        return None;
    }
    bytes.truncate(body);
    let rest = bytes.strip_prefix(MAGIC)?;
    let (length, rest) = rest.split_first_chunk::<8>()?;
    let (head, entries) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    let (covered, n_records) = postcard::from_bytes(head).ok()?;
    if entries.len() % ENTRY != 0 {
        return None;
    }
    let start = body - entries.len();
    bytes.drain(..start);
    let saved = Saved { entries: bytes };
    Some((Index { saved, newer: HashMap::new(), n_records }, covered))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u64) -> Address {
        Address::of_value(&Digest::of(&number.to_le_bytes()))
    }

    fn location(number: u64) -> Location {
        Location { log: (number % 3) as u16, offset: number * 1000 }
    }

    #[test]
    fn a_saved_index_finds_what_was_in_it_and_what_was_added_since() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index");
        let mut index = Index::default();
        for round in 0..3 {
            (round * 100..round * 100 + 200).for_each(|number| index.add(address(number), location(number)));
            index.add(address(7), location(1000 + round));
            let covered = vec![("a.log".to_owned(), round)];
            index.save(&path, &covered).unwrap();
            let (read, covered_then) = Index::read(&path);
            assert_eq!((read.n_unsaved(), covered_then), (0, covered));
            index = read;
            for number in 0..round * 100 + 200 {
                let expected = if number == 7 { 1000 + round } else { number };
                assert_eq!(index.get(address(number)), Some(location(expected)), "{number}");
            }
            assert_eq!(index.get(address(12345)), None);
        }
        assert_eq!((index.n_addresses(), index.n_records), (400, 603));
        assert_eq!(index.locations().len(), 400);
    }

    #[test]
    fn a_damaged_index_is_as_good_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index");
        let mut index = Index::default();
        (0..5).for_each(|number| index.add(address(number), location(number)));
        index.save(&path, &vec![("a.log".to_owned(), 9)]).unwrap();
        let whole = fs::read(&path).unwrap();
        for place in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[place] ^= 1;
            fs::write(&path, damaged).unwrap();
            assert_eq!(Index::read(&path).0.n_addresses(), 0, "byte {place}");
            fs::write(&path, &whole[..place]).unwrap();
            assert_eq!(Index::read(&path).0.n_addresses(), 0, "cut at {place}");
        }
    }
}
