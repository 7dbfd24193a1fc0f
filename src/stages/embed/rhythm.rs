//! rhythm: onsets, pulse and tempo of a segment, to librosa's definitions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::mfcc::{TOP_DB, mel_filters};
use super::rows::{Column, Row, SAMPLE_RATE, describe_segments, refused, summarise};
use crate::error::Result;
use crate::signal::{
    Aggregate, MelFilters, PeakPicking, Stft, Tempogram, beat_frames, median, mel_spectrogram, onset_frames,
    onset_strength, power_to_db, pulse_clarity, tempo,
};
use crate::stages::{Context, Inputs, Outputs, Stage};

/// Onsets, the intervals between them, and their periodicity, at 22,050 Hz (`librosa.onset.onset_strength` and
/// `onset_detect`, `librosa.feature.tempogram` and `tempo`, `librosa.beat.beat_track`).
///
/// | column | numbers |
/// |---|---|
/// | `onset_rate` | onsets a second |
/// | `pulse_clarity` | the greatest autocorrelation of onset strength at 30 to 320 beats a minute, 0 to 1 |
/// | `intervals` | between onsets: median and interquartile range in s, coefficient of variation; 0 for fewer than two onsets |
/// | `onset_strength` | mean and standard deviation of onset strength, dB |
/// | `tempogram` | the mean of the tempogram over frames, `win_length` lags from 0 on |
/// | `tempo` | beats a minute; 0 where nothing begins |
/// | `beat_rate` | tracked beats a second |
///
/// `vector` is all but the last two. The tempo of unmetered music means nothing, whatever its number: read
/// `pulse_clarity` first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rhythm {
    /// From one frame to the next, samples at 22,050 Hz.
    #[schemars(range(min = 64, max = 4096))]
    pub hop_length: u32,
    /// Length of the window of the tempogram, frames.
    #[schemars(range(min = 2, max = 4096))]
    pub win_length: u32,
    /// The likeliest tempo, beats a minute.
    #[schemars(range(min = 10.0, max = 300.0))]
    pub start_bpm: f64,
    /// How strictly beats keep to the tempo.
    #[schemars(range(min = 0.1, max = 10000.0))]
    pub tightness: f64,
}

impl Default for Rhythm {
    fn default() -> Self {
        Self { hop_length: 512, win_length: 384, start_bpm: 120.0, tightness: 100.0 }
    }
}

impl Stage for Rhythm {
    fn version(&self) -> u32 {
        2
    }

    fn reads(&self) -> &'static [&'static str] {
        &["audio", "spans"]
    }

    fn run(&self, inputs: &Inputs, context: &Context) -> Result<Outputs> {
        self.check()?;
        let mut analyser = Analyser::new(self)?;
        let columns = [
            Column::number("onset_rate").in_vector(),
            Column::number("pulse_clarity").in_vector(),
            Column::block("intervals", 3),
            Column::block("onset_strength", 2),
            Column::block("tempogram", self.win_length as usize),
            Column::number("tempo"),
            Column::number("beat_rate"),
        ];
        describe_segments(inputs, context, &columns, |samples| analyser.describe(samples, context))
    }
}

/// The transform behind onset strength: that of `librosa.onset.onset_strength`.
const N_FFT: u32 = 2048;
const N_MELS: u32 = 128;

impl Rhythm {
    fn check(&self) -> Result<()> {
        let what = "rhythm";
        for (parameter, value, least, most) in
            [("hop_length", self.hop_length, 64, 4096), ("win_length", self.win_length, 2, 4096)]
        {
            if !(least..=most).contains(&value) {
                return Err(refused(what, parameter, value, &format!("it must be from {least} to {most}")));
            }
        }
        if !(10.0..=300.0).contains(&self.start_bpm) {
            return Err(refused(what, "start_bpm", self.start_bpm, "it must be from 10 to 300"));
        }
        if !(0.1..=10_000.0).contains(&self.tightness) {
            return Err(refused(what, "tightness", self.tightness, "it must be from 0.1 to 10,000"));
        }
        Ok(())
    }
}

/// What is the same for all segments.
struct Analyser<'a> {
    parameters: &'a Rhythm,
    stft: Stft,
    filters: MelFilters,
    tempogram: Tempogram,
}

impl<'a> Analyser<'a> {
    fn new(parameters: &'a Rhythm) -> Result<Self> {
        Ok(Self {
            parameters,
            stft: Stft::new(N_FFT as usize, parameters.hop_length as usize)?,
            filters: mel_filters(N_FFT, N_MELS, false),
            tempogram: Tempogram::new(parameters.win_length as usize)?,
        })
    }

