//! Tests of pitch.

use std::sync::atomic::AtomicBool;

use super::*;
use crate::stages::master::tests::wav;
use crate::stages::{Frame, Input, RangeOfMaster, Values};

/// Two seconds each of the notes, plucked: six harmonics that fade.
fn melody(notes: &[(f64, f64)]) -> Vec<i32> {
    let rate = f64::from(SAMPLE_RATE);
    let mut samples = Vec::new();
    for (hz, seconds) in notes {
        let n = (seconds * rate) as u32;
        samples.extend((0..n).map(|i| {
            let time = f64::from(i) / rate;
            let partial = |k: u32| libm::sin(std::f64::consts::TAU * hz * f64::from(k) * time) / f64::from(k);
            let sound: f64 = (1..=6).map(partial).sum();
            (sound * libm::exp(-1.5 * time) * 1e6) as i32
        }));
    }
    samples
}

fn features(stage: &Pitch, samples: &[i32], spans: &[(u64, u64)]) -> Result<Frame> {
    let middle = samples.len() as u64 / 2;
    let piece = |start, end| RangeOfMaster { source_start: 0.0, start, end };
    let pieces = vec![piece(0, middle), piece(middle, samples.len() as u64)];
    let spans = spans.iter().map(|&(start, end)| Span { range: 0, start, end }).collect();
    let mut inputs = Inputs::default();
    inputs.push("audio", Input::bytes(wav(SAMPLE_RATE, samples)));
    inputs.push("ranges", Input::bytes(Pieces { sample_rate: SAMPLE_RATE, pieces }.to_bytes()));
    inputs.push("spans", Input::bytes(Spans { spans, ..Spans::default() }.to_bytes()));
    let outputs = stage.run(&inputs, &Context::new(&AtomicBool::new(false)))?;
    Frame::read(&Input::bytes(outputs[0].1.as_slice()))
}

fn list<'a>(frame: &'a Frame, name: &str) -> &'a [f32] {
    match frame.column(name) {
        Some(Values::Lists { data, .. }) => data,
        other => panic!("{name}: {other:?}"),
    }
}

fn float(frame: &Frame, name: &str) -> Option<f64> {
    match frame.column(name) {
        Some(Values::Floats(values)) => values[0],
        other => panic!("{name}: {other:?}"),
    }
}

fn text(frame: &Frame, name: &str) -> Option<String> {
    match frame.column(name) {
        Some(Values::Texts(values)) => values[0].clone(),
        other => panic!("{name}: {other:?}"),
    }
}

fn with_tonic(hz: f64) -> Pitch {
    Pitch { tonic: OrLabel::Value(Tonic::Hz(hz)), ..Pitch::default() }
}

/// Rast on D: 0, 200, 350, 500, 700 and back.
fn rast() -> Vec<i32> {
    let cents = [0.0, 200.0, 350.0, 500.0, 700.0, 900.0, 1050.0, 1200.0, 700.0, 500.0, 350.0, 200.0, 0.0];
    let last = cents.len() - 1;
    let note =
        |(i, cents): (usize, &f64)| (146.832 * libm::exp2(cents / 1200.0), if i == last { 1.5 } else { 0.4 });
    melody(&cents.iter().enumerate().map(note).collect::<Vec<_>>())
}

