//! taqsim: the embedder to begin with, named blocks for maqam, melody, rhythm, timbre and pitch classes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::chroma::chroma_of_spectra;
use super::pitch::{Estimate, F0, Pitch, Tonic};
use super::rhythm::intervals;
use super::rows::{
    Column, Row, SAMPLE_RATE, describe_segments, means_then_deviations, summarise, summarise_columns,
};
use super::spectral::{Descriptors, Spectral, SpectralAnalyser};
use super::tuning::Tuning;
use crate::error::{Error, Result};
use crate::signal::{
    Aggregate, PeakPicking, Stft, TONNETZ_DIMENSIONS, onset_frames, onset_strength, pulse_clarity, tonnetz,
};
use crate::stages::{Context, Frame, Input, Inputs, OrLabel, Outputs, Stage, Values};

/// The embedder to begin with: it needs no weights, and joins what `pitch`, `spectral`, `rhythm`, `chroma` and `tonnetz`
/// find, each with its defaults, at 22,050 Hz. For solo melody; of harmony, leave out the first five blocks.
///
/// | column | numbers | meaning |
/// |---|---|---|
/// | `maqam` | 125 | the `vector` of `pitch`: pitch classes above the tonic, of the whole and of its beginning, middle and end |
/// | `register` | 19 | `register` and `register_arc` of `pitch`, cents |
/// | `intervals` | 49 | `intervals` of `pitch` |
/// | `ornaments` | 4 | `ornaments` of `pitch` |
/// | `decay` | 2 | `decay` of `pitch` |
/// | `rhythm` | 8 | onsets a second; median and interquartile range (s) and coefficient of variation of the intervals between them; share of the time more than 40 dB below the loudest, and the longest such pause, s; `pulse_clarity` of `rhythm`; share of the intervals shorter than 120 ms |
/// | `timbre` | 62 | `mfcc`, `shape` and `contrast` of `spectral` |
/// | `chroma` | 24 | that of `chroma` |
/// | `tonnetz` | 12 | as `tonnetz`, of those pitch classes |
/// | `tonic_hz`, `tonic_confidence`, `tonic_method`, `voiced_ratio` | | as of `pitch` |
///
/// `vector` is all blocks laid end to end, as they are: nothing in it depends on any other clip. A map of it wants every
/// number on the scale of the dataset and every block with a weight of its own, so that is where it is done: by
/// `weights = { maqam = 1.0, timbre = 0.5 }` of the steps that reduce. Loudness and duration are in no column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Taqsim {
    /// The tonic: "estimate" (from the last stable note), a frequency in Hz, or `{ label = "tonic_hz" }`: what that label
    /// of the clip says, Hz; of a clip without the label it is estimated.
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 20_000))]
    pub tonic: OrLabel<Tonic>,
    /// How pitches are found: "yin", or "pyin", which is surer where YIN jumps, on a grid of ten cents, and takes more time.
    pub f0: F0,
}

impl Default for Taqsim {
    fn default() -> Self {
        Self { tonic: OrLabel::Value(Tonic::Estimate(Estimate::Estimate)), f0: F0::Yin }
    }
}

/// Blocks that come from `pitch`: the name here, and the columns there.
const OF_PITCH: [(&str, &[&str]); 5] = [
    ("maqam", &["vector"]),
    ("register", &["register", "register_arc"]),
    ("intervals", &["intervals"]),
    ("ornaments", &["ornaments"]),
    ("decay", &["decay"]),
];

/// Columns of `pitch` that stand beside the blocks.
const BESIDE: [&str; 4] = ["tonic_hz", "tonic_confidence", "tonic_method", "voiced_ratio"];

/// Pauses are this far below the loudest frame, dB.
const PAUSE_DB: f64 = 40.0;
/// Strokes that follow each other faster than this are a tremolo, s.
const TREMOLO: f64 = 0.12;

impl Stage for Taqsim {
    fn version(&self) -> u32 {
        1
    }

    fn reads(&self) -> &'static [&'static str] {
        &["audio", "ranges", "spans"]
    }

    fn run(&self, inputs: &Inputs, context: &Context) -> Result<Outputs> {
        let pitch = Pitch { tonic: self.tonic.clone(), f0: self.f0, ..Pitch::default() };
        let melody = pitch.describe(inputs, context)?;
        let sound = describe_sound(inputs, context)?;
        Ok(vec![("features", join(melody, sound)?.to_bytes())])
    }
}

