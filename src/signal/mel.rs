//! The mel scale: filters, MFCCs and their deltas, as librosa 0.11 defines them; filters also as others do.

use std::f64::consts::PI;

use super::{LANES, Lanes, Matrix, Stft};

/// Triangular filters on a mel scale, each of unit area (`librosa.filters.mel` with `norm="slaney"`).
#[derive(Debug, Clone)]
pub struct MelFilters {
    filters: Vec<Filter>,
}

/// The bins from `start` on that a filter hears.
#[derive(Debug, Clone)]
struct Filter {
    start: usize,
    weights: Vec<f32>,
}

/// How mel filters lie over the frequencies, and how high they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MelShape {
    /// Evenly on Slaney's scale, of unit area (`librosa.filters.mel`).
    Slaney,
    /// Evenly on HTK's scale, of unit area (`librosa.filters.mel(htk=True)`).
    Htk,
    /// Evenly on HTK's scale, 1 in the middle (`torchaudio.functional.melscale_fbanks`).
    Torchaudio,
    /// Evenly on HTK's scale, on which their sides are straight too, 1 in the middle
    /// (`torchaudio.compliance.kaldi.get_mel_banks`).
    Kaldi,
}

impl MelFilters {
    /// `n_mels` filters from 0 Hz to half of `sample_rate` (Hz), over the `n_fft / 2 + 1` bins of a spectrum, on
    /// Slaney's scale.
    pub fn new(sample_rate: f64, n_fft: usize, n_mels: usize) -> Self {
        Self::between(sample_rate, n_fft, n_mels, [0.0, sample_rate / 2.0], MelShape::Slaney)
    }

    /// As [`MelFilters::new`], on the scale of HTK (`htk=True`).
    pub fn htk(sample_rate: f64, n_fft: usize, n_mels: usize) -> Self {
        Self::between(sample_rate, n_fft, n_mels, [0.0, sample_rate / 2.0], MelShape::Htk)
    }

    /// As [`MelFilters::new`], of a shape and between two frequencies, Hz.
    pub fn between(
        sample_rate: f64,
        n_fft: usize,
        n_mels: usize,
        [lowest, highest]: [f64; 2],
        shape: MelShape,
    ) -> Self {
        let (low, high) = (shape.mel(lowest), shape.mel(highest));
        let edge = |i: usize| shape.place(low + (high - low) * i as f64 / (n_mels + 1) as f64);
        let bin = |k: usize| shape.place_of_hz(k as f64 * sample_rate / n_fft as f64);
        let bins: Vec<f64> = (0..=n_fft / 2).map(bin).collect();
        let has_unit_area = matches!(shape, MelShape::Slaney | MelShape::Htk);
        let filter = |i| Filter::new(&bins, [edge(i), edge(i + 1), edge(i + 2)], has_unit_area);
        Self { filters: (0..n_mels).map(filter).collect() }
    }

    /// Number of filters.
    pub fn n_mels(&self) -> usize {
        self.filters.len()
    }

    /// The power in each band of eight power spectra.
    pub fn apply(&self, power: &[Lanes], bands: &mut [Lanes]) {
        for (band, filter) in bands.iter_mut().zip(&self.filters) {
            let heard = power.get(filter.start..).unwrap_or(&[]).iter();
            *band =
                heard.zip(&filter.weights).fold(Lanes::ZERO, |sum, (power, weight)| sum + *power * *weight);
        }
    }
}

impl MelShape {
    fn mel(self, hz: f64) -> f64 {
        if self == Self::Slaney { hz_to_mel(hz) } else { hz_to_htk_mel(hz) }
    }

    /// Where a mel lies on the axis on which the sides of filters are straight.
    fn place(self, mel: f64) -> f64 {
        match self {
            Self::Slaney => mel_to_hz(mel),
            Self::Htk | Self::Torchaudio => htk_mel_to_hz(mel),
            Self::Kaldi => mel,
        }
    }

    fn place_of_hz(self, hz: f64) -> f64 {
        if self == Self::Kaldi { hz_to_htk_mel(hz) } else { hz }
    }
}

impl Filter {
    fn new(bins: &[f64], [low, centre, high]: [f64; 3], has_unit_area: bool) -> Self {
        let weight = |place: f64| {
            let slope = ((place - low) / (centre - low)).min((high - place) / (high - centre)).max(0.0);
            if has_unit_area { slope * 2.0 / (high - low) } else { slope }
        };
        let start = bins.iter().take_while(|place| **place <= low).count();
        let weights =
            bins[start..].iter().take_while(|place| **place < high).map(|place| weight(*place) as f32);
        Self { start, weights: weights.collect() }
    }
}

/// Slaney's scale: linear to 1 kHz, logarithmic above, where 27 mels multiply the frequency by 6.4.
fn hz_to_mel(hz: f64) -> f64 {
    if hz < 1000.0 { hz * 3.0 / 200.0 } else { 15.0 + libm::log(hz / 1000.0) * 27.0 / libm::log(6.4) }
}

fn mel_to_hz(mel: f64) -> f64 {
    if mel < 15.0 { mel * 200.0 / 3.0 } else { 1000.0 * libm::exp((mel - 15.0) * libm::log(6.4) / 27.0) }
}

/// HTK's scale: 2595 log10(1 + f / 700).
fn hz_to_htk_mel(hz: f64) -> f64 {
    2595.0 * libm::log10(1.0 + hz / 700.0)
}

fn htk_mel_to_hz(mel: f64) -> f64 {
    700.0 * (libm::pow(10.0, mel / 2595.0) - 1.0)
}

