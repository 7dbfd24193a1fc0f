//! Changing the sample rate: one fixed windowed-sinc filter, the same bits on every CPU.
//!
//! Each output frame is the input, weighted by a sinc under a Kaiser window centred on that frame's own
//! time (J. O. Smith, "Digital Audio Resampling"). Where the two rates have a small common ratio, the
//! weights of every phase are tabulated; where they have not, they are interpolated between 256 phases.
//! With the lower of the two Nyquist frequencies as 1, the pass band is flat to 1e-5 dB up to 0.9, and what
//! lies above 1.05 is at least 125 dB down.

use std::f64::consts::PI;

/// A change from one sample rate to another.
#[derive(Debug, Clone)]
pub struct Resampler {
    /// Output frame n lies at input time n x `step` / `phases`, in lowest terms.
    step: u64,
    phases: u64,
    /// Taps before the input frame at or before an output frame's time; as many, less one, come after.
    half: usize,
    /// Taps of one row, `2 x half` rounded up to whole [`LANES`] with zeros.
    taps: usize,
    table: Table,
}

/// Rows of taps, one row after the other.
#[derive(Debug, Clone)]
enum Table {
    /// One row for each phase.
    Exact(Vec<f64>),
    /// Rows at -1, 0, .. `count` + 1 parts of `count` of the way from one input frame to the next.
    Interpolated { rows: Vec<f64>, count: u64 },
}

/// Half the sinc's length, in periods of the lower rate. With [`BETA`], the transition is 0.15 wide.
const HALF_WIDTH: f64 = 58.0;
/// The Kaiser window's shape for 130 dB: 0.1102 (130 - 8.7).
const BETA: f64 = 13.367_26;
/// Where the transition's middle lies, relative to the lower Nyquist frequency.
const CUTOFF: f64 = 0.975;
/// Sums that run side by side, so that they are the same sums however many fit a register.
const LANES: usize = 16;
/// The most weights that are tabulated exactly, 8 MB.
const MOST_WEIGHTS: u64 = 1 << 20;
/// To less than the 4096th part of a rate, the filter is that for the 4096th part.
const MOST_STRETCH: f64 = 4096.0;
/// Rows of an interpolated table for each period of the lower rate: a cubic between them is good to 5e-10.
const ROWS: u64 = 256;

impl Resampler {
    /// From `from` frames a second to `to`; a rate of 0 counts as 1.
    pub fn new(from: u32, to: u32) -> Self {
        let (from, to) = (u64::from(from.max(1)), u64::from(to.max(1)));
        let divisor = greatest_common_divisor(from, to);
        let (step, phases) = (from / divisor, to / divisor);
        let stretch = (step as f64 / phases as f64).clamp(1.0, MOST_STRETCH);
        let half = (HALF_WIDTH * stretch).ceil() as usize;
        let taps = (2 * half).next_multiple_of(LANES);
        let table = if step == phases {
            Table::Exact(Vec::new())
        } else if phases * taps as u64 <= MOST_WEIGHTS {
            Table::Exact(rows(0..phases as i64, phases, half, taps, stretch))
        } else {
            let count = (ROWS as f64 / stretch).ceil() as u64;
            Table::Interpolated { rows: rows(-1..count as i64 + 2, count, half, taps, stretch), count }
        };
        Self { step, phases, half, taps, table }
    }

    /// How many frames `frames` become: ceil(`frames` x to / from), as soxr and librosa have it.
    pub fn output_frames(&self, frames: usize) -> usize {
        let exact = frames as u128 * u128::from(self.phases);
        usize::try_from(exact.div_ceil(u128::from(self.step))).unwrap_or(usize::MAX)
    }

    /// The samples of one channel at the new rate. Output frame 0 lies at input frame 0, silence is assumed
    /// before and after, and equal rates give the input back.
    pub fn resample(&self, samples: Vec<f64>) -> Vec<f64> {
        if self.step == self.phases {
            return samples;
        }
        let mut edge = vec![0.0; self.taps];
        let mut time = Time { frame: 0, phase: 0 };
        let frames = self.output_frames(samples.len());
        let mut output = Vec::with_capacity(frames);
        for _ in 0..frames {
            let window = self.window(&samples, time.frame, &mut edge);
            output.push(self.weigh(window, time.phase));
            time.advance(self.step, self.phases);
        }
        output
    }

    /// The input under the taps of an output frame at or just after input frame `at`: a slice of the input,
    /// or at its ends a copy with silence around.
    fn window<'a>(&self, samples: &'a [f64], at: usize, edge: &'a mut [f64]) -> &'a [f64] {
        let start = (at + 1).checked_sub(self.half);
        if let Some(window) = start.and_then(|start| samples.get(start..start + self.taps)) {
            return window;
        }
        for (tap, slot) in edge.iter_mut().enumerate() {
            let frame = (at + 1 + tap).checked_sub(self.half);
            *slot = frame.and_then(|frame| samples.get(frame)).copied().unwrap_or(0.0);
        }
        edge
    }

