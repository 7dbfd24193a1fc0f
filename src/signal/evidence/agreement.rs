//! How two ways to sort the same rows agree: counts of both, and the scores that follow from them.

/// How many rows have each pair of two labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contingency {
    /// Row after row: `n_cols` numbers for each value of the first label.
    counts: Vec<u64>,
    n_cols: usize,
}

impl Contingency {
    /// The pairs of two labels, each numbered from 0 on; what one has more than the other is left out.
    pub fn of(a: &[usize], b: &[usize]) -> Self {
        let n = |labels: &[usize]| labels.iter().max().map_or(0, |most| most + 1);
        let (n_rows, n_cols) = (n(a), n(b));
        let mut counts = vec![0; n_rows * n_cols];
        a.iter().zip(b).for_each(|(a, b)| counts[a * n_cols + b] += 1);
        Self { counts, n_cols }
    }

    /// The counts for each value of the first label.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[u64]> {
        self.counts.chunks_exact(self.n_cols.max(1))
    }

    /// Rand index adjusted for chance (Hubert and Arabie 1985), as scikit-learn's `adjusted_rand_score`.
    pub fn adjusted_rand(&self) -> f64 {
        let square = |n: u64| n as f64 * n as f64;
        let total = square(self.total());
        let cells: f64 = self.counts.iter().map(|n| square(*n)).sum();
        let rows: f64 = self.row_sums().into_iter().map(square).sum();
        let cols: f64 = self.col_sums().into_iter().map(square).sum();
        let (both, only_rows, only_cols) = (cells - self.total() as f64, rows - cells, cols - cells);
        let neither = total - rows - cols + cells;
        if only_rows == 0.0 && only_cols == 0.0 {
            return 1.0;
        }
        let chance = (both + only_rows) * (only_rows + neither) + (both + only_cols) * (only_cols + neither);
        2.0 * (both * neither - only_rows * only_cols) / chance
    }

    /// Mutual information over the mean of both entropies, as scikit-learn's `normalized_mutual_info_score`.
    ///
    /// 1 where both labels have one value; 0 where only one has.
    pub fn normalized_mutual_information(&self) -> f64 {
        let (rows, cols) = (self.row_sums(), self.col_sums());
        let n_values = |sums: &[u64]| sums.iter().filter(|n| **n > 0).count();
        if n_values(&rows) <= 1 && n_values(&cols) <= 1 {
            return 1.0;
        }
        let information = self.mutual_information(&rows, &cols);
        if information <= f64::EPSILON {
            return 0.0;
        }
        information / ((self.entropy(&rows) + self.entropy(&cols)) / 2.0)
    }

    /// How far each label determines the other, from 0 to 1: Cramér's V, without correction for bias; none where a
    /// label has one value only.
    ///
    /// `scipy.stats.contingency.association(..., method="cramer")`.
    pub fn cramers_v(&self) -> Option<f64> {
        let (rows, cols) = (self.row_sums(), self.col_sums());
        let n_values = |sums: &[u64]| sums.iter().filter(|n| **n > 0).count();
        let degrees = n_values(&rows).min(n_values(&cols)).checked_sub(1).filter(|degrees| *degrees > 0)?;
        let mut squares = 0.0;
        for (counts, row) in self.rows().zip(&rows) {
            for (count, col) in counts.iter().zip(&cols).filter(|(_, col)| **col > 0 && *row > 0) {
                squares += *count as f64 * *count as f64 / (*row as f64 * *col as f64);
            }
        }
        Some(((squares - 1.0).max(0.0) / degrees as f64).sqrt())
    }

    fn mutual_information(&self, rows: &[u64], cols: &[u64]) -> f64 {
        let n = self.total() as f64;
        let mut information = 0.0;
        for (counts, row) in self.rows().zip(rows) {
            for (count, col) in counts.iter().zip(cols).filter(|(count, _)| **count > 0) {
                let count = *count as f64;
                let ratio = count * n / (*row as f64 * *col as f64);
                information += count / n * libm::log(ratio);
            }
        }
        information.max(0.0)
    }

    fn entropy(&self, sums: &[u64]) -> f64 {
        let n = self.total() as f64;
        let shares = sums.iter().filter(|sum| **sum > 0).map(|sum| *sum as f64 / n);
        -shares.map(|share| share * libm::log(share)).sum::<f64>()
    }

    fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    fn row_sums(&self) -> Vec<u64> {
        self.rows().map(|counts| counts.iter().sum()).collect()
    }

    fn col_sums(&self) -> Vec<u64> {
        (0..self.n_cols).map(|col| self.rows().map(|counts| counts[col]).sum()).collect()
    }
}

/// The mean over the classes that occur of the share of their rows that were recognised, as scikit-learn's
/// `balanced_accuracy_score`; none where no class occurs.
///
/// `tallies` has, for each class, how many of its rows were recognised, and how many there are.
pub fn balanced_accuracy(tallies: &[(u64, u64)]) -> Option<f64> {
    let recalls = tallies.iter().filter(|(_, n)| *n > 0).map(|(right, n)| *right as f64 / *n as f64);
    let (n, sum) = recalls.fold((0, 0.0), |(n, sum), recall| (n + 1, sum + recall));
    (n > 0).then(|| sum / f64::from(n))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{GOLDEN, assert_near, labels, other_labels};
    use super::*;

    #[test]
    fn scores_are_those_of_scikit_learn() {
        for golden in &GOLDEN {
            let (a, b) = (labels(golden.n, golden.n_classes), other_labels(golden.n, golden.n_others));
            let contingency = Contingency::of(&a, &b);
            assert_near(contingency.adjusted_rand(), golden.adjusted_rand);
            assert_near(contingency.normalized_mutual_information(), golden.mutual_information);
            assert_near(contingency.cramers_v().unwrap_or(-1.0), golden.cramers_v);
            let mut tallies = vec![(0, 0); golden.n_classes];
            for (truth, told) in a.iter().zip(&b) {
                tallies[*truth].0 += u64::from(truth == told);
                tallies[*truth].1 += 1;
            }
            assert_near(balanced_accuracy(&tallies).unwrap_or(-1.0), golden.balanced_accuracy);
        }
    }

    #[test]
    fn labels_of_one_value_have_an_answer() {
        let score = |a: &[usize], b: &[usize]| {
            let table = Contingency::of(a, b);
            (table.adjusted_rand(), table.normalized_mutual_information(), table.cramers_v())
        };
        // scikit-learn 1.9.1: adjusted_rand_score and normalized_mutual_info_score of the same lists.
        assert_eq!(score(&[0, 0, 0], &[0, 0, 0]), (1.0, 1.0, None));
        assert_eq!(score(&[0, 0, 0, 0], &[0, 0, 1, 1]), (0.0, 0.0, None));
        assert_eq!(score(&[0, 1, 2], &[2, 0, 1]), (1.0, 1.0, Some(1.0)));
        assert_eq!(balanced_accuracy(&[(0, 0), (0, 0)]), None);
        assert_eq!(balanced_accuracy(&[(0, 0), (3, 4)]), Some(0.75));
    }
}
