//! fetch: the one door to outside files. It opens nothing outside the roots, and hashes nothing twice.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rayon::prelude::*;

use super::Roots;
use crate::error::{Error, Result};
use crate::manifest::Manifest;
use crate::plan::{Observed, Sources};
use crate::signal::decode::{self, Probe, Tags};
use crate::stages::Input;
use crate::store::{Digest, FileRecord, Stat, Store};

/// A stat younger than this when the file was hashed proves nothing: another write within the clock's
/// granularity would leave it as it is. Two seconds is the coarsest clock of a file system in use (FAT).
const GRANULARITY_NS: i64 = 2_000_000_000;

/// Files that were looked at already, by path, and what they are.
#[derive(Debug, Default)]
pub struct Seen(Vec<(String, FileRecord)>);

impl Seen {
    fn get(&self, path: &str) -> Option<FileRecord> {
        let place = self.0.binary_search_by(|(seen, _)| seen.as_str().cmp(path)).ok()?;
        Some(self.0[place].1)
    }
}

impl FromIterator<(String, FileRecord)> for Seen {
    fn from_iter<I: IntoIterator<Item = (String, FileRecord)>>(files: I) -> Self {
        let mut files: Vec<(String, FileRecord)> = files.into_iter().collect();
        files.sort_by(|(a, _), (b, _)| a.cmp(b));
        Self(files)
    }
}

/// Looks at the source of every clip, but for those that were `seen`. `locked` says what an absent source of a
/// clip had in it.
pub fn observe(
    manifest: &Manifest,
    roots: &Roots,
    seen: &Seen,
    locked: impl Fn(usize) -> Option<Digest> + Sync,
    store: &dyn Store,
) -> Sources {
    let source = |clip: &usize| manifest.clips[*clip].source.as_str();
    let mut clips: Vec<usize> = (0..manifest.clips.len()).collect();
    clips.sort_by(|a, b| source(a).cmp(source(b)));
    let folders = Folders::of(clips.iter().map(source), roots);
    let same_source: Vec<&[usize]> = clips.chunk_by(|a, b| source(a) == source(b)).collect();
    let observed = same_source.into_par_iter().map(|clips| {
        let path = source(&clips[0]);
        if let Some(record) = seen.get(path) {
            return (clips, Observed::Here(record));
        }
        let observed = match folders.find(path).and_then(|(at, stat)| record_under(path, &at, stat, store)) {
            Ok(record) => Observed::Here(record),
            Err(error) => match clips.iter().find_map(|clip| locked(*clip)) {
                Some(digest) if is_absent(path, roots) => Observed::Absent(digest),
                _ => Observed::Unusable(error),
            },
        };
        (clips, observed)
    });
    let mut seen_of_clips = vec![Observed::Unusable(Error::world("not looked at")); manifest.clips.len()];
    for (clips, observed) in observed.collect::<Vec<_>>() {
        clips.iter().for_each(|clip| seen_of_clips[*clip] = observed.clone());
    }
    Sources { clips: seen_of_clips, ..Sources::default() }
}

/// Looks at a file that a step names. `locked` says what it had in it, should it be absent.
///
/// # Errors
/// When it is not there and never was, or may not or cannot be read.
pub(super) fn observe_file(
    name: &str,
    roots: &Roots,
    locked: Option<Digest>,
    store: &dyn Store,
) -> Result<Observed> {
    match (roots.resolve(name).and_then(|path| file_record(name, &path, store)), locked) {
        (Ok(record), _) => Ok(Observed::Here(record)),
        (Err(_), Some(digest)) if is_absent(name, roots) => Ok(Observed::Absent(digest)),
        (Err(error), _) => Err(error),
    }
}

/// The folders that sources are in, each resolved once.
struct Folders<'a> {
    roots: &'a Roots,
    inside: BTreeMap<&'a str, PathBuf>,
}

impl<'a> Folders<'a> {
    /// The folders of these sources, which are sorted.
    fn of(sources: impl Iterator<Item = &'a str>, roots: &'a Roots) -> Self {
        let mut inside = BTreeMap::new();
        let mut last = None;
        for folder in sources.map(|source| split(source).0) {
            if last != Some(folder) {
                last = Some(folder);
                inside.extend(roots.folder(folder).ok().flatten().map(|path| (folder, path)));
            }
        }
        Self { roots, inside }
    }

    /// Where a source is, and what the file system says of it.
    fn find(&self, source: &str) -> Result<(PathBuf, Stat)> {
        let (folder, name) = split(source);
        if let Some(folder) = self.inside.get(folder) {
            let path = folder.join(name);
            // A link may lead anywhere, and a name may be spelt otherwise on disk.
            if let Some(file) = fs::symlink_metadata(&path).ok().filter(Metadata::is_file) {
                return Ok((path, stat(&file)));
            }
        }
        let path = self.roots.resolve(source)?;
        let stat = stat_of(&path).map_err(|cause| Error::cannot_read(source, plain(&cause)))?;
        Ok((path, stat))
    }
}

