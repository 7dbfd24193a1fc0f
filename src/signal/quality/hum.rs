//! Hum: lines at the frequencies of the mains that never stop.

use super::whole_frames;
use crate::signal::{Halver, LANES, Lanes, Stft};

/// Gathers the power of the lines that the mains of either frequency would leave.
#[derive(Debug, Clone)]
pub(super) struct Hum {
    stft: Stft,
    bin_hz: f64,
    n_halvings: u32,
    /// For each of [`LINES`]: in each frame, the mean square of a sine there, and of the noise around it.
    lines: Vec<Vec<(f64, f64)>>,
}

/// Hum that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Found {
    /// Mean square of its lines.
    pub(super) power: f64,
    /// Of the mains: 50 or 60 Hz.
    pub(super) mains_hz: f64,
}

const MAINS: [f64; 2] = [50.0, 60.0];
const HARMONICS: usize = 4;
const LINES: usize = MAINS.len() * HARMONICS;
const FRAME: usize = 2048;
const HOP: usize = 512;
/// The rate at which hum is looked for is at most this, Hz: frames of about a second and more, while what a short filter
/// keeps still reaches to the highest line.
const HIGHEST_RATE: f64 = 2500.0;
/// Bins to each side of a line that belong to it: the main lobe of the window.
const LOBE: usize = 2;
/// Bins to each side that tell how loud it is around the line.
const AROUND: std::ops::Range<usize> = 5..13;
/// The share of the frames in which a line may be weaker: music pauses, hum does not.
const QUIET_SHARE: f64 = 0.1;
/// By so much a line stands out from the noise around it, as powers.
const PROMINENCE: f64 = 10.0;

impl Hum {
    pub(super) fn new(sample_rate: f64) -> Option<Self> {
        let mut rate = sample_rate;
        let mut n_halvings = 0;
        while rate > HIGHEST_RATE {
            rate /= 2.0;
            n_halvings += 1;
        }
        let stft = Stft::new(FRAME, HOP).ok()?;
        Some(Self { stft, bin_hz: rate / FRAME as f64, n_halvings, lines: vec![Vec::new(); LINES] })
    }

    pub(super) fn add(&mut self, samples: &[f32]) {
        let halver = Halver::half_band(0.8, 80.0);
        let low = (1..self.n_halvings).fold(halver.halve(samples, 1.0), |low, _| halver.halve(&low, 1.0));
        let low: Vec<f64> = low.into_iter().map(f64::from).collect();
        let frames = whole_frames(low.len(), FRAME, HOP);
        for first in frames.clone().step_by(LANES) {
            let power = self.stft.power(&low, first);
            for (line, found) in self.lines.iter_mut().enumerate() {
                let lanes = 0..LANES.min(frames.end - first);
                found.extend(lanes.filter_map(|lane| line_power(power, lane, frequency(line) / self.bin_hz)));
            }
        }
    }

    /// The hum of the mains whose lines are louder; none where no line stands out by 10 dB nine tenths of the time, or
    /// nothing is as long as a frame.
    pub(super) fn found(&self) -> Option<Found> {
        let of_mains = |mains: usize| Found {
            power: (mains * HARMONICS..(mains + 1) * HARMONICS).map(|line| self.steady_power(line)).sum(),
            mains_hz: MAINS[mains],
        };
        let found = [of_mains(0), of_mains(1)];
        let louder = if found[1].power > found[0].power { found[1] } else { found[0] };
        (louder.power > 0.0).then_some(louder)
    }

    fn steady_power(&self, line: usize) -> f64 {
        let quiet = |of: fn(&(f64, f64)) -> f64| {
            let mut powers: Vec<f64> = self.lines[line].iter().map(of).collect();
            powers.sort_unstable_by(f64::total_cmp);
            powers.get((QUIET_SHARE * powers.len() as f64) as usize).copied().unwrap_or(0.0)
        };
        let (power, around) = (quiet(|line| line.0), quiet(|line| line.1));
        if power > PROMINENCE * around { power } else { 0.0 }
    }
}

