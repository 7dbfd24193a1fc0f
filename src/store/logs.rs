//! Logs: append-only files of records, one per writer at a time, so that several processes can add to one cache.
//! What a reader finds is their union, in the order of their names.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::folder::entries;
use super::frames::{self, Frames};
use super::index::{Covered, Index, Location};
use super::record::Record;

/// Says what is below it; a log that begins otherwise is of another version, and is left alone.
const HEADER: &[u8] = b"taqsim log 2\n";

/// What is read of a log at a time, bytes: records that were written together are read together.
const PAGE: usize = 1 << 12;
/// How many pages of a log are kept.
const PAGES: usize = 1024;

/// The logs of a cache, open for reading, and for writing once something is added.
#[derive(Debug)]
pub(super) struct Logs {
    folder: PathBuf,
    logs: Vec<Log>,
    writer: Option<Writer>,
    /// Whether there are logs of other versions of taqsim.
    pub(super) has_foreign: bool,
}

#[derive(Debug)]
struct Log {
    name: String,
    file: File,
    /// Where its last good frame ends.
    end: u64,
    /// Pages that were read, each in the slot of its number, with its number.
    pages: Vec<(u64, Vec<u8>)>,
}

/// The log that this process adds to. Its lock tells others to take another one.
#[derive(Debug)]
struct Writer {
    number: u16,
    file: File,
    end: u64,
}

impl Logs {
    /// Opens the logs in `folder`, adds to `index` what is in them beyond `covered`, and says in words what made
    /// no sense. An index that covers other logs than there are is started anew.
    pub(super) fn open(
        folder: &Path,
        index: &mut Index,
        covered: Covered,
    ) -> io::Result<(Self, Vec<String>)> {
        let mut logs = Self { folder: folder.to_owned(), logs: Vec::new(), writer: None, has_foreign: false };
        let mut complaints = Vec::new();
        for name in names(folder)? {
            // Compaction may have removed it since: what it held is in a later one.
            let Some(file) = open_if_there(&folder.join(&name))? else { continue };
            let mut log = Log { name, file, end: 0, pages: Vec::new() };
            if !log.begins_well() {
                logs.has_foreign = true;
                complaints.push(format!("`{}` is of another version of taqsim and was left alone", log.name));
            } else {
                logs.logs.push(log);
            }
        }
        let fits = logs.logs.iter().map(|log| log.name.as_str()).take(covered.len());
        let is_covered = fits.eq(covered.iter().map(|(name, _)| name.as_str()));
        if !is_covered || !logs.reach(&covered) {
            *index = Index::default();
        } else {
            logs.logs.iter_mut().zip(&covered).for_each(|(log, (_, end))| log.end = *end);
        }
        for number in 0..logs.logs.len() {
            complaints.extend(logs.replay(number, index)?);
        }
        Ok((logs, complaints))
    }

    /// How far the logs are, for an index that covers all of them.
    pub(super) fn covered(&self) -> Covered {
        self.logs.iter().map(|log| (log.name.clone(), log.end)).collect()
    }

    /// Reads a record; none where it is damaged.
    pub(super) fn read(&mut self, location: Location) -> Option<Record> {
        let log = self.logs.get_mut(usize::from(location.log))?;
        log.payload(location.offset).ok()?.as_deref().and_then(Record::from_bytes)
    }

    /// Adds records at the end of this process's log, in one write.
    pub(super) fn append(&mut self, records: &[Record], index: &mut Index) -> io::Result<()> {
        if self.writer.is_none() {
            self.writer = Some(self.start_writing(index)?);
        }
        let writer = self.writer.as_mut().expect("it was started above");
        let mut bytes = Vec::new();
        let mut offsets = Vec::with_capacity(records.len());
        for record in records {
            offsets.push(writer.end + bytes.len() as u64);
            frames::push(&mut bytes, &record.to_bytes());
        }
        if let Err(cause) = writer.file.write_all(&bytes) {
            // A torn frame would stand in the way of the next one. Cutting it off needs no space.
            let _ = writer.file.set_len(writer.end);
            return Err(cause);
        }
        writer.end += bytes.len() as u64;
        self.logs[usize::from(writer.number)].end = writer.end;
        for (record, offset) in records.iter().zip(offsets) {
            index.add(record.address(), Location { log: writer.number, offset });
        }
        Ok(())
    }

    /// From now on, adds to a new log.
    pub(super) fn begin_anew(&mut self) -> io::Result<()> {
        self.writer = Some(self.new_log()?);
        Ok(())
    }

    /// Removes all logs but the one that is added to, and those that others add to.
    pub(super) fn remove_others(&mut self) -> io::Result<()> {
        let own = self.writer.as_ref().map(|writer| usize::from(writer.number));
        for (number, log) in self.logs.iter().enumerate() {
            if Some(number) != own && lock(&log.file)? {
                fs::remove_file(self.folder.join(&log.name))?;
            }
        }
        Ok(())
    }

    /// The file that was added to, to make it durable; none where nothing was added.
    pub(super) fn file_to_sync(&self) -> Option<io::Result<File>> {
        self.writer.as_ref().map(|writer| writer.file.try_clone())
    }

    fn reach(&self, covered: &Covered) -> bool {
        let lengths = self.logs.iter().map(|log| log.file.metadata().map_or(0, |file| file.len()));
        lengths.zip(covered).all(|(length, (_, end))| length >= *end)
    }

