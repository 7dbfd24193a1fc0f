//! How far a recording is tuned from A = 440 Hz, as `librosa.estimate_tuning` finds it.

use super::Lanes;

/// Collects spectral peaks frame by frame (`librosa.piptrack`), and finds the tuning that most of them agree on.
#[derive(Debug, Clone)]
pub struct TuningEstimator {
    /// Hz from one bin to the next.
    spacing: f64,
    /// The first bin that may be a peak, and one past the last.
    bins: std::ops::Range<usize>,
    peaks: Vec<Peak>,
}

#[derive(Debug, Clone, Copy)]
struct Peak {
    frequency: f64,
    magnitude: f64,
}

/// Peaks lie from here to [`HIGHEST`], Hz.
const LOWEST: f64 = 150.0;
const HIGHEST: f64 = 4000.0;
/// A peak is more than this share of its frame's greatest magnitude.
const THRESHOLD: f64 = 0.1;
/// Parts of a bin that tunings are told apart by.
const RESOLUTION: usize = 100;

impl TuningEstimator {
    /// An estimator for spectra of `n_fft` samples at `sample_rate` Hz.
    pub fn new(sample_rate: f64, n_fft: usize) -> Self {
        let spacing = sample_rate / n_fft as f64;
        let at_or_above = |hz: f64| (0..=n_fft / 2).take_while(|bin| (*bin as f64) * spacing < hz).count();
        let highest = HIGHEST.min(sample_rate / 2.0);
        Self { spacing, bins: at_or_above(LOWEST)..at_or_above(highest), peaks: Vec::new() }
    }

    /// Adds the peaks of the first `n_frames` of eight frames; `spectra` are their magnitudes or their powers.
    pub fn add(&mut self, spectra: &[Lanes], n_frames: usize) {
        let greatest = spectra.iter().fold(Lanes::ZERO, |greatest, bin| greatest.max(*bin));
        let bins = self.bins.start.max(1)..self.bins.end.min(spectra.len().saturating_sub(1));
        for (lane, greatest) in greatest.0.iter().enumerate().take(n_frames) {
            let threshold = THRESHOLD * f64::from(*greatest);
            let at = |bin: usize| f64::from(spectra[bin].0[lane]);
            let above = |value: f64| if value > threshold { value } else { 0.0 };
            for bin in bins.clone() {
                let here = above(at(bin));
                if here > above(at(bin - 1)) && here >= above(at(bin + 1)) {
                    self.peaks.push(interpolate(bin, [at(bin - 1), at(bin), at(bin + 1)], self.spacing));
                }
            }
        }
    }

    /// The tuning in parts of one of `bins_per_octave` bins, -0.5 to 0.5, to a hundredth; 0 when there were no
    /// peaks. Forgets the peaks.
    pub fn estimate(&mut self, bins_per_octave: usize) -> f64 {
        let peaks = std::mem::take(&mut self.peaks);
        let median = super::median(peaks.iter().map(|peak| peak.magnitude).collect());
        let mut counts = [0_u32; RESOLUTION];
        for peak in peaks.iter().filter(|peak| peak.magnitude >= median) {
            let octaves = libm::log2(peak.frequency / (440.0 / 16.0));
            counts[place(bins_per_octave as f64 * octaves)] += 1;
        }
        let most = counts.iter().copied().max().unwrap_or(0);
        let first = counts.iter().position(|count| *count == most).unwrap_or(0);
        if most == 0 { 0.0 } else { edge(first) }
    }
}

/// The top of the parabola through three bins.
fn interpolate(bin: usize, [before, here, after]: [f64; 3], spacing: f64) -> Peak {
    let (curvature, slope) = (after + before - 2.0 * here, (after - before) / 2.0);
    let shift = if slope.abs() >= curvature.abs() { 0.0 } else { -slope / curvature };
    Peak { frequency: (bin as f64 + shift) * spacing, magnitude: here + 0.5 * slope * shift }
}

/// The place of a pitch in the histogram of what is left over a whole number of bins.
fn place(bins: f64) -> usize {
    let fraction = bins - bins.floor();
    let residual = if fraction >= 0.5 { fraction - 1.0 } else { fraction };
    let guess = ((residual + 0.5) * RESOLUTION as f64) as usize;
    // The edges decide, which are not whole hundredths in binary.
    let lower = guess.saturating_sub(1);
    (lower..=guess + 1).rev().find(|place| residual >= edge(*place)).unwrap_or(0).min(RESOLUTION - 1)
}

fn edge(place: usize) -> f64 {
    place as f64 * (1.0 / RESOLUTION as f64) - 0.5
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Stft;

    #[test]
    fn sines_beside_the_grid_are_found_by_how_far_they_are_beside_it() {
        for cents in [-40, -13, 0, 25, 45] {
            let hz = 440.0 * libm::exp2(f64::from(cents) / 1200.0);
            let angle = |i: u32| std::f64::consts::TAU * hz * f64::from(i) / 22_050.0;
            let sine: Vec<f64> = (0..22_050).map(|i| libm::sin(angle(i))).collect();
            let (mut stft, mut estimator) =
                (Stft::new(2048, 512).unwrap(), TuningEstimator::new(22_050.0, 2048));
            for first in (8..stft.n_frames(sine.len()) - 8).step_by(8) {
                let magnitudes: Vec<Lanes> =
                    stft.power(&sine, first).iter().map(|power| power.sqrt()).collect();
                estimator.add(&magnitudes, 8);
            }
            let found = estimator.estimate(12) * 100.0;
            // Parabolas through the magnitudes of a Hann window are off by up to three cents here.
            assert!((found - f64::from(cents)).abs() <= 4.0, "{cents}: {found}");
        }
    }

    #[test]
    fn silence_is_in_tune() {
        let mut estimator = TuningEstimator::new(22_050.0, 2048);
        assert_eq!(estimator.estimate(12), 0.0);
        estimator.add(&[Lanes::ZERO; 1025], 8);
        estimator.add(&[], 8);
        assert_eq!(estimator.estimate(12), 0.0);
    }
}