fn frequency(line: usize) -> f64 {
    MAINS[line / HARMONICS] * (line % HARMONICS + 1) as f64
}

/// The mean square of a sine at bin `at` of one of eight frames, and what it would be of the noise around it alone.
fn line_power(power: &[Lanes], lane: usize, at: f64) -> Option<(f64, f64)> {
    let at = at.round() as usize;
    let lobe = power.get(at.checked_sub(LOBE)?..=at + LOBE)?;
    let below = power.get((at + 1).checked_sub(AROUND.end)?..(at + 1).checked_sub(AROUND.start)?)?;
    let above = power.get(at + AROUND.start..at + AROUND.end)?;
    let sum = |bins: &[Lanes]| bins.iter().map(|bin| f64::from(bin.0[lane])).sum::<f64>();
    let mean = |bins: &[Lanes]| sum(bins) / bins.len() as f64;
    let around = mean(below).max(mean(above)) * lobe.len() as f64;
    // A sine of mean square 1 leaves (n / 2) times the window's sum of squares, 3 n / 8, in its lobe.
    let scale = 16.0 / 3.0 / (FRAME * FRAME) as f64;
    Some((scale * sum(lobe), scale * around))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Random;

    const RATE: f64 = 22_050.0;

    /// Twenty seconds of notes on the open strings of an oud, in noise, with lines at (Hz, amplitude).
    fn music(lines: &[(f64, f64)]) -> Vec<f64> {
        let mut random = Random::new(7);
        let tau = std::f64::consts::TAU;
        let note = |i: usize| {
            let (hz, age) = ([65.4, 110.0, 146.8, 196.0][i / 11_025 % 4], (i % 11_025) as f64 / RATE);
            (1..8).map(|k| libm::sin(tau * hz * f64::from(k) * age) / f64::from(k)).sum::<f64>()
                * libm::exp(-3.0 * age)
        };
        let hum =
            |i: usize| lines.iter().map(|(hz, a)| a * libm::sin(tau * hz * i as f64 / RATE)).sum::<f64>();
        (0..441_000).map(|i| 0.1 * note(i) + hum(i) + 1e-4 * (random.uniform() - 0.5)).collect()
    }

    fn hum(samples: &[f64]) -> Option<Found> {
        let mut hum = Hum::new(RATE).expect("the rate is usual");
        hum.add(&samples.iter().map(|sample| *sample as f32).collect::<Vec<_>>());
        hum.found()
    }

    #[test]
    fn hum_is_found_at_its_level() {
        for (lines, mains_hz, amplitude) in [
            (vec![(50.0, 0.01)], 50.0, 0.01f64),
            (vec![(60.0, 0.003)], 60.0, 0.003),
            (vec![(59.9, 0.01)], 60.0, 0.01),
            (vec![(50.0, 0.01), (150.0, 0.01)], 50.0, 0.01 * 2f64.sqrt()),
            (vec![(100.1, 0.02)], 50.0, 0.02),
        ] {
            let found = hum(&music(&lines)).expect("it hums");
            assert_eq!(found.mains_hz, mains_hz, "{lines:?}");
            let off = 10.0 * libm::log10(found.power / (amplitude * amplitude / 2.0));
            assert!(off.abs() < 1.5, "{lines:?}: {off} dB");
        }
    }

    #[test]
    fn music_noise_and_what_is_too_short_do_not_hum() {
        let mut random = Random::new(8);
        let noise: Vec<f64> = (0..441_000).map(|_| random.uniform() - 0.5).collect();
        for samples in [music(&[]), noise, music(&[(50.0, 0.1)])[..8000].to_vec(), vec![0.0; 100_000]] {
            assert_eq!(hum(&samples), None);
        }
    }
}
