//! What `verify` compares without computing anything: the lock with the manifest, and with a release's folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::chunks::digest_of_files;
use super::files::{check_folder, exists, file_digest, is_file, names_in, table_folders};
use super::lock::{Lock, TableLine};
use crate::error::{Error, Kind, Result};
use crate::manifest::Manifest;
use crate::store::Digest;

/// No sums are longer than this many bytes: ten thousand tables take 1 MB.
const MAX_SUMS: u64 = 1 << 24;

/// How a file of a release compares with what was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileState {
    /// As recorded: content and bytes.
    Same,
    /// Not there.
    Absent,
    /// The table says something else than the lock.
    ContentDiffers,
    /// The table says what the lock says, or the file is no table; but its bytes are not those in `BLAKE3SUMS`.
    OnlyFileDiffers,
    /// It cannot be read, for this reason.
    Damaged(String),
}

/// How a release's folder compares with the lock and with its own sums.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilesReport {
    /// Every table of the lock, and `README.md` and `BLAKE3SUMS`, by file.
    pub files: BTreeMap<String, FileState>,
    /// Parquet files that the lock does not know.
    pub extra: Vec<String>,
}

/// How the manifest differs from the one that the lock was made of, a sentence each.
pub fn verify_manifest(lock: &Lock, manifest: &Manifest) -> Vec<String> {
    lock.differences(&lock.with_manifest(manifest))
}

/// Compares the files in a release's `folder` with the lock and with `BLAKE3SUMS`.
///
/// # Errors
/// When the folder, not a file in it, cannot be read, or is a link.
pub fn verify_tables(lock: &Lock, folder: &Path) -> Result<FilesReport> {
    if !exists(folder) {
        let files = recorded_files(lock).map(|file| (file.to_owned(), FileState::Absent)).collect();
        return Ok(FilesReport { files, extra: Vec::new() });
    }
    check_folder(folder)?;
    let (sums_state, sums) = read_sums(lock, &folder.join("BLAKE3SUMS"));
    let mut report = FilesReport { files: BTreeMap::new(), extra: extra_files(lock, folder)? };
    for (file, line) in &lock.tables {
        report.files.insert(file.clone(), table_state(folder, file, line, sums.get(file)));
    }
    report
        .files
        .insert("README.md".to_owned(), bytes_state(&folder.join("README.md"), sums.get("README.md")));
    report.files.insert("BLAKE3SUMS".to_owned(), sums_state);
    Ok(report)
}

fn recorded_files(lock: &Lock) -> impl Iterator<Item = &str> {
    lock.tables.keys().map(String::as_str).chain(["README.md", "BLAKE3SUMS"])
}

fn table_state(folder: &Path, file: &str, line: &TableLine, sum: Option<&Digest>) -> FileState {
    let path = folder.join(file);
    let bytes = bytes_state(&path, sum);
    if matches!(bytes, FileState::Absent | FileState::Damaged(_)) {
        return bytes;
    }
    match digest_of_files(&[path], file.strip_suffix(".parquet").unwrap_or(file)) {
        Ok(digest) if digest == line.digest => bytes,
        Ok(_) => FileState::ContentDiffers,
        Err(Error { kind: Kind::Differs, .. }) => FileState::ContentDiffers,
        Err(cause) => FileState::Damaged(cause.message),
    }
}

fn bytes_state(path: &Path, sum: Option<&Digest>) -> FileState {
    if !exists(path) {
        return FileState::Absent;
    }
    if !is_file(path) {
        return FileState::Damaged(format!("`{}` is no regular file", path.display()));
    }
    match file_digest(path) {
        Ok(digest) if Some(&digest) == sum => FileState::Same,
        Ok(_) => FileState::OnlyFileDiffers,
        Err(cause) => FileState::Damaged(cause.message),
    }
}

/// The sums, and whether they are sums of just the recorded files.
fn read_sums(lock: &Lock, path: &Path) -> (FileState, BTreeMap<String, Digest>) {
    if !exists(path) {
        return (FileState::Absent, BTreeMap::new());
    }
    let mut text = String::new();
    let read = |text: &mut String| File::open(path)?.take(MAX_SUMS).read_to_string(text);
    if !is_file(path) || read(&mut text).is_err() {
        return (FileState::Damaged("it cannot be read as text".to_owned()), BTreeMap::new());
    }
    let Some(sums) = text.lines().map(parse_sum).collect::<Option<BTreeMap<_, _>>>() else {
        return (FileState::Damaged("it has a line that is no sum".to_owned()), BTreeMap::new());
    };
    let expected: BTreeSet<_> = recorded_files(lock).filter(|file| *file != "BLAKE3SUMS").collect();
    let is_same = sums.keys().map(String::as_str).collect::<BTreeSet<_>>() == expected;
    (if is_same { FileState::Same } else { FileState::OnlyFileDiffers }, sums)
}

