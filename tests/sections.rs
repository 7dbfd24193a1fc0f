//! How well `sections` finds the parts of performances whose parts are known: docs/SEGMENTS.md says how they are made.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::f64::consts::TAU;
use std::io::Write;
use std::sync::atomic::AtomicBool;

use rayon::prelude::*;
use taqsim::signal::layout::Layout;
use taqsim::signal::wav::Pcm;
use taqsim::stages::segment::Sections;
use taqsim::stages::{Context, Input, Inputs, Marks, Pieces, RangeOfMaster, Spans, Stage};

const RATE: u32 = 22_050;
const NAMES: [&str; 3] = ["intro", "development", "resolution"];

/// How a performance goes from part to part.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Shape {
    /// Register and density change from one phrase to the next.
    Steps,
    /// They take 12 s to change, half of them on either side.
    Glides,
    /// They stay as they are: there is nothing to be found.
    Flat,
    /// They rise, and do not come back: there is no resolution.
    Rises,
}

#[test]
fn sections_are_found_where_there_are_any() {
    // Neither the method nor a default was chosen by these.
    let seeds = if is_thorough() { 9000..9050 } else { 9000..9003 };
    let mut failures = Vec::new();
    for (shape, least_time, least_cuts) in [(Shape::Steps, 0.9, 0.8), (Shape::Glides, 0.8, 0.4)] {
        let heard: Vec<Heard> = seeds.clone().into_par_iter().map(|seed| hear(shape, seed)).collect();
        let mean = |of: &dyn Fn(&Heard) -> f64| heard.iter().map(of).sum::<f64>() / heard.len() as f64;
        let (time, near, found) =
            (mean(&|it| it.named), mean(&|it| it.near), mean(&|it| f64::from(u8::from(it.is_cut))));
        say(&format!(
            "{shape:?}: {found:.2} cut, {time:.3} of the time named right, {near:.3} of cuts within 3 s\n"
        ));
        // Few seeds vary more than many.
        let slack = if is_thorough() { 0.0 } else { 0.2 };
        if time < least_time - slack || near < least_cuts - slack {
            failures.push(format!("{shape:?}: {time} {near}"));
        }
    }
    for (shape, most) in [(Shape::Flat, 0.1), (Shape::Rises, 0.4)] {
        let cut = seeds.clone().into_par_iter().filter(|seed| hear(shape, *seed).is_cut).count();
        let share = cut as f64 / (seeds.end - seeds.start) as f64;
        say(&format!("{shape:?}: {share:.2} cut, though there is no arc\n"));
        if is_thorough() && share > most {
            failures.push(format!("{shape:?}: {share}"));
        }
    }
    assert!(failures.is_empty(), "{failures:?}");
}

/// How well one performance was cut.
struct Heard {
    is_cut: bool,
    /// The share of its time that was given its own name.
    named: f64,
    /// The share of its two boundaries that a cut lies within 3 s of.
    near: f64,
}

fn hear(shape: Shape, seed: u64) -> Heard {
    let (samples, boundaries) = Player { noise: seed, shape }.play();
    let seconds = samples.len() as f64 / f64::from(RATE);
    let found = sections(&samples);
    let name_at =
        |time: f64| found.iter().rfind(|section| section.0 <= time).and_then(|section| section.1.clone());
    let right = |time: f64| {
        let nth = boundaries.iter().filter(|boundary| **boundary <= time).count();
        name_at(time).as_deref() == Some(NAMES[nth])
    };
    let tenths = (seconds * 10.0) as usize;
    let named = (0..tenths).filter(|tenth| right(*tenth as f64 / 10.0)).count();
    let is_near = |boundary: &&f64| found[1..].iter().any(|section| (section.0 - **boundary).abs() <= 3.0);
    Heard {
        is_cut: found.len() == 3,
        named: named as f64 / tenths as f64,
        near: boundaries.iter().filter(is_near).count() as f64 / 2.0,
    }
}

/// Where each section starts, s, and what it is.
fn sections(samples: &[f64]) -> Vec<(f64, Option<String>)> {
    let samples: Vec<i32> = samples.iter().map(|sample| (sample * 8_388_607.0) as i32).collect();
    let piece = RangeOfMaster { source_start: 0.0, start: 0, end: samples.len() as u64 };
    let pcm = Pcm { sample_rate: RATE, layout: Layout::new(1, 0), samples };
    let mut inputs = Inputs::default();
    inputs.push("audio", Input::bytes(pcm.to_wav().unwrap()));
    inputs.push("ranges", Input::bytes(Pieces { sample_rate: RATE, pieces: vec![piece] }.to_bytes()));
    let outputs = Sections::default().run(&inputs, &Context::new(&AtomicBool::new(false))).unwrap();
    let spans = Spans::read(&Input::bytes(outputs[0].1.clone())).unwrap().spans;
    let marks = Marks::read(&Input::bytes(outputs[1].1.clone())).unwrap().marks;
    let start = |span: &taqsim::stages::Span| span.start as f64 / f64::from(RATE);
    spans.iter().zip(marks).map(|(span, mark)| (start(span), mark.section)).collect()
}

