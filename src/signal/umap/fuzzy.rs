//! The fuzzy graph of neighbours: how surely each row belongs to another's surroundings.

use rayon::prelude::*;

use crate::signal::{Graph, Joints, Neighbours};

/// How a row's certainty of its neighbours falls with their distance: exp(-(d - `nearest`) / `scale`), and 1 below `nearest`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Kernel {
    /// The distance of the nearest row that is not at the same place (umap-learn's rho).
    pub nearest: f64,
    /// umap-learn's sigma.
    pub scale: f64,
}

const BISECTIONS: usize = 64;
const TOLERANCE: f64 = 1e-5;
/// No scale is less than this part of the mean distance.
pub(super) const LEAST_SCALE: f64 = 1e-3;

impl Kernel {
    /// The kernel under which the neighbours at these distances count as log2 of their number and one: umap-learn's
    /// `smooth_knn_dist`. A row is the nearest of its own neighbours there, and not among `distances`.
    ///
    /// `mean` is the mean of all distances of all rows.
    pub fn of(distances: &[f32], mean: f64) -> Self {
        let nearest = distances.iter().find(|d| **d > 0.0).map_or(0.0, |d| f64::from(*d));
        let n = distances.len() as f64 + 1.0;
        let target = libm::log2(n);
        let certainty = |scale| {
            let kernel = Self { nearest, scale };
            distances.iter().map(|d| kernel.at(f64::from(*d))).sum()
        };
        let scale = scale_for(target, certainty);
        let own_mean = distances.iter().map(|d| f64::from(*d)).sum::<f64>() / n;
        let least = LEAST_SCALE * if nearest > 0.0 { own_mean } else { mean };
        Self { nearest, scale: scale.max(least) }
    }

    /// How surely a row at this distance belongs to the surroundings.
    pub fn at(&self, distance: f64) -> f64 {
        let beyond = distance - self.nearest;
        if beyond <= 0.0 || self.scale == 0.0 { 1.0 } else { libm::exp(-beyond / self.scale) }
    }
}

/// The scale under which a row's neighbours count as `target`.
pub(super) fn scale_for(target: f64, certainty: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high, mut scale) = (0.0, f64::INFINITY, 1.0);
    for _ in 0..BISECTIONS {
        let sum = certainty(scale);
        if (sum - target).abs() < TOLERANCE {
            break;
        }
        if sum > target {
            high = scale;
            scale = (low + high) / 2.0;
        } else {
            low = scale;
            scale = if high.is_infinite() { scale * 2.0 } else { (low + high) / 2.0 };
        }
    }
    scale
}

/// The union of all rows' surroundings: a + b - ab of how surely the one is among the other's neighbours and the other way
/// round (umap-learn's `fuzzy_simplicial_set`).
pub fn fuzzy_graph(neighbours: &Neighbours) -> Graph {
    let n_rows = neighbours.n_rows();
    let sum: f64 = neighbours.distances.iter().map(|d| f64::from(*d)).sum();
    let mean = sum / (n_rows * (neighbours.k + 1)).max(1) as f64;
    let one_way: Vec<Joints> =
        (0..n_rows).into_par_iter().map(|row| surroundings(neighbours, row, mean)).collect();
    Graph::of_one_way(&one_way, |a, b| a + b - a * b)
}

/// A row's neighbours in order of row, and how surely they are.
fn surroundings(neighbours: &Neighbours, row: usize, mean: f64) -> Joints {
    let (ids, distances) = neighbours.of(row);
    let kernel = Kernel::of(distances, mean);
    let weight = |d: &f32| kernel.at(f64::from(*d)) as f32;
    let mut joints: Joints = ids.iter().copied().zip(distances.iter().map(weight)).collect();
    joints.retain(|(_, weight)| *weight > 0.0);
    joints.sort_by_key(|(end, _)| *end);
    joints
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two rows, and how surely they are joined.
    const WANTED: [(usize, u32, f32); 14] = [
        (0, 1, 1.000000),
        (0, 2, 0.584969),
        (1, 0, 1.000000),
        (1, 2, 0.827744),
        (1, 3, 0.584969),
        (2, 0, 0.584969),
        (2, 1, 0.827744),
        (2, 3, 1.000000),
        (2, 4, 0.584969),
        (3, 1, 0.584969),
        (3, 2, 1.000000),
        (3, 4, 1.000000),
        (4, 2, 0.584969),
        (4, 3, 1.000000),
    ];

    #[test]
    fn the_graph_is_umap_learns() {
        // umap-learn 0.5.12: fuzzy_simplicial_set(X, 3, ...)[0] of X = [[0], [1], [3], [3.5], [10]]
        let neighbours = Neighbours {
            k: 2,
            ids: vec![1, 2, 0, 2, 3, 1, 2, 1, 3, 2],
            distances: vec![1.0, 3.0, 1.0, 2.0, 0.5, 2.0, 0.5, 2.5, 6.5, 7.0],
        };
        let graph = fuzzy_graph(&neighbours);
        let weights: Vec<(usize, u32, f32)> =
            (0..5).flat_map(|row| graph.joints(row).map(move |(end, weight)| (row, end, weight))).collect();
        for ((row, end, weight), (want_row, want_end, want)) in weights.iter().zip(WANTED) {
            assert_eq!((*row, *end), (want_row, want_end));
            assert!((weight - want).abs() < 1e-4, "{row} {end}: {weight} {want}");
        }
        assert_eq!(weights.len(), WANTED.len());
    }

    #[test]
    fn rows_at_one_place_are_sure_of_each_other() {
        assert_eq!(Kernel::of(&[0.0; 4], 0.0).at(0.0), 1.0);
        assert_eq!(Kernel::of(&[0.0; 4], 1.0).nearest, 0.0);
        assert_eq!(fuzzy_graph(&Neighbours::default()), Graph::of(&[]));
    }
}
