//! Halving the sample rate, sharply as soxr does or cheaply for what is only heard well below the new Nyquist frequency.

use std::f64::consts::PI;

use super::resample::bessel_i0;
use super::widest::with_widest_registers;

/// A symmetric filter and every other sample of what it leaves, in 32 bits.
///
/// Outputs lie side by side in tiles, so that the compiler vectorises across them, each a sum in the order of the taps.
#[derive(Debug, Clone)]
pub struct Halver {
    centre: f32,
    /// Of the input samples 2, 4, 6, .. before and after an output sample.
    even: Vec<f32>,
    /// Of those 1, 3, 5, .. before and after.
    odd: Vec<f32>,
}

/// Outputs of a tile, and of a block, whose samples stay near.
const TILE: usize = 16;
const BLOCK: usize = 1024;

impl Halver {
    /// What soxr's "HQ" does, and with it librosa: flat up to 0.913 of the new Nyquist frequency, and 130 dB down from it on;
    /// 401 taps. It takes its time.
    pub fn sharp() -> Self {
        /// The Kaiser window's shape for 130 dB: 0.1102 (130 - 8.7).
        const BETA: f64 = 13.367_26;
        const CUTOFF: f64 = 0.9565 / 2.0;
        const REACH: usize = 200;
        let tap = |distance: usize| {
            let angle = PI * CUTOFF * distance as f64;
            let sinc = if distance == 0 { 1.0 } else { libm::sin(angle) / angle };
            CUTOFF * sinc * kaiser(BETA, distance as f64 / REACH as f64)
        };
        let taps: Vec<f64> = (0..=REACH).map(tap).collect();
        // A constant stays what it is.
        let sum = taps[0] + 2.0 * taps[1..].iter().sum::<f64>();
        let scaled = |taps: &[f64]| taps.iter().step_by(2).map(|tap| (tap / sum) as f32).collect();
        Self { centre: (taps[0] / sum) as f32, even: scaled(&taps[2..]), odd: scaled(&taps[1..]) }
    }

    /// A half-band filter, half of whose taps are zero: flat up to `highest`, a share of the new Nyquist frequency below 1, and so
    /// many decibels down on whatever would fold to below it. In between, frequencies fold as they like.
    ///
    /// Kaiser's formulas say how long it is, and under which window.
    pub fn half_band(highest: f64, decibels: f64) -> Self {
        let transition = PI * (1.0 - highest);
        let length = (decibels - 7.95) / (2.285 * transition) + 1.0;
        let pairs = ((length + 1.0) / 4.0).ceil().max(1.0) as usize;
        let beta = 0.1102 * (decibels - 8.7);
        let tap = |i: usize| {
            let distance = (2 * i + 1) as f64;
            libm::sin(PI * distance / 2.0) / (PI * distance) * kaiser(beta, distance / (2 * pairs) as f64)
        };
        let taps: Vec<f64> = (0..pairs).map(tap).collect();
        let sum: f64 = taps.iter().sum();
        let odd = taps.iter().map(|tap| (tap / (4.0 * sum)) as f32).collect();
        Self { centre: 0.5, even: Vec::new(), odd }
    }

    /// How many input samples before and after its own an output sample hears at most.
    pub fn reach(&self) -> usize {
        2 * self.padding()
    }

    /// Half as many samples, rounded up, times `gain`. Output sample 0 lies at input sample 0; silence is assumed before and
    /// after.
    pub fn halve<S: Copy + Into<f64>>(&self, samples: &[S], gain: f32) -> Vec<f32> {
        let n = samples.len().div_ceil(2);
        let mut halved = Vec::with_capacity(n + BLOCK);
        let [mut evens, mut odds] = [const { Vec::new() }; 2];
        for start in (0..n).step_by(BLOCK) {
            self.around(samples, start, [&mut evens, &mut odds]);
            with_widest_registers(
                #[inline(always)]
                || self.tiles(&evens, &odds, gain, &mut halved),
            );
        }
        halved.truncate(n);
        halved
    }

    /// How many even, and how many odd samples that is.
    fn padding(&self) -> usize {
        self.even.len().max(self.odd.len())
    }

