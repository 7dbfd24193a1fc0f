//! A matrix: rows of equal length laid end to end.

use super::{LANES, Lanes};

/// Rows of equal length laid end to end.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    n_cols: usize,
    data: Vec<f64>,
}

impl Matrix {
    /// A matrix of zeros; it has at least one column.
    pub fn zeros(n_rows: usize, n_cols: usize) -> Self {
        let n_cols = n_cols.max(1);
        Self { n_cols, data: vec![0.0; n_rows * n_cols] }
    }

    /// Ones on the diagonal, zeros elsewhere.
    pub fn identity(n: usize) -> Self {
        let mut matrix = Self::zeros(n, n);
        for i in 0..n {
            matrix.row_mut(i)[i] = 1.0;
        }
        matrix
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.data.len() / self.n_cols
    }

    /// Number of columns.
    pub fn n_cols(&self) -> usize {
        self.n_cols
    }

    /// Row `i`.
    pub fn row(&self, i: usize) -> &[f64] {
        &self.data[i * self.n_cols..(i + 1) * self.n_cols]
    }

    /// Row `i`, to be written.
    pub fn row_mut(&mut self, i: usize) -> &mut [f64] {
        &mut self.data[i * self.n_cols..(i + 1) * self.n_cols]
    }

    /// Rows `i` and `i + 1`, to be written.
    pub fn two_rows_mut(&mut self, i: usize) -> (&mut [f64], &mut [f64]) {
        self.data[i * self.n_cols..(i + 2) * self.n_cols].split_at_mut(self.n_cols)
    }

    /// Writes row `first` and those after it, as far as there are any, from the eight lanes of each column.
    pub fn set_rows(&mut self, first: usize, columns: &[Lanes]) {
        self.set_block(first, 0, columns);
    }

    /// As [`Matrix::set_rows`], of the columns from `first_column` on.
    pub fn set_block(&mut self, first: usize, first_column: usize, columns: &[Lanes]) {
        let end = (first + LANES).min(self.n_rows());
        for row in first..end {
            let values = columns.iter().map(|lanes| f64::from(lanes.0[row - first]));
            self.row_mut(row)[first_column..].iter_mut().zip(values).for_each(|(out, value)| *out = value);
        }
    }

    /// All rows in order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        self.data.chunks_exact(self.n_cols)
    }

    /// Column `j`, from the first row to the last.
    pub fn column(&self, j: usize) -> impl ExactSizeIterator<Item = f64> + Clone {
        self.data.iter().skip(j).step_by(self.n_cols).copied()
    }

    /// All numbers, row after row.
    pub fn data(&self) -> &[f64] {
        &self.data
    }

    /// All numbers, row after row, to be written.
    pub fn data_mut(&mut self) -> &mut [f64] {
        &mut self.data
    }
}
