//! Embed: a segment becomes a row. Every kind gives the output `features`: a frame with a row per span; one that does not
//! know every segment gives the spans of those that it knows, too.

mod chroma;
mod contrast;
mod cqt;
mod fingerprint;
mod import;
mod mel;
mod mfcc;
mod pitch;
mod rhythm;
mod rows;
mod spectral;
mod taqsim;
mod tonnetz;
mod tuning;

pub use chroma::{Chroma, ChromaFrom};
pub use contrast::Contrast;
pub use cqt::ConstantQ;
pub use fingerprint::{Fingerprint, FingerprintFrom};
pub use import::Import;
pub use mel::Mel;
pub use mfcc::Mfcc;
pub use pitch::{Estimate, F0, Pitch, Tonic};
pub use rhythm::Rhythm;
pub use spectral::Spectral;
pub use taqsim::Taqsim;
pub use tonnetz::Tonnetz;
pub use tuning::{Estimated, Tuning};
