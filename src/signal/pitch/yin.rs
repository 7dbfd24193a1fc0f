//! YIN: the period of a frame, as `librosa.yin` 0.11 defines it.

use crate::error::{Error, Result};
use crate::signal::{Cutter, LANES, LaneFft, Lanes, WideLanes, n_frames};

/// What [`Yin`] is told, by librosa's names.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct YinParameters {
    /// Of the samples, Hz.
    pub sample_rate: f64,
    /// The lowest f0 looked for, Hz.
    pub fmin: f64,
    /// The highest f0 looked for, Hz; at most half the sample rate.
    pub fmax: f64,
    /// Samples of a frame; more than a period of `fmin`, better more than two.
    pub frame_length: usize,
    /// Samples from one frame to the next.
    pub hop_length: usize,
    /// The first trough below this is the period; where there is none, the lowest is.
    pub trough_threshold: f64,
}

/// What a frame repeats itself with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Period {
    /// The fundamental frequency, Hz.
    pub hz: f64,
    /// The cumulative mean normalised difference at the period: 0 where the frame repeats itself exactly, about 1
    /// for noise.
    pub aperiodicity: f64,
}

/// The fundamental frequency of overlapping frames, eight at a time, centred on multiples of the hop, with zeros before
/// the start and after the end (de Cheveigné and Kawahara 2002, equation 8; `librosa.yin` 0.11 with its defaults).
///
/// Like librosa since 0.11, it takes the autocorrelation of the whole frame and the energy that leaves at its
/// start. The autocorrelation comes from two Fourier transforms, whatever the lowest frequency is.
#[derive(Debug, Clone)]
pub struct Yin {
    parameters: YinParameters,
    min_period: usize,
    max_period: usize,
    fft: LaneFft,
    cutter: Cutter,
    power: Vec<Lanes>,
    /// The normalised difference at the periods from the least to the greatest.
    difference: Vec<Lanes>,
    /// That of the frame at hand.
    of_frame: Vec<f64>,
}

impl Yin {
    /// YIN with these parameters.
    ///
    /// # Errors
    /// When the frequencies are no range below half the sample rate, or no period of the lowest fits into a frame.
    pub fn new(parameters: YinParameters) -> Result<Self> {
        let YinParameters { sample_rate, fmin, fmax, frame_length, hop_length, .. } = parameters;
        check(&parameters)?;
        let min_period = libm::floor(sample_rate / fmax) as usize;
        let max_period = (libm::ceil(sample_rate / fmin) as usize).min(frame_length - 1);
        if hop_length == 0 || min_period == 0 || max_period <= min_period + 1 {
            return Err(refused("hop_length", hop_length as f64, "there is nothing to look for"));
        }
        let fft = LaneFft::new((frame_length + max_period + 1).next_power_of_two())?;
        let (power, n_periods) = (vec![Lanes::ZERO; fft.length()], max_period - min_period + 1);
        Ok(Self {
            parameters,
            min_period,
            max_period,
            fft,
            cutter: Cutter::default(),
            power,
            difference: vec![Lanes::ZERO; n_periods],
            of_frame: vec![0.0; n_periods],
        })
    }

    /// What it was told.
    pub fn parameters(&self) -> &YinParameters {
        &self.parameters
    }

    /// Number of frames over `n_samples` samples.
    pub fn n_frames(&self, n_samples: usize) -> usize {
        n_frames(n_samples, self.parameters.hop_length)
    }

    /// The periods of eight frames of `samples` from frame `first` on; of frames beyond the last, whatever is there.
    pub fn periods(&mut self, samples: &[f64], first: usize) -> [Period; LANES] {
        self.compare(samples, first);
        std::array::from_fn(|lane| self.period(lane))
    }

