//! Tonic and scale of melodies whose maqam is known: random walks over the scales of the table.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test stops where it fails, and says what it found"
)]

use std::f64::consts::TAU;
use std::sync::atomic::AtomicBool;

use taqsim::signal::Random;
use taqsim::signal::pitch::{MAQAMAT, Scale};
use taqsim::stages::embed::Pitch;
use taqsim::stages::{Context, Frame, Input, Inputs, Pieces, RangeOfMaster, Span, Spans, Stage, Values};

const SAMPLE_RATE: u32 = 22_050;

/// How the thirds of a melody move, in degrees above the tonic: up to the dominant, over the octave, and home.
const GOALS: [i32; 3] = [4, 8, 0];

#[test]
fn walks_over_a_scale_end_on_their_tonic() {
    let (mut right, mut classes, mut scales, mut of) = (0, 0, 0, 0);
    for (i, maqam) in MAQAMAT.iter().enumerate() {
        let tonic = [98.0, 130.81, 146.83, 174.61][i % 4] * (1.0 + 0.001 * i as f64);
        let scale = &maqam.scales[i % maqam.scales.len()];
        let samples = walk(scale, tonic, i as u64);
        let (found, suggested) = describe(&samples);
        let apart = 1200.0 * libm::log2(found / tonic);
        let in_class = apart - 1200.0 * libm::round(apart / 1200.0);
        of += 1;
        right += u32::from(apart.abs() <= 20.0);
        classes += u32::from(in_class.abs() <= 20.0);
        scales += u32::from(suggested == maqam.name);
        if apart.abs() > 20.0 || suggested != maqam.name {
            eprintln!("{}: {apart:+.0} cents, suggested {suggested}", maqam.name);
        }
    }
    eprintln!("of {of}: {right} tonics, {classes} in any octave, {scales} scales");
    assert!(f64::from(right) >= 0.9 * f64::from(of), "{right} of {of}");
    assert!(f64::from(scales) >= 0.75 * f64::from(of), "{scales} of {of}");
}

/// The tonic (Hz) and the nearest scale that `pitch` finds.
fn describe(samples: &[f64]) -> (f64, String) {
    let end = samples.len() as u64;
    let piece = RangeOfMaster { source_start: 0.0, start: 0, end };
    let mut inputs = Inputs::default();
    inputs.push("audio", Input::bytes(wav(samples)));
    inputs.push("ranges", Input::bytes(Pieces { sample_rate: SAMPLE_RATE, pieces: vec![piece] }.to_bytes()));
    let spans = Spans { spans: vec![Span { range: 0, start: 0, end }], ..Spans::default() };
    inputs.push("spans", Input::bytes(spans.to_bytes()));
    let outputs = Pitch::default().run(&inputs, &Context::new(&AtomicBool::new(false))).unwrap();
    let frame = Frame::read(&Input::bytes(outputs[0].1.as_slice())).unwrap();
    let Some(Values::Floats(tonic)) = frame.column("tonic_hz") else { panic!() };
    let Some(Values::Texts(suggested)) = frame.column("maqam_suggested") else { panic!() };
    (tonic[0].unwrap(), suggested[0].clone().unwrap())
}

/// A melody of about 20 s, plucked: steps of one or two degrees towards the goal of its third, glides into a fifth of the
/// notes, vibrato on long ones, an octave leap now and then, intonation within 8 cents, noise 20 dB below.
fn walk(scale: &Scale, tonic: f64, seed: u64) -> Vec<f64> {
    let mut random = Random::new(seed);
    let (mut samples, mut degree, mut before) = (Vec::new(), 0, 0.0);
    let mut phase = 0.0;
    for i in 0..66 {
        let is_last = i == 65;
        let goal = GOALS[i / 22];
        let drift = (goal - degree).signum();
        let step = [drift, drift, -drift, 1, -1, 2 * drift][random.below(6) as usize];
        degree = if is_last { 0 } else { (degree + step).clamp(-2, 9) };
        let leap = if random.below(30) == 0 && !is_last { 7 } else { 0 };
        let cents = cents_of(scale, degree + leap) + 16.0 * (random.uniform() - 0.5);
        let seconds = if is_last { 2.0 } else { [0.15, 0.2, 0.3, 0.6][random.below(4) as usize] };
        let glide = if random.below(5) == 0 { 0.08 } else { 0.005 };
        let note = Note { hz: tonic, from: before, cents, seconds, glide };
        pluck(&note, &mut phase, &mut samples, &mut random);
        before = cents;
    }
    samples
}

struct Note {
    hz: f64,
    from: f64,
    cents: f64,
    seconds: f64,
    glide: f64,
}

fn pluck(note: &Note, phase: &mut f64, samples: &mut Vec<f64>, random: &mut Random) {
    let rate = f64::from(SAMPLE_RATE);
    for i in 0..(note.seconds * rate) as u32 {
        let time = f64::from(i) / rate;
        let arrived = (time / note.glide).min(1.0);
        let vibrato = if note.seconds > 0.5 && time > 0.2 { 15.0 * libm::sin(TAU * 5.5 * time) } else { 0.0 };
        let cents = note.from + (note.cents - note.from) * arrived + vibrato;
        *phase += TAU * note.hz * libm::exp2(cents / 1200.0) / rate;
        let sound: f64 = (1..=4).map(|k| libm::sin(*phase * f64::from(k)) / f64::from(k)).sum();
        let noise = (random.uniform() - 0.5) * 0.2;
        samples.push(0.3 * libm::exp(-1.2 * time) * sound + 0.3 * noise);
    }
}

fn cents_of(scale: &Scale, degree: i32) -> f64 {
    let within = scale.degrees[degree.rem_euclid(7) as usize] * scale.unit;
    within + 1200.0 * f64::from(degree.div_euclid(7))
}

/// A mono WAV of 24-bit samples.
fn wav(samples: &[f64]) -> Vec<u8> {
    let n = samples.len() as u32 * 3;
    let mut wav = b"RIFF".to_vec();
    wav.extend((36 + n).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    wav.extend(SAMPLE_RATE.to_le_bytes());
    wav.extend((SAMPLE_RATE * 3).to_le_bytes());
    wav.extend(b"\x03\0\x18\0data");
    wav.extend(n.to_le_bytes());
    let sample = |x: &f64| ((x * 8_388_607.0) as i32).to_le_bytes();
    wav.extend(samples.iter().flat_map(|x| sample(x)[..3].to_vec()));
    wav
}
