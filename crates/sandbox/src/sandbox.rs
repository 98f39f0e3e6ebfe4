//! The sandbox: found out once, then used for one command after the other.

use crate::cell::Cell;
use crate::cgroup::Groups;
use crate::confined::Confined;
use crate::enter::ENTER;
use crate::keeper::{Guard, Keeper, Ours};
use crate::lines::Stream;
use crate::log::{Log, digest_of};
use crate::mounts::{Place, View, view};
use crate::options::{Weight, environment};
use crate::outcome::{Exit, Outcome, RunError};
use crate::profile::{Level, Mechanism, Profile};
use crate::stop::Stop;
use crate::trust;
use crate::wire::Order;
use std::ffi::OsString;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::oneshot;

/// How long output is still read once everything is gone. Only a process outside can hold the pipes open longer.
const DRAIN: Duration = Duration::from_millis(500);

/// Uid and gid of a command whose owner is root.
const NOBODY: u32 = 1_000;

/// Why there is no sandbox here. Nothing is run then.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    /// There is no bubblewrap that can be believed.
    #[error("no sandbox: {0}; install the package `bubblewrap`")]
    NoBubblewrap(String),
    /// It is there but cannot do its work.
    #[error(
        "no sandbox: {0}; unprivileged user namespaces may be switched off (see kernel.unprivileged_userns_clone, \
         kernel.apparmor_restrict_unprivileged_userns, user.max_user_namespaces)"
    )]
    Broken(String),
    /// It works, but not with all mechanisms, and that was not allowed.
    #[error("no full sandbox ({level}): {why}")]
    Degraded {
        /// What it would be.
        level: Level,
        /// What the system said.
        why: String,
    },
}

/// What is good enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accept {
    /// Nothing but all mechanisms.
    Full,
    /// Also a sandbox without some of them; its profile names them. Without bubblewrap there is never one.
    Degraded,
}

/// Runs commands confined.
#[derive(Debug, Clone)]
pub struct Sandbox {
    bubblewrap: PathBuf,
    place: Place,
    groups: Option<Groups>,
    missing: Vec<Mechanism>,
    landlock: i32,
}

impl Sandbox {
    /// Finds out what this machine can do, by doing it once. Blocks for some 10 ms; may not be called from within a
    /// confined command.
    ///
    /// `helper` is a program that calls [`enter`](crate::enter) when its first argument is [`ENTER`]: our own.
    ///
    /// # Errors
    /// [`Unavailable`] when there is no sandbox, or none that is good enough.
    pub fn probe(helper: PathBuf, accept: Accept) -> Result<Sandbox, Unavailable> {
        let bubblewrap = trust::bubblewrap().map_err(Unavailable::NoBubblewrap)?;
        let (uid, gid) = (rustix::process::getuid(), rustix::process::getgid());
        let root = uid.is_root();
        let home = std::env::home_dir().and_then(|home| home.canonicalize().ok());
        let mut sandbox = Sandbox {
            bubblewrap,
            place: Place {
                helper,
                home: home.filter(|home| home.parent().is_some()),
                root,
                ids: match root {
                    true => (NOBODY, NOBODY),
                    false => (uid.as_raw(), gid.as_raw()),
                },
                open: false,
            },
            groups: Groups::find(),
            missing: Vec::new(),
            landlock: 0,
        };
        let mut why = Vec::new();
        if root && sandbox.groups.is_none() {
            why.push("root's processes are bounded by a cgroup only, and none can be made".to_owned());
            sandbox.missing.push(Mechanism::ProcessBound);
        }
        // Each trial may lack one mechanism more.
        loop {
            match sandbox.trial() {
                Ok(landlock) => {
                    sandbox.landlock = landlock;
                    break;
                }
                Err(RunError::Open { mechanism, why: said }) if !sandbox.missing.contains(&mechanism) => {
                    why.push(format!("{mechanism}: {said}"));
                    sandbox.missing.push(mechanism);
                }
                Err(error) => return Err(Unavailable::Broken(error.to_string())),
            }
        }
        match (sandbox.level(), accept) {
            (level @ Level::Degraded(_), Accept::Full) => Err(Unavailable::Degraded {
                level,
                why: why.join("; "),
            }),
            (Level::Full, _) | (Level::Degraded(_), Accept::Degraded) => Ok(sandbox),
        }
    }

