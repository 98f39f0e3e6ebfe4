//! One command from start to end.

use crate::group::Group;
use crate::lines::{Line, LineCutter, Stream};
use crate::options::{RunOptions, Weight};
use rustix::process::{Pid, PidfdFlags, WaitId, WaitIdOptions, pidfd_open, setpriority_process, waitid};
use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;

/// How long output is still read once the group is dead. Only a process that left the group can hold the pipes open
/// longer than that, and it is not waited for.
const DRAIN: Duration = Duration::from_millis(500);

/// What kept a child from touching the rest of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Confinement {
    /// Nothing: it could do whatever the person can.
    None,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// By itself, with this code.
    Exited(i32),
    /// By this signal, which did not come from the runner.
    Signalled(i32),
    /// Killed by the runner when its time was up.
    TimedOut,
}

/// A command that is over. Nothing of its process group is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    /// How.
    pub end: End,
    /// From start to end.
    pub elapsed: Duration,
    /// What it was confined by.
    pub confinement: Confinement,
}

impl Finished {
    /// The command ended by itself with code 0.
    pub fn success(&self) -> bool {
        self.end == End::Exited(0)
    }
}

/// A command that did not start, or whose end could not be learned.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// The list of arguments was empty.
    #[error("nothing to run: the command is empty")]
    Empty,
    /// No such program.
    #[error("`{program}` was not found; install it, or see that it is in PATH")]
    NotFound {
        /// As it was called.
        program: String,
    },
    /// The program may not be run.
    #[error("`{program}` may not be run: permission denied; see `ls -l` on it")]
    NotPermitted {
        /// As it was called.
        program: String,
    },
    /// The working folder is not there.
    #[error("`{program}` cannot run in {}: no such folder", cwd.display())]
    NoFolder {
        /// As it was called.
        program: String,
        /// The folder.
        cwd: PathBuf,
    },
    /// Everything else.
    #[error("`{program}` could not be run: {source}")]
    Io {
        /// As it was called.
        program: String,
        /// What the system said.
        source: io::Error,
    },
}

/// Runs commands. Where a crate may not spawn, it is lent one of these.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Runner {
    confinement: Confinement,
}

impl Runner {
    /// A runner that confines nothing.
    pub fn plain() -> Runner {
        Runner {
            confinement: Confinement::None,
        }
    }

    /// Runs `argv` to its end and hands every line of output to `on_line` as it comes. Needs a tokio runtime.
    ///
    /// The child leads a process group of its own, which is killed when the child ends, when its time is up, and
    /// when the returned future is dropped.
    ///
    /// # Errors
    /// [`SpawnError`] names the program and why it did not run. A command that ran and failed is no error.
    pub async fn run(
        &self,
        argv: &[OsString],
        options: RunOptions,
        on_line: &mut (dyn FnMut(Line<'_>) + Send),
    ) -> Result<Finished, SpawnError> {
        let (program, arguments) = argv.split_first().ok_or(SpawnError::Empty)?;
        let name = program.to_string_lossy().into_owned();
        if let Some(cwd) = options.cwd.as_deref().filter(|cwd| !cwd.is_dir()) {
            return Err(SpawnError::NoFolder {
                program: name,
                cwd: cwd.to_owned(),
            });
        }
        let failed = |source| spawn_error(&name, source);

        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(options.environment());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.process_group(0).kill_on_drop(true);
        if let Some(cwd) = &options.cwd {
            command.current_dir(cwd);
        }

        let start = Instant::now();
        let mut started = Started::spawn(command, options.weight).await.map_err(failed)?;
        let in_time = match options.timeout {
            None => started.until_exit(on_line).await.map(|()| true),
            Some(limit) => match tokio::time::timeout(limit, started.until_exit(on_line)).await {
                Ok(ended) => ended.map(|()| true),
                Err(_) => Ok(false),
            },
        }
        .map_err(failed)?;
        let status = started.finish(on_line).await.map_err(failed)?;
        let end = match (in_time, status.code(), status.signal()) {
            (false, ..) => End::TimedOut,
            (true, Some(code), _) => End::Exited(code),
            (true, None, signal) => End::Signalled(signal.unwrap_or_default()),
        };
        Ok(Finished {
            end,
            elapsed: start.elapsed(),
            confinement: self.confinement,
        })
    }
}

/// A running child. The order of fields is the order of dropping: the group is killed while its leader is unreaped.
struct Started {
    group: Group,
    exited: oneshot::Receiver<io::Result<()>>,
    out: Pipe,
    err: Pipe,
    child: Child,
}

impl Started {
    async fn spawn(mut command: Command, weight: Weight) -> io::Result<Started> {
        match weight {
            Weight::Normal => Started::adopt(command.spawn()?),
            Weight::Background => {
                // A child inherits the scheduling of the thread that starts it, so a thread of its own takes the low
                // weight first: no moment passes in which the child, or a child of it, has the normal one.
                let (send, receive) = oneshot::channel();
                let runtime = tokio::runtime::Handle::current();
                std::thread::Builder::new()
                    .name("spawn-background".into())
                    .spawn(move || {
                        let _context = runtime.enter();
                        let started = lower_own_weight().and_then(|()| Started::adopt(command.spawn()?));
                        // Nobody listens any more: the child is dropped, and that kills it.
                        let _ = send.send(started);
                    })?;
                receive.await.map_err(io::Error::other)?
            }
        }
    }

    fn adopt(mut child: Child) -> io::Result<Started> {
        let pid = child
            .id()
            .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?))
            .ok_or_else(|| io::Error::other("the child has no number"))?;
        let group = Group::led_by(pid);
        let exited = watch_exit(pid)?;
        let out = Pipe::new(Stream::Out, child.stdout.take());
        let err = Pipe::new(Stream::Err, child.stderr.take());
        Ok(Started {
            group,
            exited,
            out,
            err,
            child,
        })
    }

