//! What the outside and the inside of the sandbox say to each other: one JSON object a line.

use crate::confined::Limits;
use crate::profile::Mechanism;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;

/// From the outside, once: what to do.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    /// Empty for a trial, which only tells whether the sandbox closes.
    pub(crate) argv: Vec<OsString>,
    pub(crate) cwd: OsString,
    pub(crate) env: Vec<(OsString, OsString)>,
    /// Folders and files that Landlock lets be written.
    pub(crate) writable: Vec<OsString>,
    pub(crate) limits: Limits,
    /// Run with the low scheduling weight.
    pub(crate) background: bool,
    /// Mechanisms to do without.
    pub(crate) without: Vec<Mechanism>,
}

/// From the inside.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Said {
    /// First of all. Who says it is learned from the system, not from the message.
    Here,
    /// The sandbox is closed; with the version of Landlock, 0 without.
    Closed { landlock: i32 },
    /// The program runs.
    Started,
    /// It does not, and nothing will.
    Failed(Failed),
    /// It ended by itself.
    Exited(i32),
    /// It ended by a signal.
    Signalled(i32),
}

/// Why nothing runs.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Failed {
    Mechanism(Mechanism, String),
    NoFolder,
    NotFound,
    NotPermitted,
    Other(String),
}

/// Writes one message.
pub(crate) fn say<T: Serialize>(mut to: &UnixStream, message: &T) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    to.write_all(&line)
}

/// The messages that come over a socket.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    read: Vec<u8>,
}

impl Inbox {
    /// The next message; waits for it. `None` at the end of the stream.
    pub(crate) fn next<T: DeserializeOwned>(&mut self, mut from: &UnixStream) -> io::Result<Option<T>> {
        loop {
            if let Some(message) = self.read_already()? {
                return Ok(Some(message));
            }
            let mut buffer = [0; 16 * 1024];
            match from.read(&mut buffer) {
                Ok(0) => return Ok(None),
                Ok(count) => self.push(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// A message that has come whole.
    pub(crate) fn read_already<T: DeserializeOwned>(&mut self) -> io::Result<Option<T>> {
        let Some(end) = self.read.iter().position(|byte| *byte == b'\n') else {
            return Ok(None);
        };
        let line: Vec<u8> = self.read.drain(..=end).collect();
        Ok(Some(serde_json::from_slice(&line)?))
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.read.extend_from_slice(bytes);
    }
}
