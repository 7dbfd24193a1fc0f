//! Where plucked music breathes: the gaps between its onsets, and how far the strings die away in them.
//!
//! Onsets are peaks of the spectral flux over mel bands, with a lag of two frames as in SuperFlux (Böck and
//! Widmer, 2013): a pluck raises the bands of its own tone, also while other strings still ring.

use std::ops::Range;

use super::{LANES, Lanes, MelFilters, Stft, frame_rms};
use crate::error::Result;

/// A gap between two onsets, in frames of its [`Listener`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gap {
    /// The frame of the onset before it.
    pub start: usize,
    /// The frame of the onset that ends it.
    pub end: usize,
    /// How far the level falls from its peak after the first onset to shortly before the second, dB.
    pub decay_db: f64,
    /// How far that is below the loudest frame of all, dB.
    pub below_db: f64,
    /// For 0.3 s or more it lies 40 dB below its peak: the strings are silent.
    pub is_silent: bool,
    /// The farthest that the level falls within 70 ms, as far as it is less than 40 dB below the peak, dB: far where
    /// a hand stops the strings, little where they die away by themselves.
    pub fall_db: f64,
}

/// Hears a stretch of music block by block, and finds its gaps.
pub struct Listener {
    stft: Stft,
    filters: MelFilters,
    n_fft: usize,
    hop: usize,
    /// Of each frame, dB.
    levels: Vec<f64>,
    /// The bands of each frame, dB; f32 halves what an hour of music costs.
    bands: Vec<f32>,
}

/// From one frame to the next, s: 512 samples at 44.1 kHz. What follows is counted in such frames.
const HOP: f64 = 512.0 / 44_100.0;
/// The shortest frame, s, before it is rounded up to a power of two.
const FRAME: f64 = 0.033;
const BANDS: usize = 64;
/// In so many frames a pluck has its full effect on the bands.
const LAG: usize = 2;
/// What lies further below the strongest band never counts, dB: noise has no onsets.
const RANGE: f32 = 50.0;
/// How far the flux of an onset is above the mean around it, dB.
const RISE: f64 = 0.6;
/// An onset is the greatest flux within so many frames on each side ...
const NEAR: usize = 3;
/// ... and rises above the mean of so many.
const AROUND: usize = 9;
const BETWEEN_ONSETS: usize = 4;
/// A gap's peak is sought in so many frames after its first onset.
const PEAK: usize = 12;
/// Its end is the median of the frames so far before its last onset: where strings are damped, or fingers
/// prepare the next note, the very last frames say nothing of how long the note was held.
const END: Range<usize> = 8..12;
/// Below its peak, dB.
const SILENCE: f64 = 40.0;
const FRAMES_OF_SILENCE: usize = 26;
/// A fall is measured over so many frames.
const FALL: usize = 6;
const LOWEST: f64 = -120.0;

impl Listener {
    /// For music of `sample_rate` frames a second.
    ///
    /// # Errors
    /// When the rate is too high for the transform.
    pub fn new(sample_rate: u32) -> Result<Self> {
        let rate = f64::from(sample_rate.max(1000));
        let n_fft = ((rate * FRAME) as usize).next_power_of_two();
        let hop = (rate * HOP).round() as usize;
        let filters = filters(rate, n_fft);
        Ok(Self { stft: Stft::new(n_fft, hop)?, filters, n_fft, hop, levels: Vec::new(), bands: Vec::new() })
    }

    /// Samples from one frame to the next.
    pub fn hop(&self) -> usize {
        self.hop
    }

    /// How many hops of samples a block needs before its first and after its last frame, where there are any.
    pub fn margin(&self) -> usize {
        self.n_fft.div_ceil(2 * self.hop)
    }

