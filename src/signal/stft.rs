//! The short-time Fourier transform, as `librosa.stft` defines it.

use std::f64::consts::PI;

use super::RealFft;
use crate::error::{Error, Result};

/// The power spectra of overlapping frames: periodic Hann window, frames centred on multiples of the hop, zeros
/// before the start and after the end, no scaling (`librosa.stft` with its defaults).
#[derive(Debug, Clone)]
pub struct Stft {
    fft: RealFft,
    hop: usize,
    window: Vec<f64>,
    frame: Vec<f64>,
    power: Vec<f64>,
}

impl Stft {
    /// Frames of `n_fft` samples, one every `hop` samples.
    ///
    /// # Errors
    /// When `n_fft` is not a power of two that [`RealFft`] takes, or `hop` is 0.
    pub fn new(n_fft: usize, hop: usize) -> Result<Self> {
        if hop == 0 {
            return Err(Error::usage("cannot transform frames: the hop is `0` samples"));
        }
        let fft = RealFft::new(n_fft)?;
        let power = vec![0.0; fft.n_bins()];
        Ok(Self { fft, hop, window: hann(n_fft), frame: vec![0.0; n_fft], power })
    }

    /// Bins of a spectrum: `n_fft / 2 + 1`.
    pub fn n_bins(&self) -> usize {
        self.fft.n_bins()
    }

    /// Number of frames over `n_samples` samples.
    pub fn n_frames(&self, n_samples: usize) -> usize {
        n_frames(n_samples, self.hop)
    }

    /// The power spectrum, |X|², of frame `index` of `samples`.
    pub fn power(&mut self, samples: &[f64], index: usize) -> &[f64] {
        self.cut(samples, index);
        let (re, im) = self.fft.transform(&self.frame);
        for ((power, re), im) in self.power.iter_mut().zip(re).zip(im) {
            *power = re * re + im * im;
        }
        &self.power
    }

    fn cut(&mut self, samples: &[f64], index: usize) {
        let (middle, centre) = (self.frame.len() / 2, index * self.hop);
        for (i, (out, weight)) in self.frame.iter_mut().zip(&self.window).enumerate() {
            let sample = (centre + i).checked_sub(middle).and_then(|at| samples.get(at));
            *out = sample.map_or(0.0, |sample| sample * weight);
        }
    }
}

/// Number of frames centred on multiples of `hop` over `n_samples` samples: `1 + n_samples / hop`.
pub fn n_frames(n_samples: usize, hop: usize) -> usize {
    1 + n_samples / hop.max(1)
}

/// The periodic Hann window of `n` samples (`scipy.signal.get_window("hann", n)`).
pub fn hann(n: usize) -> Vec<f64> {
    (0..n).map(|i| 0.5 - 0.5 * libm::cos(2.0 * PI * i as f64 / n as f64)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sine_on_a_bin_has_the_power_that_the_window_leaves_it() {
        let mut stft = Stft::new(64, 16).unwrap();
        let sine: Vec<f64> = (0..256).map(|i| libm::sin(2.0 * PI * 8.0 * f64::from(i) / 64.0)).collect();
        let power = stft.power(&sine, 8);
        // A periodic Hann window sums to n / 2; a sine shares it between two bins: (64 / 4)².
        assert!((power[8] - 256.0).abs() < 1e-9, "{}", power[8]);
        assert!(power[11] < 1e-20);
    }

    #[test]
    fn frames_beyond_the_ends_see_zeros() {
        let mut stft = Stft::new(8, 4).unwrap();
        assert_eq!(stft.n_frames(0), 1);
        assert_eq!(stft.n_frames(9), 3);
        assert!(stft.power(&[], 0).iter().all(|power| *power == 0.0));
        assert!(stft.power(&[1.0; 9], 100).iter().all(|power| *power == 0.0));
        assert!(Stft::new(8, 0).is_err());
    }
}
