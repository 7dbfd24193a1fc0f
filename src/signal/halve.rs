//! Halving the sample rate of what is only heard well below the new Nyquist frequency.

use std::f64::consts::PI;

use super::resample::bessel_i0;

/// A half-band filter of 95 taps, every other of which is zero: flat to 1e-6 up to [`Halver::HIGHEST`], and 120 dB
/// down on whatever would fold to below it. In between, frequencies fold as they like.
///
/// It takes a fraction of the time of the general filter, [`super::resample::Resampler`], whose transition is
/// narrow.
#[derive(Debug, Clone)]
pub struct Halver {
    /// Of the input frames 1, 3, 5, .. before and after an output frame; the one at it weighs a half.
    taps: [f64; PAIRS],
}

const PAIRS: usize = 24;
/// The Kaiser window's shape for 130 dB: 0.1102 (130 - 8.7).
const BETA: f64 = 13.367_26;

impl Halver {
    /// The highest frequency that is kept, as a share of the new Nyquist frequency.
    pub const HIGHEST: f64 = 0.8;

    /// The filter.
    pub fn new() -> Self {
        let weight = |i: usize| {
            let distance = (2 * i + 1) as f64;
            let edge = distance / (2 * PAIRS) as f64;
            libm::sin(PI * distance / 2.0) / (PI * distance) * bessel_i0(BETA * (1.0 - edge * edge).sqrt())
        };
        let taps: [f64; PAIRS] = std::array::from_fn(weight);
        // All taps but the middle one sum to a half, so that a constant stays what it is.
        let sum: f64 = taps.iter().sum();
        Self { taps: taps.map(|tap| tap / (4.0 * sum)) }
    }

    /// Half as many samples, rounded up. Output frame 0 lies at input frame 0; silence is assumed before and after.
    pub fn halve(&self, samples: &[f64]) -> Vec<f64> {
        let silence = std::iter::repeat_n(0.0, PAIRS);
        let odd = samples.iter().skip(1).step_by(2).copied();
        let odd: Vec<f64> = silence.clone().chain(odd).chain(silence).chain([0.0]).collect();
        let mut halved: Vec<f64> = samples.iter().step_by(2).map(|sample| sample / 2.0).collect();
        for (i, tap) in self.taps.iter().enumerate() {
            let (before, after) = (&odd[PAIRS - 1 - i..], &odd[PAIRS + i..]);
            for ((out, before), after) in halved.iter_mut().zip(before).zip(after) {
                *out += tap * (before + after);
            }
        }
        halved
    }
}

impl Default for Halver {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(frequency: f64, n: usize, step: usize) -> Vec<f64> {
        (0..n).map(|i| libm::sin(2.0 * PI * frequency * (i * step) as f64)).collect()
    }

    #[test]
    fn low_frequencies_stay_what_they_are_and_what_would_fold_onto_them_is_gone() {
        for share in [0.01, 0.2, Halver::HIGHEST] {
            // The new Nyquist frequency is a quarter of the old rate.
            let kept = Halver::new().halve(&sine(share / 4.0, 2000, 1));
            let folded = Halver::new().halve(&sine(0.5 - share / 4.0, 2000, 1));
            for (i, want) in sine(share / 4.0, 1000, 2).iter().enumerate().take(970).skip(30) {
                assert!((kept[i] - want).abs() < 1e-6, "{share} {i}: {} {want}", kept[i]);
                assert!(folded[i].abs() < 1e-6, "{share} {i}: {}", folded[i]);
            }
        }
    }

    #[test]
    fn any_number_of_samples_is_halved() {
        for (n, want) in [(0, 0), (1, 1), (2, 1), (3, 2), (101, 51)] {
            assert_eq!(Halver::new().halve(&vec![1.0; n]).len(), want);
        }
    }
}
