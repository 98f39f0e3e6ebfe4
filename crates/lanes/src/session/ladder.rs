//! What comes after an answer that failed: another rung for the same model, the next model, or the end of the turn.

use super::Session;
use crate::attempt::{Attempt, Work, candidate};
use crate::check::Flaw;
use crate::io::Effect;
use crate::place::Kind;
use crate::prompt::Rung;
use brisk_domain::port::{Fault, FaultSource};
use brisk_domain::{EffectId, Event, Failure, Now, Route};
use std::ops::Range;

/// So many answers that differ are asked for before the next model.
const SECOND_CHOICES: usize = 3;

/// One answer that is about to be asked for.
pub(super) struct Try {
    pub(super) work: Work,
    pub(super) route: Route,
    /// Position of the model in the route.
    pub(super) n: usize,
    pub(super) rung: Rung,
    pub(super) except: Vec<Range<usize>>,
}

impl Try {
    /// What a model is asked first.
    pub(super) fn first(work: Work, route: Route, n: usize) -> Try {
        Try {
            work,
            route,
            n,
            rung: Rung::Region,
            except: Vec::new(),
        }
    }
}

/// What the same model is asked next: the whole file if that is more than the region and short enough, then, where it
/// only copied, an answer that differs. None: the next model.
fn next_rung(attempt: &Attempt, flaw: &Flaw, max_whole_file: usize) -> Option<Rung> {
    let work = &attempt.work;
    if !attempt.is_rewrite() || work.place.kind != Kind::Rewrite {
        return None;
    }
    let text = work.text();
    let more = work.place.span.len() < text.len() && text.len() <= max_whole_file;
    match attempt.rung {
        Rung::Region if more => Some(Rung::WholeFile),
        Rung::Region | Rung::WholeFile if *flaw == Flaw::Unchanged => Some(Rung::Differ),
        Rung::Differ if *flaw != Flaw::Unchanged && attempt.except.len() + 1 < SECOND_CHOICES => {
            Some(Rung::Differ)
        }
        Rung::Region | Rung::WholeFile | Rung::Differ => None,
    }
}

impl Session {
    /// The answer failed its check: the next rung, the next model, or the end.
    pub(super) fn climb(&mut self, effect: EffectId, flaw: &Flaw, now: Now, out: &mut Vec<Effect>) {
        let limit = self.limits.max_whole_file;
        let Some(attempt) = self.attempt(effect) else {
            return;
        };
        let (rung, mut why) = (next_rung(attempt, flaw, limit), flaw.sentence());
        let mut except = attempt.except.clone();
        if attempt.rung == Rung::Differ {
            except.push(attempt.departure());
            if rung.is_none() {
                // Its own answer was a copy; what it was made to say is nothing to blame it for.
                why = Flaw::Unchanged.sentence();
            }
        }
        let (turn, work, route, n) = (
            attempt.turn,
            attempt.work.clone(),
            attempt.route.clone(),
            attempt.candidate,
        );
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
                    route,
                    n,
                    rung,
                    except,
                },
                now,
                out,
            );
        }
        if let Some(next) = candidate(&route, n + 1) {
            out.push(notice(format!("{why}; trying {}", next.model)));
            return self.generate(Try::first(work, route, n + 1), now, out);
        }
        let detail = hint.map(|h| format!(" ({h})")).unwrap_or_default();
        self.fail(
            Failure::Unusable,
            format!("{why}{detail}. Say it in other words, name the lines, or name another model"),
            out,
        );
    }

    pub(super) fn faulted(&mut self, effect: EffectId, fault: &Fault, now: Now, out: &mut Vec<Effect>) {
        let Some(attempt) = self.attempt(effect) else {
            return;
        };
        let (turn, route, n, work) = (
            attempt.turn,
            attempt.route.clone(),
            attempt.candidate,
            attempt.work.clone(),
        );
        out.extend(attempt.abandon().into_iter().map(Effect::Emit));
        let touched =
            self.offered.values().any(|o| o.turn == turn) || self.turn.as_ref().is_some_and(|t| t.kept);
        if !touched && let Some(next) = candidate(&route, n + 1) {
            out.push(Effect::Emit(Event::Notice {
                turn,
                text: format!("{}; trying {}", fault.message, next.model),
            }));
            return self.generate(Try::first(work, route, n + 1), now, out);
        }
        let failure = match fault.source {
            FaultSource::Setup => Failure::Model,
            FaultSource::Network | FaultSource::Upstream | FaultSource::Quota | FaultSource::Request => {
                Failure::Upstream
            }
        };
        self.fail(failure, fault.message.clone(), out);
    }
}
