//! How well `breath` finds the phrases of improvisations that are assembled from single notes of a guitar.
//!
//! docs/SEGMENTS.md says how they are made, and what was measured. The notes are 48 recordings of a guitar, named
//! by their pitch (FreePats, CC0), and are not part of the project: they are looked for in the folder that
//! TAQSIM_GUITAR_NOTES names, else in `../shared/audio/guitar_cc0/samples`.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::f64::consts::PI;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use rayon::prelude::*;
use taqsim::signal::decode::Source;
use taqsim::signal::layout::Layout;
use taqsim::signal::wav::Pcm;
use taqsim::stages::segment::{Breath, Silence};
use taqsim::stages::{Context, Input, Inputs, Marks, Pieces, RangeOfMaster, Spans, Stage};

const SAMPLE_RATE: u32 = 44_100;
/// How far from a boundary a cut counts as it, s.
const WINDOW: f64 = 0.5;

/// How long notes and pauses last, and what becomes of a note's sound after it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Style {
    name: &'static str,
    /// Pauses of 0.4 to 2 s and every eighth note held for 0.8 to 1.8 s; else pauses of 0.9 to 2.5 s.
    is_hard: bool,
    /// How fast a note dies away after its own length, beyond what strings do, dB/s; none: damped in 30 ms.
    release: Option<f64>,
    /// In a room of 2 s reverberation time, with noise at -45 dB of full scale.
    in_room: bool,
    /// The least mean F.
    least: f64,
    /// The most that `librosa.effects.split` may reach with its default of 60 dB.
    most_of_split: f64,
}

const EASY: Style =
    Style { name: "", is_hard: false, release: None, in_room: false, least: 0.95, most_of_split: 1.0 };
const HARD: Style = Style { is_hard: true, ..EASY };
const STYLES: [Style; 6] = [
    Style { name: "easy, damped", ..EASY },
    Style { name: "easy, ringing", release: Some(4.0), most_of_split: 0.6, ..EASY },
    Style { name: "easy, room", in_room: true, most_of_split: 0.0, ..EASY },
    Style { name: "hard, damped", ..HARD },
    Style { name: "hard, ringing", release: Some(4.0), least: 0.75, most_of_split: 0.4, ..HARD },
    Style { name: "hard, room", in_room: true, least: 0.8, most_of_split: 0.0, ..HARD },
];

#[test]
fn phrases_are_found_where_they_begin_and_how_sure_that_is() {
    let Some(notes) = notes() else {
        say("skipped: the notes of the guitar are not there\n");
        return;
    };
    // Neither the method nor a default nor the confidence was chosen by these.
    let seeds = if is_thorough() { 5000..5050 } else { 5000..5003 };
    // Few seeds vary more than many.
    let slack = if is_thorough() { 0.0 } else { 0.1 };
    let (mut failures, mut cuts) = (Vec::new(), Vec::new());
    for style in STYLES {
        let heard: Vec<Heard> = seeds.clone().into_par_iter().map(|seed| hear(&notes, style, seed)).collect();
        let mean = |of: fn(&Heard) -> f64| heard.iter().map(of).sum::<f64>() / heard.len() as f64;
        let (breath, split) = (mean(|heard| heard.breath), mean(|heard| heard.split));
        let lowest = heard.iter().map(|heard| heard.breath).fold(1.0, f64::min);
        let n = heard.len();
        say(&format!("{}: F {breath:.3}, lowest {lowest:.3}; split {split:.3}; {n} seeds\n", style.name));
        if breath < style.least - slack || split > style.most_of_split + slack {
            failures.push(format!("{}: {breath} {split}", style.name));
        }
        cuts.extend(heard.into_iter().flat_map(|heard| heard.cuts));
    }
    failures.extend(miscalibrated(&cuts));
    assert!(failures.is_empty(), "{failures:?}");
}

