//! neighbors: which rows are nearest to each row, and how far.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Weights;
use super::matrix::Rows;
use super::metric::Metric;
use crate::error::{Error, Result};
use crate::signal;
use crate::stages::{Context, Frame, Inputs, Outputs, Stage, Values};

/// The nearest others of each row: column `neighbors`, a struct of `ids` and `distances`, nearest first.
///
/// An id is the number of a row of this table, counted from 0 through all of its files in the order of their names: the layout that
/// Embedding Atlas opens. Up to 50,000 rows all pairs are compared; of more rows nearly all neighbours are found, in a forest. Of
/// equally near rows one is first, always the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Neighbors {
    /// How many each row has; all others where there are fewer.
    #[schemars(range(min = 1, max = 1000))]
    pub k: u32,
    /// How far two rows are from each other.
    pub metric: Metric,
    /// What is done to the columns first.
    pub scale: super::Scale,
    /// The blocks that make up a row instead of `vector`, and how much each counts: `{ maqam = 1.0, timbre = 0.5 }`. Once
    /// scaled, a block's numbers are multiplied by its weight over the square root of how many they are; with `l2` by its weight.
    pub weights: Weights,
}

impl Default for Neighbors {
    fn default() -> Self {
        let (metric, scale) = (Metric::Euclidean, super::Scale::Zscore);
        Self { k: 15, metric, scale, weights: Weights::new() }
    }
}

impl Stage for Neighbors {
    fn version(&self) -> u32 {
        1
    }

    fn reads(&self) -> &'static [&'static str] {
        &["features"]
    }

    fn run(&self, inputs: &Inputs, context: &Context) -> Result<Outputs> {
        check_k("k", self.k)?;
        let rows = Rows::stack(inputs.all("features"), self.scale, &self.weights, context)?;
        let rows = self.metric.prepare(rows)?;
        let (n_rows, column) = (rows.len(), column_of(&rows, self.metric, self.k, context)?);
        let frame = Frame { n_rows, columns: vec![(COLUMN.to_owned(), column)] };
        Ok(vec![("rows", frame.to_bytes())])
    }
}

/// What the column is called.
pub(super) const COLUMN: &str = "neighbors";

/// Refuses a number of neighbours that nobody can mean.
pub(super) fn check_k(name: &str, k: u32) -> Result<()> {
    if (1..=1000).contains(&k) {
        return Ok(());
    }
    Err(Error::usage(format!("cannot find neighbours with `{name} = {k}`: there are from 1 to 1,000")))
}

/// What a map says of neighbours besides: nothing, or the column.
pub(super) fn near_of(
    rows: &Rows,
    metric: Metric,
    near: u32,
    context: &Context,
) -> Result<Option<(String, Values)>> {
    if near == 0 {
        return Ok(None);
    }
    check_k("near", near)?;
    Ok(Some((COLUMN.to_owned(), column_of(rows, metric, near, context)?)))
}

/// The nearest others of rows that the metric has prepared.
pub(super) fn column_of(rows: &Rows, metric: Metric, k: u32, context: &Context) -> Result<Values> {
    let near = if rows.len() < 2 {
        signal::Neighbours::default()
    } else {
        metric.nearest(rows, k as usize, context)?
    };
    let pairs = |row: usize| {
        let (ids, distances) = near.of(row);
        ids.iter().copied().zip(distances.iter().copied()).collect()
    };
    Ok(Values::Neighbors((0..rows.len()).map(pairs).collect()))
}

#[cfg(test)]
mod tests {
    use super::super::Scale;
    use super::super::matrix::tests::{features, reduce, some_rows};
    use super::*;
    use crate::stages::Input;

    fn near(stage: &Neighbors, rows: Input) -> Vec<Vec<(u32, f32)>> {
        match reduce(stage, &[rows]).unwrap().column("neighbors") {
            Some(Values::Neighbors(rows)) => rows.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_row_has_its_nearest_others_with_their_distances() {
        let rows = features(&[&[0.0, 0.0], &[3.0, 4.0], &[0.0, 1.0], &[6.0, 8.0]], 2);
        let stage = Neighbors { k: 2, scale: Scale::None, ..Neighbors::default() };
        let found = near(&stage, rows.clone());
        assert_eq!(found[0], [(2, 1.0), (1, 5.0)]);
        assert_eq!(found[3], [(1, 5.0), (2, 85.0_f32.sqrt())]);
        let all = near(&Neighbors { k: 15, ..stage }, rows);
        assert!(all.iter().all(|row| row.len() == 3));
    }

    #[test]
    fn few_rows_equal_rows_and_constant_columns_have_what_neighbours_there_are() {
        for (n_rows, n_near) in [(0, 0), (1, 0), (2, 1), (3, 2), (40, 15)] {
            let found = near(&Neighbors::default(), some_rows(n_rows, 2));
            assert_eq!(found.len(), n_rows);
            assert!(found.iter().all(|row| row.len() == n_near), "{n_rows}");
        }
        for metric in [Metric::Euclidean, Metric::Cosine] {
            let equal = features(&[[0.7_f32, 0.1].as_slice(); 20], 2);
            let found = near(&Neighbors { k: 3, metric, ..Neighbors::default() }, equal);
            assert_eq!(found[19], [(0, 0.0), (1, 0.0), (2, 0.0)]);
        }
        for k in [0, 1001] {
            let error = reduce(&Neighbors { k, ..Neighbors::default() }, &[some_rows(3, 2)]).unwrap_err();
            assert!(error.message.ends_with("there are from 1 to 1,000"));
        }
    }
}
