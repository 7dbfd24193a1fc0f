//! The `taqsim` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    taqsim::cli::main()
}
