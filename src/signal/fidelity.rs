//! How faithful a map is to what it maps.

use rayon::prelude::*;

use super::squared_distance;

/// How faithful a map is at one row, by its `k` nearest neighbours: each figure 1 at best.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fidelity {
    /// Whether rows that are near in the map are near in truth (Venna and Kaski 2001): scikit-learn's `trustworthiness`.
    pub trustworthiness: f64,
    /// Whether rows that are near in truth are near in the map: trustworthiness the other way round.
    pub continuity: f64,
    /// What share of the nearest rows in truth are the nearest ones in the map.
    pub recall: f64,
}

/// Rows of `dim` numbers laid end to end.
#[derive(Debug, Clone, Copy)]
pub struct Points<'a> {
    /// The numbers.
    pub numbers: &'a [f32],
    /// How many of them are a row.
    pub dim: usize,
}

/// Compares a map with what it maps, both by Euclidean distance, at each of the rows `queries`: with all others. Of equally
/// near rows the earlier one counts as nearer. The means over all rows are the map's figures.
///
/// Nothing where `k` is 0 or not less than half the number of rows, for which the figures are not defined.
pub fn fidelity(truth: Points, map: Points, k: usize, queries: &[usize]) -> Vec<Fidelity> {
    let n = truth.numbers.len() / truth.dim.max(1);
    if k == 0 || 2 * k >= n {
        return Vec::new();
    }
    let worst = (k * (2 * n - 3 * k - 1)) as f64 / 2.0;
    let of_row = |row: &usize| {
        let [intruders, lost, shared] = faults_of(truth, map, k, *row).map(|faults| faults as f64);
        Fidelity {
            trustworthiness: 1.0 - intruders / worst,
            continuity: 1.0 - lost / worst,
            recall: shared / k as f64,
        }
    };
    queries.par_iter().map(of_row).collect()
}

/// By how many ranks the rows near in the map are too far in truth, the other way round, and how many are near in both.
fn faults_of(truth: Points, map: Points, k: usize, row: usize) -> [usize; 3] {
    let (truth, map) = (squares_from(truth, row), squares_from(map, row));
    let (near, near_in_map) = (nearest(&truth, k), nearest(&map, k));
    let excess = |squares: &[f64], rows: &[usize]| -> usize {
        rows.iter().map(|other| rank(squares, *other).saturating_sub(k)).sum()
    };
    let shared = near.iter().filter(|other| near_in_map.contains(other)).count();
    [excess(&truth, &near_in_map), excess(&map, &near), shared]
}

/// The squares of the distances of all rows from one, which itself is beyond them all.
fn squares_from(points: Points, row: usize) -> Vec<f64> {
    let dim = points.dim.max(1);
    let wide = |row: &[f32], to: &mut Vec<f64>| {
        to.clear();
        to.extend(row.iter().map(|x| f64::from(*x)));
    };
    let (mut from, mut other) = (Vec::new(), Vec::new());
    wide(&points.numbers[row * dim..(row + 1) * dim], &mut from);
    let square = |numbers: &[f32]| {
        wide(numbers, &mut other);
        squared_distance(&from, &other)
    };
    let mut squares: Vec<f64> = points.numbers.chunks_exact(dim).map(square).collect();
    squares[row] = f64::INFINITY;
    squares
}

fn nearest(squares: &[f64], k: usize) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..squares.len()).collect();
    rows.select_nth_unstable_by(k - 1, |a, b| squares[*a].total_cmp(&squares[*b]).then(a.cmp(b)));
    rows.truncate(k);
    rows
}

/// The place of a row by distance, from 1.
fn rank(squares: &[f64], row: usize) -> usize {
    let own = squares[row];
    let nearer = squares.iter().filter(|square| **square < own).count();
    let equal_before = squares[..row].iter().filter(|square| **square == own).count();
    nearer + equal_before + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::SplitMix;

    /// 60 rows of four numbers from 0 to 8, and a map of their first two.
    fn rows_and_map() -> (Vec<f32>, Vec<f32>) {
        let mut random = SplitMix(5);
        let rows: Vec<f32> = (0..240).map(|_| (random.uniform() * 8.0) as f32).collect();
        let map = rows.chunks_exact(4).flat_map(|row| [row[0], row[1]]).collect();
        (rows, map)
    }

    fn of(rows: &[f32], map: &[f32], k: usize) -> Vec<Fidelity> {
        let queries: Vec<usize> = (0..map.len() / 2).collect();
        fidelity(Points { numbers: rows, dim: 4 }, Points { numbers: map, dim: 2 }, k, &queries)
    }

    fn mean(figures: &[Fidelity], figure: fn(&Fidelity) -> f64) -> f64 {
        figures.iter().map(figure).sum::<f64>() / figures.len() as f64
    }

    #[test]
    fn trustworthiness_is_scikit_learns() {
        let (rows, map) = rows_and_map();
        // scikit-learn 1.9.1: trustworthiness(X, Y, n_neighbors=k), trustworthiness(Y, X, n_neighbors=k); shared neighbours by
        // NearestNeighbors
        for (k, trustworthiness, continuity, recall) in [
            (5, 0.767_628_205_128_205_1, 0.884_551_282_051_282_1, 0.36),
            (15, 0.787_657_657_657_657_7, 0.855_165_165_165_165_2, 0.523_333_333_333_333_3),
        ] {
            let got = of(&rows, &map, k);
            let pairs = [
                (mean(&got, |row| row.trustworthiness), trustworthiness),
                (mean(&got, |row| row.continuity), continuity),
                (mean(&got, |row| row.recall), recall),
            ];
            assert!(pairs.iter().all(|(got, want)| (got - want).abs() < 1e-9), "{pairs:?}");
        }
    }

    #[test]
    fn a_map_of_itself_is_perfect_and_few_rows_have_no_figures() {
        let (rows, map) = rows_and_map();
        let points = Points { numbers: &rows, dim: 4 };
        let perfect = Fidelity { trustworthiness: 1.0, continuity: 1.0, recall: 1.0 };
        assert_eq!(fidelity(points, points, 15, &[0, 7, 59]), [perfect; 3]);
        assert_eq!(of(&rows[..120], &map[..60], 15), []);
        assert_eq!(of(&rows[..124], &map[..62], 15).len(), 31);
        assert_eq!((of(&rows, &map, 0), of(&[], &[], 1)), (vec![], vec![]));
    }
}
