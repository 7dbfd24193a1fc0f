//! Evidence: whether rows with the same label lie together, how sure that is, and whether it is the label at all.

mod agreement;
mod cohesion;
mod compare;
mod folds;
mod least_squares;
mod logistic;
mod nearest;
mod silhouette;
mod trial;

pub use agreement::{Contingency, balanced_accuracy};
pub use cohesion::{Cohesion, cohesion};
pub use compare::{Answers, Question, Questions, compare};
pub use folds::folds;
pub use least_squares::LeastSquares;
pub use logistic::Probe;
pub use nearest::Nearest;
pub use silhouette::silhouette;
pub use trial::Trial;

#[cfg(test)]
mod fixture;
