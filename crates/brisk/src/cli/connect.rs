//! From nothing to a greeted daemon: connects, starts one where there is none, and replaces an idle one of another
//! version. A stale socket or a crashed daemon never blocks a command.

use crate::cli::link::Link;
use crate::exit::{CORRECT, CliError, Exit};
use crate::home::Home;
use crate::models::began::{Asks, Marks};
use brisk_protocol::acp::{InitializeResponse, Meta, NewSessionRequest, NewSessionResponse};
use brisk_protocol::{BEGAN_META, BRISK_META, DaemonStatus, NoParams, greeting, method};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FlockOperation, flock, inotify};
use rustix::process::{Pid, PidfdFlags, WaitId, WaitIdOptions, WaitOptions, pidfd_open, waitid, waitpid};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A daemon that is not there after this long will not come.
const START_LIMIT: Duration = Duration::from_secs(5);

/// A daemon that listened and was killed before it could be spoken to is started anew, this often in all.
const STARTS: usize = 3;

/// Between two tries: while the socket is there and nobody listens yet, or while a client of the daemon may be going.
const RETRY: Duration = Duration::from_millis(20);

/// How often a daemon is asked, until whoever is connected still is no longer taken for one that is just going. Only
/// where the daemon is to end, so that this costs nobody else anything.
const GOING: usize = 6;

/// The version that both sides must have.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// ACP's names of the methods that Brisk's client uses.
pub(crate) mod acp_method {
    /// First request on a connection.
    pub(crate) const INITIALIZE: &str = "initialize";
    /// Makes a session.
    pub(crate) const SESSION_NEW: &str = "session/new";
    /// Starts a turn.
    pub(crate) const SESSION_PROMPT: &str = "session/prompt";
    /// Notification: stop.
    pub(crate) const SESSION_CANCEL: &str = "session/cancel";
}

/// A connection with a session in `cwd`, for prompts to these models. Greeting and session go out in one write.
pub(crate) fn session(
    home: &Home,
    cwd: PathBuf,
    asks: Asks<'_>,
) -> Result<(Link, NewSessionResponse), CliError> {
    let mut request = NewSessionRequest::new(cwd);
    if let Asks::Named(model) = asks {
        // Where nothing can be asked, the daemon says why this one cannot.
        let named = serde_json::json!({"model": model});
        request = request.meta(Meta::from_iter([(BRISK_META.to_owned(), named)]));
    }
    let (mut link, id, marks) = greeted(home, |link| link.request_line(acp_method::SESSION_NEW, &request))?;
    not_astray(home, marks.as_ref(), asks)?;
    let session = link.answer(id)?;
    Ok((link, session))
}

/// The answer to one request that changes nothing, sent together with the greeting.
pub(crate) fn ask<R: DeserializeOwned>(
    home: &Home,
    method: &str,
    params: &impl Serialize,
) -> Result<R, CliError> {
    let (mut link, id, _) = greeted(home, |link| link.request_line(method, params))?;
    link.answer(id)
}

/// A greeted connection. For requests that change something: they wait until the version is known.
pub(crate) fn open(home: &Home) -> Result<Link, CliError> {
    greeted(home, |_| (0, String::new())).map(|(link, ..)| link)
}

/// The same, for requests that ask these models.
pub(crate) fn open_to(home: &Home, asks: Asks<'_>) -> Result<Link, CliError> {
    let (link, _, marks) = greeted(home, |_| (0, String::new()))?;
    not_astray(home, marks.as_ref(), asks)?;
    Ok(link)
}

/// Refuses to let a daemon that is in use, and so could not be renewed, send anything where this terminal does not.
fn not_astray(home: &Home, marks: Option<&Marks>, asks: Asks<'_>) -> Result<(), CliError> {
    let Some(variable) = marks.and_then(|marks| marks.astray(home, asks)) else {
        return Ok(());
    };
    let message =
        format!("the daemon is in use, and asks another address than the {variable} of this terminal");
    Err(CliError::new(Exit::NoModel, message).hint(
        "end its other clients or `brisk daemon stop`, then again; or set the variable as it was there",
    ))
}

/// A connection to a running daemon of any version; `None` when there is none. Nothing is started.
pub(crate) fn running(home: &Home) -> Result<Option<Link>, CliError> {
    match try_connect(&home.socket()) {
        Ok(stream) => Ok(Some(Link::new(stream)?)),
        Err(e) if absent(&e) => Ok(None),
        Err(e) => Err(unreachable(home, &e)),
    }
}

