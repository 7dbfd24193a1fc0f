//! How much each row sees of another: probabilities that fall with distance, as fast as leaves each row so many neighbours.

use rayon::prelude::*;

use crate::signal::{Graph, Joints, Neighbours};

const BISECTIONS: usize = 100;
const TOLERANCE: f64 = 1e-8;

/// The probabilities p of all pairs of rows, which sum to 1: those by which each row sees its neighbours, whose entropy is
/// ln `perplexity`, in the mean of both ways.
pub fn affinities(neighbours: &Neighbours, perplexity: f64) -> Graph {
    let n_rows = neighbours.n_rows();
    let seen = |row: usize| -> Joints {
        let (ids, distances) = neighbours.of(row);
        let mut joints: Joints = ids.iter().copied().zip(probabilities(distances, perplexity)).collect();
        joints.sort_by_key(|(end, _)| *end);
        joints
    };
    let one_way: Vec<Joints> = (0..n_rows).into_par_iter().map(seen).collect();
    let both = 2.0 * n_rows as f64;
    Graph::of_one_way(&one_way, |a, b| ((f64::from(a) + f64::from(b)) / both) as f32)
}

/// exp(-b d²) over its sum, with the b for which the entropy is right.
pub(super) fn probabilities(distances: &[f32], perplexity: f64) -> Vec<f32> {
    let nearest = distances.first().map_or(0.0, |d| f64::from(*d) * f64::from(*d));
    let squares: Vec<f64> = distances.iter().map(|d| f64::from(*d) * f64::from(*d) - nearest).collect();
    let wanted = libm::log(perplexity);
    let (mut low, mut high, mut steepness) = (0.0, f64::INFINITY, 1.0);
    let mut shares = Vec::new();
    for _ in 0..BISECTIONS {
        shares = squares.iter().map(|square| libm::exp(-steepness * square)).collect();
        let sum: f64 = shares.iter().sum();
        shares.iter_mut().for_each(|share| *share /= sum);
        let energy: f64 = squares.iter().zip(&shares).map(|(square, share)| square * share).sum();
        let excess = libm::log(sum) + steepness * energy - wanted;
        if excess.abs() < TOLERANCE {
            break;
        }
        if excess > 0.0 {
            low = steepness;
            steepness = if high.is_infinite() { steepness * 2.0 } else { (low + high) / 2.0 };
        } else {
            high = steepness;
            steepness = (low + high) / 2.0;
        }
    }
    shares.into_iter().map(|share| share as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_sees_as_many_neighbours_as_was_asked_for() {
        let distances: Vec<f32> = (0..90).map(|i| 3.0 + (i as f32).sqrt()).collect();
        for perplexity in [2.0, 30.0, 80.0] {
            let shares = probabilities(&distances, perplexity);
            let entropy: f64 =
                shares.iter().map(|p| f64::from(-*p) * libm::log(f64::from(*p).max(1e-300))).sum();
            assert!((libm::exp(entropy) / perplexity - 1.0).abs() < 1e-5, "{perplexity} {entropy}");
        }
        let equal = probabilities(&[2.0; 6], 3.0);
        assert!(equal.iter().all(|p| (p - 1.0 / 6.0).abs() < 1e-6));
    }

    #[test]
    fn the_probabilities_of_all_pairs_sum_to_one() {
        let neighbours =
            Neighbours { k: 2, ids: vec![1, 2, 0, 2, 1, 0], distances: vec![1.0, 3.0, 1.0, 2.0, 2.0, 3.0] };
        let graph = affinities(&neighbours, 1.5);
        assert!((graph.weights.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert_eq!(graph.ends, [1, 2, 0, 2, 0, 1]);
    }
}