#[test]
fn a_melody_has_its_tonic_degrees_and_scale() {
    let samples = rast();
    let frame = features(&Pitch::default(), &samples, &[(0, samples.len() as u64)]).unwrap();
    let tonic = float(&frame, "tonic_hz").unwrap();
    assert!((1200.0 * libm::log2(tonic / 146.832)).abs() < 5.0, "{tonic}");
    assert_eq!(text(&frame, "tonic_method").unwrap(), "last_note");
    assert!(float(&frame, "tonic_confidence").unwrap() > 0.6);
    assert_eq!(text(&frame, "maqam_suggested").unwrap(), "rast");
    assert!(float(&frame, "voiced_ratio").unwrap() > 0.9);
    assert!((float(&frame, "decay_db_per_s").unwrap() - 13.0).abs() < 2.0, "{frame:?}");
    let degrees: serde_json::Value = serde_json::from_str(&text(&frame, "degrees").unwrap()).unwrap();
    let cents: Vec<f64> = degrees.as_array().unwrap().iter().map(|d| d["cents"].as_f64().unwrap()).collect();
    for want in [200.0, 350.0, 500.0, 700.0, 900.0, 1050.0] {
        assert!(cents.iter().any(|cents| (cents - want).abs() < 5.0), "{want}: {cents:?}");
    }
    let pcd53 = list(&frame, "pcd53");
    assert!((pcd53.iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-5);
    assert!(pcd53[0] > pcd53[4] && pcd53[31] > pcd53[27], "{pcd53:?}");
    assert!((list(&frame, "register")[0]).abs() < 5.0);
}

#[test]
fn transposition_changes_nothing_above_the_tonic() {
    let low = melody(&[(110.0, 0.5), (123.47, 0.5), (164.81, 0.5), (110.0, 1.0)]);
    let high = melody(&[(165.0, 0.5), (185.205, 0.5), (247.215, 0.5), (165.0, 1.0)]);
    let vector = |samples: &[i32]| {
        let frame = features(&Pitch::default(), samples, &[(0, samples.len() as u64)]).unwrap();
        list(&frame, "vector").to_vec()
    };
    let apart: f32 = vector(&low).iter().zip(vector(&high)).map(|(a, b)| (a - b) * (a - b)).sum();
    assert!(apart.sqrt() < 0.15, "{apart}");
}

#[test]
fn a_given_tonic_is_taken_as_it_is() {
    let samples = rast();
    let frame = features(&with_tonic(220.0), &samples, &[(0, samples.len() as u64)]).unwrap();
    assert!((float(&frame, "tonic_hz").unwrap() - 220.0).abs() < 1e-9);
    assert_eq!(text(&frame, "tonic_method").unwrap(), "given");
    assert!((list(&frame, "register")[0] + 700.0).abs() < 8.0);
}

#[test]
fn segments_share_the_tonic_of_the_clip() {
    let samples = rast();
    let n = samples.len() as u64;
    let frame = features(&Pitch::default(), &samples, &[(0, n / 3), (n / 3, n)]).unwrap();
    let Some(Values::Floats(tonics)) = frame.column("tonic_hz") else { panic!() };
    assert_eq!(tonics[0], tonics[1]);
    assert_ne!(list(&frame, "pcd53")[..53], list(&frame, "pcd53")[53..]);
}

#[test]
fn a_gain_changes_nothing() {
    let samples = rast();
    let quieter: Vec<i32> = samples.iter().map(|sample| sample / 8).collect();
    let vectors = [&samples, &quieter].map(|samples| {
        let frame = features(&Pitch::default(), samples, &[(0, samples.len() as u64)]).unwrap();
        list(&frame, "vector").to_vec()
    });
    assert!(vectors[0].iter().zip(&vectors[1]).all(|(a, b)| (a - b).abs() < 0.02));
}

#[test]
fn silence_noise_and_short_segments_are_finite_and_have_no_scale() {
    let mut random = crate::signal::Random::new(3);
    let noise: Vec<i32> = (0..30_000).map(|_| ((random.uniform() - 0.5) * 1e6) as i32).collect();
    let silence = vec![0; 30_000];
    for samples in [&noise, &silence] {
        for stage in [Pitch::default(), with_tonic(146.8)] {
            let frame = features(&stage, samples, &[(0, 30_000), (0, 0), (100, 101), (0, 700)]).unwrap();
            for (name, values) in &frame.columns {
                match values {
                    Values::Lists { data, .. } => assert!(data.iter().all(|x| x.is_finite()), "{name}"),
                    Values::Floats(data) => assert!(data.iter().flatten().all(|x| x.is_finite()), "{name}"),
                    _ => {}
                }
            }
        }
    }
    let frame = features(&Pitch::default(), &silence, &[(0, 30_000)]).unwrap();
    assert!(list(&frame, "vector").iter().all(|x| *x == 0.0));
    assert_eq!((float(&frame, "tonic_hz"), text(&frame, "maqam_suggested")), (None, None));
    assert_eq!(float(&frame, "voiced_ratio"), Some(0.0));
    assert!(features(&Pitch::default(), &[], &[(0, 0)]).is_ok());
    assert_eq!(features(&Pitch::default(), &silence, &[]).unwrap().n_rows, 0);
}

#[test]
fn absurd_parameters_are_errors() {
    let default = Pitch::default();
    for stage in [
        with_tonic(0.0),
        with_tonic(f64::NAN),
        with_tonic(1e300),
        Pitch { tonic: OrLabel::Label(crate::stages::FromLabel { label: "x".into() }), ..default.clone() },
        Pitch { fmin: 5.0, ..default.clone() },
        Pitch { fmax: 20_000.0, ..default.clone() },
        Pitch { frame_length: u32::MAX, ..default.clone() },
        Pitch { hop_length: 0, ..default.clone() },
        Pitch { trough_threshold: f64::NAN, ..default.clone() },
        Pitch { top_db: -1.0, ..default.clone() },
    ] {
        assert!(features(&stage, &[0; 10], &[(0, 10)]).is_err(), "{stage:?}");
    }
}
