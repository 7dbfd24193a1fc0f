//! pca: principal components, as scikit-learn computes them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::stages::{Context, Inputs, Outputs, Stage};

/// Principal component analysis of the rows' `vector`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Pca {
    /// Number of components: 2 or 3.
    pub dims: u32,
    /// What is done to the columns first.
    pub scale: super::Scale,
}

impl Default for Pca {
    fn default() -> Self {
        Self { dims: 2, scale: super::Scale::Zscore }
    }
}

impl Stage for Pca {
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
