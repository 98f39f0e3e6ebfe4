//! The hunks of one turn as the client knows them. Pure; faces and the turn read the same book.

use brisk_domain::{Event, HunkId, HunkState, LineKind};

/// What has become of a hunk, seen from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// Its lines are still coming.
    Open,
    /// Came to nothing.
    Dropped,
    /// As the daemon says.
    Known(HunkState),
}

/// One hunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its id.
    pub id: HunkId,
    /// What the person calls it, from 1. Dropped hunks give their number back.
    pub number: usize,
    /// File.
    pub path: String,
    /// First line, 0-based.
    pub at: usize,
    /// Lines that go.
    pub removed: Vec<String>,
    /// Lines that come.
    pub added: Vec<String>,
    /// Where it stands.
    pub state: State,
}

impl Entry {
    /// Its lines as they are read: those that go, then those that come, in whatever order they were streamed.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (LineKind, &str)> {
        let removed = self.removed.iter().map(|text| (LineKind::Removed, text.as_str()));
        removed.chain(self.added.iter().map(|text| (LineKind::Added, text.as_str())))
    }

    /// Waits for the person.
    pub(crate) fn is_ready(&self) -> bool {
        self.state == State::Known(HunkState::Ready)
    }

    /// Written to disk.
    pub(crate) fn is_kept(&self) -> bool {
        self.state == State::Known(HunkState::Kept)
    }
}

/// All hunks of a turn in the order in which they were opened.
#[derive(Debug, Default)]
pub(crate) struct Book {
    entries: Vec<Entry>,
}

impl Book {
    /// Takes an event in; those that are not about hunks change nothing.
    pub(crate) fn on(&mut self, event: &Event) {
        match event {
            Event::HunkOpened { hunk, path, at, .. } => {
                let _ = self.open(*hunk, path, *at);
            }
            Event::HunkLine { hunk, kind, text, .. } => {
                if let Some(e) = self.find_mut(*hunk) {
                    match kind {
                        LineKind::Removed => e.removed.push(text.clone()),
                        LineKind::Added => e.added.push(text.clone()),
                    }
                }
            }
            Event::HunkDropped { hunk, .. } => {
                if let Some(e) = self.find_mut(*hunk) {
                    e.state = State::Dropped;
                }
            }
            Event::HunkReady {
                hunk,
                path,
                at,
                removed,
                added,
                ..
            } => {
                let e = self.open(*hunk, path, *at);
                e.at = *at;
                e.state = State::Known(HunkState::Ready);
                e.removed.clone_from(removed);
                e.added.clone_from(added);
            }
            Event::HunkChanged { hunk, state } => self.set(*hunk, state.clone()),
            Event::TurnStarted { .. }
            | Event::PlaceFound { .. }
            | Event::Routed { .. }
            | Event::FirstToken { .. }
            | Event::Prose { .. }
            | Event::Notice { .. }
            | Event::BudgetReached { .. }
            | Event::Queued { .. }
            | Event::Unqueued { .. }
            | Event::TurnEnded { .. } => {}
        }
    }

    /// Writes a state down that came in an answer rather than in an event.
    pub(crate) fn set(&mut self, hunk: HunkId, state: HunkState) {
        if let Some(e) = self.find_mut(hunk) {
            e.state = State::Known(state);
        }
    }

    /// Every hunk.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// One hunk.
    pub(crate) fn find(&self, hunk: HunkId) -> Option<&Entry> {
        self.entries.iter().find(|e| e.id == hunk)
    }

    /// The hunks that wait for the person.
    pub(crate) fn ready(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|e| e.is_ready())
    }

    fn find_mut(&mut self, hunk: HunkId) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|e| e.id == hunk)
    }

    fn open(&mut self, hunk: HunkId, path: &str, at: usize) -> &mut Entry {
        let place = match self.entries.iter().position(|e| e.id == hunk) {
            Some(place) => place,
            None => {
                let number = 1 + self.entries.iter().filter(|e| counts(&e.state)).count();
                self.entries.push(Entry {
                    id: hunk,
                    number,
                    path: path.to_owned(),
                    at,
                    removed: Vec::new(),
                    added: Vec::new(),
                    state: State::Open,
                });
                self.entries.len() - 1
            }
        };
        &mut self.entries[place]
    }
}

/// Whether a hunk in this state still holds its number.
fn counts(state: &State) -> bool {
    match state {
        State::Dropped | State::Known(HunkState::Withdrawn { .. }) => false,
        State::Open
        | State::Known(
            HunkState::Ready | HunkState::Kept | HunkState::Rejected | HunkState::Conflicted { .. },
        ) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use brisk_domain::TurnId;

    #[test]
    fn numbers_of_dropped_hunks_are_given_again() {
        let turn = TurnId(1);
        let opened = |n| Event::HunkOpened {
            turn,
            hunk: HunkId(n),
            path: "a".into(),
            at: 0,
        };
        let mut book = Book::default();
        book.on(&opened(1));
        book.on(&Event::HunkDropped {
            turn,
            hunk: HunkId(1),
        });
        book.on(&opened(2));
        book.on(&opened(3));
        book.on(&opened(3));
        let numbers: Vec<_> = book.entries().iter().map(|e| (e.id.0, e.number)).collect();
        assert_eq!(numbers, [(1, 1), (2, 1), (3, 2)]);
    }

    #[test]
    fn ready_lines_are_what_counts() {
        let turn = TurnId(1);
        let line = |kind, text: &str| Event::HunkLine {
            turn,
            hunk: HunkId(1),
            kind,
            text: text.into(),
        };
        let events = [
            Event::HunkOpened {
                turn,
                hunk: HunkId(1),
                path: "a".into(),
                at: 2,
            },
            line(LineKind::Added, "same"),
            line(LineKind::Added, "B"),
            line(LineKind::Removed, "same"),
            line(LineKind::Removed, "b"),
            Event::HunkReady {
                turn,
                hunk: HunkId(1),
                path: "a".into(),
                at: 3,
                removed: vec!["b".into()],
                added: vec!["B".into()],
            },
        ];
        let mut book = Book::default();
        let mut seen = Vec::new();
        for event in &events {
            book.on(event);
            let e = book.find(HunkId(1)).unwrap();
            seen.push((e.at, e.is_ready(), e.lines().map(|(_, t)| t).collect::<String>()));
        }
        assert_eq!(seen[4], (2, false, "samebsameB".to_owned()));
        assert_eq!(seen[5], (3, true, "bB".to_owned()));
    }
}
