//! pitch: f0, tonic, and the maqam in cents above it.

mod row;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::signal::pitch::{
    Method, Period, Pyin, Tonic as Found, Yin, YinParameters, cents_of, estimate_tonic, hold_octaves,
    median_filter, notes, voiced, without_the_faint,
};
use crate::signal::resample::Resampler;
use crate::signal::{LANES, n_frames, rms};
use crate::stages::{Context, Frame, Inputs, Master, OrLabel, Outputs, Pieces, Span, Spans, Stage};
use row::{Heard, KnownTonic, Table};

/// Pitch and maqam of a single melodic line: a contour by YIN or pYIN, the tonic, and in cents above it distributions of
/// pitch classes, register, intervals, ornaments and the scale.
///
/// The contour is taken once over each range of the clip, at 22,050 Hz (librosa 0.11's `yin` or `pyin`): a frame is
/// voiced where its aperiodicity is below `voicing_threshold` (`pyin`: where the likeliest way through the range is voiced)
/// and it is at most `top_db` below the loudest of the clip; then a median over five frames, and no jump of an octave while a note only fades. A segment has the frames whose middles lie in it. The tonic is that of the clip,
/// which all segments share: an excerpt rarely ends on it. Harmony and percussion have no single line, so
/// their contours mean little: see `voiced_ratio`.
///
/// | column | numbers | meaning |
/// |---|---|---|
/// | `pcd53` | 53 | pitch classes in Holdrian commas above the tonic, sigma 15 cents; square roots of shares, unit length |
/// | `pcd24_begin`, `pcd24_middle`, `pcd24_end` | 24 each | the same in 24 steps, sigma 25 cents, of the first 25 %, the middle 50 % and the last 25 % of the voiced frames: the way through the maqam (sayir) |
/// | `register` | 5 | percentiles 5, 25, 50, 75 and 95 of the pitch, cents |
/// | `register_arc` | 14 | mean pitch of ten equal times, the first less the last, cents; where the highest is, 0 to 1; slope and curvature, cents |
/// | `intervals` | 49 | share of each interval from note to note, -1200 to 1200 cents by 50 |
/// | `ornaments` | 4 | rate (Hz) and extent (cents to either side) of vibrato, share of the time in notes with vibrato, share of the time that glides faster than 200 cents/s |
/// | `decay` | 2 | how fast notes fade, dB/s; their attack, s |
/// | `contour`, `contour_voiced` | 128 each | mean pitch, cents, at equal times, and the share of voiced frames there |
/// | `tonic_hz`, `tonic_confidence`, `tonic_method` | | the tonic; 0 to 1; `given`, `last_note` (snapped to the nearest peak of the distribution) or `strongest_class` |
/// | `voiced_ratio` | | share of voiced frames, 0 to 1 |
/// | `vibrato_rate_hz`, `vibrato_extent_cents`, `decay_db_per_s`, `attack_s` | | as above, and nothing where there is none |
/// | `degrees` | | JSON: the degrees in use, `[{"cents":0.0,"spread":6.1,"share":0.31}, ...]` |
/// | `maqam_suggested`, `maqam_distance`, `maqam_second`, `maqam_second_distance` | | the named scales that are nearest, and how far they are, 0 to 1. Scales, not maqamat: never a label |
///
/// `vector` joins `pcd53` and, times 1/√3, the three `pcd24`: the whole and its parts weigh the same, and nothing is
/// fitted to the dataset. The other blocks are left out: a nearest neighbour hears them louder than the maqam.
/// Loudness and duration are in no column. A segment without voiced frames has zeros in lists and nothing in scalars.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Pitch {
    /// The tonic: "estimate" (from the last stable note), a frequency in Hz, or `{ label = "tonic_hz" }`: what that label
    /// of the clip says, Hz; of a clip without the label it is estimated.
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 20_000))]
    pub tonic: OrLabel<Tonic>,
    /// How pitches are found: "yin", or "pyin", which is surer where YIN jumps, on a grid of ten cents, and takes more time.
    pub f0: F0,
    /// The lowest f0, Hz.
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 11_025))]
    pub fmin: f64,
    /// The highest f0, Hz.
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 11_025))]
    pub fmax: f64,
    /// Length of a frame, samples at 22,050 Hz; two periods of `fmin` should fit into it.
    #[schemars(range(min = 64, max = 65536))]
    pub frame_length: u32,
    /// From one frame to the next, samples at 22,050 Hz.
    #[schemars(range(min = 32, max = 16384))]
    pub hop_length: u32,
    /// The first period whose aperiodicity is below this is the pitch; where there is none, the least aperiodic. Not for "pyin".
    #[schemars(range(min = 0, max = 1))]
    pub trough_threshold: f64,
    /// A frame is voiced where its aperiodicity (YIN's normalised difference) is below this. Not for "pyin".
    #[schemars(range(min = 0, max = 1))]
    pub voicing_threshold: f64,
    /// How far below the loudest frame of the clip a voiced one may be, dB.
    #[schemars(range(min = 0, max = 200))]
    pub top_db: f64,
}

