//! How far two rows are from each other.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::matrix::Rows;
use crate::error::{Error, Result};
use crate::signal::{Neighbours, Points, Searcher, most_neighbours};
use crate::stages::Context;

/// How far two rows are from each other, as scikit-learn and umap-learn define it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// The length of the difference.
    Euclidean,
    /// 1 less the cosine of the angle between them; 1 from a row of zeros to another.
    Cosine,
    /// The root of 1 less the sum of the roots of the products, each row divided by its sum: for distributions, so that no number
    /// may be below 0. 1 from a row of zeros to another.
    Hellinger,
}

/// Of more rows than these not all pairs are compared.
const EXACT: usize = 50_000;
/// Rows that are compared before the user may stop it again.
const CHUNK: usize = 2_048;

impl Metric {
    /// Other rows, whose Euclidean distances are in the order of the distances of these.
    ///
    /// # Errors
    /// When a number is below 0 and may not be.
    pub(super) fn prepare(self, mut rows: Rows) -> Result<Rows> {
        if self == Self::Euclidean {
            return Ok(rows);
        }
        if self == Self::Hellinger {
            take_roots_of_shares(&mut rows)?;
        }
        let has_zeros = rows.iter().any(|row| row.iter().all(|x| *x == 0.0));
        rows.data.chunks_exact_mut(rows.dim.max(1)).for_each(make_unit_length);
        Ok(if has_zeros { with_axis_for_zeros(&rows) } else { rows })
    }

    /// The nearest others of each row of what [`Metric::prepare`] gave: all of them up to [`EXACT`] rows, nearly all of more.
    ///
    /// # Errors
    /// When the user cancelled.
    pub(super) fn nearest(self, prepared: &Rows, k: usize, context: &Context) -> Result<Neighbours> {
        let mut neighbours = if prepared.len() <= EXACT {
            nearest_of_all(prepared, k, context)?
        } else {
            most_neighbours(prepared.points(), k, || context.check())?
        };
        self.measure(&mut neighbours);
        Ok(neighbours)
    }

    /// The nearest of some rows to each of some others, both as [`Metric::prepare`] gave them: exact, whatever their number.
    ///
    /// # Errors
    /// When the user cancelled.
    pub(super) fn nearest_among(
        self,
        rows: Points<'_>,
        others: &[f32],
        k: usize,
        context: &Context,
    ) -> Result<Neighbours> {
        let searcher = Searcher::new(rows.numbers, rows.dim);
        let mut neighbours = Neighbours::default();
        for some in others.chunks(CHUNK * rows.dim.max(1)) {
            context.check()?;
            neighbours.append(searcher.near(some, k));
        }
        self.measure(&mut neighbours);
        Ok(neighbours)
    }

    fn measure(self, neighbours: &mut Neighbours) {
        let distances = neighbours.distances.iter_mut();
        distances.for_each(|distance| *distance = self.distance(f64::from(*distance)) as f32);
    }

    /// The distance of rows that are so far apart once prepared.
    pub(super) fn distance(self, prepared: f64) -> f64 {
        match self {
            Self::Euclidean => prepared,
            Self::Cosine => prepared * prepared / 2.0,
            Self::Hellinger => (prepared * prepared / 2.0).sqrt(),
        }
    }
}

fn nearest_of_all(prepared: &Rows, k: usize, context: &Context) -> Result<Neighbours> {
    let searcher = Searcher::new(&prepared.data, prepared.dim);
    let mut neighbours = Neighbours::default();
    for start in (0..prepared.len()).step_by(CHUNK) {
        context.check()?;
        neighbours.append(searcher.among(start..(start + CHUNK).min(prepared.len()), k));
    }
    Ok(neighbours)
}

/// Each number to the root of its share of the row.
fn take_roots_of_shares(rows: &mut Rows) -> Result<()> {
    if let Some(at) = rows.data.iter().position(|x| *x < 0.0) {
        let (row, number) = (at / rows.dim, at % rows.dim);
        let cause = format!("number {number} of row {row} is below 0");
        let error = Error::usage(format!("cannot compare rows with `metric = \"hellinger\"`: {cause}"));
        return Err(error.hint("set `scale = \"none\"`, and take blocks that are distributions"));
    }
    rows.data.iter_mut().for_each(|x| *x = x.sqrt());
    Ok(())
}

fn make_unit_length(row: &mut [f32]) {
    let length = row.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt();
    if length > 0.0 {
        row.iter_mut().for_each(|x| *x = (f64::from(*x) / length) as f32);
    }
}

/// One number more: 1 in rows of zeros, which so are at right angles to all others, and 0 in those.
fn with_axis_for_zeros(rows: &Rows) -> Rows {
    let is_zero = |row: &[f32]| row.iter().all(|x| *x == 0.0);
    let longer = |row: &[f32]| row.iter().copied().chain([f32::from(is_zero(row))]).collect::<Vec<_>>();
    Rows { dim: rows.dim + 1, data: rows.iter().flat_map(longer).collect() }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;

    fn nearest(metric: Metric, rows: &[[f32; 3]], k: usize) -> Result<Neighbours> {
        let rows = metric.prepare(Rows { dim: 3, data: rows.concat() })?;
        metric.nearest(&rows, k, &Context::new(&AtomicBool::new(false)))
    }

    #[test]
    fn distances_are_those_of_scikit_learn_and_umap_learn() {
        let rows = [[1.0, 2.0, 3.0], [3.0, 1.0, 0.0], [0.0, 0.0, 0.0], [2.0, 4.0, 6.5]];
        // scikit-learn 1.9.1: euclidean_distances(X)[0], cosine_distances(X)[0]; umap-learn 0.5.12: umap.distances.hellinger(X[0], x)
        for (metric, ids, distances) in [
            (Metric::Euclidean, [1, 2, 3], [3.741_657_4, 3.741_657_4, 4.153_311_9]),
            (Metric::Cosine, [3, 1, 2], [0.000_717_41, 0.577_422_87, 1.0]),
            (Metric::Hellinger, [3, 1, 2], [0.014_145_67, 0.598_14, 1.0]),
        ] {
            let found = nearest(metric, &rows, 3).unwrap();
            assert_eq!(found.of(0).0, ids, "{metric:?}");
            for (got, want) in found.of(0).1.iter().zip(distances) {
                assert!((got - want).abs() < 2e-6, "{metric:?} {found:?}");
            }
        }
    }

    #[test]
    fn rows_of_zeros_are_at_one_place_and_distributions_have_no_negative_numbers() {
        let zeros = [[0.0; 3], [0.0; 3], [5.0, 0.0, 0.0]];
        for metric in [Metric::Cosine, Metric::Hellinger] {
            let found = nearest(metric, &zeros, 2).unwrap();
            assert_eq!((found.of(0).0, found.of(0).1[0]), (&[1, 2][..], 0.0));
            assert!((found.of(0).1[1] - 1.0).abs() < 1e-6, "{metric:?} {found:?}");
        }
        let error = nearest(Metric::Hellinger, &[[1.0; 3], [0.0, 2.0, -1.0]], 1).unwrap_err();
        assert!(error.message.ends_with("number 2 of row 1 is below 0"), "{}", error.message);
    }
}
