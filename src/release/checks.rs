//! What `verify` compares without computing anything: the lock with the manifest, and with a release's folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::chunks::digest_of_files;
use super::files::{check_folder, exists, file_digest, is_file, is_folder, names_in, table_folders};
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
    /// Parquet files that the lock does not know, and files in the folder of a table that are no Parquet files.
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
        report.files.insert(file.clone(), table_state(folder, file, line, &sums));
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

fn table_state(folder: &Path, file: &str, line: &TableLine, sums: &BTreeMap<String, Digest>) -> FileState {
    let parts = match parts_of(folder, file) {
        Ok(parts) => parts,
        Err(cause) => return FileState::Damaged(cause.message),
    };
    let mut bytes = if is_summed(file, &parts, sums) { FileState::Same } else { FileState::OnlyFileDiffers };
    for part in &parts {
        match bytes_state(&folder.join(part), sums.get(part)) {
            FileState::Same => {}
            FileState::OnlyFileDiffers => bytes = FileState::OnlyFileDiffers,
            absent_or_damaged => return absent_or_damaged,
        }
    }
    let paths: Vec<PathBuf> = parts.iter().map(|part| folder.join(part)).collect();
    match digest_of_files(&paths, file.strip_suffix(".parquet").unwrap_or(file)) {
        Ok(digest) if digest == line.digest => bytes,
        Ok(_) => FileState::ContentDiffers,
        Err(Error { kind: Kind::Differs, .. }) => FileState::ContentDiffers,
        Err(cause) => FileState::Damaged(cause.message),
    }
}

/// The files of a table: itself, or, where it is a folder, every Parquet file in it, for readers take them all.
pub(super) fn parts_of(folder: &Path, file: &str) -> Result<Vec<String>> {
    let path = folder.join(file);
    if !is_folder(&path) {
        return Ok(vec![file.to_owned()]);
    }
    let names = names_in(&path)?.into_iter().filter(|name| name.ends_with(".parquet"));
    Ok(names.map(|name| format!("{file}/{name}")).collect())
}

/// Whether the sums are of just these parts of a table.
fn is_summed(file: &str, parts: &[String], sums: &BTreeMap<String, Digest>) -> bool {
    let of_this_table = sums.keys().filter(|summed| table_of(summed) == file);
    of_this_table.eq(parts)
}

/// The table that a file is of or a part of.
fn table_of(file: &str) -> &str {
    match file.rsplit_once('/') {
        Some((folder, _)) if folder.ends_with(".parquet") => folder,
        _ => file,
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
    let is_same = sums.keys().map(|file| table_of(file)).collect::<BTreeSet<_>>() == expected;
    (if is_same { FileState::Same } else { FileState::OnlyFileDiffers }, sums)
}

/// A line of `BLAKE3SUMS`: a file and its digest.
pub(super) fn parse_sum(line: &str) -> Option<(String, Digest)> {
    let (digest, file) = line.split_once("  ")?;
    Some((file.to_owned(), digest.parse().ok()?))
}

fn extra_files(lock: &Lock, root: &Path) -> Result<Vec<String>> {
    let mut extra = Vec::new();
    for table in lock.tables.keys().filter(|table| is_folder(&root.join(table))) {
        let is_foreign = |name: &String| !name.ends_with(".parquet") && !name.starts_with(['.', '_']);
        let foreign = names_in(&root.join(table))?.into_iter().filter(is_foreign);
        extra.extend(foreign.map(|name| format!("{table}/{name}")));
    }
    for (prefix, folder) in table_folders(root)? {
        let files = names_in(&folder)?.into_iter().map(|name| format!("{prefix}{name}"));
        extra.extend(files.filter(|file| file.ends_with(".parquet") && !lock.tables.contains_key(file)));
    }
    Ok(extra)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::release::parts::Layout;
    use crate::release::{Identity, fixture, write_table};
    use crate::stages::Segment;

    fn released() -> (tempfile::TempDir, PathBuf, Lock) {
        released_in(Layout::ONE_FILE)
    }

    fn released_in(layout: Layout) -> (tempfile::TempDir, PathBuf, Lock) {
        let folder = tempfile::tempdir().unwrap();
        let store = fixture::FakeStore::default();
        fixture::draft(folder.path(), &fixture::manifest(), layout, &store).unwrap();
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

    /// The first file of a table in parts.
    fn a_part(root: &Path, table: &str) -> PathBuf {
        root.join(table).join(&names_in(&root.join(table)).unwrap()[0])
    }

    #[test]
    fn each_state_of_a_table_in_parts_is_told_from_the_others() {
        let one = |table: &str, state: FileState| vec![(table.to_owned(), state)];
        type Change = fn(&Path);
        let cases: [(Change, Vec<(String, FileState)>); 8] = [
            (|_| {}, vec![]),
            (
                |root| fs::remove_file(a_part(root, "clips.parquet")).unwrap(),
                one("clips.parquet", FileState::ContentDiffers),
            ),
            (
                |root| {
                    _ = fs::copy(a_part(root, "clips.parquet"), root.join("clips.parquet/f0.parquet"))
                        .unwrap()
                },
                one("clips.parquet", FileState::ContentDiffers),
            ),
            (
                |root| fs::remove_dir_all(root.join("segments.parquet")).unwrap(),
                one("segments.parquet", FileState::Absent),
            ),
            (
                |root| {
                    let path = a_part(root, "embed/timbre.parquet");
                    let table = crate::release::read_table(&path, "embed/timbre").unwrap();
                    let other = Identity { dataset: "other".into(), version: "0.1.0".into() };
                    write_table(&table, &other, fs::File::create(&path).unwrap()).unwrap();
                },
                one("embed/timbre.parquet", FileState::OnlyFileDiffers),
            ),
            (
                |root| {
                    fs::rename(a_part(root, "clips.parquet"), root.join("clips.parquet/f0.parquet")).unwrap()
                },
                one("clips.parquet", FileState::OnlyFileDiffers),
            ),
            (
                |root| {
                    for part in names_in(&root.join("clips.parquet")).unwrap() {
                        fs::remove_file(root.join("clips.parquet").join(part)).unwrap();
                    }
                },
                one("clips.parquet", FileState::ContentDiffers),
            ),
            (
                |root| {
                    let table = &fixture::tables()[0];
                    let identity = Identity { dataset: "oud".into(), version: "0.1.0".into() };
                    fs::remove_dir_all(root.join("clips.parquet")).unwrap();
                    write_table(table, &identity, fs::File::create(root.join("clips.parquet")).unwrap())
                        .unwrap();
                },
                one("clips.parquet", FileState::OnlyFileDiffers),
            ),
        ];
        for (case, (change, expected)) in cases.into_iter().enumerate() {
            let (_folder, root, lock) = released_in(Layout::folders(64, 1));
            change(&root);
            assert_eq!(not_same(&lock, &root), expected, "{case}");
        }
    }

    #[test]
    fn what_lies_in_the_folder_of_a_table_and_is_none_of_it_is_told() {
        let (_folder, root, lock) = released_in(Layout::folders(64, 1));
        fs::write(root.join("clips.parquet/notes.txt"), "").unwrap();
        fs::write(root.join("clips.parquet/.hidden"), "").unwrap();
        fs::write(a_part(&root, "segments.parquet"), "PAR1").unwrap();
        let report = verify_tables(&lock, &root).unwrap();
        assert_eq!(report.extra, ["clips.parquet/notes.txt"]);
        assert!(matches!(&report.files["segments.parquet"], FileState::Damaged(why) if why.contains("/")));
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