fn parse_sum(line: &str) -> Option<(String, Digest)> {
    let (digest, file) = line.split_once("  ")?;
    Some((file.to_owned(), digest.parse().ok()?))
}

fn extra_files(lock: &Lock, folder: &Path) -> Result<Vec<String>> {
    let mut extra = Vec::new();
    for (prefix, folder) in table_folders(folder)? {
        let files = names_in(&folder)?.into_iter().map(|name| format!("{prefix}{name}"));
        extra.extend(files.filter(|file| file.ends_with(".parquet") && !lock.tables.contains_key(file)));
    }
    Ok(extra)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;
    use crate::release::{Identity, fixture, write_draft, write_table};
    use crate::stages::Segment;

    fn released() -> (tempfile::TempDir, PathBuf, Lock) {
        let folder = tempfile::tempdir().unwrap();
        write_draft(folder.path(), &fixture::manifest(), &fixture::tables()).unwrap();
        let root = folder.path().join("0.1.0");
        (folder, root, fixture::lock())
    }

    /// The files that are not the same, with how.
    fn not_same(lock: &Lock, root: &Path) -> Vec<(String, FileState)> {
        let report = verify_tables(lock, root).unwrap();
        report.files.into_iter().filter(|(_, state)| *state != FileState::Same).collect()
    }

    #[test]
    fn each_state_of_a_table_is_told_from_the_others() {
        let (_folder, root, lock) = released();
        assert_eq!(not_same(&lock, &root), []);

        let tables = fixture::tables();
        let other = Identity { dataset: "other".into(), version: "0.1.0".into() };
        write_table(&tables[0], &other, fs::File::create(root.join("clips.parquet")).unwrap()).unwrap();
        write_table(&tables[0], &other, fs::File::create(root.join("segments.parquet")).unwrap()).unwrap();
        fs::write(root.join("embed/timbre.parquet"), "PAR1").unwrap();
        fs::remove_file(root.join("reduce/map.parquet")).unwrap();
        fs::write(root.join("README.md"), "").unwrap();
        fs::write(root.join("embed/stray.parquet"), "").unwrap();

        let report = verify_tables(&lock, &root).unwrap();
        assert_eq!(report.extra, ["embed/stray.parquet"]);
        assert_eq!(report.files["clips.parquet"], FileState::OnlyFileDiffers);
        assert_eq!(report.files["segments.parquet"], FileState::ContentDiffers);
        assert!(matches!(report.files["embed/timbre.parquet"], FileState::Damaged(_)));
        assert_eq!(report.files["reduce/map.parquet"], FileState::Absent);
        assert_eq!(report.files["README.md"], FileState::OnlyFileDiffers);
        assert_eq!(report.files["BLAKE3SUMS"], FileState::Same);
    }

    #[test]
    fn without_sums_no_file_is_known_to_be_as_it_was_written() {
        let (_folder, root, lock) = released();
        fs::remove_file(root.join("BLAKE3SUMS")).unwrap();
        let states = not_same(&lock, &root);
        assert_eq!(states.len(), 6);
        assert!(states.contains(&("BLAKE3SUMS".to_owned(), FileState::Absent)));
        assert!(states.contains(&("clips.parquet".to_owned(), FileState::OnlyFileDiffers)));

        fs::write(root.join("BLAKE3SUMS"), "nonsense").unwrap();
        assert!(matches!(verify_tables(&lock, &root).unwrap().files["BLAKE3SUMS"], FileState::Damaged(_)));
        fs::remove_dir_all(&root).unwrap();
        assert!(not_same(&lock, &root).iter().all(|(_, state)| *state == FileState::Absent));
    }

    #[test]
    fn a_flipped_bit_anywhere_in_a_table_is_noticed() {
        let (_folder, root, lock) = released();
        let path = root.join("embed/timbre.parquet");
        let whole = fs::read(&path).unwrap();
        for place in (0..whole.len()).step_by(5) {
            let mut damaged = whole.clone();
            damaged[place] ^= 1 << (place % 8);
            fs::write(&path, damaged).unwrap();
            let states = not_same(&lock, &root);
            assert_eq!(states.len(), 1, "byte {place}: {states:?}");
            assert_eq!(states[0].0, "embed/timbre.parquet");
        }
    }

    #[test]
    fn the_manifest_is_compared_with_the_lock_without_its_sources() {
        let lock = fixture::lock();
        assert_eq!(verify_manifest(&lock, &fixture::manifest()), Vec::<String>::new());
        let mut manifest = fixture::manifest();
        manifest.clips[0].license = "MIT".into();
        manifest.clips.remove(1);
        manifest.dataset.authors.clear();
        manifest.segment.insert("more".into(), Segment::every_kind().swap_remove(1));
        let words = [
            "the settings changed",
            "clip `b`: its entry changed",
            "clip `gürültü` is gone",
            "step `segment.more` is new",
        ];
        assert_eq!(verify_manifest(&lock, &manifest), words);
    }
}
