//! signal

pub mod decode;
pub mod layout;
pub mod resample;
pub mod wav;
