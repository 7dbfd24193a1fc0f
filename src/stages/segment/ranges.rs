//! ranges: one segment per range.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::one_per_piece;
use crate::error::Result;
use crate::stages::{Context, Inputs, Outputs, Pieces, Stage};

/// One segment per range that was drawn by hand: that the manifest gives the clip.
///
/// A clip without `ranges` has no segments here, and one segment of `whole`: nobody has drawn anything in it yet.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Ranges {}

impl Stage for Ranges {
    fn version(&self) -> u32 {
        2
    }

    fn reads(&self) -> &'static [&'static str] {
        &["drawn"]
    }

    fn run(&self, inputs: &Inputs, _context: &Context) -> Result<Outputs> {
        one_per_piece(&Pieces::read(inputs.one("drawn")?)?)
    }
}
