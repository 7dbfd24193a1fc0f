//! taqsim: a declarative build system for audio research datasets.
//!
//! # The words
//! One word per idea, everywhere:
//!
//! | word | meaning |
//! |---|---|
//! | source | a local audio file, named by path in the manifest and by BLAKE3 in the lock |
//! | clip | one manifest entry: a source, optional ranges, a licence, labels |
//! | range | a piece of a source, `start-end`, optionally with its own labels |
//! | segment | a piece of a clip that gets a row: found by a segment step |
//! | step | what the manifest asks for: a named entry such as `[embed.timbre.spectral]` |
//! | stage | the code that carries out one kind of step: a pure function with named outputs |
//! | task | one step for one clip, or for the whole dataset |
//! | digest | what a value is (BLAKE3-256) |
//! | recipe | everything that can change a task's output, and nothing else |
//! | key | the digest of a recipe: what was asked |
//! | store | what is remembered: recipe to output digest, digest to bytes |
//! | plan | all tasks, each fresh, stale with a reason, waiting on a stale input, or to be remade |
//! | run | carrying out a plan |
//! | table | one Parquet file of a release; its digest is over its logical content |
//! | draft | `outputs/<version>/` while it may still change |
//! | release | a draft that `taqsim release` froze |
//! | lock | `taqsim.lock`: what was built from what, by digest |
//!
//! # The rooms
//! A room uses only the rooms listed after it; `tests/tidy.rs` reads this file and holds them to it.

// Empty lines between the rooms keep rustfmt from sorting them by name.

/// Words in, words out: the only room that prints. One verb, one file.
pub mod cli;

/// What is published: tables, their digests, Parquet, the lock, verification.
pub mod release;

/// Making it happen: the loop, and the one door to outside files.
pub mod run;

/// What has to happen, before anything happens: tasks, their order, their status and why.
pub mod plan;

/// What the researcher wrote: dataset, labels, steps, clips, and what is wrong with them.
pub mod manifest;

/// What is remembered: digests, keys, recipes, records, and the cache on disk.
pub mod store;

/// What each kind of step does: one kind, one file.
pub mod stages;

/// Neural networks on candle: weights from files, blocks, and the encoders that are made of them.
#[cfg(feature = "nets")]
pub mod nets;

/// Pure numbers: decoding, resampling, loudness, transforms, descriptors, linear algebra.
pub mod signal;

/// What can go wrong, said in words.
pub mod error;

/// Text of strangers, made safe to show.
pub mod text;
