//! The live face of a turn as a pure state machine: events in, paints out. Paints are rows that fit the terminal and
//! rewinds over rows that were painted before; [`crate::cli::screen`] makes bytes of them.
//!
//! The picture grows downwards. A hunk is painted line by line as it comes; when it turns out smaller than what was
//! painted, only the rows from its header on are painted anew. What has scrolled out of the window, or was painted
//! before the window changed its size, cannot be reached any more: a change of it is then painted below.

use crate::cli::book::{Book, Entry, State};
use crate::cli::sanitize::{Tabs, clip, visible, width, wrap};
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

/// Something on the screen, with the rows that it takes.
#[derive(Debug)]
struct Item {
    hunk: Option<HunkId>,
    rows: usize,
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
}

impl Painter {
    /// An empty picture.
    pub(crate) fn new(size: Size) -> Painter {
        Painter {
            size,
            items: Vec::new(),
            floor: 0,
            prose: None,
        }
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
        self.items.push(Item {
            hunk,
            rows: rows.len(),
        });
        rows.into_iter().map(Paint::Row).collect()
    }

    /// One more line of a hunk that is the last thing on the screen costs only its own rows.
    fn hunk_line(&mut self, hunk: HunkId, kind: LineKind, text: &str, book: &Book) -> Vec<Paint> {
        let rows = self.line_rows(kind, text);
        match self.items.last_mut() {
            Some(last) if last.hunk == Some(hunk) => {
                last.rows += rows.len();
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
        let Some(place) = self.items.iter().rposition(|i| i.hunk == Some(hunk)) else {
            let rows = self.entry_rows(entry);
            return self.append(Some(hunk), rows);
        };
        let tail: usize = self.items.iter().skip(place).map(|i| i.rows).sum();
        let only_hunks = self.items.iter().skip(place).all(|i| i.hunk.is_some());
        if place < self.floor || tail >= self.size.rows || !only_hunks {
            if let Some(item) = self.items.get_mut(place) {
                item.hunk = None;
            }
            let rows = match entry.state {
                State::Dropped => self.rows(Tone::Dim, &format!("{} came to nothing", heading(entry))),
                State::Open | State::Known(_) => self.entry_rows(entry),
            };
            return self.append(Some(hunk), rows);
        }
        let mut paints = vec![Paint::Rewind(tail)];
        let again: Vec<HunkId> = self.items.drain(place..).filter_map(|i| i.hunk).collect();
        for id in again {
            if let Some(entry) = book.find(id) {
                let rows = self.entry_rows(entry);
                paints.extend(self.append(Some(id), rows));
            }
        }
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
            .lines
            .iter()
            .flat_map(|(kind, text)| self.line_rows(*kind, text))
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
                let text = visible(&row, Tabs::Expand).into_owned();
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

/// Cuts a line of words (raw text) into raw rows whose visible form fits, at spaces where there are any.
fn flow(line: &str, columns: usize) -> Vec<String> {
    let seen = |text: &str| width(&visible(text, Tabs::Expand));
    let mut rows = vec![String::new()];
    for word in line.split_inclusive(' ') {
        let bare = word.trim_end_matches(' ');
        let Some(row) = rows.last_mut() else { break };
        if seen(&format!("{row}{bare}")) <= columns {
            row.push_str(word);
            continue;
        }
        if !row.is_empty() {
            rows.push(String::new());
        }
        if seen(bare) <= columns {
            rows.pop();
            rows.push(word.to_owned());
            continue;
        }
        // A word wider than the window: by characters.
        for c in word.chars() {
            let Some(row) = rows.last_mut() else { break };
            row.push(c);
            if row.chars().count() > 1 && seen(row) > columns {
                row.pop();
                rows.push(String::from(c));
            }
        }
    }
    for row in &mut rows {
        // Spaces that hang over the edge are not painted.
        while row.ends_with(' ') && seen(row) > columns {
            row.pop();
        }
    }
    rows
}
