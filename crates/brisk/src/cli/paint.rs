//! The live face of a turn as a pure state machine: events in, paints out. Paints are rows that fit the terminal and
//! rewinds over rows that were painted before; [`crate::cli::screen`] makes bytes of them.
//!
//! The picture grows downwards. A hunk is painted line by line as it comes; when it turns out smaller than what was
//! painted, only the rows from its header on are painted anew. What has scrolled out of the window, or was painted
//! before the window changed its size, cannot be reached any more: a change of it is then painted below.

use crate::cli::book::{Book, Entry, State};
use crate::cli::sanitize::{Tabs, clip, flow, visible, wrap};
use crate::cli::style::Tone;
use crate::cli::words;
use brisk_domain::{Event, HunkId, HunkState, LineKind};

/// Size of a terminal in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    /// Width.
    pub columns: usize,
    /// Height.
    pub rows: usize,
}

/// One row of the screen, already visible text and no wider than the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// What it is.
    pub tone: Tone,
    /// Its text.
    pub text: String,
}

/// One step of painting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Paint {
    /// So many rows above the cursor are wiped and painted over.
    Rewind(usize),
    /// A row, and the cursor goes below it.
    Row(Row),
}

/// Something on the screen, with its rows.
#[derive(Debug)]
struct Item {
    hunk: Option<HunkId>,
    rows: Vec<Row>,
}

/// The painter.
#[derive(Debug)]
pub(crate) struct Painter {
    size: Size,
    items: Vec<Item>,
    /// Items before this one cannot be reached any more.
    floor: usize,
    /// The last row of prose that may still grow.
    prose: Option<String>,
    /// Rows below the picture that are somebody else's; they push the picture up.
    footer: usize,
}

impl Painter {
    /// An empty picture.
    pub(crate) fn new(size: Size) -> Painter {
        Painter {
            size,
            items: Vec::new(),
            floor: 0,
            prose: None,
            footer: 1,
        }
    }

    /// So many rows stand below the picture now.
    pub(crate) fn set_footer(&mut self, rows: usize) {
        self.footer = rows.max(1);
    }

    /// The terminal changed its size: what was painted may be wrapped anew and is not touched again.
    pub(crate) fn resize(&mut self, size: Size) {
        self.size = size;
        self.floor = self.items.len();
        self.prose = None;
    }

    /// Paints an event. `book` has taken it in already.
    pub(crate) fn on(&mut self, event: &Event, book: &Book) -> Vec<Paint> {
        match event {
            Event::PlaceFound {
                path,
                start,
                end,
                why,
                ..
            } => self.note(Tone::Plain, &words::place(path, *start, *end, why)),
            Event::Routed { route, .. } => self.note(Tone::Dim, &words::route(route)),
            Event::HunkOpened { hunk, .. }
            | Event::HunkDropped { hunk, .. }
            | Event::HunkReady { hunk, .. } => self.hunk(*hunk, book),
            Event::HunkLine { hunk, kind, text, .. } => self.hunk_line(*hunk, *kind, text, book),
            Event::HunkChanged { hunk, state } => match state {
                // The summary tells these; the picture stays as the person decided on it.
                HunkState::Ready | HunkState::Kept | HunkState::Rejected => Vec::new(),
                HunkState::Withdrawn { .. } | HunkState::Conflicted { .. } => self.hunk(*hunk, book),
            },
            Event::Prose { text, .. } => self.prose(text),
            Event::Notice { text, .. } => self.note(Tone::Warn, text),
            Event::BudgetReached { lines, max_lines, .. } => {
                self.note(Tone::Warn, &words::budget(*lines, *max_lines))
            }
            Event::Queued { text } => self.note(Tone::Dim, &format!("queued: {text}")),
            Event::Unqueued { text, why } => self.note(Tone::Dim, &format!("not run, {why}: {text}")),
            Event::TurnStarted { .. } | Event::FirstToken { .. } | Event::TurnEnded { .. } => Vec::new(),
        }
    }

    /// A line of ours below everything else.
    pub(crate) fn note(&mut self, tone: Tone, text: &str) -> Vec<Paint> {
        self.prose = None;
        let rows = self.rows(tone, text);
        self.append(None, rows)
    }

    /// Rows of a text, wrapped.
    pub(crate) fn rows(&self, tone: Tone, text: &str) -> Vec<Row> {
        text.lines()
            .flat_map(|line| wrap(&visible(line, Tabs::Expand), self.size.columns))
            .map(|text| Row { tone, text })
            .collect()
    }

    fn append(&mut self, hunk: Option<HunkId>, rows: Vec<Row>) -> Vec<Paint> {
        let paints = rows.iter().cloned().map(Paint::Row).collect();
        self.items.push(Item { hunk, rows });
        paints
    }

