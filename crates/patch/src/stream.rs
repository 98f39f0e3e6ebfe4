//! One interface for the edit formats: chunks of a model's answer in, events about hunks out.
//!
//! All parsers work on whole lines, so how the answer is cut into chunks changes nothing.

use crate::apply_patch::ApplyPatch;
use crate::blanks::Blanks;
use crate::files::Files;
use crate::hunk::Change;
use crate::region::{Region, RegionOutcome};
use crate::search_replace::SearchReplace;
use crate::text::Text;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

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
    /// A block that does not say which file it is for.
    #[error("an edit block does not name its file")]
    NoPath {
        /// The file that it would be for as it stands, if there is one.
        path: Option<String>,
    },
    /// Not one of the files on offer.
    #[error("{path}: not among the files to edit")]
    UnknownFile {
        /// As the model wrote it.
        path: String,
    },
    /// A file to create is there already, or was dealt with earlier in the patch.
    #[error("{path}: exists already")]
    Exists {
        /// The file.
        path: String,
    },
    /// A path that leaves the repository.
    #[error("{path}: not a path inside the repository")]
    BadPath {
        /// As the model wrote it.
        path: String,
    },
    /// The lines to change are not in the file.
    #[error("{path}: the lines to change are not there{}", told(.closest))]
    Missing {
        /// The file.
        path: String,
        /// Lines that come closest (0-based), best first.
        closest: Vec<(usize, String)>,
    },
    /// The lines to change are there several times.
    #[error("{path}: the lines to change are there several times, from lines {}", numbered(.at))]
    Ambiguous {
        /// The file.
        path: String,
        /// Where (0-based), at most 16.
        at: Vec<usize>,
    },
    /// An addition that does not say where.
    #[error("{path}: lines to add, but nothing says where")]
    NoAnchor {
        /// The file.
        path: String,
    },
    /// Two edits of one patch change the same lines.
    #[error("{path}: line {} is changed twice", .line + 1)]
    Overlap {
        /// The file.
        path: String,
        /// First line changed twice, 0-based.
        line: usize,
    },
    /// A line that the format does not know.
    #[error("not part of an edit: {line:?}")]
    Malformed {
        /// The line, cut to 80 characters.
        line: String,
    },
    /// The answer ended within an edit.
    #[error("{path}: the answer ended within an edit")]
    Unfinished {
        /// The file.
        path: String,
    },
}

impl Refusal {
    pub(crate) fn malformed(line: &str) -> Refusal {
        Refusal::Malformed {
            line: line.chars().take(80).collect(),
        }
    }
}

fn numbered(at: &[usize]) -> String {
    at.iter()
        .map(|i| (i + 1).to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

fn told(closest: &[(usize, String)]) -> String {
    let lines: Vec<String> = closest
        .iter()
        .map(|(i, l)| format!("{}: {}", i + 1, l.trim()))
        .collect();
    if lines.is_empty() {
        String::new()
    } else {
        format!("; closest are {}", lines.join(" | "))
    }
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
    SearchReplace(Box<SearchReplace>),
    ApplyPatch(Box<ApplyPatch>),
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
    pub fn region(path: &str, text: &Text, span: Range<usize>, blanks: Blanks) -> PatchStream {
        PatchStream::of(Format::Region(Box::new(Region::new(path, text, span, blanks))))
    }

    /// `<<<<<<< SEARCH`, `=======`, `>>>>>>> REPLACE` blocks, each behind a line with its path. A block with an empty
    /// search creates a file. `files` are all that may change, keyed by path.
    pub fn search_replace(files: BTreeMap<String, Text>) -> PatchStream {
        PatchStream::search_replace_among(files, Arc::default())
    }

    /// The same where there are more files than may change now: `others` are their paths. A block for one of them is
    /// refused, and not taken for one of a file on offer.
    pub fn search_replace_among(files: BTreeMap<String, Text>, others: Arc<BTreeSet<String>>) -> PatchStream {
        let blocks = SearchReplace::new(Files::new(files), others);
        PatchStream::of(Format::SearchReplace(Box::new(blocks)))
    }

    /// `*** Begin Patch` to `*** End Patch`, read strictly. `files` are all that may change, keyed by path.
    pub fn apply_patch(files: BTreeMap<String, Text>) -> PatchStream {
        PatchStream::of(Format::ApplyPatch(Box::new(ApplyPatch::new(Files::new(files)))))
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
            Format::SearchReplace(s) => s.finish(out),
            Format::ApplyPatch(a) => a.finish(out),
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
            Format::SearchReplace(s) => s.abandon(),
            Format::ApplyPatch(a) => a.abandon(),
        };
        if was_open {
            out.push(StreamEvent::Closed { changes: Vec::new() });
        }
    }

    /// For a region rewrite, what has come of it so far.
    pub fn outcome(&self) -> Option<RegionOutcome> {
        match &self.format {
            Format::Region(r) => Some(r.outcome()),
            Format::SearchReplace(_) | Format::ApplyPatch(_) => None,
        }
    }
}

impl Format {
    fn line(&mut self, line: &str, out: &mut Vec<StreamEvent>) {
        let line = line.strip_suffix('\r').unwrap_or(line);
        match self {
            Format::Region(r) => r.line(line, out),
            Format::SearchReplace(s) => s.line(line, out),
            Format::ApplyPatch(a) => a.line(line, out),
        }
    }
}
