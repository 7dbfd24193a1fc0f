//! Files of a release: written whole or not at all, and only where they change; never followed elsewhere.

use std::fs::{self, File};
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::store::{Digest, unfinished_file};

/// How the names of files begin that are still being written.
pub(super) const UNFINISHED: &str = ".taqsim-";

/// The folders of a release that hold tables, beside its root.
pub(super) const FOLDERS: [&str; 3] = ["clusters", "embed", "reduce"];

/// Writes `bytes` as the file `path`, if they are not there already.
pub(super) fn write_bytes(path: &Path, bytes: &[u8]) -> Result<()> {
    if is_file(path) && fs::read(path).is_ok_and(|found| found == bytes) {
        return Ok(());
    }
    let cannot = |cause: io::Error| Error::cannot_write(path.display(), cause);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = unfinished_file(folder, UNFINISHED).map_err(cannot)?;
    file.write_all(bytes).and_then(|()| file.as_file_mut().sync_all()).map_err(cannot)?;
    file.persist(path).map_err(|cause| cannot(cause.error))?;
    sync_folder(folder).map_err(cannot)
}

/// Writes `text` as the file `path`, if it does not say so already.
pub(super) fn write_text(path: &Path, text: &str) -> Result<Digest> {
    write_bytes(path, text.as_bytes())?;
    Ok(Digest::of(text.as_bytes()))
}

/// Puts a file or a folder that is complete by now in its place; [`sync`] makes that durable.
pub(super) fn move_file(from: &Path, to: &Path) -> Result<()> {
    let cannot = |cause: io::Error| Error::cannot_write(to.display(), cause);
    fs::rename(from, to).map_err(cannot)
}

/// The digest of a file's bytes.
pub(super) fn file_digest(path: &Path) -> Result<Digest> {
    let digest = File::open(path).and_then(|file| Digest::of_reader(BufReader::new(file)));
    digest.map(|(digest, _)| digest).map_err(|cause| Error::cannot_read(path.display(), cause))
}

/// Whether `path` is a regular file, and no link to one.
pub(super) fn is_file(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_file())
}

/// Whether `path` is a file that a build began to write and did not finish.
pub(super) fn is_unfinished(path: &Path) -> bool {
    let random = |name: &str| Some(name.strip_prefix(UNFINISHED)?.to_owned());
    let rest = path.file_name().and_then(|name| name.to_str()).and_then(random);
    let is_random = |rest: String| rest.len() == 6 && rest.bytes().all(|byte| byte.is_ascii_alphanumeric());
    rest.is_some_and(is_random) && is_file(path)
}

/// Whether `path` is a folder, and no link to one.
pub(super) fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}

/// Whether something, of whatever sort, is at `path`.
pub(super) fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Refuses a folder that is a link or no folder; one that is absent is fine.
pub(super) fn check_folder(path: &Path) -> Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.is_dir() => {
            let path = path.display();
            Err(Error::world(format!("cannot use `{path}`: it is not a folder of its own"))
                .hint("move it away, or put a folder in its place: taqsim follows no links out of a dataset"))
        }
        Ok(_) => Ok(()),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(cause) => Err(Error::cannot_read(path.display(), cause)),
    }
}

/// Makes the folder `path`, which is no link.
pub(super) fn make_folder(path: &Path) -> Result<()> {
    check_folder(path)?;
    fs::create_dir_all(path).map_err(|cause| Error::cannot_write(path.display(), cause))
}

/// The folders that a release at `root` has tables in, the root first.
pub(super) fn table_folders(root: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut folders = vec![(String::new(), root.to_owned())];
    folders.extend(FOLDERS.map(|folder| (format!("{folder}/"), root.join(folder))));
    folders.iter().try_for_each(|(_, path)| check_folder(path))?;
    folders.retain(|(_, path)| path.is_dir());
    Ok(folders)
}

/// What lies in a folder, by name, sorted. Names that are not Unicode are none of ours.
pub(super) fn names_in(folder: &Path) -> Result<Vec<String>> {
    let cannot = |cause| Error::cannot_read(folder.display(), cause);
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(cannot)? {
        names.extend(entry.map_err(cannot)?.file_name().into_string().ok());
    }
    names.sort();
    Ok(names)
}

/// Whether `name` is one component of a path, and nothing that a path could be led astray with.
pub(super) fn is_component(name: &str) -> bool {
    let stray = |c: char| c.is_control() || "/\\:*?\"<>|[]".contains(c);
    !name.is_empty() && name.len() <= 200 && !name.starts_with('.') && !name.contains(stray)
}

/// Whether `file` is where a table can be: `clips.parquet`, `embed/NAME.parquet`, ...
pub(super) fn is_table_file(file: &str) -> bool {
    let Some(table) = file.strip_suffix(".parquet") else { return false };
    match table.split_once('/') {
        Some((folder, name)) => FOLDERS.contains(&folder) && is_component(name),
        None => is_component(table),
    }
}

/// Makes what was renamed in a folder durable.
pub(super) fn sync(folder: &Path) -> Result<()> {
    sync_folder(folder).map_err(|cause| Error::cannot_write(folder.display(), cause))
}

/// A rename is durable once its folder is; elsewhere than on Unix folders cannot be synced.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
