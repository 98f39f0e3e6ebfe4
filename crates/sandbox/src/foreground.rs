//! A program of the person's own that gets their terminal for a while: an editor.

use crate::stop::Stop;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, ioctl_fionbio};
use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};

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

/// Runs a program to its end in a folder, with our environment and nothing to read, and gives every byte of its
/// output: for content, where [`crate::Runner`] gives lines. Nothing is confined.
///
/// # Errors
/// When it cannot be started, or `argv` is empty.
pub fn captured(argv: &[OsString], cwd: &Path) -> io::Result<Output> {
    begun(argv, cwd, Stdio::null())?.wait_with_output()
}

/// The same for a program that has something to read. What it has not read when its output has ended, nobody reads.
///
/// # Errors
/// When it cannot be started, or `argv` is empty.
pub fn fed(argv: &[OsString], cwd: &Path, input: &[u8]) -> io::Result<Output> {
    let over = Stop::new()?;
    let mut child = begun(argv, cwd, Stdio::piped())?;
    let stdin = child.stdin.take();
    std::thread::scope(|scope| {
        // One that does not read to the end says by how it ends whether that was right.
        let is_over = &over;
        scope.spawn(move || stdin.map(|pipe| write_until(&pipe, input, is_over)));
        let output = child.wait_with_output();
        over.stop();
        output
    })
}

/// Starts a program whose output is ours to read.
fn begun(argv: &[OsString], cwd: &Path, stdin: Stdio) -> io::Result<Child> {
    let Some((program, args)) = argv.split_first() else {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    };
    Command::new(program)
        .args(args)
        .current_dir(cwd)
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
}

/// Writes all of the input, or what is taken until it is over: a child that outlives the program may hold the pipe and
/// never read it.
fn write_until(pipe: &impl AsFd, mut input: &[u8], over: &Stop) -> io::Result<()> {
    ioctl_fionbio(pipe, true)?;
    while !input.is_empty() {
        let mut polled = [
            PollFd::new(pipe, PollFlags::OUT),
            PollFd::new(over, PollFlags::IN),
        ];
        match poll(&mut polled, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        if !polled[1].revents().is_empty() {
            return Ok(());
        }
        match rustix::io::write(pipe, input) {
            Ok(written) => input = input.get(written..).unwrap_or_default(),
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
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

    #[test]
    fn every_byte_of_the_output_is_given() {
        let argv = ["sh", "-c", "head -c 100000 /dev/zero; printf 'a\\377\\n'; exit 3"].map(OsString::from);
        let out = captured(&argv, Path::new("/")).unwrap();
        assert_eq!(out.status.code(), Some(3));
        assert_eq!(out.stdout.len(), 100_003);
        assert!(out.stdout.ends_with(b"\0a\xff\n"));
        assert!(captured(&[], Path::new("/")).is_err());
    }

    #[test]
    fn a_program_reads_what_it_is_fed_however_much_it_says_meanwhile() {
        let input = vec![b'x'; 300_000];
        for (script, reads, code) in [("cat; exit 3", 300_000, 3), ("exit 4", 0, 4)] {
            let argv = ["sh", "-c", script].map(OsString::from);
            let out = fed(&argv, Path::new("/"), &input).unwrap();
            assert_eq!(
                (out.stdout.len(), out.status.code()),
                (reads, Some(code)),
                "{script}"
            );
        }
        assert!(fed(&[], Path::new("/"), b"").is_err());
    }

    #[test]
    fn a_child_that_holds_the_pipe_and_outlives_the_program_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let script = "mkfifo end; exec 3<&0; (read end <end) >/dev/null 2>&1 & exit 5";
        let argv = ["sh", "-c", script].map(OsString::from);
        let out = fed(&argv, dir.path(), &vec![b'x'; 300_000]).unwrap();
        assert_eq!(out.status.code(), Some(5));
        // It ends now.
        std::fs::write(dir.path().join("end"), "\n").unwrap();
    }
}
