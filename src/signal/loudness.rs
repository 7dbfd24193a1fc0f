//! How loud audio is: integrated loudness and true peak (ITU-R BS.1770-4).
//!
//! Stretches of audio that do not follow one another are measured as one programme: no gating block lies
//! across two of them, and each starts with the filters at rest.

use std::f64::consts::PI;

use super::layout::Layout;

/// Measures stretches of audio as one programme.
#[derive(Debug, Clone)]
pub struct Meter {
    sample_rate: f64,
    layout: Layout,
    /// Frames in 100 ms, by which gating blocks advance.
    hop: usize,
    /// The weighted power of each gating block.
    blocks: Vec<f64>,
    /// The largest magnitude between samples so far; full scale is 1.
    peak: f64,
    interpolator: Interpolator,
}

/// A gating block is 400 ms, four hops.
const HOPS_PER_BLOCK: usize = 4;
/// LUFS of a programme of power 1.
const OFFSET: f64 = -0.691;
/// Blocks quieter than this never count, LUFS.
const ABSOLUTE_GATE: f64 = -70.0;
/// Blocks 10 LU quieter than those above the absolute gate do not count.
const RELATIVE_GATE: f64 = 0.1;

impl Meter {
    /// A meter for audio of `sample_rate` Hz.
    pub fn new(sample_rate: u32, layout: Layout) -> Self {
        Self {
            sample_rate: f64::from(sample_rate),
            layout,
            hop: (sample_rate as usize).div_ceil(10).max(1),
            blocks: Vec::new(),
            peak: 0.0,
            interpolator: Interpolator::new(sample_rate),
        }
    }

    /// Adds one stretch of audio, one slice of samples per channel; full scale is 1.
    pub fn add<S: Copy + Into<f64>>(&mut self, planes: &[Vec<S>]) {
        let frames = planes.iter().map(Vec::len).min().unwrap_or(0);
        let mut hops = vec![0.0; frames / self.hop];
        for (channel, plane) in planes.iter().enumerate() {
            self.peak = self.interpolator.peak(plane, self.peak);
            let weight = self.layout.loudness_weight(channel);
            if weight > 0.0 {
                self.add_power(plane, weight, &mut hops);
            }
        }
        let frames = (self.hop * HOPS_PER_BLOCK) as f64;
        let power = |block: &[f64]| ((block[0] + block[1]) + (block[2] + block[3])) / frames;
        self.blocks.extend(hops.windows(HOPS_PER_BLOCK).map(power));
    }

    /// Integrated loudness, LUFS; none where no block of 400 ms is louder than -70 LUFS.
    pub fn integrated(&self) -> Option<f64> {
        let absolute = libm::pow(10.0, (ABSOLUTE_GATE - OFFSET) / 10.0);
        let relative = self.mean_above(absolute)? * RELATIVE_GATE;
        self.mean_above(absolute.max(relative)).map(|power| OFFSET + 10.0 * libm::log10(power))
    }

    /// True peak, dBTP; none where there is only silence.
    pub fn true_peak(&self) -> Option<f64> {
        (self.peak > 0.0).then(|| 20.0 * libm::log10(self.peak))
    }

    fn mean_above(&self, gate: f64) -> Option<f64> {
        let above = || self.blocks.iter().copied().filter(|&power| power > gate);
        let count = above().count();
        (count > 0).then(|| above().sum::<f64>() / count as f64)
    }

    /// Adds the weighted power of each whole hop of `plane`.
    fn add_power<S: Copy + Into<f64>>(&self, plane: &[S], weight: f64, hops: &mut [f64]) {
        let [mut shelf, mut high_pass] = k_weighting(self.sample_rate);
        for (samples, power) in plane.chunks_exact(self.hop).zip(hops) {
            let mut sum = 0.0;
            for &sample in samples {
                let weighted = high_pass.next(shelf.next(sample.into()));
                sum += weighted * weighted;
            }
            *power += weight * sum;
            shelf.settle();
            high_pass.settle();
        }
    }
}