    /// One more line at the end of the last thing on the screen costs only its own rows.
    fn hunk_line(&mut self, hunk: HunkId, kind: LineKind, text: &str, book: &Book) -> Vec<Paint> {
        let at_end = book
            .find(hunk)
            .is_some_and(|e| e.state == State::Open && (kind == LineKind::Added || e.added.is_empty()));
        let rows = self.line_rows(kind, text);
        match self.items.last_mut() {
            Some(last) if at_end && last.hunk == Some(hunk) => {
                last.rows.extend(rows.iter().cloned());
                rows.into_iter().map(Paint::Row).collect()
            }
            Some(_) | None => self.hunk(hunk, book),
        }
    }

    /// Paints a hunk as the book has it, over what was painted of it where that can be reached.
    fn hunk(&mut self, hunk: HunkId, book: &Book) -> Vec<Paint> {
        let Some(entry) = book.find(hunk) else {
            return Vec::new();
        };
        self.prose = None;
        let rows = self.entry_rows(entry);
        let Some(place) = self.items.iter().rposition(|i| i.hunk == Some(hunk)) else {
            return self.append(Some(hunk), rows);
        };
        let below: usize = self.items.iter().skip(place + 1).map(|i| i.rows.len()).sum();
        let Some(item) = self.items.get_mut(place) else {
            return Vec::new();
        };
        if item.rows == rows {
            return Vec::new();
        }
        let same = item.rows.iter().zip(&rows).take_while(|(a, b)| a == b).count();
        let rewind = item.rows.len() - same + below;
        if place < self.floor || rewind + self.footer > self.size.rows {
            item.hunk = None;
            if entry.state == State::Dropped {
                return self.note(Tone::Dim, &format!("{} came to nothing", heading(entry)));
            }
            return self.append(Some(hunk), rows);
        }
        item.rows = rows;
        let changed = item.rows.iter().skip(same);
        let mut paints = vec![Paint::Rewind(rewind)];
        paints.extend(changed.cloned().map(Paint::Row));
        let after = self.items.iter().skip(place + 1).flat_map(|i| &i.rows);
        paints.extend(after.cloned().map(Paint::Row));
        paints
    }

    fn entry_rows(&self, entry: &Entry) -> Vec<Row> {
        let place = heading(entry);
        match &entry.state {
            State::Dropped => Vec::new(),
            State::Known(HunkState::Withdrawn { why }) => {
                self.rows(Tone::Dim, &format!("{place} withdrawn: {why}"))
            }
            State::Known(HunkState::Conflicted { why }) => {
                let mut rows = self.rows(Tone::Bad, &format!("{place} not written: {why}"));
                rows.extend(self.body(entry));
                rows
            }
            State::Open | State::Known(HunkState::Ready | HunkState::Kept | HunkState::Rejected) => {
                let mut rows = vec![Row {
                    tone: Tone::Head,
                    text: clip(&visible(&place, Tabs::Expand), self.size.columns),
                }];
                rows.extend(self.body(entry));
                rows
            }
        }
    }

    fn body(&self, entry: &Entry) -> Vec<Row> {
        entry
            .lines()
            .flat_map(|(kind, text)| self.line_rows(kind, text))
            .collect()
    }

    fn line_rows(&self, kind: LineKind, text: &str) -> Vec<Row> {
        let (sign, tone) = match kind {
            LineKind::Removed => ('-', Tone::Removed),
            LineKind::Added => ('+', Tone::Added),
        };
        wrap(
            &visible(text, Tabs::Expand),
            self.size.columns.saturating_sub(1).max(1),
        )
        .into_iter()
        .enumerate()
        .map(|(i, row)| Row {
            tone,
            text: format!("{}{row}", if i == 0 { sign } else { ' ' }),
        })
        .collect()
    }

    /// Words flow: the last row is painted anew with each piece, so that a word that grows too long for it can move
    /// to the next.
    fn prose(&mut self, piece: &str) -> Vec<Paint> {
        let mut paints = Vec::new();
        let mut text = match self.prose.take() {
            Some(tail) => {
                self.items.pop();
                paints.push(Paint::Rewind(1));
                tail
            }
            None => String::new(),
        };
        text.push_str(piece);
        let mut lines = text.split('\n').peekable();
        while let Some(line) = lines.next() {
            let rows = flow(line, self.size.columns);
            let count = rows.len();
            for (i, row) in rows.into_iter().enumerate() {
                if lines.peek().is_none() && i + 1 == count {
                    if row.is_empty() {
                        break;
                    }
                    self.prose = Some(row.clone());
                }
                let text = clip(&visible(&row, Tabs::Expand), self.size.columns);
                paints.extend(self.append(
                    None,
                    vec![Row {
                        tone: Tone::Plain,
                        text,
                    }],
                ));
            }
        }
        paints
    }
}

fn heading(entry: &Entry) -> String {
    format!("@@ {} {}:{}", entry.number, entry.path, entry.at + 1)
}

#[cfg(test)]
mod tests;