/// Greets a daemon and tells its version.
pub(crate) fn greet(link: &mut Link) -> Result<String, CliError> {
    let (id, line) = hello_line(link);
    link.send(&line)?;
    link.answer(id).map(version)
}

/// Asks a daemon to end and waits until it has closed the connection.
pub(crate) fn stop(mut link: Link) -> Result<(), CliError> {
    let id = link.request(method::SHUTDOWN, &NoParams {})?;
    link.answer::<Option<NoParams>>(id)?;
    while link.fill()? {}
    Ok(())
}

fn hello_line(link: &mut Link) -> (i64, String) {
    link.request_line(acp_method::INITIALIZE, &greeting("brisk", VERSION))
}

fn version(hello: InitializeResponse) -> String {
    hello.agent_info.map(|a| a.version).unwrap_or_default()
}

/// What the daemon began with.
fn marks(hello: &InitializeResponse) -> Option<Marks> {
    let marks = hello
        .meta
        .as_ref()
        .and_then(|meta| meta.get(BEGAN_META))
        .cloned()?;
    serde_json::from_value(marks).ok()
}

/// What this process has and the daemon began without, by name.
fn news(home: &Home, hello: &InitializeResponse) -> Vec<String> {
    marks(hello).map_or_else(Vec::new, |marks| marks.news(home))
}

/// What a running daemon began with; nothing where none runs.
pub(crate) fn began(home: &Home) -> Result<Option<Marks>, CliError> {
    let Some(mut link) = running(home)? else {
        return Ok(None);
    };
    let (id, line) = hello_line(&mut link);
    link.send(&line)?;
    Ok(marks(&link.answer(id)?))
}

/// Connects and greets, with one more request (made by `more`) in the same write. A daemon that was just going takes
/// the connection with it: that is tried once more, and so is a daemon of another version after its end, or one that
/// nobody else uses and that began before a key was set or a file was changed.
fn greeted(
    home: &Home,
    more: impl Fn(&mut Link) -> (i64, String),
) -> Result<(Link, i64, Option<Marks>), CliError> {
    let mut tries = 0;
    let mut renewed = false;
    loop {
        let mut link = reach(home)?;
        let (hello, mut lines) = hello_line(&mut link);
        let (id, line) = more(&mut link);
        lines.push_str(&line);
        let found: Result<InitializeResponse, CliError> = link.send(&lines).and_then(|()| link.answer(hello));
        tries += 1;
        let stale = !renewed && found.as_ref().is_ok_and(|hello| !news(home, hello).is_empty());
        let marks = found.as_ref().ok().and_then(marks);
        match found.map(version) {
            Ok(v) if v == VERSION && stale => {
                renewed = true;
                renew(link)?;
            }
            Ok(v) if v == VERSION => return Ok((link, id, marks)),
            Ok(v) if tries < 3 => replace(link, &v)?,
            Ok(v) => {
                let message = format!("the daemon has version {v:?}, this is {VERSION}");
                return Err(CliError::new(Exit::Daemon, message).hint("`brisk daemon stop`, then again"));
            }
            Err(e) if tries < 2 && e.exit == Exit::Daemon => {}
            Err(e) => return Err(e),
        }
    }
}

/// What a daemon says of itself, once those that have just gone do not count any more: it sees the end of a command
/// a little later than the person who runs the next one.
pub(crate) fn settled(link: &mut Link) -> Result<DaemonStatus, CliError> {
    let mut tries = GOING;
    loop {
        let status: DaemonStatus = link.call(method::DAEMON, &NoParams {})?;
        tries -= 1;
        if status.clients <= 1 || status.busy || tries == 0 {
            return Ok(status);
        }
        let _ = poll(&mut [], Some(&timespec(RETRY)));
    }
}

/// Ends a daemon that nobody else uses, so that the next one sees what there is now. One that is in use goes on as it
/// is: `brisk doctor` says what it has not seen.
fn renew(mut link: Link) -> Result<(), CliError> {
    let status = settled(&mut link)?;
    if status.clients > 1 || status.busy {
        return Ok(());
    }
    stop(link)
}