    fn describe(&mut self, samples: &[f64], context: &Context) -> Result<Row> {
        let (rate, hop) = (f64::from(SAMPLE_RATE), self.parameters.hop_length as usize);
        let mut bands = mel_spectrogram(&mut self.stft, &self.filters, samples);
        power_to_db(bands.data_mut(), TOP_DB);
        let strengths = onset_strength(&bands, N_FFT as usize, hop, Aggregate::Mean);
        context.check()?;
        let onsets = onset_frames(&strengths, &PeakPicking::of_onsets(rate, hop));
        let (mean, deviation) = summarise(strengths.iter().copied());
        let for_beats = onset_strength(&bands, N_FFT as usize, hop, Aggregate::Median);
        let (bpm, beats) = self.beats(&for_beats)?;
        context.check()?;
        let a_second = |count: usize| count as f64 * rate / samples.len().max(1) as f64;
        Ok(vec![
            vec![a_second(onsets.len())],
            vec![pulse_clarity(&strengths, rate, hop)],
            intervals(&onsets, hop as f64 / rate).to_vec(),
            vec![mean, deviation],
            self.tempogram.mean(&strengths),
            vec![bpm],
            vec![a_second(beats)],
        ])
    }

    /// Tempo and number of beats, as `librosa.beat.beat_track` gives them.
    fn beats(&self, strengths: &[f64]) -> Result<(f64, usize)> {
        if strengths.iter().all(|strength| *strength == 0.0) {
            return Ok((0.0, 0));
        }
        let Rhythm { start_bpm, tightness, .. } = *self.parameters;
        let (rate, hop) = (f64::from(SAMPLE_RATE), self.parameters.hop_length as usize);
        let bpm = tempo(strengths, rate, hop, start_bpm)?;
        Ok((bpm, beat_frames(strengths, bpm, rate, hop, tightness).len()))
    }
}

/// Median, interquartile range and coefficient of variation of the intervals between onsets; `frame` is the
/// length of one, s.
pub(super) fn intervals(onsets: &[usize], frame: f64) -> [f64; 3] {
    let mut intervals: Vec<f64> = onsets.windows(2).map(|two| (two[1] - two[0]) as f64 * frame).collect();
    intervals.sort_unstable_by(f64::total_cmp);
    let (mean, deviation) = summarise(intervals.iter().copied());
    let variation = if mean > 0.0 { deviation / mean } else { 0.0 };
    let range = quantile(&intervals, 0.75) - quantile(&intervals, 0.25);
    [median(intervals), range, variation]
}

/// Between ascending values in a straight line, as `numpy.quantile` does it; 0 of nothing.
fn quantile(ascending: &[f64], share: f64) -> f64 {
    let place = share * ascending.len().saturating_sub(1) as f64;
    let at = |i: usize| ascending.get(i).or(ascending.last()).copied().unwrap_or(0.0);
    let below = at(place as usize);
    below + (at(place as usize + 1) - below) * (place - place.floor())
}

#[cfg(test)]
mod tests {
    use super::super::rows::tests::{features, numbers};
    use super::*;

    /// Half a second apart, for six seconds.
    fn clicks() -> Vec<i32> {
        let decay = |i: u32| libm::exp(-f64::from(i % 11_025) / 400.0);
        let sign = |i: u32| if i.is_multiple_of(7) { 4e6 } else { -1e6 };
        (0..6 * SAMPLE_RATE).map(|i| (sign(i) * decay(i)) as i32).collect()
    }

    #[test]
    fn clicks_have_their_rate_their_interval_their_tempo_and_a_clear_pulse() {
        let frame = features(&Rhythm::default(), &clicks(), &[(0, 6 * u64::from(SAMPLE_RATE))]).unwrap();
        let number = |name| f64::from(numbers(&frame, name).1[0]);
        assert_eq!(numbers(&frame, "vector").0, 2 + 3 + 2 + 384);
        for (name, want, tolerance) in [
            ("onset_rate", 2.0, 0.2),
            ("intervals", 0.5, 0.02),
            ("tempo", 120.0, 3.0),
            ("beat_rate", 2.0, 0.4),
            ("pulse_clarity", 0.9, 0.15),
        ] {
            assert!((number(name) - want).abs() <= tolerance, "{name}: {}", number(name));
        }
    }

    #[test]
    fn quartiles_lie_between_values() {
        // numpy 2.4: np.quantile([1, 2, 4, 8], [0.25, 0.75])
        assert_eq!([0.25, 0.75].map(|share| quantile(&[1.0, 2.0, 4.0, 8.0], share)), [1.75, 5.0]);
        assert_eq!([quantile(&[], 0.5), quantile(&[3.0], 0.75)], [0.0, 3.0]);
        assert_eq!(intervals(&[7], 1.0), [0.0; 3]);
    }

    #[test]
    fn absurd_parameters_are_errors() {
        let default = Rhythm::default();
        for stage in [
            Rhythm { hop_length: 0, ..default.clone() },
            Rhythm { hop_length: 1 << 20, ..default.clone() },
            Rhythm { win_length: 0, ..default.clone() },
            Rhythm { start_bpm: f64::NAN, ..default.clone() },
            Rhythm { tightness: 0.0, ..default.clone() },
        ] {
            assert!(features(&stage, &[0; 10], &[(0, 10)]).is_err(), "{stage:?}");
        }
    }
}
