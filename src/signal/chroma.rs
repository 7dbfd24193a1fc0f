//! Pitch classes: chroma from power spectra and from constant Q, CENS, and the tonnetz, as librosa 0.11 defines them.

use std::f64::consts::PI;

use super::{CqtShape, Lanes, Matrix};

/// Gaussian filters that fold a spectrum into pitch classes from C upwards (`librosa.filters.chroma`).
#[derive(Debug, Clone)]
pub struct ChromaFilters {
    /// A row for each pitch class, a column for each bin.
    weights: Matrix,
}

/// Octaves above A0 / 2 = 13.75 Hz where the filters hear best, and how far that reaches.
const CENTRE_OCTAVE: f64 = 5.0;
const OCTAVE_WIDTH: f64 = 2.0;

impl ChromaFilters {
    /// `n_chroma` filters over the `n_fft / 2 + 1` bins of a spectrum, for a tuning of `tuning` parts of a pitch class.
    pub fn new(sample_rate: f64, n_fft: usize, n_chroma: usize, tuning: f64) -> Self {
        let classes = n_chroma as f64;
        let a0 = 440.0 * libm::exp2(tuning / classes) / 16.0;
        let pitch_of = |bin: usize| classes * libm::log2(bin as f64 * sample_rate / n_fft as f64 / a0);
        // 0 Hz has no pitch: it is put an octave and a half below the next bin.
        let pitch = |bin: usize| if bin == 0 { pitch_of(1) - 1.5 * classes } else { pitch_of(bin) };
        let mut weights = Matrix::zeros(n_chroma, n_fft / 2 + 1);
        for bin in 0..weights.n_cols() {
            let width = (pitch(bin + 1) - pitch(bin)).max(1.0);
            let column: Vec<f64> =
                (0..n_chroma).map(|class| bump(pitch(bin), class, n_chroma, width)).collect();
            let norm = column.iter().map(|weight| weight * weight).sum::<f64>().sqrt();
            let octave = (pitch(bin) / classes - CENTRE_OCTAVE) / OCTAVE_WIDTH;
            let loudness = libm::exp(-0.5 * octave * octave) / norm.max(f64::MIN_POSITIVE);
            for (class, weight) in column.iter().enumerate() {
                // The pitches count from A, the rows from C.
                let row = (class + n_chroma - 3 * (n_chroma / 12) % n_chroma) % n_chroma;
                weights.row_mut(row)[bin] = weight * loudness;
            }
        }
        Self { weights }
    }

    /// The power in each pitch class of eight power spectra.
    pub fn apply(&self, power: &[Lanes], chroma: &mut [Lanes]) {
        for (out, weights) in chroma.iter_mut().zip(self.weights.rows()) {
            let terms = power.iter().zip(weights);
            *out = terms.fold(Lanes::ZERO, |sum, (power, weight)| sum + *power * *weight as f32);
        }
    }

    /// The weights: a row for each pitch class, a column for each bin.
    pub fn weights(&self) -> &Matrix {
        &self.weights
    }
}

/// The weight of a pitch class for a bin of this pitch, as wide as the bin.
fn bump(pitch: f64, class: usize, n_chroma: usize, width: f64) -> f64 {
    let n = n_chroma as f64;
    let half = (n / 2.0).round_ties_even();
    let shifted = pitch - class as f64 + half + 10.0 * n;
    let distance = shifted - n * (shifted / n).floor() - half;
    libm::exp(-0.5 * (2.0 * distance / width) * (2.0 * distance / width))
}

/// Folds the bins of a constant-Q transform into pitch classes, one row a frame, not normalised
/// (`librosa.filters.cq_to_chroma`). `n_chroma` divides the bins of an octave; each pitch class takes as many bins
/// around its centre. `shape.fmin` is that of an untuned transform.
pub fn fold_octaves(magnitudes: &Matrix, shape: &CqtShape, n_chroma: usize) -> Matrix {
    let merged = (shape.bins_per_octave / n_chroma.max(1)).max(1);
    let semitones = 69.0 + 12.0 * libm::log2(shape.fmin / 440.0);
    let above_c = semitones - 12.0 * (semitones / 12.0).floor();
    let first = (above_c * n_chroma as f64 / 12.0).round_ties_even() as usize;
    let class = |bin: usize| ((bin + merged / 2) / merged + first) % n_chroma.max(1);
    let mut chroma = Matrix::zeros(magnitudes.n_rows(), n_chroma);
    for (frame, row) in magnitudes.rows().enumerate() {
        let out = chroma.row_mut(frame);
        row.iter().enumerate().for_each(|(bin, magnitude)| out[class(bin)] += magnitude);
    }
    chroma
}

/// Divides each row by its greatest magnitude; silence stays as it is (`librosa.util.normalize`).
pub fn normalise_by_greatest(rows: &mut Matrix) {
    normalise_rows(rows, |row| row.iter().fold(0.0, |greatest, value| greatest.max(value.abs())));
}

fn normalise_by_sum(rows: &mut Matrix) {
    normalise_rows(rows, |row| row.iter().map(|value| value.abs()).sum());
}

fn normalise_by_length(rows: &mut Matrix) {
    normalise_rows(rows, |row| row.iter().map(|value| value * value).sum::<f64>().sqrt());
}

fn normalise_rows(rows: &mut Matrix, norm: fn(&[f64]) -> f64) {
    for i in 0..rows.n_rows() {
        let row = rows.row_mut(i);
        let norm = norm(row);
        if norm >= f64::MIN_POSITIVE {
            row.iter_mut().for_each(|value| *value /= norm);
        }
    }
}

