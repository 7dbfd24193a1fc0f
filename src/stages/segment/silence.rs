//! silence: cut where the music is silent, as librosa.effects.split does.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{spans_of, to_frames, unusable};
use crate::error::Result;
use crate::signal::{frame_rms, n_frames};
use crate::stages::{Context, Inputs, Master, Outputs, Pieces, RangeOfMaster, Stage};

/// The pieces between silences, as `librosa.effects.split` finds them in the mean of the channels.
///
/// Unlike there, a range in which nothing sounds at all has no segments. Short silences are bridged first, then
/// short pieces dropped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Silence {
    /// A frame is silent when its RMS is this or more below the loudest frame of its range, dB.
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 200))]
    pub top_db: f64,
    /// Frames of a measurement, at the master's rate.
    #[schemars(range(min = 2, max = 1_048_576))]
    pub frame_length: u32,
    /// Frames from one measurement to the next.
    #[schemars(range(min = 1, max = 1_048_576))]
    pub hop_length: u32,
    /// Silences shorter than this do not cut, s.
    #[schemars(range(min = 0))]
    pub min_silence: f64,
    /// Pieces shorter than this are no segments, s.
    #[schemars(range(min = 0))]
    pub min_length: f64,
}

impl Default for Silence {
    fn default() -> Self {
        Self { top_db: 60.0, frame_length: 2048, hop_length: 512, min_silence: 0.0, min_length: 0.0 }
    }
}

impl Stage for Silence {
    fn version(&self) -> u32 {
        1
    }

    fn reads(&self) -> &'static [&'static str] {
        &["audio", "ranges"]
    }

    fn run(&self, inputs: &Inputs, context: &Context) -> Result<Outputs> {
        if self.frame_length == 0 || self.hop_length == 0 {
            return Err(unusable("hop_length", self.hop_length, "frames and hops have at least one sample"));
        }
        let pieces = Pieces::read(inputs.one("ranges")?)?;
        let master = Master::read(inputs.one("audio")?)?;
        let min_silence = to_frames(self.min_silence, pieces.sample_rate, "min_silence")?;
        let min_length = to_frames(self.min_length, pieces.sample_rate, "min_length")?;
        spans_of(&pieces, |piece| {
            let mut sounding = self.sounding(&self.levels(&master, piece, context)?, piece.end - piece.start);
            sounding.dedup_by(|next, last| bridge(last, next, min_silence));
            sounding.retain(|(start, end)| end - start >= min_length);
            Ok(sounding)
        })
    }
}

/// Measurements that are made on one stretch of samples, to bound the memory.
const FRAMES_PER_BLOCK: usize = 4096;

impl Silence {
    /// The RMS of each centred frame of a piece, zeros around it.
    fn levels(&self, master: &Master, piece: &RangeOfMaster, context: &Context) -> Result<Vec<f64>> {
        let (length, hop) = (self.frame_length as usize, self.hop_length as usize);
        let n = (piece.end - piece.start) as usize;
        let start_of = |frame: usize| (frame * hop).saturating_sub(length / 2).min(n);
        let end_of = |frame: usize| (frame * hop + length - length / 2).min(n);
        let frames: Vec<usize> = (0..n_frames(n, hop)).collect();
        let mut levels = Vec::with_capacity(frames.len());
        for block in frames.chunks(FRAMES_PER_BLOCK) {
            context.check()?;
            let (first, last) = (block[0], block[block.len() - 1]);
            let origin = start_of(first);
            let samples = master.mono(piece.start + origin as u64, piece.start + end_of(last) as u64)?;
            let level = |&frame: &usize| {
                frame_rms(&samples[start_of(frame) - origin..end_of(frame) - origin], length)
            };
            levels.extend(block.iter().map(level));
        }
        Ok(levels)
    }