    /// The same without one of its mechanisms: degraded, and labelled so. It shows what the others hold alone.
    #[must_use]
    pub fn without(mut self, mechanism: Mechanism) -> Sandbox {
        self.missing.push(mechanism);
        match mechanism {
            Mechanism::Mounts => self.place.open = true,
            Mechanism::ProcessBound => self.groups = None,
            Mechanism::Landlock => self.landlock = 0,
            Mechanism::Seccomp => {}
        }
        self
    }

    /// Which mechanisms hold.
    pub fn level(&self) -> Level {
        Level::without(&self.missing)
    }

    /// The version of Landlock in force, 0 without.
    pub fn landlock(&self) -> i32 {
        self.landlock
    }

    /// What will confine a command.
    ///
    /// # Errors
    /// Those of a list of paths that cannot be shown.
    pub fn profile(&self, confined: &Confined) -> Result<Profile, RunError> {
        let view = view(&self.place, confined)?;
        self.described(confined, &view)
    }

    /// Runs a command to its end. Both outputs are handed out as they come; while `on_output` works nothing is read,
    /// so that a fast command waits for a slow reader. Needs a tokio runtime.
    ///
    /// Everything that the command started is gone when this returns. It is killed when its time is up, when `stop` is
    /// used, when it writes too much and when the returned future is dropped; also while `on_output` works.
    ///
    /// # Errors
    /// [`RunError`] says why it did not run, or what became of it. A command that ran and failed is no error.
    pub async fn run(
        &self,
        confined: Confined,
        stop: Option<&Stop>,
        on_output: &mut (dyn FnMut(Stream, &[u8]) + Send),
    ) -> Result<Outcome, RunError> {
        if confined.argv.is_empty() {
            return Err(RunError::Empty);
        }
        let view = view(&self.place, &confined)?;
        let profile = self.described(&confined, &view)?;
        let mut log = Log::new(confined.logs.as_deref())?;
        let ours = Ours::new()?;
        let (ready, is_ready) = oneshot::channel();
        let (over, mut is_over) = oneshot::channel();
        let keeper = Keeper {
            bubblewrap: self.bubblewrap.clone(),
            groups: self.groups.clone(),
            order: self.order(&confined, &view),
            arguments: self.arguments(view),
            timeout: confined.timeout,
            stop: stop.cloned(),
            ours: ours.clone(),
        };
        thread::Builder::new().name("sandbox".into()).spawn(move || {
            // Nobody listens when the run was dropped.
            let _ = over.send(keeper.keep(ready));
        })?;
        let _guard = Guard(&ours);
        // Without outputs it never ran, and its end says why.
        let Ok((out, err)) = is_ready.await else {
            let end = is_over.await.map_err(lost)?;
            return Err(end
                .err()
                .unwrap_or_else(|| RunError::Setup("it never began".to_owned())));
        };
        let mut out = Source::new(Stream::Out, tokio::process::ChildStdout::from_std(out)?);
        let mut err = Source::new(Stream::Err, tokio::process::ChildStderr::from_std(err)?);
        let (mut end, mut deadline, mut flood) = (None, None, false);
        while out.open || err.open || end.is_none() {
            let (source, read) = tokio::select! {
                read = out.read() => (&mut out, read),
                read = err.read() => (&mut err, read),
                ended = &mut is_over, if end.is_none() => {
                    end = Some(ended.map_err(lost)??);
                    deadline = Some(tokio::time::Instant::now() + DRAIN);
                    continue;
                }
                () = until(deadline) => break,
            };
            let stream = source.stream;
            let bytes = source.taken(read);
            let fits = usize::try_from(confined.output_cap - log.bytes()).unwrap_or(usize::MAX);
            let taken = &bytes[..bytes.len().min(fits)];
            log.push(taken)?;
            flood = bytes.len() > fits;
            if !taken.is_empty() {
                on_output(stream, taken);
            }
            if flood {
                ours.end(Exit::OutputCap);
                out.open = false;
                err.open = false;
            }
        }
        let end = match end {
            Some(end) => end,
            None => is_over.await.map_err(lost)??,
        };
        Ok(Outcome {
            // Also when it ended before anybody saw how much it wrote: the log is not whole.
            exit: if flood { Exit::OutputCap } else { end.exit },
            wall: end.wall,
            cpu: end.cpu,
            output_bytes: log.bytes(),
            log: log.finish()?,
            profile,
        })
    }

