//! The small values that stages pass to each other. Each is JSON: readable, and the same bytes everywhere.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::Input;
use crate::error::{Error, Result};
use crate::signal::quality::Quality;

/// The pieces of the source that a master holds, laid end to end, in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pieces {
    /// Frames a second of the master.
    pub sample_rate: u32,
    /// One per range of the clip; a clip without ranges has one, the whole source.
    pub pieces: Vec<RangeOfMaster>,
}

/// Where one range of the clip lies in its master.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RangeOfMaster {
    /// Where the range starts in the source, s.
    pub source_start: f64,
    /// Its first frame in the master.
    pub start: u64,
    /// One past its last frame in the master.
    pub end: u64,
}

/// The segments that a segment step found, ordered by range, start and end.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Spans {
    /// The segments.
    pub spans: Vec<Span>,
    /// Each segment is heard as at least so many frames, those after its end silent. It holds no more for that.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub padded_to: u64,
}

/// One segment, in whole frames of the master, so that no rounding is ever needed to cut it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span {
    /// The range that it lies in, counted from 0. It never leaves it.
    pub range: usize,
    /// Its first frame in the master.
    pub start: u64,
    /// One past its last frame in the master.
    pub end: u64,
}

/// What a segment step knows of its segments beyond where they are. A step that knows nothing more gives none.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Marks {
    /// One per segment, in the order of the spans.
    pub marks: Vec<Mark>,
}

/// What a segment step knows of one segment.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Mark {
    /// How sure the cut is that the segment begins with, 0 to 1; none where it begins with its range, or nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_confidence: Option<f64>,
    /// How sure the cut is that the segment ends with, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_confidence: Option<f64>,
    /// The section of the performance that it seems to be: `intro`, `development` or `resolution`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section: Option<String>,
}

/// What normalize found out about the source and did to it. Nothing reads it but the gate, tables and people.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Measures {
    /// The codec's short name: `flac`, `mp3`, `aac`, `pcm_s16le`, ...
    pub codec: String,
    /// Of the source, Hz.
    pub sample_rate_hz: u32,
    /// Of the source.
    pub channels: u32,
    /// Bits of a sample, as the source declares them; none of lossy codecs.
    pub bit_depth: Option<u32>,
    /// The digest of the decoded samples of the clip's ranges, before anything is done to them.
    pub pcm_blake3: String,
    /// Of the clip: the sum of its ranges, s.
    pub duration_s: f64,
    /// Integrated loudness of the clip's ranges in the source, LUFS; none where it is undefined.
    pub loudness_lufs: Option<f64>,
    /// Loudness range of the clip's ranges in the source, LU (EBU Tech 3342); none where no 3 s of them have a
    /// loudness.
    pub loudness_range_lu: Option<f64>,
    /// The largest momentary loudness (of 400 ms) in the source, LUFS (EBU Tech 3341); none where all are shorter.
    pub momentary_max_lufs: Option<f64>,
    /// The largest short-term loudness (of 3 s) in the source, LUFS (EBU Tech 3341); none where all are shorter.
    pub short_term_max_lufs: Option<f64>,
    /// True peak of the clip's ranges in the source, dBTP; none where the source is silent.
    pub true_peak_dbtp: Option<f64>,
    /// What became of the source's channels: `mean of FL FR`, `FL FR` where they were kept.
    pub channels_to_master: String,
    /// The gain that was applied, dB.
    pub gain_db: f64,
    /// What the quality gate measures of the clip's ranges in the source.
    pub quality: Quality,
}

/// The clips that sound alike, as places among the clips whose fingerprints were read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pairs {
    /// The lesser place, the greater place, and how far the two agree, 0-1.
    pub pairs: Vec<(usize, usize, f64)>,
}

/// What came of joining vectors from elsewhere to the segments of a clip.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Joined {
    /// How many of its segments have no vector.
    pub n_missing: usize,
    /// The places of the first of them.
    pub missing: Vec<String>,
    /// How many of its vectors are of no segment.
    pub n_surplus: usize,
    /// The places of the first of them.
    pub surplus: Vec<String>,
}

/// The files of a model, in the order in which they are inputs of the stage that reads them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WeightFiles {
    /// Each once.
    pub files: Vec<WeightFile>,
}

/// A file of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightFile {
    /// Its name in the model's folder: `config.json`, `model.safetensors`.
    pub name: String,
    /// The digest of what is in it, in hexadecimal.
    pub digest: String,
}

fn is_zero(frames: &u64) -> bool {
    *frames == 0
}

macro_rules! json_value {
    ($($value:ident),+) => {$(
        impl $value {
            /// The value as bytes.
            pub fn to_bytes(&self) -> Vec<u8> {
                to_json(self)
            }

            /// Reads the value back.
            ///
            /// # Errors
            /// When the bytes are not this kind of value.
            pub fn read(input: &Input) -> Result<Self> {
                from_json(input, stringify!($value))
            }
        }
    )+};
}

json_value!(Pieces, Spans, Marks, Measures, Pairs, Joined, WeightFiles);

fn to_json<V: Serialize>(value: &V) -> Vec<u8> {
    serde_json::to_vec(value).expect("these types have only string keys")
}

fn from_json<V: DeserializeOwned>(input: &Input, what: &str) -> Result<V> {
    serde_json::from_slice(&input.read()?).map_err(|cause| Error::cannot_read(what, cause))
}