    /// Hears the frames that are centred on these multiples of the hop in `samples`, after all others heard.
    pub fn hear(&mut self, samples: &[f64], frames: Range<usize>) {
        let mut of_eight = [Lanes::ZERO; BANDS];
        for first in frames.clone().step_by(LANES) {
            self.filters.apply(self.stft.power(samples, first), &mut of_eight);
            for lane in 0..LANES.min(frames.end - first) {
                let decibels = of_eight.iter().map(|powers| decibels(f64::from(powers.0[lane])) as f32);
                self.bands.extend(decibels);
            }
        }
        for frame in frames {
            let start = (frame * self.hop).saturating_sub(self.n_fft / 2).min(samples.len());
            let end = (frame * self.hop + self.n_fft / 2).min(samples.len());
            let level = frame_rms(&samples[start..end], self.n_fft);
            self.levels.push(decibels(level * level));
        }
    }

    /// The gaps between all onsets heard, in order.
    pub fn gaps(&self) -> Vec<Gap> {
        let loudest = self.levels.iter().copied().fold(LOWEST, f64::max);
        onsets(&self.flux()).windows(2).map(|pair| self.gap(pair[0], pair[1], loudest)).collect()
    }

    fn gap(&self, start: usize, end: usize, loudest: f64) -> Gap {
        let peak = &self.levels[start.saturating_sub(2)..(start + PEAK).min(end)];
        let peak = peak.iter().copied().fold(LOWEST, f64::max);
        let last = median(
            &self.levels
                [end.saturating_sub(END.end).max(start + 1)..end.saturating_sub(END.start).max(start + 2)],
        );
        let (levels, floor) = (&self.levels[start..end], peak - SILENCE);
        let silent = levels.iter().filter(|&&level| level < floor).count();
        let later = levels.get(FALL..).unwrap_or_default();
        let falls = levels.iter().zip(later).map(|(before, after)| before.max(floor) - after.max(floor));
        Gap {
            start,
            end,
            decay_db: peak - last,
            below_db: loudest - last,
            is_silent: silent >= FRAMES_OF_SILENCE,
            fall_db: falls.fold(0.0, f64::max),
        }
    }

    /// By how much the bands of each frame rise above those of [`LAG`] frames before, dB, their mean.
    fn flux(&self) -> Vec<f64> {
        let floor = self.bands.iter().copied().fold(f32::NEG_INFINITY, f32::max) - RANGE;
        let rise = |now: &f32, before: &f32| f64::from((now.max(floor) - before.max(floor)).max(0.0));
        let mut flux = vec![0.0; LAG.min(self.levels.len())];
        let earlier = self.bands.chunks_exact(BANDS);
        let pairs = self.bands.chunks_exact(BANDS).skip(LAG).zip(earlier);
        flux.extend(pairs.map(|(now, before)| {
            now.iter().zip(before).map(|(now, before)| rise(now, before)).sum::<f64>() / BANDS as f64
        }));
        flux
    }
}

/// Bands up to 12 kHz or a little less: there is little to hear of a string above, and more of it below.
fn filters(rate: f64, n_fft: usize) -> MelFilters {
    let (mut rate, mut n_fft) = (rate, n_fft);
    // The same bins, as far as half of them.
    while rate > 24_000.0 {
        (rate, n_fft) = (rate / 2.0, n_fft / 2);
    }
    MelFilters::new(rate, n_fft, BANDS)
}

fn onsets(flux: &[f64]) -> Vec<usize> {
    let within =
        |frame: usize, reach: usize| &flux[frame.saturating_sub(reach)..(frame + reach + 1).min(flux.len())];
    let mut onsets: Vec<usize> = Vec::new();
    for (frame, &value) in flux.iter().enumerate() {
        let around = within(frame, AROUND);
        let stands_out = value >= around.iter().sum::<f64>() / around.len() as f64 + RISE
            && within(frame, NEAR).iter().all(|&other| other <= value);
        if stands_out && onsets.last().is_none_or(|last| frame - last >= BETWEEN_ONSETS) {
            onsets.push(frame);
        }
    }
    onsets
}

fn decibels(power: f64) -> f64 {
    10.0 * libm::log10(power.max(1e-12))
}

