//! Periodicity of onset strength: the tempogram, the tempo and the clarity of the pulse.

use super::{LANES, LaneFft, Lanes, hann};
use crate::error::{Error, Result};

/// Local autocorrelation of onset strength (Grosche, Müller and Kurth 2010; `librosa.feature.tempogram`): windows of
/// `win_length` frames centred on every frame, each divided by its greatest magnitude. Beyond the ends, onset
/// strength falls to 0 in a straight line.
#[derive(Debug, Clone)]
pub struct Tempogram {
    window: Vec<f64>,
    fft: LaneFft,
    frames: Vec<Lanes>,
    power: Vec<Lanes>,
}

/// The longest window, frames.
const LONGEST_WINDOW: usize = 1 << 16;

impl Tempogram {
    /// A tempogram of lags 0 to `win_length` - 1 frames.
    ///
    /// # Errors
    /// When `win_length` is 0 or more than 65,536.
    pub fn new(win_length: usize) -> Result<Self> {
        if !(1..=LONGEST_WINDOW).contains(&win_length) {
            let cause = format!("it must be from 1 to {LONGEST_WINDOW} frames");
            return Err(Error::usage(format!("cannot correlate windows of `{win_length}`: {cause}")));
        }
        let padded = (2 * win_length - 1).next_power_of_two().max(4);
        let fft = LaneFft::new(padded)?;
        let (frames, power) = (vec![Lanes::ZERO; win_length], vec![Lanes::ZERO; padded]);
        Ok(Self { window: hann(win_length), fft, frames, power })
    }

    /// Calls `take` with the autocorrelations around eight frames at a time, in order, lag 0 first, and how many frames there
    /// are from the first of them on.
    pub fn for_each(&mut self, strengths: &[f64], mut take: impl FnMut(&[Lanes], usize)) {
        let padded = pad_with_ramps(strengths, self.window.len() / 2);
        for start in (0..strengths.len()).step_by(LANES) {
            let at = |i: usize| padded.get(i).copied().unwrap_or(0.0);
            for (i, (frames, weight)) in self.frames.iter_mut().zip(&self.window).enumerate() {
                *frames = Lanes(std::array::from_fn(|lane| (at(start + lane + i) * weight) as f32));
            }
            take(self.correlate(), strengths.len() - start);
        }
    }

    /// The mean over all frames; zeros of no frames.
    pub fn mean(&mut self, strengths: &[f64]) -> Vec<f64> {
        let mut sum = vec![0.0; self.window.len()];
        self.for_each(strengths, |lags, n_frames| {
            for (sum, values) in sum.iter_mut().zip(lags) {
                *sum += values.0.iter().take(n_frames).map(|value| f64::from(*value)).sum::<f64>();
            }
        });
        let n = strengths.len().max(1) as f64;
        sum.iter().map(|sum| sum / n).collect()
    }

    /// The autocorrelations of the frames by way of their power spectra, divided by the greatest magnitude of each.
    fn correlate(&mut self) -> &[Lanes] {
        let n = self.power.len();
        for (bin, [re, im]) in self.fft.transform(&self.frames).iter().enumerate() {
            self.power[bin] = *re * *re + *im * *im;
            self.power[(n - bin) % n] = self.power[bin];
        }
        // The spectrum of a power spectrum is n times the autocorrelation, as both are even.
        let correlations = self.fft.transform(&self.power);
        self.frames.iter_mut().zip(correlations).for_each(|(lag, [value, _])| *lag = *value);
        let magnitude = |lags: &Lanes| Lanes(lags.0.map(f32::abs));
        let greatest = self.frames.iter().fold(Lanes::ZERO, |greatest, lags| greatest.max(magnitude(lags)));
        let factor = Lanes(greatest.0.map(|most| if most >= f32::MIN_POSITIVE { 1.0 / most } else { 1.0 }));
        self.frames.iter_mut().for_each(|lags| *lags = *lags * factor);
        &self.frames
    }
}

/// Puts `reach` values before and after, on straight lines from and to 0.
fn pad_with_ramps(values: &[f64], reach: usize) -> Vec<f64> {
    let (first, last) =
        (values.first().copied().unwrap_or_default(), values.last().copied().unwrap_or_default());
    let step = |i: usize| i as f64 / reach.max(1) as f64;
    let before = (0..reach).map(|i| first * step(i));
    let after = (0..reach).rev().map(|i| last * step(i));
    before.chain(values.iter().copied()).chain(after).collect()
}

/// Where tempo is looked for, s: `librosa.feature.tempo`'s `ac_size`.
const TEMPO_WINDOW: f64 = 8.0;
/// No tempo is as fast as this, beats a minute.
const MAX_TEMPO: f64 = 320.0;
/// The prior of tempos: log-normal with a standard deviation of one octave.
const PRIOR_OCTAVES: f64 = 1.0;