/// How well one improvisation was cut.
struct Heard {
    /// F of `breath`.
    breath: f64,
    /// F of `librosa.effects.split` with its default, pieces less than 0.3 s apart joined.
    split: f64,
    /// Of each cut of `breath` its confidence, and whether it is right.
    cuts: Vec<(f64, bool)>,
}

fn hear(notes: &[Vec<f64>], style: Style, seed: u64) -> Heard {
    let (samples, boundaries) = Player { noise: seed, notes, style }.play();
    let inputs = inputs(&samples);
    let times = |cuts: &[(f64, f64)]| cuts.iter().map(|cut| cut.0).collect::<Vec<f64>>();
    let found = cuts(&Breath::default(), &inputs);
    let split = cuts(&Silence { min_silence: 0.3, ..Silence::default() }, &inputs);
    let is_right = |time: f64| boundaries[1..].iter().any(|boundary| (boundary - time).abs() <= WINDOW);
    Heard {
        breath: f_measure(&boundaries[1..], &times(&found)),
        split: f_measure(&boundaries[1..], &times(&split)),
        cuts: found.iter().map(|&(time, confidence)| (confidence, is_right(time))).collect(),
    }
}

/// What is wrong with the confidence: in each group of cuts that are about as sure, it should be about the share of
/// those that are right, and the surer the group, the more should be right.
fn miscalibrated(cuts: &[(f64, bool)]) -> Vec<String> {
    let groups = [(0.0, 0.6), (0.6, 0.8), (0.8, 0.95), (0.95, 1.1)];
    let (mut wrong, mut before) = (Vec::new(), 0.0);
    for (from, to) in groups {
        let group: Vec<_> = cuts.iter().filter(|cut| from <= cut.0 && cut.0 < to).collect();
        let n = group.len() as f64;
        let sure = group.iter().map(|cut| cut.0).sum::<f64>() / n;
        let right = group.iter().filter(|cut| cut.1).count() as f64 / n;
        say(&format!("confidence {from} to {to}: {n} cuts, mean {sure:.3}, right {right:.3}\n"));
        // A handful of cuts says nothing.
        if is_thorough() && ((sure - right).abs() > 0.12 || right <= before) {
            wrong.push(format!("{from} to {to}: {sure} {right}"));
        }
        before = right;
    }
    let (sure, unsure): (Vec<_>, Vec<_>) = cuts.iter().partition(|cut| cut.0 >= 0.95);
    let share = |cuts: &[&(f64, bool)]| cuts.iter().filter(|cut| cut.1).count() as f64 / cuts.len() as f64;
    let (sure, unsure) = (share(&sure.iter().collect::<Vec<_>>()), share(&unsure.iter().collect::<Vec<_>>()));
    if sure < unsure + 0.1 {
        wrong.push(format!("sure cuts are right in {sure}, others in {unsure}"));
    }
    wrong
}

#[test]
fn boundaries_match_as_mir_eval_matches_them() {
    // mir_eval 0.8.2: segment.detection(reference, estimated, window=0.5, trim=True)[2], over intervals between
    // 0, these boundaries and 60.
    let cases: [(&[f64], &[f64], f64); 5] = [
        (&[10.0, 20.0, 30.0], &[10.5, 20.6, 29.5], 2.0 / 3.0),
        (&[10.0, 20.0], &[9.8, 10.2, 20.0, 40.0], 2.0 / 3.0),
        (&[10.0, 10.8], &[10.4], 2.0 / 3.0),
        (&[10.0, 10.4], &[9.6, 10.1], 1.0),
        (&[10.0], &[], 0.0),
    ];
    for (reference, found, expected) in cases {
        assert!((f_measure(reference, found) - expected).abs() < 1e-12, "{reference:?} {found:?}");
    }
}