/// The upper median; silence where there is nothing.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(LOWEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plucks at these times, s: decaying harmonics over 1 s at `rate`.
    fn plucks(rate: u32, times: &[f64], seconds: f64) -> Vec<f64> {
        let mut samples = vec![0.0; (seconds * f64::from(rate)) as usize];
        for (n, time) in times.iter().enumerate() {
            let start = (time * f64::from(rate)) as usize;
            for (i, sample) in samples.iter_mut().skip(start).enumerate() {
                let t = i as f64 / f64::from(rate);
                let tone = (1..6).map(|h| libm::sin(1256.0 * f64::from(h) * t * (1.0 + 0.1 * n as f64)));
                *sample += 0.1 * libm::exp(-5.0 * t) * tone.sum::<f64>();
            }
        }
        samples
    }

    fn heard(rate: u32, samples: &[f64], block: usize) -> Listener {
        let mut listener = Listener::new(rate).unwrap();
        let (hop, margin) = (listener.hop(), listener.margin());
        let count = crate::signal::n_frames(samples.len(), hop);
        for first in (0..count).step_by(block) {
            let origin = first.saturating_sub(margin);
            let last = (first + block).min(count);
            let end = ((last + margin) * hop).min(samples.len());
            listener.hear(&samples[origin * hop..end], first - origin..last - origin);
        }
        listener
    }

    #[test]
    fn every_pluck_is_an_onset_where_it_is() {
        let times = [0.5, 0.8, 1.1, 2.6, 2.8];
        for rate in [8000, 16_000, 22_050, 44_100, 48_000, 96_000] {
            let listener = heard(rate, &plucks(rate, &times, 4.0), 4096);
            let gaps = listener.gaps();
            let second = |frame: usize| (frame * listener.hop()) as f64 / f64::from(rate);
            let found: Vec<f64> = gaps.iter().map(|gap| second(gap.start)).collect();
            assert_eq!(found.len(), 4, "{rate}: {found:?}");
            assert!(found.iter().zip(times).all(|(a, b)| (a - b).abs() < 0.03), "{rate}: {found:?}");
            assert!((second(gaps[3].end) - 2.8).abs() < 0.03, "{rate}: {gaps:?}");
            // 5 nepers a second over 1.4 s.
            assert!((45.0..66.0).contains(&gaps[2].decay_db), "{rate}: {:?}", gaps[2]);
            assert!(gaps[2].is_silent && !gaps[1].is_silent && gaps[1].decay_db < 15.0, "{rate}: {gaps:?}");
        }
    }

    #[test]
    fn a_string_that_is_stopped_falls_far_and_one_that_dies_away_does_not() {
        let mut samples = plucks(44_100, &[0.5, 2.5, 4.5], 5.0);
        // A hand takes a few hundredths of a second to stop a string; a sudden end would be a click.
        for (nth, sample) in samples[36_000..5 * 22_050].iter_mut().enumerate() {
            *sample *= (1.0 - nth as f64 / 2000.0).max(0.0);
        }
        let gaps = heard(44_100, &samples, 4096).gaps();
        assert!(gaps[0].is_silent && gaps[0].fall_db > 20.0, "{gaps:?}");
        assert!(gaps[1].is_silent && gaps[1].fall_db < 10.0, "{gaps:?}");
    }

    #[test]
    fn blocks_leave_no_seam() {
        let samples = plucks(44_100, &[0.3, 0.9, 1.5], 2.5);
        let whole = heard(44_100, &samples, usize::MAX / 2);
        for block in [1, 7, 64] {
            let blocks = heard(44_100, &samples, block);
            assert_eq!((&blocks.levels, &blocks.bands), (&whole.levels, &whole.bands), "{block}");
        }
    }

    #[test]
    fn silence_and_next_to_nothing_have_no_gaps() {
        for samples in [vec![], vec![0.0; 1], vec![0.0; 100_000], vec![0.5; 10]] {
            assert_eq!(heard(44_100, &samples, 64).gaps(), []);
        }
    }
}
