//! Held against librosa 0.11.0: `fixtures/librosa/README.md` names the call behind every file.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use taqsim::signal::{
    ContrastBands, Matrix, MelFilters, Stft, bandwidth, bin_frequencies, centroid, contrast, delta, flatness,
    mfcc, power_to_db, rms, roll_off, zero_crossing_rate,
};
use taqsim::stages::embed::Spectral;
use taqsim::stages::segment::Silence;
use taqsim::stages::{
    Context, Embed, Frame, Input, Inputs, Pieces, RangeOfMaster, Segment, Span, Spans, Stage, Values,
};

const SIGNALS: [&str; 3] = ["pluck", "noise_tone", "chirp"];
const SAMPLE_RATE: f64 = 22_050.0;
const N_FFT: usize = 2048;
const HOP: usize = 512;

#[test]
fn stft_magnitudes_are_librosas() {
    compare("stft_mag_first8", |samples| spectra(samples).iter().take(8).map(|power| roots(power)).collect());
}

#[test]
fn mel_bands_are_librosas() {
    compare("mel_power_40", |samples| rows_of(&mel_bands(samples, 40)));
}

#[test]
fn mfccs_and_their_deltas_are_librosas() {
    compare("mfcc20", |samples| rows_of(&mfcc20(samples)));
    compare("mfcc20_delta", |samples| rows_of(&delta(&mfcc20(samples), 1)));
    compare("mfcc20_delta2", |samples| rows_of(&delta(&mfcc20(samples), 2)));
}

#[test]
fn spectral_shape_is_librosas() {
    let hz = bin_frequencies(SAMPLE_RATE, N_FFT);
    let each = |samples: &[f64], describe: &dyn Fn(&[f64]) -> f64| -> Vec<Vec<f64>> {
        spectra(samples).iter().map(|power| vec![describe(&roots(power))]).collect()
    };
    compare("spectral_centroid", |samples| each(samples, &|frame| centroid(frame, &hz)));
    compare("spectral_bandwidth", |samples| {
        each(samples, &|frame| bandwidth(frame, &hz, centroid(frame, &hz)))
    });
    compare("spectral_rolloff", |samples| each(samples, &|frame| roll_off(frame, &hz, 0.85)));
    compare("spectral_flatness", |samples| {
        spectra(samples).iter().map(|power| vec![flatness(power)]).collect()
    });
}

#[test]
fn spectral_contrast_is_librosas() {
    compare("spectral_contrast", |samples| {
        let frames = spectra(samples);
        let mut bands = ContrastBands::new(&bin_frequencies(SAMPLE_RATE, N_FFT));
        let (mut peaks, mut valleys) = (Matrix::zeros(frames.len(), 7), Matrix::zeros(frames.len(), 7));
        for (i, power) in frames.iter().enumerate() {
            bands.measure(&roots(power), peaks.row_mut(i), valleys.row_mut(i));
        }
        rows_of(&contrast(peaks, valleys))
    });
}

#[test]
fn level_and_zero_crossings_are_librosas() {
    let column = |values: Vec<f64>| -> Vec<Vec<f64>> { values.into_iter().map(|x| vec![x]).collect() };
    compare("rms", |samples| column(rms(samples, N_FFT, HOP)));
    compare("zcr", |samples| column(zero_crossing_rate(samples, N_FFT, HOP)));
}

#[test]
fn splits_at_silence_are_librosas() {
    for signal in SIGNALS {
        for top_db in [20, 30, 60] {
            let (_, want) = read_npy(&format!("{signal}__split_{top_db}.npy"));
            let spans = split(signal, f64::from(top_db));
            let got: Vec<f64> = spans.iter().flat_map(|span| [span.start as f64, span.end as f64]).collect();
            assert_eq!(got, want, "{signal} {top_db}");
        }
    }
}

fn split(signal: &str, top_db: f64) -> Vec<Span> {
    let file = read_fixture(&format!("{signal}.wav"));
    let piece = RangeOfMaster { source_start: 0.0, start: 0, end: (file.len() as u64 - 44) / 2 };
    let mut inputs = Inputs::default();
    inputs.push("ranges", Input::bytes(Pieces { sample_rate: 22_050, pieces: vec![piece] }.to_bytes()));
    inputs.push("audio", Input::bytes(as_master(&file)));
    let stage = Segment::Silence(Silence { top_db, ..Silence::default() });
    Spans::read(&run(stage.stage(), &inputs)).unwrap().spans
}

#[test]
fn the_rows_of_spectral_are_means_and_deviations_of_librosas_descriptors() {
    for signal in SIGNALS {
        let (_, want) = read_npy(&format!("{signal}__spectral_blocks.npy"));
        let file = read_fixture(&format!("{signal}.wav"));
        let whole = Span { range: 0, start: 0, end: (file.len() as u64 - 44) / 2 };
        let mut inputs = Inputs::default();
        inputs.push("audio", Input::bytes(as_master(&file)));
        inputs.push("spans", Input::bytes(Spans { spans: vec![whole] }.to_bytes()));
        let output = run(Embed::Spectral(Spectral::default()).stage(), &inputs);
        let frame = Frame::read(&output).unwrap();
        let (vector, level) = (list(&frame, "vector"), list(&frame, "level"));
        assert_eq!(vector.len() + level.len(), want.len());
        for (i, (got, want)) in vector.iter().chain(level).zip(&want).enumerate() {
            assert!((f64::from(*got) - want).abs() <= 1e-4 * want.abs() + 1e-6, "{signal} {i}: {got} {want}");
        }
    }
}