/// The power in each mel band, one row a frame (`librosa.feature.melspectrogram`).
pub fn mel_spectrogram(stft: &mut Stft, filters: &MelFilters, samples: &[f64]) -> Matrix {
    let mut bands = Matrix::zeros(stft.n_frames(samples.len()), filters.n_mels());
    let mut of_eight = vec![Lanes::ZERO; filters.n_mels()];
    for first in (0..bands.n_rows()).step_by(LANES) {
        filters.apply(stft.power(samples, first), &mut of_eight);
        bands.set_rows(first, &of_eight);
    }
    bands
}

/// The first `n_mfcc` cepstral coefficients of each row of mel bands in dB: the orthonormal DCT-II
/// (`librosa.feature.mfcc(S=bands)`). One row a frame.
pub fn mfcc(bands: &Matrix, n_mfcc: usize) -> Matrix {
    let basis = dct_basis(n_mfcc, bands.n_cols());
    let mut coefficients = Matrix::zeros(bands.n_rows(), n_mfcc);
    for (i, row) in bands.rows().enumerate() {
        for (out, cosine) in coefficients.row_mut(i).iter_mut().zip(basis.rows()) {
            *out = super::dot(row, cosine);
        }
    }
    coefficients
}

/// Weights cepstral coefficient n by 1 + `lifter` / 2 sin(pi (n + 1) / `lifter`); not at all when `lifter` is 0
/// (`librosa.feature.mfcc(lifter=lifter)`).
pub fn lift(coefficients: &mut Matrix, lifter: f64) {
    if lifter == 0.0 {
        return;
    }
    let weight = |n: usize| 1.0 + lifter / 2.0 * libm::sin(PI * (n + 1) as f64 / lifter);
    let weights: Vec<f64> = (0..coefficients.n_cols()).map(weight).collect();
    for frame in 0..coefficients.n_rows() {
        coefficients.row_mut(frame).iter_mut().zip(&weights).for_each(|(value, weight)| *value *= weight);
    }
}

fn dct_basis(n_out: usize, n_in: usize) -> Matrix {
    let mut basis = Matrix::zeros(n_out, n_in);
    let n = n_in as f64;
    for k in 0..n_out {
        let scale = if k == 0 { (1.0 / n).sqrt() } else { (2.0 / n).sqrt() };
        for (i, out) in basis.row_mut(k).iter_mut().enumerate() {
            *out = scale * libm::cos(PI * k as f64 * (2 * i + 1) as f64 / (2.0 * n));
        }
    }
    basis
}

/// The widest window of [`delta`], frames.
const DELTA_WIDTH: usize = 9;

/// The first (`order` 1) or second (`order` 2) derivative over time of each column, per frame: the slope of a line,
/// or the curvature of a parabola, fitted over nine frames (`librosa.feature.delta`: Savitzky-Golay, "interp").
///
/// Where librosa refuses fewer than nine frames, the widest odd window that fits is used; fewer than three
/// frames have derivatives of 0.
pub fn delta(rows: &Matrix, order: u32) -> Matrix {
    let n_rows = rows.n_rows();
    let mut derivatives = Matrix::zeros(n_rows, rows.n_cols());
    let reach = (DELTA_WIDTH.min(n_rows).saturating_sub(1)) / 2;
    if reach == 0 {
        return derivatives;
    }
    let weights = derivative_weights(reach, order);
    for i in 0..n_rows {
        // The fitted line's slope (parabola's curvature) is one number: near the ends it is that of the nearest fit.
        let first = i.clamp(reach, n_rows - 1 - reach) - reach;
        for (j, weight) in weights.iter().enumerate() {
            let from = rows.row(first + j);
            derivatives.row_mut(i).iter_mut().zip(from).for_each(|(out, value)| *out += weight * value);
        }
    }
    derivatives
}

/// Least-squares weights for the derivative of a line (order 1) or the second derivative of a parabola, over
/// `2 reach + 1` frames.
fn derivative_weights(reach: usize, order: u32) -> Vec<f64> {
    let reach = reach as i32;
    let offsets = (-reach..=reach).map(f64::from);
    let mean_square = offsets.clone().map(|k| k * k).sum::<f64>() / f64::from(2 * reach + 1);
    let shape: Vec<f64> = offsets.map(|k| if order == 1 { k } else { k * k - mean_square }).collect();
    let norm: f64 = shape.iter().map(|s| s * s).sum();
    let factor = if order == 1 { 1.0 } else { 2.0 };
    shape.iter().map(|s| factor * s / norm).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_have_the_row_sums_that_librosa_gives_them() {
        // librosa 0.11.0: librosa.filters.mel(sr=22050, n_fft=2048, n_mels=128).sum(axis=1)
        let filters = MelFilters::new(22_050.0, 2048, 128);
        let mut sums = vec![Lanes::ZERO; 128];
        filters.apply(&[Lanes([1.0; LANES]); 1025], &mut sums);
        for (i, want) in [(0, 0.090_345_88), (1, 0.093_373_88), (37, 0.096_146_2), (55, 0.092_740_7)] {
            assert!((sums[i].0[5] - want).abs() < 1e-7, "{i}: {:?} {want}", sums[i]);
        }
    }

    #[test]
    fn deltas_of_a_parabola_are_its_slope_and_curvature_for_any_number_of_frames() {
        for (n, slope, curvature) in
            [(1, 0.0, 0.0), (2, 0.0, 0.0), (3, 2.0, 2.0), (6, 4.0, 2.0), (20, 8.0, 2.0)]
        {
            let mut rows = Matrix::zeros(n, 1);
            rows.data_mut().iter_mut().enumerate().for_each(|(i, x)| *x = (i * i) as f64);
            assert!((delta(&rows, 1).row(0)[0] - slope).abs() < 1e-12, "{n}");
            assert!(delta(&rows, 2).data().iter().all(|c| (c - curvature).abs() < 1e-12), "{n}");
        }
    }
}
