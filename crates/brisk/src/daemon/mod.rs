//! The daemon: one process a person, which keeps model, sessions and repositories warm. It starts by itself on
//! first use and goes when idle. `server` and `websocket` accept, `client` speaks the protocol (`plain` to those
//! that know only ACP), `actor` owns a session.

mod actor;
mod admission;
mod asking;
mod client;
mod complete;
mod felt;
mod fleet;
mod follow;
mod gather;
mod hub;
mod jobs;
mod log;
mod mailbox;
pub(crate) mod mcp;
mod mention;
mod models;
mod options;
mod patience;
mod plain;
mod repository;
mod server;
mod standings;
mod takeover;
mod websocket;

pub(crate) use models::{CONTEXT, MODEL_ENV, embedded_files};
pub use server::{DaemonError, run};

use brisk_domain::Now;
use std::io::Write;

/// The moment on CLOCK_MONOTONIC, so that other processes on this machine can compare.
pub(crate) fn now() -> Now {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    Now(t.tv_sec.unsigned_abs() * 1_000_000 + t.tv_nsec.unsigned_abs() / 1_000)
}

/// Writes a line for whoever reads the daemon's log file (its standard error). Where it cannot be written, it is lost: a
/// full disk, of which it may be telling, must end nobody's work.
pub(crate) fn note(line: &str) {
    let _ = writeln!(std::io::stderr(), "brisk daemon: {line}");
}
