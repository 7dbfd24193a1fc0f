//! The clips of a large lock: a CSV file beside it (RFC 4180), for TOML takes many times as long to read.
//!
//! A lock and its CSV file cannot be replaced at once. So the new CSV file is first written under another name, then
//! the lock, which says what is in it, then it is renamed: a lock always has its clips under one of the two names.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::files::{exists, is_file, move_file, sync, write_bytes};
use super::lock::ClipLine;
use super::lock_text::is_conflict_marker;
use crate::error::{Error, Result};
use crate::store::Digest;

/// No file is longer than this many bytes: a million clips take 160 MB.
const MAX_BYTES: u64 = 1 << 28;

const HEADER: &str = "id,entry,source\n";
const N_DIGITS: usize = 64;

/// The clips as CSV, sorted by id.
pub(super) fn format(clips: &BTreeMap<String, ClipLine>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER.len() + clips.len() * 160);
    bytes.extend_from_slice(HEADER.as_bytes());
    for (id, line) in clips {
        if id.contains(['"', ',', '\r', '\n']) {
            bytes.extend_from_slice(format!("\"{}\"", id.replace('"', "\"\"")).as_bytes());
        } else {
            bytes.extend_from_slice(id.as_bytes());
        }
        bytes.push(b',');
        line.entry.push_digits(&mut bytes);
        bytes.push(b',');
        if let Some(source) = &line.source {
            source.push_digits(&mut bytes);
        }
        bytes.push(b'\n');
    }
    bytes
}

/// The clips in a CSV file; else what is wrong with it.
pub(super) fn parse(bytes: &[u8]) -> std::result::Result<BTreeMap<String, ClipLine>, String> {
    let bytes = with_plain_line_ends(bytes);
    let text = std::str::from_utf8(&bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    let body = text.strip_prefix(HEADER).ok_or("its first line is not `id,entry,source`")?;
    let mut clips: Vec<(String, ClipLine)> = Vec::with_capacity(body.len() / 140);
    for (index, line) in body.lines().enumerate() {
        let clip = parse_line(line).ok_or_else(|| format!("line {} is no clip", index + 2))?;
        if clips.last().is_some_and(|(before, _)| *before >= clip.0) {
            return Err(format!("line {} is not sorted by id", index + 2));
        }
        clips.push(clip);
    }
    Ok(clips.into_iter().collect())
}

/// What a lock says of its CSV file; git may have changed its line ends.
pub(super) fn digest(bytes: &[u8]) -> Digest {
    Digest::derive("taqsim 2026-11-21 lock csv v1", &with_plain_line_ends(bytes))
}

/// The CSV file that goes with the lock at `lock`, with what must be in it.
///
/// # Errors
/// When it is missing, has merge conflicts, or is another.
pub(super) fn read(lock: &Path, expected: &Digest) -> Result<Vec<u8>> {
    let mut found = None;
    for path in [place(lock), new_place(lock)] {
        if !is_file(&path) {
            continue;
        }
        let mut bytes = Vec::new();
        let cannot = |cause| Error::cannot_read(path.display(), cause);
        let file = File::open(&path).map_err(cannot)?;
        file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(cannot)?;
        if digest(&bytes) == *expected {
            return Ok(bytes);
        }
        found.get_or_insert(bytes);
    }
    Err(found.map_or_else(missing, |bytes| other(&bytes)))
}

/// Writes the CSV file, if there is one to write, and the lock with `write_lock`; removes a CSV file that is no more.
///
/// # Errors
/// When writing fails.
pub(super) fn write(lock: &Path, csv: Option<&[u8]>, write_lock: impl FnOnce() -> Result<()>) -> Result<()> {
    let (place, new) = (place(lock), new_place(lock));
    let Some(csv) = csv else {
        write_lock()?;
        return [place, new].iter().try_for_each(|path| remove(path));
    };
    if is_file(&place) && fs::read(&place).is_ok_and(|bytes| bytes == csv) {
        write_lock()?;
        return remove(&new);
    }
    write_bytes(&new, csv)?;
    write_lock()?;
    move_file(&new, &place)?;
    place.parent().filter(|folder| !folder.as_os_str().is_empty()).map_or(Ok(()), sync)
}

/// Whether the last write came to its end.
pub(super) fn is_settled(lock: &Path, has_csv: bool) -> bool {
    !exists(&new_place(lock)) && exists(&place(lock)) == has_csv
}

/// `taqsim.lock.csv` beside `taqsim.lock`.
pub(super) fn place(lock: &Path) -> PathBuf {
    with_more(lock, ".csv")
}

fn new_place(lock: &Path) -> PathBuf {
    with_more(lock, ".csv.new")
}

fn with_more(lock: &Path, more: &str) -> PathBuf {
    let mut path = lock.as_os_str().to_owned();
    path.push(more);
    path.into()
}

fn remove(path: &Path) -> Result<()> {
    if !exists(path) {
        return Ok(());
    }
    fs::remove_file(path).map_err(|cause| Error::cannot_write(path.display(), cause))
}

fn with_plain_line_ends(bytes: &[u8]) -> Cow<'_, [u8]> {
    if !bytes.contains(&b'\r') {
        return Cow::Borrowed(bytes);
    }
    let ends_a_line = |index: usize| bytes[index] == b'\r' && bytes.get(index + 1) == Some(&b'\n');
    Cow::Owned((0..bytes.len()).filter(|index| !ends_a_line(*index)).map(|index| bytes[index]).collect())
}

