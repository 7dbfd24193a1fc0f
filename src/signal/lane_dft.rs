//! The discrete Fourier transform of several real frames of any length at once, by the sum that defines it.
//!
//! For the few lengths that are no power of two: Whisper's 400. Slower than [`LaneFft`](super::LaneFft) by ten times there,
//! which is little beside what the network does with the frame.

use std::f64::consts::PI;
use std::ops::{Add, Mul, Sub};

use super::Complex;
use crate::error::{Error, Result};

/// The transform of real frames of one length, as many at once as `N` has lanes; keep it and use it for all frames.
#[derive(Debug, Clone)]
pub struct LaneDft<N> {
    length: usize,
    /// cos and sin of 2 pi i / length, for i below length.
    turns: Vec<[f64; 2]>,
    /// For each pair of samples as far from the first: their sum and their difference, which hear cosines and sines.
    pairs: Vec<[N; 2]>,
    bins: Vec<Complex<N>>,
}

impl<N> LaneDft<N>
where
    N: Copy + Default + Add<Output = N> + Sub<Output = N> + Mul<f64, Output = N>,
{
    /// The longest frame, samples: its work grows with the square.
    pub const MAX_LENGTH: usize = 4096;

    /// A transform of frames of `length` samples.
    ///
    /// # Errors
    /// When `length` is not an even number from 4 to [`LaneDft::MAX_LENGTH`].
    pub fn new(length: usize) -> Result<Self> {
        if !length.is_multiple_of(2) || !(4..=Self::MAX_LENGTH).contains(&length) {
            let cause = format!("it must be an even number from 4 to {}", Self::MAX_LENGTH);
            return Err(Error::usage(format!("cannot transform frames of `{length}` samples: {cause}")));
        }
        let turn = |i: usize| {
            let angle = 2.0 * PI * i as f64 / length as f64;
            [libm::cos(angle), libm::sin(angle)]
        };
        Ok(Self {
            length,
            turns: (0..length).map(turn).collect(),
            pairs: vec![[N::default(); 2]; length / 2 - 1],
            bins: vec![[N::default(); 2]; length / 2 + 1],
        })
    }

    /// Samples of a frame.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The spectra of the frames, unscaled, as `numpy.fft.rfft` gives them: `frames` holds the first sample of each,
    /// then the second, and so on.
    ///
    /// Shorter frames are filled up with zeros, longer ones are cut.
    pub fn transform(&mut self, frames: &[N]) -> &[Complex<N>] {
        let at = |i: usize| frames.get(i).copied().unwrap_or_default();
        for (i, pair) in (1..).zip(&mut self.pairs) {
            let (one, other) = (at(i), at(self.length - i));
            *pair = [one + other, other - one];
        }
        let (first, middle) = (at(0), at(self.length / 2));
        for (k, bin) in self.bins.iter_mut().enumerate() {
            *bin = [if k % 2 == 0 { first + middle } else { first - middle }, N::default()];
            let mut turn = 0;
            for [sum, difference] in &self.pairs {
                turn = if turn + k < self.length { turn + k } else { turn + k - self.length };
                let [cosine, sine] = self.turns[turn];
                *bin = [bin[0] + *sum * cosine, bin[1] + *difference * sine];
            }
        }
        &self.bins
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::{LaneFft, Random, WideLanes};

    #[test]
    fn a_spectrum_is_that_of_the_fast_transform_where_there_is_one() {
        for length in [4, 8, 64, 256] {
            let mut random = Random::new(length as u64);
            let frames: Vec<WideLanes<4>> =
                (0..length).map(|_| WideLanes(std::array::from_fn(|_| random.uniform() - 0.5))).collect();
            let (mut slow, mut fast) = (LaneDft::new(length).unwrap(), LaneFft::new(length).unwrap());
            for (slow, fast) in slow.transform(&frames).iter().zip(fast.transform(&frames)) {
                for part in [0, 1] {
                    for lane in 0..4 {
                        assert!((slow[part].0[lane] - fast[part].0[lane]).abs() < 1e-11, "{length}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_sine_on_a_bin_of_a_frame_of_any_even_length_is_in_that_bin_alone() {
        let sine = |i| WideLanes([libm::sin(2.0 * PI * 3.0 * f64::from(i) / 10.0)]);
        let mut dft = LaneDft::new(10).unwrap();
        let spectra = dft.transform(&(0..10).map(sine).collect::<Vec<_>>());
        for (k, [re, im]) in spectra.iter().enumerate() {
            let want = if k == 3 { -5.0 } else { 0.0 };
            assert!(re.0[0].abs() < 1e-12 && (im.0[0] - want).abs() < 1e-12, "{k}: {re:?} {im:?}");
        }
        for length in [0, 2, 5, 4098] {
            assert!(LaneDft::<WideLanes<4>>::new(length).is_err(), "{length}");
        }
    }
}
