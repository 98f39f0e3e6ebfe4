//! From the files of a prompt to a judged answer: place, route, the stream, the ladder.

use super::before;
use super::ladder::Try;
use super::routes::routed;
use super::{Answer, Offered, Phase, Session, Turn, changed};
use crate::attempt::{Attempt, Begin, Brought, Work};
use crate::check::Flaw;
use crate::io::{Effect, Gathered, Hint, Reach};
use crate::mention;
use crate::place::{self, Kind, Place};
use crate::prompt;
use brisk_domain::port::{Finish, GenerateRequest, ModelEvent, Usage};
use brisk_domain::{
    CancelReason, EditFormat, EffectId, Event, Failure, HunkId, HunkSelector, HunkState, Intent, Now,
    StopReason,
};
use brisk_patch::{Budget, Change, Text};
use brisk_router::live::Plan;
use std::collections::BTreeMap;
use std::sync::Arc;

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
        let mut gathered = match result {
            Ok(gathered) => gathered,
            Err(why) => return self.fail(Failure::Target, why, out),
        };
        if turn.prompt.targets.is_empty() {
            gathered.hint = self.again(turn, &gathered);
        }
        let hint = gathered.hint.clone();
        match self.plan(turn, gathered, now) {
            Ok((work, plan)) => {
                let id = turn.id;
                let was = self.before.clone();
                // What a question that names nothing is answered from is found by its words: edits go on where they were.
                if was.is_none() || turn.prompt.intent == Intent::Edit || !turn.prompt.targets.is_empty() {
                    self.before = Some(before::of(turn, &work, hint, was.as_ref()));
                }
                self.build(was.as_ref(), &work);
                let Some(turn) = &self.turn else { return };
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
                    route: plan.route.clone(),
                }));
                let notice = |text: &String| {
                    Effect::Emit(Event::Notice {
                        turn: id,
                        text: text.clone(),
                    })
                };
                out.extend(plan.notices.iter().map(notice));
                self.generate(Try::first(work, Arc::new(plan), 0, Vec::new()), now, out);
            }
            Err((failure, why)) => self.fail(failure, why, out),
        }
    }

    /// Chooses place and route. Pure: nothing is begun.
    pub(super) fn plan(
        &self,
        turn: &Turn,
        gathered: Gathered,
        now: Now,
    ) -> Result<(Work, Plan), (Failure, String)> {
        let files: BTreeMap<String, Text> = gathered.files.iter().cloned().collect();
        let Some((path, text)) = gathered.files.into_iter().next() else {
            let why = "there is no file to work on; name one: FILE or FILE:SYMBOL";
            return Err((Failure::Target, why.into()));
        };
        let request = mention::words(&turn.prompt);
        let place = match turn.prompt.intent {
            Intent::Edit => {
                let mut place = place::choose(&path, &text, &gathered.hint, &request, self.limits.max_region)
                    .map_err(|e| (Failure::Target, e.to_string()))?;
                place.why = match gathered.hint {
                    _ if gathered.why.is_empty() => place.why,
                    // Nobody named them.
                    Hint::Lines(_) => gathered.why,
                    Hint::File | Hint::Symbol(_) => format!("{}; {}", gathered.why, place.why),
                };
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
        let work = Work {
            path,
            files,
            place,
            request,
        };
        let board = gathered.board.map_err(|why| (Failure::Model, why))?;
        let plan = routed(&turn.prompt, &work, bytes, &board, now).map_err(|no| {
            // What waiting mends is no fault of the set-up.
            let failure = if no.passes {
                Failure::Upstream
            } else {
                Failure::Model
            };
            (failure, no.why)
        })?;
        Ok((work, plan))
    }

    pub(super) fn generate(&mut self, next: Try, now: Now, out: &mut Vec<Effect>) {
        let rung = next.rung;
        let Some(lead) = self.begin(next, now, out) else {
            return self.fail(Failure::Model, "no model is left to try".into(), out);
        };
        let race = self.race(&lead, rung, now);
        let silent = now.0.saturating_add(self.limits.first_token_us);
        let late = race.wake_at().map_or(silent, |at| at.0.min(silent));
        let Some(turn) = &mut self.turn else { return };
        let effect = lead.effect;
        turn.phase = Phase::Generating(Box::new(Answer {
            lead,
            rival: None,
            race,
        }));
        out.push(Effect::Wake {
            id: effect,
            at: Now(late),
        });
    }

    /// Asks a model; gives the attempt, which nobody owns yet.
    pub(super) fn begin(&mut self, next: Try, now: Now, out: &mut Vec<Effect>) -> Option<Attempt> {
        let Try {
            work,
            plan,
            n,
            tried,
            rung,
            except,
        } = next;
        let leg = plan.legs.get(n)?.clone();
        let chosen = &leg.candidate;
        let effect = self.effects.take();
        let turn = self.turn.as_ref()?;
        let words = turn.prompt.intent == Intent::Ask;
        let ask = prompt::Ask {
            model: &chosen.model,
            request: &work.request,
            earlier: &turn.told,
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
        let bytes: usize = request.messages.iter().map(|message| message.text.len()).sum();
        out.push(Effect::Generate {
            id: effect,
            request,
            estimate: leg.estimate,
        });
        Some(Attempt::new(Begin {
            effect,
            turn: turn.id,
            plan,
            candidate: n,
            tried,
            rung,
            except,
            work,
            words,
            budget,
            bytes,
            now,
        }))
    }

    /// Counts what an answer took, wanted or not.
    pub(super) fn took(&mut self, usage: Usage) {
        if let Some(turn) = &mut self.turn {
            turn.usage.input += usage.input;
            turn.usage.cached += usage.cached;
            turn.usage.output += usage.output;
        }
    }

    /// The attempt that `effect` belongs to, if it is the one whose answer counts.
    pub(super) fn attempt(&mut self, effect: EffectId) -> Option<&mut Attempt> {
        let lead = &mut self.answer()?.lead;
        (lead.effect == effect).then_some(lead)
    }

    /// What the turn waits for, if it waits for a model.
    pub(super) fn answer(&mut self) -> Option<&mut Answer> {
        match &mut self.turn.as_mut()?.phase {
            Phase::Generating(answer) => Some(answer),
            Phase::Gathering(_) | Phase::Keeping { .. } => None,
        }
    }

    pub(super) fn model(&mut self, effect: EffectId, event: ModelEvent, now: Now, out: &mut Vec<Effect>) {
        if !self.raced(effect, &event, now, out) {
            return;
        }
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
        let Phase::Generating(answer) = &turn.phase else {
            return;
        };
        let attempt = &answer.lead;
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
        let Some(answer) = self.answer() else { return };
        let attempt = &mut answer.lead;
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
        self.took(usage);
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
            return self.told(effect, finish, now, out);
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

    /// An answer in words is over. Without a word it is none; one that was cut is not shown as whole.
    fn told(&mut self, effect: EffectId, finish: Finish, now: Now, out: &mut Vec<Effect>) {
        let Some(attempt) = self.attempt(effect) else {
            return;
        };
        let (turn, model) = (attempt.turn, attempt.model());
        if attempt.partial.trim().is_empty() {
            let message = match finish {
                Finish::Stop => format!("{model} answered nothing"),
                Finish::Length => format!("{model} reached its limit before it said anything"),
            };
            return self.lost(effect, message, Reach::Model, Failure::Upstream, now, out);
        }
        if finish == Finish::Length {
            let text = format!("{model} reached its limit: the answer is cut; ask for the rest, or for less");
            out.push(Effect::Emit(Event::Notice { turn, text }));
        }
        self.end(StopReason::EndTurn, out);
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

    /// A clock that was set for a generation: is it still speaking, or late?
    pub(super) fn woke(&mut self, effect: EffectId, now: Now, out: &mut Vec<Effect>) {
        if self.late(effect, now, out) {
            return;
        }
        let (first, stall) = (self.limits.first_token_us, self.limits.stall_us);
        let Some(attempt) = self.runner(effect) else {
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
        let message = format!("{} said nothing for {:.1} s", attempt.model(), bound as f64 / 1e6);
        // Stopped first: what it holds of a quota is what the next one may need.
        out.push(Effect::Stop {
            id: effect,
            cause: CancelReason::Stalled,
        });
        self.lost(effect, message, Reach::Model, Failure::Upstream, now, out);
    }
}