    /// The even and the odd samples that a block of outputs hears, with zeros beyond the ends.
    fn around<S: Copy + Into<f64>>(&self, samples: &[S], start: usize, [evens, odds]: [&mut Vec<f32>; 2]) {
        let (reach, n) = (self.padding(), BLOCK + 2 * self.padding());
        let before = reach.saturating_sub(start);
        let own = samples.get(2 * start.saturating_sub(reach)..).unwrap_or(&[]);
        let (pairs, rest) = own[..own.len().min(2 * (n - before))].as_chunks::<2>();
        let rest = [rest.first().map_or(0.0, |sample| (*sample).into() as f32), 0.0];
        for (half, rest) in [&mut *evens, &mut *odds].into_iter().zip(rest) {
            half.clear();
            half.resize(before + pairs.len(), 0.0);
            half.push(rest);
            half.resize(n, 0.0);
        }
        let halves = evens[before..].iter_mut().zip(&mut odds[before..]);
        for ([even, odd], (in_evens, in_odds)) in pairs.iter().zip(halves) {
            (*in_evens, *in_odds) = ((*even).into() as f32, (*odd).into() as f32);
        }
    }

    /// A block of outputs.
    #[inline(always)]
    fn tiles(&self, evens: &[f32], odds: &[f32], gain: f32, halved: &mut Vec<f32>) {
        for first in (0..BLOCK).step_by(TILE) {
            halved.extend(self.tile(evens, odds, first).map(|sample| sample * gain));
        }
    }

    /// A tile of outputs of a block.
    #[inline(always)]
    fn tile(&self, evens: &[f32], odds: &[f32], first: usize) -> [f32; TILE] {
        let at = first + self.padding();
        let mut tile = tile_at(evens, at).map(|sample| sample * self.centre);
        for (i, tap) in (1..).zip(&self.even) {
            add_pair(&mut tile, *tap, tile_at(evens, at - i), tile_at(evens, at + i));
        }
        for (i, tap) in self.odd.iter().enumerate() {
            add_pair(&mut tile, *tap, tile_at(odds, at - 1 - i), tile_at(odds, at + i));
        }
        tile
    }
}

#[inline(always)]
fn tile_at(samples: &[f32], at: usize) -> &[f32; TILE] {
    samples[at..].first_chunk().expect("blocks are whole tiles, and padded by the reach of the taps")
}

#[inline(always)]
fn add_pair(tile: &mut [f32; TILE], tap: f32, before: &[f32; TILE], after: &[f32; TILE]) {
    for i in 0..TILE {
        tile[i] += tap * (before[i] + after[i]);
    }
}

/// The Kaiser window, from 1 in its middle to its edge at 1, where it ends.
fn kaiser(beta: f64, distance: f64) -> f64 {
    bessel_i0(beta * (1.0 - distance * distance).max(0.0).sqrt()) / bessel_i0(beta)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(frequency: f64, n: usize, step: usize) -> Vec<f32> {
        (0..n).map(|i| libm::sin(2.0 * PI * frequency * (i * step) as f64) as f32).collect()
    }

    #[test]
    fn low_frequencies_stay_what_they_are_and_what_would_fold_onto_them_is_gone() {
        for (halver, highest, off) in [
            (Halver::sharp(), 0.91, 1e-5),
            (Halver::half_band(0.8, 120.0), 0.8, 1e-5),
            (Halver::half_band(0.8, 60.0), 0.8, 2e-3),
            (Halver::half_band(0.4, 120.0), 0.4, 1e-5),
            (Halver::half_band(0.0, 40.0), 0.0, 2e-2),
        ] {
            for share in [0.0, highest / 2.0, highest] {
                // The new Nyquist frequency is a quarter of the old rate.
                let kept = halver.halve(&sine(share / 4.0, 2000, 1), 1.0);
                let folded = halver.halve(&sine(0.5 - share / 4.0, 2000, 1), 1.0);
                for (i, want) in sine(share / 4.0, 1000, 2).iter().enumerate().take(890).skip(110) {
                    assert!((kept[i] - want).abs() < off, "{share} {i}: {} {want}", kept[i]);
                    assert!(folded[i].abs() < off, "{share} {i}: {}", folded[i]);
                }
            }
        }
    }

    #[test]
    fn any_number_of_samples_is_halved() {
        for (n, want) in [(0, 0), (1, 1), (2, 1), (3, 2), (101, 51)] {
            for halver in [Halver::sharp(), Halver::half_band(0.8, 120.0), Halver::half_band(0.1, 30.0)] {
                assert_eq!(halver.halve(&vec![1.0_f32; n], 1.0).len(), want);
            }
        }
    }
}
