//! `daemon start|stop|status`.

use crate::cli::connect;
use crate::cli::context::Context;
use crate::cli::say;
use crate::cli::style::{Tone, bytes, count};
use crate::exit::{CliError, Exit};
use brisk_protocol::{DaemonStatus, NoParams, method};

/// Starts it where it does not run.
pub(crate) fn start(context: &Context) -> Result<Exit, CliError> {
    let status: DaemonStatus = connect::ask(&context.home, method::DAEMON, &NoParams {})?;
    tell(context, &status)
}

/// Tells how it is; starts nothing.
pub(crate) fn status(context: &Context) -> Result<Exit, CliError> {
    let Some(mut link) = connect::running(&context.home)? else {
        return Err(CliError::new(Exit::Daemon, "no daemon is running")
            .hint("it starts by itself with the next command, or with `brisk daemon start`"));
    };
    connect::greet(&mut link)?;
    let status: DaemonStatus = link.call(method::DAEMON, &NoParams {})?;
    tell(context, &status)
}

fn tell(context: &Context, status: &DaemonStatus) -> Result<Exit, CliError> {
    if context.json {
        say::object(context, "daemon", status)?;
        return Ok(Exit::Done);
    }
    let mut lines = vec![(
        Tone::Plain,
        format!(
            "daemon {} (process {}), up {} s, {}, {}, {} of memory",
            status.version,
            status.pid,
            status.up_s,
            count(status.sessions, "session"),
            count(status.clients, "client"),
            bytes(status.rss),
        ),
    )];
    lines.push((Tone::Dim, format!("socket {}", context.home.socket().display())));
    if let Some(address) = &status.websocket {
        lines.push((Tone::Dim, format!("websocket {address}")));
    }
    say::lines(context, &lines)?;
    Ok(Exit::Done)
}

/// Asks it to end. None running is as good.
pub(crate) fn stop(context: &Context) -> Result<Exit, CliError> {
    let was = match connect::running(&context.home)? {
        Some(mut link) => {
            connect::greet(&mut link)?;
            connect::stop(link)?;
            true
        }
        None => false,
    };
    if context.json {
        say::object(
            context,
            "daemon_stopped",
            &serde_json::json!({"was_running": was}),
        )?;
    } else {
        let text = if was { "stopped" } else { "no daemon was running" };
        say::lines(context, &[(Tone::Plain, text.to_owned())])?;
    }
    Ok(Exit::Done)
}
