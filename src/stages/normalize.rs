//! normalize: decode the ranges, downmix, resample, and bring the clip to one loudness.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Context, Inputs, Outputs, Stage};
use crate::error::{Error, Result};

/// Decodes a clip's ranges into its master: WAV, 24-bit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Normalize {
    /// Frames a second of the master, Hz, or "keep" for the source's own.
    pub sample_rate: OrKeep<u32>,
    /// Channels of the master: "mono" (the mean of all channels but the low-frequency one) or "keep".
    pub channels: Channels,
    /// Integrated loudness of the master, LUFS (ITU-R BS.1770-4), or "keep".
    pub loudness: OrKeep<f64>,
    /// The true peak that the gain never goes beyond, dBTP (ITU-R BS.1770-4, annex 2).
    pub true_peak: f64,
    /// The clip's ranges in the source, s; empty for the whole source. Never in the manifest's `[normalize]`.
    #[schemars(skip)]
    #[serde(skip_deserializing)]
    pub ranges: Vec<(f64, f64)>,
}

/// A number, or the word "keep": leave it as it is in the source.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OrKeep<N> {
    /// Change it to this.
    To(N),
    /// Leave it as it is.
    Keep(Keep),
}

/// The word "keep".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Keep {
    /// Leave it as it is.
    #[serde(rename = "keep")]
    Keep,
}

/// What becomes of the source's channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Channels {
    /// One channel.
    Mono,
    /// As many as the source has.
    Keep,
}

impl Default for Normalize {
    fn default() -> Self {
        Self {
            sample_rate: OrKeep::To(44_100),
            channels: Channels::Mono,
            loudness: OrKeep::To(-23.0),
            true_peak: -1.0,
            ranges: Vec::new(),
        }
    }
}

impl Stage for Normalize {
    fn version(&self) -> u32 {
        1
    }

    fn reads(&self) -> &'static [&'static str] {
        &["source"]
    }

    fn run(&self, _inputs: &Inputs, _context: &Context) -> Result<Outputs> {
        Err(Error::world("not yet"))
    }
}
