//! UMAP (McInnes, Healy and Melville 2018), to umap-learn's definitions, in an order that no thread can change.

mod curve;
mod fuzzy;
mod layout;
mod placing;
mod spectral;

pub use curve::Curve;
pub use fuzzy::{Kernel, fuzzy_graph};
pub use layout::Layout;
pub use placing::Placing;
pub use spectral::start_of;

/// How a map is laid out; umap-learn's words for it stand in brackets.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    /// Dimensions of the map (`n_components`).
    pub dims: usize,
    /// How near two rows may lie (`min_dist`).
    pub min_dist: f64,
    /// The scale on which rows lie apart (`spread`).
    pub spread: f64,
    /// How often the whole map is gone through (`n_epochs`); umap-learn's number where it is 0: 500 up to 10,000 rows,
    /// else 200.
    pub epochs: usize,
    /// The seed of the random numbers.
    pub seed: u64,
}

impl Shape {
    /// How often a map of so many rows is gone through.
    pub fn n_epochs(&self, n_rows: usize) -> usize {
        match (self.epochs, n_rows) {
            (0, ..=10_000) => 500,
            (0, _) => 200,
            (epochs, _) => epochs,
        }
    }
}
