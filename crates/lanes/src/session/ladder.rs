//! What comes after an answer that failed: another rung for the same model, the next model, or the end of the turn.

use super::Session;
use super::race::Out;
use crate::attempt::Work;
use crate::check::Flaw;
use crate::io::{Denied, Effect, Reach};
use crate::prompt::Rung;
use brisk_domain::port::{Fault, FaultSource};
use brisk_domain::{EffectId, Event, Failure, Now};
use brisk_router::live::Plan;
use brisk_router::quota::Frees;
use std::ops::Range;
use std::sync::Arc;

/// One answer that is about to be asked for.
pub(super) struct Try {
    pub(super) work: Work,
    pub(super) plan: Arc<Plan>,
    /// Position of the model in the route.
    pub(super) n: usize,
    /// Positions of those that failed.
    pub(super) tried: Vec<usize>,
    pub(super) rung: Rung,
    pub(super) except: Vec<Range<usize>>,
}

impl Try {
    /// What a model is asked first.
    pub(super) fn first(work: Work, plan: Arc<Plan>, n: usize, tried: Vec<usize>) -> Try {
        Try {
            work,
            plan,
            n,
            tried,
            rung: Rung::Region,
            except: Vec::new(),
        }
    }
}

impl Session {
    /// The answer failed its check: the next rung, the next model, or the end.
    pub(super) fn climb(&mut self, effect: EffectId, flaw: &Flaw, now: Now, out: &mut Vec<Effect>) {
        let limit = self.limits.max_whole_file;
        let Some(attempt) = self.attempt(effect) else {
            return;
        };
        let (rung, mut why) = (attempt.next_rung(flaw, limit), flaw.sentence());
        let mut except = attempt.except.clone();
        if attempt.rung == Rung::Differ {
            except.push(attempt.departure());
            if rung.is_none() {
                // Its own answer was a copy; what it was made to say is nothing to blame it for.
                why = Flaw::Unchanged.sentence();
            }
        }
        let (turn, work, plan, n) = (
            attempt.turn,
            attempt.work.clone(),
            Arc::clone(&attempt.plan),
            attempt.candidate,
        );
        let (tried, next) = (with(&attempt.tried, n), attempt.next(Reach::Model));
        let hint = attempt.refusals.last().cloned();
        out.extend(attempt.abandon().into_iter().map(Effect::Emit));
        self.withdraw(turn, &why, out);
        if self.turn.as_ref().is_some_and(|t| t.kept) {
            return self.fail(Failure::Unusable, format!("{why}; what you kept stays"), out);
        }
        let notice = |text: String| Effect::Emit(Event::Notice { turn, text });
        if let Some(rung) = rung {
            let how = match rung {
                Rung::WholeFile => "with the whole file",
                Rung::Region | Rung::Differ => "its second choice",
            };
            out.push(notice(format!("{why}; trying {how}")));
            return self.generate(
                Try {
                    work,
                    plan,
                    n,
                    tried,
                    rung,
                    except,
                },
                now,
                out,
            );
        }
        if let Some(n) = next {
            out.push(notice(format!("{why}; trying {}", name(&plan, n))));
            return self.generate(Try::first(work, plan, n, tried), now, out);
        }
        let detail = hint.map(|h| format!(" ({h})")).unwrap_or_default();
        self.fail(
            Failure::Unusable,
            format!("{why}{detail}. Say it in other words, name the lines, or name another model"),
            out,
        );
    }

    pub(super) fn faulted(&mut self, effect: EffectId, fault: &Fault, now: Now, out: &mut Vec<Effect>) {
        let (reach, failure) = match fault.source {
            FaultSource::Setup => (Reach::Model, Failure::Model),
            FaultSource::Network | FaultSource::Upstream | FaultSource::Request => {
                (Reach::Model, Failure::Upstream)
            }
            FaultSource::Quota => (Reach::Pool, Failure::Upstream),
        };
        self.lost(effect, fault.message.clone(), reach, failure, now, out);
    }

    pub(super) fn denied(&mut self, effect: EffectId, denied: &Denied, now: Now, out: &mut Vec<Effect>) {
        let (again, failure) = match (denied.frees.seconds(now), denied.frees) {
            (Some(s), _) => (format!("; try again in {s} s"), Failure::Upstream),
            (None, Frees::Never) => (String::new(), Failure::Model),
            (None, Frees::At(_) | Frees::Ended) => (
                "; try again when a request has ended".to_owned(),
                Failure::Upstream,
            ),
        };
        let message = format!("{}{again}", denied.message);
        if self.outrun(effect, &message, Out::Denied, now, out) {
            return;
        }
        self.lost(effect, message, denied.reach, failure, now, out);
    }

    /// A model will not answer: the next one that may help, at once and with a word, or the end of the turn.
    pub(super) fn lost(
        &mut self,
        effect: EffectId,
        message: String,
        reach: Reach,
        failure: Failure,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        if self.outrun(effect, &message, Out::Failed, now, out) {
            return;
        }
        let Some(attempt) = self.attempt(effect) else {
            return;
        };
        let (turn, plan, work) = (attempt.turn, Arc::clone(&attempt.plan), attempt.work.clone());
        let (tried, next) = (with(&attempt.tried, attempt.candidate), attempt.next(reach));
        out.extend(attempt.abandon().into_iter().map(Effect::Emit));
        let touched =
            self.offered.values().any(|o| o.turn == turn) || self.turn.as_ref().is_some_and(|t| t.kept);
        if !touched && let Some(n) = next {
            out.push(Effect::Emit(Event::Notice {
                turn,
                text: format!("{message}; trying {}", name(&plan, n)),
            }));
            return self.generate(Try::first(work, plan, n, tried), now, out);
        }
        self.fail(failure, message, out);
    }
}

fn name(plan: &Plan, n: usize) -> String {
    let leg = plan.legs.get(n);
    leg.map_or_else(String::new, |leg| leg.candidate.model.to_string())
}

fn with(tried: &[usize], n: usize) -> Vec<usize> {
    tried.iter().copied().chain([n]).collect()
}
