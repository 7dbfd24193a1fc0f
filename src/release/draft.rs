//! The draft: the tables of a version in their folder, with a card that makes them load, and their sums.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::card::card;
use super::digest::table_digest;
use super::files::{
    UNFINISHED, is_component, is_table_file, make_folder, names_in, table_folders, write_file, write_text,
};
use super::lock::TableLine;
use super::parquet::write_table;
use super::table::{Identity, Table};
use crate::error::{Error, Result};
use crate::manifest::Manifest;
use crate::store::Digest;
use crate::text::printable;

/// Brings the folder of the manifest's version, inside the folder `outputs`, up to date with `tables`.
///
/// Writes each table, `README.md` (a dataset card from which Hugging Face `datasets` loads every table), and
/// last `BLAKE3SUMS` (which `b3sum --check` reads) over all of them. Files whose bytes stay the same are not
/// touched; Parquet files of tables that are no more are removed.
///
/// # Errors
/// When writing fails, or a folder is a link.
pub fn write_draft(outputs: &Path, manifest: &Manifest, tables: &[Table]) -> Result<()> {
    let version = &manifest.dataset.version;
    if !is_component(version) {
        return Err(Error::usage(format!("version `{}` names no folder", printable(version))));
    }
    let root = outputs.join(version);
    make_folder(outputs)?;
    make_folder(&root)?;
    let identity = Identity { dataset: manifest.dataset.name.clone(), version: version.clone() };
    let mut sums = BTreeMap::new();
    for table in tables {
        sums.insert(table.file(), write_table_file(&root, table, &identity)?);
    }
    remove_others(&root, &sums)?;
    sums.insert("README.md".to_owned(), write_text(&root.join("README.md"), &card(manifest, tables))?);
    write_text(&root.join("BLAKE3SUMS"), &sums_text(&sums)).map(|_| ())
}

/// Each table's file, digest and number of rows, as they stand in the lock.
pub fn table_lines(tables: &[Table]) -> BTreeMap<String, TableLine> {
    let line = |table: &Table| TableLine { digest: table_digest(table), rows: table.frame.n_rows as u64 };
    tables.iter().map(|table| (table.file(), line(table))).collect()
}

fn write_table_file(root: &Path, table: &Table, identity: &Identity) -> Result<Digest> {
    let file = table.file();
    if !is_table_file(&file) {
        return Err(Error::usage(format!("table `{}` names no file", printable(&table.name))));
    }
    if let Some((folder, _)) = file.split_once('/') {
        make_folder(&root.join(folder))?;
    }
    write_file(&root.join(&file), |to| write_table(table, identity, to))
}

/// Removes Parquet files of other tables, and what a killed build had not finished.
fn remove_others(root: &Path, tables: &BTreeMap<String, Digest>) -> Result<()> {
    for (prefix, folder) in table_folders(root)? {
        for name in names_in(&folder)? {
            let is_ours = tables.contains_key(&format!("{prefix}{name}"));
            let path = folder.join(&name);
            if !is_ours && !path.is_dir() && (name.ends_with(".parquet") || name.starts_with(UNFINISHED)) {
                fs::remove_file(&path).map_err(|cause| Error::cannot_write(path.display(), cause))?;
            }
        }
        if !prefix.is_empty() && names_in(&folder)?.is_empty() {
            // An empty folder disturbs nobody: it may stay where it cannot be removed.
            let _ = fs::remove_dir(&folder);
        }
    }
    Ok(())
}

