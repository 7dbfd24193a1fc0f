//! spectral: MFCCs and spectral shape, to librosa's definitions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::stages::{Context, Inputs, Outputs, Stage};

/// Mean and standard deviation over frames of MFCCs, their deltas and the shape of the spectrum, at 22,050 Hz.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Spectral {
    /// Number of MFCCs, the first of them (level) included.
    pub n_mfcc: u32,
    /// Length of the transform, frames at 22,050 Hz.
    pub n_fft: u32,
    /// From one transform to the next, frames at 22,050 Hz.
    pub hop_length: u32,
    /// Number of mel bands.
    pub n_mels: u32,
    /// Share of the energy that lies below the roll-off frequency.
    pub roll_percent: f64,
}

impl Default for Spectral {
    fn default() -> Self {
        Self { n_mfcc: 20, n_fft: 2048, hop_length: 512, n_mels: 128, roll_percent: 0.85 }
    }
}

impl Stage for Spectral {
    fn version(&self) -> u32 {
        1
    }

    fn reads(&self) -> &'static [&'static str] {
        &["audio", "spans"]
    }

    fn run(&self, _inputs: &Inputs, _context: &Context) -> Result<Outputs> {
        Err(Error::world("not yet"))
    }
}
