//! The inside of the sandbox: the first process of the new PID namespace.
//!
//! It closes what bubblewrap leaves open, starts the command, reaps whatever is orphaned, and tells the command's end.
//! When it goes, the kernel ends everything else in the namespace.

mod files;
mod filter;
mod limits;

use crate::profile::Mechanism;
use crate::wire::{Failed, Inbox, Order, Said, say};
use rustix::process::{DumpableBehavior, Pid, WaitOptions, set_dumpable_behavior, wait};
use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

/// The argument with which a program says that it is to be the inside of a sandbox: it then calls [`enter`] before
/// anything else.
pub const ENTER: &str = "__enter";

/// Is the inside of the sandbox, to the end of the process. Only a [`Sandbox`](crate::Sandbox) can talk to it; for
/// anybody else it ends at once.
pub fn enter() -> ExitCode {
    match inside() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn inside() -> io::Result<()> {
    // The command's standard input is empty; ours is the socket to the outside. The copy does not reach the command.
    let outside = UnixStream::from(rustix::io::fcntl_dupfd_cloexec(io::stdin(), 3)?);
    say(&outside, &Said::Here)?;
    let Some(order) = Inbox::default().next::<Order>(&outside)? else {
        return Ok(());
    };
    match close(&order) {
        Ok(landlock) => say(&outside, &Said::Closed { landlock })?,
        Err(failed) => return say(&outside, &Said::Failed(failed)),
    }
    if order.argv.is_empty() {
        return Ok(());
    }
    match start(&order) {
        Ok(pid) => {
            say(&outside, &Said::Started)?;
            say(&outside, &reap(pid)?)
        }
        Err(failed) => say(&outside, &Said::Failed(failed)),
    }
}

/// Gives up everything that the command must not have. The version of Landlock, 0 without.
fn close(order: &Order) -> Result<i32, Failed> {
    let without = |mechanism| order.without.contains(&mechanism);
    let other = |error: io::Error| Failed::Other(error.to_string());
    // Our memory and descriptors are out of the command's reach, though it runs under the same uid.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(|error| other(error.into()))?;
    // What whoever started Brisk left open.
    close_fds::set_fds_cloexec(3, &[]);
    if order.background {
        crate::run::lower_own_weight().map_err(other)?;
    }
    limits::apply(&order.limits).map_err(other)?;
    let landlock = match without(Mechanism::Landlock) {
        true => 0,
        false => files::apply(&order.writable).map_err(|why| Failed::Mechanism(Mechanism::Landlock, why))?,
    };
    if !without(Mechanism::Seccomp) {
        filter::apply().map_err(|why| Failed::Mechanism(Mechanism::Seccomp, why))?;
    }
    Ok(landlock)
}

fn start(order: &Order) -> Result<Pid, Failed> {
    let (program, arguments) = order
        .argv
        .split_first()
        .ok_or_else(|| Failed::Other("nothing to run".to_owned()))?;
    let cwd = Path::new(&order.cwd);
    if !cwd.is_dir() {
        return Err(Failed::NoFolder);
    }
    let child = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(order.env.iter().map(|(name, value)| (name, value)))
        .current_dir(cwd)
        .stdin(Stdio::null())
        .spawn()
        .map_err(|error| {
            let kind = error.kind();
            if kind == io::ErrorKind::NotFound {
                Failed::NotFound
            } else if kind == io::ErrorKind::PermissionDenied {
                Failed::NotPermitted
            } else {
                Failed::Other(error.to_string())
            }
        })?;
    i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .ok_or_else(|| Failed::Other("the child has no number".to_owned()))
}

/// Waits for everything until the command itself has ended.
fn reap(command: Pid) -> io::Result<Said> {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == command => {
                match (status.exit_status(), status.terminating_signal()) {
                    (Some(code), _) => return Ok(Said::Exited(code)),
                    (None, Some(signal)) => return Ok(Said::Signalled(signal)),
                    // It only paused.
                    (None, None) => {}
                }
            }
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
