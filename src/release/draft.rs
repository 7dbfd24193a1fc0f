//! The draft: the tables of a version in their folder, with a card that makes them load, and their sums.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::card::{Listed, card};
use super::files::{
    UNFINISHED, check_folder, exists, file_digest, is_component, is_file, is_folder, is_table_file,
    make_folder, move_file, names_in, sync, table_folders, write_text,
};
use super::lock::TableLine;
use super::parts::Layout;
use crate::error::{Error, Result};
use crate::manifest::Manifest;
use crate::plan::{SeenWeights, Verdicts};
use crate::store::Digest;
use crate::text::printable;

/// A draft before it is in place: what of it is new lies in a folder beside it, which vanishes if that is all.
pub(super) struct Staged {
    folder: TempDir,
    outputs: PathBuf,
    version: String,
    layout: Layout,
    tables: Vec<StagedTable>,
}

/// A table of it.
pub(super) struct StagedTable {
    /// `clips`, `segments`, `embed/NAME` or `reduce/NAME`.
    pub(super) name: String,
    /// As it will stand in the lock.
    pub(super) line: TableLine,
    /// The digests of the bytes of its files, by path from the release's folder.
    pub(super) files: BTreeMap<String, Digest>,
}

impl Staged {
    /// Begins a draft of the manifest's version, inside the folder `outputs`. Removes what a killed build had begun.
    ///
    /// # Errors
    /// When writing fails, or a folder is a link.
    pub(super) fn begin(outputs: &Path, version: &str, layout: Layout) -> Result<Self> {
        if !is_component(version) {
            return Err(Error::usage(format!("version `{}` names no folder", printable(version))));
        }
        make_folder(outputs)?;
        let root = outputs.join(version);
        check_folder(&root)?;
        table_folders(&root)?;
        let cannot = |cause| Error::cannot_write(outputs.display(), cause);
        for name in names_in(outputs)?.iter().filter(|name| name.starts_with(UNFINISHED)) {
            let stray = outputs.join(name);
            if is_file(&stray) { fs::remove_file(stray) } else { fs::remove_dir_all(stray) }
                .map_err(cannot)?;
        }
        let folder = tempfile::Builder::new().prefix(UNFINISHED).tempdir_in(outputs).map_err(cannot)?;
        let (outputs, version) = (outputs.to_owned(), version.to_owned());
        Ok(Self { folder, outputs, version, layout, tables: Vec::new() })
    }

    /// Where new files go: at the paths that they will have in the release's folder.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Adds a table, whose new files are in the folder by now, and whose others are in place already.
    ///
    /// # Errors
    /// When its name names no file.
    pub(super) fn push(&mut self, table: StagedTable) -> Result<()> {
        if !is_table_file(&format!("{}.parquet", table.name)) {
            return Err(Error::usage(format!("table `{}` names no file", printable(&table.name))));
        }
        self.tables.push(table);
        Ok(())
    }

    /// The tables as they will stand in the lock, by file.
    pub(super) fn lines(&self) -> BTreeMap<String, TableLine> {
        self.tables.iter().map(|table| (format!("{}.parquet", table.name), table.line)).collect()
    }

    /// Puts the draft in place: first the tables, then `README.md` (a dataset card from which Hugging Face `datasets`
    /// loads every table), and last `BLAKE3SUMS` (which `b3sum --check` reads) over all of them. Files whose bytes
    /// stay the same are not touched; Parquet files that are no more are removed.
    ///
    /// # Errors
    /// When writing fails, or a folder is a link.
    pub(super) fn put(
        self,
        manifest: &Manifest,
        weights: &BTreeMap<String, SeenWeights>,
        verdicts: Option<&Verdicts>,
    ) -> Result<Digest> {
        let root = self.outputs.join(&self.version);
        make_folder(&root)?;
        let mut sums = BTreeMap::new();
        for table in &self.tables {
            self.put_table(&root, table)?;
            sums.extend(table.files.clone());
        }
        for path in strays(&root, &sums)? {
            remove(&path)?;
        }
        let listed = self.tables.iter().map(|table| Listed {
            name: &table.name,
            files: self.layout.pattern(&table.name),
            n_rows: table.line.rows,
        });
        let card = card(manifest, &listed.collect::<Vec<_>>(), weights, verdicts);
        sums.insert("README.md".to_owned(), write_text(&root.join("README.md"), &card)?);
        write_text(&root.join("BLAKE3SUMS"), &sums_text(&sums))
    }