fn sums_text(sums: &BTreeMap<String, Digest>) -> String {
    sums.iter().map(|(file, digest)| format!("{digest}  {file}\n")).collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::release::{Lock, fixture};

    fn draft(outputs: &Path) -> BTreeMap<String, TableLine> {
        write_draft(outputs, &fixture::manifest(), &fixture::tables()).unwrap();
        table_lines(&fixture::tables())
    }

    fn files(folder: &Path) -> Vec<PathBuf> {
        let mut files: Vec<_> = table_folders(folder)
            .unwrap()
            .iter()
            .flat_map(|(prefix, path)| {
                names_in(path).unwrap().into_iter().map(move |name| format!("{prefix}{name}"))
            })
            .map(PathBuf::from)
            .collect();
        files.sort();
        files
    }

    #[test]
    fn a_draft_is_its_tables_a_card_and_sums() {
        let folder = tempfile::tempdir().unwrap();
        let outputs = folder.path().join("outputs");
        let lines = draft(&outputs);
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
        assert_eq!(files(&root), expected.map(PathBuf::from));
        let sums = fs::read_to_string(root.join("BLAKE3SUMS")).unwrap();
        let summed: Vec<_> = sums.lines().map(|line| line[66..].to_owned()).collect();
        assert_eq!(
            summed,
            ["README.md", "clips.parquet", "embed/timbre.parquet", "reduce/map.parquet", "segments.parquet"]
        );
        for line in sums.lines() {
            assert_eq!(line[..64], Digest::of(&fs::read(root.join(&line[66..])).unwrap()).to_string());
        }
    }

    #[test]
    fn a_second_draft_touches_only_what_changed_and_removes_what_is_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("0.1.0");
        draft(folder.path());
        let modified = |file: &str| fs::metadata(root.join(file)).unwrap().modified().unwrap();
        let before = ["clips.parquet", "README.md", "BLAKE3SUMS"].map(modified);
        for file in ["old.parquet", "embed/old.parquet", "embed/.taqsim-x", "notes.txt"] {
            fs::write(root.join(file), "").unwrap();
        }
        draft(folder.path());
        assert_eq!(["clips.parquet", "README.md", "BLAKE3SUMS"].map(modified), before);
        assert!(root.join("notes.txt").exists());
        assert_eq!(files(&root).len(), 9);

        let tables = &fixture::tables()[..2];
        write_draft(folder.path(), &fixture::manifest(), tables).unwrap();
        assert!(!root.join("embed").exists() && !root.join("reduce").exists());
    }

    #[test]
    fn a_version_or_a_step_cannot_lead_out_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        for version in ["..", "a/b", "", "a\\b", "C:"] {
            let mut manifest = fixture::manifest();
            manifest.dataset.version = version.into();
            write_draft(folder.path(), &manifest, &[]).unwrap_err();
        }
        for name in ["embed/../../x", "embed/", "other/x", "embed/.x", "embed/x\n"] {
            let table = Table::new(name, Vec::new()).unwrap();
            write_draft(folder.path(), &fixture::manifest(), &[table]).unwrap_err();
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_is_a_link_is_refused_and_what_it_leads_to_stays() {
        use std::os::unix::fs::symlink;
        let elsewhere = tempfile::tempdir().unwrap();
        fs::write(elsewhere.path().join("precious.parquet"), "").unwrap();
        for link in ["", "0.1.0", "0.1.0/embed"] {
            let folder = tempfile::tempdir().unwrap();
            let outputs = folder.path().join("outputs");
            fs::create_dir_all(outputs.join(link).parent().unwrap()).unwrap();
            symlink(elsewhere.path(), outputs.join(link).components().collect::<PathBuf>()).unwrap();
            let error = write_draft(&outputs, &fixture::manifest(), &fixture::tables()).unwrap_err();
            assert!(error.message.contains("not a folder of its own"), "{error}");
        }
        assert_eq!(names_in(elsewhere.path()).unwrap(), ["precious.parquet"]);
    }

    #[test]
    #[ignore = "writes a folder for tests/python/test_tables.py: set TAQSIM_OUTPUTS to where"]
    fn the_fixture_is_written_for_python() {
        let outputs = PathBuf::from(std::env::var_os("TAQSIM_OUTPUTS").unwrap());
        let lines = draft(&outputs);
        let lock = Lock::of(&fixture::manifest(), &fixture::sources(), lines, fixture::failed(), None);
        lock.write(&outputs.join("taqsim.lock")).unwrap();
    }
}
