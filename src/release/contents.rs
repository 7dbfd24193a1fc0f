//! What a draft is made of: enough to know whether the one on disk is current, and to write it where it is not.

use std::collections::BTreeMap;
use std::fs;

use super::{Lock, Project, Table, TableLine, entry_digest, join, settings_digest, write_draft};
use crate::error::{Error, Result};
use crate::plan::{Results, Sources, Task, Tasks};
use crate::run;
use crate::store::{Digest, Recipe, Store};

/// Raised whenever tables are joined otherwise, or the files of a draft are written otherwise.
const DRAFT_VERSION: u32 = 1;

/// What a draft is made of.
pub(super) struct Contents<'a> {
    pub(super) project: &'a Project,
    pub(super) tasks: &'a Tasks<'a>,
    pub(super) sources: &'a Sources,
    pub(super) results: &'a Results<'a>,
    /// Why clips are missing, by id.
    pub(super) failed: &'a BTreeMap<String, String>,
}

impl Contents<'_> {
    /// The tables, joined.
    pub(super) fn tables(&self, store: &dyn Store) -> Result<Vec<Table>> {
        join(&self.project.manifest, &self.known_sources(), self.results, store, self.failed)
    }

    /// The lock of a draft with these tables.
    pub(super) fn lock(&self, tables: BTreeMap<String, TableLine>, before: Option<&Lock>) -> Lock {
        let sources = self.known_sources();
        Lock::of(&self.project.manifest, &sources, tables, self.failed.clone(), before)
    }

    /// The tables of the draft on disk, if that is made of just this and its files are as they were written.
    pub(super) fn recall(&self, store: &dyn Store) -> Option<BTreeMap<String, TableLine>> {
        let outputs = store.recall(&self.recipe().key())?;
        let sums = fs::read(self.project.draft().join("BLAKE3SUMS")).ok()?;
        if outputs.get("sums") != Some(&Digest::of(&sums)) || !self.files_are_as_summed(&sums, store) {
            return None;
        }
        let lines = store.read(outputs.get("lines")?).ok()??;
        serde_json::from_slice(&lines.read().ok()?).ok()
    }

    /// Writes the draft, whose `lines` stand in the lock, and remembers that it did.
    pub(super) fn write(
        &self,
        tables: &[Table],
        lines: &BTreeMap<String, TableLine>,
        store: &dyn Store,
    ) -> Result<()> {
        write_draft(&self.project.outputs, &self.project.manifest, tables)?;
        let path = self.project.draft().join("BLAKE3SUMS");
        let sums = fs::read(&path).map_err(|cause| Error::cannot_read(path.display(), cause))?;
        let json = serde_json::to_vec(lines).expect("lines have only string keys");
        let lines = store.keep(&[("lines", json)])?;
        let sums = Digest::of(&sums);
        let outputs = lines.iter().chain([("sums", &sums)]).map(|(name, digest)| (name, *digest));
        store.remember(&self.recipe(), &outputs.collect())
    }

    fn files_are_as_summed(&self, sums: &[u8], store: &dyn Store) -> bool {
        let version = &self.project.manifest.dataset.version;
        String::from_utf8_lossy(sums).lines().all(|line| {
            let Some((digest, file)) = line.split_once("  ") else { return false };
            let path = self.project.draft().join(file);
            let found = run::file_digest(&format!("outputs/{version}/{file}"), &path, store);
            found.is_ok_and(|found| found.to_string() == digest)
        })
    }

    fn known_sources(&self) -> BTreeMap<String, Digest> {
        let clips = self.project.manifest.clips.iter().enumerate();
        clips.filter_map(|(index, clip)| Some((clip.source.clone(), self.sources.digest(index)?))).collect()
    }

    /// Everything that the draft's files and the lock depend on.
    pub(super) fn recipe(&self) -> Recipe {
        let manifest = &self.project.manifest;
        let text = |text: &str| Digest::of(text.as_bytes());
        let clips = manifest.clips.iter().enumerate().flat_map(|(index, clip)| {
            let source = self.sources.digest(index).unwrap_or_else(|| text("unknown"));
            [text(&clip.id), entry_digest(clip), source]
        });
        let tasks: Vec<Task> = self.tasks.all().collect();
        let results = tasks.into_iter().filter_map(|task| Some((task, self.results.of_task(task)?)));
        let results = results.flat_map(|(task, outputs)| {
            let named = outputs.iter().flat_map(|(name, digest)| [text(name), *digest]);
            std::iter::once(text(&self.tasks.name(task))).chain(named).collect::<Vec<_>>()
        });
        let failed = self.failed.iter().flat_map(|(id, why)| [text(id), text(why)]);
        Recipe {
            kind: "draft".to_owned(),
            version: DRAFT_VERSION,
            numerics: "exact".to_owned(),
            params: serde_json::Map::new(),
            inputs: BTreeMap::from([
                ("clips".to_owned(), clips.collect()),
                ("failed".to_owned(), failed.collect()),
                ("results".to_owned(), results.collect()),
                ("settings".to_owned(), vec![settings_digest(manifest)]),
            ]),
        }
    }
}
