//! ranges: one segment per range.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::stages::{Context, Inputs, Outputs, Stage};

/// One segment per range of the clip.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Ranges {}

impl Stage for Ranges {
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
