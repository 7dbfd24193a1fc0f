//! How alike the two channels of a stereo recording are.

/// Sums of both channels, their squares and their product.
#[derive(Debug, Clone, Default)]
pub(super) struct Correlation {
    count: u64,
    sums: [f64; 5],
}

const LANES: usize = 4;
const BLOCK: usize = 1024;

impl Correlation {
    /// Adds a stretch; only one of two channels says anything.
    pub(super) fn add(&mut self, planes: &[Vec<f32>]) {
        let [left, right] = planes else { return };
        self.count += left.len() as u64;
        for (left, right) in left.chunks(BLOCK).zip(right.chunks(BLOCK)) {
            let block = sums(left, right);
            self.sums.iter_mut().zip(block).for_each(|(sum, more)| *sum += more);
        }
    }

    /// Pearson's correlation, -1 to 1; none of mono, of more than two channels, and where a channel never moves.
    pub(super) fn pearson(&self) -> Option<f64> {
        let n = self.count as f64;
        let [left, right, left_squares, right_squares, products] = self.sums;
        let spread = |sum: f64, squares: f64| n * squares - sum * sum;
        let (left_spread, right_spread) = (spread(left, left_squares), spread(right, right_squares));
        // What is left of a constant after rounding is no movement.
        let moves = |spread: f64, squares: f64| spread > 1e-12 * n * squares;
        let both = moves(left_spread, left_squares) && moves(right_spread, right_squares);
        let correlation = (n * products - left * right) / (left_spread.sqrt() * right_spread.sqrt());
        both.then(|| correlation.clamp(-1.0, 1.0))
    }
}

fn sums(left: &[f32], right: &[f32]) -> [f64; 5] {
    let mut lanes = [[0.0; LANES]; 5];
    for (left, right) in left.chunks(LANES).zip(right.chunks(LANES)) {
        for (lane, (left, right)) in left.iter().zip(right).enumerate() {
            let (left, right) = (f64::from(*left), f64::from(*right));
            let terms = [left, right, left * left, right * right, left * right];
            lanes.iter_mut().zip(terms).for_each(|(sum, term)| sum[lane] += term);
        }
    }
    lanes.map(|lanes| lanes.iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Random;

    fn correlation(planes: &[Vec<f32>]) -> Option<f64> {
        let mut correlation = Correlation::default();
        correlation.add(planes);
        correlation.pearson()
    }

    #[test]
    fn channels_are_alike_opposite_or_as_far_apart_as_they_were_mixed() {
        let mut random = Random::new(5);
        let mut noise = || (0..200_000).map(|_| random.uniform() as f32 - 0.5).collect::<Vec<f32>>();
        let (a, b) = (noise(), noise());
        let with = |scale: f32| a.iter().map(|sample| scale * sample + 0.1).collect::<Vec<f32>>();
        let mixed = a.iter().zip(&b).map(|(a, b)| 0.6 * a + 0.8 * b).collect();
        for (right, want) in
            [(with(1.0), 1.0), (with(0.3), 1.0), (with(-0.5), -1.0), (b.clone(), 0.0), (mixed, 0.6)]
        {
            let found = correlation(&[a.clone(), right]).expect("both move");
            assert!((found - want).abs() < 0.006, "{found} {want}");
        }
    }

    #[test]
    fn it_takes_two_channels_that_move() {
        let moving = vec![0.5, -0.5, 0.5];
        for planes in [
            vec![moving.clone()],
            vec![moving.clone(), vec![0.0; 3]],
            vec![moving.clone(), vec![0.1; 3]],
            vec![moving.clone(), moving.clone(), moving],
            vec![],
        ] {
            assert_eq!(correlation(&planes), None, "{planes:?}");
        }
    }
}
