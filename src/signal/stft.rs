//! The short-time Fourier transform, as `librosa.stft` defines it, and as other definitions lay their frames.

use std::f64::consts::PI;

use super::widest::with_widest_registers;
use super::{Complex, LANES, LaneDft, LaneFft, Lanes, WideLanes};
use crate::error::{Error, Result};

/// The power spectra of overlapping frames, eight at a time: periodic Hann window, frames centred on multiples of the
/// hop, zeros before the start and after the end, no scaling (`librosa.stft` with its defaults). As there, spectra are
/// f32, but transformed in f64, so that loud bins do not blur faint ones.
#[derive(Debug, Clone)]
pub struct Stft {
    transform: Transform,
    hop: usize,
    window: Vec<f64>,
    /// Samples of a frame before the multiple of the hop that it belongs to.
    before: usize,
    preemphasis: Option<f64>,
    cutter: Cutter,
    weighted: Vec<WideLanes<HALF>>,
    power: Vec<Lanes>,
}

const HALF: usize = LANES / 2;

/// Half of the eight frames at a time: they fill the registers.
#[derive(Debug, Clone)]
enum Transform {
    Fast(LaneFft<WideLanes<HALF>>),
    /// Of lengths that are no power of two.
    Slow(LaneDft<WideLanes<HALF>>),
}

impl Stft {
    /// Frames of `n_fft` samples, one every `hop` samples.
    ///
    /// # Errors
    /// When `n_fft` is not a power of two that [`LaneFft`] takes, or `hop` is 0.
    pub fn new(n_fft: usize, hop: usize) -> Result<Self> {
        Self::of(Transform::Fast(LaneFft::new(n_fft)?), hop, hann(n_fft), n_fft / 2)
    }

    /// Frames that begin on multiples of the hop and end before the sound does: as many samples as `window` has, weighted
    /// by it and followed by zeros up to `n_fft` (`torch.stft(center=False)`, but for where the zeros stand).
    ///
    /// # Errors
    /// When neither [`LaneFft`] nor [`LaneDft`] takes `n_fft`, `window` is empty or longer, or `hop` is 0.
    pub fn within(n_fft: usize, hop: usize, window: Vec<f64>) -> Result<Self> {
        if window.is_empty() || window.len() > n_fft {
            let lengths = format!("the window has {} samples, the transform {n_fft}", window.len());
            return Err(Error::usage(format!("cannot transform frames: {lengths}")));
        }
        let transform = if n_fft.is_power_of_two() {
            Transform::Fast(LaneFft::new(n_fft)?)
        } else {
            Transform::Slow(LaneDft::new(n_fft)?)
        };
        Self::of(transform, hop, window, 0)
    }

    fn of(transform: Transform, hop: usize, window: Vec<f64>, before: usize) -> Result<Self> {
        if hop == 0 {
            return Err(Error::usage("cannot transform frames: the hop is `0` samples"));
        }
        let power = vec![Lanes::ZERO; transform.length() / 2 + 1];
        let weighted = vec![WideLanes::default(); transform.length()];
        let cutter = Cutter::default();
        Ok(Self { transform, hop, window, before, preemphasis: None, cutter, weighted, power })
    }

    /// Before it is weighted, each frame loses its mean, and then each of its samples `coefficient` times the one before;
    /// the first sample that of itself (Kaldi's `remove-dc-offset` and `preemphasis-coefficient`).
    #[must_use]
    pub fn emphasised(mut self, coefficient: f64) -> Self {
        self.preemphasis = Some(coefficient);
        self
    }

    /// Samples of a transform.
    pub fn n_fft(&self) -> usize {
        self.transform.length()
    }

    /// Bins of a spectrum: `n_fft / 2 + 1`.
    pub fn n_bins(&self) -> usize {
        self.power.len()
    }

    /// Number of frames over `n_samples` samples.
    pub fn n_frames(&self, n_samples: usize) -> usize {
        if self.before > 0 {
            return n_frames(n_samples, self.hop);
        }
        n_samples.checked_sub(self.window.len()).map_or(0, |rest| n_frames(rest, self.hop))
    }

