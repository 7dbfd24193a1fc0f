//! The fuzzy graph of neighbours: how surely each row belongs to another's surroundings.

use rayon::prelude::*;

use crate::signal::Neighbours;

/// How a row's certainty of its neighbours falls with their distance: exp(-(d - `nearest`) / `scale`), and 1 below `nearest`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Kernel {
    /// The distance of the nearest row that is not at the same place (umap-learn's rho).
    pub nearest: f64,
    /// umap-learn's sigma.
    pub scale: f64,
}

/// A symmetric graph: for each row the rows that it is joined to, in order, and how surely.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Graph {
    /// Where the joints of each row begin, and where the last ones end.
    pub starts: Vec<usize>,
    /// The other rows.
    pub ends: Vec<u32>,
    /// How surely, above 0 to 1.
    pub weights: Vec<f32>,
}

const BISECTIONS: usize = 64;
const TOLERANCE: f64 = 1e-5;
/// No scale is less than this part of the mean distance.
const LEAST_SCALE: f64 = 1e-3;

impl Kernel {
    /// The kernel under which the neighbours at these distances count as log2 of their number and one: umap-learn's
    /// `smooth_knn_dist`. A row is the nearest of its own neighbours there, and not among `distances`.
    ///
    /// `mean` is the mean of all distances of all rows.
    pub fn of(distances: &[f32], mean: f64) -> Self {
        let nearest = distances.iter().find(|d| **d > 0.0).map_or(0.0, |d| f64::from(*d));
        let n = distances.len() as f64 + 1.0;
        let target = libm::log2(n);
        let (mut low, mut high, mut scale) = (0.0, f64::INFINITY, 1.0);
        for _ in 0..BISECTIONS {
            let kernel = Self { nearest, scale };
            let sum: f64 = distances.iter().map(|d| kernel.at(f64::from(*d))).sum();
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

/// The union of all rows' surroundings: a + b - ab of how surely the one is among the other's neighbours and the other way
/// round (umap-learn's `fuzzy_simplicial_set`).
pub fn fuzzy_graph(neighbours: &Neighbours) -> Graph {
    let n_rows = neighbours.n_rows();
    let sum: f64 = neighbours.distances.iter().map(|d| f64::from(*d)).sum();
    let mean = sum / (n_rows * (neighbours.k + 1)).max(1) as f64;
    let one_way: Vec<Vec<(u32, f32)>> =
        (0..n_rows).into_par_iter().map(|row| surroundings(neighbours, row, mean)).collect();
    let mut other_way: Vec<Vec<(u32, f32)>> = vec![Vec::new(); n_rows];
    for (row, joints) in one_way.iter().enumerate() {
        joints.iter().for_each(|(end, weight)| other_way[*end as usize].push((row as u32, *weight)));
    }
    let rows: Vec<Vec<(u32, f32)>> =
        one_way.par_iter().zip(&other_way).map(|(to, from)| union(to, from)).collect();
    Graph::of(&rows)
}

impl Graph {
    /// The graph of these joints of each row.
    pub fn of(rows: &[Vec<(u32, f32)>]) -> Self {
        let mut graph = Self { starts: vec![0], ..Self::default() };
        for joints in rows {
            graph.ends.extend(joints.iter().map(|(end, _)| *end));
            graph.weights.extend(joints.iter().map(|(_, weight)| *weight));
            graph.starts.push(graph.ends.len());
        }
        graph
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// What a row is joined to, and how surely.
    pub fn joints(&self, row: usize) -> impl Iterator<Item = (u32, f32)> + Clone + '_ {
        let range = self.starts[row]..self.starts[row + 1];
        self.ends[range.clone()].iter().copied().zip(self.weights[range].iter().copied())
    }
}

/// A row's neighbours in order of row, and how surely they are.
fn surroundings(neighbours: &Neighbours, row: usize, mean: f64) -> Vec<(u32, f32)> {
    let (ids, distances) = neighbours.of(row);
    let kernel = Kernel::of(distances, mean);
    let weight = |d: &f32| kernel.at(f64::from(*d)) as f32;
    let mut joints: Vec<(u32, f32)> = ids.iter().copied().zip(distances.iter().map(weight)).collect();
    joints.retain(|(_, weight)| *weight > 0.0);
    joints.sort_by_key(|(end, _)| *end);
    joints
}

/// Merges two lists in order of row.
fn union(mut a: &[(u32, f32)], mut b: &[(u32, f32)]) -> Vec<(u32, f32)> {
    let mut merged = Vec::with_capacity(a.len() + b.len());
    while let (Some(x), Some(y)) = (a.first(), b.first()) {
        let both = x.1 + y.1 - x.1 * y.1;
        let (is_first, is_second) = (x.0 <= y.0, y.0 <= x.0);
        merged.push(match (is_first, is_second) {
            (true, true) => (x.0, both),
            (true, false) => *x,
            _ => *y,
        });
        a = &a[usize::from(is_first)..];
        b = &b[usize::from(is_second)..];
    }
    merged.extend(a.iter().chain(b));
    merged
}
