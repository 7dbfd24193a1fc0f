//! spectral: MFCCs and spectral shape, to librosa's definitions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rows::{
    Column, Row, SAMPLE_RATE, describe_segments, means_then_deviations, refused, summarise, summarise_columns,
};
use crate::error::Result;
use crate::signal::{
    ContrastBands, LANES, Lanes, Matrix, MelFilters, Stft, bin_frequencies, centroid_and_bandwidth, contrast,
    delta, flatness, mfcc, power_to_db, rms, roll_off, zero_crossing_rate,
};
use crate::stages::{Context, Inputs, Outputs, Stage};

/// Mean and standard deviation over frames of MFCCs, their deltas and the shape of the spectrum, at 22,050 Hz.
///
/// Every descriptor is librosa 0.11's with its defaults. A block holds the means of its descriptors, then their
/// standard deviations (of the frames that are there, ddof = 0):
///
/// | column | descriptors |
/// |---|---|
/// | `mfcc` | MFCC 1 to `n_mfcc` - 1 |
/// | `mfcc_delta` | their first derivative, per frame |
/// | `mfcc_delta2` | their second derivative, per frame² |
/// | `shape` | centroid, bandwidth and roll-off in Hz, flatness, zero-crossing rate |
/// | `contrast` | spectral contrast of seven octave bands, dB |
/// | `level` | RMS, MFCC 0, its first and its second derivative |
///
/// `vector` is the first five laid end to end. `level` is left out, for it tells recording sessions apart rather
/// than music. A gain changes nothing else, as long as no power falls below librosa's floor of 1e-10 (the
/// loudest mel band above -20 dB, which a master at -23 LUFS is): the floor of 80 dB below the loudest moves along.
///
/// Frames beyond the segment's ends are filled with zeros, never with the audio around it. Segments of fewer than
/// nine frames have derivatives over as many as there are, of fewer than three derivatives of 0; silence has
/// finite values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Spectral {
    /// Number of MFCCs, the first of them (level) included; at most `n_mels`.
    #[schemars(range(min = 2, max = 512))]
    pub n_mfcc: u32,
    /// Length of the transform, samples at 22,050 Hz: a power of two.
    #[schemars(extend("enum" = [256, 512, 1024, 2048, 4096, 8192, 16384]))]
    pub n_fft: u32,
    /// From one transform to the next, samples at 22,050 Hz.
    #[schemars(range(min = 64, max = 16384))]
    pub hop_length: u32,
    /// Number of mel bands, from 0 to 11,025 Hz; at most `n_fft / 2`.
    #[schemars(range(min = 2, max = 512))]
    pub n_mels: u32,
    /// Share of the sum of magnitudes that lies below the roll-off frequency.
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub roll_percent: f64,
}

impl Default for Spectral {
    fn default() -> Self {
        Self { n_mfcc: 20, n_fft: 2048, hop_length: 512, n_mels: 128, roll_percent: 0.85 }
    }
}

impl Stage for Spectral {
    fn version(&self) -> u32 {
        2
    }

    fn reads(&self) -> &'static [&'static str] {
        &["audio", "spans"]
    }

    fn run(&self, inputs: &Inputs, context: &Context) -> Result<Outputs> {
        self.check()?;
        let mut analyser = SpectralAnalyser::new(self)?;
        describe_segments(inputs, context, &self.columns(), |samples| {
            Ok(analyser.describe(samples, context)?.row())
        })
    }
}

/// How far below the loudest mel band of a segment another may be, dB.
const TOP_DB: f64 = 80.0;

/// Centroid, bandwidth, roll-off, flatness; the zero-crossing rate comes from the waveform.
const N_SHAPE: usize = 4;

impl Spectral {
    fn check(&self) -> Result<()> {
        let refuse = |parameter: &str, value: &dyn std::fmt::Display, cause: &str| {
            Err(refused("spectra", parameter, value, cause))
        };
        if self.n_mels > self.n_fft / 2 {
            return refuse("n_mels", &self.n_mels, "there can be at most half as many bands as `n_fft`");
        }
        if !(2..=self.n_mels).contains(&self.n_mfcc) {
            return refuse("n_mfcc", &self.n_mfcc, "it must be from 2 to `n_mels`");
        }
        if !(self.roll_percent > 0.0 && self.roll_percent < 1.0) {
            return refuse("roll_percent", &self.roll_percent, "it must be between 0 and 1");
        }
        Ok(())
    }

