//! What a draft is made of: enough to know which parts of it are current, and to write those that are not.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::{Arc, OnceLock};

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::answers::Answers;
use super::checks::parse_sum;
use super::digest::{digest_of_chunks, table_digest, table_without_rows};
use super::draft::{Staged, StagedTable, has_stray_rows};
use super::ingredients::{Clips, Group, Ingredients, recipe_of_draft};
use super::part::{Part, Place, make_part, write_whole};
use super::parts::Layout;
use super::record::{Record, TableRecord};
use super::table::{Identity, Table};
use super::tables::Joiner;
use super::{FilesRead, Lock, Project, TableLine, weights};
use crate::error::{Error, Result};
use crate::plan::{Results, Sources};
use crate::run;
use crate::store::{Digest, Key, Recipe, Store};
use crate::text::printable;

/// This many parts are made at once, each in bounded memory.
const AT_ONCE: usize = 4;
/// The output of a part that is no table: its [`Record`].
const CHUNKS: &str = "chunks";

/// What a draft is made of.
pub(super) struct Contents<'a> {
    pub(super) project: &'a Project,
    pub(super) sources: &'a Sources,
    results: &'a Results<'a>,
    /// Why clips are missing, by id.
    failed: &'a BTreeMap<String, String>,
    layout: Layout,
    clips: OnceLock<Arc<Clips>>,
    ingredients: OnceLock<Ingredients>,
}

/// A draft that is not in place yet, and what to remember of it once it is.
pub(super) struct Prepared {
    staged: Staged,
    parts: Vec<Remembered>,
}

/// A part that was made: its recipe, its files by table, and its record.
type Remembered = (Recipe, BTreeMap<String, Digest>, Vec<u8>);

impl<'a> Contents<'a> {
    /// What the draft of a project is made of.
    pub(super) fn new(
        project: &'a Project,
        sources: &'a Sources,
        results: &'a Results<'a>,
        failed: &'a BTreeMap<String, String>,
    ) -> Self {
        Self::with_layout(project, sources, results, failed, Layout::of(project.manifest.clips.len()))
    }

    /// The same in another layout than that which goes with so many clips.
    pub(super) fn with_layout(
        project: &'a Project,
        sources: &'a Sources,
        results: &'a Results<'a>,
        failed: &'a BTreeMap<String, String>,
        layout: Layout,
    ) -> Self {
        let (clips, ingredients) = (OnceLock::new(), OnceLock::new());
        Self { project, sources, results, failed, layout, clips, ingredients }
    }

    /// The same, where what the manifest and the sources say of the clips is known.
    pub(super) fn knowing(self, clips: Arc<Clips>) -> Self {
        Self { clips: OnceLock::from(clips), ..self }
    }

    /// What the manifest and the sources say of the clips.
    pub(super) fn clips(&self) -> &Arc<Clips> {
        let manifest = &self.project.manifest;
        self.clips.get_or_init(|| Arc::new(Clips::of(manifest, self.sources, self.layout)))
    }

