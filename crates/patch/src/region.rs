//! Region rewrite: the answer is the new text of a few lines of one file.

use crate::align::{Aligner, Step};
use crate::blanks::{Blanks, without_noise};
use crate::hunk::{Hunk, apply};
use crate::minimise::{minimise, pieces};
use crate::nesting::{Nesting, State};
use crate::place::{hunk_for, modify};
use crate::stream::{LineSide, Refusal, StreamEvent};
use crate::symbols::{outline, vanished};
use crate::syntax::Language;
use crate::text::Text;
use std::borrow::Cow;
use std::ops::Range;

/// What a finished rewrite amounts to, for the caller's judgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionOutcome {
    /// The answer copied the region: no hunk came of it.
    pub unchanged: bool,
    /// Old lines at the region's end that went without replacement: the sign of an answer that stopped early.
    pub dropped_tail: usize,
    /// The region with all hunks applied.
    pub new_region: String,
    /// Symbols (qualified) that the file defined before and does not any more; empty for unknown languages.
    pub vanished: Vec<String>,
}

/// Where in the answer we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Only blank lines so far.
    Start,
    /// Inside; `ticks` is the length of the fence that opened it, 0 without one, `nested` counts fences inside.
    Body { ticks: usize, nested: usize },
    /// Behind the closing fence.
    After,
}

#[derive(Debug, Clone)]
pub(crate) struct Region {
    path: String,
    text: Text,
    span: Range<usize>,
    /// The region without the blank lines at its ends, which a rewrite neither adds to nor takes from.
    core: Range<usize>,
    /// The text holds fences itself (Markdown), so that a bare fence need not be the end.
    fences_inside: bool,
    phase: Phase,
    /// Blank lines of the answer that count only if something follows.
    blanks: usize,
    wrote: bool,
    aligner: Aligner,
    /// There where spacing is no change.
    code: Option<Code>,
    hunks: Vec<Hunk>,
    dropped_tail: usize,
}

/// A region of code, where spacing is no change.
#[derive(Debug, Clone)]
struct Code {
    language: Language,
    /// Before each old line, and behind the last.
    states: Vec<State>,
    /// Of the rewrite.
    nesting: Nesting,
    /// The aligner has the keys of the old lines: made when the rewrite first departs from them.
    keyed: bool,
}

impl Code {
    fn new(language: Language, old: &[String]) -> Code {
        let mut nesting = Nesting::new(language);
        let mut states = Vec::with_capacity(old.len() + 1);
        states.push(nesting.state);
        for line in old {
            nesting.pass(line);
            states.push(nesting.state);
        }
        Code {
            language,
            states,
            nesting: Nesting::new(language),
            keyed: false,
        }
    }

    fn line(&mut self, line: &str, aligner: &mut Aligner, out: &mut Vec<Step>) {
        // A line that is the same to the last blank is the same at any depth, and from there on both are in step again.
        if let Some((at, old)) = aligner.expected()
            && old == line
        {
            self.nesting.state = self.states[at + 1];
            return aligner.step(line, self.states[at].is_code());
        }
        if !self.keyed {
            let read = |(line, state): (&String, &State)| state.key(self.language, line);
            let keys = aligner.old().iter().zip(&self.states).map(read).collect();
            aligner.compare(keys);
            self.keyed = true;
        }
        let mut read = self.nesting.line(line);
        // A change can shift all that follows by a bracket that is none, in a pattern say.
        if let Some(at) = aligner.same_nearby(line, &read.key) {
            read.key = aligner.key_of(at).into_owned();
            self.nesting.state = self.states[at + 1];
        }
        aligner.line_read(line, read, out);
    }
}

