//! Letters that are commands while nothing is written. A letter may as well begin a word, so what it asks for waits for
//! a moment: when it is typed on in that time, all of it was text and nothing has happened.

use super::{App, Stage};
use crate::key::Key;
use crate::wire::Call;
use brisk_protocol::HunkSet;
use brisk_protocol::domain::HunkId;

/// A letter stands alone when nothing follows it for so long, microseconds: more than people take between two letters
/// of a word, and less than they take to look at what a decision did.
const ALONE_US: u64 = 400_000;

/// What a single key means while nothing is written and no turn runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum After {
    /// Nothing: keys type.
    #[default]
    Nothing,
    /// Something was kept: `u` takes it back.
    Kept,
    /// Something was undone: `r` brings it back.
    Undone,
}

/// What a letter asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    /// To the next hunk, or to the one before.
    Move(Step),
    /// Keep this hunk.
    Keep(HunkId),
    /// Reject this hunk.
    Reject(HunkId),
    /// Reject all of them.
    RejectAll,
    /// Open this one in the editor.
    Open(HunkId),
    /// Ask what this one is for.
    Explain(HunkId),
    /// Letters type from now on.
    Write,
    /// Take back what was kept last.
    Undo,
    /// Bring it back.
    Redo,
    /// Run the checks.
    Verify,
    /// Let the patch grow beyond its budget.
    Grow,
}

/// A direction among the hunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Next,
    Previous,
}

impl Deed {
    /// Changes nothing that more letters could not take back: done at once.
    fn is_light(self) -> bool {
        matches!(self, Deed::Move(_) | Deed::Write)
    }

    /// One of a row of decisions, which come faster than thoughts: "y" after "n" is no word.
    fn is_of_a_row(self) -> bool {
        matches!(self, Deed::Move(_) | Deed::Keep(_) | Deed::Reject(_))
    }

    /// What is about to happen.
    pub(crate) fn told(self) -> Option<&'static str> {
        match self {
            Deed::Move(_) | Deed::Write => None,
            Deed::Keep(_) => Some("keeping this hunk"),
            Deed::Reject(_) => Some("rejecting this hunk"),
            Deed::RejectAll => Some("rejecting all"),
            Deed::Open(_) => Some("opening the editor"),
            Deed::Explain(_) => Some("asking what it is for"),
            Deed::Undo => Some("taking back the last keep"),
            Deed::Redo => Some("bringing it back"),
            Deed::Verify => Some("running the checks"),
            Deed::Grow => Some("going on"),
        }
    }
}

/// Letters of which it is not known yet whether they are text.
#[derive(Debug)]
pub(crate) struct Held {
    /// All of them since the last pause.
    pub(crate) letters: String,
    /// What the last one asks for, if that is not done already.
    pub(crate) deed: Option<Deed>,
    /// The last one's, done or not.
    last: Deed,
    /// Which hunk was chosen before them.
    selected: usize,
    /// When they stand alone.
    until: u64,
}

impl App {
    pub(super) fn held_until(&self) -> Option<u64> {
        self.letters.as_ref().map(|h| h.until)
    }

    /// Letters whose deed is not done yet.
    pub(crate) fn pending_letters(&self) -> Option<&str> {
        let held = self.letters.as_ref()?;
        held.deed.is_some().then_some(held.letters.as_str())
    }

    /// The letters stood alone: what the last one asked for is done.
    pub(super) fn settle_letters(&mut self) {
        if let Some(deed) = self.letters.take().and_then(|h| h.deed) {
            self.do_deed(deed);
        }
    }

    /// The letters were text after all.
    pub(super) fn letters_are_text(&mut self) {
        if let Some(held) = self.letters.take() {
            self.selected = held.selected;
            self.writing = true;
            self.composer.begin_insert();
            // The key that begins to write has done what it means, and is no part of what is written.
            if held.last != Deed::Write {
                self.composer.set(&held.letters);
            }
        }
    }

