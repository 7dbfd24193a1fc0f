//! Stories: what a researcher does with the real program in a folder of their own, and what must hold then.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test stops where it fails, and says what it skips"
)]

mod bad_input;
mod cache;
mod clip_tables;
mod clones;
mod edits;
mod evaluate;
mod everyday;
mod freshness;
mod gate;
mod import;
mod interruptions;
mod maps;
#[cfg(feature = "nets")]
mod models;
mod names;
mod readme;
mod same_bits;
mod segments;
mod space;
mod split;
mod survival;
mod verification;
