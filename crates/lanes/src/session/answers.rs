//! From the files of a prompt to a judged answer: place, route, the stream, the ladder.

use super::ladder::Try;
use super::{Offered, Phase, Session, Turn, changed};
use crate::attempt::{Attempt, Begin, Brought, Work, candidate};
use crate::check::Flaw;
use crate::io::{Effect, Gathered};
use crate::place::{self, Kind, Place};
use crate::prompt;
use brisk_domain::port::{Fault, FaultSource, Finish, GenerateRequest, ModelEvent, Usage};
use brisk_domain::{
    CancelReason, EditFormat, EffectId, Event, Failure, HunkId, HunkSelector, HunkState, Intent, Lane, Now,
    Route, StopReason, TaskShape,
};
use brisk_patch::{Budget, Change, Text};
use brisk_router::route;
use std::collections::BTreeMap;

impl Session {
    pub(super) fn gathered(
        &mut self,
        effect: EffectId,
        result: Result<Gathered, String>,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        let Some(turn) = &self.turn else { return };
        if !matches!(turn.phase, Phase::Gathering(e) if e == effect) {
            return;
        }
        let gathered = match result {
            Ok(gathered) => gathered,
            Err(why) => return self.fail(Failure::Target, why, out),
        };
        match self.plan(turn, gathered) {
            Ok((work, route)) => {
                let id = turn.id;
                if turn.prompt.intent == Intent::Edit {
                    out.push(Effect::Emit(Event::PlaceFound {
                        turn: id,
                        path: work.path.clone(),
                        start: work.place.span.start,
                        end: work.place.span.end,
                        why: work.place.why.clone(),
                    }));
                }
                out.push(Effect::Emit(Event::Routed {
                    turn: id,
                    route: route.clone(),
                }));
                self.generate(Try::first(work, route, 0), now, out);
            }
            Err((failure, why)) => self.fail(failure, why, out),
        }
    }

    /// Chooses place and route. Pure: nothing is begun.
    pub(super) fn plan(&self, turn: &Turn, gathered: Gathered) -> Result<(Work, Route), (Failure, String)> {
        let files: BTreeMap<String, Text> = gathered.files.iter().cloned().collect();
        let Some((path, text)) = gathered.files.into_iter().next() else {
            let why = "there is no file to work on; name one: brisk edit TEXT FILE";
            return Err((Failure::Target, why.into()));
        };
        let request = turn.prompt.text.clone();
        let place = match turn.prompt.intent {
            Intent::Edit => {
                let mut place = place::choose(&path, &text, &gathered.hint, &request, self.limits.max_region)
                    .map_err(|e| (Failure::Target, e.to_string()))?;
                if !gathered.why.is_empty() {
                    place.why = format!("{}; {}", gathered.why, place.why);
                }
                place
            }
            Intent::Ask => Place {
                span: 0..text.len(),
                kind: Kind::Rewrite,
                why: String::new(),
            },
        };
        let bytes: usize = match turn.prompt.intent {
            Intent::Edit => {
                text.lines()[place.span.clone()]
                    .iter()
                    .map(String::len)
                    .sum::<usize>()
                    * 3
            }
            Intent::Ask => files
                .values()
                .map(|t| t.lines().iter().map(String::len).sum::<usize>())
                .sum(),
        };
        let shape = TaskShape {
            intent: turn.prompt.intent,
            files: files.len(),
            region_lines: place.span.len(),
            context_tokens: bytes / 4 + 600,
        };
        let route = route(&shape, turn.prompt.model.as_ref(), &self.fleet)
            .map_err(|e| (Failure::Model, e.to_string()))?;
        debug_assert_eq!(route.lane, Lane::Fast);
        Ok((
            Work {
                path,
                files,
                place,
                request,
            },
            route,
        ))
    }

