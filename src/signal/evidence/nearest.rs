//! Nearest neighbours as a classifier: a row is taken for what most rows near it are.

use rayon::prelude::*;

use crate::signal::{Matrix, squared_distance};

/// The nearest rows of each row, among those that it may be compared with.
///
/// They do not depend on labels: what labels they tell is found for many labellings at little cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nearest(Vec<Vec<u32>>);

impl Nearest {
    /// The `k` nearest rows of each row by Euclidean distance among those in other folds; of equally near ones those
    /// that come first. Where there are fewer, all of them.
    pub fn of(rows: &Matrix, folds: &[usize], k: usize) -> Self {
        let nearest = |row: usize| nearest(rows, row, folds, k);
        Self((0..folds.len()).into_par_iter().map(nearest).collect())
    }

    /// What each row is taken for: the label of most of its neighbours, each with one vote; the smallest of equally
    /// many, as scikit-learn's `KNeighborsClassifier`; none where it has no neighbour with a label.
    pub fn tell(&self, labels: &[Option<usize>]) -> Vec<Option<usize>> {
        let n_labels = labels.iter().flatten().max().map_or(0, |most| most + 1);
        let mut votes = vec![0_u32; n_labels];
        let tell = |near: &Vec<u32>| {
            votes.fill(0);
            near.iter().filter_map(|row| labels[*row as usize]).for_each(|label| votes[label] += 1);
            let most = votes.iter().max().copied().filter(|most| *most > 0)?;
            votes.iter().position(|n| *n == most)
        };
        self.0.iter().map(tell).collect()
    }
}

fn nearest(rows: &Matrix, row: usize, folds: &[usize], k: usize) -> Vec<u32> {
    let others = (0..folds.len()).filter(|other| folds[*other] != folds[row]);
    let mut near: Vec<(f64, u32)> =
        others.map(|other| (squared_distance(rows.row(row), rows.row(other)), other as u32)).collect();
    let order = |a: &(f64, u32), b: &(f64, u32)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
    if k < near.len() {
        near.select_nth_unstable_by(k, order);
        near.truncate(k);
    }
    near.sort_unstable_by(order);
    near.into_iter().map(|(_, other)| other).collect()
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
