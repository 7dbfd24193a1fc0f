//! Files of the cache that are there whole or not at all.

use std::io::{self, Write};
use std::path::Path;

use tempfile::NamedTempFile;

/// How the names of files begin that are still being written.
pub(super) const UNFINISHED: &str = ".new-";

/// Writes the file `path` in one piece: whoever reads it finds the old one or the new one. It is not made durable.
///
/// # Errors
/// When the disk fails.
pub fn write_in_one_piece(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = unfinished_file(path.parent().unwrap_or(Path::new(".")), UNFINISHED)?;
    file.write_all(bytes)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// A new file in `folder` that vanishes unless it is put in its place. Its name begins with `prefix`.
///
/// # Errors
/// When the disk fails.
pub fn unfinished_file(folder: &Path, prefix: &str) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Without this the file would be for its owner only; the user's umask still applies.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}
