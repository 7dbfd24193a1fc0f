//! The log: an append-only file of facts, one a line, each with a checksum. A torn tail is cut off, never glued to.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Serialize, de::DeserializeOwned};

/// Says what the lines below it are; another first line is another format, and such a log is set aside.
const HEADER: &str = "taqsim log 1\n";

/// The digits of BLAKE3 that stand before each record.
const CHECKSUM_DIGITS: usize = 16;

/// An append-only file of records.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    file: Option<File>,
}

/// What a log held when it was opened.
#[derive(Debug)]
pub(super) struct Replayed<R> {
    /// The records up to the first damaged one.
    pub(super) records: Vec<R>,
    /// How many bytes from there on were dropped.
    pub(super) n_dropped_bytes: u64,
}

impl Log {
    /// Reads the log at `path`; nothing is written before the first [`Log::append`].
    pub(super) fn replay<R: DeserializeOwned>(path: &Path) -> io::Result<(Self, Replayed<R>)> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(cause) => return Err(cause),
        };
        let (records, n_good) = parse(&bytes);
        let log = Self { path: path.to_owned(), file: None };
        Ok((log, Replayed { records, n_dropped_bytes: (bytes.len() - n_good) as u64 }))
    }

    /// Adds a record at the end, in one write.
    pub(super) fn append<R: Serialize>(&mut self, record: &R) -> io::Result<()> {
        let line = line_of(record);
        if self.file.is_none() {
            self.file = Some(open_after_the_last_good_record(&self.path)?);
        }
        let file = self.file.as_mut().expect("it was opened above");
        file.write_all(line.as_bytes())
    }

    /// Makes everything appended so far survive a power cut.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.as_ref().map_or(Ok(()), File::sync_data)
    }
}

fn open_after_the_last_good_record(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
    let bytes = std::fs::read(path)?;
    let (_, n_good) = parse::<serde_json::Value>(&bytes);
    file.set_len(n_good as u64)?;
    if n_good == 0 {
        file.write_all(HEADER.as_bytes())?;
    }
    Ok(file)
}

fn line_of<R: Serialize>(record: &R) -> String {
    let json = serde_json::to_string(record).expect("records have only string keys");
    format!("{} {json}\n", checksum(json.as_bytes()))
}

/// The records up to the first damaged line, and where that line starts.
fn parse<R: DeserializeOwned>(bytes: &[u8]) -> (Vec<R>, usize) {
    let mut records = Vec::new();
    if !bytes.starts_with(HEADER.as_bytes()) {
        return (records, 0);
    }
    let mut n_good = HEADER.len();
    for line in bytes[n_good..].split_inclusive(|byte| *byte == b'\n') {
        let Some(record) = record_of(line) else { break };
        records.push(record);
        n_good += line.len();
    }
    (records, n_good)
}

fn record_of<R: DeserializeOwned>(line: &[u8]) -> Option<R> {
    let (sum, json) = line.strip_suffix(b"\n")?.split_at_checked(CHECKSUM_DIGITS)?;
    let json = json.strip_prefix(b" ")?;
    (checksum(json).as_bytes() == sum).then(|| serde_json::from_slice(json).ok())?
}

fn checksum(json: &[u8]) -> String {
    blake3::hash(json).to_hex()[..CHECKSUM_DIGITS].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(path: &Path, records: &[u32]) {
        let (mut log, _) = Log::replay::<u32>(path).unwrap();
        records.iter().for_each(|record| log.append(record).unwrap());
    }

    fn replayed(path: &Path) -> (Vec<u32>, u64) {
        let (_, replayed) = Log::replay(path).unwrap();
        (replayed.records, replayed.n_dropped_bytes)
    }

    #[test]
    fn a_log_cut_anywhere_keeps_its_whole_records_and_takes_new_ones() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        written(&path, &[1, 2, 3]);
        let whole = std::fs::read(&path).unwrap();
        let n_line = (whole.len() - HEADER.len()) / 3;
        for n_bytes in 0..whole.len() {
            std::fs::write(&path, &whole[..n_bytes]).unwrap();
            let n_records = n_bytes.saturating_sub(HEADER.len()) / n_line;
            let kept = &[1, 2, 3][..n_records];
            assert_eq!(replayed(&path).0, kept, "cut at byte {n_bytes}");
            written(&path, &[9]);
            assert_eq!(replayed(&path), ([kept, &[9]].concat(), 0), "written after a cut at byte {n_bytes}");
        }
    }

    #[test]
    fn a_flipped_byte_ends_the_log_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        written(&path, &[1, 2, 3]);
        let whole = std::fs::read(&path).unwrap();
        for position in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[position] ^= 1;
            std::fs::write(&path, &damaged).unwrap();
            let (records, n_dropped) = replayed(&path);
            assert!(n_dropped > 0 && [1, 2, 3].starts_with(&records), "flipped at byte {position}");
        }
    }
}