    /// The lock of a draft with these tables.
    pub(super) fn lock(
        &self,
        tables: BTreeMap<String, TableLine>,
        read: FilesRead,
        before: Option<&Lock>,
    ) -> Lock {
        let lines = self.clips().lines.as_slice();
        Lock::of(&self.project.manifest, (lines, read), tables, self.failed.clone(), before)
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

    /// Makes the parts that are not current, beside the draft.
    ///
    /// # Errors
    /// When a result is missing, rows do not fit together, or writing fails.
    pub(super) fn prepare(&self, store: &dyn Store) -> Result<Prepared> {
        let version = &self.project.manifest.dataset.version;
        let staged = Staged::begin(&self.project.outputs, version, self.layout)?;
        let mut prepared = Prepared { staged, parts: Vec::new() };
        for (group, recipes) in &self.ingredients().groups {
            let parts = self.parts(group, recipes, store, &mut prepared)?;
            self.add_tables(&parts, &mut prepared.staged)?;
        }
        let joiner = self.joiner(store);
        for table in joiner.cluster_tables()?.into_iter().chain(joiner.evaluation_tables()?) {
            let table = self.whole_table(&table, &prepared.staged)?;
            prepared.staged.push(table)?;
        }
        Ok(prepared)
    }

    /// Puts the draft in place, and remembers that it is there.
    ///
    /// # Errors
    /// When writing fails.
    pub(super) fn write(&self, prepared: Prepared, store: &dyn Store) -> Result<()> {
        let lines = prepared.lines();
        let (manifest, verdicts) = (&self.project.manifest, self.results.verdicts().map(|it| &**it));
        let sums = prepared.staged.put(manifest, &self.sources.weights, verdicts)?;
        for (recipe, files, record) in prepared.parts {
            remember(store, &recipe, (CHUNKS, record), files)?;
        }
        let json = serde_json::to_vec(&lines).expect("lines have only string keys");
        remember(store, &self.recipe(), ("lines", json), [("sums".to_owned(), sums)].into())
    }

    fn ingredients(&self) -> &Ingredients {
        let manifest = &self.project.manifest;
        self.ingredients
            .get_or_init(|| Ingredients::of(manifest, self.clips().clone(), self.results, self.failed))
    }

    /// The clips of the parts that are not current: what they came to will be read.
    pub(super) fn clips_to_join(&self, store: &dyn Store) -> BTreeSet<usize> {
        let Ingredients { clips, groups, .. } = self.ingredients();
        let numbered = groups.iter().flat_map(|(_, recipes)| recipes.iter().enumerate());
        let stale = numbered.filter(|(part, recipe)| self.recall_part(*part, recipe, store).is_none());
        stale.flat_map(|(part, _)| clips.parts[part].iter().copied()).collect()
    }

    /// What the draft and its parts are remembered under.
    pub(super) fn keys(&self) -> Vec<Key> {
        let parts = self.ingredients().groups.iter().flat_map(|(_, parts)| parts);
        parts.map(Recipe::key).chain([self.recipe().key()]).collect()
    }

    /// Everything that the draft's files and the lock depend on.
    fn recipe(&self) -> Recipe {
        let Ingredients { groups, evaluation, .. } = self.ingredients();
        let parts = groups.iter().flat_map(|(_, parts)| parts).map(|part| *part.key().digest());
        let weights = weights::digest_of_card(&self.sources.weights);
        recipe_of_draft(parts.chain(*evaluation).chain(weights).collect())
    }

    fn files_are_as_summed(&self, sums: &[u8], store: &dyn Store) -> bool {
        let sums = String::from_utf8_lossy(sums);
        let Some(sums) = sums.lines().map(parse_sum).collect::<Option<BTreeMap<String, Digest>>>() else {
            return false;
        };
        sums.iter().all(|(file, digest)| self.is_in_place(file, digest, store))
            && !has_stray_rows(&self.project.draft(), &sums)
    }

    fn is_in_place(&self, file: &str, digest: &Digest, store: &dyn Store) -> bool {
        let name = format!("outputs/{}/{file}", self.project.manifest.dataset.version);
        run::file_digest(&name, &self.project.draft().join(file), store).is_ok_and(|found| found == *digest)
    }

    /// The parts of the tables of a group: known and in place, or made.
    fn parts(
        &self,
        group: &Group,
        recipes: &[Recipe],
        store: &dyn Store,
        prepared: &mut Prepared,
    ) -> Result<Vec<Part>> {
        let known = recipes.iter().enumerate().map(|(part, recipe)| self.recall_part(part, recipe, store));
        let mut parts: Vec<Option<Part>> = known.collect();
        let stale: Vec<usize> = (0..parts.len()).filter(|part| parts[*part].is_none()).collect();
        if stale.is_empty() {
            return Ok(parts.into_iter().flatten().collect());
        }
        let joiner = self.joiner(store);
        let answers = match group {
            Group::Reduce(name) => Some(joiner.answers(name, &self.clips().parts)?),
            Group::Clips => None,
        };
        for some in stale.chunks(AT_ONCE) {
            let make = |part: usize| self.make(part, &joiner, answers.as_ref(), prepared.staged.folder());
            let made: Vec<Part> = some.to_vec().into_par_iter().map(make).collect::<Result<_>>()?;
            for (index, part) in some.iter().zip(made) {
                let remembered = (recipes[*index].clone(), part.files.clone(), part.record.to_bytes());
                prepared.parts.push(remembered);
                parts[*index] = Some(part);
            }
        }
        Ok(parts.into_iter().flatten().collect())
    }

    /// A part of which is known what it came to, and whose files are in place.
    fn recall_part(&self, part: usize, recipe: &Recipe, store: &dyn Store) -> Option<Part> {
        let outputs = store.recall(&recipe.key())?;
        let record = store.read(outputs.get(CHUNKS)?).ok()??;
        let files = outputs.iter().filter(|(name, _)| *name != CHUNKS);
        let files: BTreeMap<String, Digest> =
            files.map(|(name, digest)| (name.to_owned(), *digest)).collect();
        let record = Record::read(&record.read().ok()?, self.clips().parts[part].len())?;
        let mut is_in_place = files.iter().map(|(table, digest)| (self.layout.file(table, part), digest));
        is_in_place.all(|(file, digest)| self.is_in_place(&file, digest, store)).then_some(())?;
        Some(Part { record, files })
    }

    fn joiner<'s>(&'s self, store: &'s dyn Store) -> Joiner<'s> {
        let (manifest, Clips { lines, splits, .. }) = (&self.project.manifest, &**self.clips());
        Joiner { manifest, lines, splits, results: self.results, store, failed: self.failed }
    }

    fn make(
        &self,
        part: usize,
        joiner: &Joiner,
        answers: Option<&Answers>,
        folder: &std::path::Path,
    ) -> Result<Part> {
        let identity = self.identity();
        let place = Place { folder, identity: &identity, layout: self.layout, part };
        make_part(joiner, answers, &self.clips().parts[part], &place)
    }

    fn identity(&self) -> Identity {
        let dataset = &self.project.manifest.dataset;
        Identity { dataset: dataset.name.clone(), version: dataset.version.clone() }
    }

    /// Adds the tables whose parts these are.
    fn add_tables(&self, parts: &[Part], staged: &mut Staged) -> Result<()> {
        let n_tables = parts.first().map_or(0, |part| part.record.tables.len());
        for index in 0..n_tables {
            let tables = parts.iter().map(|part| part.record.tables.get(index));
            let tables: Vec<&TableRecord> = tables.collect::<Option<_>>().ok_or_else(unlike_parts)?;
            let files = parts.iter().enumerate().filter_map(|(part, made)| {
                let name = &made.record.tables[index].name;
                Some((self.layout.file(name, part), *made.files.get(name)?))
            });
            let table = self.table(&tables, files.collect(), staged)?;
            staged.push(table)?;
        }
        Ok(())
    }

    /// The table that these are the parts of.
    fn table(
        &self,
        parts: &[&TableRecord],
        mut files: BTreeMap<String, Digest>,
        staged: &Staged,
    ) -> Result<StagedTable> {
        let with_rows = parts.iter().find(|part| !part.chunks.is_empty());
        let like = with_rows.or_else(|| parts.iter().max_by_key(|part| part.columns.len()));
        let TableRecord { name, columns, .. } = like.ok_or_else(unlike_parts)?;
        let other =
            |part: &&&TableRecord| part.name != *name || !part.chunks.is_empty() && part.columns != *columns;
        if parts.iter().any(|part| other(&part)) {
            let name = printable(name);
            return Err(Error::world(format!(
                "cannot make table `{name}`: its clips have different columns"
            )));
        }
        if files.is_empty() {
            let table = table_without_rows(name, columns).ok_or_else(unlike_parts)?;
            let identity = self.identity();
            let place = Place { folder: staged.folder(), identity: &identity, layout: self.layout, part: 0 };
            files.insert(self.layout.file(name, 0), write_whole(&table, &place)?);
        }
        let digest = digest_of_chunks(columns, self.in_order_of_clips(parts).into_iter());
        let rows = parts.iter().map(|part| part.sum_of_rows()).sum();
        Ok(StagedTable { name: name.clone(), line: TableLine { digest, rows }, files })
    }

    /// A table whose rows are of no clip: it is small, and made anew with every draft.
    fn whole_table(&self, table: &Table, staged: &Staged) -> Result<StagedTable> {
        let identity = self.identity();
        let place = Place { folder: staged.folder(), identity: &identity, layout: self.layout, part: 0 };
        let file = (self.layout.file(&table.name, 0), write_whole(table, &place)?);
        let line = TableLine { digest: table_digest(table), rows: table.frame.n_rows as u64 };
        Ok(StagedTable { name: table.name.clone(), line, files: [file].into() })
    }

    /// The chunks of all parts: clips are sorted by id in a checked manifest, and so in each part.
    fn in_order_of_clips<'p>(&self, parts: &[&'p TableRecord]) -> Vec<&'p Digest> {
        let clips = &self.clips().parts;
        let mut chunks: Vec<Option<&Digest>> = vec![None; self.project.manifest.clips.len()];
        for (clips, part) in clips.iter().zip(parts) {
            let with_rows = clips.iter().zip(&part.n_rows).filter(|(_, n_rows)| **n_rows > 0);
            with_rows.zip(&part.chunks).for_each(|((clip, _), chunk)| chunks[*clip] = Some(chunk));
        }
        chunks.into_iter().flatten().collect()
    }
}