    async fn until_exit(&mut self, on_line: &mut (dyn FnMut(Line<'_>) + Send)) -> io::Result<()> {
        loop {
            tokio::select! {
                read = self.out.read() => self.out.take_in(read, on_line),
                read = self.err.read() => self.err.take_in(read, on_line),
                exited = &mut self.exited => return exited.map_err(io::Error::other)?,
            }
        }
    }

    async fn finish(
        self,
        on_line: &mut (dyn FnMut(Line<'_>) + Send),
    ) -> io::Result<std::process::ExitStatus> {
        let Started {
            group,
            exited,
            mut out,
            mut err,
            mut child,
        } = self;
        group.kill();
        drop(exited);
        let drained = async {
            while out.is_open() || err.is_open() {
                tokio::select! {
                    read = out.read() => out.take_in(read, on_line),
                    read = err.read() => err.take_in(read, on_line),
                }
            }
        };
        // Running out of time here only means that a process outside of the group still holds a pipe.
        let _ = tokio::time::timeout(DRAIN, drained).await;
        out.close(on_line);
        err.close(on_line);
        child.wait().await
    }
}

/// One output of the child.
struct Pipe {
    stream: Stream,
    source: Option<Box<dyn AsyncRead + Unpin + Send>>,
    cutter: LineCutter,
    buffer: Box<[u8; 16 * 1024]>,
}

impl Pipe {
    fn new<R: AsyncRead + Unpin + Send + 'static>(stream: Stream, source: Option<R>) -> Pipe {
        Pipe {
            stream,
            source: source.map(|source| Box::new(source) as Box<_>),
            cutter: LineCutter::default(),
            buffer: Box::new([0; 16 * 1024]),
        }
    }

    fn is_open(&self) -> bool {
        self.source.is_some()
    }

    /// Reads into the buffer; never returns once the pipe has ended. Nothing is lost when it is cancelled.
    async fn read(&mut self) -> io::Result<usize> {
        match &mut self.source {
            Some(source) => source.read(&mut self.buffer[..]).await,
            None => std::future::pending().await,
        }
    }

    fn take_in(&mut self, read: io::Result<usize>, on_line: &mut (dyn FnMut(Line<'_>) + Send)) {
        match read {
            Ok(0) | Err(_) => self.close(on_line),
            Ok(count) => {
                let stream = self.stream;
                self.cutter
                    .push(&self.buffer[..count], &mut |text| on_line(Line { stream, text }));
            }
        }
    }

    fn close(&mut self, on_line: &mut (dyn FnMut(Line<'_>) + Send)) {
        self.source = None;
        let stream = self.stream;
        self.cutter.finish(&mut |text| on_line(Line { stream, text }));
    }
}

/// Tells the end of a child without reaping it, so that its group can be killed safely in between. (tokio's own
/// `wait` reaps at once, and its handles for foreign descriptors cannot be made without `unsafe`.) The thread ends
/// with the child, which never outlives its `Group`.
fn watch_exit(pid: Pid) -> io::Result<oneshot::Receiver<io::Result<()>>> {
    let process = pidfd_open(pid, PidfdFlags::empty())?;
    let (send, receive) = oneshot::channel();
    std::thread::Builder::new()
        .name("watch-child".into())
        .stack_size(64 * 1024)
        .spawn(move || {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            let ended = rustix::io::retry_on_intr(|| waitid(WaitId::PidFd(process.as_fd()), options));
            // Nobody listens when the run was dropped.
            let _ = send.send(ended.map(drop).map_err(io::Error::from));
        })?;
    Ok(receive)
}

pub(crate) fn lower_own_weight() -> io::Result<()> {
    use thread_priority::{
        NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy,
        thread_native_id,
    };
    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle)
        .map_err(|error| io::Error::other(format!("the low scheduling weight was refused: {error}")))?;
    setpriority_process(None, 19)?;
    Ok(())
}

/// Tells what kept `program` from starting.
pub(crate) fn spawn_error(program: &str, source: io::Error) -> SpawnError {
    let program = program.to_owned();
    let kind = source.kind();
    // A script whose interpreter is missing is "not found" too; then the system's own words say more.
    if kind == io::ErrorKind::NotFound && !(program.contains('/') && Path::new(&program).exists()) {
        SpawnError::NotFound { program }
    } else if kind == io::ErrorKind::PermissionDenied {
        SpawnError::NotPermitted { program }
    } else {
        SpawnError::Io { program, source }
    }
}
