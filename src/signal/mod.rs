//! Pure numbers: decoding, resampling, loudness, transforms, descriptors, linear algebra.
//!
//! Everything here is f64 with sums in a fixed order and transcendental functions from `libm`: the same samples
//! give the same bits on every CPU.

pub mod decode;
pub mod layout;
pub mod loudness;
pub mod resample;
pub mod wav;

mod fft;
mod linalg;
mod matrix;
mod mel;
mod random;
mod spectral;
mod stft;

pub use fft::RealFft;
pub use linalg::{covariance, dot, gram, largest_eigenpairs, squared_distance};
pub use matrix::Matrix;
pub use mel::{MelFilters, amplitude_to_db, delta, lift, mel_spectrogram, mfcc, power_to_db};
pub use random::Random;
pub use spectral::{
    ContrastBands, bandwidth, bin_frequencies, centroid, contrast, flatness, frame_rms, rms, roll_off,
    zero_crossing_rate,
};
pub use stft::{Stft, hann, n_frames};
