//! The `azlet` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    azlet::cli::main()
}