    /// The columns, in the order of [`Descriptors::row`].
    fn columns(&self) -> [Column; 6] {
        let n_mfcc = 2 * (self.n_mfcc as usize - 1);
        [
            Column::block("mfcc", n_mfcc),
            Column::block("mfcc_delta", n_mfcc),
            Column::block("mfcc_delta2", n_mfcc),
            Column::block("shape", 2 * (N_SHAPE + 1)),
            Column::block("contrast", 2 * ContrastBands::COUNT),
            Column::beside("level", 8),
        ]
    }
}

/// What is the same for all segments: the transform, the filters, the bands.
pub(super) struct SpectralAnalyser<'a> {
    parameters: &'a Spectral,
    stft: Stft,
    filters: MelFilters,
    contrast_bands: ContrastBands,
    /// Of the eight frames at hand.
    of_eight: OfEight,
}

/// The descriptors of eight frames.
struct OfEight {
    magnitudes: Vec<Lanes>,
    bands: Vec<Lanes>,
    shape: [Lanes; N_SHAPE],
    peaks: [Lanes; ContrastBands::COUNT],
    valleys: [Lanes; ContrastBands::COUNT],
}

/// The descriptors of a segment, each matrix with a row per frame.
pub(super) struct Descriptors {
    /// Mel bands, dB.
    pub(super) bands: Matrix,
    mfcc: Matrix,
    shape: Matrix,
    contrast: Matrix,
    zero_crossing_rate: Vec<f64>,
    pub(super) rms: Vec<f64>,
}

impl<'a> SpectralAnalyser<'a> {
    pub(super) fn new(parameters: &'a Spectral) -> Result<Self> {
        let (n_fft, sample_rate) = (parameters.n_fft as usize, f64::from(SAMPLE_RATE));
        let stft = Stft::new(n_fft, parameters.hop_length as usize)?;
        let filters = MelFilters::new(sample_rate, n_fft, parameters.n_mels as usize);
        let of_eight = OfEight {
            magnitudes: vec![Lanes::ZERO; stft.n_bins()],
            bands: vec![Lanes::ZERO; filters.n_mels()],
            shape: [Lanes::ZERO; N_SHAPE],
            peaks: [Lanes::ZERO; ContrastBands::COUNT],
            valleys: [Lanes::ZERO; ContrastBands::COUNT],
        };
        let contrast_bands = ContrastBands::new(&bin_frequencies(sample_rate, n_fft));
        Ok(Self { parameters, stft, filters, contrast_bands, of_eight })
    }

    /// Describes a segment in one pass over its spectra.
    pub(super) fn describe(&mut self, samples: &[f64], context: &Context) -> Result<Descriptors> {
        let n_frames = self.stft.n_frames(samples.len());
        let matrix = |n_cols| Matrix::zeros(n_frames, n_cols);
        let (mut bands, mut shape) = (matrix(self.filters.n_mels()), matrix(N_SHAPE));
        let (mut peaks, mut valleys) = (matrix(ContrastBands::COUNT), matrix(ContrastBands::COUNT));
        for first in (0..n_frames).step_by(LANES) {
            context.check()?;
            self.describe_eight(samples, first);
            bands.set_rows(first, &self.of_eight.bands);
            shape.set_rows(first, &self.of_eight.shape);
            peaks.set_rows(first, &self.of_eight.peaks);
            valleys.set_rows(first, &self.of_eight.valleys);
        }
        power_to_db(bands.data_mut(), TOP_DB);
        let (length, hop) = (self.parameters.n_fft as usize, self.parameters.hop_length as usize);
        Ok(Descriptors {
            mfcc: mfcc(&bands, self.parameters.n_mfcc as usize),
            bands,
            shape,
            contrast: contrast(peaks, valleys),
            zero_crossing_rate: zero_crossing_rate(samples, length, hop),
            rms: rms(samples, length, hop),
        })
    }

