//! The wire to the daemon: JSON-RPC lines over a blocking unix socket.

use crate::exit::{CliError, Exit};
use brisk_protocol::{Incoming, MAX_LINE, RequestId, notify_line, parse, request_line};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// How long an answer may take. Turns are not bounded by it: they are waited for with `poll`.
const SILENCE: Duration = Duration::from_secs(60);

/// An open connection.
#[derive(Debug)]
pub(crate) struct Link {
    stream: UnixStream,
    buffer: Vec<u8>,
    /// Bytes before this are read.
    from: usize,
    /// Bytes before this hold no newline that was not taken.
    searched: usize,
    ids: i64,
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// The daemon closed the connection or broke the protocol.
pub(crate) fn lost(why: impl std::fmt::Display) -> CliError {
    CliError::new(Exit::Daemon, format!("the connection to the daemon broke: {why}"))
        .hint("run the command again; `brisk daemon status` tells whether it is there")
}

impl Link {
    /// Over an open socket. A daemon that says nothing for [`SILENCE`] while an answer is waited for is lost.
    pub(crate) fn new(stream: UnixStream) -> Result<Link, CliError> {
        stream.set_read_timeout(Some(SILENCE)).map_err(lost)?;
        Ok(Link {
            stream,
            buffer: Vec::new(),
            from: 0,
            searched: 0,
            ids: 0,
        })
    }

    /// The socket itself, for a conversation of somebody else; whoever has asked before must have all answers.
    pub(crate) fn into_stream(self) -> Result<UnixStream, CliError> {
        self.stream.set_read_timeout(None).map_err(lost)?;
        Ok(self.stream)
    }

    /// A request's line and the id that its answer will have. Nothing is sent yet.
    pub(crate) fn request_line(&mut self, method: &str, params: &impl Serialize) -> (i64, String) {
        self.ids += 1;
        (
            self.ids,
            request_line(&RequestId::Number(self.ids), method, params),
        )
    }

    /// Sends a request; its answer will have the returned id.
    pub(crate) fn request(&mut self, method: &str, params: &impl Serialize) -> Result<i64, CliError> {
        let (id, line) = self.request_line(method, params);
        self.send(&line)?;
        Ok(id)
    }

    /// Sends a notification.
    pub(crate) fn notify(&mut self, method: &str, params: &impl Serialize) -> Result<(), CliError> {
        self.send(&notify_line(method, params))
    }

    /// Sends whole lines.
    pub(crate) fn send(&mut self, lines: &str) -> Result<(), CliError> {
        self.stream.write_all(lines.as_bytes()).map_err(lost)
    }

    /// One read of the socket. `false`: the daemon closed it.
    pub(crate) fn fill(&mut self) -> Result<bool, CliError> {
        if self.from > 0 {
            self.buffer.drain(..self.from);
            self.searched -= self.from;
            self.from = 0;
        }
        if self.buffer.len() > MAX_LINE {
            return Err(lost("a message without an end"));
        }
        let mut chunk = [0; 64 * 1024];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(n) => {
                    self.buffer.extend_from_slice(chunk.get(..n).unwrap_or_default());
                    return Ok(n > 0);
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::ConnectionReset => return Ok(false),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    return Err(lost("it does not answer"));
                }
                Err(e) => return Err(lost(e)),
            }
        }
    }

    /// The next whole message of what was read, if there is one.
    pub(crate) fn next(&mut self) -> Option<Result<Incoming, CliError>> {
        let rest = self.buffer.get(self.searched..).unwrap_or_default();
        let Some(end) = rest.iter().position(|b| *b == b'\n') else {
            self.searched = self.buffer.len();
            return None;
        };
        let end = self.searched + end;
        let line = self.buffer.get(self.from..end).unwrap_or_default();
        let message = std::str::from_utf8(line)
            .map_err(lost)
            .and_then(|line| parse(line).map_err(lost));
        self.from = end + 1;
        self.searched = self.from;
        Some(message)
    }

    /// The next message, waiting for it.
    pub(crate) fn wait(&mut self) -> Result<Incoming, CliError> {
        loop {
            if let Some(message) = self.next() {
                return message;
            }
            if !self.fill()? {
                return Err(lost("it was closed"));
            }
        }
    }

    /// Waits for the answer to a request; other messages in between are not for us.
    pub(crate) fn answer<R: DeserializeOwned>(&mut self, wanted: i64) -> Result<R, CliError> {
        loop {
            let Incoming::Response { id, outcome } = self.wait()? else {
                continue;
            };
            if id == RequestId::Number(wanted) {
                let raw = outcome.map_err(CliError::from)?;
                return serde_json::from_str(raw.get()).map_err(lost);
            }
        }
    }

    /// A request and its answer.
    pub(crate) fn call<R: DeserializeOwned>(
        &mut self,
        method: &str,
        params: &impl Serialize,
    ) -> Result<R, CliError> {
        let id = self.request(method, params)?;
        self.answer(id)
    }
}