    fn weigh(&self, window: &[f64], phase: u64) -> f64 {
        let row = |rows: &[f64], row: usize| dot(&rows[row * self.taps..][..self.taps], window);
        match &self.table {
            Table::Exact(rows) => row(rows, phase as usize),
            Table::Interpolated { rows, count } => {
                let (first, rest) = (phase * count / self.phases, phase * count % self.phases);
                let weights = cubic(rest as f64 / self.phases as f64);
                let value = |n: usize| weights[n] * row(rows, first as usize + n);
                (value(0) + value(1)) + (value(2) + value(3))
            }
        }
    }
}

/// The time of an output frame in the input: so many frames and phases after its start.
struct Time {
    frame: usize,
    phase: u64,
}

impl Time {
    fn advance(&mut self, step: u64, phases: u64) {
        let next = self.phase + step;
        self.frame += (next / phases) as usize;
        self.phase = next % phases;
    }
}

/// One row of taps for each of `rows` / `count` of the way from one input frame to the next.
fn rows(rows: std::ops::Range<i64>, count: u64, half: usize, taps: usize, stretch: f64) -> Vec<f64> {
    let window_peak = bessel_i0(BETA);
    let tap_of = |row: i64, tap: usize| {
        if tap >= 2 * half {
            return 0.0;
        }
        let distance = (tap as f64 + 1.0 - half as f64) - row as f64 / count as f64;
        weight(distance / stretch, window_peak) / stretch
    };
    rows.flat_map(|row| (0..taps).map(move |tap| tap_of(row, tap))).collect()
}

/// The filter's impulse response at `time` periods of the lower rate.
fn weight(time: f64, window_peak: f64) -> f64 {
    let edge = time / HALF_WIDTH;
    if edge.abs() >= 1.0 {
        return 0.0;
    }
    let window = bessel_i0(BETA * (1.0 - edge * edge).sqrt()) / window_peak;
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

/// Lagrange's weights of four equidistant values for a point `u`, in \[0, 1), between the inner two.
fn cubic(u: f64) -> [f64; 4] {
    let (before, after, beyond) = (u + 1.0, u - 1.0, u - 2.0);
    [
        -u * after * beyond / 6.0,
        before * after * beyond / 2.0,
        -before * u * beyond / 2.0,
        before * u * after / 6.0,
    ]
}

/// The dot product of two slices of whole [`LANES`], in a fixed order.
fn dot(left: &[f64], right: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    for (left, right) in left.as_chunks::<LANES>().0.iter().zip(right.as_chunks::<LANES>().0) {
        for lane in 0..LANES {
            sums[lane] += left[lane] * right[lane];
        }
    }
    let (low, high) = sums.split_at(LANES / 2);
    let pairs = low.iter().zip(high).map(|(low, high)| low + high);
    pairs.sum()
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAIRS: [(u32, u32); 14] = [
        (8000, 44_100),
        (11_025, 16_000),
        (16_000, 22_050),
        (22_050, 44_100),
        (24_000, 16_000),
        (37_800, 44_100),
        (44_100, 8000),
        (44_100, 16_000),
        (44_100, 22_050),
        (44_100, 48_000),
        (48_000, 44_100),
        (96_000, 44_100),
        (192_000, 44_100),
        (44_099, 32_003),
    ];

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
        for (from, to) in PAIRS {
            let resampler = Resampler::new(from, to);
            for part in [0.01, 0.5, 0.8, 0.9] {
                let frequency = part * f64::from(from.min(to)) / 2.0;
                let output = resampler.resample(tone(frequency, from, from as usize / 4));
                let ideal = tone(frequency, to, output.len());
                let error: Vec<f64> = output.iter().zip(&ideal).map(|(a, b)| a - b).collect();
                let error = decibels(peak(&error));
                assert!(error < -118.0, "{from} to {to}, {part}: {error} dB");
            }
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_hold_is_gone() {
        for (from, to) in PAIRS.into_iter().filter(|(from, to)| from > to) {
            let resampler = Resampler::new(from, to);
            for part in [1.05, 1.1, 1.3, 1.9] {
                let frequency = part * f64::from(to) / 2.0;
                if frequency < f64::from(from) / 2.0 {
                    let alias = decibels(peak(&resampler.resample(tone(frequency, from, from as usize / 4))));
                    assert!(alias < -122.0, "{from} to {to}, {part}: {alias} dB");
                }
            }
        }
    }

    #[test]
    fn the_length_is_rounded_up() {
        for (from, to) in PAIRS {
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
        for (from, to) in PAIRS {
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
