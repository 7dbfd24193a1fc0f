//! Maps that steps place rows on: found through the one door to outside files, and read when a task needs them.

use std::fs::File;

use super::Roots;
use super::fetch::{OpenSource, plain};
use super::map_file::MapFile;
use crate::error::{Error, Result};
use crate::manifest::Manifest;
use crate::plan::{Observed, Sources};
use crate::stages::Input;
use crate::store::Store;

/// The files with the maps that steps of a manifest place rows on.
pub(super) fn maps(manifest: &Manifest) -> impl Iterator<Item = &str> {
    manifest.reduce.values().filter_map(|reduce| reduce.kind.fit())
}

/// Reads a map, whatever it was when it was looked at.
///
/// # Errors
/// When it is not there, may not be read, or is no map.
pub fn read_map(file: &str, roots: &Roots) -> Result<MapFile> {
    let open = File::open(roots.resolve(file).map_err(with_hint)?);
    MapFile::read(open.map_err(|cause| Error::cannot_read(file, plain(&cause)))?, file)
}

/// The map in a file, as a stage reads it; the file must be what it was when it was looked at.
pub(super) fn map(file: &str, sources: &Sources, roots: &Roots, store: &dyn Store) -> Result<Input> {
    let Some(Observed::Here(record)) = sources.files.get(file) else {
        return Err(Error::cannot_read(file, "no such file")
            .hint("the lock knows this map, but rows have to be placed on it: bring it back"));
    };
    let opened = OpenSource::open(file, &record.digest, roots, store)?;
    let read = opened.settle(read_map(file, roots))?;
    Ok(Input::bytes(read.fitted.to_bytes()))
}

/// The error of a map that cannot be read, with what to do.
pub(super) fn with_hint(error: Error) -> Error {
    error.hint("`taqsim export map` writes the file, of a step without `fit`")
}
