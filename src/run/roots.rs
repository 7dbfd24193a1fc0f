//! Roots: the folders that sources may lie in. Nothing outside them is opened.

use std::fs;
use std::path::{Component, Path, PathBuf};

use unicode_normalization::UnicodeNormalization;

use super::fetch::plain;
use crate::error::{Error, Result};
use crate::manifest::hub_parts;

/// Where sources may lie: the manifest's folder, and what the user allowed besides.
#[derive(Debug, Clone)]
pub struct Roots {
    base: PathBuf,
    allowed: Vec<PathBuf>,
    /// Where Hugging Face keeps what it downloaded.
    hub: Option<PathBuf>,
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
        Ok(Self { base: base.to_owned(), allowed, hub: hub() })
    }

    /// The file that `source` names.
    ///
    /// # Errors
    /// When there is none, when it is no regular file, or when it lies outside the roots.
    pub fn resolve(&self, source: &str) -> Result<PathBuf> {
        let path = self.as_spelt_on_disk(source);
        let path = path.canonicalize().map_err(|cause| Error::cannot_read(source, plain(&cause)))?;
        if !self.allow(source, &path) {
            return Err(
                leads_out(source).hint("copy the file into sources/, or allow its folder with --root")
            );
        }
        match fs::metadata(&path) {
            Ok(file) if file.is_file() => Ok(path),
            Ok(_) => Err(Error::cannot_read(source, "it is not a regular file")),
            Err(cause) => Err(Error::cannot_read(source, plain(&cause))),
        }
    }

    /// The folder of this name; none where there is none.
    ///
    /// # Errors
    /// When it lies outside the roots.
    pub(super) fn folder(&self, name: &str) -> Result<Option<PathBuf>> {
        let Ok(path) = self.as_spelt_on_disk(name).canonicalize() else { return Ok(None) };
        if !self.allow(name, &path) {
            return Err(leads_out(name).hint("allow the folder with --root"));
        }
        Ok(path.is_dir().then_some(path))
    }

    fn allow(&self, name: &str, canonical: &Path) -> bool {
        let hub = self.hub.as_ref().filter(|_| name.starts_with("hf:"));
        let hub = hub.and_then(|hub| hub.canonicalize().ok());
        self.allowed.iter().chain(&hub).any(|root| canonical.starts_with(root))
    }

    /// Where the cache of Hugging Face has what `hf:org/name@revision/file` names; none of other names.
    fn in_hub(&self, name: &str) -> Option<PathBuf> {
        let (repository, revision, file) = hub_parts(name)?;
        let repository = format!("models--{}", repository.replace('/', "--"));
        Some(self.hub.as_ref()?.join(repository).join("snapshots").join(revision).join(file))
    }

    /// The path of `source` from the manifest's folder, as the disk spells it.
    pub fn spelt_on_disk(&self, source: &str) -> String {
        if let Some(path) = self.in_hub(source) {
            return path.to_string_lossy().into_owned();
        }
        if source.is_ascii() {
            return source.to_owned();
        }
        let path = self.as_spelt_on_disk(source);
        path.strip_prefix(&self.base).unwrap_or(&path).to_string_lossy().into_owned()
    }

    /// The path of `source` as the disk spells it: names are in NFC here, but some file systems and archives have
    /// them decomposed. Composed and decomposed are one name.
    pub(super) fn as_spelt_on_disk(&self, source: &str) -> PathBuf {
        if let Some(path) = self.in_hub(source) {
            return path;
        }
        let mut path = self.base.clone();
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
}

/// The revisions of a repository that are in the cache of Hugging Face, sorted.
pub fn revisions_in_hub(repository: &str) -> Vec<String> {
    let snapshots = hub().map(|hub| hub.join(format!("models--{}/snapshots", repository.replace('/', "--"))));
    let entries = snapshots.and_then(|folder| fs::read_dir(folder).ok()).into_iter().flatten();
    let names = entries.filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()));
    let is_place = |name: &String| hub_parts(&format!("hf:{repository}@{name}")).is_some();
    let mut revisions: Vec<String> = names.filter(is_place).collect();
    revisions.sort();
    revisions
}

/// The cache of Hugging Face, where its own programs look for it.
fn hub() -> Option<PathBuf> {
    let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || named("HOME").or_else(|| named("USERPROFILE"));
    let cache = || named("XDG_CACHE_HOME").or_else(|| Some(home()?.join(".cache")));
    let hub = || Some(named("HF_HOME").or_else(|| Some(cache()?.join("huggingface")))?.join("hub"));
    named("HF_HUB_CACHE").or_else(hub)
}

fn leads_out(name: &str) -> Error {
    Error::world(format!("cannot read `{name}`: it leads out of the project's folder"))
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
