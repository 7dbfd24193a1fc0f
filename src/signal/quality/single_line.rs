//! Whether one line is played at a time.

use super::whole_frames;
use crate::signal::LANES;
use crate::signal::pitch::{Yin, YinParameters};

/// Counts the loud frames that repeat themselves with one period.
#[derive(Debug, Clone)]
pub(super) struct SingleLine {
    yin: Yin,
    /// Of each frame: its energy, and whether it has one period.
    frames: Vec<(f64, bool)>,
}

const FRAME: usize = 2048;
/// Every other frame of those that lie side by side: a contour takes sixteen times as many, to count by these are enough.
const HOP: usize = 2 * FRAME;
/// A frame whose difference from itself, one period on, is less has one pitch.
const APERIODICITY: f64 = 0.15;
/// Frames so far below the loudest do not count, as a power: 40 dB.
const LOUD: f64 = 1e-4;

impl SingleLine {
    /// None for sample rates at which the pitches of instruments cannot be told.
    pub(super) fn new(sample_rate: f64) -> Option<Self> {
        let parameters = YinParameters {
            sample_rate,
            fmin: 55.0,
            fmax: 1760.0,
            frame_length: FRAME,
            hop_length: HOP,
            trough_threshold: APERIODICITY,
        };
        Some(Self { yin: Yin::new(parameters).ok()?, frames: Vec::new() })
    }

    pub(super) fn add(&mut self, samples: &[f64]) {
        let frames = whole_frames(samples.len(), FRAME, HOP);
        for first in frames.clone().step_by(LANES) {
            let periods = self.yin.periods(samples, first);
            let found = (first..frames.end).zip(periods);
            self.frames.extend(found.map(|(frame, period)| {
                let samples = &samples[frame * HOP - FRAME / 2..][..FRAME];
                let power = samples.iter().map(|sample| sample * sample).sum();
                (power, period.aperiodicity < APERIODICITY)
            }));
        }
    }

    /// The share of the frames no more than 40 dB below the loudest that have one pitch, 0-1; none of silence.
    pub(super) fn share(&self) -> Option<f64> {
        let loud = self.loud();
        let counted = || self.frames.iter().filter(|(power, _)| *power > loud);
        let single = counted().filter(|(_, is_single)| *is_single).count();
        (counted().count() > 0).then(|| single as f64 / counted().count() as f64)
    }

    fn loud(&self) -> f64 {
        LOUD * self.frames.iter().map(|(power, _)| *power).fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Random;

    const RATE: f64 = 22_050.0;

    /// Ten seconds of plucked notes, as many at a time as there are starting points.
    fn plucked(voices: &[usize]) -> Vec<f64> {
        let mut random = Random::new(11);
        let mut samples = vec![0.0; 220_500];
        for voice in voices {
            for note in 0..20 {
                let hz = 110.0 * libm::exp2((random.uniform() * 24.0).floor() / 12.0);
                for i in 0..11_025 {
                    let age = i as f64 / RATE;
                    let angle = std::f64::consts::TAU * hz * age;
                    let tone = (1..9).map(|k| libm::sin(angle * f64::from(k)) / f64::from(k));
                    let at = (note * 11_025 + i + voice) % samples.len();
                    samples[at] += tone.sum::<f64>() * libm::exp(-4.0 * age);
                }
            }
        }
        samples
    }

    fn share(samples: &[f64]) -> Option<f64> {
        let mut line = SingleLine::new(RATE).expect("the rate is usual");
        line.add(samples);
        line.share()
    }

    #[test]
    fn one_voice_is_a_line_and_three_or_noise_are_none() {
        let mut random = Random::new(12);
        let noise: Vec<f64> = (0..220_500).map(|_| random.uniform() - 0.5).collect();
        let (one, three) = (share(&plucked(&[0])), share(&plucked(&[0, 3000, 7000])));
        assert!(one.expect("it sounds") > 0.8 && three.expect("it sounds") < 0.5, "{one:?} {three:?}");
        assert!(share(&noise).expect("it sounds") < 0.05);
        assert_eq!((share(&[0.0; 9000]), share(&[])), (None, None));
    }

    #[test]
    fn only_rates_that_hold_the_pitches_are_examined() {
        assert!(SingleLine::new(3000.0).is_none());
        assert!(SingleLine::new(8000.0).is_some() && SingleLine::new(32_000.0).is_some());
    }
}
