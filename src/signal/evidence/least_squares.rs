//! A linear probe by least squares: what it tells of rows that it was not fitted to follows from one matrix, whatever their classes.

use crate::signal::{Matrix, dot};

/// A linear probe by least squares (ridge regression of each class's indicator, the intercept being free), of which each heap of
/// rows is left out in turn.
///
/// What it says of a row is a weighted sum of the other rows' indicators, and the weights do not depend on the classes: they are
/// `(I - H_gg)^-1 H_go` for a heap `g` and the others `o`, with the hat matrix `H` of all rows. So classes can be permuted a
/// thousand times, and the probe be fitted anew each time, without fitting it again.
#[derive(Debug, Clone, PartialEq)]
pub struct LeastSquares {
    /// The rows that take part, and the heap of each.
    which: Vec<usize>,
    heaps: Vec<usize>,
    n_rows: usize,
    /// What each of these rows counts for each; 0 for those of its heap.
    weights: Matrix,
}

impl LeastSquares {
    /// The probe of these rows, each of which must have a heap, with the penalty `penalty` times the square of the weights.
    ///
    /// None where one heap has all rows, or they have numbers that no probe can be fitted to.
    pub fn of(rows: &Matrix, which: &[usize], heaps: &[Option<usize>], penalty: f64) -> Option<Self> {
        let of_which = which.iter().map(|row| heaps.get(*row).copied().flatten());
        let of_which = of_which.collect::<Option<Vec<usize>>>()?;
        if of_which.iter().all(|heap| *heap == of_which[0]) {
            return None;
        }
        let hat = hat(&centred(rows, which), penalty)?;
        let mut weights = Matrix::zeros(which.len(), which.len());
        for heap in 0..of_which.iter().max().map_or(0, |most| most + 1) {
            let (left_out, others): (Vec<usize>, Vec<usize>) =
                (0..which.len()).partition(|at| of_which[*at] == heap);
            let mut rest = block(&hat, &left_out, &left_out);
            for (at, _) in left_out.iter().enumerate() {
                let row = rest.row_mut(at);
                row.iter_mut().for_each(|x| *x = -*x);
                row[at] += 1.0;
            }
            let solved = solve(rest, block(&hat, &left_out, &others))?;
            for (at, row) in left_out.iter().enumerate() {
                others.iter().zip(solved.row(at)).for_each(|(other, x)| weights.row_mut(*row)[*other] = *x);
            }
        }
        Some(Self { which: which.to_vec(), heaps: of_which, n_rows: rows.n_rows(), weights })
    }

    /// What each row is taken for by a probe that was fitted without its heap: the class whose score is greatest beside its share
    /// of the rows, of equal ones the first. None of rows that take no part.
    pub fn tell(&self, classes: &[Option<usize>]) -> Vec<Option<usize>> {
        let of: Vec<usize> = self.which.iter().map(|row| classes[*row].unwrap_or(0)).collect();
        let n_classes = of.iter().max().map_or(0, |most| most + 1);
        let counts = self.counts(&of, n_classes);
        let mut told = vec![None; self.n_rows];
        for (at, row) in self.which.iter().enumerate() {
            let mut scores = vec![0.0; n_classes];
            self.weights.row(at).iter().zip(&of).for_each(|(weight, class)| scores[*class] += weight);
            let score = |class: &usize| scores[*class] / f64::from(counts[self.heaps[at]][*class]);
            let fitted = (0..n_classes).filter(|class| counts[self.heaps[at]][*class] > 0);
            told[*row] = fitted.reduce(|best, class| if score(&class) > score(&best) { class } else { best });
        }
        told
    }

    /// Without each heap, how many rows each class has.
    fn counts(&self, of: &[usize], n_classes: usize) -> Vec<Vec<u32>> {
        let n_heaps = self.heaps.iter().max().map_or(0, |most| most + 1);
        let mut counts = vec![vec![0; n_classes]; n_heaps];
        for (class, heap) in of.iter().zip(&self.heaps) {
            let others = counts.iter_mut().enumerate().filter(|(other, _)| other != heap);
            others.for_each(|(_, counts)| counts[*class] += 1);
        }
        counts
    }
}

