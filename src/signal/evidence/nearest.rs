//! Nearest neighbours as a classifier: a row is taken for what most rows near it are.

use std::cmp::Reverse;

use rayon::prelude::*;

use super::compare::distances_from;
use crate::signal::Matrix;

/// The nearest rows of each row, among those that it may be compared with.
///
/// They depend on which rows have labels, not on what these are: what they tell is found for many labellings at little
/// cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nearest(pub(super) Vec<Vec<u32>>);

impl Nearest {
    /// The `k` nearest rows of each row by Euclidean distance among those in other folds; of equally near ones those
    /// that come first. Where there are fewer, all of them.
    pub fn of(rows: &Matrix, folds: &[usize], k: usize) -> Self {
        let folds: Vec<Option<usize>> = folds.iter().map(|fold| Some(*fold)).collect();
        let known = vec![true; folds.len()];
        let nearest = |row: usize| {
            let mut order = Order::default();
            order.set(row, &distances_from(rows, row));
            order.nearest(Allowed { known: &known, folds: &folds }, row, k)
        };
        Self((0..folds.len()).into_par_iter().map(nearest).collect())
    }

    /// What each row is taken for: the label of most of its neighbours, each with one vote; the smallest of equally
    /// many, as scikit-learn's `KNeighborsClassifier`; none where it has no neighbour with a label.
    pub fn tell(&self, labels: &[Option<usize>]) -> Vec<Option<usize>> {
        let n_labels = labels.iter().flatten().max().map_or(0, |most| most + 1);
        let mut votes = vec![0_u32; n_labels];
        let tell = |near: &Vec<u32>| {
            let cast = || near.iter().filter_map(|row| labels[*row as usize]);
            cast().for_each(|label| votes[label] += 1);
            let most = cast().max_by_key(|label| (votes[*label], Reverse(*label)));
            cast().for_each(|label| votes[label] = 0);
            most
        };
        self.0.iter().map(tell).collect()
    }
}

/// Which rows may be compared with which.
#[derive(Clone, Copy)]
pub(super) struct Allowed<'a> {
    /// Which rows take part.
    pub(super) known: &'a [bool],
    /// Rows of one fold are not compared; one without a fold takes no part.
    pub(super) folds: &'a [Option<usize>],
}

impl Allowed<'_> {
    fn takes_part(self, row: usize) -> bool {
        self.known[row] && self.folds[row].is_some()
    }
}

/// All rows but one, the nearest first, as far as anybody asked.
#[derive(Default)]
pub(super) struct Order {
    near: Vec<(f64, u32)>,
    /// How many are sorted.
    n_sorted: usize,
}

impl Order {
    /// So many are sorted to begin with: most questions ask for no more.
    const FIRST: usize = 256;

    /// All rows but `row`, by these distances from it.
    pub(super) fn set(&mut self, row: usize, distances: &[f64]) {
        self.near.clear();
        let all = distances.iter().zip(0..).map(|(distance, other)| (*distance, other));
        self.near.extend(all.filter(|(_, other)| *other as usize != row));
        self.n_sorted = 0;
        self.sort_more(Self::FIRST);
    }

    /// The nearest `k` that `row` may be compared with; of equally near ones those that come first.
    pub(super) fn nearest(&mut self, allowed: Allowed, row: usize, k: usize) -> Vec<u32> {
        if !allowed.takes_part(row) {
            return Vec::new();
        }
        let is_allowed =
            |other: usize| allowed.takes_part(other) && allowed.folds[other] != allowed.folds[row];
        loop {
            let sorted = self.near[..self.n_sorted].iter().map(|(_, other)| *other);
            let found: Vec<u32> = sorted.filter(|other| is_allowed(*other as usize)).take(k).collect();
            if found.len() == k || self.n_sorted == self.near.len() {
                return found;
            }
            self.sort_more(self.near.len());
        }
    }

    fn sort_more(&mut self, n: usize) {
        let order = |a: &(f64, u32), b: &(f64, u32)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
        let rest = &mut self.near[self.n_sorted..];
        let n = n.min(rest.len());
        if n < rest.len() {
            rest.select_nth_unstable_by(n, order);
        }
        rest[..n].sort_unstable_by(order);
        self.n_sorted += n;
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{GOLDEN, labels, rows};
    use super::*;

    #[test]
    fn neighbours_tell_what_scikit_learns_classifier_tells() {
        for golden in &GOLDEN {
            let labels = labels(golden.n, golden.n_classes);
            let folds: Vec<usize> = (0..golden.n).map(|row| row % 3).collect();
            let told = Nearest::of(&rows(&labels, golden.n_cols), &folds, 5);
            let told = told.tell(&labels.iter().map(|label| Some(*label)).collect::<Vec<_>>());
            let n_right = told.iter().zip(&labels).filter(|(told, label)| **told == Some(**label)).count();
            assert_eq!(n_right, golden.n_right_of_nearest);
        }
    }

    #[test]
    fn few_rows_and_rows_without_labels_have_an_answer() {
        let mut rows = Matrix::zeros(4, 1);
        rows.data_mut().copy_from_slice(&[0.0, 1.0, 2.0, 10.0]);
        let tell = |folds: &[usize], labels: &[Option<usize>]| Nearest::of(&rows, folds, 15).tell(labels);
        let (a, b) = (Some(0), Some(1));
        assert_eq!(tell(&[0, 1, 2, 3], &[a, a, b, b]), [b, b, a, a]);
        assert_eq!(tell(&[0, 0, 0, 0], &[a, a, b, b]), [None; 4]);
        assert_eq!(tell(&[0, 1, 1, 1], &[None, b, None, b]), [b, None, None, None]);
        assert_eq!(Nearest::of(&rows, &[0, 1, 2, 3], 1).tell(&[a, b, a, b]), [b, a, b, a]);
    }
}
