//! Held against librosa 0.11.0: `fixtures/librosa/README.md` names the call behind every file.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use taqsim::signal::pitch::{Pyin, Yin, YinParameters};
use taqsim::signal::{
    Aggregate, ChromaFilters, ContrastBands, Cqt, CqtShape, Halving, LANES, Lanes, Matrix, MelFilters,
    PeakPicking, Stft, Tempogram, TuningEstimator, beat_frames, bin_frequencies, cens,
    centroid_and_bandwidth, contrast, delta, flatness, fold_octaves, lift, mel_spectrogram, mfcc,
    normalise_by_greatest, onset_frames, onset_strength, power_to_db, rms, roll_off, tempo, tonnetz,
    zero_crossing_rate,
};
use taqsim::stages::embed::{Chroma, ChromaFrom, Contrast, Mfcc, Rhythm, Spectral, Tonnetz, Tuning};
use taqsim::stages::segment::Silence;
use taqsim::stages::{
    Context, Embed, Frame, Input, Inputs, Pieces, RangeOfMaster, Span, Spans, Stage, Values,
};

const SIGNALS: [&str; 3] = ["pluck", "noise_tone", "chirp"];
const SAMPLE_RATE: f64 = 22_050.0;
const N_FFT: usize = 2048;
const HOP: usize = 512;

