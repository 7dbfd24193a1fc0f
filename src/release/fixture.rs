//! A small dataset for the tests of this room: three clips, of which one is only in the manifest.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use super::{Lock, Table, TableLine, join, table_digest};
use crate::error::Result;
use crate::manifest::{Clip, Dataset, Label, Manifest, Of, Range, Vocabulary};
use crate::plan::{Results, Task, Tasks};
use crate::stages::{
    Embed, Frame, Input, Measures, Normalize, Pieces, RangeOfMaster, Reduce, Segment, Span, Spans, Values,
};
use crate::store::{Digest, FileRecord, Key, OutputDigests, Recipe, Store};

/// A store in memory, of values only.
#[derive(Debug, Default)]
pub(super) struct FakeStore(Mutex<BTreeMap<Digest, Vec<u8>>>);

impl FakeStore {
    pub(super) fn put(&self, bytes: Vec<u8>) -> Digest {
        let digest = Digest::of(&bytes);
        self.0.lock().unwrap().insert(digest, bytes);
        digest
    }

    pub(super) fn lose(&self, digest: &Digest) {
        self.0.lock().unwrap().remove(digest);
    }
}

impl Store for FakeStore {
    fn recall(&self, _key: &Key) -> Option<OutputDigests> {
        None
    }

    fn knows(&self, _key: &Key) -> bool {
        false
    }

    fn recipe(&self, _key: &Key) -> Option<Recipe> {
        None
    }

    fn remember(&self, _recipe: &Recipe, _outputs: &OutputDigests) -> Result<()> {
        Ok(())
    }

    fn last(&self, _name: &str) -> Option<Key> {
        None
    }

    fn remember_last(&self, _name: &str, _key: &Key) -> Result<()> {
        Ok(())
    }

    fn has(&self, digest: &Digest) -> bool {
        self.0.lock().unwrap().contains_key(digest)
    }

    fn length(&self, _digest: &Digest) -> Option<u64> {
        None
    }

    fn read(&self, digest: &Digest) -> Result<Option<Input>> {
        Ok(self.0.lock().unwrap().get(digest).map(|bytes| Input::bytes(bytes.clone())))
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
        segment: [("whole".to_owned(), Segment::every_kind().swap_remove(0))].into(),
        embed: [("timbre".to_owned(), Of { of: "whole".into(), kind: Embed::every_kind().swap_remove(0) })]
            .into(),
        reduce: [("map".to_owned(), Of { of: "timbre".into(), kind: Reduce::every_kind().swap_remove(0) })]
            .into(),
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
    Spans { spans: (0..n).map(span).collect() }
}

fn measures(n: usize) -> Measures {
    Measures {
        codec: "pcm_s16le".into(),
        sample_rate_hz: 48_000,
        channels: 2,
        duration_s: n as f64,
        loudness_lufs: (n == 1).then_some(-20.5),
        true_peak_dbtp: Some(-3.0),
        gain_db: -2.5,
    }
}

fn features(clip: usize, n: usize) -> Frame {
    let row = |i: usize| [10.0 * clip as f32 + i as f32, -0.0, f32::NAN];
    let vector = Values::Lists { dim: 3, data: (0..n).flat_map(row).collect() };
    let centroid = Values::Floats((0..n).map(|i| (i == 0).then_some(440.0)).collect());
    Frame { n_rows: n, columns: vec![("vector".to_owned(), vector), ("centroid_hz".to_owned(), centroid)] }
}

pub(super) fn tables() -> Vec<Table> {
    let store = FakeStore::default();
    join(&manifest(), &sources(), &results(&store), &store, &failed()).unwrap()
}

pub(super) fn lock() -> Lock {
    let line = |table: &Table| TableLine { digest: table_digest(table), rows: table.frame.n_rows as u64 };
    let lines = tables().iter().map(|table| (table.file(), line(table))).collect();
    Lock::of(&manifest(), &sources(), lines, BTreeMap::new(), None)
}
