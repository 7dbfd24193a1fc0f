//! Stories: what a researcher does with the real program in a folder of their own, and what must hold then.

mod bad_input;
mod clones;
mod edits;
mod everyday;
mod freshness;
mod names;
mod same_bits;
mod space;
mod verification;
