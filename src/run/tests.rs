//! Runs with a fake in place of the stages: what runs, in which order, and what a failure costs.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tempfile::TempDir;

use super::*;
use crate::manifest::{self, Manifest};
use crate::plan::Tasks;
use crate::stages::{Context, Inputs, Measures, Outputs, Pairs, Stage};
use crate::store::{Digest, DiskStore};

/// Gives each stage outputs that depend on its inputs alone, or fails, or changes its mind.
#[derive(Default)]
struct Fake {
    /// Sources with these bytes fail.
    fails_on: Option<&'static [u8]>,
    /// Each run gives something else.
    is_moody: bool,
    n_runs: AtomicUsize,
    reads: Mutex<Vec<usize>>,
}

impl Executor for Fake {
    fn execute(&self, stage: &dyn Stage, inputs: &Inputs, _context: &Context) -> Result<Outputs> {
        let n_runs = self.n_runs.fetch_add(1, Ordering::Relaxed);
        let mut seen = Vec::new();
        for name in stage.reads() {
            self.reads.lock().unwrap().push(inputs.all(name).len());
            for input in inputs.all(name) {
                seen.extend_from_slice(&input.read()?);
            }
        }
        if self.fails_on == Some(&seen) {
            return Err(Error::world("cannot bear it"));
        }
        if self.is_moody {
            seen.push(u8::try_from(n_runs).unwrap());
        }
        // One name too many harms nobody: whoever reads asks for what it knows.
        let mut outputs =
            ["ranges", "spans", "features", "rows", "fingerprint"].map(|name| (name, seen.clone())).to_vec();
        outputs.push(("measures", Measures::default().to_bytes()));
        outputs.push(("pairs", Pairs { pairs: Vec::new() }.to_bytes()));
        outputs.push(("audio", [&seen[..], b"!"].concat()));
        Ok(outputs)
    }
}

/// A project with sources that are only bytes.
struct Bench {
    folder: TempDir,
    manifest: Manifest,
    store: DiskStore,
}

impl Bench {
    fn new(sources: &[(&str, &str, &[u8])]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut text = String::from(
            "[dataset]\nname = \"x\"\nversion = \"0.1.0\"\nlicense = \"CC0-1.0\"\n[segment.whole.whole]\n\
             [embed.timbre.spectral]\nof = \"whole\"\n[reduce.map.pca]\nof = \"timbre\"\n\
             [gate]\nduration_s = []\nduplicate = []\n",
        );
        for (id, source, bytes) in sources {
            fs::write(folder.path().join(source), bytes).unwrap();
            text.push_str(&format!(
                "[[clip]]\nid = \"{id}\"\nsource = \"{source}\"\nlicense = \"CC0-1.0\"\n"
            ));
        }
        let manifest = manifest::parse(text.as_bytes(), "taqsim.toml").manifest.unwrap();
        let store = DiskStore::open(&folder.path().join("cache")).unwrap();
        Self { folder, manifest, store }
    }

    fn run(&self, executor: &dyn Executor, allow_failed: bool) -> Result<Outcome<'_>> {
        self.run_heard(executor, allow_failed, &|| {}, &|_, _| {})
    }

    /// A run before which something happens once it is planned, and whose events somebody hears who can stop it.
    fn run_heard(
        &self,
        executor: &dyn Executor,
        allow_failed: bool,
        before: &dyn Fn(),
        listener: &(dyn Fn(&Event, &AtomicBool) + Sync),
    ) -> Result<Outcome<'_>> {
        let (roots, sources) = self.observed();
        let plan = Plan::of(&self.manifest, &sources, &self.store)?;
        before();
        let cancelled = AtomicBool::new(false);
        let setting = Setting {
            sources: &sources,
            roots: &roots,
            store: &self.store,
            executor,
            cancelled: &cancelled,
            allow_failed,
            memory: None,
            for_tables: false,
            settle: None,
            listener: &|event| listener(event, &cancelled),
        };
        run(&plan, &setting, |_| true)
    }

    fn observed(&self) -> (Roots, Sources) {
        let roots = Roots::new(self.folder.path(), &[]).unwrap();
        let sources = observe(&self.manifest, &roots, &Seen::default(), |_| None, &self.store);
        (roots, sources)
    }

    fn statuses(&self) -> Vec<String> {
        let (_, sources) = self.observed();
        let plan = Plan::of(&self.manifest, &sources, &self.store).unwrap();
        plan.tasks
            .all()
            .map(|task| format!("{} {}", plan.tasks.name(task), plan.status(task).word()))
            .collect()
    }

    fn master(&self, bytes: &[u8]) -> PathBuf {
        let digits = Digest::of(bytes).to_string();
        self.folder.path().join("cache/masters").join(&digits[..2]).join(format!("{}.wav", &digits[2..]))
    }

    /// The names of tasks.
    fn names(&self, tasks: &BTreeSet<Task>) -> Vec<String> {
        let all = Tasks::of(&self.manifest).unwrap();
        tasks.iter().map(|task| all.name(*task)).collect()
    }
}

const THREE: [(&str, &str, &[u8]); 3] = [("a", "a.wav", b"a"), ("b", "b.wav", b"b"), ("c", "c.wav", b"c")];

