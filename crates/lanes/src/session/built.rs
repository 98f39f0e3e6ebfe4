//! What an edit builds on: hunks on offer at its place, as the person has left them, and what was cut off before.

use super::before::Was;
use super::{Answered, Offered, Session, changed};
use crate::attempt::Work;
use crate::io::Effect;
use crate::prompt::{Carried, Past};
use brisk_domain::{HunkId, HunkState, Intent, TurnId};
use brisk_patch::{Change, Hunk, Text, apply, rebase};
use std::ops::Range;

/// A hunk on offer as one for another text of its file; none where that text changed around it.
fn carried_over(o: &Offered, now: &Text) -> Option<Hunk> {
    match &o.change {
        Change::Modify { hunk, .. } if o.base == *now => Some(hunk.clone()),
        Change::Modify { hunk, .. } => rebase(hunk, &o.base, now).ok(),
        Change::Create { .. } | Change::Delete { .. } => None,
    }
}

/// Whether two ranges have something in common; one that is empty is in what it touches.
pub(super) fn share(a: &Range<usize>, b: &Range<usize>) -> bool {
    if a.is_empty() || b.is_empty() {
        a.start <= b.end && b.start <= a.end
    } else {
        a.start < b.end && b.start < a.end
    }
}

/// Whether only one of the two can be written. Where that cannot be told, both may be tried.
fn meet(one: &Offered, other: &Offered) -> bool {
    if one.change.path() != other.change.path() {
        return false;
    }
    let Change::Modify { hunk: b, .. } = &other.change else {
        return true;
    };
    if !matches!(one.change, Change::Modify { .. }) {
        return true;
    }
    carried_over(one, &other.base).is_some_and(|a| {
        let (a, b) = (a.at..a.old_end(), b.at..b.old_end());
        (a.start < b.end && b.start < a.end) || a == b
    })
}

impl Session {
    /// The hunks of a turn that wait for the person.
    fn of_turn(&self, turn: TurnId) -> impl Iterator<Item = &Offered> {
        self.offered.values().filter(move |o| o.turn == turn)
    }

    /// An edit is over. It is remembered while something of it waits for the person.
    pub(super) fn answered(&mut self, turn: TurnId, request: String) {
        if let Some(at) = self.before.clone() {
            self.answered.insert(turn, Answered { request, at });
        }
        let offered = &self.offered;
        self.answered
            .retain(|id, _| offered.values().any(|o| o.turn == *id));
    }

    /// The place of the turn is known: what its model is told of earlier ones. `was`: the place of the turn before.
    pub(super) fn build(&mut self, was: Option<&Was>, work: &Work) {
        let (Some(now), Some(turn)) = (&self.before, &self.turn) else {
            return;
        };
        // What was said before a stop goes along only where the turn goes on at the same place.
        let same = was.is_some_and(|was| was.is(now));
        let earlier = turn.earlier.clone();
        let earlier = earlier.filter(|(_, c)| c.past == Past::Redirected || same);
        let (mut told, mut built_on) = (Vec::new(), Vec::new());
        for (id, answered) in &self.answered {
            let meets = |built: &TurnId| {
                self.of_turn(*id)
                    .any(|o| self.of_turn(*built).any(|other| meet(o, other)))
            };
            let cut = earlier.as_ref().is_some_and(|(cut, _)| cut == id);
            let span = match turn.prompt.intent {
                Intent::Edit => Some(work.place.span.clone()),
                Intent::Ask if answered.at.place.path == work.path => answered.at.lines_in(&work.text()),
                Intent::Ask => None,
            };
            // Of two that exclude each other the older one is told; the other one was never whole.
            if cut || built_on.iter().any(meets) || !self.is_at(*id, answered, now, work) {
                continue;
            }
            if turn.prompt.intent == Intent::Ask && !turn.prompt.targets.is_empty() {
                continue;
            }
            if let Some(partial) = self.standing(*id, span, work) {
                told.push(Carried {
                    request: answered.request.clone(),
                    past: Past::Offered,
                    partial,
                });
                built_on.push(*id);
            }
        }
        if let Some((id, cut)) = earlier {
            told.push(cut);
            built_on.push(id);
        }
        if let Some(done) = self.done_at(turn, work)
            && !built_on.contains(&done.turn)
        {
            let later = built_on.iter().position(|id| *id > done.turn);
            told.insert(later.unwrap_or(told.len()), done.carried());
        }
        if let Some(turn) = &mut self.turn {
            (turn.told, turn.built_on) = (told, built_on);
        }
    }

