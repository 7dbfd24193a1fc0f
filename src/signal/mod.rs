//! signal

pub mod decode;
pub mod layout;
pub mod wav;
