//! Evaluation of made-up performances: what is there is found, what is not is not, and every gap has its reason.

use std::sync::atomic::AtomicBool;

use super::evaluated::{Measured, Protocol, Role, Score, Verdict};
use super::*;
use crate::signal::Random;
use crate::signal::evidence::Trial;
use crate::stages::{Frame, Input, Measures, Pieces, RangeOfMaster, Span, Spans, Values};

/// Clips of four segments each, of which three numbers are known.
struct Made {
    truth: Truth,
    features: Vec<Vec<[f32; 3]>>,
    loudness: Vec<Option<f64>>,
    clusters: Option<Vec<Option<i64>>>,
}

impl Made {
    /// `of_clip` says of each clip its maqam, its artist, and where its numbers lie.
    fn new(n: usize, of_clip: impl Fn(usize) -> (Option<&'static str>, &'static str, [f32; 3])) -> Self {
        let mut random = Random::new(n as u64);
        let (mut clips, mut features) = (Vec::new(), Vec::new());
        for clip in 0..n {
            let (maqam, artist, place) = of_clip(clip);
            let labels = vec![maqam.map(str::to_owned), Some(artist.to_owned())];
            clips.push(TruthOfClip { labels, ranges: Vec::new(), recording: clip });
            let own = [(); 3].map(|()| random.normal() as f32 * 0.3);
            let row =
                |random: &mut Random| [0, 1, 2].map(|at| place[at] + own[at] + random.normal() as f32 * 0.3);
            features.push((0..4).map(|_| row(&mut random)).collect());
        }
        let truth = Truth { labels: vec!["maqam".into(), "artist".into()], artist: Some(1), clips };
        let loudness = (0..n).map(|clip| Some(-30.0 + clip as f64)).collect();
        Self { truth, features, loudness, clusters: None }
    }

    fn inputs(&self) -> Inputs {
        let mut inputs = Inputs::default();
        inputs.push("labels", Input::bytes(self.truth.to_bytes()));
        let pieces = vec![RangeOfMaster { source_start: 0.0, start: 0, end: 400 }];
        let spans = (0..4).map(|at| Span { range: 0, start: at * 100, end: at * 100 + 100 }).collect();
        let spans = Spans { spans, ..Spans::default() };
        for (rows, loudness_lufs) in self.features.iter().zip(&self.loudness) {
            let vector = Values::Lists { dim: 3, data: rows.concat() };
            let frame = Frame { n_rows: rows.len(), columns: vec![("vector".into(), vector)] };
            inputs.push("features", Input::bytes(frame.to_bytes()));
            inputs.push("spans", Input::bytes(spans.to_bytes()));
            inputs
                .push("ranges", Input::bytes(Pieces { sample_rate: 100, pieces: pieces.clone() }.to_bytes()));
            let measures = Measures { loudness_lufs: *loudness_lufs, ..Measures::default() };
            inputs.push("measures", Input::bytes(measures.to_bytes()));
        }
        if let Some(clusters) = &self.clusters {
            let columns = vec![("cluster".to_owned(), Values::Ints(clusters.clone()))];
            inputs.push("rows", Input::bytes(Frame { n_rows: clusters.len(), columns }.to_bytes()));
        }
        inputs
    }

    fn evaluated(&self) -> Evaluated {
        self.with(&Evaluation::default()).unwrap()
    }

    fn with(&self, stage: &Evaluation) -> Result<Evaluated> {
        let outputs = stage.run(&self.inputs(), &Context::new(&AtomicBool::new(false)))?;
        Evaluated::read(&Input::bytes(outputs[0].1.clone()))
    }
}

fn score(evaluated: &Evaluated, label: &str, protocol: Protocol, measure: Measured) -> Score {
    let is_meant =
        |score: &&Score| score.label == label && score.protocol == protocol && score.measure == measure;
    evaluated
        .scores
        .iter()
        .find(is_meant)
        .unwrap_or_else(|| panic!("{label} {protocol:?} {measure:?}"))
        .clone()
}

fn knn(evaluated: &Evaluated, protocol: Protocol) -> Score {
    score(evaluated, "maqam", protocol, Measured::Knn)
}

const MAQAMAT: [&str; 3] = ["hijaz", "rast", "saba"];
const ARTISTS: [&str; 4] = ["a", "b", "c", "d"];
const NOWHERE: [f32; 3] = [0.0; 3];

