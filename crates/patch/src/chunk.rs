//! One chunk of an `apply_patch` update: `@@` anchors, then lines kept, taken and added.

use crate::locate::{Indent, Index, Located, locate_where};
use crate::stream::{LineSide, Refusal, StreamEvent};
use std::ops::Range;

/// A chunk while its lines come.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chunk {
    anchors: Vec<String>,
    ops: Vec<Op>,
    /// Kept and taken lines: what must be in the file.
    old: Vec<String>,
    /// Empty lines that count as kept only if the chunk goes on: models put them between chunks, too.
    blanks: usize,
    at_end: bool,
    /// A line was taken or added.
    changes: bool,
    /// Place, once the lines so far leave no other.
    open: Option<usize>,
    told: usize,
    indent: Option<Indent>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Op {
    Keep,
    Take(String),
    Add(String),
}

/// Old lines `at..end` become `new`.
pub(crate) struct Placed {
    pub(crate) at: usize,
    pub(crate) end: usize,
    pub(crate) new: Vec<String>,
}

impl Chunk {
    /// What follows `@@`. Line numbers of unified diffs are not trusted: only the words behind them count.
    pub(crate) fn anchor(&mut self, rest: &str) {
        let rest = rest.trim();
        let words = match rest.strip_prefix('-').and_then(|r| r.split_once("@@")) {
            Some((_, words)) => words.trim(),
            None if rest.starts_with('-') && rest.contains(" +") => "",
            None => rest,
        };
        if !words.is_empty() {
            self.anchors.push(words.to_owned());
        }
    }

    pub(crate) fn at_end_of_file(&mut self) {
        self.at_end = true;
    }

    /// No line yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Takes a line in; gives the place when it becomes certain.
    pub(crate) fn line(&mut self, line: &str, index: &Index) -> Result<Option<usize>, Refusal> {
        if line.is_empty() {
            self.blanks += 1;
            return Ok(None);
        }
        for _ in 0..std::mem::take(&mut self.blanks) {
            self.old.push(String::new());
            self.ops.push(Op::Keep);
        }
        let first_change = !self.changes;
        match (line.chars().next(), line.get(1..)) {
            (Some(' '), Some(text)) => {
                self.old.push(text.to_owned());
                self.ops.push(Op::Keep);
            }
            (Some('-'), Some(text)) => {
                self.old.push(text.to_owned());
                self.ops.push(Op::Take(text.to_owned()));
            }
            (Some('+'), Some(text)) => self.ops.push(Op::Add(text.to_owned())),
            _ => return Err(Refusal::malformed(line)),
        }
        self.changes |= self.ops.last().is_some_and(|op| *op != Op::Keep);
        // Once, where the change begins: a longer search on each line would cost the square of the chunk.
        if self.changes
            && first_change
            && !self.old.is_empty()
            && let Located::Exact { at } = self.locate(index)
        {
            self.open = Some(at);
            return Ok(self.open);
        }
        Ok(None)
    }

    /// Tells the lines that have not been told.
    pub(crate) fn tell(&mut self, out: &mut Vec<StreamEvent>) {
        for op in &self.ops[self.told..] {
            match op {
                Op::Keep => {}
                Op::Take(text) => {
                    out.push(StreamEvent::Line {
                        side: LineSide::Removed,
                        text: self.as_in_file(text),
                    });
                }
                Op::Add(text) => {
                    out.push(StreamEvent::Line {
                        side: LineSide::Added,
                        text: self.as_in_file(text),
                    });
                }
            }
        }
        self.told = self.ops.len();
    }

    /// The chunk is complete. The place of its first lines, if told before, must be the place of all.
    pub(crate) fn place(&mut self, path: &str, index: &Index) -> Result<Placed, Refusal> {
        let path = path.to_owned();
        if self.old.is_empty() {
            return self.place_addition(path, index);
        }
        let (at, indent) = match self.locate(index) {
            Located::Exact { at } => (at, None),
            Located::Reindented { at, indent } => (at, Some(indent)),
            Located::Ambiguous { at } => return Err(Refusal::Ambiguous { path, at }),
            Located::Missing { closest } => return Err(Refusal::Missing { path, closest }),
        };
        if self.open.is_some_and(|told| told != at) {
            return Err(Refusal::Missing {
                path,
                closest: Vec::new(),
            });
        }
        self.indent = indent;
        let mut file = (at..).map(|i| index.line(i));
        let mut new = Vec::new();
        for op in &self.ops {
            match op {
                Op::Keep => new.extend(file.next().map(str::to_owned)),
                Op::Take(_) => {
                    file.next();
                }
                Op::Add(text) => new.push(self.as_in_file(text)),
            }
        }
        Ok(Placed {
            at,
            end: at + self.old.len(),
            new,
        })
    }

    /// Lines to add and none to find: right under the anchor, or at the end if the model says so.
    fn place_addition(&self, path: String, index: &Index) -> Result<Placed, Refusal> {
        let new: Vec<String> = self
            .ops
            .iter()
            .filter_map(|op| match op {
                Op::Add(text) => Some(text.clone()),
                Op::Keep | Op::Take(_) => None,
            })
            .collect();
        let at = match self.anchored(index)[..] {
            _ if self.at_end => index.len(),
            [at] => at + 1,
            [] if self.anchors.is_empty() => return Err(Refusal::NoAnchor { path }),
            [] => {
                return Err(Refusal::Missing {
                    path,
                    closest: Vec::new(),
                });
            }
            ref at => {
                return Err(Refusal::Ambiguous {
                    path,
                    at: at.to_vec(),
                });
            }
        };
        Ok(Placed { at, end: at, new })
    }

    /// Several places come down to those in the anchor's block, if it has any: an anchor narrows, it never decides.
    fn locate(&self, index: &Index) -> Located {
        let total = index.len();
        let fits = |at: usize| !self.at_end || at + self.old.len() == total;
        let everywhere = locate_where(index, &self.old, fits);
        if !matches!(everywhere, Located::Ambiguous { .. }) {
            return everywhere;
        }
        let [anchor] = self.anchored(index)[..] else {
            return everywhere;
        };
        let scope = block_of(index, anchor);
        match locate_where(index, &self.old, |at| fits(at) && scope.contains(&at)) {
            Located::Missing { .. } => everywhere,
            found @ (Located::Exact { .. } | Located::Reindented { .. } | Located::Ambiguous { .. }) => found,
        }
    }

    /// Lines that the anchors leave, each looked for in the block of the one before.
    fn anchored(&self, index: &Index) -> Vec<usize> {
        let mut found: Vec<usize> = Vec::new();
        for (i, anchor) in self.anchors.iter().enumerate() {
            let within = match found[..] {
                [at] => block_of(index, at),
                _ if i == 0 => 0..index.len(),
                _ => return Vec::new(),
            };
            found = index
                .like(anchor)
                .into_iter()
                .filter(|at| within.contains(at))
                .take(16)
                .collect();
        }
        found
    }

    fn as_in_file(&self, text: &str) -> String {
        self.indent
            .as_ref()
            .map_or_else(|| text.to_owned(), |i| i.apply(text))
    }
}

/// A line and what is indented deeper below it, up to the closing line.
fn block_of(index: &Index, at: usize) -> Range<usize> {
    let depth = |l: &str| l.len() - l.trim_start().len();
    let own = depth(index.line(at));
    let inside = |l: &str| l.trim().is_empty() || depth(l) > own || !l.contains(char::is_alphanumeric);
    let len = (at + 1..index.len())
        .take_while(|i| inside(index.line(*i)))
        .count();
    at..at + 1 + len
}
