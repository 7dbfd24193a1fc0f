//! Placing new rows on a finished map, which stays as it is: openTSNE's `transform`.

use super::affinities::probabilities;
use super::descent::follow;
use super::tree::Tree;
use crate::signal::{LANES, Lanes};

/// About how many rows of the map a new row sees.
const PERPLEXITY: f64 = 5.0;
/// How much more a new row is pulled than it sees.
const EXAGGERATION: f32 = 1.5;
const STEPS: usize = 250;
const RATE: f32 = 0.1;
/// No gradient is longer.
const LONGEST_GRADIENT: f32 = 0.25;

/// A finished map of `D` dimensions, and how new rows are placed on it, with openTSNE's numbers. Each is placed by itself, so
/// that it lies where it does whatever other new rows there are.
#[derive(Debug, Clone)]
pub struct Placing<const D: usize> {
    places: Vec<[f32; D]>,
    tree: Tree<D>,
}

impl<const D: usize> Placing<D> {
    /// How many neighbours on the map a new row is placed by.
    pub const N_NEIGHBOURS: usize = 3 * PERPLEXITY as usize;

    /// A map with these places, `D` numbers a row.
    pub fn new(places: &[f32]) -> Self {
        let place = |place: &[f32]| std::array::from_fn(|axis| place[axis]);
        let places: Vec<[f32; D]> = places.chunks_exact(D).map(place).collect();
        Self { tree: Tree::of(&places), places }
    }

    /// Where a row lies whose nearest rows of the map are these, nearest first.
    pub fn place(&self, ids: &[u32], distances: &[f32]) -> [f32; D] {
        let near: Vec<[f32; D]> =
            ids.iter().filter_map(|id| self.places.get(*id as usize)).copied().collect();
        let perplexity = PERPLEXITY.min(near.len() as f64 / 3.0).max(1.0);
        let shares = probabilities(distances, perplexity);
        let mut place = std::array::from_fn(|axis| median(near.iter().map(|place| place[axis]).collect()));
        let (mut speed, mut gain) = ([0.0; D], [1.0; D]);
        for _ in 0..STEPS {
            let gradient = shortened(self.gradient(&place, &near, &shares));
            follow(&mut speed, &mut gain, &gradient, RATE);
            place.iter_mut().zip(speed).for_each(|(x, speed)| *x += speed);
        }
        place
    }

    fn gradient(&self, place: &[f32; D], near: &[[f32; D]], shares: &[f32]) -> [f32; D] {
        // Eight times the same row: which cells are seen as one would else depend on the others beside it.
        let pushes = self.tree.pushes_on(place.map(|x| Lanes([x; LANES])));
        let sum = pushes.sum.0[0].max(f32::MIN_POSITIVE);
        let mut gradient: [f32; D] = std::array::from_fn(|axis| -pushes.forces[axis].0[0] / sum);
        for (other, share) in near.iter().zip(shares) {
            let difference: [f32; D] = std::array::from_fn(|axis| place[axis] - other[axis]);
            let square = difference.iter().fold(0.0, |sum, x| sum + x * x);
            let pull = EXAGGERATION * share / (1.0 + square);
            gradient.iter_mut().zip(difference).for_each(|(x, difference)| *x += pull * difference);
        }
        gradient
    }
}

fn shortened<const D: usize>(gradient: [f32; D]) -> [f32; D] {
    let length = gradient.iter().fold(0.0, |sum, x| sum + x * x).sqrt();
    if length > LONGEST_GRADIENT { gradient.map(|x| x * (LONGEST_GRADIENT / length)) } else { gradient }
}

/// The middle of some numbers, or the mean of the two in the middle; 0 of none.
fn median(mut numbers: Vec<f32>) -> f32 {
    numbers.sort_by(f32::total_cmp);
    match (numbers.len() / 2, numbers.len() % 2) {
        (0, 0) => 0.0,
        (middle, 0) => (numbers[middle - 1] + numbers[middle]) / 2.0,
        (middle, _) => numbers[middle],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_placed_among_its_neighbours() {
        let places: Vec<f32> =
            (0..40).flat_map(|i| [(i / 20 * 30) as f32 + (i % 5) as f32, (i % 4) as f32]).collect();
        let placing = Placing::<2>::new(&places);
        let place = placing.place(&[20, 21, 22, 25], &[1.0, 1.1, 1.2, 1.5]);
        assert!(place[0] > 28.0 && place[0] < 36.0 && place[1].abs() < 5.0, "{place:?}");
        let one = Placing::<2>::new(&places[..2]).place(&[0], &[0.5]);
        assert!(one.iter().all(|x| x.is_finite()), "{one:?}");
    }

    #[test]
    fn medians_are_numpys() {
        for (numbers, want) in
            [(vec![], 0.0), (vec![3.0], 3.0), (vec![4.0, 1.0], 2.5), (vec![9.0, 1.0, 2.0], 2.0)]
        {
            assert_eq!(median(numbers), want);
        }
    }
}