fn place(nth: usize) -> [f32; 3] {
    [[3.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, 3.0]][nth % 3]
}

/// Every artist plays every maqam, and the maqam is heard.
fn heard() -> Made {
    Made::new(36, |clip| (Some(MAQAMAT[clip % 3]), ARTISTS[clip / 3 % 4], place(clip)))
}

#[test]
fn a_label_that_is_heard_is_found_under_every_protocol() {
    let evaluated = heard().evaluated();
    for protocol in [Protocol::Random, Protocol::LeaveRecordingOut, Protocol::LeaveArtistOut] {
        let found = knn(&evaluated, protocol);
        assert_eq!((found.n, found.n_recordings, found.n_classes), (144, 36, 3));
        assert_eq!((found.p, found.chance, found.note), (Some(0.001), Some(1.0 / 3.0), None), "{protocol:?}");
        assert_eq!(found.verdict, Some(Verdict::AboveChance));
        let (value, (low, high)) = (found.value.unwrap(), found.interval.unwrap());
        assert!(value > 0.9 && low <= value && value <= high, "{value} {low} {high}");
        let probe = score(&evaluated, "maqam", protocol, Measured::Probe);
        assert!(probe.value.unwrap() > 0.9);
        assert_eq!(probe.p, Some(0.001));
    }
    let of = |label: &str, measure| score(&evaluated, label, Protocol::All, measure);
    assert!(of("maqam", Measured::Silhouette).value.unwrap() > 0.4);
    assert!(of("maqam", Measured::CramersV).value.unwrap() < 0.1);
    assert!(of("recording", Measured::Nearer).value.unwrap() > 0.8);
    let (within, between) = (of("recording", Measured::Within), of("recording", Measured::Between));
    assert!(within.value < between.value);
    // Four segments lie a quarter apart: near are neighbours, far are the first and the last.
    assert!(of("recording", Measured::WithinFar).value.is_some());
    assert_eq!(of("artist", Measured::Silhouette).role, Role::Nuisance);
    // Every segment was taken for something, and what is known is told apart.
    let of_knn = |it: &&Confused| {
        it.label == "maqam" && it.protocol == Protocol::LeaveArtistOut && it.by == Measured::Knn
    };
    let cells: Vec<&Confused> = evaluated.confusion.iter().filter(of_knn).collect();
    assert_eq!(cells.iter().map(|cell| cell.n).sum::<u64>(), 144);
    let is_right = |cell: &&&Confused| cell.told.as_deref() == Some(cell.truth.as_str());
    assert!(cells.iter().filter(is_right).map(|cell| cell.n).sum::<u64>() > 130);
}

#[test]
fn a_label_that_is_not_there_is_not_found_though_recordings_are() {
    // Every recording has a place of its own: whoever let its segments stand on both sides would find any label.
    let far = |clip: usize| [clip * 7 % 36, clip * 11 % 36, clip * 5 % 36].map(|at| at as f32 * 3.0);
    let made =
        Made::new(36, |clip| (Some(MAQAMAT[clip * clip / 3 % 3]), ARTISTS[clip * 5 / 3 % 4], far(clip)));
    let evaluated = made.evaluated();
    for protocol in [Protocol::Random, Protocol::LeaveRecordingOut, Protocol::LeaveArtistOut] {
        assert_eq!(knn(&evaluated, protocol).verdict, Some(Verdict::NotAboveChance), "{protocol:?}");
        let recording = score(&evaluated, "recording", protocol, Measured::Knn);
        let note = "segments of one recording never stand on both sides";
        assert_eq!((recording.value, recording.note.as_deref()), (None, Some(note)));
    }
    let nearer = score(&evaluated, "recording", Protocol::All, Measured::Nearer);
    assert!(nearer.value.unwrap() > 0.99 && nearer.interval.unwrap().0 > 0.98);
}

#[test]
fn where_label_and_artist_coincide_nothing_is_concluded() {
    let evaluated =
        Made::new(36, |clip| (Some(MAQAMAT[clip % 3]), ARTISTS[clip % 3], place(clip))).evaluated();
    assert_eq!(score(&evaluated, "maqam", Protocol::All, Measured::CramersV).value, Some(1.0));
    for protocol in [Protocol::Random, Protocol::LeaveRecordingOut] {
        let found = knn(&evaluated, protocol);
        assert_eq!(found.verdict, Some(Verdict::Refused));
        assert!(found.value.unwrap() > 0.9);
        let note = found.note.unwrap();
        assert!(note.starts_with("no conclusion: `maqam` and `artist` coincide (Cramér's V 1.00)"), "{note}");
    }
    let found = knn(&evaluated, Protocol::LeaveArtistOut);
    let note = "no value of `maqam` has two artists: none can be recognised from another";
    assert_eq!((found.value, found.note.as_deref()), (None, Some(note)));
}

