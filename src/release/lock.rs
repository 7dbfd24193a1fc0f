//! The lock: what was built from what, by digest. It is committed beside the manifest.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::entries::{entry_digest, settings_digest, steps};
use super::files::{exists, write_text};
use super::parts::MOST_IN_A_FILE;
use super::weights::{WeightsLine, lines_of};
use super::{lock_csv, lock_text};
use crate::error::{Error, Result};
use crate::manifest::{Clip, Manifest};
use crate::run::files_of;
use crate::stages::EXACT;
use crate::store::Digest;

/// No lock is longer than this many bytes: a million clips take 200 MB.
const MAX_BYTES: u64 = 1 << 28;

/// What was built from what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// The version of taqsim that last changed anything in here.
    pub taqsim: String,
    /// The name of the dataset.
    pub name: String,
    /// The version that the tables are of.
    pub version: String,
    /// The digest of everything in the manifest but its clips; see [`settings_digest`].
    pub settings: Digest,
    /// By clip id.
    pub clips: BTreeMap<String, ClipLine>,
    /// What was in the files that steps name, by path.
    pub files: BTreeMap<String, Digest>,
    /// By path: the files of the models whose weights steps read.
    pub weights: BTreeMap<String, WeightsLine>,
    /// By step: `normalize`, `segment.NAME`, `embed.NAME`, `reduce.NAME`.
    pub steps: BTreeMap<String, StepLine>,
    /// By file, from the release's folder: `embed/NAME.parquet`.
    pub tables: BTreeMap<String, TableLine>,
    /// Why clips are missing from the tables, by clip id.
    pub failed: BTreeMap<String, String>,
    /// Every frozen version, in the order of their release.
    pub released: Vec<Released>,
}

/// A clip in the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClipLine {
    /// The digest of its entry in the manifest; see [`entry_digest`].
    pub entry: Digest,
    /// The digest of its source; none where a failed clip's was never seen.
    pub source: Option<Digest>,
}

/// What steps read besides the sources, by path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FilesRead {
    /// What is in the files of vectors.
    pub files: BTreeMap<String, Digest>,
    /// What the files of models are.
    pub weights: BTreeMap<String, WeightsLine>,
}

/// A step in the lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepLine {
    /// Its kind.
    pub kind: String,
    /// The version of the stage that carried it out.
    pub version: u32,
    /// `exact`, or the hardware class that the numbers depend on.
    pub numerics: String,
}

/// A table in the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableLine {
    /// The digest of its content; see [`super::table_digest`].
    pub digest: Digest,
    /// Number of rows.
    pub rows: u64,
}

/// A frozen version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Released {
    /// The version.
    pub version: String,
    /// The digest of all its tables; see [`Lock::release_digest`].
    pub digest: Digest,
}

impl Lock {
    /// The lock of what was just built.
    ///
    /// `clips` has the line of each clip, in the manifest's order, `read` what steps read besides, `failed` the reasons by clip id. The frozen
    /// versions are those of the lock before it, and so is taqsim's version when nothing else changed.
    pub fn of(
        manifest: &Manifest,
        (clips, read): (&[ClipLine], FilesRead),
        tables: BTreeMap<String, TableLine>,
        failed: BTreeMap<String, String>,
        before: Option<&Self>,
    ) -> Self {
        let mut lock = Self {
            taqsim: env!("CARGO_PKG_VERSION").to_owned(),
            name: manifest.dataset.name.clone(),
            version: manifest.dataset.version.clone(),
            settings: settings_digest(manifest),
            clips: ids(manifest).zip(clips.iter().copied()).collect(),
            files: read.files,
            weights: read.weights,
            steps: steps(manifest),
            tables,
            failed,
            released: before.map(|before| before.released.clone()).unwrap_or_default(),
        };
        if let Some(before) = before {
            // The same tables on other hardware are still those that were made on the first.
            if lock.tables == before.tables {
                lock.steps = steps_on_any_hardware(manifest, &before.steps);
            }
            let now = std::mem::replace(&mut lock.taqsim, before.taqsim.clone());
            if lock != *before {
                lock.taqsim = now;
            }
        }
        lock
    }

