//! Pitch-class distributions: how long each step of the octave sounds, and the degrees that stand out of it.

use super::around_octave;

/// Beyond this many standard deviations a Gaussian is taken to be 0.
const REACH: f64 = 4.0;

/// A pitch-class distribution: a Gaussian of each frame's pitch, summed at equal steps of the octave.
#[derive(Debug, Clone, PartialEq)]
pub struct PitchClasses {
    /// The sum at each step, from 0 cents up.
    pub weights: Vec<f64>,
}

/// A scale degree that is used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Degree {
    /// Its pitch class, 0 to 1200 cents: the mean of the frames near it.
    pub cents: f64,
    /// Their standard deviation, cents.
    pub spread: f64,
    /// The share of all frames that lie near it, 0 to 1.
    pub share: f64,
}

impl PitchClasses {
    /// The distribution of `pitches` (cents) over `n_bins` steps of the octave, each smoothed by a Gaussian of
    /// standard deviation `sigma`, cents.
    pub fn new(pitches: impl Iterator<Item = f64>, n_bins: usize, sigma: f64) -> Self {
        let (mut weights, step) = (vec![0.0; n_bins], 1200.0 / n_bins as f64);
        let reach = libm::ceil(REACH * sigma / step) as i64;
        for pitch in pitches {
            let nearest = libm::round(pitch / step) as i64;
            for bin in nearest - reach..=nearest + reach {
                let deviations = (bin as f64 * step - pitch) / sigma;
                let index = bin.rem_euclid(n_bins as i64) as usize;
                weights[index] += libm::exp(-0.5 * deviations * deviations);
            }
        }
        Self { weights }
    }

    /// The square root of the distribution, of unit length: distances between such vectors order as
    /// Bhattacharyya's. All zero where nothing sounds.
    pub fn hellinger(&self) -> Vec<f64> {
        hellinger(&self.weights)
    }

    /// The pitch classes (cents, 0 to 1200) and heights of local maxima at least `least` of the greatest high, in
    /// ascending order, between steps by a parabola.
    pub fn peaks(&self, least: f64) -> Vec<(f64, f64)> {
        let (n, w) = (self.weights.len(), &self.weights);
        let greatest = w.iter().copied().fold(0.0, f64::max);
        let peak = |i: usize| {
            let (before, here, after) = (w[(i + n - 1) % n], w[i], w[(i + 1) % n]);
            let is_peak = here > before && here >= after && here >= least * greatest;
            let curvature = before + after - 2.0 * here;
            let shift = if curvature < 0.0 { 0.5 * (before - after) / curvature } else { 0.0 };
            let cents = (i as f64 + shift) * 1200.0 / n as f64;
            is_peak.then_some((if cents < 0.0 { cents + 1200.0 } else { cents }, here))
        };
        (0..n).filter_map(peak).collect()
    }
}

/// The square root of shares, of unit length; all zero where all are.
pub fn hellinger(shares: &[f64]) -> Vec<f64> {
    let sum: f64 = shares.iter().sum();
    if sum > 0.0 {
        shares.iter().map(|share| (share / sum).sqrt()).collect()
    } else {
        vec![0.0; shares.len()]
    }
}

/// The degrees that `pitches` (cents above the tonic) use, ascending: the peaks of their distribution (5 cents a step,
/// sigma 15) at least 8 % of the greatest high, each with the frames within 40 cents of it.
pub fn degrees(pitches: &[f64]) -> Vec<Degree> {
    let peaks = PitchClasses::new(pitches.iter().copied(), 240, 15.0).peaks(0.08);
    peaks.into_iter().filter_map(|(peak, _)| degree(pitches, peak)).collect()
}

fn degree(pitches: &[f64], peak: f64) -> Option<Degree> {
    const NEAR: f64 = 40.0;
    let near = || pitches.iter().map(|pitch| around_octave(pitch - peak)).filter(|apart| apart.abs() <= NEAR);
    let n = near().count() as f64;
    let mean = near().sum::<f64>() / n;
    let variance = near().map(|apart| (apart - mean) * (apart - mean)).sum::<f64>() / n;
    let cents = (peak + mean + 1200.0) % 1200.0;
    (n > 0.0).then_some(Degree { cents, spread: variance.sqrt(), share: n / pitches.len() as f64 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octaves_share_a_class_and_the_distribution_has_unit_length() {
        let classes = PitchClasses::new([0.0, 1200.0, -1200.0, 702.0].into_iter(), 53, 15.0);
        assert!((classes.weights[0] - 3.0).abs() < 1e-12);
        assert!(classes.weights[31] > 0.9 && classes.weights[10] == 0.0);
        let length: f64 = classes.hellinger().iter().map(|x| x * x).sum();
        assert!((length - 1.0).abs() < 1e-12);
        assert_eq!(PitchClasses::new(std::iter::empty(), 53, 15.0).hellinger(), vec![0.0; 53]);
    }

    #[test]
    fn peaks_lie_between_steps_and_across_the_octave() {
        let pitches = [-3.0, -3.0, 1197.0, 352.0, 352.0, 700.0];
        let peaks = PitchClasses::new(pitches.into_iter(), 240, 15.0).peaks(0.5);
        assert_eq!(peaks.len(), 2, "{peaks:?}");
        assert!((peaks[0].0 - 352.0).abs() < 0.5 && (peaks[1].0 - 1197.0).abs() < 0.5, "{peaks:?}");
    }

    #[test]
    fn degrees_have_their_spread_and_share() {
        let pitches: Vec<f64> = (0..100).flat_map(|i| [f64::from(i % 21) - 10.0, 350.0, 1550.0]).collect();
        let degrees = degrees(&pitches);
        assert_eq!(degrees.len(), 2, "{degrees:?}");
        assert!(around_octave(degrees[0].cents).abs() < 0.5 && (degrees[0].spread - 6.0).abs() < 0.2);
        assert!((degrees[1].cents - 350.0).abs() < 0.01 && degrees[1].spread < 0.01);
        assert!((degrees[1].share - 2.0 / 3.0).abs() < 1e-9);
    }
}