/// Ends a daemon of another version, unless somebody else is using it.
fn replace(mut link: Link, found: &str) -> Result<(), CliError> {
    let status = settled(&mut link)?;
    if status.clients > 1 {
        let others = status.clients - 1;
        let message = format!(
            "the daemon has version {found:?}, this is {VERSION}, and {others} more client(s) are using it"
        );
        return Err(CliError::new(Exit::Daemon, message)
            .hint("end those, or `brisk daemon stop`, then run the command again"));
    }
    stop(link)
}

/// Connects, and starts a daemon where there is none.
fn reach(home: &Home) -> Result<Link, CliError> {
    match try_connect(&home.socket()) {
        Ok(stream) => Link::new(stream),
        Err(e) if absent(&e) => start(home),
        Err(e) => Err(unreachable(home, &e)),
    }
}

fn try_connect(socket: &Path) -> io::Result<UnixStream> {
    UnixStream::connect(socket)
}

/// No daemon: no socket, or one that a dead daemon left.
fn absent(e: &io::Error) -> bool {
    matches!(
        e.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
    )
}

fn unreachable(home: &Home, e: &io::Error) -> CliError {
    CliError::new(Exit::Daemon, format!("{}: {e}", home.socket().display()))
        .hint("`brisk doctor` checks the folders")
}

/// Starts a daemon, or waits for the one that another command is starting.
fn start(home: &Home) -> Result<Link, CliError> {
    home.prepare()?;
    let lock_path = home.start_lock();
    let disk = |path: &Path, e: io::Error| CliError::new(Exit::Disk, format!("{}: {e}", path.display()));
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&lock_path)
        .map_err(|e| disk(&lock_path, e))?;
    // Held for START_LIMIT at most by another command, which then has a daemon for us too.
    flock(&lock, FlockOperation::LockExclusive).map_err(|e| disk(&lock_path, e.into()))?;
    let socket = home.socket();
    match try_connect(&socket) {
        Ok(stream) => return Link::new(stream),
        Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(&socket).map_err(|e| disk(&socket, e))?;
        }
        Err(e) if absent(&e) => {}
        Err(e) => return Err(unreachable(home, &e)),
    }
    // One that is going has given up its socket but not its lock yet: ours could not start beside it.
    if let Some(link) = vacant(home)? {
        return Ok(link);
    }
    let mut gone = String::new();
    for _ in 0..STARTS {
        match born(home)? {
            Born::Listens(link) => return Ok(link),
            Born::Killed(said) => gone = said,
        }
        // What it has left. Nobody else makes one while we hold the lock of starts.
        let _ = std::fs::remove_file(&socket);
        if let Some(link) = vacant(home)? {
            return Ok(link);
        }
    }
    Err(failed(home, "is killed again and again", &gone))
}

/// What became of a daemon that was started.
enum Born {
    Listens(Link),
    /// It listened, and was killed before it could be spoken to: its last words.
    Killed(String),
}

/// Starts a daemon and waits for it.
fn born(home: &Home) -> Result<Born, CliError> {
    let disk = |path: &Path, e: io::Error| CliError::new(Exit::Disk, format!("{}: {e}", path.display()));
    // Watched before the daemon exists: its socket cannot be missed.
    let watch = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)
        .map_err(|e| disk(home.run_dir(), e.into()))?;
    inotify::add_watch(
        &watch,
        home.run_dir(),
        inotify::WatchFlags::CREATE | inotify::WatchFlags::MOVED_TO,
    )
    .map_err(|e| disk(home.run_dir(), e.into()))?;
    let exe = std::env::current_exe().map_err(|e| disk(Path::new("/proc/self/exe"), e))?;
    let log = home.daemon_log();
    let before = log.metadata().map_or(0, |m| m.len());
    let argv: Vec<OsString> = vec![exe.into(), "daemon".into(), "run".into()];
    let pid = brisk_sandbox::spawn_detached(&argv, &brisk_llama::PROCESS_ENV, &log)
        .map_err(|e| CliError::new(Exit::Daemon, format!("the daemon could not be started: {e}")))?;
    let link = ready(home, &watch, pid, before);
    // A live client outlives a daemon that is killed, and leaves no dead entry in the process table.
    let reap = move || waitpid(Some(pid), WaitOptions::empty());
    drop(std::thread::Builder::new().name("brisk-reap".into()).spawn(reap));
    link
}

