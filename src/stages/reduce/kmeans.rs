//! kmeans: seeded k-means++ and Lloyd iterations.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::stages::{Context, Inputs, Outputs, Stage};

/// k-means clusters of the rows' `vector`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Kmeans {
    /// Number of clusters.
    pub k: u32,
    /// The seed of the random numbers.
    pub seed: u64,
    /// How many times to start anew; the best run is kept.
    pub n_init: u32,
    /// What is done to the columns first.
    pub scale: super::Scale,
}

impl Default for Kmeans {
    fn default() -> Self {
        Self { k: 8, seed: 0, n_init: 10, scale: super::Scale::Zscore }
    }
}

impl Stage for Kmeans {
    fn version(&self) -> u32 {
        1
    }

    fn reads(&self) -> &'static [&'static str] {
        &["features"]
    }

    fn run(&self, _inputs: &Inputs, _context: &Context) -> Result<Outputs> {
        Err(Error::world("not yet"))
    }
}
