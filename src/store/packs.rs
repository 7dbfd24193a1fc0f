//! Packs: values laid end to end in a few large files; the log says where each is. One file per value would be
//! half a million files for a hundred thousand clips.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::logs::lock;
use super::record::Place;

/// A pack is not added to when it is as long as this, bytes.
const LONG_ENOUGH: u64 = 256 << 20;

/// The packs of a cache.
#[derive(Debug)]
pub(super) struct Packs {
    folder: PathBuf,
    readers: BTreeMap<u64, Pack>,
    writer: Option<Writer>,
}

#[derive(Debug)]
struct Pack {
    file: Arc<Mutex<File>>,
    length: u64,
}

/// The pack that this process adds to, locked.
#[derive(Debug)]
struct Writer {
    pack: u64,
    file: File,
    end: u64,
}

impl Packs {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), readers: BTreeMap::new(), writer: None }
    }

    /// Whether there is a pack that reaches as far as this place.
    pub(super) fn has(&mut self, place: Place) -> bool {
        self.reader(place).is_some()
    }

    /// What lies at a place; none where there is nothing.
    pub(super) fn read(&mut self, place: Place) -> io::Result<Option<Vec<u8>>> {
        self.later(place).map(|read| read()).transpose()
    }

    /// What reads what lies at a place, whenever it is asked to; none where there is nothing.
    pub(super) fn later(
        &mut self,
        place: Place,
    ) -> Option<impl Fn() -> io::Result<Vec<u8>> + Send + Sync + use<>> {
        let file = Arc::clone(&self.reader(place)?.file);
        Some(move || {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            let mut bytes = vec![0; place.length as usize];
            file.seek(SeekFrom::Start(place.offset))?;
            file.read_exact(&mut bytes)?;
            Ok(bytes)
        })
    }

    /// Adds values, in one write, and says where they are.
    pub(super) fn append(&mut self, values: &[&[u8]]) -> io::Result<Vec<Place>> {
        if self.writer.as_ref().is_none_or(|writer| writer.end >= LONG_ENOUGH) {
            self.writer = Some(self.start_writing()?);
        }
        let writer = self.writer.as_mut().expect("it was started above");
        let bytes = values.concat();
        if let Err(cause) = writer.file.write_all(&bytes) {
            // What was half written is in nobody's way, but it would not be missed either.
            let _ = writer.file.set_len(writer.end);
            return Err(cause);
        }
        let mut places = Vec::with_capacity(values.len());
        for value in values {
            let length = value.len() as u64;
            places.push(Place { pack: writer.pack, offset: writer.end, length });
            writer.end += length;
        }
        Ok(places)
    }

    /// From now on, adds to another pack.
    pub(super) fn begin_anew(&mut self) {
        self.writer = None;
    }

    /// Adds a value to a pack that is none of these.
    pub(super) fn append_elsewhere(&mut self, value: &[u8], others: &[u64]) -> io::Result<Place> {
        if self
            .writer
            .as_ref()
            .is_none_or(|writer| others.contains(&writer.pack) || writer.end >= LONG_ENOUGH)
        {
            self.writer = Some(self.new_pack()?);
        }
        let places = self.append(&[value])?;
        places.first().copied().ok_or_else(|| io::Error::other("nothing was added"))
    }

    /// The file that was added to, to make it durable; none where nothing was added.
    pub(super) fn file_to_sync(&self) -> Option<io::Result<File>> {
        self.writer.as_ref().map(|writer| writer.file.try_clone())
    }

    fn reader(&mut self, place: Place) -> Option<&mut Pack> {
        let end = place.offset.checked_add(place.length)?;
        let is_known = self.readers.get(&place.pack).is_some_and(|pack| end <= pack.length);
        if !is_known {
            let file = File::open(path_of(&self.folder, place.pack)).ok()?;
            let length = file.metadata().ok()?.len();
            self.readers.insert(place.pack, Pack { file: Arc::new(Mutex::new(file)), length });
        }
        self.readers.get_mut(&place.pack).filter(|pack| end <= pack.length)
    }

    /// Takes a pack that is not long yet and that nobody writes to, or else a new one.
    fn start_writing(&self) -> io::Result<Writer> {
        fs::create_dir_all(&self.folder)?;
        for (pack, length) in lengths(&self.folder)? {
            if length >= LONG_ENOUGH {
                continue;
            }
            let file = OpenOptions::new().append(true).open(path_of(&self.folder, pack))?;
            if lock(&file)? {
                let end = file.metadata()?.len();
                return Ok(Writer { pack, file, end });
            }
        }
        self.new_pack()
    }

    fn new_pack(&self) -> io::Result<Writer> {
        loop {
            let pack = RandomState::new().hash_one(0);
            match OpenOptions::new().append(true).create_new(true).open(path_of(&self.folder, pack)) {
                Ok(file) => return lock(&file).map(|_| Writer { pack, file, end: 0 }),
                Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {}
                Err(cause) => return Err(cause),
            }
        }
    }
}

/// The packs in a folder and how long they are, bytes, by number; none where there is no such folder.
pub(super) fn lengths(folder: &Path) -> io::Result<BTreeMap<u64, u64>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(cause) => return Err(cause),
    };
    let mut lengths = BTreeMap::new();
    for entry in entries {
        let entry = entry?;
        if let Some(pack) = entry.file_name().to_str().and_then(number_of) {
            lengths.insert(pack, entry.metadata()?.len());
        }
    }
    Ok(lengths)
}

/// Where the pack of a number is.
pub(super) fn path_of(folder: &Path, pack: u64) -> PathBuf {
    folder.join(format!("{pack:016x}.pack"))
}

fn number_of(name: &str) -> Option<u64> {
    u64::from_str_radix(name.strip_suffix(".pack").filter(|digits| digits.len() == 16)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_where_they_were_put_and_two_writers_take_two_packs() {
        let folder = tempfile::tempdir().unwrap();
        let (mut one, mut two) = (Packs::new(folder.path()), Packs::new(folder.path()));
        let places = one.append(&[b"first", b"", b"second"]).unwrap();
        let other = two.append(&[b"other"]).unwrap();
        assert_eq!(lengths(folder.path()).unwrap().len(), 2);
        for (place, value) in places.iter().zip([&b"first"[..], b"", b"second"]) {
            assert_eq!(two.read(*place).unwrap().as_deref(), Some(value));
        }
        assert_eq!(one.read(other[0]).unwrap().as_deref(), Some(&b"other"[..]));
        drop((one, two));
        let mut later = Packs::new(folder.path());
        later.append(&[b"later"]).unwrap();
        assert_eq!(lengths(folder.path()).unwrap().len(), 2, "a later writer goes on where others ended");
    }

    #[test]
    fn what_is_beyond_the_end_of_a_pack_is_absent() {
        let folder = tempfile::tempdir().unwrap();
        let mut packs = Packs::new(folder.path());
        let place = packs.append(&[b"value"]).unwrap()[0];
        for wrong in [
            Place { offset: 1, ..place },
            Place { length: u64::MAX, ..place },
            Place { pack: place.pack ^ 1, ..place },
        ] {
            assert!(!packs.has(wrong));
            assert_eq!(packs.read(wrong).unwrap(), None);
        }
    }
}
