//! The thread beside a confined command.

use crate::cell::{Cell, Ended, Wake};
use crate::cgroup::Groups;
use crate::outcome::{Exit, RunError};
use crate::stop::Stop;
use crate::wire::Order;
use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{ChildStderr, ChildStdout};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// How we end a command ourselves.
#[derive(Debug, Clone)]
pub(crate) struct Ours {
    pub(crate) stop: Stop,
    why: Arc<OnceLock<Exit>>,
}

impl Ours {
    pub(crate) fn new() -> io::Result<Ours> {
        Ok(Ours {
            stop: Stop::new()?,
            why: Arc::default(),
        })
    }

    /// Ends it; the first reason stays.
    pub(crate) fn end(&self, why: Exit) {
        let _ = self.why.set(why);
        self.stop.stop();
    }
}

/// Ends the command when the run is dropped.
pub(crate) struct Guard<'a>(pub(crate) &'a Ours);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.0.end(Exit::Stopped);
    }
}

/// The end of a command, as its keeper tells it.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) exit: Exit,
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
}

/// What the thread beside a command needs. A thread of its own sees a stop whatever the runtime is doing, and lives as
/// long as the sandbox that it started.
pub(crate) struct Keeper {
    pub(crate) bubblewrap: PathBuf,
    pub(crate) groups: Option<Groups>,
    pub(crate) order: Order,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) stop: Option<Stop>,
    pub(crate) ours: Ours,
}

impl Keeper {
    pub(crate) fn keep(self, ready: oneshot::Sender<(ChildStdout, ChildStderr)>) -> Result<End, RunError> {
        let limits = &self.order.limits;
        let groups = self.groups.as_ref();
        let bound = groups
            .map(|groups| groups.bound(limits.processes, limits.memory))
            .transpose()?;
        let mut cell = Cell::open(&self.bubblewrap, &self.arguments, &self.order, bound)?;
        let began = Instant::now();
        if let Some(outputs) = cell.outputs() {
            // Nobody listens when the run was dropped; then we are told to end.
            let _ = ready.send(outputs);
        }
        let mut asked = vec![self.ours.stop.as_fd()];
        asked.extend(self.stop.as_ref().map(Stop::as_fd));
        let until = self.timeout.and_then(|timeout| began.checked_add(timeout));
        let exit = match cell.wait(&asked, until)? {
            Wake::Said(Ended::Code(code)) => Exit::Code(code),
            Wake::Said(Ended::Signal(signal)) => Exit::Signal(signal),
            Wake::Asked(0) => self.ours.why.get().copied().unwrap_or(Exit::Stopped),
            Wake::Asked(_) => Exit::Stopped,
            Wake::Late => Exit::TimedOut,
            Wake::Gone => return Err(RunError::Lost("its sandbox was killed from outside".to_owned())),
        };
        let cpu = cell.end()?;
        Ok(End {
            exit,
            wall: began.elapsed(),
            cpu,
        })
    }
}