    pub(super) fn generate(&mut self, next: Try, now: Now, out: &mut Vec<Effect>) {
        let Try {
            work,
            route,
            n,
            rung,
            except,
        } = next;
        let Some(chosen) = candidate(&route, n).cloned() else {
            return self.fail(Failure::Model, "no model is left to try".into(), out);
        };
        let effect = self.effects.take();
        let Some(turn) = &mut self.turn else { return };
        let words = turn.prompt.intent == Intent::Ask;
        let ask = prompt::Ask {
            model: &chosen.model,
            request: &work.request,
            earlier: turn.earlier.as_ref(),
            limits: &self.limits,
        };
        let request: GenerateRequest = match chosen.format {
            _ if words => {
                let files: Vec<_> = work.files.iter().map(|(p, t)| (p.clone(), t.clone())).collect();
                prompt::answer(&ask, &files, Some(&work.place))
            }
            EditFormat::Region => prompt::region(&ask, &work.path, &work.text(), &work.place, rung, &except),
            EditFormat::SearchReplace | EditFormat::ApplyPatch => {
                prompt::patch(&ask, &work.files, Some((&work.path, &work.place)), chosen.format)
            }
        };
        let budget = Budget {
            max_lines: self.limits.max_lines,
            max_files: self.limits.max_files,
        };
        turn.phase = Phase::Generating(Box::new(Attempt::new(Begin {
            effect,
            turn: turn.id,
            route,
            candidate: n,
            rung,
            except,
            work,
            words,
            budget,
            now,
        })));
        out.push(Effect::Generate { id: effect, request });
        out.push(Effect::Wake {
            id: effect,
            at: Now(now.0 + self.limits.first_token_us),
        });
    }

    /// The attempt that `effect` belongs to, if it is the current one.
    pub(super) fn attempt(&mut self, effect: EffectId) -> Option<&mut Attempt> {
        match &mut self.turn.as_mut()?.phase {
            Phase::Generating(attempt) if attempt.effect == effect => Some(attempt),
            Phase::Generating(_) | Phase::Gathering(_) | Phase::Keeping { .. } => None,
        }
    }

    pub(super) fn model(&mut self, effect: EffectId, event: ModelEvent, now: Now, out: &mut Vec<Effect>) {
        let Some(attempt) = self.attempt(effect) else {
            return;
        };
        if let Some(held) = &mut attempt.held {
            held.push(event);
            return;
        }
        match event {
            ModelEvent::Sent => {}
            ModelEvent::Text { text } => {
                attempt.heard = now;
                let turn = attempt.turn;
                if !std::mem::replace(&mut attempt.spoke, true) {
                    out.push(Effect::Emit(Event::FirstToken { turn }));
                }
                let mut hunks = self.hunks;
                let brought = match self.attempt(effect) {
                    Some(attempt) => attempt.push(&text, &mut hunks),
                    None => return,
                };
                self.hunks = hunks;
                self.bring(effect, brought, out);
            }
            ModelEvent::Done { finish, usage } => self.done(effect, finish, usage, now, out),
            ModelEvent::Failed { fault } => self.faulted(effect, &fault, now, out),
        }
    }

    /// Takes what an answer brought: tells it, offers it, and stops at the budget.
    pub(super) fn bring(&mut self, effect: EffectId, brought: Brought, out: &mut Vec<Effect>) {
        out.extend(brought.events.into_iter().map(Effect::Emit));
        self.offer(brought.ready);
        let Some(lines) = brought.over else { return };
        let max_lines = self.limits.max_lines;
        let auto = self.turn.as_ref().is_some_and(|t| t.prompt.auto_keep);
        if let Some(attempt) = self.attempt(effect) {
            out.push(Effect::Emit(Event::BudgetReached {
                turn: attempt.turn,
                lines,
                max_lines,
            }));
            attempt.held = Some(Vec::new());
        }
        if auto {
            // Nobody is there to be asked: the turn ends, nothing is written.
            self.stop(CancelReason::OverBudget, out);
        }
    }

    pub(super) fn offer(&mut self, ready: Vec<(HunkId, Change)>) {
        let Some(turn) = &self.turn else { return };
        let Phase::Generating(attempt) = &turn.phase else {
            return;
        };
        for (id, change) in ready {
            let base = attempt.work.files.get(change.path()).cloned().unwrap_or_default();
            let note = turn.prompt.text.clone();
            self.offered.insert(
                id,
                Offered {
                    turn: turn.id,
                    change,
                    base,
                    note,
                    writing: None,
                },
            );
        }
    }

