//! Neural networks on candle: weights from files, blocks, and the encoders that are made of them. It knows no stage.

mod alone;
mod blocks;
mod device;
mod pickle;
mod wav2vec2;
mod weights;

pub use alone::alone;
pub use device::{Device, numerics, open_device};
pub use wav2vec2::{Config, Encoder, Hidden, State};
pub use weights::{File, Weights};

use crate::error::Error;

/// What candle says went wrong while a network ran, in our words.
fn broken(cause: candle_core::Error) -> Error {
    Error::world(format!("cannot run the network: {cause}"))
}
