//! The discrete Fourier transform of several real frames at once, with the same bits on every CPU.
//!
//! One frame to a lane: all of them go through the same additions and multiplications, so that the compiler
//! vectorises across frames. For one frame there is [`RealFft`](super::RealFft).

use std::f64::consts::PI;
use std::ops::{Add, Mul, Sub};

use super::widest::with_widest_registers;
use super::{Lanes, RealFft};
use crate::error::Result;

/// The transform of real frames of one length, as many at once as `N` has lanes: [`Lanes`] or
/// [`WideLanes`](super::WideLanes). Keep it and use it for all frames.
///
/// A frame of n samples is folded into n/2 complex numbers, transformed by a radix-4 Stockham FFT, and unfolded.
#[derive(Debug, Clone)]
pub struct LaneFft<N = Lanes> {
    length: usize,
    /// exp(-2 pi i k / length), for k below length.
    twiddles: Vec<[f64; 2]>,
    numbers: Vec<Complex<N>>,
    scratch: Vec<Complex<N>>,
    bins: Vec<Complex<N>>,
}

/// Real and imaginary part.
pub type Complex<N = Lanes> = [N; 2];

impl<N> LaneFft<N>
where
    N: Copy + Default + Add<Output = N> + Sub<Output = N> + Mul<f64, Output = N>,
{
    /// A transform of frames of `length` samples.
    ///
    /// # Errors
    /// When `length` is not a power of two from 4 to [`RealFft::MAX_LENGTH`].
    pub fn new(length: usize) -> Result<Self> {
        RealFft::check_length(length)?;
        let zeros = vec![[N::default(); 2]; length / 2];
        let twiddle = |k: usize| {
            let angle = -2.0 * PI * k as f64 / length as f64;
            [libm::cos(angle), libm::sin(angle)]
        };
        Ok(Self {
            length,
            twiddles: (0..length).map(twiddle).collect(),
            numbers: zeros.clone(),
            scratch: zeros,
            bins: vec![[N::default(); 2]; length / 2 + 1],
        })
    }

    /// Samples of a frame.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Bins of a spectrum: `length / 2 + 1`, from 0 Hz to half the sample rate.
    pub fn n_bins(&self) -> usize {
        self.length / 2 + 1
    }

    /// The spectra of the frames, unscaled, as `numpy.fft.rfft` gives them: `frames` holds the first sample of each,
    /// then the second, and so on.
    ///
    /// Shorter frames are filled up with zeros, longer ones are cut.
    pub fn transform(&mut self, frames: &[N]) -> &[Complex<N>] {
        with_widest_registers(
            #[inline(always)]
            || self.transform_all(frames),
        );
        &self.bins
    }

    #[inline(always)]
    fn transform_all(&mut self, frames: &[N]) {
        // Even samples become real parts, odd ones imaginary parts.
        let (folded, rest) = frames.as_chunks::<2>();
        let n = folded.len().min(self.length / 2);
        self.numbers[..n].copy_from_slice(&folded[..n]);
        self.numbers[n..].fill([N::default(); 2]);
        if let (Some(slot), [last]) = (self.numbers.get_mut(n), rest) {
            slot[0] = *last;
        }
        self.transform_folded();
        self.unfold();
    }

    #[inline(always)]
    fn transform_folded(&mut self) {
        let (mut n, mut stride) = (self.length / 2, 1);
        while n >= 4 {
            self.radix_4_pass(n, stride);
            std::mem::swap(&mut self.numbers, &mut self.scratch);
            (n, stride) = (n / 4, stride * 4);
        }
        if n == 2 {
            let (low, high) = self.numbers.split_at_mut(stride);
            for (low, high) in low.iter_mut().zip(high) {
                (*low, *high) = (add(*low, *high), subtract(*low, *high));
            }
        }
    }

    /// One pass of the Stockham FFT: `stride` interleaved transforms of `n` numbers each become four times as many.
    #[inline(always)]
    fn radix_4_pass(&mut self, n: usize, stride: usize) {
        let quarter = n / 4 * stride;
        let [a, b, c, d] =
            [0, 1, 2, 3].map(|j| self.numbers[j * quarter..(j + 1) * quarter].chunks_exact(stride));
        let blocks = self.scratch.chunks_exact_mut(4 * stride);
        for (p, (block, (((a, b), c), d))) in blocks.zip(a.zip(b).zip(c).zip(d)).enumerate() {
            // The table is of the real frame's length, twice that of the complex transform.
            let w = [1, 2, 3].map(|j| self.twiddles[2 * j * p * stride]);
            Self::butterflies([a, b, c, d], w, block);
        }
    }

    #[inline(always)]
    fn butterflies([a, b, c, d]: [&[Complex<N>]; 4], w: [[f64; 2]; 3], block: &mut [Complex<N>]) {
        let (first, rest) = block.split_at_mut(a.len());
        let (second, rest) = rest.split_at_mut(a.len());
        let (third, fourth) = rest.split_at_mut(a.len());
        let outputs = first.iter_mut().zip(second).zip(third).zip(fourth);
        let inputs = a.iter().zip(b).zip(c).zip(d);
        for ((((first, second), third), fourth), (((a, b), c), d)) in outputs.zip(inputs) {
            let (sum_ac, difference_ac) = (add(*a, *c), subtract(*a, *c));
            let (sum_bd, [re, im]) = (add(*b, *d), subtract(*b, *d));
            *first = add(sum_ac, sum_bd);
            *second = turn([difference_ac[0] + im, difference_ac[1] - re], w[0]);
            *third = turn(subtract(sum_ac, sum_bd), w[1]);
            *fourth = turn([difference_ac[0] - im, difference_ac[1] + re], w[2]);
        }
    }

    /// Separates the spectra of the even and the odd samples, and joins them into that of the whole frame.
    #[inline(always)]
    fn unfold(&mut self) {
        let (half, z) = (self.length / 2, &self.numbers);
        self.bins[0] = [z[0][0] + z[0][1], N::default()];
        self.bins[half] = [z[0][0] - z[0][1], N::default()];
        for k in 1..=half / 2 {
            let ([a_re, a_im], [b_re, b_im]) = (z[k], z[half - k]);
            let (even_re, even_im) = ((a_re + b_re) * 0.5, (a_im - b_im) * 0.5);
            let odd = [(a_im + b_im) * 0.5, (b_re - a_re) * 0.5];
            let [re, im] = turn(odd, self.twiddles[k]);
            self.bins[k] = [even_re + re, even_im + im];
            self.bins[half - k] = [even_re - re, im - even_im];
        }
    }
}

