//! Search/replace blocks: the lines that must be there, then the lines that take their place.

use crate::align::{Aligner, Step};
use crate::files::Files;
use crate::named::named;
use crate::region::ticks;
use crate::replace::{Place, created, located};
use crate::stream::{LineSide, Refusal, StreamEvent};
use crate::text::bare;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

#[derive(Debug, Clone)]
pub(crate) struct SearchReplace {
    files: Files,
    /// Paths of files that are there too, and not on offer: a line that is one of them names it.
    others: Arc<BTreeSet<String>>,
    state: State,
    /// The path line before the next block, and every line held back because it may belong to that block.
    path: Option<String>,
    held: Vec<String>,
    /// File of the last block: the next one without a path line is for it, too.
    last: Option<String>,
    /// A fence was opened around the blocks, so that the next bare fence is its end.
    fenced: bool,
}

#[derive(Debug, Clone)]
enum State {
    Outside,
    Search {
        path: String,
        /// A line before the block says so; else it is the file of the block before, or the only one.
        named: bool,
        lines: Vec<String>,
    },
    Replace(Box<Block>),
    /// Lines of a new file.
    Create {
        path: String,
        lines: Vec<String>,
    },
    /// The rest of a refused block.
    Skip,
}

/// A block whose place is known.
#[derive(Debug, Clone)]
struct Block {
    path: String,
    place: Place,
    new: Vec<String>,
    aligner: Aligner,
}

enum Marker {
    Search,
    Divider,
    Replace,
}

impl SearchReplace {
    pub(crate) fn new(files: Files, others: Arc<BTreeSet<String>>) -> SearchReplace {
        SearchReplace {
            files,
            others,
            state: State::Outside,
            path: None,
            held: Vec::new(),
            last: None,
            fenced: false,
        }
    }

    pub(crate) fn line(&mut self, line: &str, out: &mut Vec<StreamEvent>) {
        match (marker(line), &mut self.state) {
            (Some(Marker::Search), State::Outside) => self.begin(out),
            (Some(Marker::Search), _) => {
                self.refuse(Refusal::malformed(line), out);
                self.begin(out);
            }
            (Some(Marker::Divider), State::Search { .. }) => self.place(out),
            (Some(Marker::Replace), State::Replace(_) | State::Create { .. } | State::Skip) => self.end(out),
            (Some(Marker::Replace), State::Search { .. }) => {
                self.refuse(Refusal::malformed(line), out);
                self.state = State::Outside;
            }
            (_, State::Search { lines, .. }) => lines.push(line.to_owned()),
            (_, State::Create { lines, .. }) => {
                lines.push(line.to_owned());
                out.push(StreamEvent::Line {
                    side: LineSide::Added,
                    text: line.to_owned(),
                });
            }
            (_, State::Replace(block)) => block.line(line, out),
            (_, State::Skip) => {}
            (_, State::Outside) => self.outside(line, out),
        }
    }

    pub(crate) fn finish(&mut self, out: &mut Vec<StreamEvent>) {
        self.release(out);
        let path = match std::mem::replace(&mut self.state, State::Outside) {
            State::Outside | State::Skip => return,
            State::Search { path, .. } | State::Create { path, .. } => path,
            State::Replace(block) => block.path,
        };
        out.push(StreamEvent::Refused {
            refusal: Refusal::Unfinished { path },
        });
    }

    /// Whether a hunk was open.
    pub(crate) fn abandon(&mut self) -> bool {
        self.held.clear();
        matches!(
            std::mem::replace(&mut self.state, State::Outside),
            State::Replace(_) | State::Create { .. }
        )
    }

    /// A path line or a fence may belong to the block that follows; all else is prose.
    fn outside(&mut self, line: &str, out: &mut Vec<StreamEvent>) {
        let fence = ticks(line.trim_start());
        let bare_fence = fence > 0 && line.trim().len() == fence;
        if bare_fence && self.fenced {
            self.fenced = false;
            return;
        }
        if fence > 0 || line.trim().is_empty() {
            self.held.push(line.to_owned());
            return;
        }
        let there = |p: &str| self.files.has(p) || self.others.contains(p);
        match named(line, there) {
            Some(path) => {
                self.release(out);
                self.path = Some(path);
                self.held.push(line.to_owned());
            }
            None => {
                self.held.push(line.to_owned());
                self.release(out);
            }
        }
    }