    /// Compares eight frames with themselves, for [`Yin::troughs`].
    pub(super) fn compare(&mut self, samples: &[f64], first: usize) {
        let YinParameters { frame_length, hop_length, .. } = self.parameters;
        let frames = self.cutter.cut(samples, first, frame_length, hop_length);
        let scale = 1.0 / self.fft.length() as f64;
        let autocorrelation = autocorrelation(&mut self.fft, frames, &mut self.power);
        let whole = autocorrelation[0][0].widen() * (2.0 * scale);
        let (mut left, mut sum) = (WideLanes::default(), WideLanes::default());
        let lags = autocorrelation[1..=self.max_period].iter().zip(frames);
        for (period, ([at_period, _], sample)) in (1..).zip(lags) {
            let sample = sample.widen();
            left += sample * sample;
            // librosa has already overwritten the first sample's energy when it comes to a lag of one sample.
            let gone = if period == 1 { WideLanes::default() } else { left };
            let difference = whole - at_period.widen() * (2.0 * scale) - gone;
            sum += difference;
            if period >= self.min_period {
                let ratio = |i: usize| difference.0[i] / (sum.0[i] / period as f64 + f64::MIN_POSITIVE);
                self.difference[period - self.min_period] = Lanes(std::array::from_fn(|i| ratio(i) as f32));
            }
        }
    }

    fn period(&mut self, lane: usize) -> Period {
        let threshold = self.parameters.trough_threshold;
        let difference = self.difference_of(lane);
        let at = first_trough_below(difference, threshold).unwrap_or_else(|| lowest(difference));
        let aperiodicity = difference[at];
        Period { hz: self.hz(at), aperiodicity }
    }

    /// The frequency (Hz) and the depth of every trough of one of the eight frames, the shortest period first.
    pub(super) fn troughs(&mut self, lane: usize) -> impl Iterator<Item = Period> {
        self.difference_of(lane);
        let difference = &self.of_frame;
        let is_here = |at: &usize| is_trough(difference, *at);
        (0..difference.len())
            .filter(is_here)
            .map(|at| Period { hz: self.hz(at), aperiodicity: difference[at] })
    }

    fn difference_of(&mut self, lane: usize) -> &[f64] {
        let lanes = self.difference.iter().map(|lanes| f64::from(lanes.0[lane]));
        self.of_frame.iter_mut().zip(lanes).for_each(|(out, value)| *out = value);
        &self.of_frame
    }

    /// The frequency of a place of the frame at hand, between periods by a parabola, Hz.
    fn hz(&self, at: usize) -> f64 {
        let period = (self.min_period + at) as f64 + parabolic_shift(&self.of_frame, at);
        self.parameters.sample_rate / period
    }
}

/// The autocorrelation of `frames`, times the length of the transform: that of their power spectra, which are real
/// and even, so that the forward transform is its own inverse.
fn autocorrelation<'f>(fft: &'f mut LaneFft, frames: &[Lanes], power: &mut [Lanes]) -> &'f [[Lanes; 2]] {
    let n = power.len();
    for (k, [re, im]) in fft.transform(frames).iter().enumerate() {
        power[k] = *re * *re + *im * *im;
        power[(n - k) % n] = power[k];
    }
    fft.transform(power)
}

fn first_trough_below(values: &[f64], threshold: f64) -> Option<usize> {
    (0..values.len()).find(|&i| values[i] < threshold && is_trough(values, i))
}

/// `librosa.util.localmin`, and the ends where they lie below their neighbour.
fn is_trough(values: &[f64], i: usize) -> bool {
    match i {
        0 => values[0] < values[1],
        i if i + 1 == values.len() => values[i] < values[i - 1],
        i => values[i] < values[i - 1] && values[i] <= values[i + 1],
    }
}

fn lowest(values: &[f64]) -> usize {
    (1..values.len()).fold(0, |least, i| if values[i] < values[least] { i } else { least })
}

