//! Linear algebra: products, covariance, and the eigenvectors of symmetric matrices.

use rayon::prelude::*;

use super::Matrix;

/// Accumulators of a sum: independent of each other, so that the compiler may vectorise without changing a bit.
const LANES: usize = 8;

/// The dot product of two vectors; what one has more than the other is left out.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    sum_in_lanes(a, b, |a, b| a * b)
}

/// The square of the Euclidean distance between two vectors.
pub fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    sum_in_lanes(a, b, |a, b| (a - b) * (a - b))
}

fn sum_in_lanes(a: &[f64], b: &[f64], term: impl Fn(f64, f64) -> f64) -> f64 {
    let n = a.len().min(b.len());
    let (a, b) = (a[..n].chunks_exact(LANES), b[..n].chunks_exact(LANES));
    let rest: f64 = a.remainder().iter().zip(b.remainder()).map(|(a, b)| term(*a, *b)).sum();
    let mut lanes = [0.0; LANES];
    for (a, b) in a.zip(b) {
        for i in 0..LANES {
            lanes[i] += term(a[i], b[i]);
        }
    }
    lanes.iter().sum::<f64>() + rest
}

/// Xᵀ X / (n - 1) of n rows that are centred already: `n_cols` by `n_cols`.
///
/// Every entry is summed in the order of the rows, whatever the number of threads.
pub fn covariance(rows: &[f32], n_cols: usize) -> Matrix {
    let divisor = ((rows.len() / n_cols.max(1)) as f64 - 1.0).max(1.0);
    let mut products = Matrix::zeros(n_cols, n_cols);
    let block = 32 * n_cols.max(1);
    products.data_mut().par_chunks_mut(block).enumerate().for_each(|(i, block)| {
        add_products(rows, n_cols, i * 32, block);
        block.iter_mut().for_each(|product| *product /= divisor);
    });
    products
}

/// Adds up the rows of Xᵀ X from `first` on.
fn add_products(rows: &[f32], n_cols: usize, first: usize, block: &mut [f64]) {
    for row in rows.chunks_exact(n_cols.max(1)) {
        for (out, factor) in block.chunks_exact_mut(n_cols.max(1)).zip(&row[first..]) {
            let factor = f64::from(*factor);
            out.iter_mut().zip(row).for_each(|(out, value)| *out += factor * f64::from(*value));
        }
    }
}

/// X Xᵀ / (n - 1) of n rows that are centred already: n by n, with the eigenvalues of the covariance.
pub fn gram(rows: &[f32], n_cols: usize) -> Matrix {
    let row = |i: usize| rows[i * n_cols..(i + 1) * n_cols].iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
    let n_rows = rows.len() / n_cols.max(1);
    let divisor = (n_rows as f64 - 1.0).max(1.0);
    let wide: Vec<Vec<f64>> = (0..n_rows).map(row).collect();
    let mut products = Matrix::zeros(n_rows, n_rows);
    let n = n_rows.max(1);
    products.data_mut().par_chunks_mut(n).zip(&wide).for_each(|(out, a)| {
        out.iter_mut().zip(&wide).for_each(|(out, b)| *out = dot(a, b) / divisor);
    });
    products
}

/// The `count` greatest eigenvalues of a symmetric matrix, descending, with their unit eigenvectors as rows.
///
/// Householder reflections to a tridiagonal matrix, then QL with implicit shifts (EISPACK's `tred2` and
/// `imtql2`): about 4 n³ operations. The sign of an eigenvector is whatever comes out.
pub fn largest_eigenpairs(symmetric: Matrix, count: usize) -> (Vec<f64>, Matrix) {
    let n = symmetric.n_rows();
    let (mut tridiagonal, reflections) = tridiagonalise(symmetric);
    let vectors = diagonalise(&mut tridiagonal);
    let values = &tridiagonal.diagonal;
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|a, b| values[*b].total_cmp(&values[*a]));
    order.truncate(count);
    let mut chosen = Matrix::zeros(order.len(), n);
    for (row, &index) in order.iter().enumerate() {
        chosen.row_mut(row).copy_from_slice(vectors.row(index));
        reflections.iter().rev().for_each(|reflection| reflection.apply(chosen.row_mut(row)));
    }
    (order.iter().map(|&index| values[index]).collect(), chosen)
}

