//! t-SNE (van der Maaten and Hinton 2008) by Barnes and Hut's method (van der Maaten 2014), to openTSNE's definitions.

mod affinities;
mod descent;
mod placing;
mod tree;

pub use affinities::affinities;
pub use descent::Descent;
pub use placing::Placing;
