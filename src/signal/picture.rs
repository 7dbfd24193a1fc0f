//! A matrix as a picture of fixed size.

use super::Matrix;

/// A matrix of any size at another size: every cell is the mean of what it covers, weighted by how much of it.
///
/// A size of 0 counts as 1; a matrix without rows becomes zeros.
pub fn resize(matrix: &Matrix, n_rows: usize, n_cols: usize) -> Matrix {
    let narrow = resize_columns(matrix, n_cols.max(1));
    let mut resized = Matrix::zeros(n_rows.max(1), n_cols.max(1));
    for row in 0..resized.n_rows() {
        for (from, share) in covered(row, n_rows.max(1), matrix.n_rows()) {
            let out = resized.row_mut(row).iter_mut();
            out.zip(narrow.row(from)).for_each(|(out, value)| *out += share * value);
        }
    }
    resized
}

fn resize_columns(matrix: &Matrix, n_cols: usize) -> Matrix {
    let cells: Vec<Vec<(usize, f64)>> =
        (0..n_cols).map(|cell| covered(cell, n_cols, matrix.n_cols())).collect();
    let mut resized = Matrix::zeros(matrix.n_rows(), n_cols);
    for (i, row) in matrix.rows().enumerate() {
        for (out, cell) in resized.row_mut(i).iter_mut().zip(&cells) {
            *out = cell.iter().map(|(from, share)| share * row[*from]).sum();
        }
    }
    resized
}

/// What cell `cell` of `n_cells` covers of `n` values laid over the same length, with shares whose sum is 1.
fn covered(cell: usize, n_cells: usize, n: usize) -> Vec<(usize, f64)> {
    let (start, end) = (cell * n, (cell + 1) * n);
    let overlap = |i: usize| ((i + 1) * n_cells).min(end).saturating_sub((i * n_cells).max(start));
    let touched = start / n_cells..end.div_ceil(n_cells);
    touched.map(|i| (i, overlap(i) as f64 / n.max(1) as f64)).filter(|(_, share)| *share > 0.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_means_of_what_they_cover() {
        for (n, n_cells, cell, want) in [
            (4, 2, 1, vec![(2, 0.5), (3, 0.5)]),
            (3, 2, 0, vec![(0, 2.0 / 3.0), (1, 1.0 / 3.0)]),
            (1, 3, 2, vec![(0, 1.0)]),
            (2, 3, 1, vec![(0, 0.5), (1, 0.5)]),
        ] {
            assert_eq!(covered(cell, n_cells, n), want, "{n} {n_cells} {cell}");
        }
    }

    #[test]
    fn a_flat_picture_stays_flat_at_any_size() {
        let mut flat = Matrix::zeros(7, 5);
        flat.data_mut().fill(3.0);
        for (n_rows, n_cols) in [(1, 1), (32, 32), (3, 4), (0, 0)] {
            let resized = resize(&flat, n_rows, n_cols);
            assert_eq!((resized.n_rows(), resized.n_cols()), (n_rows.max(1), n_cols.max(1)));
            assert!(resized.data().iter().all(|x| (x - 3.0).abs() < 1e-12));
        }
        assert!(resize(&Matrix::zeros(0, 5), 2, 2).data().iter().all(|x| *x == 0.0));
    }
}