#[test]
fn stft_magnitudes_are_librosas() {
    compare("stft_mag_first8", |samples| {
        rows_of(&frames_of(samples, &mut roots)).into_iter().take(8).collect()
    });
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
fn mfccs_on_the_scale_of_htk_and_liftered_are_librosas() {
    compare("mfcc13_htk", |samples| {
        let mut stft = Stft::new(N_FFT, HOP).unwrap();
        let mut bands = mel_spectrogram(&mut stft, &MelFilters::htk(SAMPLE_RATE, N_FFT, 128), samples);
        power_to_db(bands.data_mut(), 80.0);
        let mut coefficients = mfcc(&bands, 13);
        lift(&mut coefficients, 22.0);
        rows_of(&coefficients)
    });
}

#[test]
fn tuning_is_librosas() {
    for signal in SIGNALS {
        let (_, want) = read_npy(&format!("{signal}__estimate_tuning.npy"));
        let mut estimator = TuningEstimator::new(SAMPLE_RATE, N_FFT);
        for_each_eight(&read_samples(signal), |power, n| estimator.add(&roots(power), n));
        assert!((estimator.estimate(12) - want[0]).abs() < 1e-6, "{signal}");
    }
}

#[test]
fn chroma_filters_are_librosas() {
    let (shape, want) = read_npy("filter_chroma12.npy");
    let filters = ChromaFilters::new(SAMPLE_RATE, N_FFT, 12, 0.0);
    assert_eq!(shape, [filters.weights().n_rows(), filters.weights().n_cols()]);
    for (got, want) in filters.weights().data().iter().zip(want) {
        assert!((got - want).abs() < 1e-6, "{got} {want}");
    }
}

#[test]
fn chroma_from_spectra_is_librosas() {
    compare("chroma_stft_tuning0", |samples| chroma_of_spectra(samples, 12, 0.0));
    compare("chroma_stft_24", |samples| chroma_of_spectra(samples, 24, 0.0));
    compare("chroma_stft", |samples| {
        let mut estimator = TuningEstimator::new(SAMPLE_RATE, N_FFT);
        for_each_eight(samples, |power, n| estimator.add(power, n));
        chroma_of_spectra(samples, 12, estimator.estimate(12))
    });
}

fn chroma_of_spectra(samples: &[f64], n_chroma: usize, tuning: f64) -> Vec<Vec<f64>> {
    let filters = ChromaFilters::new(SAMPLE_RATE, N_FFT, n_chroma, tuning);
    let mut chroma = frames_of(samples, &mut |power| {
        let mut of_eight = vec![Lanes::ZERO; n_chroma];
        filters.apply(power, &mut of_eight);
        of_eight
    });
    normalise_by_greatest(&mut chroma);
    rows_of(&chroma)
}

#[test]
fn constant_q_magnitudes_are_librosas() {
    for (halving, tolerance) in [(Halving::Sharp, 1e-4), (Halving::Short, 1e-2)] {
        compare_within(tolerance, "cqt_mag", |samples| constant_q(samples, shape(C1, 84, 12, halving)));
        compare_within(tolerance, "cqt_mag_36bpo_3oct", |samples| {
            constant_q(samples, shape(2.0 * C1, 108, 36, halving)).into_iter().step_by(4).collect()
        });
    }
}

#[test]
fn chroma_and_tonal_centroids_from_constant_q_are_librosas() {
    compare("chroma_cqt_tuning0", |samples| {
        let mut chroma = folded(samples);
        normalise_by_greatest(&mut chroma);
        rows_of(&chroma)
    });
    compare("chroma_cens_tuning0", |samples| rows_of(&cens(folded(samples), 41)));
    compare("tonnetz_tuning0", |samples| rows_of(&tonnetz(&folded(samples))));
}

const C1: f64 = 32.703_195_662_574_83;

fn shape(fmin: f64, n_bins: usize, bins_per_octave: usize, halving: Halving) -> CqtShape {
    CqtShape { sample_rate: 22_050, hop: HOP, fmin, n_bins, bins_per_octave, halving }
}

fn constant_q(samples: &[f64], shape: CqtShape) -> Vec<Vec<f64>> {
    rows_of(&Cqt::new(shape).unwrap().magnitudes(samples))
}

fn folded(samples: &[f64]) -> Matrix {
    let shape = shape(C1, 252, 36, Halving::Sharp);
    fold_octaves(&Cqt::new(shape).unwrap().magnitudes(samples), &shape, 12)
}

#[test]
fn onset_strength_is_librosas() {
    let column = |values: Vec<f64>| -> Vec<Vec<f64>> { values.into_iter().map(|x| vec![x]).collect() };
    compare("onset_strength", |samples| column(strengths(samples, Aggregate::Mean)));
    compare("onset_strength_median", |samples| column(strengths(samples, Aggregate::Median)));
}

#[test]
fn onsets_and_beats_are_exactly_librosas() {
    for signal in SIGNALS {
        let samples = read_samples(signal);
        let onsets =
            onset_frames(&strengths(&samples, Aggregate::Mean), &PeakPicking::of_onsets(SAMPLE_RATE, HOP));
        assert_eq!(as_floats(&onsets), read_npy(&format!("{signal}__onset_detect_frames.npy")).1, "{signal}");
        let for_beats = strengths(&samples, Aggregate::Median);
        let bpm = tempo(&for_beats, SAMPLE_RATE, HOP, 120.0).unwrap();
        assert!((bpm / read_npy(&format!("{signal}__beat_tempo.npy")).1[0] - 1.0).abs() < 1e-6, "{signal}");
        let beats = beat_frames(&for_beats, bpm, SAMPLE_RATE, HOP, 100.0);
        assert_eq!(as_floats(&beats), read_npy(&format!("{signal}__beat_frames.npy")).1, "{signal}");
    }
}

#[test]
fn tempogram_and_tempo_are_librosas() {
    compare("tempogram_first8", |samples| {
        let mut frames = Vec::new();
        let take = |lags: &[Lanes], n_frames: usize| {
            let row = |lane: usize| lags.iter().map(|lag| f64::from(lag.0[lane])).collect();
            frames.extend((0..n_frames.min(LANES)).map(row));
        };
        Tempogram::new(384).unwrap().for_each(&strengths(samples, Aggregate::Mean), take);
        frames.truncate(8);
        frames
    });
    for signal in SIGNALS {
        let onsets = strengths(&read_samples(signal), Aggregate::Mean);
        let (got, want) = (
            tempo(&onsets, SAMPLE_RATE, HOP, 120.0).unwrap(),
            read_npy(&format!("{signal}__tempo.npy")).1[0],
        );
        assert!((got / want - 1.0).abs() < 1e-6, "{signal}: {got} {want}");
    }
}

fn strengths(samples: &[f64], aggregate: Aggregate) -> Vec<f64> {
    let mut bands = mel_bands(samples, 128);
    power_to_db(bands.data_mut(), 80.0);
    onset_strength(&bands, N_FFT, HOP, aggregate)
}

fn as_floats(frames: &[usize]) -> Vec<f64> {
    frames.iter().map(|frame| *frame as f64).collect()
}

#[test]
fn the_rows_of_kinds_are_means_and_deviations_of_librosas_matrices() {
    let from = |from| Embed::Chroma(Chroma { from, tuning: Tuning::Given(0.0), ..Chroma::default() });
    let htk = Mfcc { n_mfcc: 13, htk: true, lifter: 22.0, ..Mfcc::default() };
    for (kind, column, feature, first, tolerance) in [
        (Embed::Mfcc(htk), "mfcc", "mfcc13_htk", 1, 1e-4),
        (Embed::Mfcc(Mfcc::default()), "mfcc_delta", "mfcc20_delta", 1, 1e-4),
        (Embed::Contrast(Contrast::default()), "contrast", "spectral_contrast", 0, 1e-4),
        (Embed::Chroma(Chroma::default()), "chroma", "chroma_stft", 0, 1e-4),
        (from(ChromaFrom::Cqt), "chroma", "chroma_cqt_tuning0", 0, 1e-4),
        (from(ChromaFrom::Cens), "chroma", "chroma_cens_tuning0", 0, 1e-4),
        (Embed::Tonnetz(Tonnetz::default()), "tonnetz", "tonnetz_default", 0, 1e-4),
        (Embed::Rhythm(Rhythm::default()), "onset_strength", "onset_strength", 0, 1e-4),
    ] {
        for signal in SIGNALS {
            let frame = features_of(signal, &kind);
            let (shape, matrix) = read_npy(&format!("{signal}__{feature}.npy"));
            let greatest = matrix.iter().fold(0.0_f64, |greatest, x| greatest.max(x.abs()));
            let rows = matrix.chunks_exact(shape[1]).skip(first);
            let (means, deviations): (Vec<f64>, Vec<f64>) = rows.map(mean_and_deviation).unzip();
            let want = means.into_iter().chain(deviations);
            for (i, (got, want)) in list(&frame, column).iter().zip(want).enumerate() {
                let off = (f64::from(*got) - want).abs() / greatest;
                assert!(off <= tolerance, "{signal} {feature} {i}: {got}, librosa {want}");
            }
        }
    }
}

fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, (values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / n).sqrt())
}

