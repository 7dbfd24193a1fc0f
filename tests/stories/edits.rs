//! The oracle: an incremental build after any edits gives the same bytes as a build from nothing.

use std::fs;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::space::{MANIFEST, Space, music};

/// Something that a researcher does between two builds.
#[derive(Debug, Clone)]
enum Edit {
    Maqam(&'static str),
    Licence(&'static str),
    Id(&'static str),
    RangeEnd(&'static str),
    Hop(&'static str),
    Mfccs(&'static str),
    Reduction(&'static str),
    Segmenter(&'static str),
    Clip(bool),
    Source(u32),
    LoseValues,
    LoseLog,
    LoseDraft,
    TearLog(usize),
}

/// The project as the edits leave it.
#[derive(Debug, Clone)]
struct State {
    maqam: &'static str,
    licence: &'static str,
    id: &'static str,
    range_end: &'static str,
    hop: &'static str,
    n_mfcc: &'static str,
    reduction: &'static str,
    segmenter: &'static str,
    has_third_clip: bool,
    seed: u32,
}

impl State {
    fn new() -> Self {
        Self {
            maqam: "rast",
            licence: "CC0-1.0",
            id: "two",
            range_end: "1.5",
            hop: "0.5",
            n_mfcc: "20",
            reduction: "[reduce.map.pca]",
            segmenter: "[segment.windows.sliding]\nlength = 1.0\nhop    = ",
            has_third_clip: true,
            seed: 1,
        }
    }

    fn apply(&mut self, edit: &Edit) {
        match edit {
            Edit::Maqam(maqam) => self.maqam = maqam,
            Edit::Licence(licence) => self.licence = licence,
            Edit::Id(id) => self.id = id,
            Edit::RangeEnd(end) => self.range_end = end,
            Edit::Hop(hop) => self.hop = hop,
            Edit::Mfccs(n) => self.n_mfcc = n,
            Edit::Reduction(reduction) => self.reduction = reduction,
            Edit::Segmenter(segmenter) => self.segmenter = segmenter,
            Edit::Clip(is_there) => self.has_third_clip = *is_there,
            Edit::Source(seed) => self.seed = *seed,
            Edit::LoseValues | Edit::LoseLog | Edit::LoseDraft | Edit::TearLog(_) => {}
        }
    }

    fn manifest(&self) -> String {
        let manifest = MANIFEST
            .replace("maqam = \"rast\"", &format!("maqam = \"{}\"", self.maqam))
            .replace("CC0-1.0", self.licence)
            .replace("\"two\"", &format!("\"{}\"", self.id))
            .replace("\"0-1.5\"", &format!("\"0-{}\"", self.range_end))
            .replace(
                "[segment.windows.sliding]\nlength = 1.0\nhop    = 0.5",
                &format!("{}{}", self.segmenter, self.hop),
            )
            .replace("of = \"windows\"", &format!("of = \"windows\"\nn_mfcc = {}", self.n_mfcc))
            .replace("[reduce.map.pca]", self.reduction);
        let third = manifest.rfind("[[clip]]").unwrap();
        if self.has_third_clip { manifest } else { manifest[..third].to_owned() }
    }

    fn write(&self, space: &Space) {
        space.write("taqsim.toml", self.manifest());
        for (name, seed) in [("one", self.seed), ("two", 2), ("three", 3)] {
            space.write(&format!("sources/{name}.wav"), music(3.0, seed));
        }
    }
}

fn edits() -> impl Strategy<Value = Edit> {
    prop_oneof![
        prop::sample::select(vec!["rast", "hijaz"]).prop_map(Edit::Maqam),
        prop::sample::select(vec!["CC0-1.0", "CC-BY-4.0"]).prop_map(Edit::Licence),
        prop::sample::select(vec!["two", "zwei"]).prop_map(Edit::Id),
        prop::sample::select(vec!["1.5", "1.25"]).prop_map(Edit::RangeEnd),
        prop::sample::select(vec!["0.5", "0.75"]).prop_map(Edit::Hop),
        prop::sample::select(vec!["20", "13"]).prop_map(Edit::Mfccs),
        prop::sample::select(vec!["[reduce.map.pca]", "[reduce.map.kmeans]\nk = 2"])
            .prop_map(Edit::Reduction),
        prop::sample::select(vec![
            "[segment.windows.sliding]\nlength = 1.0\nhop    = ",
            "[segment.windows.silence]\nmin_silence = ",
        ])
        .prop_map(Edit::Segmenter),
        any::<bool>().prop_map(Edit::Clip),
        prop::sample::select(vec![1u32, 7]).prop_map(Edit::Source),
        Just(Edit::LoseValues),
        Just(Edit::LoseLog),
        Just(Edit::LoseDraft),
        (1usize..400).prop_map(Edit::TearLog),
    ]
}

fn damage(space: &Space, edit: &Edit) {
    match edit {
        Edit::LoseValues => space.lose_values(),
        Edit::LoseLog => drop(fs::remove_dir_all(space.path("cache/log"))),
        Edit::LoseDraft => drop(fs::remove_dir_all(space.path("outputs"))),
        Edit::TearLog(n_bytes) => {
            for (name, log) in space.files("cache/log") {
                space.write(&format!("cache/log/{name}"), &log[..log.len().saturating_sub(*n_bytes)]);
            }
        }
        _ => {}
    }
}

#[test]
fn a_build_after_any_edits_is_a_build_from_nothing() {
    let n_cases = if std::env::var_os("TAQSIM_SLOW_TESTS").is_some() { 24 } else { 4 };
    let config =
        Config { cases: n_cases, failure_persistence: None, max_shrink_iters: 30, ..Config::default() };
    let sequences = prop::collection::vec(prop::collection::vec(edits(), 1..4), 1..5);
    TestRunner::new(config)
        .run(&sequences, |sequence| {
            let space = Space::new();
            let mut state = State::new();
            for edits in &sequence {
                for edit in edits {
                    state.apply(edit);
                    damage(&space, edit);
                }
                state.write(&space);
                space.build().succeeds();
            }
            let from_nothing = Space::empty();
            state.write(&from_nothing);
            from_nothing.build().succeeds();
            prop_assert_eq!(from_nothing.published(), space.published());
            Ok(())
        })
        .unwrap();
}