/// How the pitch of a frame is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum F0 {
    /// By the frame itself (`librosa.yin`).
    Yin,
    /// By all frames of a range (`librosa.pyin`).
    Pyin,
}

/// A tonic that is known, or is to be found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Tonic {
    /// Its frequency, Hz.
    Hz(f64),
    /// Find it.
    Estimate(Estimate),
}

/// The word "estimate".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Estimate {
    /// Find it.
    #[serde(rename = "estimate")]
    Estimate,
}

impl Default for Pitch {
    fn default() -> Self {
        Self {
            tonic: OrLabel::Value(Tonic::Estimate(Estimate::Estimate)),
            f0: F0::Yin,
            fmin: 55.0,
            fmax: 1760.0,
            frame_length: 2048,
            hop_length: 256,
            trough_threshold: 0.1,
            voicing_threshold: 0.2,
            top_db: 40.0,
        }
    }
}

impl Stage for Pitch {
    fn version(&self) -> u32 {
        2
    }

    fn reads(&self) -> &'static [&'static str] {
        &["audio", "ranges", "spans"]
    }

    fn run(&self, inputs: &Inputs, context: &Context) -> Result<Outputs> {
        Ok(vec![("features", self.describe(inputs, context)?.to_bytes())])
    }
}

/// What pitches are found at, Hz.
const SAMPLE_RATE: u32 = 22_050;

/// Frames of the median that takes back single frames that jump.
const MEDIAN_FRAMES: usize = 5;

/// The whole clip: an entry per frame.
struct Track {
    /// The middle of each frame in the master, frames of the master.
    times: Vec<f64>,
    /// Cents above A4, where voiced.
    contour: Vec<Option<f64>>,
    /// dB.
    levels: Vec<f64>,
    /// From frame to frame, s.
    hop: f64,
}

impl Track {
    /// What is heard in a segment.
    fn heard(&self, span: &Span) -> Heard<'_> {
        let at = |frame: u64| self.times.partition_point(|time| *time < frame as f64);
        let frames = at(span.start)..at(span.end.max(span.start));
        Heard { contour: &self.contour[frames.clone()], levels: &self.levels[frames], hop: self.hop }
    }
}

/// What finds the pitches of a range.
enum Tracker {
    /// With the aperiodicity below which a frame is voiced.
    Yin(Yin, f64),
    Pyin(Pyin),
}

impl Tracker {
    /// The pitch of each of the first `n_frames` frames, cents above A4, where voiced.
    fn contour(&mut self, samples: &[f64], n_frames: usize, context: &Context) -> Result<Vec<Option<f64>>> {
        let firsts = (0..n_frames).step_by(LANES);
        match self {
            Self::Yin(yin, threshold) => {
                let mut periods: Vec<Period> = Vec::with_capacity(n_frames);
                for first in firsts {
                    context.check()?;
                    periods.extend(yin.periods(samples, first).iter().take(n_frames - first));
                }
                Ok(voiced(&periods, *threshold))
            }
            Self::Pyin(pyin) => {
                let mut candidates = Vec::with_capacity(n_frames);
                for first in firsts {
                    context.check()?;
                    candidates.extend(pyin.candidates(samples, first).into_iter().take(n_frames - first));
                }
                let pitches = pyin.decode(&candidates, &|| context.check())?;
                Ok(pitches.into_iter().map(|hz| hz.map(cents_of)).collect())
            }
        }
    }
}

impl Pitch {
    /// A row for each segment.
    pub(super) fn describe(&self, inputs: &Inputs, context: &Context) -> Result<Frame> {
        let yin = self.check()?;
        let master = Master::read(inputs.one("audio")?)?;
        let pieces = Pieces::read(inputs.one("ranges")?)?;
        let spans = Spans::read(inputs.one("spans")?)?.spans;
        let track = self.track(yin, &master, &pieces, context)?;
        let tonic = self.tonic(&track.contour)?;
        let mut table = Table::default();
        for span in &spans {
            context.check()?;
            table.push(&track.heard(span), tonic.as_ref());
        }
        Ok(table.into_frame())
    }

