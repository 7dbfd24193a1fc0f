//! How long sound takes to die away where nothing is played.

use super::levels::{HOP, to_db};
use crate::signal::median;

/// Free decays: stretches over which the level falls by at least 25 dB without rising (blind estimation of the
/// reverberation time, after Ratnam et al., JASA 114, 2003). Of each, what lies between 5 and 25 dB below its start is
/// fitted by a straight line (T20 of ISO 3382-1): before, the attack rings on; after, noise may have taken over.
#[derive(Debug, Clone, Default)]
pub(super) struct Decays {
    /// Time to fall by 60 dB of each, s.
    times: Vec<f64>,
}

/// dB.
const HEAD: f64 = 5.0;
const LEAST_FALL: f64 = 25.0;
/// A level may rise by this from one frame to the next and still be said to fall, dB.
const WAVER: f64 = 0.5;

impl Decays {
    /// Adds the power of the frames of a stretch, one each [`HOP`] samples.
    pub(super) fn add(&mut self, powers: &[f64], sample_rate: f64) {
        let levels: Vec<f64> = powers.iter().map(|power| to_db(*power)).collect();
        let hop = HOP as f64 / sample_rate;
        let mut start = 0;
        while start < levels.len() {
            let falling = levels[start..].windows(2).take_while(|pair| pair[1] < pair[0] + WAVER);
            let end = start + falling.count();
            let decay = slope_of_fall(&levels[start..=end]);
            self.times.extend(decay.map(|slope| -60.0 * hop / slope));
            start = end + 1;
        }
    }

    /// The median time to fall by 60 dB, s; none where nothing falls by 25 dB.
    pub(super) fn median_s(&self) -> Option<f64> {
        (!self.times.is_empty()).then(|| median(self.times.clone()))
    }
}

/// The slope of a falling level where it is fitted, dB a frame; none where it falls too little.
fn slope_of_fall(levels: &[f64]) -> Option<f64> {
    let below = |fall: f64| levels.iter().position(|level| *level <= levels[0] - fall);
    let (from, to) = (below(HEAD)?, below(LEAST_FALL)?);
    Some(slope(&levels[from.saturating_sub(1)..=to]))
}

/// The slope of the straight line through equally spaced values, by least squares, per step.
fn slope(values: &[f64]) -> f64 {
    let middle = (values.len() - 1) as f64 / 2.0;
    let weighted = values.iter().enumerate().map(|(i, value)| (i as f64 - middle) * value).sum::<f64>();
    let squares = (0..values.len()).map(|i| (i as f64 - middle) * (i as f64 - middle)).sum::<f64>();
    weighted / squares
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Random;
    use crate::signal::quality::levels::Levels;

    #[test]
    fn a_known_decay_is_found() {
        for want in [0.4, 1.0, 3.0] {
            let mut random = Random::new(2);
            let mut samples = Vec::new();
            for _ in 0..4 {
                let fall = (0..66_150).map(|i| libm::pow(10.0, -3.0 * f64::from(i) / 22_050.0 / want));
                samples.extend(fall.map(|level| level * (random.uniform() - 0.5) + 1e-6));
            }
            let mut decays = Decays::default();
            decays.add(&Levels::default().add(&samples), 22_050.0);
            let found = decays.median_s().expect("it decays");
            assert!((found / want - 1.0).abs() < 0.1, "{want} s: {found} s");
        }
    }

    #[test]
    fn what_goes_on_does_not_decay() {
        let mut decays = Decays::default();
        decays.add(&[0.1; 500], 22_050.0);
        decays.add(&[], 22_050.0);
        decays.add(&[0.0], 22_050.0);
        assert_eq!(decays.median_s(), None);
    }
}