#[test]
fn spectral_shape_is_librosas() {
    let spacing = SAMPLE_RATE / N_FFT as f64;
    let each = |samples: &[f64], describe: &dyn Fn(&[Lanes]) -> [f64; LANES]| {
        rows_of(&frames_of(samples, &mut |power| vec![Lanes(describe(power).map(|x| x as f32))]))
    };
    let moments = |power: &[Lanes]| centroid_and_bandwidth(&roots(power), spacing);
    compare("spectral_centroid", |samples| each(samples, &|power| moments(power)[0]));
    compare("spectral_bandwidth", |samples| each(samples, &|power| moments(power)[1]));
    compare("spectral_rolloff", |samples| each(samples, &|power| roll_off(&roots(power), spacing, 0.85)));
    compare("spectral_flatness", |samples| each(samples, &flatness));
}

#[test]
fn spectral_contrast_is_librosas() {
    compare("spectral_contrast", |samples| {
        let mut bands = ContrastBands::new(&bin_frequencies(SAMPLE_RATE, N_FFT));
        let mut extremes = |is_peak: bool| {
            frames_of(samples, &mut |power| {
                let [mut peaks, mut valleys] = [(); 2].map(|()| vec![Lanes::ZERO; ContrastBands::COUNT]);
                bands.measure(&roots(power), &mut peaks, &mut valleys);
                if is_peak { peaks } else { valleys }
            })
        };
        rows_of(&contrast(extremes(true), extremes(false)))
    });
}

#[test]
fn level_and_zero_crossings_are_librosas() {
    let column = |values: Vec<f64>| -> Vec<Vec<f64>> { values.into_iter().map(|x| vec![x]).collect() };
    compare("rms", |samples| column(rms(samples, N_FFT, HOP)));
    compare("zcr", |samples| column(zero_crossing_rate(samples, N_FFT, HOP)));
}