/// The folder and the name of a source.
fn split(source: &str) -> (&str, &str) {
    source.rsplit_once('/').unwrap_or(("", source))
}

fn is_absent(source: &str, roots: &Roots) -> bool {
    fs::symlink_metadata(roots.as_spelt_on_disk(source))
        .is_err_and(|cause| matches!(cause.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory))
}

/// A source that is about to be read, and what it was then.
pub(super) struct OpenSource {
    name: String,
    path: PathBuf,
    stat: Stat,
}

impl OpenSource {
    /// Finds a source again that had this content when it was looked at.
    pub(super) fn open(name: &str, digest: &Digest, roots: &Roots, store: &dyn Store) -> Result<Self> {
        let path = roots.resolve(name)?;
        let stat = stat_of(&path).map_err(|cause| Error::cannot_read(name, plain(&cause)))?;
        let open = Self { name: name.to_owned(), stat, path };
        // Somebody may have written to it since it was looked at.
        if file_digest(name, &open.path, store)? == *digest { Ok(open) } else { Err(open.changed()) }
    }

    pub(super) fn input(&self) -> Input {
        Input::file(self.path.clone())
    }

    /// What came of reading it: nothing, if it was written to meanwhile.
    pub(super) fn settle<T>(&self, outcome: Result<T>) -> Result<T> {
        match stat_of(&self.path) {
            Ok(stat) if stat == self.stat => outcome.map_err(|error| naming(error, &self.name)),
            _ => Err(self.changed()),
        }
    }

    fn changed(&self) -> Error {
        Error::world(format!("cannot read `{}`: it changed while the build ran", self.name))
            .hint("build again")
    }
}

/// The digest of the file at `path`, called `name` in the store; hashed only where its stat is not as it was.
///
/// # Errors
/// When it cannot be read, or changes while it is.
pub fn file_digest(name: &str, path: &Path, store: &dyn Store) -> Result<Digest> {
    file_record(name, path, store).map(|record| record.digest)
}

/// What the file at `path`, called `name` in the store, is now; hashed only where its stat is not as it was.
///
/// # Errors
/// When it cannot be read, or changes while it is.
pub fn file_record(name: &str, path: &Path, store: &dyn Store) -> Result<FileRecord> {
    let stat = stat_of(path).map_err(|cause| Error::cannot_read(name, plain(&cause)))?;
    record_under(name, path, stat, store)
}

/// What a file is of which the file system said this just now.
fn record_under(name: &str, path: &Path, stat: Stat, store: &dyn Store) -> Result<FileRecord> {
    if let Some(record) = store.file(name)
        && record.stat == stat
        && is_settled(&record)
    {
        return Ok(record);
    }
    let record = hash(name, path, stat)?;
    store.remember_file(name, record)?;
    Ok(record)
}

/// Whether the file at `path` is what it was, hashing it only where that cannot be told from its stat; what it is
/// now. None where it is something else, or cannot be read.
pub fn still(path: &Path, record: &FileRecord) -> Option<FileRecord> {
    let stat = stat_of(path).ok().filter(|stat| *stat == record.stat)?;
    if is_settled(record) {
        return Some(*record);
    }
    hash("", path, stat).ok().filter(|now| now.digest == record.digest)
}

fn hash(name: &str, path: &Path, stat: Stat) -> Result<FileRecord> {
    let cannot = |cause: io::Error| Error::cannot_read(name, plain(&cause));
    let hashed_at = now();
    let file = File::open(path).map_err(cannot)?;
    let (digest, _) = Digest::of_reader(file).map_err(cannot)?;
    if stat_of(path).map_err(cannot)? != stat {
        return Err(Error::world(format!("cannot read `{name}`: it changed while it was being read")));
    }
    Ok(FileRecord { stat, hashed_at, digest })
}

/// The files below a folder, by their path there after `prefix`, with `/`; links are not followed.
pub fn files_below(folder: &Path, prefix: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files = Vec::new();
    for entry in entries.filter_map(io::Result::ok) {
        let path = format!("{prefix}/{}", entry.file_name().to_string_lossy());
        match entry.file_type() {
            Ok(found) if found.is_dir() => files.extend(files_below(&entry.path(), &path)),
            _ => files.push(path),
        }
    }
    files
}

