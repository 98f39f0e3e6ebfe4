//! One sandbox from its start to the end of its last process. Everything here blocks.

use crate::cgroup::Bound;
use crate::outcome::RunError;
use crate::wire::{Failed, Inbox, Order, Said, say};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg, sockopt};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal, waitid,
};
use std::ffi::OsString;
use std::io::{self, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a sandbox may take to come up, and its last process to go.
const PATIENCE: Duration = Duration::from_secs(10);

/// A sandbox that is up. Everything in it is killed when this is dropped.
///
/// The thread that made it must live as long: the kernel tells bubblewrap that its parent has died when that thread
/// ends.
#[derive(Debug)]
pub(crate) struct Cell {
    child: Child,
    /// The first process of the PID namespace. It is over only when all others in it are.
    first: OwnedFd,
    bound: Option<Bound>,
    socket: UnixStream,
    inbox: Inbox,
    /// The version of Landlock in force, 0 without.
    pub(crate) landlock: i32,
}

/// What a wait ended with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wake {
    /// The command ended by itself.
    Said(Ended),
    /// The descriptor with this place in the list can be read.
    Asked(usize),
    /// The time is up.
    Late,
    /// The first process is gone without a word.
    Gone,
}

/// How a command ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Code(i32),
    Signal(i32),
}

impl Cell {
    /// Starts `program` with `arguments` (bubblewrap with a view), closes the sandbox and starts the command in it.
    /// An order without a command is a trial.
    pub(crate) fn open(
        program: &Path,
        arguments: &[OsString],
        order: &Order,
        bound: Option<Bound>,
    ) -> Result<Cell, RunError> {
        let (socket, inside) = UnixStream::pair()?;
        sockopt::set_socket_passcred(&socket, true).map_err(io::Error::from)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        let within = bound.as_ref().map(Bound::enter).transpose()?;
        let mut child = Command::new(program)
            .args(arguments)
            .env_clear()
            .current_dir("/")
            .stdin(OwnedFd::from(inside))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        drop(within);
        let met = meet(&socket).and_then(|pid| Ok((pid, pidfd_open(pid, PidfdFlags::empty())?)));
        let (pid, first) = match met {
            Ok(met) => met,
            Err(error) => return Err(RunError::Setup(last_words(&mut child, &error))),
        };
        let mut cell = Cell {
            child,
            first,
            bound,
            socket,
            inbox: Inbox::default(),
            landlock: 0,
        };
        if let Some(bound) = &cell.bound {
            bound.take_in(pid)?;
        }
        cell.begin(order)?;
        Ok(cell)
    }

    fn begin(&mut self, order: &Order) -> Result<(), RunError> {
        say(&self.socket, order)?;
        loop {
            match self.inbox.next(&self.socket)? {
                Some(Said::Closed { landlock }) if order.argv.is_empty() => {
                    self.landlock = landlock;
                    return Ok(());
                }
                Some(Said::Closed { landlock }) => self.landlock = landlock,
                Some(Said::Started) => return Ok(()),
                Some(Said::Failed(failed)) => return Err(failure(order, failed)),
                Some(Said::Here | Said::Exited(_) | Said::Signalled(_)) => {
                    return Err(RunError::Setup("the inside speaks out of turn".to_owned()));
                }
                None => return Err(RunError::Setup("the inside ended at once".to_owned())),
            }
        }
    }

    /// The command's outputs, once.
    pub(crate) fn outputs(&mut self) -> Option<(ChildStdout, ChildStderr)> {
        self.child.stdout.take().zip(self.child.stderr.take())
    }

    /// Waits for the command's end, for one of `asked` to become readable, or for `until`.
    pub(crate) fn wait(&mut self, asked: &[BorrowedFd<'_>], until: Option<Instant>) -> io::Result<Wake> {
        loop {
            if let Some(ended) = self.ended()? {
                return Ok(Wake::Said(ended));
            }
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            let own = [self.socket.as_fd(), self.first.as_fd()];
            let wake = match ready(own.iter().chain(asked), left)? {
                None => Wake::Late,
                Some(0) if self.hear()? => continue,
                // The end of the socket, or of the process.
                Some(0 | 1) => match self.ended()? {
                    Some(ended) => Wake::Said(ended),
                    None => Wake::Gone,
                },
                Some(other) => Wake::Asked(other - 2),
            };
            return Ok(wake);
        }
    }

    /// Reads what can be read of the socket; whether there was something.
    fn hear(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 1024];
        let count = rustix::io::retry_on_intr(|| rustix::io::read(&self.socket, &mut buffer))?;
        self.inbox.push(&buffer[..count]);
        Ok(count > 0)
    }