#[test]
fn artists_of_one_maqam_each_are_told_from_it_by_leaving_them_out() {
    // Twelve artists, each of one maqam: V is 1, but other artists play the same.
    const MANY: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
    let evaluated = Made::new(36, |clip| (Some(MAQAMAT[clip % 3]), MANY[clip % 12], place(clip))).evaluated();
    assert_eq!(knn(&evaluated, Protocol::LeaveRecordingOut).verdict, Some(Verdict::Refused));
    assert_eq!(knn(&evaluated, Protocol::LeaveArtistOut).verdict, Some(Verdict::AboveChance));
    // It is the artist who is heard, and each plays one maqam.
    let far = |clip: usize| [7, 5, 11].map(|by| (clip % 12 * by % 12) as f32 * 9.0);
    let evaluated = Made::new(36, |clip| (Some(MAQAMAT[clip % 3]), MANY[clip % 12], far(clip))).evaluated();
    let found = knn(&evaluated, Protocol::LeaveRecordingOut);
    assert!(found.value.unwrap() > 0.9 && found.verdict == Some(Verdict::Refused));
    assert_eq!(knn(&evaluated, Protocol::LeaveArtistOut).verdict, Some(Verdict::NotAboveChance));
}

#[test]
fn what_cannot_be_tried_says_why() {
    let note = |made: &Made, protocol| {
        let found = knn(&made.evaluated(), protocol);
        assert!(found.value.is_none() && found.p.is_none() && found.verdict.is_none());
        found.note.unwrap()
    };
    let none = Made::new(6, |_| (None, "a", NOWHERE));
    assert_eq!(note(&none, Protocol::Random), "no segment has a `maqam` here");
    let one = Made::new(6, |clip| (Some("rast"), ARTISTS[clip % 4], NOWHERE));
    assert!(note(&one, Protocol::LeaveArtistOut).starts_with("`maqam` has one value only"));
    let each = Made::new(3, |clip| (Some(MAQAMAT[clip]), "a", place(clip)));
    assert!(note(&each, Protocol::LeaveRecordingOut).starts_with("no value of `maqam` has two recordings"));
    let nobody = Made::new(0, |_| (None, "a", NOWHERE));
    assert!(nobody.evaluated().scores.iter().all(|score| score.value.is_none() && score.note.is_some()));
    // Fewer recordings than heaps, and a value that only one recording has.
    let few = Made::new(3, |clip| (Some(MAQAMAT[clip / 2]), ARTISTS[clip], place(clip / 2))).evaluated();
    let found = knn(&few, Protocol::Random);
    assert!(found.value.is_some());
    assert!(found.note.unwrap().ends_with("1 of 2 values has one recording only, and cannot be recognised"));
}

#[test]
fn a_label_that_is_missing_for_some_clips_is_judged_by_the_others() {
    let made = Made::new(36, |clip| {
        (Some(MAQAMAT[clip % 3]).filter(|_| clip < 18), ARTISTS[clip / 3 % 4], place(clip))
    });
    let found = knn(&made.evaluated(), Protocol::LeaveArtistOut);
    assert_eq!((found.n, found.n_recordings, found.verdict), (72, 18, Some(Verdict::AboveChance)));
    assert!(found.value.unwrap() > 0.9);
}

#[test]
fn a_section_stands_over_the_clips_label_and_is_tested_within_recordings() {
    let mut made = heard();
    for clip in &mut made.truth.clips {
        clip.ranges = vec![vec![Some("saba".into()), None]];
    }
    let found = knn(&made.evaluated(), Protocol::Random);
    assert!(found.note.unwrap().starts_with("`maqam` has one value only"));
}

