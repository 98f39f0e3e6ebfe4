//! One interface for the edit formats: chunks of a model's answer in, events about hunks out.
//!
//! All parsers work on whole lines, so how the answer is cut into chunks changes nothing.

use crate::hunk::Change;
use crate::region::{Region, RegionOutcome};
use crate::text::Text;
use std::ops::Range;

/// Which side of a hunk a line is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LineSide {
    /// A line that goes.
    Removed,
    /// A line that comes.
    Added,
}

/// Why something that a model wrote becomes no hunk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The answer to a region rewrite has no line. Silence is not a deletion.
    #[error("{path}: the answer is empty")]
    Empty {
        /// The file.
        path: String,
    },
}

/// What a stream tells. Line numbers are 0-based in the file as it was when the stream began; hunks of one stream
/// over one file are disjoint and apply together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamEvent {
    /// The place of the next hunk is known.
    Opened {
        /// The file.
        path: String,
        /// First line of the change.
        at: usize,
    },
    /// A line of the open hunk, without its terminator. Lines may still be minimised away when it closes.
    Line {
        /// Goes or comes.
        side: LineSide,
        /// The line.
        text: String,
    },
    /// The open hunk is finished and minimal; empty means that nothing was left of it.
    Closed {
        /// The changes, in order.
        changes: Vec<Change>,
    },
    /// The model wrote something that cannot be placed. The open hunk, if any, is gone.
    Refused {
        /// Why.
        refusal: Refusal,
    },
    /// Text outside of hunks, whole lines with `\n`.
    Prose {
        /// The text.
        text: String,
    },
}

#[derive(Debug, Clone)]
enum Format {
    Region(Box<Region>),
}

/// A parser of one answer. After [`PatchStream::finish`] or [`PatchStream::abandon`] further chunks change nothing.
#[derive(Debug, Clone)]
pub struct PatchStream {
    /// The last line so far, until its end comes.
    partial: String,
    format: Format,
    over: bool,
}

impl PatchStream {
    /// The answer is the new text of lines `span` of `text`; an empty span is an insertion point before line
    /// `span.start`. The answer may come bare or in one backtick fence. Blank lines at the ends of a rewrite are
    /// left as the file has them; at an insertion point the answer's own count unless the neighbour line is blank.
    pub fn region(path: &str, text: &Text, span: Range<usize>) -> PatchStream {
        PatchStream::of(Format::Region(Box::new(Region::new(path, text, span))))
    }

    fn of(format: Format) -> PatchStream {
        PatchStream {
            partial: String::new(),
            format,
            over: false,
        }
    }

    /// The next piece of the answer, cut anywhere.
    pub fn push(&mut self, chunk: &str, out: &mut Vec<StreamEvent>) {
        if self.over {
            return;
        }
        let mut rest = chunk;
        while let Some((head, tail)) = rest.split_once('\n') {
            if self.partial.is_empty() {
                self.format.line(head, out);
            } else {
                self.partial.push_str(head);
                let line = std::mem::take(&mut self.partial);
                self.format.line(&line, out);
            }
            rest = tail;
        }
        self.partial.push_str(rest);
    }

    /// The answer is complete: what is open closes.
    pub fn finish(&mut self, out: &mut Vec<StreamEvent>) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        let line = std::mem::take(&mut self.partial);
        if !line.is_empty() {
            self.format.line(&line, out);
        }
        match &mut self.format {
            Format::Region(r) => r.finish(out),
        }
    }

    /// The answer was interrupted: the open hunk is dropped whole (closed without a change), closed hunks stand.
    pub fn abandon(&mut self, out: &mut Vec<StreamEvent>) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        self.partial = String::new();
        let was_open = match &mut self.format {
            Format::Region(r) => r.abandon(),
        };
        if was_open {
            out.push(StreamEvent::Closed { changes: Vec::new() });
        }
    }

    /// For a region rewrite, what has come of it so far.
    pub fn outcome(&self) -> Option<RegionOutcome> {
        match &self.format {
            Format::Region(r) => Some(r.outcome()),
        }
    }
}

impl Format {
    fn line(&mut self, line: &str, out: &mut Vec<StreamEvent>) {
        let line = line.strip_suffix('\r').unwrap_or(line);
        match self {
            Format::Region(r) => r.line(line, out),
        }
    }
}