    /// What is held meets the next key. True: that was all that the key meant.
    pub(super) fn held_key(&mut self, key: Key) -> bool {
        let Some(held) = &self.letters else { return false };
        if held.until <= self.now {
            self.settle_letters();
            return false;
        }
        let pending = held.deed.is_some();
        if let Key::Char(c) = key {
            if held.last == Deed::Write {
                self.letters = None;
                self.begin_word();
                return false;
            }
            let deed = self.meaning(c);
            let same = held.letters.ends_with(c) && !matches!(held.last, Deed::Open(_) | Deed::Explain(_));
            let row = held.last.is_of_a_row() && deed.is_some_and(Deed::is_of_a_row);
            if !(same || row) {
                self.letters_are_text();
            } else if pending {
                self.settle_letters();
            }
            return false;
        }
        if pending && matches!(key, Key::Esc | Key::Backspace | Key::Ctrl('c')) {
            self.letters = None;
            self.hint = Some("nothing was done".into());
            return true;
        }
        self.settle_letters();
        pending && key == Key::Enter
    }

    /// A letter while nothing is written; false: it means nothing here.
    pub(super) fn letter(&mut self, c: char) -> bool {
        let Some(deed) = self.meaning(c) else { return false };
        let (mut letters, selected) = match self.letters.take() {
            Some(held) => (held.letters, held.selected),
            None => (String::new(), self.selected),
        };
        letters.push(c);
        let light = deed.is_light();
        self.letters = Some(Held {
            letters,
            deed: (!light).then_some(deed),
            last: deed,
            selected,
            until: self.now + ALONE_US,
        });
        if light {
            self.do_deed(deed);
        }
        true
    }

    fn meaning(&self, c: char) -> Option<Deed> {
        match self.live.as_ref().map(|l| l.stage) {
            Some(Stage::Budget(..)) => {
                return match c {
                    'g' => Some(Deed::Grow),
                    'x' if self.book.is_offering() => Some(Deed::RejectAll),
                    _ => None,
                };
            }
            Some(Stage::Sent | Stage::Reading | Stage::Writing | Stage::Stopping) => return None,
            None => {}
        }
        let chosen = self.book.offered().nth(self.selected).map(|h| h.id);
        match (c, chosen, self.offer()) {
            ('j', Some(_), _) => Some(Deed::Move(Step::Next)),
            ('k', Some(_), _) => Some(Deed::Move(Step::Previous)),
            ('y', Some(id), _) => Some(Deed::Keep(id)),
            ('n', Some(id), _) => Some(Deed::Reject(id)),
            ('x', Some(_), _) => Some(Deed::RejectAll),
            ('e', Some(id), _) => Some(Deed::Open(id)),
            ('w', Some(id), _) => Some(Deed::Explain(id)),
            ('i', Some(_), _) => Some(Deed::Write),
            ('u', None, After::Kept | After::Undone) => Some(Deed::Undo),
            ('r', None, After::Undone) => Some(Deed::Redo),
            ('v', None, After::Kept | After::Undone) => Some(Deed::Verify),
            _ => None,
        }
    }

    /// What a single letter means beside hunks: what was done last, as long as nothing is being written.
    pub(crate) fn offer(&self) -> After {
        let busy = self.live.is_some() || self.book.is_offering() || self.writing || self.typing;
        if busy { After::Nothing } else { self.after }
    }

    fn do_deed(&mut self, deed: Deed) {
        match deed {
            Deed::Move(step) => self.step(step),
            Deed::Keep(id) => self.decide(Call::Keep(HunkSet::Ids(vec![id])), |h| h == id),
            Deed::Reject(id) => self.decide(Call::Reject(HunkSet::Ids(vec![id])), |h| h == id),
            Deed::RejectAll => self.reject_all(),
            Deed::Open(id) => self.edit_hunk(id),
            Deed::Explain(id) => self.explain(id),
            Deed::Write => {
                self.typing = true;
                self.composer.begin_insert();
                self.hint = Some("keys type now; Esc goes back to the hunks".into());
            }
            Deed::Undo => self.send(Call::Undo),
            Deed::Redo => self.send(Call::Redo),
            Deed::Verify => self.verify(Vec::new()),
            Deed::Grow => {
                if let Some(live) = &mut self.live {
                    live.stage = Stage::Writing;
                }
                self.send(Call::RaiseBudget);
            }
        }
    }

    pub(super) fn step(&mut self, step: Step) {
        let last = self.book.offered().count().saturating_sub(1);
        self.selected = match step {
            Step::Next => (self.selected + 1).min(last),
            Step::Previous => self.selected.saturating_sub(1),
        };
    }
}
