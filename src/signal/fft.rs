//! The discrete Fourier transform of real frames, with the same bits on every CPU.
//!
//! Written here because FFT crates compute their f64 twiddle factors with the system's sine and cosine, whose
//! last bits depend on the CPU. The additions and multiplications run across independent butterflies, so
//! that the compiler may vectorise them without changing a bit.

use std::f64::consts::PI;

use crate::error::{Error, Result};

/// The transform of real frames of one length; keep it and use it for every frame.
///
/// A frame of n samples is folded into n/2 complex numbers, transformed by a radix-4 Stockham FFT, and unfolded,
/// so no frame's numbers depend on another frame.
#[derive(Debug, Clone)]
pub struct RealFft {
    length: usize,
    /// exp(-2 pi i k / length), for k below length.
    twiddles: Complexes,
    folded: Complexes,
    scratch: Complexes,
    bins: Complexes,
}

/// Complex numbers, real and imaginary parts apart.
#[derive(Debug, Clone)]
struct Complexes {
    re: Vec<f64>,
    im: Vec<f64>,
}

impl RealFft {
    /// The longest frame, samples.
    pub const MAX_LENGTH: usize = 1 << 22;

    /// A transform of frames of `length` samples.
    ///
    /// # Errors
    /// When `length` is not a power of two from 4 to [`RealFft::MAX_LENGTH`].
    pub fn new(length: usize) -> Result<Self> {
        Self::check_length(length)?;
        let half = length / 2;
        Ok(Self {
            length,
            twiddles: twiddles(length),
            folded: Complexes::zeros(half),
            scratch: Complexes::zeros(half),
            bins: Complexes::zeros(half + 1),
        })
    }

    /// Whether frames of `length` samples can be transformed.
    ///
    /// # Errors
    /// When `length` is not a power of two from 4 to [`RealFft::MAX_LENGTH`].
    pub fn check_length(length: usize) -> Result<()> {
        if length.is_power_of_two() && (4..=Self::MAX_LENGTH).contains(&length) {
            return Ok(());
        }
        let cause = format!("it must be a power of two from 4 to {}", Self::MAX_LENGTH);
        Err(Error::usage(format!("cannot transform frames of `{length}` samples: {cause}")))
    }

    /// Samples of a frame.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Bins of a spectrum: `length / 2 + 1`, from 0 Hz to half the sample rate.
    pub fn n_bins(&self) -> usize {
        self.length / 2 + 1
    }

    /// The real and imaginary parts of the spectrum of `frame`, unscaled, as `numpy.fft.rfft` gives them.
    ///
    /// A shorter frame is filled up with zeros, a longer one is cut.
    pub fn transform(&mut self, frame: &[f64]) -> (&[f64], &[f64]) {
        self.fold(frame);
        self.transform_folded();
        self.unfold();
        (&self.bins.re, &self.bins.im)
    }

    /// Even samples become real parts, odd ones imaginary parts.
    fn fold(&mut self, frame: &[f64]) {
        let at = |i: usize| frame.get(i).copied().unwrap_or(0.0);
        for (k, (re, im)) in self.folded.re.iter_mut().zip(&mut self.folded.im).enumerate() {
            (*re, *im) = (at(2 * k), at(2 * k + 1));
        }
    }

    fn transform_folded(&mut self) {
        let (mut n, mut stride) = (self.length / 2, 1);
        while n >= 4 {
            radix_4_pass(n, stride, &self.twiddles, &self.folded, &mut self.scratch);
            std::mem::swap(&mut self.folded, &mut self.scratch);
            (n, stride) = (n / 4, stride * 4);
        }
        if n == 2 {
            radix_2_pass(stride, &self.folded, &mut self.scratch);
            std::mem::swap(&mut self.folded, &mut self.scratch);
        }
    }

    /// Separates the spectra of the even and the odd samples, and joins them into that of the whole frame.
    fn unfold(&mut self) {
        let half = self.length / 2;
        let (z, w) = (&self.folded, &self.twiddles);
        for k in 0..=half {
            let (i, j) = (k % half, (half - k) % half);
            let (even_re, even_im) = (0.5 * (z.re[i] + z.re[j]), 0.5 * (z.im[i] - z.im[j]));
            let (odd_re, odd_im) = (0.5 * (z.im[i] + z.im[j]), -0.5 * (z.re[i] - z.re[j]));
            self.bins.re[k] = even_re + (w.re[k] * odd_re - w.im[k] * odd_im);
            self.bins.im[k] = even_im + (w.re[k] * odd_im + w.im[k] * odd_re);
        }
    }
}

impl Complexes {
    fn zeros(n: usize) -> Self {
        Self { re: vec![0.0; n], im: vec![0.0; n] }
    }
}

fn twiddles(length: usize) -> Complexes {
    let angles = (0..length).map(|k| -2.0 * PI * k as f64 / length as f64);
    Complexes { re: angles.clone().map(libm::cos).collect(), im: angles.map(libm::sin).collect() }
}

