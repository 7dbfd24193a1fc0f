//! Changing the sample rate: one fixed windowed-sinc filter, the same bits on every CPU.
//!
//! Each output frame is the input, weighted by a sinc under a Kaiser window centred on that frame's own
//! time (J. O. Smith, "Digital Audio Resampling"). Ratios of rates in common use are computed by fast transforms
//! of blocks, others frame by frame. With the lower of the two Nyquist frequencies as 1, the pass band is flat to
//! 1e-5 dB up to 0.905, and what lies above 1 is at least 130 dB down.

mod blocks;
mod table;
mod transform;

use std::f64::consts::PI;

use self::blocks::Blocks;
use self::table::Table;

/// A change from one sample rate to another.
#[derive(Debug, Clone)]
pub struct Resampler {
    /// Output frame n lies at input time n x `step` / `phases`, in lowest terms.
    step: u64,
    phases: u64,
    way: Way,
}

#[derive(Debug, Clone)]
enum Way {
    /// The rates are equal.
    Same,
    Blocks(Blocks),
    Table(Table),
}

/// Half the sinc's length, in periods of the lower rate. With [`BETA`], the transition is 0.09 wide.
const HALF_WIDTH: f64 = 104.0;
/// The Kaiser window's shape for 140 dB: 0.1102 (140 - 8.7).
const BETA: f64 = 14.469_26;
/// Where the transition's middle lies, relative to the lower Nyquist frequency.
const CUTOFF: f64 = 0.955;

impl Resampler {
    /// From `from` frames a second to `to`; a rate of 0 counts as 1.
    pub fn new(from: u32, to: u32) -> Self {
        let (from, to) = (u64::from(from.max(1)), u64::from(to.max(1)));
        let divisor = greatest_common_divisor(from, to);
        let (step, phases) = (from / divisor, to / divisor);
        let way = if step == phases {
            Way::Same
        } else if let Some(blocks) = Blocks::new(step, phases) {
            Way::Blocks(blocks)
        } else {
            Way::Table(Table::new(step, phases))
        };
        Self { step, phases, way }
    }

    /// How many frames `frames` become: ceil(`frames` x to / from), as soxr and librosa have it.
    pub fn output_frames(&self, frames: usize) -> usize {
        let exact = frames as u128 * u128::from(self.phases);
        usize::try_from(exact.div_ceil(u128::from(self.step))).unwrap_or(usize::MAX)
    }

    /// The samples of one channel at the new rate. Output frame 0 lies at input frame 0, silence is assumed
    /// before and after, and equal rates give the input back.
    pub fn resample(&self, samples: Vec<f64>) -> Vec<f64> {
        let frames = self.output_frames(samples.len());
        match &self.way {
            Way::Same => samples,
            Way::Blocks(blocks) => blocks.resample(&samples, frames),
            Way::Table(table) => table.resample(&samples, frames),
        }
    }
}

/// The filter's impulse response at `time` periods of the lower rate.
fn weight(time: f64) -> f64 {
    let edge = time / HALF_WIDTH;
    if edge.abs() >= 1.0 {
        return 0.0;
    }
    let window = bessel_i0(BETA * (1.0 - edge * edge).sqrt()) / bessel_i0(BETA);
    let angle = PI * CUTOFF * time;
    let sinc = if time == 0.0 { 1.0 } else { libm::sin(angle) / angle };
    CUTOFF * sinc * window
}

