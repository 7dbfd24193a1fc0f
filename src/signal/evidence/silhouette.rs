//! Silhouette: how much nearer each row lies to those of its own label than to those of the nearest other one.

use rayon::prelude::*;

use super::compare::distances_from;
use crate::signal::Matrix;

/// Rows with labels, to be asked how much nearer each lies to its own.
pub(super) struct Labelled<'a> {
    /// None where there is none: such a row is left out.
    labels: &'a [Option<usize>],
    /// How many rows each label has.
    sizes: Vec<usize>,
}

impl<'a> Labelled<'a> {
    pub(super) fn new(labels: &'a [Option<usize>]) -> Self {
        let mut sizes = vec![0_usize; labels.iter().flatten().max().map_or(0, |most| most + 1)];
        labels.iter().flatten().for_each(|label| sizes[*label] += 1);
        Self { labels, sizes }
    }

    /// The silhouette of a row of which this is how far all rows are; none where it has no label.
    pub(super) fn of_row(&self, row: usize, distances: &[f64]) -> Option<f64> {
        let own = self.labels[row]?;
        if self.sizes[own] == 1 {
            return Some(0.0);
        }
        let mut sums = vec![0.0; self.sizes.len()];
        for (distance, label) in distances.iter().zip(self.labels) {
            label.iter().for_each(|label| sums[*label] += distance);
        }
        let within = sums[own] / (self.sizes[own] - 1) as f64;
        let others = (0..self.sizes.len()).filter(|label| *label != own && self.sizes[*label] > 0);
        let between =
            others.map(|label| sums[label] / self.sizes[label] as f64).fold(f64::INFINITY, f64::min);
        let most = within.max(between);
        Some(if most > 0.0 { (between - within) / most } else { 0.0 })
    }

    /// The mean of the silhouettes of all rows; none where there is only one label, or every row has one of its own.
    pub(super) fn mean(&self, of_rows: impl Iterator<Item = Option<f64>>) -> Option<f64> {
        let n_present = self.sizes.iter().filter(|size| **size > 0).count();
        let n_rows: usize = self.sizes.iter().sum();
        (2..n_rows).contains(&n_present).then(|| of_rows.flatten().sum::<f64>() / n_rows as f64)
    }
}

/// The mean silhouette of all rows that have a label, by Euclidean distance (Rousseeuw 1987), as scikit-learn's
/// `silhouette_score`; none where there is only one label, or where every row has one of its own.
///
/// A row whose label no other has counts as 0.
pub fn silhouette(rows: &Matrix, labels: &[Option<usize>]) -> Option<f64> {
    let labelled = Labelled::new(labels);
    let of_row = |row: usize| labelled.of_row(row, &distances_from(rows, row));
    let all: Vec<Option<f64>> = (0..labels.len()).into_par_iter().map(of_row).collect();
    labelled.mean(all.into_iter())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{GOLDEN, assert_near, labels, rows};
    use super::*;

    fn all(labels: &[usize]) -> Vec<Option<usize>> {
        labels.iter().map(|label| Some(*label)).collect()
    }

    #[test]
    fn silhouettes_are_those_of_scikit_learn() {
        for golden in &GOLDEN {
            let labels = labels(golden.n, golden.n_classes);
            let found = silhouette(&rows(&labels, golden.n_cols), &all(&labels));
            assert_near(found.unwrap_or(-2.0), golden.silhouette);
        }
    }

    #[test]
    fn without_two_labels_there_is_none_and_equal_rows_have_none_to_speak_of() {
        let same = Matrix::zeros(4, 2);
        assert_eq!(silhouette(&same, &all(&[0, 0, 0, 0])), None);
        assert_eq!(silhouette(&same, &all(&[0, 1, 2, 3])), None);
        assert_eq!(silhouette(&same, &all(&[0, 0, 1, 1])), Some(0.0));
        assert_eq!(silhouette(&Matrix::zeros(0, 2), &[]), None);
        // A row without a label is as good as none.
        let with = rows(&[0, 2, 0, 1], 2);
        let mut without = Matrix::zeros(3, 2);
        [0, 2, 3].iter().zip(0..).for_each(|(from, to)| without.row_mut(to).copy_from_slice(with.row(*from)));
        let found = silhouette(&with, &[Some(0), None, Some(0), Some(1)]);
        assert_eq!(found, silhouette(&without, &all(&[0, 0, 1])));
    }
}