    fn ended(&mut self) -> io::Result<Option<Ended>> {
        while let Some(said) = self.inbox.read_already()? {
            match said {
                Said::Exited(code) => return Ok(Some(Ended::Code(code))),
                Said::Signalled(signal) => return Ok(Some(Ended::Signal(signal))),
                Said::Here | Said::Closed { .. } | Said::Started | Said::Failed(_) => {}
            }
        }
        Ok(None)
    }

    /// Kills everything that is left, waits until it is gone, and tells how much processor time all of it took.
    pub(crate) fn end(mut self) -> Result<Duration, RunError> {
        self.kill();
        if ready([self.first.as_fd()].iter(), Some(PATIENCE))?.is_none() {
            return Err(RunError::Lost(
                "some of its processes cannot be killed".to_owned(),
            ));
        }
        let cpu = Pid::from_raw(self.child.id().cast_signed()).map_or(Ok(Duration::ZERO), |pid| {
            // Not reaped yet, so that its number still names it.
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            rustix::io::retry_on_intr(|| waitid(WaitId::Pid(pid), options))?;
            cpu_of(pid)
        })?;
        self.child.wait()?;
        Ok(cpu)
    }

    fn kill(&self) {
        // Both fail only when nobody is left.
        let _ = pidfd_send_signal(&self.first, Signal::KILL);
        if let Some(bound) = &self.bound {
            bound.kill();
        }
    }
}

impl Drop for Cell {
    fn drop(&mut self) {
        self.kill();
        // Bubblewrap ends with its child.
        let _ = self.child.wait();
    }
}

/// The place of the first descriptor that can be read (or has ended), `None` when the time is up.
fn ready<'a, 'b: 'a>(
    all: impl Iterator<Item = &'a BorrowedFd<'b>>,
    left: Option<Duration>,
) -> io::Result<Option<usize>> {
    let mut polled: Vec<PollFd<'_>> = all
        .map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN))
        .collect();
    let until = left.map(|left| Instant::now() + left);
    loop {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let left = left
            .map(|left| Timespec::try_from(left).map_err(io::Error::other))
            .transpose()?;
        match poll(&mut polled, left.as_ref()) {
            Ok(_) => return Ok(polled.iter().position(|fd| !fd.revents().is_empty())),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Waits for the inside to speak, and learns from the system which process that is.
fn meet(socket: &UnixStream) -> io::Result<Pid> {
    let mut bytes = [0; 64];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmCredentials(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut into = [io::IoSliceMut::new(&mut bytes)];
    let got =
        rustix::io::retry_on_intr(|| recvmsg(socket, &mut into, &mut control, RecvFlags::CMSG_CLOEXEC))?;
    let sender = control.drain().find_map(|message| {
        if let RecvAncillaryMessage::ScmCredentials(sender) = message {
            Some(sender.pid)
        } else {
            None
        }
    });
    match (got.bytes, sender) {
        (0, _) => Err(io::Error::other("it ended before its inside began")),
        (_, Some(pid)) => Ok(pid),
        (_, None) => Err(io::Error::other("the system does not say who its inside is")),
    }
}

/// What a sandbox that did not come up wrote about it.
fn last_words(child: &mut Child, error: &io::Error) -> String {
    let _ = child.kill();
    let _ = child.wait();
    let mut words = String::new();
    if let Some(err) = child.stderr.take() {
        // What is no text is not worth telling.
        let _ = err.take(4_096).read_to_string(&mut words);
    }
    match words.trim() {
        "" => error.to_string(),
        words => words.to_owned(),
    }
}

fn failure(order: &Order, failed: Failed) -> RunError {
    let program = || {
        let first = order
            .argv
            .first()
            .map(|first| first.to_string_lossy().into_owned());
        first.unwrap_or_default()
    };
    match failed {
        Failed::Mechanism(mechanism, why) => RunError::Open { mechanism, why },
        Failed::NoFolder => RunError::NoFolder {
            program: program(),
            cwd: order.cwd.clone().into(),
        },
        Failed::NotFound => RunError::NotFound { program: program() },
        Failed::NotPermitted => RunError::NotPermitted { program: program() },
        Failed::Other(why) => RunError::Setup(format!("`{}`: {why}", program())),
    }
}

/// Processor time of an ended child and of everything that it waited for.
fn cpu_of(pid: Pid) -> io::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()))?;
    // Fields 14 to 17: its own user and system time, and those of its children.
    let ticks: u64 = stat
        .rsplit_once(") ")
        .map_or("", |(_, rest)| rest)
        .split(' ')
        .skip(11)
        .take(4)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    Ok(Duration::from_micros(
        ticks.saturating_mul(1_000_000) / per_second,
    ))
}