    /// The runs of frames that are not silent, as (start, end) in samples of a piece of `n`.
    fn sounding(&self, levels: &[f64], n: u64) -> Vec<(u64, u64)> {
        let decibels = |level: f64| 10.0 * libm::log10((level * level).max(1e-10));
        let loudest = levels.iter().copied().fold(0.0, f64::max);
        let sounds = |level: &f64| loudest > 0.0 && decibels(*level) - decibels(loudest) > -self.top_db;
        let edge = |frame: usize| (frame as u64 * u64::from(self.hop_length)).min(n);
        let (mut runs, mut frame) = (Vec::new(), 0);
        for run in levels.chunk_by(|a, b| sounds(a) == sounds(b)) {
            if sounds(&run[0]) {
                runs.push((edge(frame), edge(frame + run.len())));
            }
            frame += run.len();
        }
        runs.retain(|(start, end)| start < end);
        runs
    }
}

/// Lengthens `last` to the end of `next` if the silence between them is short.
fn bridge(last: &mut (u64, u64), next: &(u64, u64), min_silence: u64) -> bool {
    let is_short = next.0 - last.1 < min_silence;
    if is_short {
        last.1 = next.1;
    }
    is_short
}

#[cfg(test)]
mod tests {
    use super::super::tests::cut;
    use super::*;
    use crate::stages::master::tests::wav;

    /// At 8 kHz: a sound of 0.5 s, a pause of 0.5 s, a sound of 0.25 s at half the level, a pause of 1 s, a click.
    fn phrases() -> Vec<u8> {
        let of = |n: usize, level: i32| (0..n).map(move |i| if i % 2 == 0 { level } else { -level });
        let parts = [(4000, 1 << 20), (4000, 0), (2000, 1 << 19), (8000, 0), (80, 1 << 20), (1920, 0)];
        wav(8000, &parts.into_iter().flat_map(|(n, level)| of(n, level)).collect::<Vec<i32>>())
    }

    fn fine() -> Silence {
        Silence { frame_length: 16, hop_length: 8, ..Silence::default() }
    }

    #[test]
    fn pauses_cut_unless_short_and_short_pieces_are_dropped() {
        let all = vec![(0, 0, 4008), (0, 8000, 10_008), (0, 18_000, 18_088)];
        for (stage, want) in [
            (fine(), all.clone()),
            (Silence { min_silence: 0.6, ..fine() }, vec![(0, 0, 10_008), (0, 18_000, 18_088)]),
            (Silence { min_length: 0.1, ..fine() }, vec![(0, 0, 4008), (0, 8000, 10_008)]),
            (Silence { top_db: 5.0, ..fine() }, vec![(0, 0, 4008), (0, 18_000, 18_088)]),
            (Silence { min_length: 9.0, ..fine() }, vec![]),
        ] {
            assert_eq!(cut(&stage, 8000, &[(0, 20_000)], &phrases()).unwrap(), want, "{stage:?}");
        }
    }

    #[test]
    fn each_range_is_measured_by_itself() {
        let stage = Silence { top_db: 5.0, ..fine() };
        let spans = cut(&stage, 8000, &[(0, 6000), (6000, 12_000), (12_000, 16_000)], &phrases()).unwrap();
        assert_eq!(spans, [(0, 0, 4008), (1, 8000, 10_008)]);
    }

    #[test]
    fn absurd_parameters_are_errors_and_long_frames_are_not() {
        for stage in [
            Silence { hop_length: 0, ..fine() },
            Silence { frame_length: 0, ..fine() },
            Silence { min_silence: f64::NAN, ..fine() },
            Silence { min_length: -1.0, ..fine() },
        ] {
            assert!(cut(&stage, 8000, &[(0, 20_000)], &phrases()).is_err(), "{stage:?}");
        }
        let long = Silence { frame_length: u32::MAX, hop_length: u32::MAX, ..fine() };
        assert_eq!(cut(&long, 8000, &[(0, 20_000)], &phrases()).unwrap(), [(0, 0, 20_000)]);
    }
}