/// These rows, less their mean.
fn centred(rows: &Matrix, which: &[usize]) -> Matrix {
    let mut centred = Matrix::zeros(which.len(), rows.n_cols());
    let mut sums = vec![0.0; rows.n_cols()];
    for row in which {
        sums.iter_mut().zip(rows.row(*row)).for_each(|(sum, x)| *sum += x);
    }
    let n = which.len().max(1) as f64;
    for (at, row) in which.iter().enumerate() {
        let numbers = rows.row(*row).iter().zip(&sums).map(|(x, sum)| x - sum / n);
        centred.row_mut(at).iter_mut().zip(numbers).for_each(|(out, x)| *out = x);
    }
    centred
}

/// What takes indicators to what is fitted to them: of as many columns as rows or fewer `X (X'X + p)^-1 X'`, of more the same
/// as `1 - p (XX' + p)^-1`; and the mean, which the intercept is.
fn hat(centred: &Matrix, penalty: f64) -> Option<Matrix> {
    let n = centred.n_rows();
    let is_wide = centred.n_cols() > n;
    let columns = transposed(centred);
    let mut products = if is_wide { products(centred, centred) } else { products(&columns, &columns) };
    (0..products.n_rows()).for_each(|i| products.row_mut(i)[i] += penalty);
    let mut hat = if is_wide {
        solve(products, Matrix::identity(n))?
    } else {
        self::products(centred, &transposed(&solve(products, columns)?))
    };
    for i in 0..n {
        if is_wide {
            hat.row_mut(i).iter_mut().for_each(|x| *x *= -penalty);
            hat.row_mut(i)[i] += 1.0;
        }
        hat.row_mut(i).iter_mut().for_each(|x| *x += 1.0 / n as f64);
    }
    Some(hat)
}

/// The dot products of the rows of two matrices.
fn products(a: &Matrix, b: &Matrix) -> Matrix {
    let mut products = Matrix::zeros(a.n_rows(), b.n_rows());
    for i in 0..a.n_rows() {
        let of_row = (0..b.n_rows()).map(|j| dot(a.row(i), b.row(j)));
        products.row_mut(i).iter_mut().zip(of_row).for_each(|(out, x)| *out = x);
    }
    products
}

fn transposed(matrix: &Matrix) -> Matrix {
    let mut turned = Matrix::zeros(matrix.n_cols(), matrix.n_rows());
    for i in 0..matrix.n_rows() {
        matrix.row(i).iter().enumerate().for_each(|(j, x)| turned.row_mut(j)[i] = *x);
    }
    turned
}

fn block(matrix: &Matrix, rows: &[usize], columns: &[usize]) -> Matrix {
    let mut block = Matrix::zeros(rows.len(), columns.len());
    for (at, row) in rows.iter().enumerate() {
        let of_row = columns.iter().map(|column| matrix.row(*row)[*column]);
        block.row_mut(at).iter_mut().zip(of_row).for_each(|(out, x)| *out = x);
    }
    block
}

/// `a^-1 b` of a symmetric positive definite `a`, by Cholesky's method; none where it is not.
fn solve(a: Matrix, mut b: Matrix) -> Option<Matrix> {
    let root = cholesky(a)?;
    let n = root.n_rows();
    for i in 0..n {
        for j in 0..i {
            take(&mut b, i, j, root.row(i)[j]);
        }
        b.row_mut(i).iter_mut().for_each(|x| *x /= root.row(i)[i]);
    }
    for i in (0..n).rev() {
        for j in i + 1..n {
            take(&mut b, i, j, root.row(j)[i]);
        }
        b.row_mut(i).iter_mut().for_each(|x| *x /= root.row(i)[i]);
    }
    Some(b)
}

/// Takes row `j`, times a factor, from row `i`.
fn take(matrix: &mut Matrix, i: usize, j: usize, factor: f64) {
    let n_cols = matrix.n_cols();
    let (first, second) = matrix.data_mut().split_at_mut(i.max(j) * n_cols);
    let (low, high) = (&mut first[i.min(j) * n_cols..][..n_cols], &mut second[..n_cols]);
    let (to, from) = if i < j { (low, &*high) } else { (high, &*low) };
    to.iter_mut().zip(from).for_each(|(to, from)| *to -= factor * from);
}

