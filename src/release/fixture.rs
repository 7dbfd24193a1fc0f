//! A small dataset for the tests of this room: three clips, of which one is only in the manifest.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use super::contents::Contents;
use super::entries::clip_lines;
use super::parts::Layout;
use super::tables::Joiner;
use super::{ClipLine, FilesRead, Lock, Project, Table, TableLine, table_digest};
use crate::error::Result;
use crate::manifest::{Clip, Dataset, Gate, Label, Manifest, Of, Range, Then, Vocabulary};
use crate::plan::{Broken, Observed, Results, Sources, Task, Tasks, Verdict, Verdicts};
use crate::run::Roots;
use crate::signal::quality::Quality;
use crate::stages::{
    Embed, Frame, Input, Measures, Normalize, Pieces, RangeOfMaster, Reduce, Segment, Span, Spans, Values,
};
use crate::store::{Digest, FileRecord, Key, OutputDigests, Recipe, Store};

/// A store in memory.
#[derive(Debug, Default)]
pub(super) struct FakeStore {
    values: Mutex<BTreeMap<Digest, Vec<u8>>>,
    recipes: Mutex<BTreeMap<Key, OutputDigests>>,
    /// What was remembered, in order.
    pub(super) remembered: Mutex<Vec<Recipe>>,
}

impl FakeStore {
    pub(super) fn put(&self, bytes: Vec<u8>) -> Digest {
        let digest = Digest::of(&bytes);
        self.values.lock().unwrap().insert(digest, bytes);
        digest
    }

    /// Loses the values that `is_meant` says, or puts other bytes in their place.
    pub(super) fn harm(&self, is_meant: impl Fn(&[u8]) -> bool, bytes: Option<Vec<u8>>) {
        let mut values = self.values.lock().unwrap();
        match bytes {
            Some(bytes) => {
                values.values_mut().filter(|value| is_meant(value)).for_each(|value| *value = bytes.clone())
            }
            None => values.retain(|_, value| !is_meant(value)),
        }
    }

    pub(super) fn lose(&self, digest: &Digest) {
        self.values.lock().unwrap().remove(digest);
    }
}

impl Store for FakeStore {
    fn recall(&self, key: &Key) -> Option<OutputDigests> {
        self.recipes.lock().unwrap().get(key).cloned()
    }

    fn knows(&self, key: &Key) -> bool {
        self.recipes.lock().unwrap().contains_key(key)
    }

    fn recipe(&self, _key: &Key) -> Option<Recipe> {
        None
    }

    fn remember(&self, recipe: &Recipe, outputs: &OutputDigests) -> Result<()> {
        self.recipes.lock().unwrap().insert(recipe.key(), outputs.clone());
        self.remembered.lock().unwrap().push(recipe.clone());
        Ok(())
    }

    fn last(&self, _name: &str) -> Option<Key> {
        None
    }

    fn remember_last(&self, _name: &str, _key: &Key) -> Result<()> {
        Ok(())
    }

    fn has(&self, digest: &Digest) -> bool {
        self.values.lock().unwrap().contains_key(digest)
    }

    fn length(&self, _digest: &Digest) -> Option<u64> {
        None
    }

    fn read(&self, digest: &Digest) -> Result<Option<Input>> {
        Ok(self.values.lock().unwrap().get(digest).map(|bytes| Input::bytes(bytes.clone())))
    }

    fn later(&self, _digest: &Digest) -> Option<Input> {
        None
    }

    fn keep(&self, outputs: &[(&str, Vec<u8>)]) -> Result<OutputDigests> {
        Ok(outputs.iter().map(|(name, bytes)| (*name, self.put(bytes.clone()))).collect())
    }

    fn pace(&self, _kind: &str) -> Option<Duration> {
        None
    }

    fn file(&self, _path: &str) -> Option<FileRecord> {
        None
    }

    fn remember_file(&self, _path: &str, _record: FileRecord) -> Result<()> {
        Ok(())
    }
}

fn text(text: &str) -> Label {
    Label::Text(text.into())
}