struct Tridiagonal {
    diagonal: Vec<f64>,
    /// Beside the diagonal; the last one is 0.
    off_diagonal: Vec<f64>,
}

/// I - factor v vᵀ, where v begins at index `start`.
struct Reflection {
    start: usize,
    vector: Vec<f64>,
    factor: f64,
}

impl Reflection {
    /// The reflection that turns `x` into (`length`, 0, 0, ...), and that `length`.
    fn onto_first(x: &[f64], start: usize) -> (Self, f64) {
        let norm = dot(x, x).sqrt();
        let length = if x[0] > 0.0 { -norm } else { norm };
        let mut vector = x.to_vec();
        vector[0] -= length;
        let square = dot(&vector, &vector);
        let factor = if square > 0.0 { 2.0 / square } else { 0.0 };
        (Self { start, vector, factor }, length)
    }

    fn apply(&self, to: &mut [f64]) {
        let to = &mut to[self.start..];
        let scale = self.factor * dot(&self.vector, to);
        to.iter_mut().zip(&self.vector).for_each(|(out, v)| *out -= scale * v);
    }

    /// Reflects the lower right of a symmetric matrix from both sides.
    fn apply_twice(&self, matrix: &mut Matrix) {
        let n = self.vector.len();
        let lower_right = |i: usize| self.start + i;
        let product = |i: usize| self.factor * dot(&matrix.row(lower_right(i))[self.start..], &self.vector);
        let mut w: Vec<f64> = (0..n).map(product).collect();
        let half = 0.5 * self.factor * dot(&w, &self.vector);
        w.iter_mut().zip(&self.vector).for_each(|(w, v)| *w -= half * v);
        for i in 0..n {
            let (v_i, w_i) = (self.vector[i], w[i]);
            let row = &mut matrix.row_mut(lower_right(i))[self.start..];
            row.iter_mut().zip(&self.vector).zip(&w).for_each(|((out, v), w)| *out -= v_i * w + w_i * v);
        }
    }
}

fn tridiagonalise(mut matrix: Matrix) -> (Tridiagonal, Vec<Reflection>) {
    let n = matrix.n_rows();
    let mut off_diagonal = vec![0.0; n];
    let mut reflections = Vec::new();
    for (k, beside) in off_diagonal.iter_mut().enumerate().take(n.saturating_sub(1)) {
        let (reflection, length) = Reflection::onto_first(&matrix.row(k)[k + 1..], k + 1);
        reflection.apply_twice(&mut matrix);
        *beside = length;
        reflections.push(reflection);
    }
    let diagonal = (0..n).map(|i| matrix.row(i)[i]).collect();
    (Tridiagonal { diagonal, off_diagonal }, reflections)
}

/// More sweeps than any eigenvalue needs; it bounds the work whatever the numbers are.
const MAX_SWEEPS: usize = 60;

/// Leaves the eigenvalues on the diagonal, and answers with the eigenvectors as rows.
fn diagonalise(matrix: &mut Tridiagonal) -> Matrix {
    let n = matrix.diagonal.len();
    let mut vectors = Matrix::identity(n);
    for first in 0..n {
        for _ in 0..MAX_SWEEPS {
            let last = matrix.end_of_block(first);
            if last == first {
                break;
            }
            matrix.sweep(first, last, &mut vectors);
        }
    }
    vectors
}

impl Tridiagonal {
    /// The last index of the block that begins at `first` and that no negligible number divides.
    fn end_of_block(&self, first: usize) -> usize {
        let d = &self.diagonal;
        let is_negligible =
            |i: &usize| self.off_diagonal[*i].abs() <= f64::EPSILON * (d[*i].abs() + d[*i + 1].abs());
        (first..d.len() - 1).find(is_negligible).unwrap_or(d.len() - 1)
    }

