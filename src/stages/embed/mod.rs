//! Embed: a segment becomes a row. Every kind gives the output `features`: a frame with a row per span; one that does not
//! know every segment gives the spans of those that it knows, too.

mod chroma;
mod contrast;
mod cqt;
mod fingerprint;
mod import;
mod layers;
mod mel;
mod mfcc;
mod pitch;
mod rhythm;
mod rows;
mod spectral;
mod taqsim;
mod tonnetz;
mod tuning;
mod wav2vec2;
#[cfg(feature = "nets")]
mod windows;

pub use chroma::{Chroma, ChromaFrom};
pub use contrast::Contrast;
pub use cqt::ConstantQ;
pub use fingerprint::{Fingerprint, FingerprintFrom};
pub use import::Import;
pub use layers::{Device, Layer, LayerWord, Pool, Tail};
pub use mel::Mel;
pub use mfcc::Mfcc;
pub use pitch::{Estimate, F0, Pitch, Tonic};
pub use rhythm::Rhythm;
pub use spectral::Spectral;
pub use taqsim::Taqsim;
pub use tonnetz::Tonnetz;
pub use tuning::{Estimated, Tuning};
pub use wav2vec2::Wav2vec2;

/// The error of a kind that needs networks in a taqsim that was built without them.
#[cfg(not(feature = "nets"))]
fn without_nets(kind: &str) -> crate::error::Error {
    crate::error::Error::usage(format!(
        "cannot carry out `{kind}`: this taqsim was built without neural networks"
    ))
    .hint("install it with them: cargo install taqsim --features nets")
}

/// What the last bits of a network's numbers depend on.
fn numerics(device: Device) -> String {
    #[cfg(feature = "nets")]
    return crate::nets::numerics(device.name());
    #[cfg(not(feature = "nets"))]
    return format!("no networks for {}", device.name());
}
