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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::ffi::OsStringExt;

    proptest! {
        /// Words are bytes: ends of lines and what is no text arrive too, however the stream is cut.
        #[test]
        fn an_order_arrives_as_it_was_sent(words in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..5), cut in 0usize..400) {
            let argv: Vec<OsString> = words.into_iter().map(OsString::from_vec).collect();
            let order = Order {
                argv: argv.clone(),
                cwd: "/".into(),
                env: argv.iter().cloned().map(|word| (word.clone(), word)).collect(),
                writable: vec![],
                limits: Limits::default(),
                background: true,
                without: vec![Mechanism::Landlock],
            };
            let (here, there) = UnixStream::pair().unwrap();
            say(&here, &order).unwrap();
            drop(here);
            let mut bytes = Vec::new();
            (&there).read_to_end(&mut bytes).unwrap();
            let cut = cut.min(bytes.len() - 1);
            let mut inbox = Inbox::default();
            inbox.push(&bytes[..cut]);
            prop_assert!(inbox.read_already::<Order>().unwrap().is_none());
            inbox.push(&bytes[cut..]);
            let got: Order = inbox.next(&there).unwrap().unwrap();
            prop_assert_eq!(got.argv, argv);
            prop_assert_eq!((got.env, got.limits, got.background), (order.env, order.limits, true));
            prop_assert!(inbox.next::<Order>(&there).unwrap().is_none());
        }
    }
}
