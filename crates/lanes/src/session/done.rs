//! The last edit that was kept: the next follow-up is told its request, as long as something of it is in the file.

use super::built::share;
use super::{Session, Turn};
use crate::attempt::Work;
use crate::mention;
use crate::prompt::{Carried, Past};
use brisk_domain::{HunkId, Intent, TurnId};
use brisk_patch::{Change, Edited, Hunk, Text, apply, invert};
use std::collections::BTreeMap;

/// An edit that is in the file, wholly or in part.
pub(super) struct Done {
    pub(super) turn: TurnId,
    /// The person's words.
    request: String,
    kept: Vec<Kept>,
}

/// Hunks that were written to one file at once.
struct Kept {
    path: String,
    /// The file with them.
    after: Text,
    /// What would take each of them out of there.
    back: Vec<Hunk>,
}

impl Kept {
    /// Whether one of them is still in the file, and within the place.
    fn is_at(&self, work: &Work) -> bool {
        if self.path != work.path {
            return false;
        }
        let now = work.text();
        let edited = Edited::between(&self.after, &now);
        let is_there = |h: Hunk| share(&(h.at..h.old_end()), &work.place.span);
        self.back
            .iter()
            .any(|back| edited.carry(back).is_ok_and(is_there))
    }
}

impl Done {
    /// An edit of which something is in a file; `back`: what would take that out of it.
    pub(super) fn new(turn: TurnId, request: String, path: &str, after: &Text, back: Vec<Hunk>) -> Done {
        let kept = vec![Kept {
            path: path.to_owned(),
            after: after.clone(),
            back,
        }];
        Done { turn, request, kept }
    }

    /// What a model is told of it: the answer is in the text that it gets.
    pub(super) fn carried(&self) -> Carried {
        Carried {
            request: self.request.clone(),
            past: Past::Kept,
            partial: String::new(),
        }
    }
}

impl Session {
    /// Hunks were written. They are on offer until this is over.
    pub(super) fn remember(&mut self, ids: &[HunkId]) {
        let mut files: BTreeMap<(TurnId, &str), (&Text, Vec<Hunk>)> = BTreeMap::new();
        for o in ids.iter().filter_map(|id| self.offered.get(id)) {
            if let Change::Modify { path, hunk } = &o.change {
                let file = files.entry((o.turn, path)).or_insert((&o.base, Vec::new()));
                file.1.push(hunk.clone());
            }
        }
        let mut all = Vec::new();
        for ((turn, path), (base, hunks)) in files {
            if let (Ok(after), Some(request)) = (apply(base, &hunks), self.request_of(turn)) {
                all.push(Done::new(turn, request, path, &after, invert(&hunks)));
            }
        }
        for done in all {
            match self.done.as_mut().filter(|before| before.turn == done.turn) {
                Some(before) => before.kept.extend(done.kept),
                None => self.done = Some(done),
            }
        }
    }

    /// The words of an edit that is over, or writes its hunks.
    fn request_of(&self, turn: TurnId) -> Option<String> {
        let over = self.answered.get(&turn).map(|a| a.request.clone());
        let current = self.turn.as_ref().filter(|t| t.id == turn);
        over.or_else(|| current.map(|t| mention::words(&t.prompt)))
    }

    /// The edit that a prompt goes on from: it names no place, and something of that edit is where it works.
    pub(super) fn done_at(&self, turn: &Turn, work: &Work) -> Option<&Done> {
        let goes_on = turn.prompt.intent == Intent::Edit && turn.prompt.targets.is_empty();
        let done = self.done.as_ref().filter(|_| goes_on)?;
        done.kept.iter().any(|kept| kept.is_at(work)).then_some(done)
    }
}