/// Waits until no daemon holds the lock of daemons; or finds one that listens after all.
fn vacant(home: &Home) -> Result<Option<Link>, CliError> {
    let path = home.daemon_lock();
    let disk = |e: io::Error| CliError::new(Exit::Disk, format!("{}: {e}", path.display()));
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path)
        .map_err(disk)?;
    let began = Instant::now();
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(None),
            Err(rustix::io::Errno::WOULDBLOCK) => {}
            Err(e) => return Err(disk(e.into())),
        }
        if let Ok(stream) = try_connect(&home.socket()) {
            return Link::new(stream).map(Some);
        }
        if began.elapsed() >= START_LIMIT {
            return Err(
                CliError::new(Exit::Daemon, "a daemon runs and does not listen").hint(format!(
                    "end it (`fuser {}` shows its process), then again",
                    path.display()
                )),
            );
        }
        let _ = poll(&mut [], Some(&timespec(RETRY)));
    }
}

/// Waits until the new daemon listens, has died, or has used up its time.
fn ready(home: &Home, watch: &OwnedFd, pid: Pid, log_from: u64) -> Result<Born, CliError> {
    let said = || last_words(&home.daemon_log(), log_from).unwrap_or_default();
    let began = Instant::now();
    let child = pidfd_open(pid, PidfdFlags::empty()).ok();
    loop {
        match try_connect(&home.socket()) {
            Ok(stream) => return Link::new(stream).map(Born::Listens),
            Err(e) if absent(&e) => {}
            Err(e) => return Err(unreachable(home, &e)),
        }
        let left = START_LIMIT.saturating_sub(began.elapsed());
        if left.is_zero() {
            return Err(failed(home, "did not answer within 5 s", &said()));
        }
        let mut fds = vec![PollFd::from_borrowed_fd(watch.as_fd(), PollFlags::IN)];
        if let Some(child) = &child {
            fds.push(PollFd::from_borrowed_fd(child.as_fd(), PollFlags::IN));
        }
        let _ = poll(&mut fds, Some(&timespec(left.min(RETRY))));
        let died = fds.get(1).is_some_and(|fd| !fd.revents().is_empty());
        if died {
            // It may have found another daemon that took the lock first: that one is as good.
            return match try_connect(&home.socket()) {
                Ok(stream) => Link::new(stream).map(Born::Listens),
                // Its socket is there: it did listen. One that goes by itself takes it along.
                Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => Ok(Born::Killed(said())),
                Err(_) if child.is_some_and(|c| refused_settings(&c)) => {
                    let said = said();
                    let named = said.strip_prefix("brisk: ").unwrap_or(&said);
                    Err(CliError::new(Exit::Usage, named).hint(CORRECT))
                }
                Err(_) => Err(failed(home, "ended at once", &said())),
            };
        }
        let mut events = [0; 1024];
        let _ = rustix::io::read(watch, &mut events);
    }
}

/// A daemon that has ended did so for a file of settings. It stays to be reaped.
fn refused_settings(child: &OwnedFd) -> bool {
    let how = waitid(
        WaitId::PidFd(child.as_fd()),
        WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
    );
    let code = how.ok().flatten().and_then(|s| s.exit_status());
    code == Some(i32::from(Exit::Usage.code()))
}

/// A duration as the system takes it.
pub(crate) fn timespec(d: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(d.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(d.subsec_nanos()),
    }
}

fn failed(home: &Home, how: &str, said: &str) -> CliError {
    let said = if said.is_empty() {
        String::new()
    } else {
        format!(": {said}")
    };
    CliError::new(Exit::Daemon, format!("the daemon {how}{said}")).hint(format!(
        "its log: {}; `brisk doctor` checks more",
        home.daemon_log().display()
    ))
}

/// The last line that was written to the log after `from`.
fn last_words(log: &Path, from: u64) -> Option<String> {
    let mut file = File::open(log).ok()?;
    let end = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(from.max(end.saturating_sub(4096))))
        .ok()?;
    let mut text = Vec::new();
    file.read_to_end(&mut text).ok()?;
    let text = String::from_utf8_lossy(&text);
    let last = text.lines().rev().find(|l| !l.trim().is_empty())?;
    Some(last.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_words_are_those_of_this_start() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        assert_eq!(last_words(&log, 0), None);
        std::fs::write(&log, "old\nnew one\n\n").unwrap();
        assert_eq!(last_words(&log, 0), Some("new one".into()));
        assert_eq!(last_words(&log, 4), Some("new one".into()));
        assert_eq!(last_words(&log, 12), None);
    }
}
