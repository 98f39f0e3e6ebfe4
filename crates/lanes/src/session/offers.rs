//! Hunks between their birth and the disk: chosen, written, taken back.

use super::{Phase, Session, changed};
use crate::attempt::ready_event;
use crate::io::{Effect, Wrote};
use brisk_domain::{EffectId, Event, Failure, HunkId, HunkSelector, HunkState, TurnId};
use brisk_patch::{Change, Text};
use std::collections::BTreeMap;

impl Session {
    pub(super) fn withdraw(&mut self, turn: TurnId, why: &str, out: &mut Vec<Effect>) {
        let ids: Vec<HunkId> = self
            .offered
            .iter()
            .filter(|(_, o)| o.turn == turn && o.writing.is_none())
            .map(|(id, _)| *id)
            .collect();
        for id in ids {
            self.offered.remove(&id);
            out.push(changed(id, HunkState::Withdrawn { why: why.to_owned() }));
        }
    }

    pub(super) fn select(&self, which: &HunkSelector) -> Vec<HunkId> {
        let free = |id: &HunkId| self.offered.get(id).is_some_and(|o| o.writing.is_none());
        match which {
            HunkSelector::All => self.offered.keys().copied().filter(|id| free(id)).collect(),
            HunkSelector::Ids(ids) => ids.iter().copied().filter(|id| free(id)).collect(),
        }
    }

    pub(super) fn keep(&mut self, which: &HunkSelector, out: &mut Vec<Effect>) -> Option<EffectId> {
        let mut chosen = self.select(which);
        let count = chosen.len();
        let either = self.excluding(&chosen);
        chosen.retain(|id| !either.contains(id));
        if chosen.len() < count {
            let text =
                "hunks of two answers change the same lines: keep one of them, or reject one".to_owned();
            let turn = self.turns;
            out.push(Effect::Emit(Event::Notice { turn, text }));
        }
        let mut by_turn: BTreeMap<TurnId, Vec<HunkId>> = BTreeMap::new();
        for id in chosen {
            if let Some(o) = self.offered.get(&id) {
                by_turn.entry(o.turn).or_default().push(id);
            }
        }
        let mut last = None;
        for (turn, ids) in by_turn {
            let effect = self.effects.take();
            if let Some(current) = self.turn.as_mut().filter(|t| t.id == turn) {
                current.kept = true;
            }
            let (mut changes, mut bases, mut note) = (Vec::new(), BTreeMap::new(), String::new());
            for id in ids {
                if let Some(o) = self.offered.get_mut(&id) {
                    o.writing = Some(effect);
                    bases
                        .entry(o.change.path().to_owned())
                        .or_insert_with(|| o.base.clone());
                    note.clone_from(&o.note);
                    changes.push((id, o.change.clone()));
                }
            }
            out.push(Effect::Write {
                id: effect,
                turn,
                note,
                changes,
                bases,
            });
            last = Some(effect);
        }
        last
    }

    /// The person wrote another text for a hunk. Lines end as the file's do; one that ended the file without a
    /// terminator still does.
    pub(super) fn amend(&mut self, id: HunkId, added: &[String], out: &mut Vec<Effect>) {
        let nothing = |text: &str| {
            Effect::Emit(Event::Notice {
                turn: self.turns,
                text: text.to_owned(),
            })
        };
        let Some(o) = self.offered.get_mut(&id).filter(|o| o.writing.is_none()) else {
            out.push(nothing("the hunk was not amended: it is no longer on offer"));
            return;
        };
        let eol = o.base.eol().as_str();
        let mut lines: Vec<String> = added.iter().map(|l| format!("{l}{eol}")).collect();
        match &mut o.change {
            Change::Modify { hunk, .. } => {
                let open = |line: &String| !line.ends_with('\n');
                if (hunk.old.last().is_some_and(open) || hunk.new.last().is_some_and(open))
                    && let Some(last) = lines.last_mut()
                {
                    last.truncate(last.len() - eol.len());
                }
                hunk.new = lines;
            }
            Change::Create { text, .. } => *text = Text::from_str_lossless(&lines.concat()),
            // There is nothing to write in a file that goes.
            Change::Delete { .. } => {
                out.push(nothing("the hunk was not amended: it deletes the file"));
                return;
            }
        }
        out.push(Effect::Emit(ready_event(o.turn, id, &o.change)));
    }

    pub(super) fn written(&mut self, effect: EffectId, result: Result<Wrote, String>, out: &mut Vec<Effect>) {
        let ids: Vec<HunkId> = self
            .offered
            .iter()
            .filter(|(_, o)| o.writing == Some(effect))
            .map(|(id, _)| *id)
            .collect();
        let trouble = match result {
            Ok(wrote) => {
                self.follow(&wrote.kept);
                self.remember(&wrote.kept);
                for id in wrote.kept {
                    self.offered.remove(&id);
                    out.push(changed(id, HunkState::Kept));
                }
                for (id, why) in wrote.conflicted {
                    self.offered.remove(&id);
                    out.push(changed(id, HunkState::Conflicted { why }));
                }
                None
            }
            Err(why) => {
                // Nothing reached the disk: the hunks are offered as before, so that nothing is lost.
                for id in ids {
                    if let Some(o) = self.offered.get_mut(&id) {
                        o.writing = None;
                        out.push(Effect::Emit(ready_event(o.turn, id, &o.change)));
                    }
                }
                Some(why)
            }
        };
        let keeping = self.turn.as_ref().and_then(|t| match &t.phase {
            Phase::Keeping { effect: e, stop } if *e == effect => Some(stop.clone()),
            Phase::Keeping { .. } | Phase::Gathering(_) | Phase::Generating(_) => None,
        });
        match (keeping, trouble) {
            (Some(_), Some(why)) => self.fail(Failure::Write, why, out),
            (Some(stop), None) => self.end(stop, out),
            (None, Some(text)) => out.push(Effect::Emit(Event::Notice {
                turn: self.turns,
                text,
            })),
            (None, None) => {}
        }
    }
}