/// One pass of the Stockham FFT: `stride` interleaved transforms of `n` numbers each become four times as many.
fn radix_4_pass(n: usize, stride: usize, twiddles: &Complexes, from: &Complexes, to: &mut Complexes) {
    let quarter = n / 4 * stride;
    for p in 0..n / 4 {
        // The table is of the real frame's length, twice that of the complex transform.
        let w = [1, 2, 3].map(|j| (twiddles.re[2 * j * p * stride], twiddles.im[2 * j * p * stride]));
        let inputs = [0, 1, 2, 3].map(|j| part(from, p * stride + j * quarter, stride));
        let block = 4 * p * stride..4 * (p + 1) * stride;
        let outputs = (&mut to.re[block.clone()], &mut to.im[block]);
        butterflies(stride, w, inputs, outputs);
    }
}

fn part(numbers: &Complexes, start: usize, n: usize) -> (&[f64], &[f64]) {
    (&numbers.re[start..start + n], &numbers.im[start..start + n])
}

fn butterflies(
    stride: usize,
    w: [(f64, f64); 3],
    [a, b, c, d]: [(&[f64], &[f64]); 4],
    (re, im): (&mut [f64], &mut [f64]),
) {
    let (re0, re) = re.split_at_mut(stride);
    let (re1, re) = re.split_at_mut(stride);
    let (re2, re3) = re.split_at_mut(stride);
    let (im0, im) = im.split_at_mut(stride);
    let (im1, im) = im.split_at_mut(stride);
    let (im2, im3) = im.split_at_mut(stride);
    for q in 0..stride {
        let (sum_ac, difference_ac) =
            ((a.0[q] + c.0[q], a.1[q] + c.1[q]), (a.0[q] - c.0[q], a.1[q] - c.1[q]));
        let (sum_bd, difference_bd) =
            ((b.0[q] + d.0[q], b.1[q] + d.1[q]), (b.0[q] - d.0[q], b.1[q] - d.1[q]));
        (re0[q], im0[q]) = (sum_ac.0 + sum_bd.0, sum_ac.1 + sum_bd.1);
        let plus = (difference_ac.0 + difference_bd.1, difference_ac.1 - difference_bd.0);
        (re1[q], im1[q]) = times(w[0], plus);
        (re2[q], im2[q]) = times(w[1], (sum_ac.0 - sum_bd.0, sum_ac.1 - sum_bd.1));
        let minus = (difference_ac.0 - difference_bd.1, difference_ac.1 + difference_bd.0);
        (re3[q], im3[q]) = times(w[2], minus);
    }
}

fn times(a: (f64, f64), b: (f64, f64)) -> (f64, f64) {
    (a.0 * b.0 - a.1 * b.1, a.0 * b.1 + a.1 * b.0)
}

fn radix_2_pass(stride: usize, from: &Complexes, to: &mut Complexes) {
    for q in 0..stride {
        (to.re[q], to.im[q]) = (from.re[q] + from.re[q + stride], from.im[q] + from.im[q + stride]);
        (to.re[q + stride], to.im[q + stride]) =
            (from.re[q] - from.re[q + stride], from.im[q] - from.im[q + stride]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Random;

    #[test]
    fn a_spectrum_is_the_sum_that_defines_it() {
        for length in [4_usize, 8, 16, 32, 64, 256, 512] {
            let mut random = Random::new(length as u64);
            let frame: Vec<f64> = (0..length).map(|_| random.uniform() - 0.5).collect();
            let mut fft = RealFft::new(length).unwrap();
            let (re, im) = fft.transform(&frame);
            for k in 0..=length / 2 {
                let angle = |i: usize| 2.0 * PI * ((i * k) % length) as f64 / length as f64;
                let want_re: f64 = frame.iter().enumerate().map(|(i, x)| x * libm::cos(angle(i))).sum();
                let want_im: f64 = frame.iter().enumerate().map(|(i, x)| -x * libm::sin(angle(i))).sum();
                assert!((re[k] - want_re).abs() < 1e-12, "{length} {k}: {} {want_re}", re[k]);
                assert!((im[k] - want_im).abs() < 1e-12, "{length} {k}: {} {want_im}", im[k]);
            }
        }
    }

    #[test]
    fn a_silent_frame_has_a_spectrum_of_exact_zeros() {
        let mut fft = RealFft::new(64).unwrap();
        fft.transform(&[1.0; 64]);
        let (re, im) = fft.transform(&[0.0; 64]);
        assert!(re.iter().chain(im).all(|x| *x == 0.0));
    }

    #[test]
    fn only_powers_of_two_are_lengths() {
        for length in [0, 1, 2, 3, 1000, usize::MAX] {
            assert!(RealFft::new(length).is_err(), "{length}");
        }
    }
}