    /// The frames from `first` on.
    fn describe_eight(&mut self, samples: &[f64], first: usize) {
        let OfEight { magnitudes, bands, shape, peaks, valleys } = &mut self.of_eight;
        let spacing = f64::from(SAMPLE_RATE) / f64::from(self.parameters.n_fft);
        let power = self.stft.power(samples, first);
        magnitudes.iter_mut().zip(power).for_each(|(magnitude, power)| *magnitude = power.sqrt());
        self.filters.apply(power, bands);
        let [centroid, bandwidth] = centroid_and_bandwidth(magnitudes, spacing);
        let roll_off = roll_off(magnitudes, spacing, self.parameters.roll_percent);
        *shape = [centroid, bandwidth, roll_off, flatness(power)]
            .map(|descriptor| Lanes(descriptor.map(|value| value as f32)));
        self.contrast_bands.measure(magnitudes, peaks, valleys);
    }
}

impl Descriptors {
    /// The blocks of a row; means and deviations are of the frames.
    pub(super) fn row(&self) -> Row {
        let [mut mfcc, mut first, mut second] =
            [&self.mfcc, &delta(&self.mfcc, 1), &delta(&self.mfcc, 2)].map(summarise_columns);
        let mut shape = summarise_columns(&self.shape);
        shape.push(summarise(self.zero_crossing_rate.iter().copied()));
        let rms = summarise(self.rms.iter().copied());
        let level = vec![rms, mfcc.remove(0), first.remove(0), second.remove(0)];
        let blocks = [mfcc, first, second, shape, summarise_columns(&self.contrast), level];
        blocks.iter().map(|summaries| means_then_deviations(summaries)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::tests::{features, features_at, noise, numbers};
    use super::*;

    #[test]
    fn columns_have_the_sizes_that_the_manual_gives_them() {
        let frame = features(&Spectral::default(), &noise(1 << 20), &[(0, 30_000)]).unwrap();
        let names = ["vector", "mfcc", "mfcc_delta", "mfcc_delta2", "shape", "contrast", "level"];
        assert_eq!(names.map(|name| numbers(&frame, name).0), [138, 38, 38, 38, 10, 14, 8]);
    }

    #[test]
    fn a_gain_changes_only_the_level() {
        let loud = features(&Spectral::default(), &noise(1 << 22), &[(0, 44_100)]).unwrap();
        let quieter: Vec<i32> = noise(1 << 22).iter().map(|sample| sample / 4).collect();
        let quiet = features(&Spectral::default(), &quieter, &[(0, 44_100)]).unwrap();
        for (a, b) in numbers(&loud, "vector").1.iter().zip(numbers(&quiet, "vector").1) {
            assert!((a - b).abs() <= 1e-3 * a.abs().max(0.1), "{a} {b}");
        }
        assert!((numbers(&loud, "level").1[0] / numbers(&quiet, "level").1[0] - 4.0).abs() < 1e-3);
    }

    #[test]
    fn the_rate_of_the_master_does_not_matter() {
        let tones = |rate: u32| -> Vec<i32> {
            let tone =
                |i: u32, hz: f64| libm::sin(std::f64::consts::TAU * hz * f64::from(i) / f64::from(rate));
            let sample = |i| [220.0, 1480.0, 5000.0].map(|hz| tone(i, hz) * 1e6).iter().sum::<f64>() as i32;
            (0..rate * 2).map(sample).collect()
        };
        let shape_at = |rate: u32| {
            let span = (u64::from(rate) / 2, u64::from(rate) * 3 / 2);
            let frame = features_at(rate, &Spectral::default(), &tones(rate), &[span]).unwrap();
            numbers(&frame, "shape").1.to_vec()
        };
        let want = shape_at(SAMPLE_RATE);
        for rate in [44_100, 48_000] {
            for (got, want) in shape_at(rate).iter().zip(&want).take(3) {
                assert!((got / want - 1.0).abs() < 0.01, "{rate}: {got} {want}");
            }
        }
    }

    #[test]
    fn absurd_parameters_are_errors() {
        let default = Spectral::default();
        for stage in [
            Spectral { n_mfcc: 0, ..default.clone() },
            Spectral { n_mfcc: 129, ..default.clone() },
            Spectral { n_fft: 0, ..default.clone() },
            Spectral { n_fft: 3000, ..default.clone() },
            Spectral { hop_length: 0, ..default.clone() },
            Spectral { n_mels: u32::MAX, ..default.clone() },
            Spectral { roll_percent: f64::NAN, ..default.clone() },
        ] {
            assert!(features(&stage, &[0; 10], &[(0, 10)]).is_err(), "{stage:?}");
        }
    }
}
