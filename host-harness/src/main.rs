//! The `tripline` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    tripline::cli::main()
}
