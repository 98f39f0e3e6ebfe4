//! The inside of the sandbox as a program of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    brisk_sandbox::enter()
}