impl Prepared {
    /// The tables as they will stand in the lock, by file.
    pub(super) fn lines(&self) -> BTreeMap<String, TableLine> {
        self.staged.lines()
    }
}

/// Remembers what a recipe came to: a value, and files whose digests are known.
fn remember(
    store: &dyn Store,
    recipe: &Recipe,
    (name, value): (&str, Vec<u8>),
    files: BTreeMap<String, Digest>,
) -> Result<()> {
    let kept = store.keep(&[(name, value)])?;
    let kept = kept.iter().map(|(name, digest)| (name.to_owned(), *digest));
    store.remember(recipe, &kept.chain(files).collect())
}

fn unlike_parts() -> Error {
    Error::world("cannot make the tables: the cache has parts that do not fit together")
        .hint("remove the cache, and build again")
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::manifest::{Label, Manifest};
    use crate::plan::Tasks;
    use crate::release::fixture::{self, FakeStore, draft_of};
    use crate::stages::{Frame, Values};

    /// A draft in parts, of which each clip has one of its own.
    struct Built {
        folder: tempfile::TempDir,
        manifest: Manifest,
        store: FakeStore,
    }

    /// Changes what the steps came to.
    type Edit = fn(&mut Results, &Tasks, &FakeStore);

    impl Built {
        fn new() -> Self {
            let (folder, store) = (tempfile::tempdir().unwrap(), FakeStore::default());
            let built = Self { folder, manifest: fixture::manifest(), store };
            assert_eq!(built.again().len(), 128);
            built
        }

        fn again(&self) -> Vec<String> {
            self.again_with(|_, _, _| ())
        }

        /// Builds again; of what kind the parts are that were made.
        fn again_with(&self, edit: Edit) -> Vec<String> {
            let tasks = Tasks::of(&self.manifest).unwrap();
            let mut results = fixture::results(&self.store);
            edit(&mut results, &tasks, &self.store);
            let draft = |outputs: &Path, layout| {
                draft_of(outputs, &self.manifest, &results, layout, &self.store).unwrap()
            };
            self.store.remembered.lock().unwrap().clear();
            let lines = draft(self.folder.path(), Layout::folders(64, 1));
            let made: Vec<String> =
                self.store.remembered.lock().unwrap().iter().map(|recipe| recipe.kind.clone()).collect();
            assert_eq!(lines, draft(tempfile::tempdir().unwrap().path(), Layout::ONE_FILE));
            made.into_iter().filter(|kind| kind != "draft").collect()
        }

        fn file(&self, table: &str, clip: &str) -> PathBuf {
            let layout = Layout::folders(64, 1);
            self.folder.path().join("0.1.0").join(layout.file(table, layout.part_of(clip)))
        }
    }

    #[test]
    fn a_changed_clip_remakes_its_part_and_no_other() {
        let mut built = Built::new();
        assert_eq!(built.again(), Vec::<String>::new());
        built.manifest.clips[0].labels.insert("maqam", Label::Text("hijaz".into()));
        assert_eq!(built.again(), ["tables.clips"]);
        built.manifest.clips[0].license = "MIT".into();
        assert_eq!(built.again(), ["tables.clips"]);
        built.manifest = fixture::manifest();
        assert_eq!(built.again(), ["tables.clips"]);
    }

    #[test]
    fn other_rows_of_a_reduce_step_remake_its_table_and_no_other() {
        let edit: Edit = |results, tasks, store| {
            let x = ("x".to_owned(), Values::Singles(vec![2.0, 1.0, 3.0]));
            let rows = store.put(Frame { n_rows: 3, columns: vec![x] }.to_bytes());
            let key = Key::from_digest(Digest::of(b""));
            results.add(fixture::task(tasks, "reduce.map", None), key, [("rows", rows)].into());
        };
        assert_eq!(Built::new().again_with(edit), ["tables.rows"; 64]);
    }

    #[test]
    fn a_clip_of_other_content_moves_the_rows_of_the_others_in_a_reduce_step() {
        let edit: Edit = |results, tasks, _| {
            for (clip, audio) in [(0, &b"first"[..]), (2, b"second")] {
                let outputs = results.of("normalize", Some(clip)).unwrap();
                let others = outputs.iter().filter(|(name, _)| *name != "audio");
                let outputs =
                    others.map(|(name, digest)| (name, *digest)).chain([("audio", Digest::of(audio))]);
                let key = Key::from_digest(Digest::of(b""));
                results.add(fixture::task(tasks, "normalize", Some(clip)), key, outputs.collect());
            }
        };
        let built = Built::new();
        assert_eq!(built.again_with(edit), ["tables.rows"; 64]);
        let table = crate::release::read_table(&built.file("reduce/map", "b"), "reduce/map").unwrap();
        assert_eq!(table.frame.column("x"), Some(&Values::Singles(vec![20.0])));
    }

    #[test]
    fn a_renamed_clip_moves_from_its_part_to_another() {
        let mut built = Built::new();
        built.manifest.clips[0].id = "a".into();
        let made = built.again();
        assert_eq!(made.iter().filter(|kind| *kind == "tables.clips").count(), 1);
        assert!(!built.file("clips", "b").exists() && built.file("clips", "a").exists());
    }

    #[test]
    fn whatever_happens_to_a_file_it_is_made_again_and_with_it_no_other_part() {
        type Harm = fn(&Built);
        let part = vec!["tables.clips".to_owned()];
        let harms: [(Harm, Vec<String>); 5] = [
            (|built| fs::remove_file(built.file("clips", "b")).unwrap(), part.clone()),
            (|built| fs::write(built.file("embed/timbre", "b"), "").unwrap(), part.clone()),
            (|built| _ = fs::copy(built.file("segments", "b"), built.file("clips", "b")).unwrap(), part),
            (|built| fs::write(built.file("clips", "b").with_file_name("zz.parquet"), "").unwrap(), vec![]),
            (|built| fs::remove_file(built.folder.path().join("0.1.0/BLAKE3SUMS")).unwrap(), vec![]),
        ];
        for (case, (harm, expected)) in harms.into_iter().enumerate() {
            let built = Built::new();
            let before = all_files(built.folder.path());
            harm(&built);
            assert_eq!(built.again(), expected, "{case}");
            assert_eq!(all_files(built.folder.path()), before, "{case}");
        }
    }

    fn all_files(folder: &Path) -> Vec<(PathBuf, Digest)> {
        let mut files = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files.extend(all_files(&path));
            } else {
                files.push((path.clone(), Digest::of(&fs::read(&path).unwrap())));
            }
        }
        files.sort();
        files
    }

    #[test]
    fn a_lost_or_damaged_record_makes_its_part_again() {
        for bytes in [None, Some(b"nonsense\n".to_vec())] {
            let mut built = Built::new();
            built.store.harm(|value| value.starts_with(b"{\"n_clips\":1"), bytes);
            built.manifest.clips[0].license = "MIT".into();
            assert!(built.again().len() > 1);
        }
    }

    #[test]
    fn nothing_is_left_of_a_draft_that_may_not_be_put_in_place() {
        let built = Built::new();
        let outputs = tempfile::tempdir().unwrap();
        let project = fixture::project(built.manifest.clone(), outputs.path());
        let (sources, failed) = (fixture::observed(&project.manifest), fixture::failed());
        let results = fixture::results(&built.store);
        drop(Contents::new(&project, &sources, &results, &failed).prepare(&built.store).unwrap());
        assert_eq!(all_files(outputs.path()), []);
        assert_eq!(fs::read_dir(outputs.path()).unwrap().count(), 0);
    }
}
