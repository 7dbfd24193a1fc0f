//! A hundred thousand clips: what writing, changing one of them and verifying takes, in CPU time and memory.
//!
//! `cargo test --release --lib release::scale -- --ignored --nocapture` prints the figures; Linux only.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Instant;

use super::contents::Contents;
use super::fixture::{self, FakeStore};
use super::{FileState, Lock, verify_tables};
use crate::manifest::{Clip, Label, Manifest};
use crate::plan::{Observed, Results, Sources, Tasks, Wholes};
use crate::stages::{Frame, Measures, Pieces, RangeOfMaster, Span, Spans, Values};
use crate::store::{Digest, Key};

const N_CLIPS: usize = 100_000;
/// Rows of a clip in every table but that of clips.
const N_SEGMENTS: usize = 4;
/// Numbers in a vector.
const DIM: usize = 128;
/// Clips with different values; the values of others repeat, so that the store is small.
const N_DIFFERENT: usize = 64;

fn manifest() -> Manifest {
    let like = fixture::manifest();
    let clip = |index: usize| Clip {
        id: format!("clip-{index:06}"),
        source: format!("sources/recording-{index:06}.flac"),
        labels: [("maqam", Label::Text(["rast", "hijaz", "bayati"][index % 3].into()))].into_iter().collect(),
        ..like.clips[0].clone()
    };
    let mut manifest = Manifest { clips: (0..N_CLIPS).map(clip).collect(), ..like };
    manifest.reduce.clear();
    manifest
}

fn sources(manifest: &Manifest) -> Sources {
    let seen = |clip: &Clip| Observed::Absent(Digest::of(clip.source.as_bytes()));
    Sources(manifest.clips.iter().map(seen).collect())
}

/// As a run leaves them behind: everything about each clip is known.
fn results<'s>(manifest: &Manifest, store: &'s FakeStore) -> Results<'s> {
    let (tasks, sources) = (Tasks::of(manifest).unwrap(), sources(manifest));
    let wholes = Wholes::of(&tasks);
    let different: Vec<_> = (0..N_DIFFERENT).map(|clip| outputs(clip, store)).collect();
    let mut results = Results::none(&tasks, store);
    for clip in 0..N_CLIPS {
        for (step, outputs) in &different[clip % N_DIFFERENT] {
            let outputs = outputs.iter().map(|(name, digest)| (name, *digest));
            let key = Key::from_digest(Digest::of(&clip.to_le_bytes()));
            results.add(fixture::task(&tasks, step, Some(clip)), key, outputs.collect());
        }
        wholes.remember(&tasks, clip, &sources, &mut results, store).unwrap().unwrap();
    }
    results
}

fn outputs(clip: usize, store: &FakeStore) -> Vec<(String, BTreeMap<String, Digest>)> {
    let pieces = Pieces {
        sample_rate: 44_100,
        pieces: vec![RangeOfMaster { source_start: clip as f64, start: 0, end: 882_000 }],
    };
    let measures = Measures {
        codec: "flac".into(),
        sample_rate_hz: 44_100,
        channels: 2,
        duration_s: 20.0 + clip as f64,
        loudness_lufs: Some(-20.0),
        true_peak_dbtp: Some(-1.0),
        gain_db: -3.0,
    };
    let span = |index: u64| Span { range: 0, start: index * 220_500, end: (index + 1) * 220_500 };
    let spans = Spans { spans: (0..N_SEGMENTS as u64).map(span).collect() };
    let mut state = clip as u32;
    let data = (0..N_SEGMENTS * DIM).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state as f32 / u32::MAX as f32
    });
    let features = Frame {
        n_rows: N_SEGMENTS,
        columns: vec![("vector".to_owned(), Values::Lists { dim: DIM, data: data.collect() })],
    };
    let step = |name: &str, outputs: Vec<(&str, Vec<u8>)>| {
        let put = |(name, bytes): (&str, Vec<u8>)| (name.to_owned(), store.put(bytes));
        (name.to_owned(), outputs.into_iter().map(put).collect())
    };
    vec![
        step(
            "normalize",
            vec![
                ("audio", vec![clip as u8]),
                ("ranges", pieces.to_bytes()),
                ("measures", measures.to_bytes()),
            ],
        ),
        step("segment.whole", vec![("spans", spans.to_bytes())]),
        step("embed.timbre", vec![("features", features.to_bytes())]),
    ]
}

/// Runs `work` and prints its CPU time and how much memory it took beyond what there was.
fn measured<T>(what: &str, work: impl FnOnce() -> T) -> T {
    // Linux forgets the peak so far.
    fs::write("/proc/self/clear_refs", "5").unwrap();
    let (before, ticks, began) = (status("VmRSS"), ticks(), Instant::now());
    let result = work();
    let cpu = (self::ticks() - ticks) as f64 / 100.0;
    let memory = status("VmHWM").saturating_sub(before) / 1024;
    println!(
        "{what}: {cpu:.2} s CPU, {:.2} s wall, {memory} MB more at the peak",
        began.elapsed().as_secs_f64()
    );
    result
}

fn status(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn ticks() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<u64> =
        stat.rsplit(')').next().unwrap().split_whitespace().map(|it| it.parse().unwrap_or(0)).collect();
    fields[11] + fields[12]
}

fn build(
    outputs: &Path,
    manifest: &Manifest,
    results: &Results,
    store: &FakeStore,
    before: Option<&Lock>,
) -> Lock {
    let (project, sources, failed) =
        (fixture::project(manifest.clone(), outputs), sources(manifest), BTreeMap::new());
    let contents = Contents::new(&project, &sources, results, &failed);
    let first = measured("  what is it made of", || contents.recall(store));
    assert!(first.is_none());
    let prepared = measured("  parts", || contents.prepare(store).unwrap());
    let lock = measured("  lock made", || contents.lock(prepared.lines(), before));
    measured("  put in place", || contents.write(prepared, store).unwrap());
    measured("  lock compared and written", || {
        assert!(before != Some(&lock));
        lock.write(&outputs.join("taqsim.lock")).unwrap();
    });
    lock
}

#[test]
#[ignore = "takes a minute; prints figures for docs/BENCHMARKS.md"]
fn a_hundred_thousand_clips() {
    let folder = tempfile::tempdir().unwrap();
    let store = FakeStore::default();
    let mut manifest = manifest();
    let results = results(&manifest, &store);
    println!("{N_CLIPS} clips of {N_SEGMENTS} segments, vectors of {DIM} numbers");
    let lock = measured("everything", || build(folder.path(), &manifest, &results, &store, None));
    manifest.clips[4_711].labels.clear();
    let read = measured("lock read", || Lock::read(&folder.path().join("taqsim.lock")).unwrap().unwrap());
    assert_eq!(read, lock);
    let lock =
        measured("one clip changed", || build(folder.path(), &manifest, &results, &store, Some(&lock)));
    let report = measured("verified", || verify_tables(&lock, &folder.path().join("0.1.0")).unwrap());
    assert!(report.files.values().all(|state| *state == FileState::Same));
}
