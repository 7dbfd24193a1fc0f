//! Reduce: all rows of one embed step at once. Every kind gives one output, `rows`: a frame with a row per segment.

mod hdbscan;
mod kmeans;
mod map;
mod matrix;
mod metric;
mod neighbors;
mod pca;
mod tsne;
mod umap;

#[cfg(test)]
mod edges;

pub use hdbscan::Hdbscan;
pub use kmeans::Kmeans;
pub use metric::Metric;
pub use neighbors::Neighbors;
pub use pca::Pca;
pub use tsne::Tsne;
pub use umap::Umap;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

impl super::Reduce {
    /// Whether its column `cluster` says which rows belong together.
    pub fn finds_clusters(&self) -> bool {
        matches!(self, Self::Kmeans(_) | Self::Hdbscan(_))
    }

    /// Whether a column of it names rows.
    pub fn has_neighbors(&self) -> bool {
        match self {
            Self::Neighbors(_) => true,
            Self::Pca(Pca { near, .. }) | Self::Tsne(Tsne { near, .. }) | Self::Umap(Umap { near, .. }) => {
                *near > 0
            }
            Self::Kmeans(_) | Self::Hdbscan(_) => false,
        }
    }
}

/// The weights of named blocks; where there are none, the rows are `vector` as it is.
pub type Weights = BTreeMap<String, f64>;

/// What is done to the columns of a matrix before it is reduced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    /// Each column to mean 0 and standard deviation 1; a constant column becomes 0.
    Zscore,
    /// Each row, or each block of a row, to length 1; one of zeros stays as it is.
    L2,
    /// Nothing.
    None,
}