    fn check(&self) -> Result<Yin> {
        let is_share = |value: f64| (0.0..=1.0).contains(&value);
        if !is_share(self.trough_threshold) || !is_share(self.voicing_threshold) {
            return Err(Error::usage("cannot find pitches: thresholds of aperiodicity are from 0 to 1"));
        }
        if !(0.0..=200.0).contains(&self.top_db) {
            return Err(Error::usage("cannot find pitches: `top_db` is from 0 to 200"));
        }
        if !(64..=65_536).contains(&self.frame_length) || !(32..=16_384).contains(&self.hop_length) {
            return Err(Error::usage("cannot find pitches: `frame_length` or `hop_length` is out of bounds"));
        }
        Yin::new(YinParameters {
            sample_rate: f64::from(SAMPLE_RATE),
            fmin: self.fmin,
            fmax: self.fmax,
            frame_length: self.frame_length as usize,
            hop_length: self.hop_length as usize,
            trough_threshold: self.trough_threshold,
        })
    }

    fn track(&self, yin: Yin, master: &Master, pieces: &Pieces, context: &Context) -> Result<Track> {
        let (frame_length, hop) = (self.frame_length as usize, self.hop_length as usize);
        let mut tracker = match self.f0 {
            F0::Yin => Tracker::Yin(yin, self.voicing_threshold),
            F0::Pyin => Tracker::Pyin(Pyin::new(yin)),
        };
        let resampler = Resampler::new(master.sample_rate(), SAMPLE_RATE);
        let stride = hop as f64 * f64::from(master.sample_rate()) / f64::from(SAMPLE_RATE);
        let (mut times, mut levels) = (Vec::new(), Vec::new());
        let (mut contour, mut loudness): (Vec<Option<f64>>, Vec<f64>) = (Vec::new(), Vec::new());
        for piece in &pieces.pieces {
            let samples = resampler.resample(master.mono(piece.start, piece.end)?);
            let time = |frame: usize| piece.start as f64 + frame as f64 * stride;
            let n_frames = n_frames(samples.len(), hop);
            let n_frames = (0..n_frames).take_while(|frame| time(*frame) < piece.end as f64).count();
            contour.extend(tracker.contour(&samples, n_frames, context)?);
            times.extend((0..n_frames).map(time));
            loudness.extend(rms(&samples, frame_length, hop).into_iter().take(n_frames));
            levels.extend(rms(&samples, hop, hop).into_iter().take(n_frames).map(decibels));
        }
        let contour = without_the_faint(&contour, &loudness, self.top_db);
        let contour = hold_octaves(&median_filter(&contour, MEDIAN_FRAMES), &levels);
        Ok(Track { times, contour, levels, hop: hop as f64 / f64::from(SAMPLE_RATE) })
    }

    fn tonic(&self, contour: &[Option<f64>]) -> Result<Option<KnownTonic>> {
        match &self.tonic {
            OrLabel::Value(Tonic::Hz(hz)) if *hz > 0.0 && *hz <= 20_000.0 => {
                Ok(Some(KnownTonic { cents: cents_of(*hz), confidence: 1.0, method: "given" }))
            }
            OrLabel::Value(Tonic::Hz(hz)) => {
                let cause = "it must be more than 0 Hz and at most 20000";
                Err(Error::usage(format!("cannot take `{hz}` as a tonic: {cause}")))
            }
            OrLabel::Value(Tonic::Estimate(_)) => {
                let hop = f64::from(self.hop_length) / f64::from(SAMPLE_RATE);
                Ok(estimate_tonic(contour, &notes(contour, hop), hop).map(known))
            }
            OrLabel::Label(_) => Err(Error::usage("cannot take a tonic from a label that nobody looked up")),
        }
    }
}

fn known(tonic: Found) -> KnownTonic {
    let method = match tonic.method {
        Method::LastNote => "last_note",
        Method::StrongestClass => "strongest_class",
    };
    KnownTonic { cents: tonic.cents, confidence: tonic.confidence, method }
}

/// dB, not below -120.
fn decibels(rms: f64) -> f64 {
    20.0 * libm::log10(rms.max(1e-6))
}

#[cfg(test)]
mod tests;
