//! ranges: one segment per range.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::one_per_piece;
use crate::error::Result;
use crate::stages::{Context, Inputs, Outputs, Pieces, Stage};

/// One segment per range that the manifest gives the clip.
///
/// A clip without ranges has one range, the whole source, so `whole` finds the same segments: `ranges` says that
/// the ranges were drawn as segments (the sections of a performance), `whole` that the clip is not cut.
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

    fn run(&self, inputs: &Inputs, _context: &Context) -> Result<Outputs> {
        one_per_piece(&Pieces::read(inputs.one("ranges")?)?)
    }
}
