//! The daemon's doors and its life: one daemon a person (a lock), a unix socket, an idle clock, an orderly end.

use super::client::{Client, Outlet};
use super::felt::{Desk, Exporter};
use super::fleet::Fleet;
use super::hub::Hub;
use super::jobs::Jobs;
use super::log::Log;
use super::models::{Models, embedded_files};
use super::patience::{Accept, Patience};
use super::websocket::Door;
use super::{note, now};
use crate::config::{Config, ConfigError};
use crate::exit::Exit;
use crate::home::{Home, HomeError};
use crate::models::began::Marks;
use crate::models::known;
use crate::routing;
use brisk_protocol::{ErrorBody, ErrorCode, MAX_LINE, error_line};
use brisk_store::{EventLog, StoreError, Tail};
use rustix::fs::{FlockOperation, flock};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Mutex, mpsc};
use tokio::time::{Instant, timeout};

/// Why a daemon does not run.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// Another one runs already.
    #[error("a daemon runs already; `brisk daemon status` shows it, `brisk daemon stop` ends it")]
    Running,
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A folder cannot be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The event log cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Anything else of the system.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl DaemonError {
    /// What its process ends with; whoever started it hands a fault of the configuration on as such.
    pub fn exit(&self) -> Exit {
        match self {
            DaemonError::Config(_) => Exit::Usage,
            DaemonError::Running | DaemonError::Home(_) | DaemonError::Store(_) | DaemonError::Io(_) => {
                Exit::Daemon
            }
        }
    }
}

/// Runs the daemon until it is idle, told to go, or signalled. Blocks.
pub fn run(home: Home) -> Result<(), DaemonError> {
    home.prepare()?;
    let lock = take_lock(&home)?;
    let config = Config::load(&home.config_file())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    // Before anything is read: what changes meanwhile is then seen as a change.
    let began = Marks::take(&home);
    let remotes = known::known(&config, &home)?.remotes;
    let members = routing::members(&config, remotes.clone(), embedded_files(&home));
    let models = Arc::new(Models::new(&config, &home, (began, remotes), runtime.handle())?);
    let events = home.state_dir().join("events");
    let mut first = EventLog::open(&events)?;
    if let Some(aside) = first.set_aside() {
        note(&format!(
            "the event log was damaged ({}); it lies in {} and a new one began",
            aside.why,
            aside.path.display()
        ));
    }
    // What an earlier daemon told its clients and could not write any more.
    let tail = Tail::open(&events, &mut first)?;
    let (log, writer) = Log::start(first, tail, EventLog::open(&events)?)?;
    let telemetry = &config.telemetry;
    let export = Exporter::start(telemetry.endpoint.as_deref(), runtime.handle());
    let (desk, felt) = Desk::start(&events, telemetry.keep_days, export)?;
    let socket = home.socket();
    let fleet = Fleet::start(&home, members);
    let jobs = Jobs::start(&home, &config.mcp, Arc::clone(&models), Arc::clone(&fleet))?;
    let hub = Arc::new(Hub::new(
        home,
        models,
        Arc::clone(&fleet),
        jobs,
        log,
        desk.clone(),
    ));
    runtime.block_on(async {
        // The lock says that no daemon runs: a socket that is there belongs to one that died.
        match std::fs::remove_file(&socket) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            Ok(()) | Err(_) => {}
        }
        // Before the socket, for which whoever starts a daemon waits: then both doors are there.
        let door = Door::open(&hub).await;
        if let Err(e) = &door {
            note(&format!("no WebSocket door: {e}"));
        }
        let listener = UnixListener::bind(&socket)?;
        std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o600))?;
        note(&format!(
            "ready, version {}, pid {}",
            env!("CARGO_PKG_VERSION"),
            std::process::id()
        ));
        tokio::spawn(Arc::clone(&hub.standings).follow_jobs());
        serve(&hub, &listener, Duration::from_secs(config.daemon.idle_s)).await?;
        drop(door);
        let _ = std::fs::remove_file(&socket);
        hub.jobs.leave();
        hub.end_sessions().await;
        Ok(())
    })?;
    drop(hub);
    runtime.shutdown_timeout(Duration::from_secs(2));
    if writer.join().is_err() {
        note("the event log's writer ended badly");
    }
    // After the runtime: whoever asked a model has settled by then.
    fleet.close();
    desk.close();
    if felt.is_some_and(|thread| thread.join().is_err()) {
        note("the writer of the figures ended badly");
    }
    drop(lock);
    Ok(())
}