fn list<'a>(frame: &'a Frame, name: &str) -> &'a [f32] {
    match frame.column(name) {
        Some(Values::Lists { data, .. }) => data,
        other => panic!("{name}: {other:?}"),
    }
}

/// The only output of a stage.
fn run(stage: &dyn Stage, inputs: &Inputs) -> Input {
    let outputs = stage.run(inputs, &Context::new(&AtomicBool::new(false))).unwrap();
    Input::bytes(outputs[0].1.as_slice())
}

/// A 16-bit mono WAV as a 24-bit one: the same samples on a finer grid.
fn as_master(file: &[u8]) -> Vec<u8> {
    let data: Vec<u8> = file[44..].chunks_exact(2).flat_map(|two| [0, two[0], two[1]]).collect();
    let mut master = file[..44].to_vec();
    master[4..8].copy_from_slice(&(data.len() as u32 + 36).to_le_bytes());
    master[28..32].copy_from_slice(&(22_050_u32 * 3).to_le_bytes());
    master[32..36].copy_from_slice(&[3, 0, 24, 0]);
    master[40..44].copy_from_slice(&(data.len() as u32).to_le_bytes());
    master.extend(data);
    master
}

/// Holds what `compute` gives, a row per frame, against librosa's columns: within 1e-4 of the greatest magnitude.
fn compare(feature: &str, compute: impl Fn(&[f64]) -> Vec<Vec<f64>>) {
    for signal in SIGNALS {
        let (shape, want) = read_npy(&format!("{signal}__{feature}.npy"));
        let got = compute(&read_samples(signal));
        assert_eq!(shape, [got[0].len(), got.len()], "{signal} {feature}");
        let greatest = want.iter().fold(0.0_f64, |greatest, x| greatest.max(x.abs()));
        for (i, want) in want.iter().enumerate() {
            let got = got[i % shape[1]][i / shape[1]];
            assert!((got - want).abs() <= 1e-4 * greatest, "{signal} {feature} {i}: {got}, librosa {want}");
        }
    }
}

fn spectra(samples: &[f64]) -> Vec<Vec<f64>> {
    let mut stft = Stft::new(N_FFT, HOP).unwrap();
    (0..stft.n_frames(samples.len())).map(|frame| stft.power(samples, frame).to_vec()).collect()
}

fn mel_bands(samples: &[f64], n_mels: usize) -> Matrix {
    let (frames, filters) = (spectra(samples), MelFilters::new(SAMPLE_RATE, N_FFT, n_mels));
    let mut bands = Matrix::zeros(frames.len(), n_mels);
    frames.iter().enumerate().for_each(|(i, power)| filters.apply(power, bands.row_mut(i)));
    bands
}

fn mfcc20(samples: &[f64]) -> Matrix {
    let mut bands = mel_bands(samples, 128);
    power_to_db(bands.data_mut(), 80.0);
    mfcc(&bands, 20)
}

fn roots(power: &[f64]) -> Vec<f64> {
    power.iter().map(|power| power.sqrt()).collect()
}

fn rows_of(matrix: &Matrix) -> Vec<Vec<f64>> {
    matrix.rows().map(<[f64]>::to_vec).collect()
}

fn read_fixture(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/librosa").join(name);
    std::fs::read(&path).unwrap_or_else(|cause| panic!("{}: {cause}", path.display()))
}

/// The samples of a 16-bit WAV with the usual header of 44 bytes.
fn read_samples(signal: &str) -> Vec<f64> {
    let bytes = read_fixture(&format!("{signal}.wav"));
    bytes[44..].chunks_exact(2).map(|two| f64::from(i16::from_le_bytes([two[0], two[1]])) / 32768.0).collect()
}

/// The shape and the numbers of a two-dimensional `.npy` file of little-endian f32 or i32, in C order.
fn read_npy(name: &str) -> ([usize; 2], Vec<f64>) {
    let bytes = read_fixture(name);
    let header_end = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = String::from_utf8(bytes[10..header_end].to_vec()).unwrap();
    assert!(header.contains("'fortran_order': False"), "{name}: {header}");
    let shape = header.split(['(', ')']).nth(1).unwrap();
    let shape: Vec<usize> = shape.split(',').filter_map(|n| n.trim().parse().ok()).collect();
    let fours = bytes[header_end..].chunks_exact(4).map(|four| [four[0], four[1], four[2], four[3]]);
    let numbers = if header.contains("<i4") {
        fours.map(|four| f64::from(i32::from_le_bytes(four))).collect()
    } else {
        fours.map(|four| f64::from(f32::from_le_bytes(four))).collect()
    };
    (shape.try_into().unwrap(), numbers)
}