impl Region {
    /// A span beyond the text is cut to it.
    pub(crate) fn new(path: &str, text: &Text, span: Range<usize>, blanks: Blanks) -> Region {
        let end = span.end.min(text.len());
        let span = span.start.min(end)..end;
        let lines = &text.lines()[span.clone()];
        let lead = lines.iter().take_while(|l| is_blank(l)).count();
        let tail = lines[lead..].iter().rev().take_while(|l| is_blank(l)).count();
        let core = span.start + lead..span.end - tail;
        let code = (blanks == Blanks::Noise)
            .then(|| Language::of_path(path))
            .flatten()
            .map(|language| Code::new(language, &text.lines()[core.clone()]));
        let markdown = [".md", ".mdx", ".markdown"].iter().any(|ext| path.ends_with(ext));
        Region {
            path: path.to_owned(),
            text: text.clone(),
            span,
            core: core.clone(),
            fences_inside: markdown || text.lines()[core.clone()].iter().any(|l| ticks(l) > 0),
            phase: Phase::Start,
            blanks: 0,
            wrote: false,
            aligner: Aligner::new(text, core.clone(), |l| Cow::Borrowed(without_noise(l))),
            code,
            hunks: Vec::new(),
            dropped_tail: 0,
        }
    }

    pub(crate) fn line(&mut self, line: &str, out: &mut Vec<StreamEvent>) {
        match self.phase {
            Phase::Start if is_blank(line) => self.blanks += 1,
            Phase::Start => {
                let line = line.trim_start_matches('\u{feff}');
                let fence = ticks(line);
                let own = self.aligner.old().first().is_some_and(|o| ticks(o) > 0);
                let opens = fence > 0 && !own;
                self.phase = Phase::Body {
                    ticks: if opens { fence } else { 0 },
                    nested: 0,
                };
                if opens {
                    self.blanks = 0;
                } else {
                    self.body(line, out);
                }
            }
            Phase::Body {
                ticks: opened,
                nested,
            } => {
                let fence = ticks(line);
                let bare_fence = fence > 0 && without_noise(line).len() == fence;
                if !self.fences_inside && matches!(without_noise(line), "`" | "``") {
                    // A fence that was cut: no line of code.
                    self.phase = Phase::After;
                    self.settle(true, out);
                    return;
                }
                match (fence, bare_fence, nested) {
                    (0, ..) => {}
                    (_, true, 0) if self.ends_at(opened, fence) => {
                        self.phase = Phase::After;
                        self.settle(true, out);
                        return;
                    }
                    (_, true, n) => {
                        self.phase = Phase::Body {
                            ticks: opened,
                            nested: n.saturating_sub(1),
                        }
                    }
                    (_, false, n) => {
                        self.phase = Phase::Body {
                            ticks: opened,
                            nested: n + 1,
                        }
                    }
                }
                self.body(line, out);
            }
            Phase::After => out.push(StreamEvent::Prose {
                text: format!("{line}\n"),
            }),
        }
    }

    pub(crate) fn finish(&mut self, out: &mut Vec<StreamEvent>) {
        if self.phase != Phase::After {
            self.phase = Phase::After;
            self.settle(false, out);
        }
    }

    /// Whether a change was open.
    pub(crate) fn abandon(&mut self) -> bool {
        self.phase = Phase::After;
        self.aligner.abandon()
    }

    pub(crate) fn outcome(&self) -> RegionOutcome {
        let old = self.text.lines();
        // Hunks of one stream are disjoint and were made from this very text.
        let new = apply(&self.text, &self.hunks).unwrap_or_else(|_| self.text.clone());
        let behind = old.len() - self.span.end;
        let new_region = new.lines()[self.span.start.min(new.len())..new.len() - behind].concat();
        let vanished = match Language::of_path(&self.path) {
            Some(lang) if !self.hunks.is_empty() => {
                vanished(&outline(lang, &self.text.joined()), &outline(lang, &new.joined()))
            }
            _ => Vec::new(),
        };
        let unchanged = self.hunks.is_empty();
        RegionOutcome {
            unchanged,
            dropped_tail: self.dropped_tail,
            new_region,
            vanished,
        }
    }