/// A second-order filter in transposed direct form II.
#[derive(Debug, Clone, Copy)]
struct Biquad {
    numerator: [f64; 3],
    denominator: [f64; 2],
    state: [f64; 2],
}

impl Biquad {
    fn next(&mut self, input: f64) -> f64 {
        let [b0, b1, b2] = self.numerator;
        let [a1, a2] = self.denominator;
        let output = b0 * input + self.state[0];
        self.state = [(b1 * input + self.state[1]) - a1 * output, b2 * input - a2 * output];
        output
    }

    /// Lets what is far below hearing go, so that silence never costs the time that subnormals do.
    fn settle(&mut self) {
        if self.state.iter().all(|state| state.abs() < 1e-30) {
            self.state = [0.0; 2];
        }
    }
}

/// The head's shelf and the revised low-frequency B curve of annex 1. The standard gives coefficients for
/// 48 kHz; these are the analogue filters behind them, brought to any rate by the bilinear transform
/// (B. De Man, "Evaluation of Implementations of the EBU R128 Loudness Measurement", 2018).
fn k_weighting(sample_rate: f64) -> [Biquad; 2] {
    let warp = |frequency: f64| libm::tan(PI * frequency / sample_rate);
    let (k, q) = (warp(1_681.974_450_955_533), 0.707_175_236_955_419_6);
    let high = libm::pow(10.0, 3.999_843_853_973_347 / 20.0);
    let band = libm::pow(high, 0.499_666_774_154_541_6);
    let a0 = 1.0 + k / q + k * k;
    let shelf = [high + band * k / q + k * k, 2.0 * (k * k - high), high - band * k / q + k * k];
    let shelf = biquad(shelf.map(|b| b / a0), k, q);
    let (k, q) = (warp(38.135_470_876_024_44), 0.500_327_037_323_877_3);
    [shelf, biquad([1.0, -2.0, 1.0], k, q)]
}

fn biquad(numerator: [f64; 3], k: f64, q: f64) -> Biquad {
    let a0 = 1.0 + k / q + k * k;
    let denominator = [2.0 * (k * k - 1.0) / a0, (1.0 - k / q + k * k) / a0];
    Biquad { numerator, denominator, state: [0.0; 2] }
}

/// Finds peaks between samples: four times oversampling (annex 2), twice from 96 kHz on, none from 192 kHz
/// on, by 48 taps of a sinc under a Hann window, as libebur128 has it.
#[derive(Debug, Clone)]
struct Interpolator {
    /// One row of taps for each place between two samples.
    rows: Vec<[f64; TAPS]>,
    /// The most that a row can make of samples of magnitude 1.
    most: f64,
}

/// Taps of the longest row, that of twice oversampling; shorter rows lie in its middle.
const TAPS: usize = 24;
/// Taps of the whole filter.
const ALL_TAPS: usize = 48;
/// Output frames that are computed side by side.
const BATCH: usize = 32;

impl Interpolator {
    fn new(sample_rate: u32) -> Self {
        let factor = match sample_rate {
            0..96_000 => 4,
            96_000..192_000 => 2,
            _ => 1,
        };
        let rows: Vec<_> = (1..factor).map(|place| interpolation_row(place, factor)).collect();
        let gains = rows.iter().map(|row| row.iter().map(|tap| tap.abs()).sum::<f64>());
        let most = gains.fold(1.0, f64::max);
        Self { rows, most }
    }

    /// The largest magnitude at and between the samples of `plane`, silence around it, or `least` if that
    /// is larger.
    fn peak<S: Copy + Into<f64>>(&self, plane: &[S], least: f64) -> f64 {
        let mut peak = least;
        for start in (0..plane.len() + TAPS).step_by(BATCH) {
            let window = window(plane, start);
            let highest = magnitude(&window);
            if highest * self.most > peak {
                let rows = self.rows.iter().map(|row| magnitude(&interpolate(row, &window)));
                peak = rows.fold(peak.max(highest), f64::max);
            }
        }
        peak
    }
}