    /// Opens the sandbox and closes it again.
    fn trial(&self) -> Result<i32, RunError> {
        let nothing = Confined {
            read_only: Vec::new(),
            ..Confined::new(Vec::new(), "/".into())
        };
        let view = view(&self.place, &nothing)?;
        let order = self.order(&nothing, &view);
        let arguments = self.arguments(view);
        let groups = self.groups.as_ref();
        let bound = groups
            .map(|groups| groups.bound(nothing.limits.processes, None))
            .transpose()?;
        let cell = Cell::open(&self.bubblewrap, &arguments, &order, bound)?;
        let landlock = cell.landlock;
        cell.end().map(|_| landlock)
    }

    fn order(&self, confined: &Confined, view: &View) -> Order {
        Order {
            argv: confined.argv.clone(),
            cwd: confined.cwd.clone().into(),
            env: environment(&confined.env, true),
            writable: view.writable.clone(),
            limits: confined.limits,
            background: confined.weight == Weight::Background,
            without: self.missing.clone(),
        }
    }

    fn arguments(&self, view: View) -> Vec<OsString> {
        let mut arguments = view.arguments;
        arguments.push(ENTER.into());
        arguments
    }

    fn described(&self, confined: &Confined, view: &View) -> Result<Profile, RunError> {
        let level = self.level();
        let names: Vec<OsString> = environment(&confined.env, true)
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        let all = format!(
            "{level}\nlandlock {}\ncgroup {}\n{:?}\n{:?}\n{:?}\n{names:?}\n",
            self.landlock,
            self.groups.is_some(),
            view.arguments,
            view.writable,
            confined.limits,
        );
        Ok(Profile {
            level,
            network: confined.network,
            digest: digest_of(&all)?,
        })
    }
}

fn lost(_: oneshot::error::RecvError) -> RunError {
    RunError::Lost("the thread that kept it is gone".to_owned())
}

async fn until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// One output of the command.
struct Source {
    stream: Stream,
    read: Box<dyn AsyncRead + Unpin + Send>,
    open: bool,
    buffer: Box<[u8; 16 * 1024]>,
}

impl Source {
    fn new<R: AsyncRead + Unpin + Send + 'static>(stream: Stream, read: R) -> Source {
        Source {
            stream,
            read: Box::new(read),
            open: true,
            buffer: Box::new([0; 16 * 1024]),
        }
    }

    /// Reads into the buffer; never returns once the output has ended. Nothing is lost when it is cancelled.
    async fn read(&mut self) -> std::io::Result<usize> {
        match self.open {
            true => self.read.read(&mut self.buffer[..]).await,
            false => std::future::pending().await,
        }
    }

    /// What a read brought.
    fn taken(&mut self, read: std::io::Result<usize>) -> &[u8] {
        let count = read.unwrap_or(0);
        self.open = count > 0;
        &self.buffer[..count]
    }
}