    pub(super) fn raise_budget(&mut self, now: Now, out: &mut Vec<Effect>) {
        let Some(turn) = &mut self.turn else { return };
        let Phase::Generating(attempt) = &mut turn.phase else {
            return;
        };
        let Some(held) = attempt.held.take() else { return };
        attempt.lift_budget();
        attempt.heard = now;
        let effect = attempt.effect;
        for event in held {
            self.model(effect, event, now, out);
        }
    }

    pub(super) fn done(
        &mut self,
        effect: EffectId,
        finish: Finish,
        usage: Usage,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        let mut hunks = self.hunks;
        let Some(attempt) = self.attempt(effect) else {
            return;
        };
        let brought = attempt.finish(&mut hunks);
        self.hunks = hunks;
        if let Some(turn) = &mut self.turn {
            turn.usage.input += usage.input;
            turn.usage.cached += usage.cached;
            turn.usage.output += usage.output;
        }
        let over = brought.over.is_some();
        self.bring(effect, brought, out);
        let Some(attempt) = self.attempt(effect) else {
            return;
        };
        if over {
            attempt.held = Some(vec![ModelEvent::Done {
                finish,
                usage: Usage::default(),
            }]);
            return;
        }
        if attempt.is_words() {
            return self.end(StopReason::EndTurn, out);
        }
        let verdict = match finish {
            Finish::Stop => attempt.judge(),
            Finish::Length => Err(Flaw::Endless),
        };
        match verdict {
            Ok(()) => {
                let settled = attempt.settle();
                self.bring(effect, settled, out);
                self.accept(out);
            }
            Err(flaw) => match attempt.repaired() {
                Some(changes) => {
                    let mut hunks = self.hunks;
                    let Some(attempt) = self.attempt(effect) else {
                        return;
                    };
                    let (gone, brought) = attempt.replace(changes, &mut hunks);
                    self.hunks = hunks;
                    for id in gone {
                        if self.offered.get(&id).is_some_and(|o| o.writing.is_none()) {
                            self.offered.remove(&id);
                            out.push(changed(id, HunkState::Withdrawn { why: flaw.sentence() }));
                        }
                    }
                    self.bring(effect, brought, out);
                    self.accept(out);
                }
                None => self.climb(effect, &flaw, now, out),
            },
        }
    }

    /// The answer passed: the turn ends, or its hunks are written first.
    pub(super) fn accept(&mut self, out: &mut Vec<Effect>) {
        let Some(turn) = &self.turn else { return };
        if turn.prompt.auto_keep {
            let id = turn.id;
            let mine = self
                .offered
                .iter()
                .filter(|(_, o)| o.turn == id)
                .map(|(id, _)| *id)
                .collect();
            if let Some(effect) = self.keep(&HunkSelector::Ids(mine), out)
                && let Some(turn) = &mut self.turn
            {
                turn.phase = Phase::Keeping {
                    effect,
                    stop: StopReason::EndTurn,
                };
                return;
            }
        }
        self.end(StopReason::EndTurn, out);
    }

    /// A clock that was set for a generation: is it still speaking?
    pub(super) fn woke(&mut self, effect: EffectId, now: Now, out: &mut Vec<Effect>) {
        let (first, stall) = (self.limits.first_token_us, self.limits.stall_us);
        let Some(attempt) = self.attempt(effect) else {
            return;
        };
        let bound = if attempt.spoke { stall } else { first };
        if attempt.held.is_some() || now.since(attempt.heard) < bound {
            let from = if attempt.held.is_some() {
                now
            } else {
                attempt.heard
            };
            out.push(Effect::Wake {
                id: effect,
                at: Now(from.0 + bound),
            });
            return;
        }
        let model =
            candidate(&attempt.route, attempt.candidate).map_or_else(String::new, |c| c.model.to_string());
        let fault = Fault {
            source: FaultSource::Upstream,
            retry: brisk_domain::port::Retry::Elsewhere,
            message: format!("{model} said nothing for {:.1} s", bound as f64 / 1e6),
        };
        self.faulted(effect, &fault, now, out);
        out.push(Effect::Stop { id: effect });
    }
}
