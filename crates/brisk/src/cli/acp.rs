//! `brisk acp`: an ACP agent on standard input and output, for editors. A thin bridge: bytes go between the streams
//! and the daemon as they come, and the daemon speaks the protocol.

use crate::cli::connect;
use crate::cli::context::Context;
use crate::exit::{CliError, Exit};
use crate::models::began::Asks;
use std::io::{self, IsTerminal, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Bridges until one side ends. The end of the input is the orderly end: the daemon answers what it still can.
pub(crate) fn run(context: &Context) -> Result<Exit, CliError> {
    if io::stdin().is_terminal() {
        return Err(CliError::new(
            Exit::Usage,
            "`brisk acp` speaks the Agent Client Protocol with an editor, not with a person",
        )
        .hint("name it as an agent in the editor's settings: command `brisk`, argument `acp`"));
    }
    // The greeting makes sure that the daemon is of this version. The editor greets once more, for itself.
    let mut from_daemon = connect::open_to(&context.home, Asks::Any)?.into_stream()?;
    let mut to_daemon = from_daemon.try_clone().map_err(broken)?;
    let ended = Arc::new(AtomicBool::new(false));
    let over = Arc::clone(&ended);
    // It may wait for input for ever, so nobody waits for it: it ends with the process.
    std::thread::Builder::new()
        .name("input".into())
        .spawn(move || {
            let input = pass(&mut io::stdin().lock(), &mut to_daemon);
            over.store(!matches!(input, Err(Side::Write(_))), Ordering::SeqCst);
            // Fails where the daemon is gone, which the other direction sees, too.
            let _ = to_daemon.shutdown(Shutdown::Write);
        })
        .map_err(broken)?;
    match pass(&mut from_daemon, &mut io::stdout().lock()) {
        // The editor closed its end, in one order or the other.
        Ok(()) | Err(Side::Read(_)) if ended.load(Ordering::SeqCst) => Ok(Exit::Done),
        Err(Side::Write(e)) if e.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Done),
        Err(Side::Write(e)) => Err(CliError::new(
            Exit::Disk,
            format!("standard output cannot be written: {e}"),
        )),
        Ok(()) => Err(gone("it closed the connection")),
        Err(Side::Read(e)) => Err(gone(e)),
    }
}

/// Which end of a pipe failed.
enum Side {
    Read(io::Error),
    Write(io::Error),
}

/// Copies until the end, each piece at once.
fn pass(from: &mut impl Read, to: &mut impl Write) -> Result<(), Side> {
    let mut chunk = vec![0; 64 * 1024];
    loop {
        let n = match from.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(Side::Read(e)),
        };
        let piece = chunk.get(..n).unwrap_or_default();
        to.write_all(piece)
            .and_then(|()| to.flush())
            .map_err(Side::Write)?;
    }
}

fn broken(e: io::Error) -> CliError {
    CliError::new(
        Exit::Daemon,
        format!("the bridge to the daemon cannot be made: {e}"),
    )
}

fn gone(why: impl std::fmt::Display) -> CliError {
    CliError::new(Exit::Daemon, format!("the daemon went away: {why}"))
        .hint("let the editor start `brisk acp` again; sessions can be loaded")
}