    /// Adds what is in a log beyond its end to the index; what made no sense is said.
    fn replay(&mut self, number: usize, index: &mut Index) -> io::Result<Option<String>> {
        let log = &mut self.logs[number];
        let start = log.end.max(HEADER.len() as u64);
        let mut bytes = Vec::new();
        log.file.seek(SeekFrom::Start(start))?;
        log.file.read_to_end(&mut bytes)?;
        let mut all = Frames::of(&bytes);
        let mut n_foreign = 0;
        for (offset, payload) in all.by_ref() {
            let location = Location { log: number as u16, offset: start + offset as u64 };
            match Record::from_bytes(payload) {
                Some(record) => index.add(record.address(), location),
                None => n_foreign += frames::HEADER + payload.len(),
            }
        }
        log.end = start + all.end as u64;
        let n_torn = bytes.len() - all.end;
        let n_torn = if n_torn > 0 && log.is_being_written() { 0 } else { n_torn };
        let n_dropped = all.n_dropped + n_torn + n_foreign;
        let complaint = format!("{n_dropped} bytes of the cache's log made no sense and were dropped");
        Ok((n_dropped > 0).then_some(complaint))
    }

    /// Takes the last log that nobody writes to, without its torn tail, or else a new one.
    fn start_writing(&mut self, index: &mut Index) -> io::Result<Writer> {
        if let Some(number) = self.logs.len().checked_sub(1)
            && let Some(mut file) = self.claim(number)?
        {
            // Whoever wrote to it until now may have added something since it was read.
            self.replay(number, index)?;
            let end = self.logs[number].end;
            if file.metadata()?.len() < end {
                begin(&mut file)?;
            }
            file.set_len(end)?;
            return Ok(Writer { number: number as u16, file, end });
        }
        self.new_log()
    }

    /// The log of this number to add to; none where somebody else does, or it was removed.
    fn claim(&self, number: usize) -> io::Result<Option<File>> {
        let path = self.folder.join(&self.logs[number].name);
        let Ok(file) = OpenOptions::new().append(true).open(&path) else { return Ok(None) };
        let is_ours = lock(&file)? && path.exists();
        Ok(is_ours.then_some(file))
    }

    fn new_log(&mut self) -> io::Result<Writer> {
        let (name, mut file) = self.new_file()?;
        begin(&mut file)?;
        let reader = File::open(self.folder.join(&name))?;
        let end = HEADER.len() as u64;
        self.logs.push(Log { name, file: reader, end, pages: Vec::new() });
        Ok(Writer { number: (self.logs.len() - 1) as u16, file, end })
    }

    fn new_file(&self) -> io::Result<(String, File)> {
        fs::create_dir_all(&self.folder)?;
        let last = self.logs.last().and_then(|log| log.name.strip_suffix(".log")?.parse::<u64>().ok());
        for number in last.unwrap_or(0) + 1.. {
            let name = format!("{number:08}.log");
            match OpenOptions::new().append(true).create_new(true).open(self.folder.join(&name)) {
                Ok(file) => return lock(&file).map(|_| (name, file)),
                Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {}
                Err(cause) => return Err(cause),
            }
        }
        Err(io::Error::other("there is no name left for a log"))
    }
}

impl Log {
    /// Whether it has the header, or as much of it as whoever began it could write.
    fn begins_well(&mut self) -> bool {
        let mut header = Vec::new();
        let is_read = (&self.file).take(HEADER.len() as u64).read_to_end(&mut header).is_ok();
        is_read && HEADER.starts_with(&header)
    }

    fn is_being_written(&self) -> bool {
        matches!(self.file.try_lock_shared(), Err(TryLockError::WouldBlock)) || self.file.unlock().is_err()
    }

    fn payload(&mut self, offset: u64) -> io::Result<Option<Vec<u8>>> {
        let header = self.bytes(offset, frames::HEADER)?;
        let left = self.end.saturating_sub(offset);
        let Some(length) = frames::payload_length(&header).filter(|length| *length as u64 <= left) else {
            return Ok(None);
        };
        let frame = self.bytes(offset, frames::HEADER + length)?;
        Ok(frames::payload(&frame).map(<[u8]>::to_vec))
    }

    /// So many bytes from `offset` on, as far as the log has them.
    fn bytes(&mut self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(length);
        while bytes.len() < length {
            let at = offset + bytes.len() as u64;
            let page = self.page(at / PAGE as u64)?;
            let rest = page.get((at % PAGE as u64) as usize..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            bytes.extend_from_slice(&rest[..rest.len().min(length - bytes.len())]);
        }
        Ok(bytes)
    }

    fn page(&mut self, number: u64) -> io::Result<&[u8]> {
        if self.pages.is_empty() {
            self.pages.resize(PAGES, (u64::MAX, Vec::new()));
        }
        let start = number * PAGE as u64;
        let (found, page) = &mut self.pages[(number % PAGES as u64) as usize];
        // A page that was read before it was full is read again.
        if *found != number || (page.len() < PAGE && start + (page.len() as u64) < self.end) {
            *found = number;
            page.clear();
            self.file.seek(SeekFrom::Start(start))?;
            (&self.file).take(PAGE as u64).read_to_end(page)?;
        }
        Ok(page)
    }
}

/// Begins a log that has no records.
fn begin(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.write_all(HEADER)
}

/// Takes the lock of a file, if nobody has it; where there are no locks, everybody does.
pub(super) fn lock(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(cause)) if cause.kind() == io::ErrorKind::Unsupported => Ok(true),
        Err(TryLockError::Error(cause)) => Err(cause),
    }
}

fn open_if_there(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(cause),
    }
}

/// The names of the logs in a folder, in their order; none where there is no such folder.
pub(super) fn names(folder: &Path) -> io::Result<Vec<String>> {
    let files = entries(folder)?.into_iter();
    let names = files.filter_map(|path| path.file_name()?.to_str().map(str::to_owned));
    Ok(names.filter(|name| name.ends_with(".log")).collect())
}
