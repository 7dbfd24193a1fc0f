//! Masters: values that people may want to hear, a WAV file each, named by digest.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::folder::entries;
use super::piece::UNFINISHED;
use super::{Digest, write_in_one_piece};

/// The file of a master in this folder.
pub(super) fn path_of(folder: &Path, digest: &Digest) -> PathBuf {
    let digits = digest.to_string();
    folder.join(&digits[..2]).join(format!("{}.wav", &digits[2..]))
}

/// Writes a master, whole or not at all.
pub(super) fn write(folder: &Path, digest: &Digest, bytes: &[u8]) -> io::Result<()> {
    let path = path_of(folder, digest);
    let parent = path.parent().unwrap_or(folder);
    fs::create_dir_all(parent)?;
    // Not synced: a master that a power cut tore fails its digest when read, and is made again.
    write_in_one_piece(&path, bytes)
}

/// A file among the masters.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    /// The master that it is; none for what a killed build left half written.
    pub(super) digest: Option<Digest>,
    pub(super) n_bytes: u64,
    pub(super) modified: std::time::SystemTime,
}

/// Everything that lies among the masters, in the order of their names.
pub(super) fn all(folder: &Path) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    for parent in entries(folder)? {
        for path in entries(&parent)? {
            let file = fs::symlink_metadata(&path)?;
            let digest = digest_of(&parent, &path);
            found.push(Found { digest, n_bytes: file.len(), modified: file.modified()?, path });
        }
    }
    Ok(found)
}

/// What a killed build left half written in the cache's own folder.
pub(super) fn unfinished(cache: &Path) -> io::Result<Vec<PathBuf>> {
    let is_unfinished =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(UNFINISHED));
    Ok(entries(cache)?.into_iter().filter(is_unfinished).collect())
}

fn digest_of(parent: &Path, path: &Path) -> Option<Digest> {
    let rest = path.file_name()?.to_str()?.strip_suffix(".wav")?;
    format!("{}{rest}", parent.file_name()?.to_str()?).parse().ok()
}