/// The tempo of onset strength, beats a minute (`librosa.feature.tempo`): the lag at which the mean of the
/// tempogram over 8 s is greatest, tempos around `start_bpm` being likelier than others.
///
/// # Errors
/// When 8 s are more than 65,536 hops.
pub fn tempo(strengths: &[f64], sample_rate: f64, hop: usize, start_bpm: f64) -> Result<f64> {
    let hop = hop.max(1);
    let win_length = ((TEMPO_WINDOW * sample_rate) as usize / hop).max(2);
    let lags = Tempogram::new(win_length)?.mean(strengths);
    let bpm_of = |lag: usize| 60.0 * sample_rate / (hop as f64 * lag as f64);
    let score = |lag: usize| {
        let octaves = (libm::log2(bpm_of(lag)) - libm::log2(start_bpm)) / PRIOR_OCTAVES;
        libm::log1p(1e6 * lags[lag]) - 0.5 * octaves * octaves
    };
    let allowed = (1..win_length).filter(|lag| bpm_of(*lag) < MAX_TEMPO);
    let best = allowed.fold(None, |best: Option<(usize, f64)>, lag| match (best, score(lag)) {
        (Some((_, greatest)), score) if score <= greatest => best,
        (_, score) => Some((lag, score)),
    });
    Ok(best.map_or(0.0, |(lag, _)| bpm_of(lag)))
}

/// The slowest pulse that is looked for, beats a minute.
const MIN_TEMPO: f64 = 30.0;

/// How clear the pulse is, 0 to 1: the greatest autocorrelation of all of onset strength less its mean, at lags
/// from 320 to 30 beats a minute, as a share of that at lag 0 (Lartillot et al. 2008, "MaxAutocor").
///
/// librosa has no such measure. 0 where nothing changes, and where nothing recurs.
pub fn pulse_clarity(strengths: &[f64], sample_rate: f64, hop: usize) -> f64 {
    let frames_per_minute = 60.0 * sample_rate / hop.max(1) as f64;
    let mean = strengths.iter().sum::<f64>() / strengths.len().max(1) as f64;
    let centred: Vec<f64> = strengths.iter().map(|strength| strength - mean).collect();
    let shortest = (frames_per_minute / MAX_TEMPO).ceil() as usize;
    let longest = ((frames_per_minute / MIN_TEMPO) as usize).min(centred.len().saturating_sub(1));
    let correlation = |lag: usize| super::dot(&centred, &centred[lag..]);
    let all = super::dot(&centred, &centred);
    let greatest = (shortest.max(1)..=longest).map(correlation).fold(0.0, f64::max);
    if all < f64::MIN_POSITIVE { 0.0 } else { (greatest / all).min(1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pulses(n: usize, period: usize) -> Vec<f64> {
        (0..n).map(|i| if i % period == 0 { 1.0 } else { 0.0 }).collect()
    }

    #[test]
    fn autocorrelations_are_the_sums_that_define_them() {
        let strengths: Vec<f64> = (0..20).map(|i| f64::from(i * 7 % 5)).collect();
        let padded = pad_with_ramps(&strengths, 4);
        let window = hann(8);
        let mut start = 0;
        Tempogram::new(8).unwrap().for_each(&strengths, |lags, n_frames| {
            for lane in 0..n_frames.min(LANES) {
                let frame: Vec<f64> = (0..8).map(|i| padded[start + i] * window[i]).collect();
                let sum = |lag: usize| (lag..8).map(|i| frame[i] * frame[i - lag]).sum::<f64>();
                let off = |lag: usize| (f64::from(lags[lag].0[lane]) - sum(lag) / sum(0)).abs();
                (0..8).for_each(|lag| assert!(off(lag) < 1e-6, "{start} {lag}"));
                start += 1;
            }
        });
        assert_eq!(start, 20);
    }

    #[test]
    fn a_regular_pulse_has_its_tempo_and_is_clear() {
        // 22 frames of 512 samples at 22,050 Hz are 117.45 beats a minute.
        let found = tempo(&pulses(800, 22), 22_050.0, 512, 120.0).unwrap();
        assert!((found - 60.0 * 22_050.0 / (512.0 * 22.0)).abs() < 1e-9, "{found}");
        assert!(pulse_clarity(&pulses(800, 22), 22_050.0, 512) > 0.9);
        assert!(pulse_clarity(&pulses(800, 700), 22_050.0, 512) < 0.01);
    }

    #[test]
    fn silence_and_few_frames_are_finite() {
        for n in [0, 1, 2, 9] {
            for strengths in [vec![0.0; n], vec![1.0; n]] {
                assert!(tempo(&strengths, 22_050.0, 512, 120.0).unwrap().is_finite());
                assert_eq!(pulse_clarity(&strengths, 22_050.0, 512), 0.0);
                assert_eq!(Tempogram::new(384).unwrap().mean(&strengths).len(), 384);
            }
        }
    }

    #[test]
    fn absurd_windows_are_errors() {
        for win_length in [0, LONGEST_WINDOW + 1, usize::MAX] {
            assert!(Tempogram::new(win_length).is_err(), "{win_length}");
        }
    }
}