    fn put_table(&self, root: &Path, table: &StagedTable) -> Result<()> {
        let (file, place) = (format!("{}.parquet", table.name), root.join(format!("{}.parquet", table.name)));
        place.parent().map_or(Ok(()), make_folder)?;
        let (new, in_parts) = (self.folder.path().join(&file), self.layout.has_folders());
        if exists(&place) && place.is_dir() != in_parts {
            clear_for_other_layout(&place)?;
        }
        if in_parts && exists(&new) && !exists(&place) {
            sync(&new)?;
            move_file(&new, &place)?;
            return place.parent().map_or(Ok(()), sync);
        }
        if in_parts {
            make_folder(&place)?;
        }
        let mut changed = None;
        for (path, digest) in &table.files {
            let (new, place) = (self.folder.path().join(path), root.join(path));
            if exists(&new) && !(is_file(&place) && file_digest(&place)? == *digest) {
                move_file(&new, &place)?;
                changed = place.parent().map(Path::to_owned);
            }
        }
        changed.map_or(Ok(()), |folder| sync(&folder))
    }
}

/// Whether a folder that is a table holds Parquet files that are not in its sums: readers would take them for rows.
pub(super) fn has_stray_rows(root: &Path, sums: &BTreeMap<String, Digest>) -> bool {
    let is_in_a_table = |path: &PathBuf| path.parent().is_some_and(|folder| has_name(folder, ".parquet"));
    strays(root, sums).map_or(true, |strays| strays.iter().any(is_in_a_table))
}

/// Parquet files and folders of tables that are no more, and what a killed build had not finished. What is in a
/// folder stands before the folder.
fn strays(root: &Path, sums: &BTreeMap<String, Digest>) -> Result<Vec<PathBuf>> {
    let mut strays = Vec::new();
    for (prefix, folder) in table_folders(root)? {
        for name in names_in(&folder)? {
            let (file, path) = (format!("{prefix}{name}"), folder.join(&name));
            if sums.contains_key(&file) || !(name.ends_with(".parquet") || name.starts_with(UNFINISHED)) {
                continue;
            }
            if !is_folder(&path) {
                strays.push(path);
                continue;
            }
            let parts = names_in(&path)?;
            let is_ours = |part: &&String| part.ends_with(".parquet") || part.starts_with(UNFINISHED);
            let gone = |part: &&String| !sums.contains_key(&format!("{file}/{part}"));
            strays.extend(parts.iter().filter(is_ours).filter(gone).map(|part| path.join(part)));
            if parts.iter().all(|part| gone(&part)) {
                strays.push(path);
            }
        }
        if !prefix.is_empty() && !sums.keys().any(|file| file.starts_with(&prefix)) {
            strays.push(folder);
        }
    }
    Ok(strays)
}

/// Removes a file, or a folder if nothing is left in it: what others put there stays.
fn remove(path: &Path) -> Result<()> {
    if is_folder(path) {
        // A folder without Parquet files disturbs nobody: it may stay where it cannot be removed.
        let _ = fs::remove_dir(path);
        return Ok(());
    }
    fs::remove_file(path).map_err(|cause| Error::cannot_write(path.display(), cause))
}

/// Makes room where a table was a file and becomes a folder, or the other way round.
fn clear_for_other_layout(place: &Path) -> Result<()> {
    let cannot = |cause| Error::cannot_write(place.display(), cause);
    if is_file(place) {
        return fs::remove_file(place).map_err(cannot);
    }
    check_folder(place)?;
    for name in names_in(place)? {
        if name.ends_with(".parquet") || name.starts_with(UNFINISHED) {
            remove(&place.join(name))?;
        }
    }
    fs::remove_dir(place).map_err(|cause| cannot(cause).hint("move what is in it to another place"))
}

fn has_name(path: &Path, end: &str) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.ends_with(end))
}