/// The digest of a source as it is now, whatever was remembered of it; none where it is absent.
///
/// # Errors
/// When it is there, but may not or cannot be read.
pub fn digest_of_source(roots: &Roots, source: &str) -> Result<Option<Digest>> {
    if is_absent(source, roots) {
        return Ok(None);
    }
    let cannot = |cause: io::Error| Error::cannot_read(source, plain(&cause));
    let file = File::open(roots.resolve(source)?).map_err(cannot)?;
    let (digest, _) = Digest::of_reader(file).map_err(cannot)?;
    Ok(Some(digest))
}

/// What the headers of a source say; nothing is decoded.
///
/// # Errors
/// When it may not or cannot be read, or is no audio that can be decoded.
pub fn probe(roots: &Roots, source: &str) -> Result<Probe> {
    let reader = Input::file(roots.resolve(source)?).reader()?;
    let opened = decode::Source::open(reader).map_err(|error| naming(error, source))?;
    Ok(opened.probe().clone())
}

/// What the tags of a source say; nothing is decoded, and nothing of it is checked.
///
/// # Errors
/// As [`probe`].
pub fn tags(roots: &Roots, source: &str) -> Result<Tags> {
    let reader = Input::file(roots.resolve(source)?).reader()?;
    let mut opened = decode::Source::open(reader).map_err(|error| naming(error, source))?;
    Ok(opened.tags())
}

/// The error of something that decoded a source, and knew no name for it.
pub(super) fn naming(error: Error, source: &str) -> Error {
    let message = error.message.replacen("the source", &format!("`{source}`"), 1);
    Error { message, ..error }
}

/// What the file system says of the file at `path`.
///
/// # Errors
/// When it says nothing.
pub fn stat_of(path: &Path) -> io::Result<Stat> {
    fs::metadata(path).map(|file| stat(&file))
}

#[cfg(unix)]
fn stat(file: &Metadata) -> Stat {
    use std::os::unix::fs::MetadataExt;
    let ns = |seconds: i64, ns: i64| seconds.saturating_mul(1_000_000_000).saturating_add(ns);
    Stat {
        size: file.len(),
        mtime: ns(file.mtime(), file.mtime_nsec()),
        ctime: ns(file.ctime(), file.ctime_nsec()),
        inode: file.ino(),
    }
}

#[cfg(not(unix))]
fn stat(file: &Metadata) -> Stat {
    let mtime = file.modified().map_or(0, since_1970);
    Stat { size: file.len(), mtime, ctime: file.created().map_or(0, since_1970), inode: 0 }
}

/// Whether the file was last changed long enough before it was hashed. What claims to be of the future is never
/// believed: the clock was set back, or is about to come there again.
fn is_settled(record: &FileRecord) -> bool {
    let last_change = record.stat.mtime.max(record.stat.ctime);
    last_change.saturating_add(GRANULARITY_NS) < record.hashed_at
}

fn now() -> i64 {
    since_1970(SystemTime::now())
}

fn since_1970(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |elapsed| i64::try_from(elapsed.as_nanos()).unwrap_or(i64::MAX))
}

/// The cause without the operating system's number, which tells people nothing.
pub fn plain(cause: &io::Error) -> String {
    match cause.kind() {
        io::ErrorKind::NotFound => "no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => cause.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::DiskStore;

    #[test]
    fn a_stat_proves_something_only_where_no_later_write_could_have_left_it_as_it_is() {
        const S: i64 = 1_000_000_000;
        let record = |mtime, ctime, hashed_at| FileRecord {
            stat: Stat { size: 1, mtime, ctime, inode: 1 },
            hashed_at,
            digest: Digest::of(b""),
        };
        for (what, mtime, ctime, hashed_at, settled) in [
            ("hashed long after", 100 * S, 100 * S, 200 * S, true),
            ("hashed at once", 100 * S, 100 * S, 100 * S + 1, false),
            ("stamps of whole seconds", 100 * S, 100 * S, 101 * S, false),
            ("stamps of two seconds", 100 * S, 100 * S, 102 * S, false),
            ("times put back", 5 * S, 100 * S, 100 * S + 1, false),
            ("a time of the future", 900 * S, 100 * S, 200 * S, false),
            ("a clock that was put back", 100 * S, 100 * S, 50 * S, false),
        ] {
            assert_eq!(is_settled(&record(mtime, ctime, hashed_at)), settled, "{what}");
        }
    }

    #[test]
    fn a_file_whose_size_and_mtime_were_restored_is_hashed_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        let store = DiskStore::open(&folder.path().join("cache")).unwrap();
        fs::write(&path, "one").unwrap();
        let mtime = fs::metadata(&path).unwrap().modified().unwrap();
        let first = file_digest("a.wav", &path, &store).unwrap();
        fs::write(&path, "two").unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(mtime).unwrap();
        assert_ne!(file_digest("a.wav", &path, &store).unwrap(), first);
    }
}
