//! Bandwidth: up to which frequency there is sound, and whether it ends as it does after lossy coding.

use super::whole_frames;
use crate::signal::{LANES, Stft};

/// Gathers how the power of every bin is distributed over time.
#[derive(Debug, Clone)]
pub(super) struct Bandwidth {
    stft: Stft,
    /// For each bin, how many frames had a power of each step.
    counts: Vec<u32>,
    n_frames: u32,
    bin_hz: f64,
}

/// Where a spectrum breaks off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cutoff {
    /// The middle of the break, Hz.
    pub(super) hz: f64,
    /// How far the spectrum falls there within 500 Hz, dB.
    pub(super) drop_db: f64,
}

/// Bins are no wider than this, Hz.
const BIN_HZ: f64 = 25.0;
/// Powers are counted in steps of an eighth of an octave: their floating-point numbers' first bits.
const STEP_BITS: u32 = 20;
const FIRST_STEP: u32 = (127 - 70) << (23 - STEP_BITS);
const N_STEPS: usize = 100 << (23 - STEP_BITS);
/// Of each bin's power over time.
const PERCENTILE: f64 = 0.95;
/// Hz.
const DROP_WIDTH: f64 = 500.0;
const LOWEST_CUTOFF: f64 = 8000.0;
/// Of half the sample rate: above, every converter's filter breaks off.
const HIGHEST_SHARE: f64 = 0.93;
/// A smaller drop is none, dB.
const LEAST_DROP: f64 = 25.0;
/// What lies so far below the strongest bin is no sound, dB.
const RANGE: f64 = 90.0;

impl Bandwidth {
    pub(super) fn new(sample_rate: f64) -> Option<Self> {
        let length = ((sample_rate / BIN_HZ) as usize).next_power_of_two();
        let stft = Stft::new(length, 2 * length).ok()?;
        let counts = vec![0; stft.n_bins() * N_STEPS];
        Some(Self { stft, counts, n_frames: 0, bin_hz: sample_rate / length as f64 })
    }

    /// Adds a stretch. Of frames side by side every other one counts: the rest would tell no more.
    pub(super) fn add(&mut self, samples: &[f64]) {
        let length = self.stft.n_fft();
        let frames = whole_frames(samples.len(), length, 2 * length);
        for first in frames.clone().step_by(LANES) {
            let n = LANES.min(frames.end - first);
            let power = self.stft.power(samples, first);
            for (lanes, counts) in power.iter().zip(self.counts.chunks_exact_mut(N_STEPS)) {
                lanes.0[..n].iter().for_each(|power| counts[step_of(*power)] += 1);
            }
            self.n_frames += n as u32;
        }
    }

    /// The highest frequency with sound no more than 90 dB below the strongest, Hz; none where nothing sounds, or for
    /// less than a frame.
    pub(super) fn highest_hz(&self) -> Option<f64> {
        let levels = self.levels()?;
        let most = levels.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let at = levels.iter().rposition(|level| *level > most - RANGE)?;
        (most > db_of_step(0)).then_some(at as f64 * self.bin_hz)
    }

    /// Where the 95th percentile of the power over time drops by 25 dB or more within 500 Hz, above 8 kHz and below
    /// 0.93 of half the sample rate; the largest drop, if there are several.
    pub(super) fn cutoff(&self) -> Option<Cutoff> {
        let levels = self.levels()?;
        let width = (DROP_WIDTH / self.bin_hz).round() as usize;
        let first = (LOWEST_CUTOFF / self.bin_hz).ceil() as usize;
        let last = (HIGHEST_SHARE * (levels.len() - 1) as f64) as usize;
        let drops = (first..last.saturating_sub(width)).map(|bin| (bin, levels[bin] - levels[bin + width]));
        let (bin, drop_db) = drops.reduce(|a, b| if b.1 > a.1 { b } else { a })?;
        let hz = (bin as f64 + width as f64 / 2.0) * self.bin_hz;
        (drop_db >= LEAST_DROP).then_some(Cutoff { hz, drop_db })
    }