#[inline(always)]
fn add<N: Copy + Add<Output = N>>(a: Complex<N>, b: Complex<N>) -> Complex<N> {
    [a[0] + b[0], a[1] + b[1]]
}

#[inline(always)]
fn subtract<N: Copy + Sub<Output = N>>(a: Complex<N>, b: Complex<N>) -> Complex<N> {
    [a[0] - b[0], a[1] - b[1]]
}

#[inline(always)]
fn turn<N>(a: Complex<N>, w: [f64; 2]) -> Complex<N>
where
    N: Copy + Add<Output = N> + Sub<Output = N> + Mul<f64, Output = N>,
{
    [a[0] * w[0] - a[1] * w[1], a[0] * w[1] + a[1] * w[0]]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::{LANES, Random};

    #[test]
    fn every_lane_has_the_spectrum_of_its_frame() {
        for length in [4_usize, 8, 16, 32, 64, 512, 1024, 2048] {
            let mut random = Random::new(length as u64);
            let frames: Vec<Lanes> = (0..length)
                .map(|_| Lanes(std::array::from_fn(|_| (random.uniform() - 0.5) as f32)))
                .collect();
            let mut fft = LaneFft::new(length).unwrap();
            let got = fft.transform(&frames).to_vec();
            for lane in 0..LANES {
                let frame: Vec<f64> = frames.iter().map(|samples| f64::from(samples.0[lane])).collect();
                let mut exact = RealFft::new(length).unwrap();
                let (re, im) = exact.transform(&frame);
                for (k, [got_re, got_im]) in got.iter().enumerate() {
                    let off = (f64::from(got_re.0[lane]) - re[k])
                        .abs()
                        .max((f64::from(got_im.0[lane]) - im[k]).abs());
                    assert!(off < 2e-6 * (length as f64).sqrt(), "{length} {lane} {k}: {off:e}");
                }
            }
        }
    }

    #[test]
    fn a_frame_has_the_same_bits_in_every_lane_and_beside_any_other() {
        let mut random = Random::new(1);
        let frame: Vec<f32> = (0..256).map(|_| random.uniform() as f32).collect();
        let mut spectrum = |lane: usize| {
            let mut beside = |i: usize| if i == lane { 1.0 } else { random.uniform() as f32 };
            let frames: Vec<Lanes> =
                frame.iter().map(|sample| Lanes(std::array::from_fn(|i| sample * beside(i)))).collect();
            let bins = LaneFft::<Lanes>::new(256).unwrap().transform(&frames).to_vec();
            bins.iter().map(|[re, im]| [re.0[lane].to_bits(), im.0[lane].to_bits()]).collect::<Vec<_>>()
        };
        let first = spectrum(0);
        assert!((1..LANES).all(|lane| spectrum(lane) == first));
    }

    #[test]
    fn short_frames_are_filled_up_and_long_ones_cut() {
        let one = Lanes([1.0; LANES]);
        let mut fft = LaneFft::new(8).unwrap();
        assert_eq!(fft.transform(&[one; 3]).to_vec(), {
            let mut filled = [Lanes::ZERO; 8];
            filled[..3].fill(one);
            fft.transform(&filled).to_vec()
        });
        assert_eq!(fft.transform(&[one; 20])[0][0].0, [8.0; LANES]);
        assert!(fft.transform(&[]).iter().all(|bin| *bin == [Lanes::ZERO; 2]));
        for length in [0, 1, 2, 3, 1000, usize::MAX] {
            assert!(LaneFft::<Lanes>::new(length).is_err(), "{length}");
        }
    }
}
