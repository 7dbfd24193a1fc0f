//! What the quality gate measures of audio: defects, what is played, and where it was recorded.
//!
//! docs/GATE.md says what each number means, where its definition comes from, and how far it can be trusted.

mod bandwidth;
mod bits;
mod clicks;
mod clipping;
mod correlation;
mod decay;
mod edges;
mod hum;
mod levels;
mod medians;
mod offset;
mod percussion;
mod single_line;

use std::ops::Range;

use serde::{Deserialize, Serialize};

use self::bandwidth::Bandwidth;
use self::bits::Bits;
use self::clicks::Clicks;
use self::clipping::Clipping;
use self::correlation::Correlation;
use self::decay::Decays;
use self::edges::Edges;
use self::hum::Hum;
use self::levels::Levels;
use self::offset::Offset;
use self::percussion::Percussion;
use self::single_line::SingleLine;
use super::Halver;
use super::duplicates::{Fingerprint, Fingerprinter};

/// What was measured of a clip. A measure that has no meaning for it is none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// The share of all samples on flat tops near full scale, 0-1.
    pub clipping: f64,
    /// The mean over the root mean square of the worst channel, 0-1.
    pub dc_offset: Option<f64>,
    /// The 5th percentile of the frames' levels, dBFS.
    pub noise_floor_dbfs: Option<f64>,
    /// From the 5th to the 95th percentile of the frames' levels, dB.
    pub snr_db: Option<f64>,
    /// The share of frames 60 dB or more below the loudest, 0-1.
    pub silence: f64,
    /// The highest frequency with sound, Hz.
    pub bandwidth_hz: Option<f64>,
    /// Where the spectrum breaks off, Hz; none where it does not.
    pub cutoff_hz: Option<f64>,
    /// How far it falls there within 500 Hz, dB.
    pub cutoff_drop_db: Option<f64>,
    /// Between the two channels of a stereo recording, -1 to 1.
    pub channel_correlation: Option<f64>,
    /// Hum of the mains, dB relative to the mean power; none where there is none.
    pub hum_db: Option<f64>,
    /// The frequency of the mains that hums, 50 or 60 Hz.
    pub hum_hz: Option<f64>,
    /// Lone impulses in a minute.
    pub clicks_per_minute: f64,
    /// The share of the energy in strokes, 0-1.
    pub percussion: Option<f64>,
    /// The share of the loud frames with one pitch, 0-1.
    pub single_line: Option<f64>,
    /// The median time of free decays to fall by 60 dB, s; none where nothing decays freely.
    pub decay_s: Option<f64>,
    /// The level of the first 10 ms, dBFS; none of digital silence.
    pub start_level_dbfs: Option<f64>,
    /// The level of the last 10 ms, dBFS; none of digital silence.
    pub end_level_dbfs: Option<f64>,
    /// Bits of a sample that are ever set; none of silence.
    pub used_bits: Option<u32>,
}

/// Measures stretches of audio as one recording. None of them runs into the next.
#[derive(Debug, Clone)]
pub struct Examiner {
    sample_rate: f64,
    n_halvings: u32,
    clipping: Clipping,
    offset: Offset,
    correlation: Correlation,
    bits: Bits,
    edges: Edges,
    clicks: Clicks,
    bandwidth: Option<Bandwidth>,
    levels: Levels,
    decays: Decays,
    hum: Option<Hum>,
    percussion: Option<Percussion>,
    single_line: Option<SingleLine>,
    fingerprinter: Fingerprinter,
}

/// Pitch, strokes and levels are looked for at the sample rate, halved until it is at most this, Hz: at 22,050 Hz of
/// 44,100 Hz, for which their frames are meant.
const HIGHEST_RATE: f64 = 32_000.0;

impl Examiner {
    /// For audio of `sample_rate` Hz.
    pub fn new(sample_rate: u32) -> Self {
        let sample_rate = f64::from(sample_rate.max(1));
        let (mut low_rate, mut n_halvings) = (sample_rate, 0);
        while low_rate > HIGHEST_RATE {
            low_rate /= 2.0;
            n_halvings += 1;
        }
        Self {
            sample_rate,
            n_halvings,
            clipping: Clipping::default(),
            offset: Offset::default(),
            correlation: Correlation::default(),
            bits: Bits::default(),
            edges: Edges::default(),
            clicks: Clicks::new(sample_rate),
            bandwidth: Bandwidth::new(sample_rate),
            levels: Levels::default(),
            decays: Decays::default(),
            hum: Hum::new(low_rate),
            percussion: Percussion::new(),
            single_line: SingleLine::new(low_rate),
            fingerprinter: Fingerprinter::new(low_rate, percussion::N_FFT, percussion::HOP),
        }
    }

    /// Adds one stretch of audio, one vector of samples per channel, and their mean ([`super::layout::Layout::downmix`]); full scale is 1.
    pub fn add(&mut self, planes: &[Vec<f32>], mono: &[f64]) {
        self.clipping.add(planes);
        self.offset.add(planes);
        self.correlation.add(planes);
        self.bits.add(planes);
        self.edges.add(mono, self.sample_rate);
        self.clicks.add(mono);
        self.bandwidth.iter_mut().for_each(|bandwidth| bandwidth.add(mono));
        self.add_low(&self.halved(mono));
    }