/// The lower triangle whose product with itself, turned, is `a`.
fn cholesky(mut a: Matrix) -> Option<Matrix> {
    for i in 0..a.n_rows() {
        for j in 0..=i {
            let rest = a.row(i)[j] - dot(&a.row(i)[..j], &a.row(j)[..j]);
            if i == j && (rest.is_nan() || rest <= f64::EPSILON) {
                return None;
            }
            a.row_mut(i)[j] = if i == j { rest.sqrt() } else { rest / a.row(j)[j] };
        }
    }
    Some(a)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::noise;
    use super::*;

    /// What the probe says, fitted anew without each heap: the normal equations of the others, with a column of ones.
    fn by_fitting(rows: &Matrix, heaps: &[Option<usize>], classes: &[usize], penalty: f64) -> Vec<Vec<f64>> {
        let (n, d) = (rows.n_rows(), rows.n_cols());
        let of_row = |row: usize| {
            let others: Vec<usize> = (0..n).filter(|other| heaps[*other] != heaps[row]).collect();
            let fitted = centred(rows, &others);
            let mut normal = products(&transposed(&fitted), &transposed(&fitted));
            (0..d).for_each(|i| normal.row_mut(i)[i] += penalty);
            let mut sums = Matrix::zeros(d, 3);
            for (at, other) in others.iter().enumerate() {
                (0..d).for_each(|i| sums.row_mut(i)[classes[*other]] += fitted.row(at)[i]);
            }
            let weights = solve(normal, sums).unwrap();
            let m = others.len() as f64;
            let mean = |i: usize| others.iter().map(|other| rows.row(*other)[i]).sum::<f64>() / m;
            let score = |class: usize| {
                let share = others.iter().filter(|other| classes[**other] == class).count() as f64 / m;
                share + (0..d).map(|i| (rows.row(row)[i] - mean(i)) * weights.row(i)[class]).sum::<f64>()
            };
            (0..3).map(score).collect()
        };
        (0..n).map(of_row).collect()
    }

    #[test]
    fn one_matrix_says_what_a_probe_that_is_fitted_anew_says() {
        for (n, d) in [(40, 5), (30, 60)] {
            let rows = noise(n, d, 3);
            let which: Vec<usize> = (0..n).collect();
            let heaps: Vec<Option<usize>> = which.iter().map(|row| Some(row * row % 7)).collect();
            let classes: Vec<usize> = which.iter().map(|row| (row * 5 + row / 7) % 3).collect();
            let probe = LeastSquares::of(&rows, &which, &heaps, 1.5).unwrap();
            for (row, want) in by_fitting(&rows, &heaps, &classes, 1.5).into_iter().enumerate() {
                let mut scores = [0.0; 3];
                probe
                    .weights
                    .row(row)
                    .iter()
                    .zip(&classes)
                    .for_each(|(weight, class)| scores[*class] += weight);
                for (got, want) in scores.iter().zip(want) {
                    assert!((got - want).abs() < 1e-9, "{n} {d} {row}: {got} {want}");
                }
            }
        }
    }

    #[test]
    fn classes_that_lie_apart_are_told_and_a_class_that_was_not_fitted_is_not() {
        let mut rows = noise(60, 4, 9);
        for row in 0..60 {
            rows.row_mut(row)[row % 3] += 9.0;
        }
        let which: Vec<usize> = (0..60).filter(|row| row % 10 != 0).collect();
        let heaps: Vec<Option<usize>> = (0..60).map(|row| Some(row / 12)).collect();
        let probe = LeastSquares::of(&rows, &which, &heaps, 1.0).unwrap();
        let classes: Vec<Option<usize>> = (0..60).map(|row| Some(row % 3)).collect();
        let told = probe.tell(&classes);
        assert!(which.iter().all(|row| told[*row] == classes[*row]), "{told:?}");
        assert_eq!((told[0], told[50]), (None, None));
        // The last class is in one heap alone.
        let alone: Vec<Option<usize>> =
            (0..60).map(|row| Some(if row / 12 == 4 { 2 } else { row % 2 })).collect();
        assert!(probe.tell(&alone)[48..].iter().flatten().all(|class| *class != 2));
        for (which, heaps) in
            [(&which[..], [Some(0); 60]), (&[3], [Some(0); 60]), (&[3, 4], [None; 60]), (&[], [Some(0); 60])]
        {
            assert!(LeastSquares::of(&rows, which, &heaps, 1.0).is_none());
        }
    }
}
