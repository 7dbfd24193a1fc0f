//! The clip tables that a manifest names: found by name or by glob, and never outside the roots.

use std::cell::Cell;
use std::fs;
use std::io::{self, Read};

use globset::{GlobBuilder, GlobMatcher};
use unicode_normalization::UnicodeNormalization;

use super::Roots;
use super::fetch::plain;
use crate::error::{Error, Result};
use crate::manifest::{TableFile, is_glob};

/// All tables of a manifest together have no more bytes: some millions of clips.
const MOST_BYTES: u64 = 1 << 29;

/// No glob looks at more files and folders.
const MOST_ENTRIES: usize = 1_000_000;

/// What finds and reads the clip tables that a manifest in `roots` names; it remembers how much it has read.
pub fn open_tables(roots: &Roots) -> impl Fn(&str) -> Result<Vec<TableFile>> {
    let left = Cell::new(MOST_BYTES);
    move |name| {
        let paths = matching_tables(name, roots)?;
        paths.into_iter().map(|path| read(path, roots, &left)).collect()
    }
}

/// The files that the name of a clip table stands for, as sorted paths from the manifest's folder: itself, or what
/// it matches if it is a glob. `*` and `?` match within a name, `[...]` one of some characters, and `**` any
/// folders; hidden files only match what begins with a dot, too.
///
/// # Errors
/// When a folder cannot be read, a name is not Unicode, or there are too many files to look at.
pub fn matching_tables(name: &str, roots: &Roots) -> Result<Vec<String>> {
    if !is_glob(name) {
        return Ok(vec![name.to_owned()]);
    }
    let mut search = Search { roots, n_entries: 0, found: Vec::new() };
    search.descend("", &name.split('/').collect::<Vec<_>>())?;
    search.found.sort();
    search.found.dedup();
    Ok(search.found)
}

fn read(path: String, roots: &Roots, left: &Cell<u64>) -> Result<TableFile> {
    let cannot = |cause: io::Error| Error::cannot_read(&path, plain(&cause));
    let file = fs::File::open(roots.resolve(&path)?).map_err(cannot)?;
    let expected = file.metadata().map_err(cannot)?.len().min(left.get());
    let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or(0));
    file.take(left.get() + 1).read_to_end(&mut bytes).map_err(cannot)?;
    match left.get().checked_sub(bytes.len() as u64) {
        Some(rest) => left.set(rest),
        None => {
            return Err(Error::cannot_read(
                &path,
                format!("the clip tables have more than {MOST_BYTES} bytes"),
            ));
        }
    }
    Ok(TableFile { path, bytes })
}

struct Search<'r> {
    roots: &'r Roots,
    n_entries: usize,
    found: Vec<String>,
}

impl Search<'_> {
    /// Finds what the rest of a glob matches in a folder, which is named from the manifest's.
    fn descend(&mut self, folder: &str, parts: &[&str]) -> Result<()> {
        let Some((part, rest)) = parts.split_first() else { return Ok(()) };
        if *part == "**" {
            return self.descend_anywhere(folder, rest);
        }
        if !is_glob(part) {
            return if rest.is_empty() {
                self.found_if_there(&join(folder, part))
            } else {
                self.descend(&join(folder, part), rest)
            };
        }
        let matcher = matcher(part)?;
        for entry in self.entries(folder)? {
            let is_hidden = entry.name.starts_with('.') && !part.starts_with('.');
            if is_hidden || !matcher.is_match(&entry.name) {
                continue;
            }
            let path = join(folder, &entry.name);
            match rest {
                [] if entry.is_file => self.found.push(path),
                [] => {}
                _ => self.descend(&path, rest)?,
            }
        }
        Ok(())
    }

    /// `**`: here, and in all folders below that are no symbolic links.
    fn descend_anywhere(&mut self, folder: &str, rest: &[&str]) -> Result<()> {
        // Many in a row mean what one does, and would take for ever.
        let rest = &rest[rest.iter().take_while(|part| **part == "**").count()..];
        self.descend(folder, rest)?;
        for entry in self.entries(folder)?.into_iter().filter(|entry| entry.is_real_folder) {
            if !entry.name.starts_with('.') {
                self.descend_anywhere(&join(folder, &entry.name), rest)?;
            }
        }
        Ok(())
    }

    fn found_if_there(&mut self, path: &str) -> Result<()> {
        if self.roots.resolve(path).is_ok() {
            self.found.push(path.to_owned());
        }
        Ok(())
    }

    /// What is in a folder; nothing, where there is none.
    fn entries(&mut self, folder: &str) -> Result<Vec<Entry>> {
        let Some(path) = self.roots.folder(folder)? else { return Ok(Vec::new()) };
        let cannot = |cause: io::Error| Error::cannot_read(folder, plain(&cause));
        let mut entries = Vec::new();
        for entry in fs::read_dir(&path).map_err(cannot)? {
            self.n_entries += 1;
            if self.n_entries > MOST_ENTRIES {
                return Err(Error::cannot_read(folder, "there are more than 1,000,000 files to look at")
                    .hint("name the folder that the tables are in"));
            }
            entries.push(Entry::of(&entry.map_err(cannot)?));
        }
        Ok(entries)
    }
}