#[test]
fn loudness_that_is_heard_is_a_nuisance_that_shows() {
    let mut made = Made::new(36, |clip| {
        (Some(MAQAMAT[clip * clip / 3 % 3]), ARTISTS[clip % 4], [clip as f32, 0.0, 0.0])
    });
    let found = score(&made.evaluated(), "loudness_lufs", Protocol::LeaveRecordingOut, Measured::Knn);
    assert_eq!((found.verdict, found.n_classes, found.role), (Some(Verdict::AboveChance), 4, Role::Nuisance));
    made.loudness = vec![Some(-23.0); 36];
    let found = score(&made.evaluated(), "loudness_lufs", Protocol::LeaveRecordingOut, Measured::Knn);
    assert!(found.note.unwrap().starts_with("`loudness_lufs` has one value only"));
}

#[test]
fn clusters_are_held_against_every_label() {
    let mut made = heard();
    made.clusters = Some((0..144).map(|row| Some(row / 4 % 3).filter(|_| row > 3)).collect());
    let evaluated = made.evaluated();
    let of = |label: &str, measure| score(&evaluated, label, Protocol::Clusters(0), measure);
    let found = of("maqam", Measured::AdjustedRand);
    assert!(found.value.unwrap() > 0.9 && found.p == Some(0.001));
    assert!(of("maqam", Measured::MutualInformation).value.unwrap() > 0.9);
    assert!(of("artist", Measured::AdjustedRand).p.unwrap() > 0.05);
    assert!(of("recording", Measured::AdjustedRand).p.is_none());
    made.clusters = Some(vec![None; 3]);
    assert!(made.with(&Evaluation::default()).is_err());
}

#[test]
fn a_number_that_is_none_is_an_error_with_its_place() {
    let mut made = heard();
    made.features[7][2][1] = f32::NAN;
    let error = made.with(&Evaluation::default()).unwrap_err();
    assert_eq!(error.message, "cannot evaluate these rows: number 1 of `vector` in row 2 is not finite");
    assert_eq!(error.input, Some(7));
}

#[test]
fn the_same_bits_come_from_any_number_of_threads_and_other_bits_from_another_seed() {
    let made = heard();
    let on = |n_threads: usize, seed: u64| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| made.with(&Evaluation { seed, rows: 100, ..Evaluation::default() }).unwrap())
    };
    let first = on(1, 0);
    assert_eq!(on(3, 0), first);
    assert_ne!(on(3, 1), first);
    assert_eq!(knn(&first, Protocol::Random).n, 72, "of 36 recordings two segments each are at most 100");
}

#[test]
fn labels_that_were_shuffled_are_seldom_found() {
    // Recordings lie each in a place of its own. With p <= 0.05 as the limit, 7 % of 200 is what a right test
    // exceeds in one case of ten.
    let far = |clip: usize| [clip * 7 % 24, clip * 11 % 24, clip * 5 % 24].map(|at| at as f32);
    let made = Made::new(24, |clip| (Some(MAQAMAT[clip % 3]), ARTISTS[clip % 4], far(clip)));
    let (params, inputs) = (Evaluation::default(), made.inputs());
    let flag = AtomicBool::new(false);
    let rows = rows::rows(&inputs, &made.truth, 1000, 0).unwrap();
    let numbers = rows::numbers(inputs.all("features"), &rows, Scale::Zscore, &Context::new(&flag)).unwrap();
    let targets = targets::targets(&made.truth, &[], &rows, 4).unwrap();
    let (makers, known) = (makers(&made.truth, &rows, &targets), vec![true; rows.len()]);
    let mut random = Random::new(7);
    let mut n_found = [0; 3];
    for _ in 0..200 {
        let drawn: Vec<usize> = (0..24).map(|_| random.below(3) as usize).collect();
        let classes = rows.iter().map(|row| Some(drawn[row.clip])).collect();
        let trials = Trialled::all(&Target { classes, ..targets[0].clone() }, &makers, &params);
        let questions = Questions {
            k: 5,
            neighbours: trials.iter().map(|trial| Question { known: &known, folds: &trial.folds }).collect(),
            labellings: Vec::new(),
            performances: &makers.recordings,
            positions: &vec![0.0; rows.len()],
        };
        let answers = compare(&numbers, &questions, || Ok(())).unwrap();
        for ((n_found, trial), nearest) in n_found.iter_mut().zip(&trials).zip(&answers.nearest) {
            let p = Trial::of(&trial.classes, &trial.units).p_value(nearest, 199, random.bits());
            *n_found += usize::from(p.is_some_and(|p| p <= 0.05));
        }
    }
    assert!(n_found.iter().all(|n| *n <= 14), "{n_found:?} of 200");
}