fn parse_line(line: &str) -> Option<(String, ClipLine)> {
    let (id, digests) = match line.strip_prefix('"') {
        Some(quoted) => parse_quoted(quoted)?,
        None => {
            let (id, digests) = line.split_once(',')?;
            (id.to_owned(), digests)
        }
    };
    let (entry, source) = digests.as_bytes().split_at_checked(N_DIGITS)?;
    let source = match source.strip_prefix(b",")? {
        [] => None,
        digits => Some(parse_digest(digits)?),
    };
    Some((id, ClipLine { entry: parse_digest(entry)?, source }))
}

/// What a quoted field says, after its first quote, and what comes after the comma that ends it.
fn parse_quoted(text: &str) -> Option<(String, &str)> {
    let mut id = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once('"')?;
        id.push_str(before);
        match after.strip_prefix('"') {
            Some(after) => {
                id.push('"');
                rest = after;
            }
            None => return Some((id, after.strip_prefix(',')?)),
        }
    }
}

fn parse_digest(digits: &[u8]) -> Option<Digest> {
    let digits: &[u8; N_DIGITS] = digits.try_into().ok()?;
    let mut bytes = [0; N_DIGITS / 2];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let (high, low) = (VALUES[usize::from(pair[0])], VALUES[usize::from(pair[1])]);
        if high > 15 || low > 15 {
            return None;
        }
        *byte = high << 4 | low;
    }
    Some(Digest::from_bytes(bytes))
}

/// The value of each character as a hexadecimal digit; 255 where it is none.
const VALUES: [u8; 256] = {
    let mut values = [255; 256];
    let digits = b"0123456789abcdef";
    let mut value = 0;
    while value < 16 {
        values[digits[value] as usize] = value as u8;
        value += 1;
    }
    values
};

fn missing() -> Error {
    Error::differs("cannot read `taqsim.lock.csv`: it is not there, and `taqsim.lock` has its clips in it")
        .hint("take both from git again, or remove both and run `taqsim build`")
}

fn other(bytes: &[u8]) -> Error {
    if String::from_utf8_lossy(bytes).lines().any(is_conflict_marker) {
        return Error::differs("`taqsim.lock.csv` has merge conflicts").hint(TAKE_A_SIDE);
    }
    Error::differs("cannot read `taqsim.lock.csv`: it is not the one that goes with `taqsim.lock`")
        .hint("one of them was edited by hand, or taken from elsewhere: take both from git again, or remove both and run `taqsim build`")
}

