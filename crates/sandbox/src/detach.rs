//! A daemon in a session of its own.

use crate::run::{SpawnError, spawn_error};
use process_wrap::std::{CommandWrap, ProcessSession};
use rustix::process::Pid;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// Starts `argv` in a new session (no terminal, no share in our process group) with standard input from `/dev/null`
/// and both outputs appended to `log`, which is made (mode 0600) if it is missing. Environment and working folder
/// are ours, with `defaults` added where our environment does not have a variable of that name.
///
/// The child is not waited for: when we go it is adopted by the system, and until then its number stays taken.
///
/// # Errors
/// [`SpawnError`] names the program, or the log file that could not be opened.
pub fn spawn_detached(argv: &[OsString], defaults: &[(&str, &str)], log: &Path) -> Result<Pid, SpawnError> {
    let (program, arguments) = argv.split_first().ok_or(SpawnError::Empty)?;
    let name = program.to_string_lossy().into_owned();
    let log_failed = |error: io::Error| SpawnError::Io {
        program: name.clone(),
        source: io::Error::new(error.kind(), format!("its log file {}: {error}", log.display())),
    };
    let out = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(log)
        .map_err(log_failed)?;
    let err = out.try_clone().map_err(log_failed)?;

    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err);
    for (name, value) in defaults {
        if std::env::var_os(name).is_none() {
            command.env(name, value);
        }
    }
    let child = CommandWrap::from(command)
        .wrap(ProcessSession)
        .spawn()
        .map_err(|source| spawn_error(&name, source))?;
    i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .ok_or_else(|| SpawnError::Io {
            program: name,
            source: io::Error::other("the child has no number"),
        })
}