/// Where the parabola through a value and its neighbours has its extremum, from -1 to 1; 0 at the ends.
fn parabolic_shift(values: &[f64], at: usize) -> f64 {
    if at == 0 || at + 1 == values.len() {
        return 0.0;
    }
    let curvature = values[at + 1] + values[at - 1] - 2.0 * values[at];
    let slope = (values[at + 1] - values[at - 1]) / 2.0;
    if slope.abs() >= curvature.abs() { 0.0 } else { -slope / curvature }
}

fn check(parameters: &YinParameters) -> Result<()> {
    let YinParameters { sample_rate, fmin, fmax, frame_length, .. } = *parameters;
    if fmax.is_nan() || fmax > sample_rate / 2.0 {
        return Err(refused("fmax", fmax, "it must be at most half the sample rate"));
    }
    if !(fmin > 0.0 && fmin < fmax) {
        return Err(refused("fmin", fmin, "it must be more than 0 and less than `fmax`"));
    }
    if sample_rate / fmin >= frame_length as f64 - 1.0 {
        return Err(refused("fmin", fmin, "a period of it must be shorter than a frame"));
    }
    Ok(())
}

fn refused(parameter: &str, value: f64, cause: &str) -> Error {
    Error::usage(format!("cannot find pitches with `{parameter} = {value}`: {cause}"))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::signal::pitch) const DEFAULTS: YinParameters = YinParameters {
        sample_rate: 22_050.0,
        fmin: 55.0,
        fmax: 1760.0,
        frame_length: 2048,
        hop_length: 256,
        trough_threshold: 0.1,
    };

    #[test]
    fn the_autocorrelation_is_the_sum_that_defines_it() {
        let frame = [1.0, -2.0, 3.0, 0.5, 4.0];
        let mut fft = LaneFft::new(16).unwrap();
        let frames = frame.map(|sample| Lanes(std::array::from_fn(|i| sample * (1 << i) as f32)));
        let got = autocorrelation(&mut fft, &frames, &mut [Lanes::ZERO; 16])[..5].to_vec();
        for (lag, [got, _]) in got.iter().enumerate() {
            let want: f32 = (lag..5).map(|i| frame[i] * frame[i - lag]).sum();
            for i in 0..LANES {
                let scale = (1 << (2 * i)) as f32;
                assert!((got.0[i] / 16.0 / scale - want).abs() < 1e-5, "{lag}");
            }
        }
    }

    #[test]
    fn a_tone_has_its_frequency_and_silence_a_finite_one() {
        let mut yin = Yin::new(DEFAULTS).unwrap();
        // The frame's end has nothing to be compared with, which makes low tones high, in librosa too.
        for (hz, within) in [(55.5, 12.0), (110.0, 5.0), (146.832, 2.0), (440.0, 1.0), (1500.0, 3.0)] {
            let angle = |i: u32| std::f64::consts::TAU * hz * f64::from(i) / 22_050.0;
            let tone: Vec<f64> =
                (0..8000).map(|i| libm::sin(angle(i)) + 0.3 * libm::sin(2.0 * angle(i))).collect();
            let period = yin.periods(&tone, 12)[3];
            let cents = 1200.0 * libm::log2(period.hz / hz);
            assert!(cents.abs() < within && period.aperiodicity < 0.15, "{hz}: {cents} {period:?}");
        }
        for period in yin.periods(&[], 0).iter().chain(&yin.periods(&[0.0; 5], 1000)) {
            assert!(period.hz.is_finite());
        }
    }

    #[test]
    fn parameters_without_a_meaning_are_refused() {
        for parameters in [
            YinParameters { fmax: 12_000.0, ..DEFAULTS },
            YinParameters { fmax: f64::NAN, ..DEFAULTS },
            YinParameters { fmin: 0.0, ..DEFAULTS },
            YinParameters { fmin: 1760.0, ..DEFAULTS },
            YinParameters { fmin: 5.0, ..DEFAULTS },
            YinParameters { frame_length: 0, ..DEFAULTS },
            YinParameters { hop_length: 0, ..DEFAULTS },
        ] {
            assert!(Yin::new(parameters).is_err(), "{parameters:?}");
        }
    }
}
