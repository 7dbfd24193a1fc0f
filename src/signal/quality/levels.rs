//! Levels over time: noise floor, signal-to-noise ratio, and how much is silence.

/// The level of overlapping frames.
#[derive(Debug, Clone, Default)]
pub(super) struct Levels {
    /// Mean power of each frame.
    powers: Vec<f64>,
    sum: f64,
    samples: u64,
}

/// Samples of a frame and of a hop, as librosa has them at 22,050 Hz.
const FRAME: usize = 2048;
pub(super) const HOP: usize = 512;
/// Frames this far below the loudest are silent, dB.
const SILENCE_DB: f64 = 60.0;
/// The quietest level there is, dBFS: that of silence.
const LEAST_DB: f64 = -120.0;

impl Levels {
    /// Adds a stretch, and gives the power of its frames, one a hop, none of which reaches beyond it.
    pub(super) fn add(&mut self, samples: &[f64]) -> Vec<f64> {
        let squares = |hop: &[f64]| hop.iter().map(|sample| sample * sample).sum::<f64>();
        let hops: Vec<f64> = samples.chunks(HOP).map(squares).collect();
        self.sum += hops.iter().sum::<f64>();
        self.samples += samples.len() as u64;
        let powers: Vec<f64> = if samples.len() < FRAME {
            vec![hops.iter().sum::<f64>() / samples.len().max(1) as f64]
        } else {
            let whole = &hops[..samples.len() / HOP];
            whole.windows(FRAME / HOP).map(|four| four.iter().sum::<f64>() / FRAME as f64).collect()
        };
        self.powers.extend_from_slice(&powers);
        powers
    }

    /// The mean power of all samples.
    pub(super) fn mean_power(&self) -> f64 {
        self.sum / self.samples.max(1) as f64
    }

    /// The 5th and the 95th percentile of the frames' levels, dBFS (`numpy.percentile` of `librosa.feature.rms(y,
    /// center=False)` in dB, nothing below -120); none where all is silent.
    pub(super) fn floor_and_top_dbfs(&self) -> Option<(f64, f64)> {
        let mut levels: Vec<f64> = self.powers.iter().map(|power| to_db(*power)).collect();
        levels.sort_unstable_by(f64::total_cmp);
        let is_heard = levels.last().is_some_and(|level| *level > LEAST_DB);
        is_heard.then(|| (percentile(&levels, 0.05), percentile(&levels, 0.95)))
    }

    /// The share of frames 60 dB or more below the loudest, 0-1; 1 where all is silent.
    pub(super) fn silence(&self) -> f64 {
        let most = self.powers.iter().copied().fold(0.0, f64::max);
        let limit = most * libm::pow(10.0, -SILENCE_DB / 10.0);
        let silent = self.powers.iter().filter(|power| **power < limit || **power == 0.0);
        silent.count() as f64 / self.powers.len().max(1) as f64
    }
}

/// Power as a level, dBFS.
pub(super) fn to_db(power: f64) -> f64 {
    (10.0 * libm::log10(power.max(1e-30))).max(LEAST_DB)
}

/// Linear between the nearest two, as `numpy.percentile` has it.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (below, rest) = (place.floor() as usize, place - place.floor());
    let above = sorted[(below + 1).min(sorted.len() - 1)];
    sorted[below] + rest * (above - sorted[below])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Random;

    /// Seconds of noise at these levels, dBFS.
    fn noise(parts: &[(f64, f64)]) -> Vec<f64> {
        let mut random = Random::new(1);
        let mut samples = Vec::new();
        for (seconds, level) in parts {
            // Uniform noise from -1 to 1 has a mean square of a third.
            let scale = libm::pow(10.0, level / 20.0) * 3f64.sqrt();
            samples
                .extend((0..(seconds * 22_050.0) as usize).map(|_| scale * (2.0 * random.uniform() - 1.0)));
        }
        samples
    }

    fn levels(samples: &[f64]) -> Levels {
        let mut levels = Levels::default();
        levels.add(samples);
        levels
    }

    #[test]
    fn a_known_noise_floor_is_found() {
        for (floor, top) in [(-60.0, -10.0), (-35.0, -20.0)] {
            let found = levels(&noise(&[(2.0, floor), (8.0, top)])).floor_and_top_dbfs();
            let (low, high) = found.expect("it sounds");
            assert!((low - floor).abs() < 0.3 && (high - top).abs() < 0.3, "{low} {high}");
        }
    }

    #[test]
    fn silence_is_what_is_60_db_below_the_loudest() {
        for (parts, want) in [
            (vec![(1.0, -20.0), (3.0, -90.0)], 0.75),
            (vec![(1.0, -20.0), (3.0, -70.0)], 0.0),
            (vec![(1.0, -20.0)], 0.0),
            (vec![(1.0, -500.0)], 0.0),
        ] {
            let found = levels(&noise(&parts)).silence();
            assert!((found - want).abs() < 0.03, "{parts:?}: {found}");
        }
        assert_eq!(levels(&[0.0; 9000]).silence(), 1.0);
        assert_eq!(levels(&[0.0; 9000]).floor_and_top_dbfs(), None);
        assert_eq!(Levels::default().floor_and_top_dbfs(), None);
    }

    #[test]
    fn less_than_a_frame_is_one() {
        for n in [1, 511, 2047] {
            assert_eq!(levels(&vec![0.5; n]).powers, [0.25]);
        }
        assert_eq!(levels(&[0.5; 2048]).powers.len(), 1);
        assert_eq!(levels(&[0.5; 2560]).powers.len(), 2);
    }
}