fn describe_sound(inputs: &Inputs, context: &Context) -> Result<Frame> {
    let spectral = Spectral::default();
    let mut analyser = SpectralAnalyser::new(&spectral)?;
    let columns = [
        Column::block("rhythm", 8),
        Column::block("timbre", 62),
        Column::block("chroma", 24),
        Column::block("tonnetz", 2 * TONNETZ_DIMENSIONS),
    ];
    let outputs = describe_segments(inputs, context, &columns, |samples| {
        let descriptors = analyser.describe(samples, context)?;
        let rhythm = rhythm(&descriptors, samples.len(), &spectral);
        let mut stft = Stft::new(spectral.n_fft as usize, spectral.hop_length as usize)?;
        let (chroma, _) = chroma_of_spectra(&mut stft, samples, 12, Tuning::default(), context)?;
        let tonnetz = tonnetz(&chroma);
        let [chroma, tonnetz] =
            [chroma, tonnetz].map(|rows| means_then_deviations(&summarise_columns(&rows)));
        Ok(vec![rhythm, timbre(&descriptors), chroma, tonnetz])
    })?;
    let bytes = outputs.into_iter().next().map(|(_, bytes)| bytes).unwrap_or_default();
    Frame::read(&Input::bytes(bytes))
}

/// MFCCs, shape and contrast: without deltas, which follow them, and without level.
fn timbre(descriptors: &Descriptors) -> Vec<f64> {
    let row: Row = descriptors.row();
    [0, 3, 4].into_iter().flat_map(|block| row[block].iter().copied()).collect()
}

fn rhythm(descriptors: &Descriptors, n_samples: usize, spectral: &Spectral) -> Vec<f64> {
    let (rate, hop) = (f64::from(SAMPLE_RATE), spectral.hop_length as usize);
    let strengths = onset_strength(&descriptors.bands, spectral.n_fft as usize, hop, Aggregate::Mean);
    let onsets = onset_frames(&strengths, &PeakPicking::of_onsets(rate, hop));
    let seconds = |frames: usize| frames as f64 * hop as f64 / rate;
    let [median, range, variation] = intervals(&onsets, seconds(1));
    let fast = onsets.windows(2).map(|two| f64::from(u8::from(seconds(two[1] - two[0]) < TREMOLO)));
    let (pause_share, longest) = pauses(&descriptors.rms);
    vec![
        onsets.len() as f64 * rate / n_samples.max(1) as f64,
        median,
        range,
        variation,
        pause_share,
        seconds(longest),
        pulse_clarity(&strengths, rate, hop),
        summarise(fast).0,
    ]
}

/// The share of frames in pauses, and the frames of the longest.
fn pauses(rms: &[f64]) -> (f64, usize) {
    let loudest = rms.iter().copied().fold(0.0, f64::max);
    let floor = loudest * libm::pow(10.0, -PAUSE_DB / 20.0);
    let is_pause: Vec<bool> = rms.iter().map(|rms| *rms <= floor).collect();
    let longest = is_pause.split(|is_pause| !is_pause).map(<[bool]>::len).max().unwrap_or(0);
    (is_pause.iter().filter(|is_pause| **is_pause).count() as f64 / rms.len().max(1) as f64, longest)
}

/// The blocks of melody, those of sound, and what stands beside them; `vector` is laid out anew.
fn join(melody: Frame, sound: Frame) -> Result<Frame> {
    let mut blocks = Vec::new();
    for (name, columns) in OF_PITCH {
        blocks.push((name.to_owned(), side_by_side(&melody, columns)?));
    }
    blocks.extend(sound.columns.into_iter().filter(|(name, _)| name != "vector"));
    let all = Frame { n_rows: melody.n_rows, columns: blocks };
    let names: Vec<&str> = all.columns.iter().map(|(name, _)| name.as_str()).collect();
    let mut columns = vec![("vector".to_owned(), side_by_side(&all, &names)?)];
    columns.extend(all.columns);
    columns.extend(melody.columns.into_iter().filter(|(name, _)| BESIDE.contains(&name.as_str())));
    Ok(Frame { n_rows: melody.n_rows, columns })
}

