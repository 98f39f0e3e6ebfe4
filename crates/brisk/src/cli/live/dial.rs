//! From nothing to an open session: the daemon is started where there is none, a session is made or found.

use crate::cli::connect;
use crate::cli::link::{Link, lost};
use crate::exit::{CliError, Exit};
use crate::home::Home;
use crate::models::began::Asks;
use brisk_protocol::domain::SessionId;
use brisk_protocol::{
    DaemonStatus, NoParams, RepoRequest, Resume, Resumed, SessionSummary, SessionsReply, method,
};
use std::path::Path;

/// Which session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    /// A new one.
    New,
    /// The newest of this folder; a new one where there is none.
    Latest,
    /// This one.
    Session(SessionId),
}

/// A connection with its session.
pub(super) struct Opened {
    pub(super) link: Link,
    pub(super) session: SessionId,
    /// Process of the daemon.
    pub(super) daemon: u32,
    /// Number of the session's last event.
    pub(super) last: u64,
    /// The daemon holds it.
    pub(super) held: bool,
}

/// Connects. May take as long as a daemon needs to start.
pub(super) fn dial(home: &Home, cwd: &Path, want: Want) -> Result<Opened, CliError> {
    let (mut link, found) = match want {
        Want::New => return fresh(home, cwd),
        Want::Latest | Want::Session(_) => {
            let mut link = connect::open_to(home, Asks::Any)?;
            let cwd = cwd.to_owned();
            let all: SessionsReply = link.call(method::SESSIONS, &RepoRequest { cwd })?;
            (link, all.sessions)
        }
    };
    let wanted = |s: &&SessionSummary| want == Want::Latest || want == Want::Session(s.session_id);
    match (found.iter().find(wanted), want) {
        (Some(found), _) => finish(link, found.session_id, found.last, found.held),
        // One in which nothing has happened yet.
        (None, Want::Session(session_id)) => match link.call(method::RESUME, &Resume { session_id, from: 1 })
        {
            Ok(Resumed { last: 0 }) => finish(link, session_id, 0, true),
            Ok(Resumed { .. }) => Err(CliError::new(
                Exit::Target,
                format!("{session_id} is a session of another folder"),
            )
            .hint("open it there")),
            Err(e) => Err(CliError::new(Exit::Target, e.message)
                .hint("`brisk --continue` opens the newest one of this folder")),
        },
        (None, Want::Latest | Want::New) => fresh(home, cwd),
    }
}

fn fresh(home: &Home, cwd: &Path) -> Result<Opened, CliError> {
    let (link, session) = connect::session(home, cwd.to_owned(), Asks::Any)?;
    let name = session.session_id.0;
    let id = name.strip_prefix('s').and_then(|n| n.parse().ok()).map(SessionId);
    let id = id.ok_or_else(|| lost(format!("unknown session name {name:?}")))?;
    finish(link, id, 0, true)
}

fn finish(mut link: Link, session: SessionId, last: u64, held: bool) -> Result<Opened, CliError> {
    let status: DaemonStatus = link.call(method::DAEMON, &NoParams {})?;
    Ok(Opened {
        link,
        session,
        daemon: status.pid,
        last,
        held,
    })
}