/// What to do about merge conflicts.
pub(super) const TAKE_A_SIDE: &str = "take either side of both files (`git checkout --ours taqsim.lock taqsim.lock.csv`), then run `taqsim build`";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::release::{Lock, fixture};

    /// A lock whose clips are in a CSV file from the first clip on.
    fn write_lock(lock: &Lock, path: &Path) {
        lock.write_with(path, 0).unwrap();
    }

    fn large_lock() -> Lock {
        let mut lock = fixture::lock();
        for id in ["", "a,b", "a\"b\"", "\"", "تقسيم راست", "z\u{7f}"] {
            lock.clips.insert(id.into(), ClipLine { entry: lock.settings, source: None });
        }
        lock
    }

    fn names(folder: &Path) -> Vec<String> {
        crate::release::files::names_in(folder).unwrap()
    }

    #[test]
    fn clips_come_back_from_csv_whatever_their_ids_and_line_ends() {
        let lock = large_lock();
        let bytes = format(&lock.clips);
        assert_eq!(parse(&bytes).unwrap(), lock.clips);
        let text = String::from_utf8(bytes.clone()).unwrap();
        let of_git = text.replace('\n', "\r\n").into_bytes();
        assert_eq!((parse(&of_git).unwrap(), digest(&of_git)), (lock.clips.clone(), digest(&bytes)));
        let entry = lock.settings;
        assert!(
            text.starts_with(&format!("id,entry,source\n,{entry},\n\"\"\"\",{entry},\n\"a\"\"b\"\"\",")),
            "{text}"
        );
        assert_eq!(text.lines().count(), 1 + lock.clips.len());
    }

    #[test]
    fn what_is_no_csv_of_clips_is_refused() {
        let digits = "0".repeat(64);
        let cases = [
            (String::new(), "first line"),
            ("id,entry\n".into(), "first line"),
            (format!("id,entry,source\na,{digits}\n"), "line 2 is no clip"),
            (format!("id,entry,source\na,{},\n", &digits[1..]), "line 2 is no clip"),
            (format!("id,entry,source\na,{},\n", digits.replace('0', "G")), "line 2 is no clip"),
            (format!("id,entry,source\na,{},\n", digits.replace('0', "é")), "line 2 is no clip"),
            (format!("id,entry,source\n\"a,{digits},\n"), "line 2 is no clip"),
            (format!("id,entry,source\na,{digits},\n\n"), "line 3 is no clip"),
            (format!("id,entry,source\nb,{digits},\na,{digits},\n"), "line 3 is not sorted"),
            (format!("id,entry,source\na,{digits},\na,{digits},\n"), "line 3 is not sorted"),
        ];
        for (text, cause) in cases {
            let error = parse(text.as_bytes()).unwrap_err();
            assert!(error.contains(cause), "{text}: {error}");
        }
        assert!(parse(b"id,entry,source\n\xff").is_err());
    }

    #[test]
    fn a_large_lock_has_its_clips_beside_it_until_it_is_small_again() {
        let folder = tempfile::tempdir().unwrap();
        let (path, lock) = (folder.path().join("taqsim.lock"), large_lock());
        write_lock(&lock, &path);
        assert_eq!(names(folder.path()), ["taqsim.lock", "taqsim.lock.csv"]);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("[clips_csv]\nlines = 9\ndigest = ") && !text.contains("[clips]"), "{text}");
        assert_eq!(Lock::read(&path).unwrap(), Some(lock.clone()));
        assert!(lock.is_settled_with(&path, 0));
        lock.write(&path).unwrap();
        assert_eq!(names(folder.path()), ["taqsim.lock"]);
        assert_eq!(Lock::read(&path).unwrap(), Some(lock));
    }

    #[test]
    fn a_lock_that_was_half_written_is_the_old_or_the_new_one_and_the_next_write_ends_it() {
        let (old, mut new) = (large_lock(), large_lock());
        new.clips.remove("b");
        let csv = |lock: &Lock| format(&lock.clips);
        type Kill = fn(&Path, &[u8], &str);
        let kills: [(Kill, bool); 2] = [
            (|path, csv, _| fs::write(new_place(path), csv).unwrap(), false),
            (
                |path, csv, toml| {
                    fs::write(new_place(path), csv).unwrap();
                    fs::write(path, toml).unwrap();
                },
                true,
            ),
        ];
        for (kill, is_new) in kills {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("taqsim.lock");
            write_lock(&new, &path);
            let toml = fs::read_to_string(&path).unwrap();
            write_lock(&old, &path);
            kill(&path, &csv(&new), &toml);
            let expected = if is_new { &new } else { &old };
            assert_eq!(Lock::read(&path).unwrap().as_ref(), Some(expected));
            assert!(!expected.is_settled_with(&path, 0));
            write_lock(&new, &path);
            assert_eq!(names(folder.path()), ["taqsim.lock", "taqsim.lock.csv"]);
            assert_eq!(Lock::read(&path).unwrap().as_ref(), Some(&new));
        }
    }

    #[test]
    fn a_csv_file_that_taqsim_did_not_write_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (path, lock) = (folder.path().join("taqsim.lock"), large_lock());
        write_lock(&lock, &path);
        let csv = fs::read_to_string(place(&path)).unwrap();
        let cases = [
            (csv.replacen("b,", "c,", 1), "not the one that goes with"),
            (csv.lines().take(3).collect(), "not the one that goes with"),
            (format!("<<<<<<< ours\n{csv}=======\n{csv}>>>>>>> theirs\n"), "merge conflicts"),
        ];
        for (text, cause) in cases {
            fs::write(place(&path), text).unwrap();
            let error = Lock::read(&path).unwrap_err();
            assert_eq!((error.kind, error.message.contains(cause)), (Kind::Differs, true), "{error}");
        }
        fs::remove_file(place(&path)).unwrap();
        assert!(Lock::read(&path).unwrap_err().message.contains("it is not there"));
        fs::write(place(&path), csv.replace('\n', "\r\n")).unwrap();
        assert_eq!(Lock::read(&path).unwrap(), Some(lock));
        let toml = fs::read_to_string(&path).unwrap();
        fs::write(&path, toml.replace("lines = 9", "lines = 8")).unwrap();
        assert!(Lock::read(&path).unwrap_err().message.contains("checksum"));
        fs::write(&path, format!("<<<<<<< ours\n{toml}=======\n{toml}>>>>>>> theirs\n")).unwrap();
        let error = Lock::read(&path).unwrap_err();
        assert!(
            error.message.contains("merge conflicts") && error.hints[0].contains("taqsim.lock.csv"),
            "{error}"
        );
    }
}
