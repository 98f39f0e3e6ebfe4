//! A program of the person's own that gets their terminal for a while: an editor.

use std::ffi::OsString;
use std::io;
use std::process::{Command, ExitStatus};

/// Runs a program to its end with our streams, folder and environment, and waits for it. Nothing is confined: the person
/// chose it, and it is theirs to work with.
///
/// # Errors
/// When it cannot be started, or `argv` is empty.
pub fn foreground(argv: &[OsString]) -> io::Result<ExitStatus> {
    let Some((program, args)) = argv.split_first() else {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    };
    Command::new(program).args(args).status()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_the_program_is_told() {
        let run = |argv: &[&str]| foreground(&argv.iter().map(OsString::from).collect::<Vec<_>>());
        assert!(run(&["true"]).unwrap().success());
        assert_eq!(run(&["sh", "-c", "exit 3"]).unwrap().code(), Some(3));
        assert!(run(&["/nonexistent/editor"]).is_err());
        assert!(run(&[]).is_err());
    }
}