struct Entry {
    name: String,
    is_file: bool,
    is_real_folder: bool,
}

impl Entry {
    fn of(entry: &fs::DirEntry) -> Self {
        let name = entry.file_name().to_string_lossy().nfc().collect();
        let is_file = fs::metadata(entry.path()).is_ok_and(|file| file.is_file());
        let is_real_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        Self { name, is_file, is_real_folder }
    }
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

fn matcher(glob: &str) -> Result<GlobMatcher> {
    let built = GlobBuilder::new(glob).literal_separator(true).backslash_escape(false).build();
    let glob =
        built.map_err(|cause| Error::usage(format!("cannot read the glob `{glob}`: {}", cause.kind())))?;
    Ok(glob.compile_matcher())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> (tempfile::TempDir, Roots) {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join("project").join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "id\n").unwrap();
        }
        let roots = Roots::new(&folder.path().join("project"), &[]).unwrap();
        (folder, roots)
    }

    #[test]
    fn globs_match_files_in_sorted_order() {
        let files = [
            "b.csv",
            "a.csv",
            "A.tsv",
            ".x.csv",
            "l/c.csv",
            "l/m/d.csv",
            "l/n.csv/e.csv",
            ".h/f.csv",
            "\u{15f}.csv",
        ];
        let (_keep, roots) = folder(&files);
        let cases: [(&str, &[&str]); 11] = [
            ("*.csv", &["a.csv", "b.csv", "\u{15f}.csv"]),
            ("[ab].csv", &["a.csv", "b.csv"]),
            ("?.tsv", &["A.tsv"]),
            ("l/*.csv", &["l/c.csv"]),
            ("l/**/*.csv", &["l/c.csv", "l/m/d.csv", "l/n.csv/e.csv"]),
            ("**/**/d.csv", &["l/m/d.csv"]),
            ("*/c.csv", &["l/c.csv"]),
            (".*.csv", &[".x.csv"]),
            (".h/*.csv", &[".h/f.csv"]),
            ("none/*.csv", &[]),
            ("a.csv", &["a.csv"]),
        ];
        for (glob, expected) in cases {
            assert_eq!(matching_tables(glob, &roots).unwrap(), expected, "{glob}");
        }
        assert!(matching_tables("[.csv", &roots).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn nothing_outside_the_roots_is_listed_or_read() {
        let (keep, roots) = folder(&["a.csv"]);
        let (project, outside) = (keep.path().join("project"), keep.path().join("outside"));
        fs::create_dir_all(&outside).unwrap();
        fs::write(outside.join("b.csv"), "id\n").unwrap();
        std::os::unix::fs::symlink(&outside, project.join("link")).unwrap();
        std::os::unix::fs::symlink(outside.join("b.csv"), project.join("b.csv")).unwrap();
        std::os::unix::fs::symlink(&project, project.join("round")).unwrap();
        let open = open_tables(&roots);
        for name in ["link/*.csv", "link/b.csv", "../outside/*.csv", "*/../outside/*.csv", "b.csv", "*.csv"] {
            let error = open(name).unwrap_err();
            assert!(error.message.contains("leads out"), "{name}: {}", error.message);
        }
        assert_eq!(open("**/a.csv").unwrap()[0].path, "a.csv");
        let wider = Roots::new(&project, &[outside]).unwrap();
        assert_eq!(matching_tables("link/*.csv", &wider).unwrap(), ["link/b.csv"]);
    }

    #[test]
    fn tables_that_are_too_large_together_are_not_read() {
        let (_keep, roots) = folder(&["a.csv"]);
        let read = |left: u64| read("a.csv".to_owned(), &roots, &Cell::new(left));
        assert!(read(3).is_ok() && read(2).unwrap_err().message.contains("more than"));
    }
}
