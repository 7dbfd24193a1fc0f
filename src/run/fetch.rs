//! fetch: the one door to outside files. It opens nothing outside the roots, and hashes nothing twice.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rayon::prelude::*;
use unicode_normalization::UnicodeNormalization;

use crate::error::{Error, Result};
use crate::manifest::Manifest;
use crate::plan::{Observed, Sources};
use crate::signal::decode::{self, Probe};
use crate::stages::Input;
use crate::store::{Digest, FileRecord, Stat, Store};

/// A stat younger than this when the file was hashed proves nothing: another write within the clock's
/// granularity would leave it as it is. Two seconds is the coarsest clock of a file system in use (FAT).
const GRANULARITY_NS: i64 = 2_000_000_000;

/// Where sources may lie: the manifest's folder, and what the user allowed besides.
#[derive(Debug, Clone)]
pub struct Roots {
    base: PathBuf,
    allowed: Vec<PathBuf>,
}

impl Roots {
    /// Sources are named from `base`, and lie in it or in one of `others` once symbolic links are resolved.
    ///
    /// # Errors
    /// When a root does not exist.
    pub fn new(base: &Path, others: &[PathBuf]) -> Result<Self> {
        let canonical =
            |path: &Path| path.canonicalize().map_err(|cause| Error::cannot_read(path.display(), cause));
        let mut allowed = vec![canonical(base)?];
        for other in others {
            allowed.push(canonical(other)?);
        }
        Ok(Self { base: base.to_owned(), allowed })
    }

    /// The file that `source` names.
    ///
    /// # Errors
    /// When there is none, when it is no regular file, or when it lies outside the roots.
    pub fn resolve(&self, source: &str) -> Result<PathBuf> {
        let path = as_spelt_on_disk(&self.base, source);
        let path = path.canonicalize().map_err(|cause| Error::cannot_read(source, plain(&cause)))?;
        if !self.allowed.iter().any(|root| path.starts_with(root)) {
            return Err(Error::world(format!(
                "cannot read `{source}`: it leads out of the project's folder"
            ))
            .hint("copy the file into sources/, or allow its folder with --root"));
        }
        match fs::metadata(&path) {
            Ok(file) if file.is_file() => Ok(path),
            Ok(_) => Err(Error::cannot_read(source, "it is not a regular file")),
            Err(cause) => Err(Error::cannot_read(source, plain(&cause))),
        }
    }
}

/// Looks at every source of the manifest. `locked` says what an absent source had in it.
pub fn observe(
    manifest: &Manifest,
    roots: &Roots,
    locked: &BTreeMap<String, Digest>,
    store: &dyn Store,
) -> Sources {
    let mut paths: Vec<&str> = manifest.clips.iter().map(|clip| clip.source.as_str()).collect();
    paths.sort_unstable();
    paths.dedup();
    let observed = paths.into_par_iter().map(|path| {
        let observed = match source_digest(path, roots, store) {
            Ok(digest) => Observed::Here(digest),
            Err(error) => match locked.get(path) {
                Some(digest) if is_absent(path, roots) => Observed::Absent(*digest),
                _ => Observed::Unusable(error),
            },
        };
        (path.to_owned(), observed)
    });
    Sources(observed.collect())
}

fn source_digest(source: &str, roots: &Roots, store: &dyn Store) -> Result<Digest> {
    let path = roots.resolve(source)?;
    file_digest(source, &path, store)
}

fn is_absent(source: &str, roots: &Roots) -> bool {
    fs::symlink_metadata(as_spelt_on_disk(&roots.base, source))
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
    let cannot = |cause: io::Error| Error::cannot_read(name, plain(&cause));
    let stat = stat_of(path).map_err(cannot)?;
    if let Some(record) = store.file(name)
        && record.stat == stat
        && is_old_enough(&record)
    {
        return Ok(record.digest);
    }
    let hashed_at = now();
    let file = File::open(path).map_err(cannot)?;
    let (digest, _) = Digest::of_reader(file).map_err(cannot)?;
    if stat_of(path).map_err(cannot)? != stat {
        return Err(Error::world(format!("cannot read `{name}`: it changed while it was being read")));
    }
    store.remember_file(name, FileRecord { stat, hashed_at, digest })?;
    Ok(digest)
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

fn is_old_enough(record: &FileRecord) -> bool {
    let last_change = record.stat.mtime.max(record.stat.ctime);
    last_change.saturating_add(GRANULARITY_NS) < record.hashed_at
}

fn now() -> i64 {
    since_1970(SystemTime::now())
}

fn since_1970(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |elapsed| i64::try_from(elapsed.as_nanos()).unwrap_or(i64::MAX))
}

/// The path of `source` below `base` as the disk spells it: names are in NFC here, but some file systems and
/// archives have them decomposed. Composed and decomposed are one name.
fn as_spelt_on_disk(base: &Path, source: &str) -> PathBuf {
    let mut path = base.to_owned();
    for component in Path::new(source).components() {
        let Component::Normal(name) = component else {
            path.push(component);
            continue;
        };
        let exact = path.join(name);
        path = if fs::symlink_metadata(&exact).is_ok() {
            exact
        } else {
            same_name_in(&path, &name.to_string_lossy()).unwrap_or(exact)
        };
    }
    path
}

fn same_name_in(folder: &Path, name: &str) -> Option<PathBuf> {
    if name.is_ascii() {
        return None;
    }
    let entries = fs::read_dir(folder).ok()?.filter_map(std::result::Result::ok);
    let mut same: Vec<PathBuf> = entries
        .filter(|entry| entry.file_name().to_string_lossy().nfc().eq(name.nfc()))
        .map(|entry| entry.path())
        .collect();
    same.sort();
    same.into_iter().next()
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
    fn composed_and_decomposed_names_are_one_file() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("s\u{327}arki.wav"), "x").unwrap();
        let roots = Roots::new(folder.path(), &[]).unwrap();
        assert!(roots.resolve("\u{15f}arki.wav").is_ok());
        assert!(roots.resolve("sarki.wav").is_err());
    }

    #[test]
    fn nothing_outside_the_roots_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let (base, outside) = (folder.path().join("project"), folder.path().join("outside"));
        fs::create_dir_all(&base).unwrap();
        fs::create_dir_all(&outside).unwrap();
        fs::write(outside.join("a.wav"), "x").unwrap();
        let roots = Roots::new(&base, &[]).unwrap();
        assert!(roots.resolve("../outside/a.wav").unwrap_err().message.contains("leads out"));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(&outside, base.join("link")).unwrap();
            assert!(roots.resolve("link/a.wav").unwrap_err().message.contains("leads out"));
            assert!(Roots::new(&base, &[outside]).unwrap().resolve("link/a.wav").is_ok());
        }
        assert!(roots.resolve(".").unwrap_err().message.contains("not a regular file"));
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
