//! What a step says of a neural network: which layers it takes, how frames become a row, what becomes of the tail, where it runs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which hidden states become the vector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Layer {
    /// The output of the block of this number; 0 is the input of the first.
    Number(usize),
    /// Several, laid end to end.
    Several(Vec<usize>),
    /// "final" or "mean".
    Word(LayerWord),
}

/// A layer that has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LayerWord {
    /// What comes after the last block and the last norm.
    Final,
    /// The mean of all hidden states, from 0 to the last block's.
    Mean,
}

/// How the frames of a segment become one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Pool {
    /// Their mean.
    #[default]
    Mean,
    /// Their means, then their standard deviations (ddof = 0).
    #[serde(rename = "mean+std")]
    MeanStd,
    /// The largest of each number.
    Max,
}

/// What is left of a segment after its last whole window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Tail {
    /// A whole window that ends with the segment.
    #[default]
    Shift,
    /// A shorter window.
    Keep,
    /// It is in no window.
    Drop,
}

/// Where a network runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Device {
    /// The processor.
    #[default]
    Cpu,
    /// The first graphics card of NVIDIA; needs the feature `cuda`.
    Cuda,
    /// The graphics of a Mac; needs the feature `metal`.
    Metal,
}

impl Device {
    /// Its name in the manifest.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::Metal => "metal",
        }
    }
}
