//! Silhouette: how much nearer each row lies to those of its own label than to those of the nearest other one.

use rayon::prelude::*;

use crate::signal::{Matrix, squared_distance};

/// The mean silhouette of all rows by Euclidean distance (Rousseeuw 1987), as scikit-learn's `silhouette_score`; none
/// where there is only one label, or where every row has one of its own.
///
/// A row whose label no other has counts as 0.
pub fn silhouette(rows: &Matrix, labels: &[usize]) -> Option<f64> {
    let n_labels = labels.iter().max().map_or(0, |most| most + 1);
    let mut sizes = vec![0_usize; n_labels];
    labels.iter().for_each(|label| sizes[*label] += 1);
    let n_present = sizes.iter().filter(|size| **size > 0).count();
    if n_present < 2 || n_present >= labels.len() {
        return None;
    }
    let of_row = |row: usize| of_row(rows, row, labels, &sizes);
    let all: Vec<f64> = (0..labels.len()).into_par_iter().map(of_row).collect();
    Some(all.iter().sum::<f64>() / all.len() as f64)
}

fn of_row(rows: &Matrix, row: usize, labels: &[usize], sizes: &[usize]) -> f64 {
    let own = labels[row];
    if sizes[own] == 1 {
        return 0.0;
    }
    let mut sums = vec![0.0; sizes.len()];
    for (other, label) in labels.iter().enumerate() {
        sums[*label] += squared_distance(rows.row(row), rows.row(other)).sqrt();
    }
    let within = sums[own] / (sizes[own] - 1) as f64;
    let others = (0..sizes.len()).filter(|label| *label != own && sizes[*label] > 0);
    let between = others.map(|label| sums[label] / sizes[label] as f64).fold(f64::INFINITY, f64::min);
    let most = within.max(between);
    if most > 0.0 { (between - within) / most } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{GOLDEN, assert_near, labels, rows};
    use super::*;

    #[test]
    fn silhouettes_are_those_of_scikit_learn() {
        for golden in &GOLDEN {
            let labels = labels(golden.n, golden.n_classes);
            assert_near(
                silhouette(&rows(&labels, golden.n_cols), &labels).unwrap_or(-2.0),
                golden.silhouette,
            );
        }
    }

    #[test]
    fn without_two_labels_there_is_none_and_equal_rows_have_none_to_speak_of() {
        let same = Matrix::zeros(4, 2);
        assert_eq!(silhouette(&same, &[0, 0, 0, 0]), None);
        assert_eq!(silhouette(&same, &[0, 1, 2, 3]), None);
        assert_eq!(silhouette(&same, &[0, 0, 1, 1]), Some(0.0));
        assert_eq!(silhouette(&Matrix::zeros(0, 2), &[]), None);
    }
}
