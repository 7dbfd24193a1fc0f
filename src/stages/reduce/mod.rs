//! Reduce: all rows of one embed step at once. Every kind gives one output, `rows`: a frame with a row per segment.

mod fitted;
mod hdbscan;
mod kmeans;
mod making;
mod map;
mod matrix;
mod metric;
mod neighbors;
mod pca;
mod tsne;
mod umap;

#[cfg(test)]
mod edges;

pub use fitted::Fitted;
pub use hdbscan::Hdbscan;
pub use kmeans::Kmeans;
pub use matrix::Scaling;
pub use metric::Metric;
pub use neighbors::Neighbors;
pub use pca::Pca;
pub use tsne::Tsne;
pub use umap::Umap;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Context, Frame, Inputs};
use crate::error::{Error, Result};

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

impl super::Reduce {
    /// Whether it says where rows lie in 2 or 3 dimensions.
    pub fn makes_map(&self) -> bool {
        matches!(self, Self::Pca(_) | Self::Tsne(_) | Self::Umap(_))
    }

    /// The file with the map that new rows are placed on; none of a step that makes its own.
    pub fn fit(&self) -> Option<&str> {
        let fit = match self {
            Self::Pca(Pca { fit, .. }) | Self::Tsne(Tsne { fit, .. }) | Self::Umap(Umap { fit, .. }) => fit,
            Self::Kmeans(_) | Self::Hdbscan(_) | Self::Neighbors(_) => return None,
        };
        Some(fit.as_str()).filter(|fit| !fit.is_empty())
    }

    /// The same, to be set.
    pub fn fit_mut(&mut self) -> Option<&mut String> {
        match self {
            Self::Pca(Pca { fit, .. }) | Self::Tsne(Tsne { fit, .. }) | Self::Umap(Umap { fit, .. }) => {
                Some(fit)
            }
            Self::Kmeans(_) | Self::Hdbscan(_) | Self::Neighbors(_) => None,
        }
    }

    /// What a map was fitted to that this step has made of these inputs: enough to place new rows on it.
    ///
    /// # Errors
    /// When the step makes no map, or there are no rows.
    pub fn fitted(&self, inputs: &Inputs, map: &Frame, context: &Context) -> Result<Fitted> {
        match self {
            Self::Pca(pca) => pca.fitted(inputs, map, context),
            Self::Tsne(tsne) => tsne.fitted(inputs, map, context),
            Self::Umap(umap) => umap.fitted(inputs, map, context),
            Self::Kmeans(_) | Self::Hdbscan(_) | Self::Neighbors(_) => Err(Error::usage(format!(
                "cannot export a map: a step of the kind `{}` makes none",
                self.kind()
            ))
            .hint("`pca`, `tsne` and `umap` do")),
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
