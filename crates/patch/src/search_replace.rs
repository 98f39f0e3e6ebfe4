//! Search/replace blocks: the lines that must be there, then the lines that take their place.

use crate::align::{Aligner, Step};
use crate::files::Files;
use crate::hunk::Change;
use crate::locate::{Indent, Located, locate};
use crate::region::ticks;
use crate::stream::{LineSide, Refusal, StreamEvent};
use crate::text::{Text, bare};
use std::borrow::Cow;

#[derive(Debug, Clone)]
pub(crate) struct SearchReplace {
    files: Files,
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
    at: usize,
    end: usize,
    indent: Option<Indent>,
    new: Vec<String>,
    aligner: Aligner,
}

enum Marker {
    Search,
    Divider,
    Replace,
}

impl SearchReplace {
    pub(crate) fn new(files: Files) -> SearchReplace {
        SearchReplace {
            files,
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
        match path_of(line).filter(|p| self.files.has(p) || looks_like_path(p)) {
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
        match self.path.take().or_else(|| self.last.clone()).or_else(only) {
            Some(path) => {
                self.last = Some(path.clone());
                self.state = State::Search {
                    path,
                    lines: Vec::new(),
                };
            }
            None => {
                out.push(StreamEvent::Refused {
                    refusal: Refusal::NoPath,
                });
                self.state = State::Skip;
            }
        }
    }

    /// The search is complete: find its place, or refuse.
    fn place(&mut self, out: &mut Vec<StreamEvent>) {
        let State::Search { path, lines } = std::mem::replace(&mut self.state, State::Skip) else {
            return;
        };
        let placed = self.located(&path, &lines);
        match placed {
            Ok(state) => {
                let at = match &state {
                    State::Replace(block) => block.at,
                    State::Outside | State::Search { .. } | State::Create { .. } | State::Skip => 0,
                };
                self.state = state;
                out.push(StreamEvent::Opened { path, at });
            }
            Err(refusal) => out.push(StreamEvent::Refused { refusal }),
        }
    }

    fn located(&mut self, path: &str, lines: &[String]) -> Result<State, Refusal> {
        let empty = lines.iter().all(|l| l.trim().is_empty());
        let path = path.to_owned();
        let Some(file) = self.files.get(&path) else {
            if !empty {
                return Err(Refusal::UnknownFile { path });
            }
            self.files.create(&path)?;
            return Ok(State::Create {
                path,
                lines: Vec::new(),
            });
        };
        let (at, end, indent) = match locate(file.index(), lines) {
            _ if empty && file.text.is_empty() => (0, 0, None),
            _ if empty => return Err(Refusal::NoAnchor { path }),
            Located::Exact { at } => (at, at + lines.len(), None),
            Located::Reindented { at, indent } => (at, at + lines.len(), Some(indent)),
            Located::Ambiguous { at } => return Err(Refusal::Ambiguous { path, at }),
            Located::Missing { closest } => return Err(Refusal::Missing { path, closest }),
        };
        let aligner = Aligner::new(&file.text, at..end, |l| Cow::Borrowed(bare(l)));
        Ok(State::Replace(Box::new(Block {
            path,
            at,
            end,
            indent,
            new: Vec::new(),
            aligner,
        })))
    }

    fn end(&mut self, out: &mut Vec<StreamEvent>) {
        match std::mem::replace(&mut self.state, State::Outside) {
            State::Replace(mut block) => {
                let mut steps = Vec::new();
                block.aligner.finish(&mut steps);
                tell(steps, out);
                out.push(
                    match self.files.change(&block.path, block.at, block.end, &block.new) {
                        Ok(changes) => StreamEvent::Closed { changes },
                        Err(refusal) => StreamEvent::Refused { refusal },
                    },
                );
            }
            State::Create { path, lines } => {
                let body: String = lines.into_iter().map(|l| l + "\n").collect();
                let change = Change::Create {
                    path,
                    text: Text::from_str_lossless(&body),
                };
                out.push(StreamEvent::Closed {
                    changes: vec![change],
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
        let line = self
            .indent
            .as_ref()
            .map_or_else(|| line.to_owned(), |i| i.apply(line));
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

/// The path that a line names: bare, in backticks or stars, after "file:" or heading marks, before a colon.
fn path_of(line: &str) -> Option<String> {
    let line = line.trim().trim_start_matches(['#', '*', '-', ' ']);
    let word = line
        .split_once(':')
        .filter(|(w, _)| ["file", "path"].contains(&w.to_ascii_lowercase().as_str()));
    let rest = word.map_or(line, |(_, rest)| rest);
    let path = rest.trim_matches(['`', '*', ':', '"', ' ']);
    let path = path.strip_prefix("./").unwrap_or(path);
    (!path.is_empty()).then(|| path.to_owned())
}

fn looks_like_path(word: &str) -> bool {
    let name = word.rsplit('/').next().unwrap_or(word);
    let ext = name.rsplit_once('.').map_or("", |(_, ext)| ext);
    let clean = !word.contains(|c: char| c.is_whitespace() || "()<>`,;".contains(c));
    clean && (word.contains('/') || !ext.is_empty()) && !word.ends_with('.')
}