/// The samples that [`BATCH`] outputs from `start` on are made of: those up to and without `start`.
fn window<S: Copy + Into<f64>>(plane: &[S], start: usize) -> [f64; BATCH + TAPS] {
    let sample = |at: usize| at.checked_sub(TAPS).and_then(|at| plane.get(at)).map_or(0.0, |&s| s.into());
    if let Some(inside) = start.checked_sub(TAPS).and_then(|from| plane.get(from..start + BATCH)) {
        let mut window = [0.0; BATCH + TAPS];
        window.iter_mut().zip(inside).for_each(|(slot, &sample)| *slot = sample.into());
        return window;
    }
    std::array::from_fn(|n| sample(start + n))
}

fn interpolate(row: &[f64; TAPS], window: &[f64; BATCH + TAPS]) -> [f64; BATCH] {
    let mut outputs = [0.0; BATCH];
    for (tap, weight) in row.iter().enumerate().filter(|(_, weight)| **weight != 0.0) {
        for (output, sample) in outputs.iter_mut().zip(&window[tap..]) {
            *output += weight * sample;
        }
    }
    outputs
}

fn magnitude(samples: &[f64]) -> f64 {
    samples.iter().fold(0.0, |peak, sample| if sample.abs() > peak { sample.abs() } else { peak })
}