fn sums_text(sums: &BTreeMap<String, Digest>) -> String {
    sums.iter().map(|(file, digest)| format!("{digest}  {file}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::fixture::{self, FakeStore, draft};
    use crate::release::{FilesRead, Lock, table_digest};

    const ONE_FILE: Layout = Layout::ONE_FILE;

    fn four_parts() -> Layout {
        Layout::folders(4, 1)
    }

    /// Everything in a folder, by path, sorted.
    fn files(folder: &Path) -> Vec<String> {
        let mut files = Vec::new();
        for name in names_in(folder).unwrap() {
            if folder.join(&name).is_dir() {
                files.extend(files_in(&folder.join(&name), &name));
            }
            files.push(name);
        }
        files.sort();
        files
    }

    fn files_in(folder: &Path, name: &str) -> Vec<String> {
        files(folder).iter().map(|file| format!("{name}/{file}")).collect()
    }

    fn new_draft(outputs: &Path, layout: Layout) -> BTreeMap<String, TableLine> {
        draft(outputs, &fixture::manifest(), layout, &FakeStore::default()).unwrap()
    }

    #[test]
    fn a_draft_is_its_tables_a_card_and_sums() {
        let folder = tempfile::tempdir().unwrap();
        let outputs = folder.path().join("outputs");
        let lines = new_draft(&outputs, ONE_FILE);
        assert_eq!(lines, fixture::lock().tables);
        let root = outputs.join("0.1.0");
        let expected = [
            "BLAKE3SUMS",
            "README.md",
            "clips.parquet",
            "embed",
            "embed/timbre.parquet",
            "reduce",
            "reduce/map.parquet",
            "segments.parquet",
        ];
        assert_eq!(files(&root), expected);
        assert_eq!(names_in(&outputs).unwrap(), ["0.1.0"]);
        assert_eq!(sums_are_right(&root).len(), 5);
    }

    /// The files that are summed.
    fn sums_are_right(root: &Path) -> Vec<String> {
        let sums = fs::read_to_string(root.join("BLAKE3SUMS")).unwrap();
        let files: Vec<String> = sums.lines().map(|line| line[66..].to_owned()).collect();
        for (file, line) in files.iter().zip(sums.lines()) {
            assert_eq!(line[..64], Digest::of(&fs::read(root.join(file)).unwrap()).to_string());
        }
        assert!(files.is_sorted());
        files
    }

    #[test]
    fn a_draft_in_parts_has_the_digests_of_the_draft_in_files() {
        let folder = tempfile::tempdir().unwrap();
        for n_parts in [1, 2, 4, 64] {
            let lines = new_draft(&folder.path().join(n_parts.to_string()), Layout::folders(n_parts, 1));
            assert_eq!(lines, fixture::lock().tables, "{n_parts}");
        }
        let root = folder.path().join("64/0.1.0");
        let parts =
            ["b", "gürültü", "تقسيم"].map(|id| format!("{:02x}.parquet", Layout::folders(64, 1).part_of(id)));
        let mut sorted = parts.clone();
        sorted.sort();
        assert_eq!(names_in(&root.join("clips.parquet")).unwrap(), sorted);
        // A clip that failed has no segments.
        assert!(!root.join("segments.parquet").join(&parts[1]).exists());
        assert_eq!(sums_are_right(&root).len(), 1 + 3 + 2 + 2 + 2);
    }

    #[test]
    fn a_draft_that_grows_into_folders_or_out_of_them_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let fresh: Vec<Vec<String>> = [ONE_FILE, four_parts(), Layout::folders(64, 1)]
            .map(|layout| {
                let fresh = tempfile::tempdir().unwrap();
                new_draft(fresh.path(), layout);
                files(fresh.path())
            })
            .into();
        let store = FakeStore::default();
        for _ in 0..2 {
            for (layout, expected) in
                [ONE_FILE, four_parts(), Layout::folders(64, 1), four_parts()].iter().zip([0, 1, 2, 1])
            {
                draft(folder.path(), &fixture::manifest(), *layout, &store).unwrap();
                assert_eq!(files(folder.path()), fresh[expected], "{layout:?}");
            }
        }
    }

    #[test]
    fn a_second_draft_touches_only_what_changed_and_removes_what_is_no_more() {
        for layout in [ONE_FILE, four_parts()] {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path().join("0.1.0");
            new_draft(folder.path(), layout);
            let (before, parts) = (files(&root), sums_are_right(&root));
            let modified = |file: &String| fs::metadata(root.join(file)).unwrap().modified().unwrap();
            let times: Vec<_> = parts.iter().map(modified).collect();
            for file in ["old.parquet", "embed/old.parquet", "embed/.taqsim-x", "notes.txt"] {
                fs::write(root.join(file), "").unwrap();
            }
            fs::create_dir(root.join("embed/older.parquet")).unwrap();
            fs::write(root.join("embed/older.parquet/0.parquet"), "").unwrap();
            fs::create_dir(folder.path().join(".taqsim-killed")).unwrap();
            new_draft(folder.path(), layout);
            assert_eq!(parts.iter().map(modified).collect::<Vec<_>>(), times);
            assert!(fs::remove_file(root.join("notes.txt")).is_ok());
            assert_eq!((files(&root), names_in(folder.path()).unwrap()), (before, vec!["0.1.0".to_owned()]));

            let mut manifest = fixture::manifest();
            manifest.embed.clear();
            manifest.reduce.clear();
            draft(folder.path(), &manifest, layout, &FakeStore::default()).unwrap();
            assert!(!root.join("embed").exists() && !root.join("reduce").exists());
        }
    }

    #[test]
    fn a_table_without_rows_is_a_file_nevertheless() {
        let mut manifest = fixture::manifest();
        manifest.clips.clear();
        manifest.reduce.clear();
        for layout in [ONE_FILE, four_parts()] {
            let folder = tempfile::tempdir().unwrap();
            let lines = draft(folder.path(), &manifest, layout, &FakeStore::default()).unwrap();
            let root = folder.path().join("0.1.0");
            assert_eq!(sums_are_right(&root).len(), 4, "{layout:?}");
            let table =
                crate::release::read_table(&root.join(layout.file("segments", 0)), "segments").unwrap();
            assert_eq!(table_digest(&table), lines["segments.parquet"].digest);
        }
    }

    #[test]
    fn a_version_or_a_step_cannot_lead_out_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        for version in ["..", "a/b", "", "a\\b", "C:"] {
            assert!(Staged::begin(folder.path(), version, ONE_FILE).is_err());
        }
        let mut staged = Staged::begin(folder.path(), "0.1.0", ONE_FILE).unwrap();
        for name in ["embed/../../x", "embed/", "other/x", "embed/.x", "embed/x\n"] {
            let line = TableLine { digest: Digest::of(b""), rows: 0 };
            staged.push(StagedTable { name: name.into(), line, files: BTreeMap::new() }).unwrap_err();
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_is_a_link_is_refused_and_what_it_leads_to_stays() {
        use std::os::unix::fs::symlink;
        let elsewhere = tempfile::tempdir().unwrap();
        fs::write(elsewhere.path().join("0.parquet"), "").unwrap();
        for (link, layout) in [
            ("", ONE_FILE),
            ("0.1.0", ONE_FILE),
            ("0.1.0/embed", ONE_FILE),
            ("0.1.0/clips.parquet", ONE_FILE),
            ("0.1.0/clips.parquet", four_parts()),
            ("0.1.0/embed/timbre.parquet", four_parts()),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let outputs = folder.path().join("outputs");
            fs::create_dir_all(outputs.join(link).parent().unwrap()).unwrap();
            symlink(elsewhere.path(), outputs.join(link).components().collect::<PathBuf>()).unwrap();
            let error = draft(&outputs, &fixture::manifest(), layout, &FakeStore::default()).unwrap_err();
            assert!(error.message.contains("not a folder of its own"), "{link}: {error}");
        }
        assert_eq!(names_in(elsewhere.path()).unwrap(), ["0.parquet"]);
    }

    #[test]
    #[ignore = "writes folders for tests/python/test_tables.py: set TAQSIM_OUTPUTS to where"]
    fn the_fixture_is_written_for_python() {
        let outputs = PathBuf::from(std::env::var_os("TAQSIM_OUTPUTS").unwrap());
        for (name, layout) in [("files", ONE_FILE), ("folders", four_parts())] {
            let lines = new_draft(&outputs.join(name), layout);
            let lock = Lock::of(
                &fixture::manifest(),
                (&fixture::lines(), FilesRead::default()),
                lines,
                fixture::failed(),
                None,
            );
            let most_clips = if layout.has_folders() { 0 } else { 10 };
            lock.write_with(&outputs.join(name).join("taqsim.lock"), most_clips).unwrap();
        }
    }
}
