//! The hunks of a session as a client knows them, from their birth to the person's decision. Pure.

use crate::colour::Painted;
use brisk_protocol::domain::{Event, HunkId, HunkState, LineKind, TurnId};

/// How far a hunk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Its lines come.
    Growing,
    /// Whole, and on offer.
    Ready,
    /// A decision about it is on its way.
    Deciding,
}

/// One hunk that is not decided.
#[derive(Debug)]
pub(crate) struct Hunk {
    pub(crate) id: HunkId,
    pub(crate) turn: TurnId,
    pub(crate) path: String,
    /// First line, 0-based.
    pub(crate) at: usize,
    pub(crate) removed: Vec<String>,
    pub(crate) added: Vec<String>,
    pub(crate) stage: Stage,
    /// Colours and context; comes later, from a worker.
    pub(crate) painted: Option<Painted>,
}

impl Hunk {
    /// Rows of its lines in the pane: head, context, removed, added.
    pub(crate) fn rows(&self) -> usize {
        let (before, after) = self.context();
        1 + before.len() + self.removed.len() + self.added.len() + after.len()
    }

    pub(crate) fn context(&self) -> (&[String], &[String]) {
        match &self.painted {
            Some(p) => (&p.before, &p.after),
            None => (&[], &[]),
        }
    }

    /// `path:line`.
    pub(crate) fn place(&self) -> String {
        format!("{}:{}", self.path, self.at + 1)
    }
}

/// A hunk that is over, and how.
#[derive(Debug)]
pub(crate) struct Over {
    pub(crate) hunk: Hunk,
    pub(crate) state: HunkState,
}

/// What an event did to the hunks.
#[derive(Debug, Default)]
pub(crate) struct Changed {
    /// Is ready now: worth colouring.
    pub(crate) ready: Option<HunkId>,
    /// Is decided now.
    pub(crate) over: Option<Over>,
}

/// The hunks, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(crate) hunks: Vec<Hunk>,
}

impl Book {
    pub(crate) fn find(&mut self, id: HunkId) -> Option<&mut Hunk> {
        // The newest is the one that is asked for at every line.
        self.hunks.iter_mut().rev().find(|h| h.id == id)
    }

    /// Those that the person may decide about.
    pub(crate) fn offered(&self) -> impl Iterator<Item = &Hunk> {
        self.hunks.iter().filter(|h| h.stage == Stage::Ready)
    }

    pub(crate) fn is_offering(&self) -> bool {
        self.offered().next().is_some()
    }

    /// A decision is on its way.
    pub(crate) fn is_deciding(&self) -> bool {
        self.hunks.iter().any(|h| h.stage == Stage::Deciding)
    }

    /// Lines that come and go in the hunks that are shown.
    pub(crate) fn size(&self) -> (usize, usize) {
        let sum = |f: fn(&Hunk) -> usize| self.hunks.iter().map(f).sum();
        (sum(|h| h.added.len()), sum(|h| h.removed.len()))
    }

    /// A decision was asked for.
    pub(crate) fn deciding(&mut self, which: impl Fn(HunkId) -> bool) {
        for hunk in &mut self.hunks {
            if hunk.stage == Stage::Ready && which(hunk.id) {
                hunk.stage = Stage::Deciding;
            }
        }
    }

    /// No answer to a decision will come: the hunks are on offer as before.
    pub(crate) fn undecided(&mut self) {
        for hunk in &mut self.hunks {
            if hunk.stage == Stage::Deciding {
                hunk.stage = Stage::Ready;
            }
        }
    }

    /// Takes a hunk out.
    pub(crate) fn close(&mut self, id: HunkId, state: HunkState) -> Option<Over> {
        let at = self.hunks.iter().position(|h| h.id == id)?;
        let hunk = self.hunks.remove(at);
        Some(Over { hunk, state })
    }

    /// Takes an event; those that are not about hunks change nothing.
    pub(crate) fn on(&mut self, event: Event) -> Changed {
        let mut changed = Changed::default();
        match event {
            Event::HunkOpened { turn, hunk, path, at } => self.put(Hunk {
                id: hunk,
                turn,
                path,
                at,
                removed: Vec::new(),
                added: Vec::new(),
                stage: Stage::Growing,
                painted: None,
            }),
            Event::HunkLine { hunk, kind, text, .. } => {
                if let Some(hunk) = self.find(hunk) {
                    let side = match kind {
                        LineKind::Removed => &mut hunk.removed,
                        LineKind::Added => &mut hunk.added,
                    };
                    side.extend(text.split('\n').map(str::to_owned));
                }
            }
            Event::HunkReady {
                turn,
                hunk,
                path,
                at,
                removed,
                added,
            } => {
                self.put(Hunk {
                    id: hunk,
                    turn,
                    path,
                    at,
                    removed,
                    added,
                    stage: Stage::Ready,
                    painted: None,
                });
                changed.ready = Some(hunk);
            }
            Event::HunkDropped { hunk, .. } => {
                let why = "no difference was left".to_owned();
                self.close(hunk, HunkState::Withdrawn { why });
            }
            Event::HunkChanged { hunk, state } => match state {
                HunkState::Ready => {
                    if let Some(hunk) = self.find(hunk) {
                        hunk.stage = Stage::Ready;
                    }
                }
                HunkState::Kept
                | HunkState::Rejected
                | HunkState::Withdrawn { .. }
                | HunkState::Conflicted { .. } => changed.over = self.close(hunk, state),
            },
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
        changed
    }

    fn put(&mut self, new: Hunk) {
        match self.find(new.id) {
            Some(old) => *old = new,
            None => self.hunks.push(new),
        }
    }

    /// A turn is over: what never became ready is gone.
    pub(crate) fn ended(&mut self, turn: TurnId) {
        self.hunks.retain(|h| h.turn != turn || h.stage != Stage::Growing);
    }
}
