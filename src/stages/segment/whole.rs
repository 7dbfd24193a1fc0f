//! whole: the clip as it is, one segment per range.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::one_per_piece;
use crate::error::Result;
use crate::stages::{Context, Inputs, Outputs, Pieces, Stage};

/// The clip uncut: one segment, or one per range where the clip has ranges, for no segment joins two of them.
///
/// Every clip has segments of `whole`; those of `ranges` only where somebody drew ranges.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Whole {}

impl Stage for Whole {
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
