//! Saying one answer on one connection.

use super::frames::frame;
use super::line::Stream;
use super::memory::Line;
use super::speech::{self, Say, Speech};
use super::{Noticed, Shared, Unwanted};
use crate::clock::monotonic_us;
use crate::server::tokens;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::net::Shutdown;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    Socket,
    Http,
}

/// How an answer ended.
pub(super) enum Ended {
    /// As scripted.
    Whole,
    Interrupted,
    Gone,
    Cut,
}

enum Stop {
    Unwanted(Unwanted),
    Cut,
}

impl From<io::Error> for Stop {
    fn from(_: io::Error) -> Stop {
        Stop::Unwanted(Unwanted::Gone)
    }
}

/// One answer being said.
pub(super) struct Play<'a> {
    pub(super) shared: &'a Shared,
    /// Frames of one connection do not mix.
    pub(super) out: &'a Mutex<Stream>,
    pub(super) wire: Wire,
    pub(super) request: usize,
    pub(super) id: String,
    pub(super) input: &'a [Line],
    /// Of the input, what was known before; for the counts.
    pub(super) known: usize,
    pub(super) said: String,
    pub(super) pieces: usize,
    pub(super) events: u64,
    /// Of the events' own bytes.
    pub(super) payload: usize,
    /// Of the answer as a whole.
    pub(super) written: usize,
    pub(super) cut_after: Option<usize>,
    pub(super) splits: Vec<usize>,
}

