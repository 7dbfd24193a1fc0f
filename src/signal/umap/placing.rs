//! Placing new rows on a finished map, which stays as it is: umap-learn's `transform`.

use super::fuzzy::{LEAST_SCALE, scale_for};
use super::layout::{Forces, PUSHES};
use super::{Curve, Kernel, Shape};
use crate::signal::SplitMix;

/// How often a new row is gone through, where nobody said (umap-learn's number for up to 10,000 new rows).
const EPOCHS: usize = 100;
/// A new row is gone through in a third of the epochs that were asked for.
const SHARE_OF_EPOCHS: usize = 3;
/// New rows follow forces less than those of a map that is being laid out do.
const FIRST_ALPHA: f32 = 0.25;

/// A finished map of `D` dimensions, and how new rows are placed on it.
///
/// Each is placed by itself, so that it lies where it does whatever other new rows there are. In that alone it is not umap-learn's
/// definition: there a row pulls as often as it is certain beside the greatest certainty of all new rows, here beside that of
/// the row's own neighbours, and the least scale follows from the row's own distances.
#[derive(Debug, Clone)]
pub struct Placing<'m, const D: usize> {
    places: &'m [f32],
    forces: Forces,
    n_epochs: usize,
    seed: u64,
}

impl<'m, const D: usize> Placing<'m, D> {
    /// A map with these places, `D` numbers a row, that was laid out in this shape.
    pub fn new(places: &'m [f32], shape: &Shape) -> Self {
        let curve = Curve::fit(shape.min_dist, shape.spread);
        let forces = Forces { a: curve.a as f32, b: curve.b as f32, alpha: FIRST_ALPHA };
        let n_epochs = if shape.epochs == 0 { EPOCHS } else { (shape.epochs / SHARE_OF_EPOCHS).max(1) };
        Self { places, forces, n_epochs, seed: shape.seed }
    }

    /// Where a row lies whose nearest rows of the map are these, nearest first; `mark` tells it from other rows.
    pub fn place(&self, ids: &[u32], distances: &[f32], mark: u64) -> [f32; D] {
        let certainties = certainties(distances);
        let greatest = certainties.iter().fold(f64::MIN_POSITIVE, |greatest, c| greatest.max(*c));
        let mut place = self.start(ids, &certainties);
        let n_rows = (self.places.len() / D) as u32;
        let mut random = SplitMix(self.seed ^ mark);
        let mut forces = self.forces;
        for epoch in 1..=self.n_epochs {
            for (id, certainty) in ids.iter().zip(&certainties) {
                if is_due(certainty / greatest, epoch, self.n_epochs) {
                    forces.pull(&mut place, &mut self.at(*id));
                    let others: [usize; PUSHES] = std::array::from_fn(|_| random.below(n_rows) as usize);
                    forces.push(&mut place, others, self.places);
                }
            }
            forces.alpha = FIRST_ALPHA * (1.0 - epoch as f32 / self.n_epochs as f32);
        }
        place
    }

    /// The place of the first neighbour that is certain, or else the mean of all by how certain they are.
    fn start(&self, ids: &[u32], certainties: &[f64]) -> [f32; D] {
        if let Some((id, _)) = ids.iter().zip(certainties).find(|(_, certainty)| **certainty == 1.0) {
            return self.at(*id);
        }
        let sum = certainties.iter().sum::<f64>().max(f64::MIN_POSITIVE);
        std::array::from_fn(|axis| {
            let parts = ids.iter().zip(certainties).map(|(id, c)| c / sum * f64::from(self.at(*id)[axis]));
            parts.sum::<f64>() as f32
        })
    }

    fn at(&self, id: u32) -> [f32; D] {
        std::array::from_fn(|axis| self.places.get(id as usize * D + axis).copied().unwrap_or(0.0))
    }
}

/// How surely a new row belongs to the surroundings of each of its neighbours: umap-learn's `smooth_knn_dist` with a local
/// connectivity of 0, for which no neighbour is certain unless it lies at the same place, and the first does not count.
fn certainties(distances: &[f32]) -> Vec<f64> {
    let kernel = |scale| Kernel { nearest: 0.0, scale };
    let certainty = |scale| distances.iter().skip(1).map(|d| kernel(scale).at(f64::from(*d))).sum();
    let scale = scale_for(libm::log2(distances.len() as f64), certainty);
    let mean = distances.iter().map(|d| f64::from(*d)).sum::<f64>() / distances.len().max(1) as f64;
    let kernel = kernel(scale.max(LEAST_SCALE * mean));
    distances.iter().map(|d| kernel.at(f64::from(*d))).collect()
}

/// Whether a neighbour pulls in this epoch, counted from 1: in the share of them that its weight is, evenly spread; never,
/// where that is less than one.
fn is_due(weight: f64, epoch: usize, n_epochs: usize) -> bool {
    let n_pulls = |epoch: usize| (weight * epoch as f64).floor();
    weight * n_epochs as f64 >= 1.0 && n_pulls(epoch) > n_pulls(epoch - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certainties_are_umap_learns() {
        // umap-learn 0.5.12: with D = [[1, 2, 2.5, 4, 7]], s, r = smooth_knn_dist(D, 5.0, local_connectivity=0.0);
        // compute_membership_strengths(range(5), D, s, r, bipartite=True)[2]
        let want = [0.860_166_1, 0.739_885_7, 0.686_208_07, 0.547_430_9, 0.348_398_48];
        for (got, want) in certainties(&[1.0, 2.0, 2.5, 4.0, 7.0]).iter().zip(want) {
            assert!((got - want).abs() < 1e-5, "{got} {want}");
        }
        assert_eq!(certainties(&[0.0; 4]), [1.0; 4]);
        assert!(certainties(&[]).is_empty());
    }

    #[test]
    fn a_row_is_placed_near_its_neighbours_whatever_others_there_are() {
        let places: Vec<f32> =
            (0..40).flat_map(|i| [(i / 20 * 30) as f32 + (i % 5) as f32, (i % 4) as f32]).collect();
        let shape = Shape { dims: 2, min_dist: 0.1, spread: 1.0, epochs: 0, seed: 7 };
        let placing = Placing::<2>::new(&places, &shape);
        let place = placing.place(&[20, 21, 22, 25], &[1.0, 1.1, 1.2, 1.5], 9);
        assert!(place[0] > 25.0 && place[0] < 39.0 && place[1].abs() < 8.0, "{place:?}");
        assert_eq!(place, placing.place(&[20, 21, 22, 25], &[1.0, 1.1, 1.2, 1.5], 9));
        let one = Placing::<2>::new(&places[..2], &shape).place(&[0], &[0.5], 1);
        assert!(one.iter().all(|x| x.is_finite()), "{one:?}");
    }
}