    /// Whether an edit with hunks on offer was at the place of the turn.
    fn is_at(&self, id: TurnId, answered: &Answered, now: &Was, work: &Work) -> bool {
        let text = work.text();
        let within = |o: &Offered| {
            o.change.path() == work.path
                && carried_over(o, &text).is_some_and(|h| share(&(h.at..h.old_end()), &work.place.span))
        };
        answered.at.is(now) || self.of_turn(id).any(within)
    }

    /// What a turn's hunks on offer make of the place `span`, and what they change elsewhere. None: there are none.
    fn standing(&self, id: TurnId, span: Option<Range<usize>>, work: &Work) -> Option<String> {
        let text = work.text();
        let (mut inside, mut rest, mut any) = (Vec::new(), String::new(), false);
        for o in self.of_turn(id) {
            any = true;
            let path = o.change.path();
            let hunk = carried_over(o, &text).filter(|_| path == work.path);
            let fits = |h: &Hunk| {
                span.as_ref()
                    .is_some_and(|span| span.start <= h.at && h.old_end() <= span.end)
            };
            match (hunk.filter(fits), &o.change) {
                (Some(hunk), _) => inside.push(hunk),
                (None, Change::Modify { hunk, .. }) => {
                    rest.push_str(&format!("{path}:\n{}", hunk.new.concat()));
                }
                (None, Change::Create { text, .. }) => rest.push_str(&format!("{path}:\n{}", text.joined())),
                (None, Change::Delete { .. }) => rest.push_str(&format!("{path} is deleted\n")),
            }
            if !rest.is_empty() && !rest.ends_with('\n') {
                rest.push('\n');
            }
        }
        let shift: isize = inside.iter().map(Hunk::delta).sum();
        let place = span.filter(|_| !inside.is_empty()).and_then(|span| {
            let after = apply(&text, &inside).ok()?;
            let lines = after
                .lines()
                .get(span.start..span.end.saturating_add_signed(shift))?;
            Some(lines.concat())
        });
        any.then(|| place.unwrap_or_default() + &rest)
    }

    /// Those of these hunks that exclude another one of them: a choice that is the person's.
    pub(super) fn excluding(&self, ids: &[HunkId]) -> Vec<HunkId> {
        let excluded = |id: &HunkId| {
            let o = self.offered.get(id);
            let others = ids.iter().filter_map(|other| self.offered.get(other));
            o.is_some_and(|o| {
                others
                    .filter(|other| other.turn != o.turn)
                    .any(|other| meet(o, other))
            })
        };
        ids.iter().copied().filter(excluded).collect()
    }

    /// An edit was answered whole: of two hunks for the same lines only its own can be kept. `built_on`: the turns whose
    /// hunks its model knew, so that nothing of them is lost unseen.
    pub(super) fn replace_older(&mut self, turn: TurnId, built_on: &[TurnId], out: &mut Vec<Effect>) {
        let older = |o: &Offered| built_on.contains(&o.turn) && o.writing.is_none();
        let ids: Vec<_> = self
            .offered
            .iter()
            .filter(|(_, o)| older(o) && self.of_turn(turn).any(|n| meet(o, n)))
            .map(|(id, _)| *id)
            .collect();
        for id in ids {
            self.offered.remove(&id);
            let why = "a newer hunk changes the same lines".to_owned();
            out.push(changed(id, HunkState::Withdrawn { why }));
        }
    }
}
