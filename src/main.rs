//! Starts the program: arguments to exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    cupl_tui::cli::main()
}