fn inputs(samples: &[f64]) -> Inputs {
    let pcm = Pcm {
        sample_rate: SAMPLE_RATE,
        layout: Layout::new(1, 0),
        samples: samples.iter().map(|sample| (sample * 8_388_607.0) as i32).collect(),
    };
    let piece = RangeOfMaster { source_start: 0.0, start: 0, end: samples.len() as u64 };
    let pieces = Pieces { sample_rate: SAMPLE_RATE, pieces: vec![piece] };
    let mut inputs = Inputs::default();
    inputs.push("audio", Input::bytes(pcm.to_wav().unwrap()));
    inputs.push("ranges", Input::bytes(pieces.to_bytes()));
    inputs
}

/// Where every segment but the first starts, s, and how sure that is.
fn cuts(stage: &dyn Stage, inputs: &Inputs) -> Vec<(f64, f64)> {
    let outputs = stage.run(inputs, &Context::new(&AtomicBool::new(false))).unwrap();
    let spans = Spans::read(&Input::bytes(outputs[0].1.clone())).unwrap().spans;
    let marks = outputs.get(1).map(|marks| Marks::read(&Input::bytes(marks.1.clone())).unwrap().marks);
    let confidence =
        |nth: usize| marks.as_ref().map_or(Some(0.0), |marks| marks[nth].start_confidence).unwrap();
    let starts = spans.iter().enumerate().skip(1);
    starts.map(|(nth, span)| (span.start as f64 / f64::from(SAMPLE_RATE), confidence(nth))).collect()
}

/// The F-measure of boundaries, each matched with at most one within [`WINDOW`]; in order, which is the most
/// that can be matched on a line.
fn f_measure(reference: &[f64], found: &[f64]) -> f64 {
    let (mut matched, mut next) = (0, 0);
    for boundary in reference {
        while next < found.len() && found[next] < boundary - WINDOW {
            next += 1;
        }
        if next < found.len() && found[next] <= boundary + WINDOW {
            matched += 1;
            next += 1;
        }
    }
    2.0 * f64::from(matched) / (reference.len() + found.len()) as f64
}

/// Plays phrases of a random walk over the notes.
struct Player<'a> {
    noise: u64,
    notes: &'a [Vec<f64>],
    style: Style,
}

