//! The short-time Fourier transform, as `librosa.stft` defines it.

use std::f64::consts::PI;

use super::widest::with_widest_registers;
use super::{Complex, LANES, LaneFft, Lanes, WideLanes};
use crate::error::{Error, Result};

/// The power spectra of overlapping frames, eight at a time: periodic Hann window, frames centred on multiples of the
/// hop, zeros before the start and after the end, no scaling (`librosa.stft` with its defaults). As there, spectra are
/// f32, but transformed in f64, so that loud bins do not blur faint ones.
#[derive(Debug, Clone)]
pub struct Stft {
    /// Half of the eight frames at a time: they fill the registers.
    fft: LaneFft<WideLanes<HALF>>,
    hop: usize,
    window: Vec<f64>,
    cutter: Cutter,
    weighted: Vec<WideLanes<HALF>>,
    power: Vec<Lanes>,
}

const HALF: usize = LANES / 2;

impl Stft {
    /// Frames of `n_fft` samples, one every `hop` samples.
    ///
    /// # Errors
    /// When `n_fft` is not a power of two that [`LaneFft`] takes, or `hop` is 0.
    pub fn new(n_fft: usize, hop: usize) -> Result<Self> {
        if hop == 0 {
            return Err(Error::usage("cannot transform frames: the hop is `0` samples"));
        }
        let fft = LaneFft::new(n_fft)?;
        let power = vec![Lanes::ZERO; fft.n_bins()];
        let weighted = vec![WideLanes::default(); n_fft];
        Ok(Self { fft, hop, window: hann(n_fft), cutter: Cutter::default(), weighted, power })
    }

    /// Samples of a frame.
    pub fn n_fft(&self) -> usize {
        self.fft.length()
    }

    /// Bins of a spectrum: `n_fft / 2 + 1`.
    pub fn n_bins(&self) -> usize {
        self.fft.n_bins()
    }

    /// Number of frames over `n_samples` samples.
    pub fn n_frames(&self, n_samples: usize) -> usize {
        n_frames(n_samples, self.hop)
    }

    /// The power spectra, |X|², of the eight frames of `samples` from frame `first` on: a value of each for each bin. Frames
    /// beyond the last are of whatever is there.
    pub fn power(&mut self, samples: &[f64], first: usize) -> &[Lanes] {
        let frames = self.cutter.cut(samples, first, self.window.len(), self.hop);
        for half in [0, HALF] {
            with_widest_registers(
                #[inline(always)]
                || weigh(frames, half, &self.window, &mut self.weighted),
            );
            let spectra = self.fft.transform(&self.weighted);
            with_widest_registers(
                #[inline(always)]
                || set_power(spectra, half, &mut self.power),
            );
        }
        &self.power
    }
}

/// Half of the frames, from lane `half` on, under a window.
#[inline(always)]
fn weigh(frames: &[Lanes], half: usize, window: &[f64], weighted: &mut [WideLanes<HALF>]) {
    for ((weighted, lanes), weight) in weighted.iter_mut().zip(frames).zip(window) {
        *weighted = WideLanes(std::array::from_fn(|i| f64::from(lanes.0[half + i]) * weight));
    }
}

/// Writes the power of these spectra to half of the lanes, from lane `half` on.
#[inline(always)]
fn set_power(spectra: &[Complex<WideLanes<HALF>>], half: usize, power: &mut [Lanes]) {
    for (power, [re, im]) in power.iter_mut().zip(spectra) {
        let of_half = *re * *re + *im * *im;
        power.0[half..half + HALF].iter_mut().zip(of_half.0).for_each(|(out, of)| *out = of as f32);
    }
}

/// Cuts eight frames at a time.
#[derive(Debug, Clone, Default)]
pub struct Cutter {
    /// All that the eight frames see, with zeros beyond the ends.
    around: Vec<f32>,
    frames: Vec<Lanes>,
}

impl Cutter {
    /// The samples of the eight frames from frame `first` on, `length` of each, centred on multiples of `hop`.
    pub fn cut<S>(&mut self, samples: &[S], first: usize, length: usize, hop: usize) -> &mut [Lanes]
    where
        S: Copy + Into<f64>,
    {
        let (start, n) = (first.saturating_mul(hop), (LANES - 1) * hop + length);
        self.around.clear();
        let before = (length / 2).saturating_sub(start).min(n);
        self.around.resize(before, 0.0);
        let own = samples.get(start.saturating_add(before).saturating_sub(length / 2)..).unwrap_or(&[]);
        let own = &own[..own.len().min(n - before)];
        self.around.extend(own.iter().map(|sample| (*sample).into() as f32));
        self.around.resize(n, 0.0);
        self.frames.resize(length, Lanes::ZERO);
        let frames: [&[f32]; LANES] =
            std::array::from_fn(|lane| &self.around[lane * hop..lane * hop + length]);
        for (i, lanes) in self.frames.iter_mut().enumerate() {
            *lanes = Lanes(std::array::from_fn(|lane| frames[lane][i]));
        }
        &mut self.frames
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
        assert!((power[8].0[0] - 256.0).abs() < 1e-3, "{:?}", power[8]);
        assert!(power[11].0[0] < 1e-8);
    }

    #[test]
    fn a_frame_is_the_same_whatever_lane_it_is_in() {
        let samples: Vec<f64> = (0..500).map(|i| f64::from(i * i % 97) / 97.0).collect();
        let mut stft = Stft::new(64, 16).unwrap();
        let first = stft.power(&samples, 0).to_vec();
        for shift in 1..LANES {
            let shifted = stft.power(&samples, shift);
            for (a, b) in first.iter().zip(shifted) {
                assert_eq!(a.0[shift..], b.0[..LANES - shift]);
            }
        }
    }

    #[test]
    fn frames_beyond_the_ends_see_zeros() {
        let mut stft = Stft::new(8, 4).unwrap();
        assert_eq!(stft.n_frames(0), 1);
        assert_eq!(stft.n_frames(9), 3);
        assert!(stft.power(&[], 0).iter().all(|power| *power == Lanes::ZERO));
        assert!(stft.power(&[1.0; 9], 100).iter().all(|power| *power == Lanes::ZERO));
        assert!(Stft::new(8, 0).is_err());
        let mut cutter = Cutter::default();
        let frames = cutter.cut(&[1.0, 2.0, 3.0_f64], 0, 4, 1);
        let frame = |lane: usize| frames.iter().map(|lanes| lanes.0[lane]).collect::<Vec<_>>();
        assert_eq!((frame(0), frame(2)), (vec![0.0, 0.0, 1.0, 2.0], vec![1.0, 2.0, 3.0, 0.0]));
        assert_eq!(frame(7), vec![0.0; 4]);
    }
}