    /// The power spectra, |X|², of the eight frames of `samples` from frame `first` on: a value of each for each bin. Frames
    /// beyond the last are of whatever is there.
    pub fn power(&mut self, samples: &[f64], first: usize) -> &[Lanes] {
        let frames = self.cutter.cut_around(samples, first, self.window.len(), self.hop, self.before);
        for half in [0, HALF] {
            let halves = frames.iter().map(|lanes| std::array::from_fn(|i| f64::from(lanes.0[half + i])));
            with_widest_registers(
                #[inline(always)]
                || weigh(halves, &self.window, self.preemphasis, &mut self.weighted),
            );
            let spectra = self.transform.spectra(&self.weighted);
            with_widest_registers(
                #[inline(always)]
                || set_power(spectra, half, &mut self.power),
            );
        }
        &self.power
    }
}

impl Transform {
    fn length(&self) -> usize {
        match self {
            Self::Fast(fft) => fft.length(),
            Self::Slow(dft) => dft.length(),
        }
    }

    fn spectra(&mut self, frames: &[WideLanes<HALF>]) -> &[Complex<WideLanes<HALF>>] {
        match self {
            Self::Fast(fft) => fft.transform(frames),
            Self::Slow(dft) => dft.transform(frames),
        }
    }
}

/// Weighs frames by a window, after each has lost its mean and what `preemphasis` takes, if it is to.
#[inline(always)]
fn weigh(
    frames: impl Iterator<Item = [f64; HALF]>,
    window: &[f64],
    preemphasis: Option<f64>,
    weighted: &mut [WideLanes<HALF>],
) {
    let Some(coefficient) = preemphasis else {
        for ((weighted, frames), weight) in weighted.iter_mut().zip(frames).zip(window) {
            *weighted = WideLanes(frames.map(|sample| sample * weight));
        }
        return;
    };
    let weighted = &mut weighted[..window.len()];
    weighted.iter_mut().zip(frames).for_each(|(weighted, frames)| *weighted = WideLanes(frames));
    let sum = weighted.iter().fold(WideLanes::default(), |sum, frames| sum + *frames);
    let mean = sum * (1.0 / window.len() as f64);
    let mut last = weighted[0] - mean;
    for (weighted, weight) in weighted.iter_mut().zip(window) {
        let own = *weighted - mean;
        *weighted = (own - last * coefficient) * *weight;
        last = own;
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
        self.cut_around(samples, first, length, hop, length / 2)
    }

    /// As [`Cutter::cut`], with `lead` samples of each frame before its multiple of `hop`.
    fn cut_around<S>(
        &mut self,
        samples: &[S],
        first: usize,
        length: usize,
        hop: usize,
        lead: usize,
    ) -> &mut [Lanes]
    where
        S: Copy + Into<f64>,
    {
        let (start, n) = (first.saturating_mul(hop), (LANES - 1) * hop + length);
        self.around.clear();
        let before = lead.saturating_sub(start).min(n);
        self.around.resize(before, 0.0);
        let own = samples.get(start.saturating_add(before).saturating_sub(lead)..).unwrap_or(&[]);
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
    fn frames_within_a_sound_begin_on_multiples_of_the_hop_and_end_before_it_does() {
        let samples: Vec<f64> = (0..23).map(|i| f64::from(i * i % 17)).collect();
        for n_fft in [8, 10] {
            let mut stft = Stft::within(n_fft, 3, vec![0.5; 8]).unwrap();
            assert_eq!([7, 8, 10, 11, 23].map(|n| stft.n_frames(n)), [0, 1, 1, 2, 6]);
            let power = stft.power(&samples, 2);
            let sum: f64 = samples[9..17].iter().map(|sample| sample * 0.5).sum();
            assert!((f64::from(power[0].0[1]) - sum * sum).abs() < 1e-4, "{n_fft}");
        }
        for (n_fft, window) in [(8, 0), (8, 9), (5_000, 8), (2, 2)] {
            assert!(Stft::within(n_fft, 3, vec![1.0; window]).is_err(), "{n_fft} {window}");
        }
    }

    #[test]
    fn an_emphasised_frame_has_lost_its_mean_and_its_share_of_the_sample_before() {
        let mut stft = Stft::within(4, 4, vec![1.0; 3]).unwrap().emphasised(0.5);
        // Without its mean of 4 the frame is -3, 0, 3, and -1.5, 1.5, 3 after that: 3 in all.
        let power = stft.power(&[1.0, 4.0, 7.0], 0);
        assert!((power[0].0[0] - 9.0).abs() < 1e-6, "{:?}", power[0]);
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