pub(super) fn manifest() -> Manifest {
    let labels =
        |labels: &[(&str, Label)]| labels.iter().map(|(name, label)| (*name, label.clone())).collect();
    let clip = |id: &str, ranges: Vec<Range>, all: &[(&str, Label)]| Clip {
        id: id.into(),
        source: format!("sources/{id}.wav"),
        license: "CC0-1.0".into(),
        origin: None,
        ranges,
        labels: labels(all),
        accept: Vec::new(),
    };
    let range = |start, end, own: &[(&str, Label)]| Range { start, end, labels: labels(own) };
    let rast = [("maqam", text("rast")), ("tonic_hz", Label::Number(146.5)), ("live", Label::Bool(true))];
    let intro = [("section", text("giriş"))];
    Manifest {
        dataset: Dataset {
            name: "oud".into(),
            version: "0.1.0".into(),
            license: "CC-BY-4.0".into(),
            authors: vec!["Münir".into()],
            description: Some("Taqasim for tests".into()),
        },
        labels: [
            ("maqam", Vocabulary::Text),
            ("section", Vocabulary::Text),
            ("tonic_hz", Vocabulary::Number),
            ("live", Vocabulary::Bool),
        ]
        .map(|(name, vocabulary)| (name.to_owned(), vocabulary))
        .into(),
        normalize: Normalize::default(),
        gate: Gate::default(),
        segment: [("whole".to_owned(), Segment::every_kind().swap_remove(0))].into(),
        embed: [("timbre".to_owned(), Of { of: "whole".into(), kind: Embed::every_kind().swap_remove(0) })]
            .into(),
        reduce: [("map".to_owned(), Of { of: "timbre".into(), kind: Reduce::every_kind().swap_remove(0) })]
            .into(),
        evaluate: None,
        split: None,
        clips: vec![
            clip("b", vec![], &[("section", text("all"))]),
            clip("gürültü", vec![], &[]),
            clip("تقسيم", vec![range(1.0, 2.0, &intro), range(3.0005, 4.0, &[])], &rast),
        ],
    }
}

/// The sources of the clips that were built, by path.
pub(super) fn sources() -> BTreeMap<String, Digest> {
    [("sources/b.wav", b"b.wav"), ("sources/تقسيم.wav", b"t.wav")]
        .map(|(path, bytes)| (path.to_owned(), Digest::of(bytes)))
        .into()
}

/// The clip that failed, and why.
pub(super) fn failed() -> BTreeMap<String, String> {
    [("gürültü".to_owned(), "cannot decode: no frames".to_owned())].into()
}

/// The task of a step for a clip.
pub(super) fn task(tasks: &Tasks, step: &str, clip: Option<usize>) -> Task {
    Task { step: tasks.steps.iter().position(|found| found.name == step).unwrap(), clip }
}

/// What the stages would have made of the manifest: 1 and 2 segments, vectors of three numbers.
pub(super) fn results(store: &FakeStore) -> Results<'_> {
    let manifest = manifest();
    let tasks = Tasks::of(&manifest).unwrap();
    let mut results = Results::none(&tasks, store);
    let mut put = |step: &str, clip, outputs: Vec<(&str, Vec<u8>)>| {
        let digests = outputs.into_iter().map(|(name, bytes)| (name, store.put(bytes))).collect();
        results.add(task(&tasks, step, clip), Key::from_digest(Digest::of(b"")), digests);
    };
    // The first clip's master has the greater digest: the clips' order by content is not the one by id.
    assert!(Digest::of(b"second") > Digest::of(b"first"));
    for (clip, audio, n) in [(0, &b"second"[..], 1), (2, &b"first"[..], 2)] {
        let normalized = vec![
            ("audio", audio.to_vec()),
            ("ranges", pieces(n).to_bytes()),
            ("measures", measures(n).to_bytes()),
        ];
        put("normalize", Some(clip), normalized);
        put("segment.whole", Some(clip), vec![("spans", spans(n).to_bytes())]);
        put("embed.timbre", Some(clip), vec![("features", features(clip, n).to_bytes())]);
    }
    // In the order of the contents: the two rows of the third clip, then that of the first.
    let x = ("x".to_owned(), Values::Singles(vec![20.0, 21.0, 0.0]));
    let note = ("note".to_owned(), Values::Texts(vec![Some("İ".into()), None, Some(String::new())]));
    let rows = Frame { n_rows: 3, columns: vec![x, note] };
    put("reduce.map", None, vec![("rows", rows.to_bytes())]);
    results
}

fn pieces(n: usize) -> Pieces {
    let starts = [1.0, 3.0005];
    let piece = |i: usize| RangeOfMaster {
        source_start: starts[i],
        start: 1000 * i as u64,
        end: 1000 * (i as u64 + 1),
    };
    Pieces { sample_rate: 1000, pieces: (0..n).map(piece).collect() }
}

fn spans(n: usize) -> Spans {
    let span = |i: usize| Span { range: i, start: 1000 * i as u64, end: 1000 * i as u64 + 500 };
    Spans { spans: (0..n).map(span).collect(), ..Spans::default() }
}

