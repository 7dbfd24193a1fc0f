//! What neural networks are given of a sound: the front ends of their authors, number by number.
//!
//! One definition, one file, each tested against what the original makes of a sound (tests/checkpoints/README.md).
//! Sounds are mono, at the sample rate of the model; spectrograms have a row for each frame and a column for each band.

mod clap;
mod fbank;
#[cfg(test)]
mod golden;
mod log_mel;
mod passt;
mod reflect;
mod unit_variance;
mod vggish;
mod whisper;

pub use clap::repeat_and_pad;
pub use fbank::{Fbank, FbankShape, FbankWindow};
pub use log_mel::{LogMel, LogMelShape};
pub use passt::PasstMel;
pub use reflect::reflected;
pub use unit_variance::unit_variance;
pub use vggish::{VGGISH_FRAMES, VggishPatches};
pub use whisper::WhisperMel;
