//! What the researcher wrote, as plain data: nothing in here remembers TOML.

use std::collections::BTreeMap;

use crate::stages::{Embed, Normalize, Reduce, Segment};

/// A whole `taqsim.toml`, checked: every reference in it holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// `[dataset]`.
    pub dataset: Dataset,
    /// `[labels]`: the vocabulary, by label name.
    pub labels: BTreeMap<String, Vocabulary>,
    /// `[normalize]`.
    pub normalize: Normalize,
    /// `[segment.NAME.KIND]`, by name.
    pub segment: BTreeMap<String, Segment>,
    /// `[embed.NAME.KIND]`, by name; each is of a segment step.
    pub embed: BTreeMap<String, Of<Embed>>,
    /// `[reduce.NAME.KIND]`, by name; each is of an embed step.
    pub reduce: BTreeMap<String, Of<Reduce>>,
    /// `[[clip]]`, sorted by id.
    pub clips: Vec<Clip>,
}

/// `[dataset]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// A short name.
    pub name: String,
    /// A semantic version; names the release.
    pub version: String,
    /// Of the tables: an SPDX expression.
    pub license: String,
    /// Who made it.
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

/// A step that works on the rows of another.
#[derive(Debug, Clone, PartialEq)]
pub struct Of<K> {
    /// The name of the step it works on.
    pub of: String,
    /// What it does.
    pub kind: K,
}

/// `[[clip]]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Clip {
    /// Stable and unique; NFC.
    pub id: String,
    /// Path of the source from the manifest's folder, with `/`; NFC.
    pub source: String,
    /// SPDX expression.
    pub license: String,
    /// Where the recording came from; never fetched.
    pub origin: Option<String>,
    /// The pieces of the source that belong to the clip, ascending; empty for the whole source.
    pub ranges: Vec<Range>,
    /// By label name; aliases already replaced by their canonical value.
    pub labels: BTreeMap<String, Label>,
}

/// A piece of a source.
#[derive(Debug, Clone, PartialEq)]
pub struct Range {
    /// Where it starts in the source, s.
    pub start: f64,
    /// Where it ends in the source, s.
    pub end: f64,
    /// Its own labels, which stand over the clip's.
    pub labels: BTreeMap<String, Label>,
}

/// The value of a label.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(untagged)]
pub enum Label {
    /// Text, date, or a word of the vocabulary; NFC.
    Text(String),
    /// A number.
    Number(f64),
    /// A truth value.
    Bool(bool),
}