    fn ends_at(&self, opened: usize, fence: usize) -> bool {
        if opened > 0 {
            fence >= opened
        } else {
            !self.fences_inside
        }
    }

    fn body(&mut self, line: &str, out: &mut Vec<StreamEvent>) {
        if is_blank(line) {
            self.blanks += 1;
            return;
        }
        let keep_blanks = self.wrote || self.keeps_blanks(self.core.start.checked_sub(1));
        self.wrote = true;
        self.feed_blanks(keep_blanks, out);
        self.feed(line, out);
    }

    /// For an insertion point, blank lines at the answer's ends count unless there is one already; a rewrite keeps
    /// the ones that the region has.
    fn keeps_blanks(&self, neighbour: Option<usize>) -> bool {
        let beside = neighbour.and_then(|i| self.text.lines().get(i));
        self.core.is_empty() && beside.is_some_and(|l| !is_blank(l))
    }

    fn feed_blanks(&mut self, keep: bool, out: &mut Vec<StreamEvent>) {
        for _ in 0..std::mem::take(&mut self.blanks) {
            if keep {
                self.feed("", out);
            }
        }
    }

    fn feed(&mut self, line: &str, out: &mut Vec<StreamEvent>) {
        let mut steps = Vec::new();
        match &mut self.code {
            Some(code) => code.line(line, &mut self.aligner, &mut steps),
            None => self.aligner.line(line, &mut steps),
        }
        self.take(steps, out);
    }

    /// The body is over. `said_so`: by its own fence, so that an empty body means deletion; silence does not.
    fn settle(&mut self, said_so: bool, out: &mut Vec<StreamEvent>) {
        if !self.wrote && !said_so {
            out.push(StreamEvent::Refused {
                refusal: Refusal::Empty {
                    path: self.path.clone(),
                },
            });
            return;
        }
        let keep = self.wrote && self.keeps_blanks(Some(self.core.end));
        self.feed_blanks(keep, out);
        let mut steps = Vec::new();
        self.aligner.finish(&mut steps);
        self.take(steps, out);
    }

    fn take(&mut self, steps: Vec<Step>, out: &mut Vec<StreamEvent>) {
        for step in steps {
            out.push(match step {
                Step::Opened { at } => StreamEvent::Opened {
                    path: self.path.clone(),
                    at: self.core.start + at,
                },
                Step::Added { text } => StreamEvent::Line {
                    side: LineSide::Added,
                    text,
                },
                Step::Removed { text } => StreamEvent::Line {
                    side: LineSide::Removed,
                    text,
                },
                Step::Closed { at, end, new, keys } => self.closed(at, end, &new, &keys),
            });
        }
    }

    fn closed(&mut self, at: usize, end: usize, new: &[String], keys: &[String]) -> StreamEvent {
        let old: Vec<Cow<'_, str>> = (at..end).map(|i| self.aligner.key_of(i)).collect();
        let (old, keys): (Vec<&str>, Vec<&str>) = (
            old.iter().map(AsRef::as_ref).collect(),
            keys.iter().map(String::as_str).collect(),
        );
        let mut changes = Vec::new();
        for (o, n) in pieces(&old, &keys) {
            if at + o.end == self.aligner.old().len() {
                self.dropped_tail = o.len().saturating_sub(n.len());
            }
            let start = self.core.start + at;
            let hunk = hunk_for(&self.text, start + o.start, start + o.end, &new[n]);
            // The same line at another depth has another key, and yet it is the same line.
            for hunk in minimise(&hunk) {
                self.hunks.push(hunk.clone());
                changes.push(modify(&self.path, hunk));
            }
        }
        StreamEvent::Closed { changes }
    }
}

fn is_blank(line: &str) -> bool {
    without_noise(line).is_empty()
}

/// Length of the backtick fence that a line begins with, 0 if it is none.
pub(crate) fn ticks(line: &str) -> usize {
    let n = line.bytes().take_while(|b| *b == b'`').count();
    if n >= 3 { n } else { 0 }
}