    /// One QL step with an implicit shift over a block, from its end to its start.
    fn sweep(&mut self, first: usize, last: usize, vectors: &mut Matrix) {
        let (d, e) = (&mut self.diagonal, &mut self.off_diagonal);
        let mut bulge = d[last] - d[first] + shift(d[first], d[first + 1], e[first]);
        let (mut sine, mut cosine, mut carried) = (1.0, 1.0, 0.0);
        for i in (first..last).rev() {
            let (f, b) = (sine * e[i], cosine * e[i]);
            let r = libm::hypot(f, bulge);
            e[i + 1] = r;
            if r == 0.0 {
                d[i + 1] -= carried;
                e[last] = 0.0;
                return;
            }
            (sine, cosine) = (f / r, bulge / r);
            let g = d[i + 1] - carried;
            let t = (d[i] - g) * sine + 2.0 * cosine * b;
            carried = sine * t;
            d[i + 1] = g + carried;
            bulge = cosine * t - b;
            rotate(vectors.two_rows_mut(i), sine, cosine);
        }
        d[first] -= carried;
        e[first] = bulge;
        e[last] = 0.0;
    }
}

/// What Wilkinson's shift adds to the difference of the block's ends.
fn shift(d0: f64, d1: f64, e: f64) -> f64 {
    let g = (d1 - d0) / (2.0 * e);
    let r = libm::hypot(g, 1.0);
    e / (g + if g < 0.0 { -r } else { r })
}

fn rotate((a, b): (&mut [f64], &mut [f64]), sine: f64, cosine: f64) {
    for (a, b) in a.iter_mut().zip(b) {
        (*a, *b) = (cosine * *a - sine * *b, sine * *a + cosine * *b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Random;

    fn random_rows(n_rows: usize, n_cols: usize) -> Vec<f32> {
        let mut random = Random::new((n_rows * 1000 + n_cols) as u64);
        (0..n_rows * n_cols).map(|_| (random.uniform() - 0.5) as f32).collect()
    }

    #[test]
    fn eigenvectors_are_orthonormal_and_rebuild_the_matrix() {
        for n in [1, 2, 3, 10, 40] {
            let matrix = covariance(&random_rows(n + 5, n), n);
            let (values, vectors) = largest_eigenpairs(matrix.clone(), n);
            assert!(values.windows(2).all(|pair| pair[0] >= pair[1]));
            for i in 0..n {
                for j in 0..n {
                    let want = if i == j { 1.0 } else { 0.0 };
                    assert!((dot(vectors.row(i), vectors.row(j)) - want).abs() < 1e-12, "{n} {i} {j}");
                    let rebuilt: f64 =
                        (0..n).map(|k| values[k] * vectors.row(k)[i] * vectors.row(k)[j]).sum();
                    assert!((rebuilt - matrix.row(i)[j]).abs() < 1e-12, "{n} {i} {j}");
                }
            }
        }
    }

    #[test]
    fn degenerate_matrices_have_eigenvectors_too() {
        let mut ones = Matrix::zeros(4, 4);
        ones.data_mut().fill(1.0);
        for (matrix, want) in [(Matrix::zeros(4, 4), 0.0), (Matrix::identity(4), 1.0), (ones, 4.0)] {
            let (values, vectors) = largest_eigenpairs(matrix, 2);
            assert!((values[0] - want).abs() < 1e-14, "{values:?}");
            assert!((dot(vectors.row(0), vectors.row(0)) - 1.0).abs() < 1e-14);
        }
        assert!(largest_eigenpairs(Matrix::zeros(0, 1), 2).0.is_empty());
    }

    #[test]
    fn covariance_and_gram_matrix_share_their_eigenvalues() {
        let rows = random_rows(6, 9);
        let (by_columns, _) = largest_eigenpairs(covariance(&rows, 9), 3);
        let (by_rows, _) = largest_eigenpairs(gram(&rows, 9), 3);
        for (a, b) in by_columns.iter().zip(&by_rows) {
            assert!((a - b).abs() < 1e-14, "{a} {b}");
        }
    }

    #[test]
    fn products_are_sums_over_all_elements() {
        let (a, b): (Vec<f64>, Vec<f64>) = (0..19).map(|i| (f64::from(i), f64::from(2 * i))).unzip();
        assert_eq!(dot(&a, &b), 4218.0);
        assert_eq!(squared_distance(&a, &b), 2109.0);
        assert_eq!(dot(&a[..3], &b), 10.0);
    }
}
