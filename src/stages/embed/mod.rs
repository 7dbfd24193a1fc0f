//! Embed: a segment becomes a row. Every kind gives one output, `features`: a frame with a row per span.

mod mel;
mod mfcc;
mod rows;
mod spectral;

pub use mel::Mel;
pub use mfcc::Mfcc;
pub use spectral::Spectral;