/// Plays phrases of a random walk, around a register and at a pace that depend on the part.
struct Player {
    noise: u64,
    shape: Shape,
}

/// A part: its register, cents above the lowest string, and the time between its notes, s.
type Part = (f64, f64);

impl Player {
    /// The music, and where the development and the resolution begin, s.
    fn play(mut self) -> (Vec<f64>, [f64; 2]) {
        let parts = self.parts();
        let planned = [self.between(20.0, 45.0), self.between(30.0, 70.0), self.between(15.0, 40.0)];
        let ends = [planned[0], planned[0] + planned[1], planned[0] + planned[1] + planned[2]];
        let lowest = self.between(98.0, 147.0);
        let (mut notes, mut boundaries, mut time) = (Vec::new(), Vec::new(), 0.3);
        let mut walk = 0.0;
        while time < ends[2] {
            // A section begins with a phrase.
            if boundaries.len() < 2 && time >= ends[boundaries.len()] {
                boundaries.push(time);
            }
            let phrase_end = time + self.between(4.0, 8.0);
            while time < phrase_end {
                let (register, pace) = self.at(time, &parts, &boundaries, ends);
                walk = 0.7 * walk + self.between(-300.0, 300.0);
                let cents = ((register + walk).max(0.0) / 100.0).round() * 100.0;
                notes.push((time, lowest * 2f64.powf(cents / 1200.0), self.between(0.4, 1.0)));
                time += pace * self.between(0.6, 1.6);
            }
            time += self.between(0.7, 2.0);
        }
        (sound(&notes, time + 1.0), [boundaries[0], boundaries[1]])
    }

    fn parts(&mut self) -> [Part; 3] {
        let intro = (self.between(200.0, 500.0), self.between(0.4, 0.7));
        let height = (intro.0 + self.between(400.0, 1000.0), self.between(0.18, 0.32));
        let rest = (intro.0 + self.between(-100.0, 200.0), self.between(0.35, 0.6));
        match self.shape {
            Shape::Flat => [intro, intro, intro],
            Shape::Rises => [intro, height, height],
            Shape::Steps | Shape::Glides => [intro, height, rest],
        }
    }

    fn at(&self, time: f64, parts: &[Part; 3], boundaries: &[f64], ends: [f64; 3]) -> Part {
        if self.shape != Shape::Glides {
            return parts[boundaries.len()];
        }
        let share = |end: f64| ((time - end) / 12.0 + 0.5).clamp(0.0, 1.0);
        let between = |a: Part, b: Part, share: f64| (a.0 + share * (b.0 - a.0), a.1 + share * (b.1 - a.1));
        between(between(parts[0], parts[1], share(ends[0])), parts[2], share(ends[1]))
    }

    /// A number between these two (Knuth's linear congruential generator).
    fn between(&mut self, low: f64, high: f64) -> f64 {
        self.noise =
            self.noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        low + (high - low) * (self.noise >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Notes (start, Hz, amplitude) of four decaying harmonics, over a little noise.
fn sound(notes: &[(f64, f64, f64)], seconds: f64) -> Vec<f64> {
    let mut samples: Vec<f64> = (0..(seconds * f64::from(RATE)) as u32)
        .map(|i| f64::from(i.wrapping_mul(2_654_435_761) >> 8) / f64::from(1 << 24) * 2e-4 - 1e-4)
        .collect();
    for (start, hz, amplitude) in notes {
        let first = (start * f64::from(RATE)) as usize;
        for (i, sample) in samples.iter_mut().skip(first).take(RATE as usize).enumerate() {
            let t = i as f64 / f64::from(RATE);
            let tone: f64 = (1..5).map(|h| (TAU * hz * f64::from(h) * t).sin() / f64::from(h)).sum();
            *sample += 0.1 * amplitude * (-3.5 * t).exp() * tone;
        }
    }
    samples
}

fn is_thorough() -> bool {
    std::env::var_os("TAQSIM_SLOW_TESTS").is_some_and(|value| value != "0")
}

fn say(text: &str) {
    std::io::stdout().write_all(text.as_bytes()).unwrap();
}