/// Every frame, unvoiced ones too.
#[test]
fn yin_is_librosas() {
    for signal in SIGNALS {
        let (shape, want) = read_npy(&format!("{signal}__yin.npy"));
        let (mut yin, samples) = (Yin::new(yin_parameters()).unwrap(), read_samples(signal));
        assert_eq!(shape[0] * shape[1], yin.n_frames(samples.len()), "{signal}");
        let got = (0..want.len()).step_by(LANES).flat_map(|first| yin.periods(&samples, first));
        for (frame, (got, want)) in got.zip(want).enumerate() {
            let cents = 1200.0 * libm::log2(got.hz / want);
            assert!(cents.abs() <= 0.05, "{signal} {frame}: {got:?}, librosa {want}");
        }
    }
}

fn yin_parameters() -> YinParameters {
    YinParameters {
        sample_rate: SAMPLE_RATE,
        fmin: 65.406_391_325_149_66,
        fmax: 1_046.502_261_202_394_5,
        frame_length: N_FFT,
        hop_length: HOP,
        trough_threshold: 0.1,
    }
}

/// Where librosa says that a frame is unvoiced, it has no number.
#[test]
fn pyin_is_librosas() {
    for signal in SIGNALS {
        let (_, want) = read_npy(&format!("{signal}__pyin_f0.npy"));
        let (mut pyin, samples) = (Pyin::new(Yin::new(yin_parameters()).unwrap()), read_samples(signal));
        let eights = (0..want.len()).step_by(LANES).flat_map(|first| pyin.candidates(&samples, first));
        let candidates: Vec<_> = eights.take(want.len()).collect();
        let got = pyin.decode(&candidates, &|| Ok(())).unwrap();
        let same = got.iter().zip(&want).filter(|(got, want)| got.is_some() != want.is_nan()).count();
        assert!(same as f64 >= 0.99 * want.len() as f64, "{signal}: {same} of {}", want.len());
        for (frame, (got, want)) in got.iter().zip(&want).enumerate() {
            let Some(hz) = got.filter(|_| !want.is_nan()) else { continue };
            let cents = 1200.0 * libm::log2(hz / want);
            assert!(cents.abs() <= 5.0, "{signal} {frame}: {hz}, librosa {want}");
        }
    }
}

#[test]
fn splits_at_silence_are_librosas() {
    let of =
        |top_db, frame_length, hop_length| Silence { top_db, frame_length, hop_length, ..Silence::default() };
    let cases = [
        ("20", of(20.0, 2048, 512)),
        ("30", of(30.0, 2048, 512)),
        ("60", Silence::default()),
        ("1024_256_40", of(40.0, 1024, 256)),
        ("1000_333_25", of(25.0, 1000, 333)),
        ("4096_4096_15", of(15.0, 4096, 4096)),
    ];
    for (signal, (name, stage)) in
        SIGNALS.iter().flat_map(|signal| cases.iter().map(move |case| (signal, case)))
    {
        let (_, want) = read_npy(&format!("{signal}__split_{name}.npy"));
        let spans = split(signal, stage);
        let got: Vec<f64> = spans.iter().flat_map(|span| [span.start as f64, span.end as f64]).collect();
        assert_eq!(got, want, "{signal} {name}");
    }
}

fn split(signal: &str, stage: &Silence) -> Vec<Span> {
    let file = read_fixture(&format!("{signal}.wav"));
    let piece = RangeOfMaster { source_start: 0.0, start: 0, end: (file.len() as u64 - 44) / 2 };
    let mut inputs = Inputs::default();
    inputs.push("ranges", Input::bytes(Pieces { sample_rate: 22_050, pieces: vec![piece] }.to_bytes()));
    inputs.push("audio", Input::bytes(as_master(&file)));
    Spans::read(&run(stage, &inputs)).unwrap().spans
}

#[test]
fn the_rows_of_spectral_are_means_and_deviations_of_librosas_descriptors() {
    for signal in SIGNALS {
        let (_, want) = read_npy(&format!("{signal}__spectral_blocks.npy"));
        let frame = features_of(signal, &Embed::Spectral(Spectral::default()));
        let (vector, level) = (list(&frame, "vector"), list(&frame, "level"));
        assert_eq!(vector.len() + level.len(), want.len());
        for (i, (got, want)) in vector.iter().chain(level).zip(&want).enumerate() {
            assert!((f64::from(*got) - want).abs() <= 1e-4 * want.abs() + 1e-6, "{signal} {i}: {got} {want}");
        }
    }
}