impl Player<'_> {
    /// The music, and the second at which each phrase begins.
    fn play(mut self) -> (Vec<f64>, Vec<f64>) {
        let (mut samples, mut boundaries) = (Vec::new(), Vec::new());
        let (mut time, mut pitch) = (0.2, self.between(12.0, 36.0) as usize);
        for _ in 0..self.between(8.0, 13.0) as usize {
            boundaries.push(time);
            let end = time + self.between(5.0, 8.0);
            while time <= end {
                let length = self.length();
                let step = self.between(-3.0, 4.0).floor() as isize;
                pitch = pitch.saturating_add_signed(step).clamp(8, self.notes.len() - 1);
                self.add(&mut samples, time, pitch, length);
                time += length;
            }
            time += if self.style.is_hard { self.between(0.4, 2.0) } else { self.between(0.9, 2.5) };
        }
        samples.resize(((time + 2.0) * f64::from(SAMPLE_RATE)) as usize, 0.0);
        if self.style.in_room {
            self.reverberate(&mut samples);
        }
        let peak = samples.iter().fold(0.0, |peak: f64, sample| peak.max(sample.abs()));
        samples.iter_mut().for_each(|sample| *sample *= 0.5 / peak);
        (samples, boundaries)
    }

    fn length(&mut self) -> f64 {
        let is_held = self.style.is_hard && self.between(0.0, 1.0) < 0.12;
        if is_held { self.between(0.8, 1.8) } else { self.between(0.12, 0.5) }
    }

    fn add(&mut self, samples: &mut Vec<f64>, time: f64, pitch: usize, length: f64) {
        let gain = 10f64.powf(self.between(-9.0, 0.0) / 20.0);
        let start = (time * f64::from(SAMPLE_RATE)) as usize;
        let note = &self.notes[pitch];
        samples.resize(samples.len().max(start + note.len()), 0.0);
        let whole = (length * f64::from(SAMPLE_RATE)) as usize;
        let release = 10f64.powf(-self.style.release.unwrap_or(0.0) / 20.0 / f64::from(SAMPLE_RATE));
        let (mut damping, fade) = (1.0, 0.03 * f64::from(SAMPLE_RATE));
        for (i, sample) in note.iter().enumerate() {
            match self.style.release {
                Some(_) if i > whole => damping *= release,
                Some(_) => {}
                None if i > whole => break,
                None => damping = ((whole - i) as f64 / fade).min(1.0),
            }
            samples[start + i] += gain * damping * sample;
        }
    }

    /// Parallel combs after M. R. Schroeder, 60 dB in 2 s, then noise.
    fn reverberate(&mut self, samples: &mut [f64]) {
        let dry = samples.to_vec();
        for delay in [1309, 1429, 1597, 1733, 1867, 1999, 2203, 2399] {
            let feedback = 10f64.powf(-3.0 * f64::from(delay) / (2.0 * f64::from(SAMPLE_RATE)));
            let delay = delay as usize;
            let mut comb = dry.clone();
            for i in delay..comb.len() {
                comb[i] += feedback * comb[i - delay];
            }
            for (sample, echo) in samples[delay..].iter_mut().zip(&comb) {
                *sample += 0.03 * echo;
            }
        }
        let peak = samples.iter().fold(0.0, |peak: f64, sample| peak.max(sample.abs()));
        for sample in samples {
            // Gaussian, by Box and Muller.
            let (radius, angle) = (self.between(1e-12, 1.0), self.between(0.0, 2.0 * PI));
            *sample += peak * 10f64.powf(-45.0 / 20.0) * (-2.0 * radius.ln()).sqrt() * angle.cos();
        }
    }

    /// A number between these two (Knuth's linear congruential generator).
    fn between(&mut self, low: f64, high: f64) -> f64 {
        self.noise =
            self.noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        low + (high - low) * (self.noise >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// The notes from the lowest to the highest, the mean of their channels.
fn notes() -> Option<Vec<Vec<f64>>> {
    let folder = std::env::var_os("TAQSIM_GUITAR_NOTES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/audio/guitar_cc0/samples"),
        PathBuf::from,
    );
    let files = std::fs::read_dir(folder).ok()?.map(|entry| entry.unwrap().path());
    let mut notes: Vec<(i32, Vec<f64>)> =
        files.filter_map(|path| Some((pitch(&path)?, read(&path)))).collect();
    notes.sort_by_key(|(pitch, _)| *pitch);
    (notes.len() == 48).then(|| notes.into_iter().map(|(_, samples)| samples).collect())
}

/// Semitones above C0, by the file's name: `G#3.flac`.
fn pitch(path: &Path) -> Option<i32> {
    let name = path.file_name()?.to_str()?.strip_suffix(".flac")?;
    let (class, octave) = name.split_at(name.len() - 1);
    let classes = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];
    let class = classes.iter().position(|known| *known == class)?;
    Some(class as i32 + 12 * octave.parse::<i32>().ok()?)
}

fn read(path: &Path) -> Vec<f64> {
    let mut source = Source::open(File::open(path).unwrap()).unwrap();
    assert_eq!(source.probe().sample_rate, SAMPLE_RATE);
    let planes = source.decode_all().unwrap();
    let mean = |n| planes.iter().map(|plane| f64::from(plane[n])).sum::<f64>() / planes.len() as f64;
    (0..planes[0].len()).map(mean).collect()
}

fn is_thorough() -> bool {
    std::env::var_os("TAQSIM_SLOW_TESTS").is_some_and(|value| value != "0")
}

fn say(text: &str) {
    std::io::stdout().write_all(text.as_bytes()).unwrap();
}
