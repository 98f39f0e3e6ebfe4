//! What the person types, or what a pipe holds for them, and the end of it.

use super::Shell;
use crate::exit::Exit;
use brisk_tui::{Input, Rest};
use std::io;

/// Where the person's input comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// Keys, or lines that a person types.
    Terminal,
    /// Lines that were written before; they wait until there is a session for them.
    Pipe,
    /// All lines of a pipe were read.
    Ended,
}

impl Shell<'_> {
    /// Leaves when no more lines come and those that came are dealt with.
    pub(super) fn rest(&mut self) {
        let waiting = self.wire.as_ref().is_some_and(|(_, wire)| wire.is_waiting());
        if self.source != Source::Ended || self.more || waiting || self.over.is_some() {
            return;
        }
        self.over = match self.app.rest() {
            Rest::Busy => return,
            Rest::Done => Some(Exit::Done),
            Rest::Undecided => Some(Exit::Undecided),
            Rest::Failed => Some(Exit::Daemon),
        };
        self.input(Input::Ended);
    }

    /// Input is wanted now.
    pub(super) fn listens(&self) -> bool {
        match self.source {
            Source::Terminal => true,
            Source::Pipe => self.wire.is_some() || self.app.rest() == Rest::Failed,
            Source::Ended => false,
        }
    }

    pub(super) fn keys(&mut self) {
        let mut bytes = [0; 64 * 1024];
        let n = match rustix::io::read(io::stdin(), &mut bytes) {
            Ok(n) => n,
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => return,
            Err(_) => 0,
        };
        let bytes = bytes.get(..n).unwrap_or_default();
        if n == 0 && self.source == Source::Pipe {
            self.source = Source::Ended;
            let rest = std::mem::take(&mut self.text);
            if !rest.is_empty() {
                self.input(Input::Line(String::from_utf8_lossy(&rest).into_owned()));
            }
        } else if n == 0 {
            // The terminal went away, or the person has ended their lines.
            let exit = self.raw.as_ref().map_or(Exit::Done, |_| Exit::Killed);
            self.input(Input::Hangup);
            self.over = Some(exit);
        } else if self.raw.is_some() {
            for typed in self.decoder.feed(bytes) {
                self.input(Input::Typed(typed));
            }
        } else {
            self.text.extend_from_slice(bytes);
            while let Some(end) = self.text.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.text.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line)
                    .trim_end_matches(['\r', '\n'])
                    .to_owned();
                self.input(Input::Line(line));
            }
        }
    }
}
