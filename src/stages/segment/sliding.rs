//! sliding: windows of equal length at equal distances.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::stages::{Context, Inputs, Outputs, Stage};

/// Windows of equal length, each starting `hop` after the one before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sliding {
    /// Length of a window, s.
    pub length: f64,
    /// From the start of one window to the start of the next, s.
    pub hop: f64,
}

impl Default for Sliding {
    fn default() -> Self {
        Self { length: 20.0, hop: 5.0 }
    }
}

impl Stage for Sliding {
    fn version(&self) -> u32 {
        1
    }

    fn reads(&self) -> &'static [&'static str] {
        &["ranges"]
    }

    fn run(&self, _inputs: &Inputs, _context: &Context) -> Result<Outputs> {
        Err(Error::world("not yet"))
    }
}
