//! Spectral contrast, as librosa 0.11 defines it.

use super::{Lanes, Matrix, WideLanes, power_to_db};

/// The octave bands of spectral contrast: 0 to 200 Hz, then doubling, seven in all.
#[derive(Debug, Clone)]
pub struct ContrastBands {
    bands: [Band; ContrastBands::COUNT],
    /// The least so far, ascending, and the greatest so far, descending.
    least: Vec<Lanes>,
    greatest: Vec<Lanes>,
}

/// The bins of one band, and how many of them are a peak and a valley.
#[derive(Debug, Clone, Copy)]
struct Band {
    start: usize,
    end: usize,
    n_extreme: usize,
}

impl ContrastBands {
    /// Number of bands.
    pub const COUNT: usize = 7;
    const LOWEST_EDGE: f64 = 200.0;
    const QUANTILE: f64 = 0.02;

    /// The bands over bins of these frequencies, Hz.
    pub fn new(frequencies: &[f64]) -> Self {
        let bands = std::array::from_fn(|i| Band::new(i, frequencies));
        Self { bands, least: Vec::new(), greatest: Vec::new() }
    }

    /// The mean magnitude of the strongest and of the weakest 2 % of the bins of each band, of eight frames.
    pub fn measure(&mut self, magnitudes: &[Lanes], peaks: &mut [Lanes], valleys: &mut [Lanes]) {
        for ((band, peak), valley) in self.bands.iter().zip(peaks).zip(valleys) {
            let bins = magnitudes.get(band.start..band.end).unwrap_or(&[]);
            let n = band.n_extreme.min(bins.len());
            self.least.clear();
            self.least.resize(n, Lanes([f32::INFINITY; super::LANES]));
            self.greatest.clear();
            self.greatest.resize(n, Lanes([f32::NEG_INFINITY; super::LANES]));
            for bin in bins {
                insert(&mut self.least, *bin, Lanes::min, Lanes::max);
                insert(&mut self.greatest, *bin, Lanes::max, Lanes::min);
            }
            (*valley, *peak) = (mean(&self.least), mean(&self.greatest));
        }
    }
}

/// Puts `value` into a list in order: each place keeps one and hands the other on, without asking which, so that all
/// frames go the same way.
fn insert(
    list: &mut [Lanes],
    mut value: Lanes,
    kept: fn(Lanes, Lanes) -> Lanes,
    left: fn(Lanes, Lanes) -> Lanes,
) {
    for place in list {
        (*place, value) = (kept(*place, value), left(*place, value));
    }
}

fn mean(list: &[Lanes]) -> Lanes {
    let sum = list.iter().fold(WideLanes::default(), |sum, value| sum + value.widen());
    let n = list.len().max(1) as f64;
    Lanes(sum.0.map(|sum| (sum / n) as f32))
}

impl Band {
    /// A band takes in the bin below it and gives up its own highest; the last one has all bins that are left.
    fn new(i: usize, frequencies: &[f64]) -> Self {
        let edge = |octave: usize| ContrastBands::LOWEST_EDGE * (1_u32 << octave) as f64;
        let low = if i == 0 { 0.0 } else { edge(i - 1) };
        let inside = frequencies.iter().take_while(|hz| **hz < low).count();
        let start = if i == 0 { 0 } else { inside.saturating_sub(1) };
        let is_last = i == ContrastBands::COUNT - 1;
        let within = frequencies.iter().take_while(|hz| **hz <= edge(i)).count();
        let end = if is_last { frequencies.len() } else { within };
        let share = ContrastBands::QUANTILE * end.saturating_sub(start) as f64;
        let n_extreme = (share.round_ties_even() as usize).max(1);
        Self { start, end: if is_last { end } else { end.saturating_sub(1) }.max(start), n_extreme }
    }
}

/// Peaks over valleys, dB, one row a frame; peaks and valleys more than 80 dB below the greatest of them all are
/// raised to that (`librosa.feature.spectral_contrast`).
pub fn contrast(mut peaks: Matrix, mut valleys: Matrix) -> Matrix {
    power_to_db(peaks.data_mut(), 80.0);
    power_to_db(valleys.data_mut(), 80.0);
    peaks.data_mut().iter_mut().zip(valleys.data()).for_each(|(peak, valley)| *peak -= valley);
    peaks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::{LANES, bin_frequencies};

    #[test]
    fn silence_has_no_contrast() {
        let mut bands = ContrastBands::new(&bin_frequencies(22_050.0, 2048));
        let [mut peaks, mut valleys] = [[Lanes::ZERO; ContrastBands::COUNT]; 2];
        bands.measure(&[Lanes::ZERO; 1025], &mut peaks, &mut valleys);
        let [mut of_peaks, mut of_valleys] = [(); 2].map(|()| Matrix::zeros(1, ContrastBands::COUNT));
        of_peaks.set_rows(0, &peaks);
        of_valleys.set_rows(0, &valleys);
        assert!(contrast(of_peaks, of_valleys).data().iter().all(|db| *db == 0.0));
    }

    #[test]
    fn extremes_are_means_of_the_least_and_the_greatest() {
        // The last band has 300 bins, 6 of which are a peak; all others of a spectrum this short are empty or one bin.
        let mut bands = ContrastBands::new(&[20_000.0; 300]);
        let ramp: Vec<Lanes> = (0..300).map(|bin| Lanes([(bin * 7 % 300) as f32; LANES])).collect();
        let [mut peaks, mut valleys] = [[Lanes::ZERO; ContrastBands::COUNT]; 2];
        bands.measure(&ramp, &mut peaks, &mut valleys);
        assert_eq!((valleys[6].0, peaks[6].0), ([2.5; LANES], [296.5; LANES]));
        assert_eq!((valleys[0], peaks[0]), (Lanes::ZERO, Lanes::ZERO));
    }
}
