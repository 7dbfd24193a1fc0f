//! Pure numbers: decoding, resampling, loudness, transforms, descriptors, linear algebra.
//!
//! Sums are in a fixed order and transcendental functions from `libm`: the same samples give the same bits on every
//! CPU. Everything is f64, but for spectra, which are f32 like librosa's, eight frames side by side ([`Lanes`]).

pub mod decode;
pub mod duplicates;
pub mod evidence;
pub mod frontend;
pub mod layout;
pub mod loudness;
pub mod pitch;
pub mod quality;
pub mod resample;
pub mod tsne;
pub mod umap;
pub mod wav;

mod arc;
mod assignment;
mod beats;
mod breath;
mod chroma;
mod contrast;
mod cqt;
mod decibels;
mod fft;
mod fidelity;
mod forest;
mod graph;
mod grid;
mod halve;
mod hdbscan;
mod lane_dft;
mod lane_fft;
mod lanes;
mod linalg;
mod matrix;
mod median;
mod mel;
mod neighbours;
mod onset;
mod picture;
mod random;
mod spectral;
mod stft;
mod tempogram;
mod tuning;
mod wavelet;
mod widest;

pub use arc::{Arc, THIRD, arc};
pub use assignment::assign;
pub use beats::beat_frames;
pub use breath::{Gap, Listener};
pub use chroma::{ChromaFilters, TONNETZ_DIMENSIONS, cens, fold_octaves, normalise_by_greatest, tonnetz};
pub use contrast::{ContrastBands, contrast};
pub use cqt::{Cqt, CqtShape, Halving};
pub use decibels::{amplitude_to_db, power_to_db};
pub use fft::RealFft;
pub use fidelity::{Fidelity, Points, fidelity};
pub use forest::most_neighbours;
pub use graph::{Graph, Joints};
pub use grid::{Cell, grid};
pub use halve::Halver;
pub use hdbscan::{Clusters, SpanningTree};
pub use lane_dft::LaneDft;
pub use lane_fft::{Complex, LaneFft};
pub use lanes::{LANES, Lanes, WideLanes};
pub use linalg::{covariance, dot, gram, largest_eigenpairs, squared_distance};
pub use matrix::Matrix;
pub use median::median;
pub use mel::{MelFilters, MelShape, delta, lift, mel_spectrogram, mfcc};
pub use neighbours::{Neighbours, Searcher, overlap};
pub use onset::{Aggregate, PeakPicking, onset_frames, onset_strength};
pub use picture::resize;
pub use random::{Random, SplitMix};
pub use spectral::{
    bin_frequencies, centroid_and_bandwidth, flatness, frame_rms, rms, roll_off, zero_crossing_rate,
};
pub use stft::{Cutter, Stft, hann, n_frames};
pub use tempogram::{Tempogram, pulse_clarity, tempo};
pub use tuning::TuningEstimator;
