//! Writing one scripted answer.

use super::script::{Act, Reply, text_frame, tokens};
use super::{Noted, Shared};
use crate::clock::monotonic_us;
use std::io::{self, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// Why an answer stopped before its script did.
pub(super) enum Stopped {
    /// The client went away.
    Gone,
    /// The script cut the connection.
    Cut,
}

impl From<io::Error> for Stopped {
    fn from(_: io::Error) -> Stopped {
        Stopped::Gone
    }
}

/// The client went before the end.
pub(super) struct ClientGone;

pub(super) fn write(
    shared: &Shared,
    out: &TcpStream,
    request: usize,
    reply: Reply,
) -> Result<(), ClientGone> {
    let mut body = Body {
        shared,
        out,
        request,
        sent: 0,
        chunk: 0,
        cut_after: reply.cut_after,
        splits: reply.split_at.clone(),
    };
    match body.play(reply) {
        Ok(()) => Ok(()),
        Err(Stopped::Gone) => Err(ClientGone),
        Err(Stopped::Cut) => {
            body.finish();
            // The reading thread sees the end of the connection and ends as well.
            drop(out.shutdown(Shutdown::Both));
            Ok(())
        }
    }
}

struct Body<'a> {
    shared: &'a Shared,
    out: &'a TcpStream,
    request: usize,
    sent: usize,
    chunk: u64,
    cut_after: Option<usize>,
    splits: Vec<usize>,
}

impl Body<'_> {
    fn play(&mut self, reply: Reply) -> Result<(), Stopped> {
        if let Some(gate) = &reply.hold {
            self.wait(gate)?;
        }
        self.out.write_all(head(&reply).as_bytes())?;
        if self.cut_after == Some(0) {
            return Err(Stopped::Cut);
        }
        for act in reply.acts {
            self.act(act)?;
        }
        // Noted before the last bytes, so that a client that closes after them does not count as gone.
        self.finish();
        self.out.write_all(b"0\r\n\r\n")?;
        Ok(())
    }

    fn act(&mut self, act: Act) -> Result<(), Stopped> {
        match act {
            Act::Gate { name } => self.wait(&name),
            Act::Hang => Err(self.hang()),
            Act::Cut => Err(Stopped::Cut),
            Act::Repeat { text, count } => {
                let frame = text_frame(&text);
                let mut left = count;
                while left != Some(0) {
                    self.frame(&frame)?;
                    left = left.map(|n| n - 1);
                }
                Ok(())
            }
            Act::Rate { text, per_s } => self.rate(&text, per_s),
            Act::Done => {
                // A client may close as soon as it has read this frame.
                if self.cut_after.is_none() {
                    self.finish();
                }
                self.frame(&Act::Done.bytes())
            }
            act @ (Act::Text { .. }
            | Act::Big { .. }
            | Act::Raw { .. }
            | Act::Bytes { .. }
            | Act::Finish { .. }
            | Act::Usage { .. }) => self.frame(&act.bytes()),
        }
    }

    /// Frame `i` is due `i / per_s` seconds after the first; one that is late goes at once, so the mean rate holds.
    fn rate(&mut self, text: &str, per_s: f64) -> Result<(), Stopped> {
        let start = Instant::now();
        let mut due = Duration::ZERO;
        let pause = Duration::try_from_secs_f64(1.0 / per_s).unwrap_or(Duration::ZERO);
        for piece in tokens(text) {
            let request = self.request;
            let gone = self
                .shared
                .signal
                .until_or(start + due, |s| s.gone.contains_key(&request).then_some(()));
            if gone.is_some() {
                return Err(Stopped::Gone);
            }
            self.frame(&text_frame(piece))?;
            due += pause;
        }
        Ok(())
    }

    /// Writes bytes of the body, in as many HTTP chunks as the splits ask for.
    fn frame(&mut self, bytes: &[u8]) -> Result<(), Stopped> {
        let t_us = monotonic_us();
        let mut rest = bytes;
        while !rest.is_empty() {
            let split = self
                .splits
                .iter()
                .find(|at| **at > self.sent)
                .map_or(usize::MAX, |at| at - self.sent);
            let cut = self.cut_after.map_or(usize::MAX, |at| at - self.sent);
            let (piece, tail) = rest.split_at(rest.len().min(split).min(cut));
            self.piece(piece)?;
            if self.cut_after == Some(self.sent) {
                return Err(Stopped::Cut);
            }
            rest = tail;
        }
        let noted = Noted::Chunk {
            t_us,
            request: self.request,
            chunk: self.chunk,
            bytes: bytes.len(),
        };
        (self.shared.observer)(&noted);
        self.chunk += 1;
        Ok(())
    }

    /// One HTTP chunk in one write.
    fn piece(&mut self, piece: &[u8]) -> Result<(), Stopped> {
        let mut wire = format!("{:x}\r\n", piece.len()).into_bytes();
        wire.extend_from_slice(piece);
        wire.extend_from_slice(b"\r\n");
        self.out.write_all(&wire)?;
        self.sent += piece.len();
        Ok(())
    }

    fn wait(&self, gate: &str) -> Result<(), Stopped> {
        self.shared.signal.until(|s| {
            if s.open.contains(gate) {
                Some(Ok(()))
            } else if s.gone.contains_key(&self.request) {
                Some(Err(Stopped::Gone))
            } else {
                None
            }
        })
    }

    fn hang(&self) -> Stopped {
        self.shared
            .signal
            .until(|s| s.gone.contains_key(&self.request).then_some(Stopped::Gone))
    }

    fn finish(&self) {
        let first = self.shared.signal.change(|s| s.finished.insert(self.request));
        if first {
            (self.shared.observer)(&Noted::Ended {
                t_us: monotonic_us(),
                request: self.request,
            });
        }
    }
}

fn head(reply: &Reply) -> String {
    let kind = if reply.status == 200 {
        "text/event-stream"
    } else {
        "application/json"
    };
    let mut head = format!(
        "HTTP/1.1 {} Scripted\r\ntransfer-encoding: chunked\r\n",
        reply.status
    );
    if !reply
        .headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
    {
        head.push_str(&format!("content-type: {kind}\r\n"));
    }
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    head
}