/// Chroma energy normalised statistics (Müller, Kurth and Clausen 2005) of folded magnitudes: each frame's shares
/// of the sum quantised in four steps, smoothed over time, and brought to unit length
/// (`librosa.feature.chroma_cens`).
///
/// `win_len_smooth` frames are smoothed over; 0 for none.
pub fn cens(mut chroma: Matrix, win_len_smooth: usize) -> Matrix {
    normalise_by_sum(&mut chroma);
    chroma.data_mut().iter_mut().for_each(|share| *share = quantise(*share));
    let mut smooth = if win_len_smooth == 0 { chroma } else { smooth_over_time(&chroma, win_len_smooth) };
    normalise_by_length(&mut smooth);
    smooth
}

fn quantise(share: f64) -> f64 {
    [0.4, 0.2, 0.1, 0.05].iter().filter(|step| share > **step).count() as f64 * 0.25
}

/// Convolves each column with a symmetric Hann window of `length` and two zeros around it, of unit sum.
fn smooth_over_time(rows: &Matrix, length: usize) -> Matrix {
    let angle = |i: usize| 2.0 * PI * (i + 1) as f64 / (length + 1) as f64;
    let window: Vec<f64> = (0..length).map(|i| 0.5 - 0.5 * libm::cos(angle(i))).collect();
    let sum: f64 = window.iter().sum();
    let mut smooth = Matrix::zeros(rows.n_rows(), rows.n_cols());
    for frame in 0..rows.n_rows() {
        // An even window is centred as scipy.ndimage.convolve centres it: the longer part looks ahead.
        for (i, weight) in window.iter().enumerate() {
            let Some(from) = (frame + length / 2).checked_sub(i).filter(|from| *from < rows.n_rows()) else {
                continue;
            };
            let out = smooth.row_mut(frame).iter_mut();
            out.zip(rows.row(from)).for_each(|(out, value)| *out += weight / sum * value);
        }
    }
    smooth
}

/// Coordinates of the tonnetz: fifths, minor thirds and major thirds, each as a point on a circle.
pub const TONNETZ_DIMENSIONS: usize = 6;

/// The tonal centroid of each row of chroma (Harte, Sandler and Gasser 2006; `librosa.feature.tonnetz` of given
/// chroma).
pub fn tonnetz(chroma: &Matrix) -> Matrix {
    let mut shares = chroma.clone();
    normalise_by_sum(&mut shares);
    let basis = tonnetz_basis(chroma.n_cols());
    let mut centroids = Matrix::zeros(chroma.n_rows(), TONNETZ_DIMENSIONS);
    for (frame, row) in shares.rows().enumerate() {
        let out = centroids.row_mut(frame).iter_mut();
        out.zip(basis.rows()).for_each(|(out, axis)| *out = super::dot(row, axis));
    }
    centroids
}

fn tonnetz_basis(n_chroma: usize) -> Matrix {
    /// For each interval, half turns of its circle in a semitone, and its radius.
    const CIRCLES: [(f64, f64); 3] = [(7.0 / 6.0, 1.0), (3.0 / 2.0, 1.0), (2.0 / 3.0, 0.5)];
    let mut basis = Matrix::zeros(TONNETZ_DIMENSIONS, n_chroma);
    for (circle, (half_turns, radius)) in CIRCLES.into_iter().enumerate() {
        for class in 0..n_chroma {
            let turned = half_turns * 12.0 * class as f64 / n_chroma as f64;
            basis.row_mut(2 * circle)[class] = radius * libm::cos(PI * (turned - 0.5));
            basis.row_mut(2 * circle + 1)[class] = radius * libm::cos(PI * turned);
        }
    }
    basis
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Halving;

    fn shape(fmin: f64) -> CqtShape {
        CqtShape {
            sample_rate: 22_050,
            hop: 512,
            fmin,
            n_bins: 72,
            bins_per_octave: 36,
            halving: Halving::Sharp,
        }
    }

    #[test]
    fn bins_are_folded_around_the_centre_of_their_pitch_class() {
        for (fmin, first) in [(32.703_195_662_574_83, 0), (55.0, 9), (440.0 / 64.0, 9)] {
            let mut magnitudes = Matrix::zeros(1, 72);
            // The bin below the second semitone, itself, the one above, and the same an octave higher.
            for bin in [2, 3, 4, 39] {
                magnitudes.row_mut(0)[bin] = 1.0;
            }
            let chroma = fold_octaves(&magnitudes, &shape(fmin), 12);
            let want: Vec<f64> =
                (0..12).map(|class| if class == (first + 1) % 12 { 4.0 } else { 0.0 }).collect();
            assert_eq!(chroma.row(0), want, "{fmin}");
        }
    }

    #[test]
    fn silence_stays_silent_and_finite() {
        let silence = Matrix::zeros(3, 12);
        for length in [0, 1, 41, 42] {
            assert!(cens(silence.clone(), length).data().iter().all(|x| *x == 0.0));
        }
        assert!(tonnetz(&silence).data().iter().all(|x| *x == 0.0));
    }

    #[test]
    fn a_fifth_is_near_on_the_circle_of_fifths_and_a_tritone_is_opposite() {
        let mut chroma = Matrix::zeros(3, 12);
        for (frame, class) in [0, 7, 6].into_iter().enumerate() {
            chroma.row_mut(frame)[class] = 1.0;
        }
        let tonnetz = tonnetz(&chroma);
        let distance = |frame: usize| -> f64 {
            (0..2).map(|i| tonnetz.row(0)[i] - tonnetz.row(frame)[i]).map(|d| d * d).sum::<f64>().sqrt()
        };
        assert!((distance(1) - 2.0 * libm::sin(PI / 12.0)).abs() < 1e-12);
        assert!((distance(2) - 2.0).abs() < 1e-12);
    }
}
