//! The true peak: the largest magnitude at and between samples (ITU-R BS.1770-4, annex 2).

use std::f64::consts::PI;

use crate::signal::widest::with_widest_registers;

/// Finds peaks between samples: four times oversampling (annex 2), twice from 96 kHz on, none from 192 kHz
/// on, by 48 taps of a sinc under a Hann window, as libebur128 has it.
#[derive(Debug, Clone)]
pub(super) struct Interpolator {
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
    pub(super) fn new(sample_rate: u32) -> Self {
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
    pub(super) fn peak<S: Copy + Into<f64>>(&self, plane: &[S], least: f64) -> f64 {
        let mut peak = least;
        with_widest_registers(
            #[inline(always)]
            || {
                for start in (0..plane.len() + TAPS).step_by(BATCH) {
                    peak = self.peak_of_batch(plane, start, peak);
                }
            },
        );
        peak
    }

    #[inline(always)]
    fn peak_of_batch<S: Copy + Into<f64>>(&self, plane: &[S], start: usize, least: f64) -> f64 {
        let window = window(plane, start);
        let highest = magnitude(&window);
        if highest * self.most <= least {
            return least;
        }
        let mut peak = least.max(highest);
        for row in &self.rows {
            peak = peak.max(magnitude(&interpolate(row, &window)));
        }
        peak
    }
}

/// The samples that [`BATCH`] outputs from `start` on are made of: those up to and without `start`.
#[inline(always)]
fn window<S: Copy + Into<f64>>(plane: &[S], start: usize) -> [f64; BATCH + TAPS] {
    let sample = |at: usize| at.checked_sub(TAPS).and_then(|at| plane.get(at)).map_or(0.0, |&s| s.into());
    if let Some(inside) = start.checked_sub(TAPS).and_then(|from| plane.get(from..start + BATCH)) {
        let mut window = [0.0; BATCH + TAPS];
        window.iter_mut().zip(inside).for_each(|(slot, &sample)| *slot = sample.into());
        return window;
    }
    std::array::from_fn(|n| sample(start + n))
}

#[inline(always)]
fn interpolate(row: &[f64; TAPS], window: &[f64; BATCH + TAPS]) -> [f64; BATCH] {
    let mut outputs = [0.0; BATCH];
    for (tap, weight) in row.iter().enumerate().filter(|(_, weight)| **weight != 0.0) {
        for (output, sample) in outputs.iter_mut().zip(&window[tap..]) {
            *output += weight * sample;
        }
    }
    outputs
}

#[inline(always)]
fn magnitude<const N: usize>(samples: &[f64; N]) -> f64 {
    let larger = |peak: f64, sample: f64| if sample > peak { sample } else { peak };
    // The largest is the same in any order.
    let (eights, rest) = samples.as_chunks::<8>();
    let mut peaks = [0.0; 8];
    for samples in eights {
        peaks = std::array::from_fn(|i| larger(peaks[i], samples[i].abs()));
    }
    let mut peak = 0.0;
    for sample in peaks.iter().chain(rest) {
        peak = larger(peak, sample.abs());
    }
    peak
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