    /// What was measured of all stretches.
    pub fn finish(&self) -> Quality {
        let [start_level_dbfs, end_level_dbfs] = self.edges.levels_dbfs();
        let cutoff = self.bandwidth.as_ref().and_then(Bandwidth::cutoff);
        let floor_and_top = self.levels.floor_and_top_dbfs();
        let hum = self.hum.as_ref().and_then(Hum::found);
        let hum_db = |hum: hum::Found| 10.0 * libm::log10(hum.power / self.levels.mean_power());
        let percussion = self.percussion.as_ref().and_then(Percussion::share);
        let single_line = self.single_line.as_ref().and_then(SingleLine::share);
        Quality {
            clipping: rounded(self.clipping.share(), 1e7),
            dc_offset: self.offset.relative().map(|offset| rounded(offset, 1e6)),
            noise_floor_dbfs: floor_and_top.map(|(floor, _)| rounded(floor, 100.0)),
            snr_db: floor_and_top.map(|(floor, top)| rounded(top - floor, 100.0)),
            silence: rounded(self.levels.silence(), 1e4),
            bandwidth_hz: self.bandwidth.as_ref().and_then(Bandwidth::highest_hz).map(f64::round),
            cutoff_hz: cutoff.map(|cutoff| cutoff.hz.round()),
            cutoff_drop_db: cutoff.map(|cutoff| rounded(cutoff.drop_db, 10.0)),
            channel_correlation: self.correlation.pearson().map(|correlation| rounded(correlation, 1e5)),
            hum_db: hum.map(|hum| rounded(hum_db(hum), 100.0)),
            hum_hz: hum.map(|hum| hum.mains_hz),
            clicks_per_minute: rounded(self.clicks.per_minute(), 100.0),
            percussion: percussion.map(|share| rounded(share, 1e4)),
            single_line: single_line.map(|share| rounded(share, 1e4)),
            decay_s: self.decays.median_s().map(|decay| rounded(decay, 100.0)),
            start_level_dbfs: start_level_dbfs.map(|level| rounded(level, 100.0)),
            end_level_dbfs: end_level_dbfs.map(|level| rounded(level, 100.0)),
            used_bits: self.bits.used(),
        }
    }

    /// What all stretches sound like.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprinter.finish()
    }

    fn halved(&self, mono: &[f64]) -> Vec<f32> {
        let halver = Halver::half_band(0.8, 120.0);
        if self.n_halvings == 0 {
            return mono.iter().map(|sample| *sample as f32).collect();
        }
        (1..self.n_halvings).fold(halver.halve(mono, 1.0), |low, _| halver.halve(&low, 1.0))
    }

    fn add_low(&mut self, low: &[f32]) {
        self.hum.iter_mut().for_each(|hum| hum.add(low));
        let low = &low.iter().map(|sample| f64::from(*sample)).collect::<Vec<_>>();
        let powers = self.levels.add(low);
        let low_rate = self.sample_rate / f64::from(1u32 << self.n_halvings);
        self.decays.add(&powers, low_rate);
        // The fingerprint hears the spectra in which strokes are looked for.
        let fingerprinter = &mut self.fingerprinter;
        self.percussion.iter_mut().for_each(|strokes| strokes.add(low, |power| fingerprinter.add(power)));
        fingerprinter.end_stretch();
        self.single_line.iter_mut().for_each(|line| line.add(low));
    }
}

/// The frames of a stretch, centred on multiples of the hop, that reach beyond neither of its ends.
fn whole_frames(n_samples: usize, length: usize, hop: usize) -> Range<usize> {
    let first = (length / 2).div_ceil(hop);
    let end = n_samples.checked_sub(length.div_ceil(2)).map_or(first, |last| 1 + last / hop);
    first..end.max(first)
}

/// To one part of `parts`: more digits than these say nothing.
fn rounded(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_short_or_silent_breaks_a_measure() {
        for n in [0, 1, 2, 7, 511, 2049, 30_000] {
            for channels in [1, 2, 3] {
                for rate in [1, 1000, 8000, 44_100, 192_000, 768_000] {
                    let mut examiner = Examiner::new(rate);
                    examiner.add(&vec![vec![0.0; n]; channels], &vec![0.0; n]);
                    let quality = examiner.finish();
                    assert_eq!((quality.clipping, quality.clicks_per_minute), (0.0, 0.0));
                    assert_eq!(
                        (quality.snr_db, quality.percussion, quality.bandwidth_hz),
                        (None, None, None)
                    );
                }
            }
        }
    }

    #[test]
    fn whole_frames_lie_between_the_ends() {
        for (n_samples, length, hop, want) in
            [(0, 8, 16, 1..1), (19, 8, 16, 1..1), (20, 8, 16, 1..2), (16, 8, 2, 2..7), (7, 8, 2, 2..2)]
        {
            assert_eq!(whole_frames(n_samples, length, hop), want, "{n_samples}");
        }
    }

    #[test]
    fn stretches_do_not_run_together() {
        let tone = |n: u32| (0..n).map(|i| (0.05 * i as f32).sin() * 0.5).collect::<Vec<f32>>();
        let (mut apart, mono) =
            (Examiner::new(44_100), tone(44_100).into_iter().map(f64::from).collect::<Vec<_>>());
        (0..3).for_each(|_| apart.add(&[tone(44_100)], &mono));
        let quality = apart.finish();
        // A jump from one stretch to the next would be a click.
        assert_eq!(quality.clicks_per_minute, 0.0);
        assert_eq!(quality.single_line, Some(1.0));
    }
}