    /// The 95th percentile of each bin over time, dB, smoothed over five bins.
    fn levels(&self) -> Option<Vec<f64>> {
        if self.n_frames == 0 {
            return None;
        }
        let rank = (PERCENTILE * f64::from(self.n_frames - 1)) as u32;
        let levels: Vec<f64> =
            self.counts.chunks_exact(N_STEPS).map(|counts| db_of_step(step_at(counts, rank))).collect();
        let mean = |bin: usize| {
            let around = &levels[bin.saturating_sub(2)..(bin + 3).min(levels.len())];
            around.iter().sum::<f64>() / around.len() as f64
        };
        Some((0..levels.len()).map(mean).collect())
    }
}

/// Equal steps of a number's bits are nearly equal steps of its logarithm.
fn step_of(power: f32) -> usize {
    let step = (power.to_bits() >> STEP_BITS).saturating_sub(FIRST_STEP) as usize;
    step.min(N_STEPS - 1)
}

fn db_of_step(step: usize) -> f64 {
    10.0 * libm::log10(f64::from(f32::from_bits((step as u32 + FIRST_STEP) << STEP_BITS)))
}

/// The step of the value that `rank` others lie below or at.
fn step_at(counts: &[u32], rank: u32) -> usize {
    let mut below = 0;
    let found = counts.iter().position(|count| {
        below += count;
        below > rank
    });
    found.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Random;
    use crate::signal::resample::Resampler;

    fn noise(n: usize) -> Vec<f64> {
        let mut random = Random::new(4);
        (0..n).map(|_| 0.3 * (random.uniform() - 0.5)).collect()
    }

    fn bandwidth(samples: &[f64], sample_rate: f64) -> Bandwidth {
        let mut bandwidth = Bandwidth::new(sample_rate).expect("the rate is usual");
        bandwidth.add(samples);
        bandwidth
    }

    #[test]
    fn what_was_sampled_more_slowly_once_breaks_off_there() {
        for (from, to) in [(22_050, 44_100), (32_000, 44_100), (32_000, 48_000), (44_100, 96_000)] {
            let samples = Resampler::new(from, to).resample(noise(from as usize * 4));
            let found = bandwidth(&samples, f64::from(to));
            let cutoff = found.cutoff().expect("it breaks off");
            let nyquist = f64::from(from) / 2.0;
            assert!((cutoff.hz - nyquist).abs() < 0.04 * nyquist, "{from} {to}: {cutoff:?}");
            let highest = found.highest_hz().expect("it sounds");
            assert!((highest - nyquist).abs() < 0.06 * nyquist, "{from} {to}: {highest}");
        }
    }

    #[test]
    fn full_and_gently_falling_spectra_do_not_break_off() {
        let full = bandwidth(&noise(100_000), 44_100.0);
        assert_eq!(full.cutoff(), None);
        assert!(full.highest_hz().expect("it sounds") > 22_000.0);
        let mut low = 0.0;
        let dull: Vec<f64> = noise(100_000)
            .iter()
            .map(|sample| {
                low += 0.05 * (sample - low);
                low
            })
            .collect();
        assert_eq!(bandwidth(&dull, 44_100.0).cutoff(), None);
    }

    #[test]
    fn a_converter_s_own_filter_and_silence_are_no_cutoff() {
        let samples = Resampler::new(48_000, 44_100).resample(noise(200_000));
        assert_eq!(bandwidth(&samples, 44_100.0).cutoff(), None);
        for samples in [vec![], vec![0.0; 100_000], vec![0.0; 10]] {
            let silent = bandwidth(&samples, 44_100.0);
            assert_eq!((silent.cutoff(), silent.highest_hz()), (None, None));
        }
    }

    #[test]
    fn a_power_is_within_a_step_of_what_is_read_back() {
        for power in [1e-18, 3e-7, 0.5, 1.0, 1234.5_f32] {
            let found = db_of_step(step_of(power)) - 10.0 * libm::log10(power.into());
            assert!((-0.52..=0.0).contains(&found), "{power}: {found} dB");
        }
        assert_eq!((step_of(0.0), step_of(1e-30), step_of(1e30)), (0, 0, N_STEPS - 1));
    }
}
