//! Pure numbers: decoding, resampling, loudness, transforms, descriptors, linear algebra.
//!
//! Everything here is f64 with sums in a fixed order and transcendental functions from `libm`: the same samples
//! give the same bits on every CPU.

pub mod decode;
pub mod layout;
pub mod loudness;
pub mod pitch;
pub mod resample;
pub mod wav;

mod beats;
mod breath;
mod chroma;
mod cqt;
mod fft;
mod halve;
mod linalg;
mod matrix;
mod median;
mod mel;
mod onset;
mod picture;
mod random;
mod spectral;
mod stft;
mod tempogram;
mod tuning;

pub use beats::beat_frames;
pub use breath::{Gap, Listener};
pub use chroma::{ChromaFilters, TONNETZ_DIMENSIONS, cens, fold_octaves, normalise_by_greatest, tonnetz};
pub use cqt::{Cqt, CqtShape};
pub use fft::RealFft;
pub use halve::Halver;
pub use linalg::{covariance, dot, gram, largest_eigenpairs, squared_distance};
pub use matrix::Matrix;
pub use median::median;
pub use mel::{MelFilters, amplitude_to_db, delta, lift, mel_spectrogram, mfcc, power_to_db};
pub use onset::{Aggregate, PeakPicking, onset_frames, onset_strength};
pub use picture::resize;
pub use random::Random;
pub use spectral::{
    ContrastBands, bandwidth, bin_frequencies, centroid, contrast, flatness, frame_rms, rms, roll_off,
    zero_crossing_rate,
};
pub use stft::{Stft, hann, n_frames};
pub use tempogram::{Tempogram, pulse_clarity, tempo};
pub use tuning::TuningEstimator;