    /// What was held back is prose after all.
    fn release(&mut self, out: &mut Vec<StreamEvent>) {
        self.path = None;
        for line in self.held.drain(..) {
            out.push(StreamEvent::Prose { text: line + "\n" });
        }
    }

    fn begin(&mut self, out: &mut Vec<StreamEvent>) {
        self.fenced |= self.held.iter().any(|l| ticks(l.trim_start()) > 0);
        self.held.clear();
        let only = || self.files.only().map(str::to_owned);
        let said = self.path.take();
        let named = said.is_some();
        match said.or_else(|| self.last.clone()).or_else(only) {
            Some(path) => {
                self.last = Some(path.clone());
                self.state = State::Search {
                    path,
                    named,
                    lines: Vec::new(),
                };
            }
            None => {
                out.push(StreamEvent::Refused {
                    refusal: Refusal::NoPath { path: None },
                });
                self.state = State::Skip;
            }
        }
    }

    /// The search is complete: find its place, or refuse.
    fn place(&mut self, out: &mut Vec<StreamEvent>) {
        let State::Search { path, named, lines } = std::mem::replace(&mut self.state, State::Skip) else {
            return;
        };
        match located(&mut self.files, &path, &lines) {
            Ok(Some(place)) => {
                let Some(file) = self.files.get(&path) else { return };
                let span = place.at..place.end;
                let at = place.at;
                self.state = State::Replace(Box::new(Block {
                    path: path.clone(),
                    aligner: Aligner::new(&file.text, span, |l| Cow::Borrowed(bare(l))),
                    place,
                    new: Vec::new(),
                }));
                out.push(StreamEvent::Opened { path, at });
            }
            Ok(None) => {
                self.state = State::Create {
                    path: path.clone(),
                    lines: Vec::new(),
                };
                out.push(StreamEvent::Opened { path, at: 0 });
            }
            // Lines to add to a file that the answer does not name: they are meant for one of another name.
            Err(Refusal::NoAnchor { path }) if !named => out.push(StreamEvent::Refused {
                refusal: Refusal::NoPath { path: Some(path) },
            }),
            Err(refusal) => out.push(StreamEvent::Refused { refusal }),
        }
    }

    fn end(&mut self, out: &mut Vec<StreamEvent>) {
        match std::mem::replace(&mut self.state, State::Outside) {
            State::Replace(mut block) => {
                let mut steps = Vec::new();
                block.aligner.finish(&mut steps);
                tell(steps, out);
                out.push(
                    match self
                        .files
                        .change(&block.path, block.place.at, block.place.end, &block.new)
                    {
                        Ok(changes) => StreamEvent::Closed { changes },
                        Err(refusal) => StreamEvent::Refused { refusal },
                    },
                );
            }
            State::Create { path, lines } => {
                out.push(StreamEvent::Closed {
                    changes: vec![created(path, lines)],
                });
            }
            State::Outside | State::Search { .. } | State::Skip => {}
        }
    }

    fn refuse(&mut self, refusal: Refusal, out: &mut Vec<StreamEvent>) {
        self.state = State::Skip;
        out.push(StreamEvent::Refused { refusal });
    }
}

impl Block {
    fn line(&mut self, line: &str, out: &mut Vec<StreamEvent>) {
        let line = self.place.indented(line.to_owned());
        let mut steps = Vec::new();
        self.aligner.line(&line, &mut steps);
        tell(steps, out);
        self.new.push(line);
    }
}

/// The lines of the steps; the block opens and closes by its markers.
fn tell(steps: Vec<Step>, out: &mut Vec<StreamEvent>) {
    for step in steps {
        match step {
            Step::Added { text } => out.push(StreamEvent::Line {
                side: LineSide::Added,
                text,
            }),
            Step::Removed { text } => out.push(StreamEvent::Line {
                side: LineSide::Removed,
                text,
            }),
            Step::Opened { .. } | Step::Closed { .. } => {}
        }
    }
}

/// The three lines of the format. Models miscount the angle brackets but not the words; the divider has no word
/// and must be exact, since headings are underlined like it.
fn marker(line: &str) -> Option<Marker> {
    let line = line.trim_end();
    if line == "=======" {
        return Some(Marker::Divider);
    }
    let word = |sign: char| {
        let rest = line.trim_start_matches(sign);
        (5..=9).contains(&(line.len() - rest.len())).then(|| rest.trim())
    };
    match (word('<'), word('>')) {
        (Some("SEARCH"), _) => Some(Marker::Search),
        (_, Some("REPLACE")) => Some(Marker::Replace),
        _ => None,
    }
}