/// The taps for `place` / `factor` of the way between two samples, in the middle of a row.
fn interpolation_row(place: usize, factor: usize) -> [f64; TAPS] {
    let taps = ALL_TAPS / factor;
    let first = (TAPS - taps) / 2;
    let tap = |n: usize| {
        let at = (n * factor + place) as f64;
        let angle = PI * (at - ALL_TAPS as f64 / 2.0) / factor as f64;
        let window = 0.5 * (1.0 - libm::cos(2.0 * PI * at / ALL_TAPS as f64));
        if angle == 0.0 { window } else { window * libm::sin(angle) / angle }
    };
    std::array::from_fn(|n| if (first..first + taps).contains(&n) { tap(n - first) } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sine for every `(seconds, dBFS of its peak)`, one after the other.
    fn sines(rate: u32, frequency: f64, parts: &[(f64, f64)]) -> Vec<f64> {
        let levels = parts.iter().flat_map(|&(seconds, level)| {
            std::iter::repeat_n(libm::pow(10.0, level / 20.0), (seconds * f64::from(rate)) as usize)
        });
        let angle = 2.0 * PI * frequency / f64::from(rate);
        levels.enumerate().map(|(n, level)| level * libm::sin(angle * n as f64)).collect()
    }

    fn noise(frames: usize, seed: u64) -> Vec<f64> {
        let mut state = seed;
        let mut next = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as f64 / f64::from(1u32 << 30) - 1.0
        };
        (0..frames).map(|n| next() * (0.2 + 0.1 * libm::sin(n as f64 / 20_000.0))).collect()
    }

    fn measure(rate: u32, layout: Layout, planes: &[Vec<f64>]) -> Meter {
        let mut meter = Meter::new(rate, layout);
        meter.add(planes);
        meter
    }

    #[test]
    fn loudness_is_what_ebu_tech_3341_asks_for() {
        // Cases 1 to 5 of table 1: sines of 1 kHz in both channels.
        let cases: [(&[(f64, f64)], f64); 5] = [
            (&[(20.0, -23.0)], -23.0),
            (&[(20.0, -33.0)], -33.0),
            (&[(10.0, -36.0), (60.0, -23.0), (10.0, -36.0)], -23.0),
            (&[(10.0, -72.0), (10.0, -36.0), (60.0, -23.0), (10.0, -36.0), (10.0, -72.0)], -23.0),
            (&[(20.0, -26.0), (20.1, -20.0), (20.0, -26.0)], -23.0),
        ];
        for (parts, expected) in cases {
            for rate in [44_100, 48_000] {
                let plane = sines(rate, 1000.0, parts);
                let loudness =
                    measure(rate, Layout::new(2, 0), &[plane.clone(), plane]).integrated().unwrap();
                assert!((loudness - expected).abs() < 0.1, "{parts:?}: {loudness}");
            }
        }
    }

    #[test]
    fn five_channels_are_weighed() {
        // Case 6 of table 1, with a low-frequency channel that must not count.
        let levels = [-28.0, -28.0, -24.0, 0.0, -30.0, -30.0];
        let planes: Vec<_> = levels.iter().map(|&level| sines(48_000, 1000.0, &[(20.0, level)])).collect();
        let loudness = measure(48_000, Layout::new(6, 0x3f), &planes).integrated().unwrap();
        assert!((loudness + 23.0).abs() < 0.1, "{loudness}");
    }

    #[test]
    fn true_peak_is_what_ebu_tech_3341_asks_for() {
        // Cases 15 to 19 of table 1: parts of the rate, phase in degrees, amplitude, dBTP.
        let cases = [
            (4.0, 0.0, 0.5, -6.0),
            (4.0, 45.0, 0.5, -6.0),
            (6.0, 60.0, 0.5, -6.0),
            (8.0, 67.5, 0.5, -6.0),
            (4.0, 45.0, 1.41, 3.0),
        ];
        for (part, phase, amplitude, expected) in cases {
            let sine = |n: usize| amplitude * libm::sin(2.0 * PI * n as f64 / part + phase * PI / 180.0);
            let fade = |n: usize| (n.min(48_000 - n) as f64 / 1000.0).min(1.0);
            let plane: Vec<_> = (0..48_000).map(|n| sine(n) * fade(n)).collect();
            let peak = measure(48_000, Layout::new(1, 0), &[plane]).true_peak().unwrap();
            assert!((-0.4..=0.2).contains(&(peak - expected)), "{part} {phase}: {peak}");
        }
    }

    #[test]
    fn it_agrees_with_libebur128() {
        for rate in [8000, 22_050, 44_100, 48_000, 96_000, 192_000] {
            let frames = rate as usize * 5;
            let planes = [noise(frames, 1), noise(frames, 2)];
            let mode = ebur128::Mode::I | ebur128::Mode::TRUE_PEAK;
            let mut oracle = ebur128::EbuR128::new(2, rate, mode).unwrap();
            oracle.add_frames_planar_f64(&[&planes[0], &planes[1]]).unwrap();
            let peak = oracle.true_peak(0).unwrap().max(oracle.true_peak(1).unwrap());
            let meter = measure(rate, Layout::new(2, 0), &planes);
            let difference = meter.integrated().unwrap() - oracle.loudness_global().unwrap();
            assert!(difference.abs() < 1e-6, "{rate}: {difference} LU");
            let difference = meter.true_peak().unwrap() - 20.0 * peak.log10();
            assert!(difference.abs() < 1e-4, "{rate}: {difference} dB");
        }
    }

    #[test]
    fn silence_and_less_than_a_block_have_no_loudness() {
        let layout = Layout::new(1, 0);
        assert_eq!(measure(8000, layout, &[vec![0.0; 80_000]]).integrated(), None);
        assert_eq!(measure(8000, layout, &[vec![0.0; 80_000]]).true_peak(), None);
        assert_eq!(measure(8000, layout, &[vec![0.5; 3199]]).integrated(), None);
        assert_eq!(measure(8000, layout, &[vec![]]).integrated(), None);
        assert!(measure(8000, layout, &[noise(3200, 3)]).integrated().is_some());
    }

    #[test]
    fn stretches_do_not_run_together() {
        let (tone, layout) = (sines(8000, 1000.0, &[(0.3, -20.0)]), Layout::new(1, 0));
        let mut meter = Meter::new(8000, layout);
        meter.add(std::slice::from_ref(&tone));
        meter.add(std::slice::from_ref(&tone));
        assert_eq!(meter.integrated(), None);
        let together = measure(8000, layout, &[[tone.clone(), tone].concat()]);
        assert!(together.integrated().is_some());
    }
}