/// Lists of one frame, laid end to end row by row.
fn side_by_side(frame: &Frame, names: &[&str]) -> Result<Values> {
    let list = |name: &&str| match frame.column(name) {
        Some(Values::Lists { dim, data }) => Ok((*dim, data)),
        _ => Err(Error::world(format!("cannot join blocks: there is no list `{name}`"))),
    };
    let lists = names.iter().map(list).collect::<Result<Vec<_>>>()?;
    let row = |i: usize| lists.iter().flat_map(move |(dim, data)| &data[i * dim..(i + 1) * dim]);
    let dim = lists.iter().map(|(dim, _)| dim).sum();
    Ok(Values::Lists { dim, data: (0..frame.n_rows).flat_map(row).copied().collect() })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::super::rows::tests::{features, noise, numbers};
    use super::*;
    use crate::stages::master::tests::wav;
    use crate::stages::{Pieces, RangeOfMaster, Span, Spans};

    fn table(samples: &[i32], spans: &[(u64, u64)]) -> Frame {
        let piece = RangeOfMaster { source_start: 0.0, start: 0, end: samples.len() as u64 };
        let spans = spans.iter().map(|&(start, end)| Span { range: 0, start, end }).collect();
        let mut inputs = Inputs::default();
        inputs.push("audio", Input::bytes(wav(SAMPLE_RATE, samples)));
        inputs.push(
            "ranges",
            Input::bytes(Pieces { sample_rate: SAMPLE_RATE, pieces: vec![piece] }.to_bytes()),
        );
        inputs.push("spans", Input::bytes(Spans { spans, padded_to: 0 }.to_bytes()));
        let outputs = Taqsim::default().run(&inputs, &Context::new(&AtomicBool::new(false))).unwrap();
        Frame::read(&Input::bytes(outputs[0].1.as_slice())).unwrap()
    }

    #[test]
    fn the_vector_is_its_blocks_row_by_row() {
        let frame = table(&noise(1 << 20), &[(0, 30_000), (10_000, 44_100)]);
        let (dim, vector) = numbers(&frame, "vector");
        let blocks =
            ["maqam", "register", "intervals", "ornaments", "decay", "rhythm", "timbre", "chroma", "tonnetz"];
        let second = blocks.iter().flat_map(|name| {
            let (dim, data) = numbers(&frame, name);
            data[dim..].to_vec()
        });
        assert_eq!((dim, second.collect::<Vec<_>>()), (305, vector[305..].to_vec()));
    }

    #[test]
    fn timbre_is_that_of_spectral() {
        let frame = table(&noise(1 << 20), &[(0, 30_000)]);
        let of_spectral = features(&Spectral::default(), &noise(1 << 20), &[(0, 30_000)]).unwrap();
        let blocks = ["mfcc", "shape", "contrast"].map(|name| numbers(&of_spectral, name).1).concat();
        assert_eq!(numbers(&frame, "timbre").1, blocks);
    }

    #[test]
    fn a_gain_changes_nothing_and_neither_does_silence_break_it() {
        let quiet: Vec<i32> = noise(1 << 22).iter().map(|sample| sample / 4).collect();
        let (loud, quiet) = (table(&noise(1 << 22), &[(0, 44_100)]), table(&quiet, &[(0, 44_100)]));
        for (a, b) in numbers(&loud, "vector").1.iter().zip(numbers(&quiet, "vector").1) {
            assert!((a - b).abs() <= 1e-3 * a.abs().max(1.0), "{a} {b}");
        }
        for end in [0, 1, 3000, 44_100] {
            let silent = table(&[0; 44_100], &[(0, end)]);
            assert!(numbers(&silent, "vector").1.iter().all(|x| x.is_finite()), "{end}");
        }
    }

    #[test]
    fn pauses_are_far_below_the_loudest() {
        assert_eq!(pauses(&[1.0, 0.001, 0.001, 1.0, 0.001]), (0.6, 2));
        assert_eq!(pauses(&[]), (0.0, 0));
    }
}