fn take_lock(home: &Home) -> Result<File, DaemonError> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(home.daemon_lock())?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(e) if e == rustix::io::Errno::WOULDBLOCK => Err(DaemonError::Running),
        Err(e) => Err(DaemonError::Io(e.into())),
    }
}

impl Accept for UnixListener {
    type Stream = UnixStream;
    async fn accept(&self) -> io::Result<UnixStream> {
        UnixListener::accept(self).await.map(|(stream, _)| stream)
    }
}

async fn serve(hub: &Arc<Hub>, listener: &UnixListener, idle: Duration) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // The terminal that started the daemon may close; the daemon stays.
    let mut hangup = signal(SignalKind::hangup())?;
    let mut check = tokio::time::interval_at(Instant::now() + idle, idle.min(Duration::from_secs(30)));
    let mut patience = Patience::default();
    loop {
        tokio::select! {
            stream = patience.next(listener, "unix socket") => {
                tokio::spawn(connection(Arc::clone(hub), stream));
            }
            _ = check.tick() => {
                let quiet = now().0.saturating_sub(hub.active_us.load(Ordering::Relaxed));
                if hub.clients.load(Ordering::Relaxed) == 0 && !hub.jobs.busy() && u128::from(quiet) >= idle.as_micros() {
                    note("idle, going");
                    return Ok(());
                }
            }
            () = hub.leave.notified() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = hangup.recv() => {}
        }
    }
}

/// How long a client's last word may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// Where a client's mail goes. Shared with what is said when its lines end.
struct Socket(Arc<Mutex<OwnedWriteHalf>>);

impl Outlet for Socket {
    async fn write(&mut self, lines: String) -> io::Result<()> {
        self.0.lock().await.write_all(lines.as_bytes()).await
    }
}

async fn connection(hub: Arc<Hub>, stream: UnixStream) {
    let (read, write) = stream.into_split();
    // A few lines of slack: the client handler takes them at once.
    let (lines, inbox) = mpsc::channel(16);
    let reading = tokio::spawn(read_lines(read, lines));
    let write = Arc::new(Mutex::new(write));
    Client::serve(hub, inbox, Socket(Arc::clone(&write))).await;
    if let Ok(End::TooLong) = reading.await {
        let body = ErrorBody {
            code: ErrorCode::Parse.number(),
            message: format!("a message has at most {MAX_LINE} bytes; the connection ends here"),
            data: None,
        };
        let line = error_line(None, &body);
        let goodbye = async { write.lock().await.write_all(line.as_bytes()).await };
        // Best effort: the peer may be gone, or read nothing.
        let _ = timeout(GOODBYE, goodbye).await;
    }
}

/// How a client's lines ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// It said no more.
    Closed,
    /// A line was longer than any may be.
    TooLong,
}

/// Reads bounded lines; one that is too long ends the connection.
async fn read_lines(read: OwnedReadHalf, lines: mpsc::Sender<String>) -> End {
    let mut read = BufReader::new(read);
    loop {
        let mut line = Vec::new();
        match (&mut read)
            .take(MAX_LINE as u64)
            .read_until(b'\n', &mut line)
            .await
        {
            Ok(0) | Err(_) => return End::Closed,
            Ok(n) if n == MAX_LINE && line.last() != Some(&b'\n') => return End::TooLong,
            Ok(_) if line.last() != Some(&b'\n') => return End::Closed,
            Ok(_) => {
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                if !text.is_empty() && lines.send(text).await.is_err() {
                    return End::Closed;
                }
            }
        }
    }
}