#[test]
fn every_task_runs_once_and_then_never_again() {
    let bench = Bench::new(&THREE);
    let first = bench.run(&Fake::default(), false).unwrap();
    assert_eq!((first.ran.len(), first.n_recalled), (3 * 3 + 2, 0));
    let second = bench.run(&Fake::default(), false).unwrap();
    assert_eq!((second.ran.len(), second.n_recalled), (0, 11));
}

#[test]
fn equal_work_that_is_under_way_is_not_begun_again() {
    let same: Vec<(String, String)> = (0..40).map(|n| (format!("clip{n}"), format!("{n}.wav"))).collect();
    let same: Vec<(&str, &str, &[u8])> =
        same.iter().map(|(id, source)| (id.as_str(), source.as_str(), &b"the same"[..])).collect();
    let fake = Fake::default();
    let bench = Bench::new(&same);
    let outcome = bench.run(&fake, false).unwrap();
    assert_eq!(fake.n_runs.load(Ordering::Relaxed), 5);
    assert_eq!((outcome.ran.len(), outcome.n_recalled), (5, 3 * 39));
    let results = &outcome.results;
    assert!((0..40).all(|clip| results.of("embed.timbre", Some(clip)).is_some()));
    assert!(results.of("reduce.map", None).is_some());
}

#[test]
fn of_equal_work_the_plan_calls_one_stale_and_the_others_waiting() {
    let bench = Bench::new(&[("a", "a.wav", b"same"), ("b", "b.wav", b"same")]);
    let statuses = bench.statuses();
    assert!(statuses.contains(&"normalize/a stale".to_owned()), "{statuses:?}");
    assert!(statuses.contains(&"normalize/b waiting".to_owned()), "{statuses:?}");
}

#[test]
fn one_bad_clip_stops_nobody_else() {
    let bench = Bench::new(&THREE);
    let fake = Fake { fails_on: Some(b"b"), ..Fake::default() };
    let outcome = bench.run(&fake, false).unwrap();
    assert_eq!((outcome.ran.len(), outcome.failures.len(), outcome.n_skipped), (2 * 3, 1, 2 + 2));
}

#[test]
fn a_dataset_wide_step_goes_on_without_the_bad_clip_if_that_is_allowed() {
    let bench = Bench::new(&THREE);
    let fake = Fake { fails_on: Some(b"b"), ..Fake::default() };
    let outcome = bench.run(&fake, true).unwrap();
    assert_eq!((outcome.ran.len(), outcome.failures.len(), outcome.n_skipped), (2 * 3 + 2, 1, 2));
    assert_eq!(fake.reads.lock().unwrap().last(), Some(&2), "the step reads two clips");
}

#[test]
fn a_lost_value_is_made_again_where_a_stale_task_needs_it() {
    let bench = Bench::new(&[("a", "a.wav", b"a")]);
    bench.run(&Fake::default(), false).unwrap();
    fs::remove_file(bench.master(b"a!")).unwrap();
    assert!(bench.run(&Fake::default(), false).unwrap().ran.is_empty(), "nobody needs it");
    let mut bench = bench;
    bench.manifest.reduce.clear();
    let timbre = bench.manifest.embed.get_mut("timbre").unwrap();
    timbre.kind =
        crate::stages::Embed::Spectral(crate::stages::embed::Spectral { n_mfcc: 13, ..Default::default() });
    let ran = bench.run(&Fake::default(), false).unwrap().ran;
    assert_eq!(bench.names(&ran), ["normalize/a", "embed.timbre/a"]);
}

#[test]
fn a_stage_that_changes_its_mind_is_reported() {
    let mut bench = Bench::new(&[("a", "a.wav", b"a")]);
    let moody = Fake { is_moody: true, ..Fake::default() };
    bench.run(&moody, false).unwrap();
    fs::remove_dir_all(bench.folder.path().join("cache/masters")).unwrap();
    bench.manifest.segment = BTreeMap::from([(
        "whole".to_owned(),
        crate::stages::Segment::Sliding(crate::stages::segment::Sliding::default()),
    )]);
    let outcome = bench.run(&moody, false).unwrap();
    let error = outcome.failures.values().next().unwrap();
    assert!(error.message.contains("came out differently"), "{error}");
    assert_eq!(error.kind, crate::error::Kind::Differs);
}

#[test]
fn a_source_that_changed_since_it_was_looked_at_is_not_used() {
    let bench = Bench::new(&[("a", "a.wav", b"a")]);
    let write = || fs::write(bench.folder.path().join("a.wav"), b"other").unwrap();
    let outcome = bench.run_heard(&Fake::default(), false, &write, &|_, _| {}).unwrap();
    assert!(outcome.failures.values().next().unwrap().message.contains("changed while the build ran"));
}

#[test]
fn whoever_interrupts_gets_no_result_but_keeps_what_is_done() {
    let bench = Bench::new(&THREE);
    let stop_after_the_first = |event: &Event, cancelled: &AtomicBool| {
        if matches!(event, Event::Done { how: How::Ran, .. }) {
            cancelled.store(true, Ordering::Relaxed);
        }
    };
    let error = bench.run_heard(&Fake::default(), false, &|| {}, &stop_after_the_first).unwrap_err();
    assert_eq!(error.kind, crate::error::Kind::Interrupted);
    assert!(bench.run(&Fake::default(), false).unwrap().n_recalled > 0);
}