    /// Reads a lock; none where there is none.
    ///
    /// # Errors
    /// When it cannot be read, or is not what taqsim wrote.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        if !exists(path) {
            return Ok(None);
        }
        let cannot = |cause| Error::cannot_read(path.display(), cause);
        let mut text = String::new();
        let file = std::fs::File::open(path).map_err(cannot)?;
        file.take(MAX_BYTES).read_to_string(&mut text).map_err(cannot)?;
        lock_text::parse(&text, |expected| lock_csv::read(path, expected)).map(Some)
    }

    /// Writes the lock, if it does not say the same already. Above 10,000 clips their lines go to a CSV file of the
    /// same name and `.csv`.
    ///
    /// # Errors
    /// When writing fails.
    pub fn write(&self, path: &Path) -> Result<()> {
        self.write_with(path, MOST_IN_A_FILE)
    }

    /// The same, where another number of clips is too many for TOML.
    pub(super) fn write_with(&self, path: &Path, most_clips: usize) -> Result<()> {
        let csv = (self.clips.len() > most_clips).then(|| lock_csv::format(&self.clips));
        let toml = lock_text::format(self, csv.as_deref());
        lock_csv::write(path, csv.as_deref(), || write_text(path, &toml).map(|_| ()))
    }

    /// Whether this lock, which was read from there, lies at `path` as [`Lock::write`] leaves it: not where a kill
    /// came between its two files.
    pub(super) fn is_settled(&self, path: &Path) -> bool {
        self.is_settled_with(path, MOST_IN_A_FILE)
    }

    /// The same, where another number of clips is too many for TOML.
    pub(super) fn is_settled_with(&self, path: &Path, most_clips: usize) -> bool {
        lock_csv::is_settled(path, self.clips.len() > most_clips)
    }

    /// The lock as TOML: sorted, one line per clip, step and table.
    pub fn to_toml(&self) -> String {
        lock_text::format(self, None)
    }

    /// Reads a lock from TOML that has its clips in it.
    ///
    /// # Errors
    /// When it has merge conflicts, was edited by hand, or is not a lock that
    /// this taqsim knows.
    pub fn from_toml(text: &str) -> Result<Self> {
        lock_text::parse(text, |_| Err(Error::differs("cannot read `taqsim.lock`: it has no clips in it")))
    }

    /// What was in a file that a step names, or in one of its model.
    pub(super) fn file(&self, path: &str) -> Option<Digest> {
        self.files.get(path).copied().or_else(|| self.weights.get(path).map(|line| line.blake3))
    }

    /// The digest of a release: over the names and digests of its tables.
    pub fn release_digest(&self) -> Digest {
        let mut bytes = Vec::new();
        for (file, table) in &self.tables {
            bytes.extend_from_slice(&(file.len() as u64).to_le_bytes());
            bytes.extend_from_slice(file.as_bytes());
            bytes.extend_from_slice(table.digest.as_bytes());
        }
        Digest::derive("taqsim 2026-11-21 release v1", &bytes)
    }

    /// Whether the version is frozen with just these tables.
    ///
    /// # Errors
    /// When it is frozen with others.
    pub fn is_frozen(&self) -> Result<bool> {
        let version = &self.version;
        match self.released.iter().find(|released| released.version == *version) {
            None => Ok(false),
            Some(released) if released.digest == self.release_digest() => Ok(true),
            Some(_) => Err(Error::differs(format!("version `{version}` was released with other content"))
                .hint("raise `version` in `[dataset]`: what was released stays as it is")),
        }
    }

    /// Freezes the version; one that is frozen already stays so.
    ///
    /// # Errors
    /// When it is frozen with other tables, or clips failed.
    pub fn freeze(&mut self) -> Result<()> {
        if let Some((clip, _)) = self.failed.first_key_value() {
            let n = self.failed.len();
            return Err(Error::world(format!("cannot release: failed clips: {n}, the first is `{clip}`")));
        }
        if !self.is_frozen()? {
            let digest = self.release_digest();
            self.released.push(Released { version: self.version.clone(), digest });
        }
        Ok(())
    }

    /// The lock as it would be had the manifest been built to the same tables from the same sources.
    pub(super) fn with_manifest(&self, manifest: &Manifest) -> Self {
        let source = |clip: &Clip| self.clips.get(&clip.id).and_then(|line| line.source);
        let files = files_of(manifest).into_iter();
        let locked = |file: &str| Some((file.to_owned(), self.files.get(file).copied()?));
        let line = |clip: &Clip| ClipLine { entry: entry_digest(clip), source: source(clip) };
        Self {
            name: manifest.dataset.name.clone(),
            version: manifest.dataset.version.clone(),
            settings: settings_digest(manifest),
            clips: manifest.clips.iter().map(|clip| (clip.id.clone(), line(clip))).collect(),
            files: files.filter_map(locked).collect(),
            weights: lines_of(&self.weights, manifest),
            steps: steps_on_any_hardware(manifest, &self.steps),
            ..self.clone()
        }
    }
}

/// The steps of a manifest, where it matters not on what hardware they were carried out: a step whose numbers depend on that has
/// the hardware of the lock.
fn steps_on_any_hardware(
    manifest: &Manifest,
    locked: &BTreeMap<String, StepLine>,
) -> BTreeMap<String, StepLine> {
    let mut steps = steps(manifest);
    for (name, step) in steps.iter_mut().filter(|(_, step)| step.numerics != EXACT) {
        let numerics = locked.get(name).map(|locked| locked.numerics.clone());
        step.numerics =
            numerics.filter(|numerics| numerics != EXACT).unwrap_or_else(|| step.numerics.clone());
    }
    steps
}

fn ids(manifest: &Manifest) -> impl Iterator<Item = String> {
    manifest.clips.iter().map(|clip| clip.id.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::release::fixture;

    #[test]
    fn the_tools_version_changes_only_with_something_else() {
        let mut before = fixture::lock();
        before.taqsim = "0.0.1".into();
        let again = |before: &Lock| {
            Lock::of(
                &fixture::manifest(),
                (&fixture::lines(), FilesRead::default()),
                before.tables.clone(),
                BTreeMap::new(),
                Some(before),
            )
        };
        assert_eq!(again(&before), before);
        before.settings = Digest::of(b"");
        assert_eq!(again(&before).taqsim, env!("CARGO_PKG_VERSION"));
    }

    #[test]
    fn a_frozen_version_stays_as_it_is() {
        let mut lock = fixture::lock();
        assert!(!lock.is_frozen().unwrap());
        lock.freeze().unwrap();
        lock.freeze().unwrap();
        assert_eq!(lock.released.len(), 1);
        lock.tables.pop_last();
        assert_eq!(lock.is_frozen().unwrap_err().kind, Kind::Differs);
        lock.version = "0.2.0".into();
        lock.failed = fixture::failed();
        assert!(lock.freeze().is_err());
    }

    #[test]
    fn a_lock_is_read_from_its_file_and_may_be_absent() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taqsim.lock");
        assert_eq!(Lock::read(&path).unwrap(), None);
        fixture::lock().write(&path).unwrap();
        assert_eq!(Lock::read(&path).unwrap(), Some(fixture::lock()));
    }
}
