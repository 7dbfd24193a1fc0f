//! silence: cut where the music is silent, as librosa.effects.split does.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::stages::{Context, Inputs, Outputs, Stage};

/// The pieces between silences, as `librosa.effects.split` finds them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Silence {
    /// A frame is silent when its RMS is more than this below the loudest frame of its range, dB.
    pub top_db: f64,
    /// Frames of a measurement, at the master's rate.
    pub frame_length: u32,
    /// Frames from one measurement to the next.
    pub hop_length: u32,
    /// Silences shorter than this do not cut, s.
    pub min_silence: f64,
    /// Pieces shorter than this are no segments, s.
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

    fn run(&self, _inputs: &Inputs, _context: &Context) -> Result<Outputs> {
        Err(Error::world("not yet"))
    }
}
