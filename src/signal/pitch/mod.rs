//! Pitch and what maqam analysis makes of it: f0, tonic, pitch classes, register, notes, ornaments, named scales.
//!
//! Pitches are in cents above [`REFERENCE_HZ`] until a tonic is known, and in cents above the tonic after that. A
//! contour is a slice with one entry per frame: the pitch of a voiced frame, or nothing.

mod contour;
mod decay;
mod intervals;
mod maqamat;
mod notes;
mod ornaments;
mod pitch_classes;
mod pyin;
mod register;
mod tonic;
mod yin;

pub use contour::{
    REFERENCE_HZ, cents_of, hertz_of, hold_octaves, median_filter, resample_contour, voiced,
    without_the_faint,
};
pub use decay::{Decay, decay};
pub use intervals::{INTERVAL_BINS, interval_histogram};
pub use maqamat::{MAQAMAT, Maqam, Match, Scale, nearest_scales};
pub use notes::{Note, notes};
pub use ornaments::{Ornaments, ornaments};
pub use pitch_classes::{Degree, PitchClasses, degrees, hellinger};
pub use pyin::{Candidate, Pyin};
pub use register::{ARC_NUMBERS, REGISTER_PERCENTILES, percentiles, register_arc};
pub use tonic::{Method, Tonic, estimate_tonic};
pub use yin::{Period, Yin, YinParameters};

/// How far apart two pitches are in the same direction round the octave: from -600 to 600 cents.
fn around_octave(cents: f64) -> f64 {
    cents - 1200.0 * libm::floor((cents + 600.0) / 1200.0)
}

/// The median of `values`, which it sorts: the mean of the middle two of an even number; none of none.
fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = values[(values.len() - 1) / 2];
    Some(0.5 * (lower + upper))
}