/// The modified Bessel function of the first kind and order 0, by its power series.
pub(super) fn bessel_i0(x: f64) -> f64 {
    let quarter_square = x * x / 4.0;
    let (mut term, mut sum, mut k) = (1.0, 1.0, 1.0);
    while term > sum * 1e-17 {
        term *= quarter_square / (k * k);
        sum += term;
        k += 1.0;
    }
    sum
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: [u32; 11] =
        [8000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000, 192_000];
    /// The first of them have a table, for their ratios have no short blocks.
    const ODD_PAIRS: [(u32, u32); 4] = [(44_099, 32_003), (32_003, 44_099), (37_800, 44_100), (6000, 1001)];

    fn pairs() -> impl Iterator<Item = (u32, u32)> {
        let common = RATES.into_iter().flat_map(|from| RATES.map(|to| (from, to)));
        common.filter(|(from, to)| from != to).chain(ODD_PAIRS)
    }

    /// As many as hold 800 frames of the lower rate, in the middle of which the filter is at rest.
    fn frames(from: u32, to: u32) -> usize {
        from as usize * 800 / from.min(to) as usize
    }

    fn tone(frequency: f64, rate: u32, frames: usize) -> Vec<f64> {
        (0..frames).map(|n| libm::sin(2.0 * PI * frequency * n as f64 / f64::from(rate))).collect()
    }

    /// The largest value in the middle third, where neither end is heard.
    fn peak(samples: &[f64]) -> f64 {
        let third = samples.len() / 3;
        samples[third..2 * third].iter().fold(0.0, |peak, sample| sample.abs().max(peak))
    }

    fn decibels(ratio: f64) -> f64 {
        20.0 * libm::log10(ratio)
    }

    #[test]
    fn tones_in_the_pass_band_are_kept() {
        // An error of -118 dB is less than 1e-5 dB of ripple, and leaves no room for images or delay.
        for (from, to) in pairs() {
            let resampler = Resampler::new(from, to);
            for part in [0.01, 0.5, 0.9] {
                let frequency = part * f64::from(from.min(to)) / 2.0;
                let output = resampler.resample(tone(frequency, from, frames(from, to)));
                let ideal = tone(frequency, to, output.len());
                let error: Vec<f64> = output.iter().zip(&ideal).map(|(a, b)| a - b).collect();
                let error = decibels(peak(&error));
                assert!(error < -118.0, "{from} to {to}, {part}: {error} dB");
            }
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_hold_is_gone() {
        for (from, to) in pairs().filter(|(from, to)| from > to) {
            let resampler = Resampler::new(from, to);
            for part in [1.0, 1.05, 1.3, 1.9] {
                let frequency = part * f64::from(to) / 2.0;
                if frequency < f64::from(from) / 2.0 {
                    let alias = decibels(peak(&resampler.resample(tone(frequency, from, frames(from, to)))));
                    assert!(alias < -125.0, "{from} to {to}, {part}: {alias} dB");
                }
            }
        }
    }

    #[test]
    fn silence_beside_sound_stays_160_db_down() {
        let mut samples = vec![0.0; 3000];
        samples.extend(tone(440.0, 44_100, 5000));
        let output = Resampler::new(44_100, 22_050).resample(samples);
        let loudest = output[..1300].iter().fold(0.0, |loudest: f64, sample| loudest.max(sample.abs()));
        assert!(loudest < 1e-8, "{loudest}");
    }

    #[test]
    fn one_channel_is_no_other_length_of_the_same() {
        // Whatever lies in other blocks, also those that ride along, is not heard in this one.
        let long: Vec<f64> =
            (0..90_000).map(|n| f64::from(n % 4999 * (n % 4999) % 1009) / 1009.0 - 0.5).collect();
        for (from, to) in [(44_100, 16_000), (8000, 11_025)] {
            let resampler = Resampler::new(from, to);
            let whole = resampler.resample(long.clone());
            let start = resampler.resample(long[..70_000].to_vec());
            let pairs = whole.iter().zip(&start).take(start.len() - 300);
            let largest = pairs.fold(0.0, |largest: f64, (a, b)| largest.max((a - b).abs()));
            assert!(largest < 1e-7, "{from} to {to}: {largest}");
        }
    }

    #[test]
    fn the_length_is_rounded_up() {
        for (from, to) in pairs() {
            for frames in [0, 1, 2, 99, 1000] {
                let expected = (frames * to as usize).div_ceil(from as usize);
                assert_eq!(Resampler::new(from, to).resample(vec![0.0; frames]).len(), expected);
            }
        }
    }

    #[test]
    fn equal_rates_give_the_input_back() {
        let noise: Vec<f64> = (0..100).map(|n| f64::from(n * n % 17) - 8.0).collect();
        assert_eq!(Resampler::new(44_100, 44_100).resample(noise.clone()), noise);
    }

    #[test]
    fn an_impulse_stays_where_it_is() {
        for (from, to) in pairs() {
            let mut impulse = vec![0.0; from as usize / 10];
            let at = impulse.len() / 2;
            impulse[at] = 1.0;
            let output = Resampler::new(from, to).resample(impulse);
            let loudest = (0..output.len()).max_by(|&a, &b| output[a].total_cmp(&output[b])).unwrap();
            let distance = loudest as f64 / f64::from(to) - at as f64 / f64::from(from);
            assert!(distance.abs() <= 0.5 / f64::from(to) + 1e-12, "{from} to {to}: {distance} s");
        }
    }

    #[test]
    fn absurd_rates_are_survived() {
        for (from, to) in [(768_000, 1), (1, 1000), (767_999, 1000), (0, 7), (u32::MAX, u32::MAX - 1)] {
            let output = Resampler::new(from, to).resample(vec![0.5; 20]);
            assert!(output.iter().all(|sample| sample.is_finite()));
        }
    }

    #[test]
    fn it_agrees_with_rubato() {
        use rubato::audioadapter_buffers::owned::InterleavedOwned;
        use rubato::{Fft, FixedSync, Resampler as _};
        // At this ratio the oracle's own delay is a whole number of frames, which it takes off.
        let (from, to, frames) = (44_100, 22_050, 44_100);
        let sweep: Vec<f64> = (0..frames)
            .map(|n| n as f64 / 44_100.0)
            .map(|t| 0.5 * libm::sin(2.0 * PI * 3000.0 * t * t))
            .collect();
        let input = InterleavedOwned::new_from(sweep.clone(), 1, frames).unwrap();
        let mut oracle = Fft::<f64>::new(from as usize, to as usize, 8192, 1, FixedSync::Both).unwrap();
        let oracle = oracle.process_all(&input, frames, None).unwrap().take_data();
        let output = Resampler::new(from, to).resample(sweep);
        assert_eq!(output.len(), oracle.len());
        // The ends differ: the filters ring differently at the sweep's abrupt start and stop.
        let differences = output.iter().zip(&oracle).skip(2000).take(18_000);
        let largest = differences.fold(0.0, |largest: f64, (a, b)| largest.max((a - b).abs()));
        assert!(largest < 1e-5, "{largest}");
    }
}
