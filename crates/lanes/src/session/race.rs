//! Two models for one answer. A model that is silent beyond its own habit is not waited for alone: its fallback is asked
//! too, whoever speaks first goes on, and the other is stopped. Before that moment nothing of either is visible, so that
//! the change of model costs the person nothing but a line.

use super::ladder::Try;
use super::{Answer, Session};
use crate::attempt::Attempt;
use crate::io::{Effect, Reach};
use crate::prompt::Rung;
use brisk_domain::port::ModelEvent;
use brisk_domain::{CancelReason, EffectId, Event, Now};
use brisk_router::hedge::{Act, Race, Runner, Seen};
use std::sync::Arc;

/// How a runner went out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Out {
    /// It was asked, and it will not answer.
    Failed,
    /// It was not asked: there was no leave.
    Denied,
}

impl Session {
    /// The race that an attempt is in: alone, where its habit is not known or nobody of another vendor could take over.
    /// Only a first answer is raced; what is asked again was heard before.
    pub(super) fn race(&self, lead: &Attempt, rung: Rung, now: Now) -> Race {
        let second = rung == Rung::Region && lead.next(Reach::Pool).is_some();
        Race::new(lead.leg().and_then(|leg| leg.late_us), second, now)
    }

    /// Whoever has this id and still runs.
    pub(super) fn runner(&mut self, effect: EffectId) -> Option<&mut Attempt> {
        let answer = self.answer()?;
        if answer.lead.effect == effect {
            return Some(&mut answer.lead);
        }
        answer.rival.as_mut().filter(|rival| rival.effect == effect)
    }

    /// The moment at which the lead is late: its fallback starts. `false`: that was not it.
    pub(super) fn late(&mut self, effect: EffectId, now: Now, out: &mut Vec<Effect>) -> bool {
        let first_token_us = self.limits.first_token_us;
        let Some(answer) = self.answer().filter(|a| a.lead.effect == effect) else {
            return false;
        };
        if answer.lead.spoke || answer.race.seen(Seen::Tick, now) != Some(Act::Start) {
            return false;
        }
        let lead = &answer.lead;
        out.push(Effect::Wake {
            id: effect,
            at: Now(lead.heard.0.saturating_add(first_token_us)),
        });
        let Some(n) = lead.next(Reach::Pool) else {
            return true;
        };
        let (turn, late) = (lead.turn, lead.model());
        // The rival knows that the lead was asked: where it goes on alone, nobody is asked twice.
        let tried = lead.tried.iter().copied().chain([lead.candidate]).collect();
        let next = Try::first(lead.work.clone(), Arc::clone(&lead.plan), n, tried);
        if let Some(rival) = self.begin(next, now, out) {
            // Said before anything of it leaves: it may be somebody else's machine, and it costs.
            let text = format!("{late} is late; {} is asked, too", rival.model());
            let at = out.iter().rposition(|e| matches!(e, Effect::Generate { .. }));
            out.insert(
                at.unwrap_or(out.len()),
                Effect::Emit(Event::Notice { turn, text }),
            );
            out.push(Effect::Wake {
                id: rival.effect,
                at: Now(now.0.saturating_add(first_token_us)),
            });
            if let Some(answer) = self.answer() {
                answer.rival = Some(rival);
            }
        }
        true
    }

    /// Sees a report of a runner. `false`: it was all about the race, and nothing more is to be done.
    pub(super) fn raced(
        &mut self,
        effect: EffectId,
        event: &ModelEvent,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> bool {
        let Some(answer) = self.answer() else { return false };
        let Some(who) = answer.who(effect) else {
            return false;
        };
        match event {
            ModelEvent::Sent => {
                if let Some(runner) = self.runner(effect) {
                    runner.sent = true;
                }
                who == Runner::First
            }
            ModelEvent::Text { .. } => {
                if let Some(Act::Take { winner, cancel: true }) = answer.race.seen(Seen::Token(who), now)
                    && let Some(loser) = answer.take(winner, out)
                {
                    self.took(loser.spent());
                }
                true
            }
            // An answer without a word is no answer while another one may come.
            ModelEvent::Done { usage, .. } if answer.rival.is_some() => {
                let message = format!("{} answered nothing", answer.model(who));
                self.took(*usage);
                !self.outrun(effect, &message, Out::Failed, now, out)
            }
            ModelEvent::Failed { fault } if answer.rival.is_some() => {
                let message = fault.message.clone();
                !self.outrun(effect, &message, Out::Failed, now, out)
            }
            ModelEvent::Done { .. } | ModelEvent::Failed { .. } => true,
        }
    }

    /// One of two runners is out before its first token: the other one goes on. `false`: there were no two.
    pub(super) fn outrun(
        &mut self,
        effect: EffectId,
        message: &str,
        why: Out,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> bool {
        let Some(answer) = self.answer().filter(|a| a.rival.is_some()) else {
            return false;
        };
        let Some(who) = answer.who(effect) else {
            return false;
        };
        answer.race.seen(Seen::Failed(who), now);
        let Some(rival) = answer.rival.take() else {
            return false;
        };
        match who {
            Runner::First => {
                let text = format!("{message}; {} goes on", rival.model());
                let turn = rival.turn;
                // Its rival knows of it.
                answer.lead = rival;
                out.push(Effect::Emit(Event::Notice { turn, text }));
            }
            // One that was not let start may be the way out later.
            Runner::Second if why == Out::Denied => {}
            Runner::Second => answer.lead.tried.push(rival.candidate),
        }
        true
    }
}

impl Answer {
    fn who(&self, effect: EffectId) -> Option<Runner> {
        if self.lead.effect == effect {
            return Some(Runner::First);
        }
        let rival = self.rival.as_ref().is_some_and(|rival| rival.effect == effect);
        rival.then_some(Runner::Second)
    }

    fn model(&self, who: Runner) -> String {
        match (who, &self.rival) {
            (Runner::Second, Some(rival)) => rival.model(),
            (Runner::First | Runner::Second, _) => self.lead.model(),
        }
    }

    /// One of two has spoken; the other is stopped and given back.
    fn take(&mut self, winner: Runner, out: &mut Vec<Effect>) -> Option<Attempt> {
        let rival = self.rival.take()?;
        let loser = match winner {
            Runner::First => rival,
            Runner::Second => {
                let turn = rival.turn;
                let text = format!("{} answered first", rival.model());
                out.push(Effect::Emit(Event::Notice { turn, text }));
                std::mem::replace(&mut self.lead, rival)
            }
        };
        out.push(Effect::Stop {
            id: loser.effect,
            cause: CancelReason::Superseded,
        });
        Some(loser)
    }
}
