//! Descriptors of the shape of a spectrum and of the waveform, as librosa 0.11 defines them.
//!
//! `magnitudes` is |X| of one frame, `frequencies` the frequency of each bin in Hz.

use super::{Matrix, n_frames, power_to_db};

/// The frequency of each bin of a transform of `n_fft` samples, Hz (`librosa.fft_frequencies`).
pub fn bin_frequencies(sample_rate: f64, n_fft: usize) -> Vec<f64> {
    (0..=n_fft / 2).map(|k| k as f64 * sample_rate / n_fft.max(1) as f64).collect()
}

/// The mean frequency, weighted by magnitude, Hz; 0 in silence (`librosa.feature.spectral_centroid`).
pub fn centroid(magnitudes: &[f64], frequencies: &[f64]) -> f64 {
    weighted_mean(magnitudes, frequencies.iter().copied())
}

/// The standard deviation of frequency around `centroid`, weighted by magnitude, Hz; 0 in silence
/// (`librosa.feature.spectral_bandwidth` with p = 2).
pub fn bandwidth(magnitudes: &[f64], frequencies: &[f64], centroid: f64) -> f64 {
    let squares = frequencies.iter().map(|frequency| (frequency - centroid) * (frequency - centroid));
    weighted_mean(magnitudes, squares).sqrt()
}

fn weighted_mean(weights: &[f64], values: impl Iterator<Item = f64>) -> f64 {
    let total: f64 = weights.iter().sum();
    let sum: f64 = weights.iter().zip(values).map(|(weight, value)| weight * value).sum();
    if total < f64::MIN_POSITIVE { 0.0 } else { sum / total }
}

/// The lowest frequency below which at least `share` of the sum of magnitudes lies, Hz
/// (`librosa.feature.spectral_rolloff`).
pub fn roll_off(magnitudes: &[f64], frequencies: &[f64], share: f64) -> f64 {
    let threshold = share * magnitudes.iter().sum::<f64>();
    let mut sum = 0.0;
    let reached = magnitudes.iter().position(|magnitude| {
        sum += magnitude;
        sum >= threshold
    });
    reached.and_then(|bin| frequencies.get(bin)).copied().unwrap_or(0.0)
}

/// The geometric over the arithmetic mean of a power spectrum, 0 (a tone) to 1 (noise, and silence), powers below
/// 1e-10 counting as that (`librosa.feature.spectral_flatness`).
pub fn flatness(power: &[f64]) -> f64 {
    let n = power.len().max(1) as f64;
    let log_sum: f64 = power.iter().map(|power| libm::log(power.max(1e-10))).sum();
    let sum: f64 = power.iter().map(|power| power.max(1e-10)).sum();
    if power.is_empty() { 1.0 } else { libm::exp(log_sum / n) / (sum / n) }
}

/// The octave bands of spectral contrast: 0 to 200 Hz, then doubling, seven in all.
#[derive(Debug, Clone)]
pub struct ContrastBands {
    bands: [Band; ContrastBands::COUNT],
    sorted: Vec<f64>,
}

/// The bins of one band, and how many of them are a peak and a valley.
#[derive(Debug, Clone, Copy)]
struct Band {
    start: usize,
    end: usize,
    n_extreme: usize,
}

impl ContrastBands {
    /// Number of bands.
    pub const COUNT: usize = 7;
    const LOWEST_EDGE: f64 = 200.0;
    const QUANTILE: f64 = 0.02;

    /// The bands over bins of these frequencies, Hz.
    pub fn new(frequencies: &[f64]) -> Self {
        Self { bands: std::array::from_fn(|i| Band::new(i, frequencies)), sorted: Vec::new() }
    }

    /// The mean magnitude of the strongest and of the weakest 2 % of the bins of each band.
    pub fn measure(&mut self, magnitudes: &[f64], peaks: &mut [f64], valleys: &mut [f64]) {
        for ((band, peak), valley) in self.bands.iter().zip(peaks).zip(valleys) {
            let bins = magnitudes.get(band.start..band.end).unwrap_or(&[]);
            self.sorted.clear();
            self.sorted.extend_from_slice(bins);
            (*valley, *peak) = extremes(&mut self.sorted, band.n_extreme);
        }
    }
}

impl Band {
    /// A band takes in the bin below it and gives up its own highest; the last one has all bins that are left.
    fn new(i: usize, frequencies: &[f64]) -> Self {
        let edge = |octave: usize| ContrastBands::LOWEST_EDGE * (1_u32 << octave) as f64;
        let low = if i == 0 { 0.0 } else { edge(i - 1) };
        let inside = frequencies.iter().take_while(|hz| **hz < low).count();
        let start = if i == 0 { 0 } else { inside.saturating_sub(1) };
        let is_last = i == ContrastBands::COUNT - 1;
        let within = frequencies.iter().take_while(|hz| **hz <= edge(i)).count();
        let end = if is_last { frequencies.len() } else { within };
        let share = ContrastBands::QUANTILE * end.saturating_sub(start) as f64;
        let n_extreme = (share.round_ties_even() as usize).max(1);
        Self { start, end: if is_last { end } else { end.saturating_sub(1) }.max(start), n_extreme }
    }
}