impl Play<'_> {
    pub(super) fn run(&mut self, speech: Speech) -> Ended {
        match self.say_all(speech) {
            Ok(()) => Ended::Whole,
            Err(Stop::Unwanted(Unwanted::Gone)) => Ended::Gone,
            Err(Stop::Unwanted(Unwanted::Interrupted)) => {
                let usage = self.usage();
                let told = self
                    .write(
                        &json!({"type": "response.interrupt.accepted", "response_id": self.id}).to_string(),
                    )
                    .and_then(|()| self.write(&speech::incomplete(&self.id, "interrupted", &usage)));
                match told {
                    Ok(()) => Ended::Interrupted,
                    Err(_) => Ended::Gone,
                }
            }
            Err(Stop::Cut) => {
                drop(self.lock().shutdown(Shutdown::Both));
                Ended::Cut
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Stream> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say_all(&mut self, speech: Speech) -> Result<(), Stop> {
        if let Some(refusal) = speech.refusal {
            let headers: serde_json::Map<String, Value> = refusal
                .headers
                .iter()
                .map(|(name, value)| (name.clone(), Value::from(value.as_str())))
                .collect();
            match self.wire {
                Wire::Socket => self.event(
                    &json!({"type": "error", "status": refusal.status, "error": refusal.error, "headers": headers})
                        .to_string(),
                )?,
                Wire::Http => {
                    let body = json!({"error": refusal.error}).to_string();
                    let mut head = format!("HTTP/1.1 {} Scripted\r\ncontent-type: application/json\r\n", refusal.status);
                    for (name, value) in &refusal.headers {
                        head.push_str(&format!("{name}: {value}\r\n"));
                    }
                    head.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
                    self.lock().write_all(head.as_bytes())?;
                }
            }
            return Ok(());
        }
        if self.wire == Wire::Http {
            let head =
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
            self.lock().write_all(head.as_bytes())?;
        }
        if self.cut_after == Some(0) {
            return Err(Stop::Cut);
        }
        if !speech.bare {
            let id = &self.id;
            self.event(
                &json!({"type": "response.created", "response": {"id": id, "status": "in_progress"}})
                    .to_string(),
            )?;
            self.event(
                &json!({"type": "response.output_item.added", "item": {"type": "message"}}).to_string(),
            )?;
        }
        for say in speech.says {
            self.say(say)?;
        }
        if self.wire == Wire::Http {
            self.lock().write_all(b"0\r\n\r\n")?;
        }
        Ok(())
    }

    fn say(&mut self, say: Say) -> Result<(), Stop> {
        match say {
            Say::Text { text } => self.text(&text),
            Say::Repeat { text, count } => {
                let event = speech::delta(&text);
                let mut left = count;
                while left != Some(0) {
                    self.said.push_str(&text);
                    self.pieces += 1;
                    self.event(&event)?;
                    left = left.map(|n| n - 1);
                }
                Ok(())
            }
            Say::Rate { text, per_s } => self.rate(&text, per_s),
            Say::Big { letters } => self.event(&speech::big(letters)),
            Say::Event { event } => self.event(&event.to_string()),
            Say::Raw { text } => self.event(&text),
            Say::Wire { bytes } => self.bytes(&bytes),
            Say::Gate { name } => self.shared.signal.until(|s| {
                if let Some(why) = s.unwanted.get(&self.request) {
                    return Some(Err(Stop::Unwanted(*why)));
                }
                s.open.contains(&name).then_some(Ok(()))
            }),
            Say::Hang => Err(self
                .shared
                .signal
                .until(|s| s.unwanted.get(&self.request).map(|why| Stop::Unwanted(*why)))),
            Say::Cut => Err(Stop::Cut),
            Say::Complete => {
                let [item, end] = speech::complete(&self.id, &self.said, &self.usage());
                self.event(&item)?;
                self.last(&end)
            }
            Say::Length => {
                let end = speech::incomplete(&self.id, "max_output_tokens", &self.usage());
                self.last(&end)
            }
        }
    }

    /// The event that ends the answer.
    ///
    /// Its end is noted before the bytes, so that a client that closes after them does not count as gone. The state is
    /// there before them as well: the next request may come at once.
    fn last(&mut self, event: &str) -> Result<(), Stop> {
        let mut state = self.input.to_vec();
        if !self.said.is_empty() {
            state.push(("assistant".to_owned(), self.said.clone()));
        }
        self.shared.remember(self.request, &self.id, state);
        // Stamped just before the write and told after it: what the fake does for itself is no time of the line.
        let noticed = match self.cut_after {
            None => self.shared.finished(self.request, self.written),
            Some(_) => None,
        };
        let written = self.event(event);
        if let Some(noticed) = noticed {
            self.shared.notice(&noticed);
        }
        written
    }

    fn usage(&self) -> Value {
        let bytes = |lines: &[Line]| lines.iter().map(|(_, text)| text.len()).sum::<usize>() / 4;
        json!({"input_tokens": bytes(self.input), "input_tokens_details": {"cached_tokens": self.known / 4},
            "output_tokens": self.pieces})
    }

    fn text(&mut self, text: &str) -> Result<(), Stop> {
        self.said.push_str(text);
        self.pieces += 1;
        self.event(&speech::delta(text))
    }

    /// Event `i` is due `i / per_s` seconds after the first; one that is late goes at once.
    fn rate(&mut self, text: &str, per_s: f64) -> Result<(), Stop> {
        let start = Instant::now();
        let pause = Duration::try_from_secs_f64(1.0 / per_s).unwrap_or(Duration::ZERO);
        let mut due = Duration::ZERO;
        for piece in tokens(text) {
            let unwanted = self
                .shared
                .signal
                .until_or(start + due, |s| s.unwanted.get(&self.request).copied());
            if let Some(why) = unwanted {
                return Err(Stop::Unwanted(why));
            }
            self.text(piece)?;
            due += pause;
        }
        Ok(())
    }

    /// One event, unless nobody wants it.
    fn event(&mut self, text: &str) -> Result<(), Stop> {
        // A stream without gates must hear as well that nobody wants it.
        if let Some(why) = self.shared.unwanted(self.request) {
            return Err(Stop::Unwanted(why));
        }
        self.write(text)
    }

    /// One event, in as many fragments or chunks as the splits ask for.
    fn write(&mut self, text: &str) -> Result<(), Stop> {
        let t_us = monotonic_us();
        let body = match self.wire {
            Wire::Socket => text.as_bytes().to_vec(),
            Wire::Http => format!("data: {text}\n\n").into_bytes(),
        };
        let mut rest = body.as_slice();
        let mut first = true;
        loop {
            let split = self.splits.iter().find(|at| **at > self.payload);
            let room = split.map_or(usize::MAX, |at| at - self.payload);
            let (piece, tail) = rest.split_at(rest.len().min(room));
            self.payload += piece.len();
            match self.wire {
                Wire::Socket => self.bytes(&frame(u8::from(first), tail.is_empty(), piece))?,
                Wire::Http => {
                    let room = self.cut_after.map_or(usize::MAX, |at| at - self.written);
                    let piece = &piece[..piece.len().min(room)];
                    let chunk = [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat();
                    self.lock().write_all(&chunk)?;
                    self.written += piece.len();
                    if self.cut_after == Some(self.written) {
                        return Err(Stop::Cut);
                    }
                }
            }
            (rest, first) = (tail, false);
            if rest.is_empty() {
                break;
            }
        }
        self.shared.notice(&Noticed::Event {
            t_us,
            request: self.request,
            event: self.events,
            bytes: body.len(),
        });
        self.events += 1;
        Ok(())
    }

    /// Bytes on a socket, up to the cut.
    fn bytes(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        let room = self.cut_after.map_or(usize::MAX, |at| at - self.written);
        let piece = &bytes[..bytes.len().min(room)];
        self.lock().write_all(piece)?;
        self.written += piece.len();
        match self.cut_after == Some(self.written) {
            true => Err(Stop::Cut),
            false => Ok(()),
        }
    }
}
