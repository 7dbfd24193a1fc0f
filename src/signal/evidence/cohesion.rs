//! Cohesion: whether the segments of one performance stay together, from its beginning to its end.

use rayon::prelude::*;

use super::compare::distances_from;
use crate::signal::Matrix;

/// How far segments of one performance lie from each other, and how far from those of others.
#[derive(Debug, Clone, PartialEq)]
pub struct Cohesion {
    /// Mean distance of two segments of one performance; none where no performance has two.
    pub within: Option<f64>,
    /// Mean distance of two segments of different performances; none where there is only one.
    pub between: Option<f64>,
    /// The chance that of two segments, one of the same performance and one of another, the first lies nearer; equally
    /// near ones count half. 0.5 says that performances cannot be told apart. Each segment that has both counts once.
    pub nearer: Option<f64>,
    /// As `within`, for segments less than a third of the performance apart, less than two thirds, and farther.
    pub along: [Option<f64>; 3],
    /// What `nearer` is the mean of: that chance for each row, as the first of the two; none where it has not both.
    pub nearer_of_rows: Vec<Option<f64>>,
}

/// The cohesion of rows by Euclidean distance. `positions` are those of the segments' middles in their performance, from
/// 0 to 1.
pub fn cohesion(rows: &Matrix, performances: &[usize], positions: &[f64]) -> Cohesion {
    let of_row = |row: usize| of_row(row, &distances_from(rows, row), performances, positions);
    all_together(&(0..performances.len()).into_par_iter().map(of_row).collect::<Vec<Sums>>())
}

/// The cohesion of all rows from the sums of each.
pub(super) fn all_together(each: &[Sums]) -> Cohesion {
    let mut all = Sums::default();
    each.iter().for_each(|sums| all.add(sums));
    Cohesion {
        within: mean(all.along.iter().fold((0.0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1))),
        between: mean(all.between),
        nearer: mean(all.nearer),
        along: all.along.map(mean),
        nearer_of_rows: each.iter().map(|sums| mean(sums.nearer)).collect(),
    }
}

/// Sums, each with the number of its terms.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sums {
    along: [(f64, u64); 3],
    between: (f64, u64),
    nearer: (f64, u64),
}

impl Sums {
    fn add(&mut self, other: &Self) {
        let pairs = self.along.iter_mut().zip(&other.along);
        let pairs = pairs.chain([(&mut self.between, &other.between), (&mut self.nearer, &other.nearer)]);
        pairs.for_each(|(sum, term)| *sum = (sum.0 + term.0, sum.1 + term.1));
    }
}

/// The sums of a row of which this is how far all rows are.
pub(super) fn of_row(row: usize, distances: &[f64], performances: &[usize], positions: &[f64]) -> Sums {
    let mut sums = Sums::default();
    let mut within = Vec::new();
    for (other, distance) in distances.iter().enumerate().filter(|(other, _)| *other != row) {
        if performances[other] == performances[row] {
            let gap = (positions[other] - positions[row]).abs();
            let third = if gap < 1.0 / 3.0 { 0 } else { 1 + usize::from(gap >= 2.0 / 3.0) };
            sums.along[third] = (sums.along[third].0 + distance, sums.along[third].1 + 1);
            within.push(*distance);
        } else {
            sums.between = (sums.between.0 + distance, sums.between.1 + 1);
        }
    }
    within.sort_unstable_by(f64::total_cmp);
    let is_other = |other: &usize| performances[*other] != performances[row];
    let between = (0..distances.len()).filter(is_other).map(|other| distances[other]);
    if !within.is_empty() && sums.between.1 > 0 {
        sums.nearer = (share_nearer(&within, between, sums.between.1), 1);
    }
    sums
}

/// The share of all pairs of a number of `near`, which are sorted, and one of the `n_far` others in which the first is
/// less, equal ones counting half.
fn share_nearer(near: &[f64], far: impl Iterator<Item = f64>, n_far: u64) -> f64 {
    let halves = far.map(|far| {
        let (below, up_to) =
            (near.partition_point(|near| *near < far), near.partition_point(|near| *near <= far));
        (below + up_to) as u64
    });
    halves.sum::<u64>() as f64 / (2 * near.len() as u64 * n_far) as f64
}

fn mean((sum, n): (f64, u64)) -> Option<f64> {
    (n > 0).then(|| sum / n as f64)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::noise;
    use super::*;

    fn on_a_line(places: &[f64]) -> Matrix {
        let mut rows = Matrix::zeros(places.len(), 1);
        rows.data_mut().copy_from_slice(places);
        rows
    }

    #[test]
    fn distances_are_told_apart_by_performance_and_by_position() {
        let rows = on_a_line(&[0.0, 1.0, 3.0, 10.0, 12.0]);
        let found = cohesion(&rows, &[0, 0, 0, 1, 1], &[0.1, 0.2, 0.9, 0.0, 0.5]);
        assert_eq!(found.along, [Some(1.0), Some(2.0), Some(2.5)]);
        assert_eq!(found.within, Some((2.0 * (1.0 + 3.0 + 2.0) + 2.0 * 2.0) / 8.0));
        assert_eq!(found.between, Some((10.0 + 12.0 + 9.0 + 11.0 + 7.0 + 9.0) / 6.0));
        assert_eq!(found.nearer, Some(1.0));
    }

    #[test]
    fn performances_that_cannot_be_told_apart_are_as_near_as_others() {
        let rows = noise(300, 5, 3);
        let performances: Vec<usize> = (0..300).map(|row| row % 10).collect();
        let nearer = cohesion(&rows, &performances, &[0.5; 300]).nearer.unwrap();
        assert!((nearer - 0.5).abs() < 0.02, "{nearer}");
    }

    #[test]
    fn one_performance_or_one_segment_each_have_an_answer() {
        let one = cohesion(&on_a_line(&[0.0, 2.0]), &[0, 0], &[0.0, 1.0]);
        assert_eq!((one.within, one.between, one.nearer), (Some(2.0), None, None));
        let each = cohesion(&on_a_line(&[0.0, 2.0]), &[0, 1], &[0.5, 0.5]);
        assert_eq!((each.within, each.between, each.nearer), (None, Some(2.0), None));
        assert_eq!(cohesion(&Matrix::zeros(0, 1), &[], &[]).along, [None; 3]);
    }
}
