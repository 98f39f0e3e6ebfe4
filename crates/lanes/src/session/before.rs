//! Where the last turn worked, for a prompt that goes on without naming a place.

use super::{Offered, Session, Turn, changed};
use crate::attempt::Work;
use crate::io::{Before, Effect, Hint};
use crate::place::{Kind, symbols_of};
use crate::prompt::{Carried, Past};
use brisk_domain::{HunkId, HunkState, Intent, TurnId};
use brisk_patch::{Change, Hunk};
use std::ops::Range;

/// The place of a turn that begins, as exactly as it can be said. `last`: that of the turn before.
pub(super) fn of(turn: &Turn, work: &Work, hint: Hint, last: Option<&Before>) -> Before {
    let last = last.filter(|b| b.path == work.path);
    let named = &turn.prompt.targets;
    let mut others: Vec<String> = named.iter().skip(1).map(|t| t.path.clone()).collect();
    if named.is_empty()
        && let Some(last) = last
    {
        others.clone_from(&last.others);
    }
    others.retain(|path| *path != work.path);
    let text = work.text();
    let span = &work.place.span;
    let (symbol, lines) = match (turn.prompt.intent, work.place.kind, hint) {
        // A question is about a whole file, and leaves the place in it where it was.
        (Intent::Ask, _, Hint::Symbol(name)) => (Some(name), None),
        (Intent::Ask, _, Hint::Lines(lines)) => (None, Some(lines)),
        (Intent::Ask, _, Hint::File) => last.map_or((None, None), |b| (b.symbol.clone(), b.lines.clone())),
        // What is new has no name yet; where it went is known once it is kept.
        (Intent::Edit, Kind::Insert { .. }, _) => (None, None),
        (Intent::Edit, Kind::Rewrite, hint) => {
            let symbols = symbols_of(&work.path, &text);
            match (symbols.iter().find(|s| s.lines == *span), hint) {
                (Some(symbol), _) => (Some(symbol.qualified()), None),
                (None, Hint::Symbol(name)) => (Some(name), None),
                (None, _) if *span == (0..text.len()) => (None, None),
                (None, _) => (None, Some(span.clone())),
            }
        }
    };
    Before {
        path: work.path.clone(),
        symbol,
        lines,
        others,
    }
}

/// The lines that hunks of one text have after they are written, from the first to the last.
fn written(mut hunks: Vec<&Hunk>) -> Option<Range<usize>> {
    hunks.sort_by_key(|h| h.at);
    let first = hunks.first()?.at;
    let (added, removed) = hunks.iter().fold((0, 0), |(added, removed), h| {
        (added + h.new.len(), removed + h.old.len())
    });
    let last = hunks.last()?;
    let end = (last.at + last.old.len() + added).saturating_sub(removed);
    Some(first..end.max(first + 1))
}

/// Whether only one of the two can be written.
fn meet(one: &Change, other: &Change) -> bool {
    if one.path() != other.path() {
        return false;
    }
    match (one, other) {
        (Change::Modify { hunk: a, .. }, Change::Modify { hunk: b, .. }) => {
            let (a, b) = (a.at..a.at + a.old.len(), b.at..b.at + b.old.len());
            (a.start < b.end && b.start < a.end) || a == b
        }
        _ => true,
    }
}

impl Session {
    /// What was said before a stop goes along only where the turn goes on at the same place.
    pub(super) fn same_matter(&mut self, was: Option<&Before>) {
        let same = self.before.as_ref().zip(was.as_ref());
        let same = same.is_some_and(|(now, was)| (&now.path, &now.symbol) == (&was.path, &was.symbol));
        if !same && let Some(turn) = &mut self.turn {
            turn.earlier.take_if(|c| c.past != Past::Redirected);
        }
    }

    /// What a turn answered, while something of it waits for the person.
    pub(super) fn on_offer(&self, (turn, answer): (TurnId, Carried)) -> Option<Carried> {
        self.offered.values().any(|o| o.turn == turn).then_some(answer)
    }

    /// A turn is over: where it answered for lines that an older hunk on offer changes, only its own can be kept.
    pub(super) fn replace_older(&mut self, turn: TurnId, out: &mut Vec<Effect>) {
        let newer = |o: &&Offered| o.turn == turn;
        let ids: Vec<HunkId> = self
            .offered
            .iter()
            .filter(|(_, o)| o.turn != turn && o.writing.is_none())
            .filter(|(_, o)| {
                self.offered
                    .values()
                    .filter(newer)
                    .any(|n| meet(&n.change, &o.change))
            })
            .map(|(id, _)| *id)
            .collect();
        for id in ids {
            self.offered.remove(&id);
            let why = "a newer hunk changes the same lines".to_owned();
            out.push(changed(id, HunkState::Withdrawn { why }));
        }
    }

    /// Hunks were kept: the place is where they are now, also when its name is another one.
    pub(super) fn follow(&mut self, kept: &[HunkId]) {
        let Some(before) = &mut self.before else { return };
        let mut hunks = Vec::new();
        for id in kept {
            if let Some(Change::Modify { path, hunk }) = self.offered.get(id).map(|o| &o.change)
                && *path == before.path
            {
                hunks.push(hunk);
            }
        }
        if let Some(lines) = written(hunks) {
            before.lines = Some(lines);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_what_was_written() {
        let hunk = |at, old: usize, new: usize| Hunk {
            at,
            old: vec!["x\n".into(); old],
            new: vec!["y\n".into(); new],
        };
        type Case = (&'static [(usize, usize, usize)], Option<Range<usize>>);
        let cases: &[Case] = &[
            (&[], None),
            (&[(4, 1, 1)], Some(4..5)),
            (&[(4, 0, 3)], Some(4..7)),
            (&[(4, 2, 0)], Some(4..5)),
            (&[(10, 1, 2), (4, 1, 3)], Some(4..14)),
        ];
        for (hunks, want) in cases {
            let hunks: Vec<Hunk> = hunks.iter().map(|(at, old, new)| hunk(*at, *old, *new)).collect();
            assert_eq!(written(hunks.iter().collect()), *want);
        }
    }
}