fn measures(n: usize) -> Measures {
    Measures {
        codec: "pcm_s16le".into(),
        sample_rate_hz: 48_000,
        channels: 2,
        bit_depth: Some(16),
        pcm_blake3: format!("{n}"),
        duration_s: n as f64,
        loudness_lufs: (n == 1).then_some(-20.5),
        loudness_range_lu: Some(6.5),
        momentary_max_lufs: Some(-15.0),
        short_term_max_lufs: None,
        true_peak_dbtp: Some(-3.0),
        channels_to_master: "mean of FL FR".into(),
        gain_db: -2.5,
        quality: Quality::default(),
    }
}

fn features(clip: usize, n: usize) -> Frame {
    let row = |i: usize| [10.0 * clip as f32 + i as f32, -0.0, f32::NAN];
    let vector = Values::Lists { dim: 3, data: (0..n).flat_map(row).collect() };
    let centroid = Values::Floats((0..n).map(|i| (i == 0).then_some(440.0)).collect());
    Frame { n_rows: n, columns: vec![("vector".to_owned(), vector), ("centroid_hz".to_owned(), centroid)] }
}

/// The lines of the clips in the lock.
pub(super) fn lines() -> Vec<ClipLine> {
    let (manifest, sources) = (manifest(), sources());
    clip_lines(&manifest, |clip| sources.get(&manifest.clips[clip].source).copied())
}

/// All tables of all clips.
pub(super) fn join(
    results: &Results,
    store: &FakeStore,
    failed: &BTreeMap<String, String>,
) -> Result<Vec<Table>> {
    let (manifest, lines) = (manifest(), lines());
    let joiner = Joiner { manifest: &manifest, lines: &lines, splits: &[], results, store, failed };
    let (batch, rest) = joiner.batch(&[0, 1, 2])?;
    assert!(rest.is_empty());
    let mut tables = joiner.tables(&batch)?;
    tables.push(joiner.answers_table(&joiner.answers("map", &[vec![0, 1, 2]])?, &batch)?);
    Ok(tables)
}

pub(super) fn tables() -> Vec<Table> {
    let store = FakeStore::default();
    join(&results(&store), &store, &failed()).unwrap()
}

/// What the gate might say: the first clip is left out, the third one flagged.
pub(super) fn verdicts() -> Verdicts {
    let broken = |then| Broken { name: "snr_db".into(), then, why: "`snr_db` is 1, below 2".into() };
    let verdict = |then| Verdict { broken: vec![broken(then)], duplicate: None };
    [(0, verdict(Then::Exclude)), (2, verdict(Then::Warn))].into_iter().collect()
}

/// A project with its folder of outputs.
pub(super) fn project(manifest: Manifest, outputs: &Path) -> Project {
    let folder = std::env::temp_dir();
    let roots = Roots::new(&folder, &[]).unwrap();
    Project {
        manifest,
        read: Vec::new(),
        globs: Vec::new(),
        has_warnings: false,
        cache: folder.join("none"),
        folder,
        roots,
        other_roots: Vec::new(),
        outputs: outputs.to_owned(),
    }
}

/// What would have been seen of the sources.
pub(super) fn observed(manifest: &Manifest) -> Sources {
    let sources = sources();
    let absent = || Observed::Unusable(crate::error::Error::world("no such file"));
    let seen =
        |clip: &Clip| sources.get(&clip.source).map_or_else(absent, |digest| Observed::Absent(*digest));
    Sources { clips: manifest.clips.iter().map(seen).collect(), ..Sources::default() }
}

/// Builds the draft in `outputs`; what is in `store` is known already.
pub(super) fn draft(
    outputs: &Path,
    manifest: &Manifest,
    layout: Layout,
    store: &FakeStore,
) -> Result<BTreeMap<String, TableLine>> {
    draft_of(outputs, manifest, &results(store), layout, store)
}

/// The same, of other results.
pub(super) fn draft_of(
    outputs: &Path,
    manifest: &Manifest,
    results: &Results,
    layout: Layout,
    store: &FakeStore,
) -> Result<BTreeMap<String, TableLine>> {
    let (project, sources, failed) = (project(manifest.clone(), outputs), observed(manifest), failed());
    let contents = Contents::with_layout(&project, &sources, results, &failed, layout);
    if let Some(lines) = contents.recall(store) {
        return Ok(lines);
    }
    let prepared = contents.prepare(store)?;
    let lines = prepared.lines();
    contents.write(prepared, store)?;
    assert_eq!(contents.recall(store), Some(lines.clone()));
    Ok(lines)
}

pub(super) fn lock() -> Lock {
    let line = |table: &Table| TableLine { digest: table_digest(table), rows: table.frame.n_rows as u64 };
    let tables = tables().iter().map(|table| (table.file(), line(table))).collect();
    Lock::of(&manifest(), (&lines(), FilesRead::default()), tables, BTreeMap::new(), None)
}
