//! The `taqsim` program.
fn main() {}
