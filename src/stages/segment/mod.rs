//! Segment: where the segments of a clip are. Every kind gives one output, `spans`.

mod ranges;
mod silence;
mod sliding;
mod whole;

pub use ranges::Ranges;
pub use silence::Silence;
pub use sliding::Sliding;
pub use whole::Whole;
