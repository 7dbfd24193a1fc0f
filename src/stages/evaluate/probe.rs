//! The linear probe: fitted to the rows of all heaps but one, and asked about that one.

use rayon::prelude::*;

use super::super::Context;
use super::trials::Trialled;
use crate::error::Result;
use crate::signal::Matrix;
use crate::signal::evidence::{LeastSquares, Probe, Trial};

/// No more rows than this are fitted at one time: of more, every second, third, ...
const MOST_ROWS: usize = 2000;
/// Classes of no more rows than this are permuted: the matrix has the square of their number.
const MOST_PERMUTED: usize = 1000;
/// More classes than this take too long.
pub(super) const MOST_CLASSES: usize = 50;
/// The inverse strength of the penalty, scikit-learn's default.
const C: f64 = 1.0;

/// What each row is taken for by a probe that was fitted without its heap.
///
/// # Errors
/// When the user cancelled.
pub(super) fn tell(rows: &Matrix, trial: &Trialled, context: &Context) -> Result<Vec<Option<usize>>> {
    let n_heaps = trial.heaps.iter().flatten().max().map_or(0, |most| most + 1);
    let of_heap = |heap: usize| {
        context.check()?;
        Ok(of_heap(rows, trial, heap))
    };
    let of_heaps = (0..n_heaps).into_par_iter().map(of_heap).collect::<Result<Vec<_>>>()?;
    let mut told = vec![None; trial.heaps.len()];
    of_heaps.into_iter().flatten().for_each(|(row, class)| told[row] = Some(class));
    Ok(told)
}

/// How often chance does as well, by a probe whose answers to permuted classes follow from one matrix: least squares instead
/// of the logistic loss, with the same heaps and penalty. None where nothing can be fitted.
pub(super) fn p_value(rows: &Matrix, trial: &Trialled, n: usize, seed: u64) -> Option<f64> {
    let known: Vec<usize> = (0..trial.heaps.len()).filter(|row| trial.heaps[*row].is_some()).collect();
    let step = known.len().div_ceil(MOST_PERMUTED).max(1);
    let which: Vec<usize> = known.into_iter().step_by(step).collect();
    let probe = LeastSquares::of(rows, &which, &trial.heaps, 1.0 / C)?;
    let mut classes = vec![None; trial.classes.len()];
    which.iter().for_each(|row| classes[*row] = trial.classes[*row]);
    Trial::of(&classes, &trial.units).p_value_of_told(|classes| probe.tell(classes), n, seed)
}

/// The rows of a heap, with the classes that they are taken for.
fn of_heap(rows: &Matrix, trial: &Trialled, heap: usize) -> Vec<(usize, usize)> {
    let of = |is_in: bool| {
        let known = (0..trial.heaps.len()).filter(|row| trial.heaps[*row].is_some());
        known.filter(move |row| (trial.heaps[*row] == Some(heap)) == is_in)
    };
    let others: Vec<usize> = of(false).collect();
    let which: Vec<usize> = others.iter().copied().step_by(others.len().div_ceil(MOST_ROWS).max(1)).collect();
    // Of a class that is not fitted nothing can be told, and nothing would keep its weights in bounds.
    let mut present: Vec<usize> = which.iter().filter_map(|row| trial.classes[*row]).collect();
    present.sort_unstable();
    present.dedup();
    if present.is_empty() {
        return Vec::new();
    }
    let place =
        |class: &Option<usize>| class.and_then(|class| present.binary_search(&class).ok()).unwrap_or(0);
    let classes: Vec<usize> = trial.classes.iter().map(place).collect();
    let probe = Probe::fit(rows, &which, &classes, present.len(), C);
    of(true).map(|row| (row, present[probe.tell(rows.row(row))])).collect()
}