/// The table that a kind makes of a whole signal.
fn features_of(signal: &str, kind: &Embed) -> Frame {
    let file = read_fixture(&format!("{signal}.wav"));
    let whole = Span { range: 0, start: 0, end: (file.len() as u64 - 44) / 2 };
    let mut inputs = Inputs::default();
    inputs.push("audio", Input::bytes(as_master(&file)));
    inputs.push("spans", Input::bytes(Spans { spans: vec![whole], ..Spans::default() }.to_bytes()));
    Frame::read(&run(kind.stage(), &inputs)).unwrap()
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
    compare_within(1e-4, feature, compute);
}

fn compare_within(tolerance: f64, feature: &str, compute: impl Fn(&[f64]) -> Vec<Vec<f64>>) {
    for signal in SIGNALS {
        let (shape, want) = read_npy(&format!("{signal}__{feature}.npy"));
        let got = compute(&read_samples(signal));
        assert_eq!(shape, [got[0].len(), got.len()], "{signal} {feature}");
        let greatest = want.iter().fold(0.0_f64, |greatest, x| greatest.max(x.abs()));
        let off = want
            .iter()
            .enumerate()
            .map(|(i, want)| (got[i % shape[1]][i / shape[1]] - want).abs() / greatest);
        let most = off.fold(0.0, f64::max);
        assert!(most <= tolerance, "{signal} {feature}: up to {most:e} of the greatest off librosa's");
    }
}

/// Calls `take` with the power spectra of eight frames at a time, and how many there are from the first of them on.
fn for_each_eight(samples: &[f64], mut take: impl FnMut(&[Lanes], usize)) {
    let mut stft = Stft::new(N_FFT, HOP).unwrap();
    let n_frames = stft.n_frames(samples.len());
    (0..n_frames).step_by(LANES).for_each(|first| take(stft.power(samples, first), n_frames - first));
}

/// A row a frame of what `describe` makes of power spectra.
fn frames_of(samples: &[f64], describe: &mut dyn FnMut(&[Lanes]) -> Vec<Lanes>) -> Matrix {
    let (mut rows, mut first) = (Vec::new(), 0);
    for_each_eight(samples, |power, _| rows.push(describe(power)));
    let mut matrix = Matrix::zeros(1 + samples.len() / HOP, rows[0].len());
    for of_eight in rows {
        matrix.set_rows(first, &of_eight);
        first += LANES;
    }
    matrix
}

fn mel_bands(samples: &[f64], n_mels: usize) -> Matrix {
    let mut stft = Stft::new(N_FFT, HOP).unwrap();
    mel_spectrogram(&mut stft, &MelFilters::new(SAMPLE_RATE, N_FFT, n_mels), samples)
}

fn mfcc20(samples: &[f64]) -> Matrix {
    let mut bands = mel_bands(samples, 128);
    power_to_db(bands.data_mut(), 80.0);
    mfcc(&bands, 20)
}

fn roots(power: &[Lanes]) -> Vec<Lanes> {
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

/// The shape and the numbers of a `.npy` file of little-endian f32 or i32, in C order; a vector is one row.
fn read_npy(name: &str) -> ([usize; 2], Vec<f64>) {
    let bytes = read_fixture(name);
    let header_end = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = String::from_utf8(bytes[10..header_end].to_vec()).unwrap();
    assert!(header.contains("'fortran_order': False"), "{name}: {header}");
    let shape = header.split(['(', ')']).nth(1).unwrap();
    let mut shape: Vec<usize> = shape.split(',').filter_map(|n| n.trim().parse().ok()).collect();
    if let [n] = shape[..] {
        shape = vec![1, n];
    }
    let fours = bytes[header_end..].chunks_exact(4).map(|four| [four[0], four[1], four[2], four[3]]);
    let numbers = if header.contains("<i4") {
        fours.map(|four| f64::from(i32::from_le_bytes(four))).collect()
    } else {
        fours.map(|four| f64::from(f32::from_le_bytes(four))).collect()
    };
    (shape.try_into().unwrap(), numbers)
}
