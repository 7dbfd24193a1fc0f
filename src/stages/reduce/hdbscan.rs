//! hdbscan: clusters of any shape and number, and rows that are in none.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Weights;
use super::kmeans::numbers_by_size;
use super::matrix::Rows;
use super::metric::Metric;
use crate::error::{Error, Result};
use crate::signal::{Clusters, SpanningTree};
use crate::stages::{Context, Frame, Inputs, Outputs, Stage, Values};

/// Clusters by HDBSCAN (Campello, Moulavi and Sander 2013), as scikit-learn finds them: columns `cluster`, counted from 0 and empty for
/// a row that is in none, and `probability`, from 0 for such a row to 1 in the densest part of a cluster.
///
/// Their number follows from the rows. Cluster 0 is the largest; of two equally large ones the one whose first row comes first.
/// Every row is compared with every other: 10,000 rows take seconds, 100,000 a hundred times as long.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Hdbscan {
    /// Fewer rows than this are no cluster.
    #[schemars(range(min = 2))]
    pub min_cluster_size: u32,
    /// Rows that must be near for a place to be dense, itself among them; 0: as many as `min_cluster_size`. All rows where there
    /// are fewer.
    pub min_samples: u32,
    /// How far two rows are from each other.
    pub metric: Metric,
    /// What is done to the columns first.
    pub scale: super::Scale,
    /// The blocks that make up a row instead of `vector`, and how much each counts: `{ maqam = 1.0, timbre = 0.5 }`. Once
    /// scaled, a block's numbers are multiplied by its weight over the square root of how many they are; with `l2` by its weight.
    pub weights: Weights,
}

impl Default for Hdbscan {
    fn default() -> Self {
        Self {
            min_cluster_size: 5,
            min_samples: 0,
            metric: Metric::Euclidean,
            scale: super::Scale::Zscore,
            weights: Weights::new(),
        }
    }
}

impl Stage for Hdbscan {
    fn version(&self) -> u32 {
        1
    }

    fn reads(&self) -> &'static [&'static str] {
        &["features"]
    }

    fn run(&self, inputs: &Inputs, context: &Context) -> Result<Outputs> {
        if self.min_cluster_size < 2 {
            let message = format!("cannot find clusters of `min_cluster_size = {}`", self.min_cluster_size);
            return Err(Error::usage(format!("{message}: one row is no cluster")));
        }
        let rows = Rows::stack(inputs.all("features"), self.scale, &self.weights, context)?;
        let rows = self.metric.prepare(rows)?;
        Ok(vec![("rows", into_frame(self.clusters_of(&rows, context)?).to_bytes())])
    }
}

impl Hdbscan {
    fn clusters_of(&self, rows: &Rows, context: &Context) -> Result<Clusters> {
        let n_near = if self.min_samples == 0 { self.min_cluster_size } else { self.min_samples } as usize;
        let near = self.metric.nearest(rows, n_near - 1, context)?;
        let mut tree = SpanningTree::new(rows.points(), &near, |distance| self.metric.distance(distance));
        for joined in 0..rows.len() {
            if tree.is_done() {
                break;
            }
            context.at(joined as f64 / rows.len() as f64)?;
            tree.grow();
        }
        Ok(tree.clusters(self.min_cluster_size as usize))
    }
}

fn into_frame(clusters: Clusters) -> Frame {
    let rows = clusters.of_rows.iter().enumerate();
    let numbers = numbers_by_size(rows.filter_map(|(row, cluster)| Some((row, (*cluster)?))));
    let number =
        |cluster: &Option<usize>| cluster.and_then(|cluster| numbers.get(&cluster)).map(|n| *n as i64);
    let columns = vec![
        ("cluster".to_owned(), Values::Ints(clusters.of_rows.iter().map(number).collect())),
        (
            "probability".to_owned(),
            Values::Singles(clusters.probabilities.iter().map(|probability| *probability as f32).collect()),
        ),
    ];
    Frame { n_rows: clusters.of_rows.len(), columns }
}

#[cfg(test)]
mod tests {
    use super::super::matrix::tests::{features, reduce};
    use super::*;

    /// Seven rows around one place, nine around another, and one far from both, between them.
    fn two_groups() -> Vec<[f32; 2]> {
        let near = |i: usize| (i * i % 7) as f32 / 10.0;
        let group = |at: f32, n: usize| (0..n).map(move |i| [at + near(i), near(i + 3) + i as f32 / 50.0]);
        group(0.0, 7).chain([[50.0, 90.0]]).chain(group(20.0, 9)).collect()
    }

    fn clusters(stage: &Hdbscan, rows: &[[f32; 2]]) -> Vec<Option<i64>> {
        let rows: Vec<&[f32]> = rows.iter().map(<[f32; 2]>::as_slice).collect();
        let frame = reduce(stage, &[features(&rows, 2)]).unwrap();
        match frame.column("cluster") {
            Some(Values::Ints(clusters)) => clusters.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_largest_cluster_comes_first_and_what_is_far_from_all_is_in_none() {
        let stage = Hdbscan { scale: super::super::Scale::None, ..Hdbscan::default() };
        let want = [vec![Some(1); 7], vec![None], vec![Some(0); 9]].concat();
        assert_eq!(clusters(&stage, &two_groups()), want);
    }

    #[test]
    fn few_rows_equal_rows_and_constant_columns_are_answered() {
        for n_rows in [0, 1, 3] {
            assert_eq!(clusters(&Hdbscan::default(), &two_groups()[..n_rows]), vec![None; n_rows]);
        }
        assert_eq!(clusters(&Hdbscan::default(), &[[1.0, 2.0]; 12]).len(), 12);
        let many = Hdbscan { min_samples: 1000, ..Hdbscan::default() };
        assert_eq!(clusters(&many, &two_groups()).len(), 17);
        let error = reduce(&Hdbscan { min_cluster_size: 1, ..Hdbscan::default() }, &[features(&[], 2)]);
        assert!(error.unwrap_err().message.ends_with("one row is no cluster"));
    }
}