/// The means of the `n` least and the `n` greatest of `values`.
fn extremes(values: &mut [f64], n: usize) -> (f64, f64) {
    let n = n.min(values.len());
    if n == 0 {
        return (0.0, 0.0);
    }
    let last = values.len() - 1;
    values.select_nth_unstable_by(n - 1, f64::total_cmp);
    let least = sorted_mean(&mut values[..n]);
    values.select_nth_unstable_by(last + 1 - n, f64::total_cmp);
    (least, sorted_mean(&mut values[last + 1 - n..]))
}

/// Sorting first makes the order of the sum, and so its bits, independent of how the values were selected.
fn sorted_mean(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.iter().sum::<f64>() / values.len() as f64
}

/// Peaks over valleys, dB, one row a frame; peaks and valleys more than 80 dB below the greatest of them all are
/// raised to that (`librosa.feature.spectral_contrast`).
pub fn contrast(mut peaks: Matrix, mut valleys: Matrix) -> Matrix {
    power_to_db(peaks.data_mut(), 80.0);
    power_to_db(valleys.data_mut(), 80.0);
    peaks.data_mut().iter_mut().zip(valleys.data()).for_each(|(peak, valley)| *peak -= valley);
    peaks
}

/// The share of samples whose sign differs from that of the one before, per centred frame; the ends are
/// extended by their last sample (`librosa.feature.zero_crossing_rate`).
pub fn zero_crossing_rate(samples: &[f64], frame_length: usize, hop: usize) -> Vec<f64> {
    let is_negative = |sample: f64| sample < -1e-10;
    let mut crossings_before = vec![0_u32; samples.len().max(1)];
    for i in 1..samples.len() {
        let crossed = is_negative(samples[i]) != is_negative(samples[i - 1]);
        crossings_before[i] = crossings_before[i - 1] + u32::from(crossed);
    }
    let clamp = |position: usize| {
        crossings_before[position.saturating_sub(frame_length / 2).min(crossings_before.len() - 1)]
    };
    let rate = |start: usize| {
        f64::from(clamp((start + frame_length).max(1) - 1) - clamp(start)) / frame_length.max(1) as f64
    };
    (0..n_frames(samples.len(), hop)).map(|frame| rate(frame * hop)).collect()
}

/// The root mean square per centred frame, with zeros beyond the ends (`librosa.feature.rms`).
pub fn rms(samples: &[f64], frame_length: usize, hop: usize) -> Vec<f64> {
    let frame = |index: usize| {
        let start = (index * hop).saturating_sub(frame_length / 2).min(samples.len());
        let end = (index * hop + frame_length).saturating_sub(frame_length / 2).min(samples.len());
        frame_rms(&samples[start..end], frame_length)
    };
    (0..n_frames(samples.len(), hop)).map(frame).collect()
}

/// The root mean square of a frame of `frame_length` samples, of which those that are not in `samples` are zero.
pub fn frame_rms(samples: &[f64], frame_length: usize) -> f64 {
    (super::dot(samples, samples) / frame_length.max(1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_has_finite_descriptors() {
        let (zeros, hz) = ([0.0; 1025], bin_frequencies(22_050.0, 2048));
        assert_eq!(centroid(&zeros, &hz), 0.0);
        assert_eq!(bandwidth(&zeros, &hz, 0.0), 0.0);
        assert_eq!(roll_off(&zeros, &hz, 0.85), 0.0);
        assert!((flatness(&zeros) - 1.0).abs() < 1e-12);
        let (mut peaks, mut valleys) = (Matrix::zeros(1, 7), Matrix::zeros(1, 7));
        ContrastBands::new(&hz).measure(&zeros, peaks.row_mut(0), valleys.row_mut(0));
        assert!(contrast(peaks, valleys).data().iter().all(|db| *db == 0.0));
    }

    #[test]
    fn nothing_at_all_is_one_silent_frame() {
        assert_eq!(zero_crossing_rate(&[], 2048, 512), [0.0]);
        assert_eq!(rms(&[], 2048, 512), [0.0]);
        assert_eq!(extremes(&mut [], 3), (0.0, 0.0));
    }

    #[test]
    fn extremes_are_means_of_the_least_and_the_greatest() {
        assert_eq!(extremes(&mut [5.0, 1.0, 4.0, 2.0, 3.0], 2), (1.5, 4.5));
        assert_eq!(extremes(&mut [5.0], 3), (5.0, 5.0));
    }
}
