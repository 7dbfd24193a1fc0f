//! What the researcher wrote, as plain data: nothing in here remembers TOML.

mod bounds;
mod cells;
mod clip_tables;
mod clips;
mod codes;
mod columns;
mod dataset;
mod dates;
mod evaluate;
mod evenness;
mod findings;
mod gate;
mod grouping;
mod hub;
mod label_params;
mod label_set;
mod labels;
mod licences;
mod names;
mod parquet_table;
mod parse;
mod paths;
mod places;
mod ranges;
mod render;
mod rows;
mod schema;
mod split;
mod step_files;
mod steps;
mod structure;
mod syntax;
mod text;
mod tree;
mod vocabulary;

#[cfg(test)]
mod check;
#[cfg(test)]
mod check_tables;
#[cfg(test)]
mod docs;
#[cfg(test)]
mod hostile;

pub use cells::{Cell, Rows as CellRows};
pub use clip_tables::{OpenTables, TableFile, TablesRead, is_glob};
pub use codes::{CODES, Code, explain};
pub use evaluate::Evaluate;
pub use evenness::{Counts, Evenness, Farthest, PartCount};
pub use findings::{Finding, Findings, Severity};
pub use gate::{Gate, LabelLimit, Limit, Then};
pub use grouping::{Grouping, RECORDING};
pub use hub::hub_parts;
pub use label_set::Labels;
pub use labels::BUILT_IN_COLUMNS;
pub use parse::{Outcome, parse, parse_with_tables};
pub use places::ClipPlace;
pub use render::{Style, render, to_github, to_json};
pub use schema::schema;
pub use split::Split;
pub use text::Texts;

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;

use crate::stages::{Embed, Normalize, Reduce, Segment};

/// An audio dataset: what it is made from and what is computed from it.
///
/// A value of this type was checked: every reference in it holds.
#[derive(Debug, Clone, PartialEq, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Manifest {
    /// `[dataset]`: its name, version and licence.
    pub dataset: Dataset,
    /// `[labels]`: what a clip may be labelled with, by label name. Anything else is an error.
    #[schemars(default)]
    pub labels: BTreeMap<String, Vocabulary>,
    /// `[normalize]`: how every source becomes a master.
    #[schemars(default)]
    pub normalize: Normalize,
    /// `[gate]`: limits on what is measured, and what becomes of a clip that breaks one.
    #[schemars(default)]
    pub gate: Gate,
    /// `[segment.NAME.KIND]`, by name: where the segments of a clip are.
    #[schemars(default)]
    pub segment: BTreeMap<String, Segment>,
    /// `[embed.NAME.KIND]`, by name: how a segment becomes a row of numbers.
    #[schemars(default)]
    pub embed: BTreeMap<String, Of<Embed>>,
    /// `[reduce.NAME.KIND]`, by name: what is computed from all rows of an embed step.
    #[schemars(default)]
    pub reduce: BTreeMap<String, Of<Reduce>>,
    /// `[evaluate]`: which labels are looked for in the rows of which embed steps, and how.
    pub evaluate: Option<Evaluate>,
    /// `[split]`: which clips must never be parted, and how large the parts shall be.
    pub split: Option<Split>,
    /// `[[clip]]`: the clips; in a checked manifest sorted by id, with those of its clip tables.
    #[schemars(rename = "clip", length(min = 1))]
    pub clips: Vec<Clip>,
}

/// `[dataset]`: its name, version and licence.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Dataset {
    /// A short name: letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// A semantic version, `1.2.0`; names the release.
    pub version: String,
    /// Licence of the tables: an SPDX expression such as `CC-BY-4.0`, or `LicenseRef-...`.
    pub license: String,
    /// Who made it.
    #[schemars(default)]
    pub authors: Vec<String>,
    /// One sentence or more on what it is.
    pub description: Option<String>,
}

/// What a label may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Vocabulary {
    /// Any text.
    Text,
    /// A finite number.
    Number,
    /// `2026-11-21`, or `2026-11`, or `2026`.
    Date,
    /// true or false.
    Bool,
    /// One of these, each with other spellings that are read as it.
    Values(BTreeMap<String, Vec<String>>),
}

/// A step that works on what another found.
#[derive(Debug, Clone, PartialEq)]
pub struct Of<K> {
    /// The name of the step it works on.
    pub of: String,
    /// What it does.
    pub kind: K,
}

/// `[[clip]]`: a source, optional ranges, a licence, labels.
#[derive(Debug, Clone, PartialEq, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Clip {
    /// Stable and unique; Unicode NFC, no `/`, at most 128 bytes.
    pub id: String,
    /// Path of the source from the manifest's folder, with `/`.
    pub source: String,
    /// Licence of the recording: an SPDX expression such as `CC-BY-NC-4.0`, or `LicenseRef-...`.
    pub license: String,
    /// Where the recording came from; never fetched.
    pub origin: Option<String>,
    /// The pieces of the source that belong to the clip, ascending: `"0:12.5-0:58"`, or
    /// `{ at = "0:12.5-0:58", LABEL = ... }`. Without it, the whole source.
    #[schemars(default)]
    pub ranges: Vec<Range>,
    /// The clip's labels, by name; in a checked manifest aliases are replaced by their canonical value.
    #[schemars(default)]
    pub labels: Labels,
    /// The measures whose limits in `[gate]` do not hold for this clip: somebody listened to it.
    #[schemars(default, schema_with = "gate::accept_schema")]
    pub accept: Vec<String>,
}

/// A piece of a source.
#[derive(Debug, Clone, PartialEq)]
pub struct Range {
    /// Where it starts in the source, s.
    pub start: f64,
    /// Where it ends in the source, s.
    pub end: f64,
    /// Its own labels, which stand over the clip's.
    pub labels: Labels,
}

/// The value of a label: text (also a date), a number, or true or false.
#[derive(Debug, Clone, PartialEq)]
pub enum Label {
    /// Text, date, or a word of the vocabulary; NFC. Clips with the same word may share it.
    Text(Arc<str>),
    /// A number.
    Number(f64),
    /// A truth value.
    Bool(bool),
}
