//! Follows one session: effects and reports in, jobs for the desk out. Pure; of prompts and hunks it keeps counts only.

use super::{Generation, GenerationEnd, Job, Moment, TurnDone};
use brisk_domain::port::{FaultSource, ModelEvent};
use brisk_domain::{EffectId, Event, HunkId, HunkState, Intent, Lane, ModelId, SessionId, TurnId};
use brisk_lanes::{Effect, Input};
use brisk_protocol::{Stage, Stages, asks_for_tests};
use brisk_store::felt::{HunkFelt, Outcome, RetryCause, Tokens, TurnEnd, TurnFelt};
use std::collections::BTreeMap;

/// The turn under way.
#[derive(Debug)]
struct Seen {
    turn: TurnId,
    began_us: u64,
    asked_for_tests: bool,
    intent: Intent,
    lane: Option<Lane>,
    model: Option<ModelId>,
    shape: BTreeMap<String, String>,
    stages: Stages,
    hunks: BTreeMap<HunkId, HunkFelt>,
    generations: Vec<Generation>,
    retries: Vec<RetryCause>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Watch {
    session: SessionId,
    seen: Option<Seen>,
}

impl Watch {
    /// Nothing was seen yet.
    pub(crate) fn new(session: SessionId) -> Watch {
        Watch { session, seen: None }
    }

    /// The session and the turn under way, for a request that is about to be sent.
    pub(crate) fn turn(&self) -> Option<(SessionId, TurnId)> {
        self.seen.as_ref().map(|s| (self.session, s.turn))
    }

    /// What the session is about to do.
    pub(crate) fn effects(&mut self, effects: &[Effect], at: Moment) -> Vec<Job> {
        effects
            .iter()
            .filter_map(|effect| self.effect(effect, at))
            .collect()
    }

    fn effect(&mut self, effect: &Effect, at: Moment) -> Option<Job> {
        match effect {
            Effect::Emit(event) => self.event(event, at),
            Effect::Gather { prompt, .. } => {
                if let Some(seen) = &mut self.seen {
                    seen.intent = prompt.intent;
                }
                None
            }
            Effect::Generate { id, request, .. } => {
                if let Some(seen) = &mut self.seen {
                    seen.retries.extend(seen.generations.last().map(retried));
                    seen.model = Some(request.model.clone());
                    seen.generations.push(Generation {
                        effect: *id,
                        model: request.model.clone(),
                        began_us: at.now.0,
                        first_us: None,
                        ended: None,
                    });
                }
                None
            }
            Effect::Stop { id, .. } => {
                if let Some((_, generation)) = self.generation(*id) {
                    generation.ended.get_or_insert((at.now.0, GenerationEnd::Stopped));
                }
                None
            }
            Effect::Wake { .. } | Effect::Write { .. } => None,
        }
    }

    /// What a model reports.
    pub(crate) fn report(&mut self, input: &Input, at: Moment) {
        if let Input::Denied { effect, .. } = input {
            if let Some((_, generation)) = self.generation(*effect) {
                let end = GenerationEnd::Failed(FaultSource::Quota);
                generation.ended.get_or_insert((at.now.0, end));
            }
            return;
        }
        let Input::Model { effect, event } = input else {
            return;
        };
        let Some((stages, generation)) = self.generation(*effect) else {
            return;
        };
        match event {
            ModelEvent::Sent => stages.mark(Stage::Request, at.now.0),
            ModelEvent::Text { .. } => {
                if generation.first_us.is_none() && generation.ended.is_none() {
                    generation.first_us = Some(at.now.0);
                    // Of two that were asked, the one that speaks is the one whose answer it is.
                    let model = generation.model.clone();
                    if let Some(seen) = &mut self.seen {
                        seen.model = Some(model);
                    }
                }
            }
            ModelEvent::Done { finish, usage } => {
                let end = GenerationEnd::Done(*finish, *usage);
                generation.ended.get_or_insert((at.now.0, end));
            }
            ModelEvent::Failed { fault } => {
                let end = GenerationEnd::Failed(fault.source);
                generation.ended.get_or_insert((at.now.0, end));
            }
        }
    }

    fn generation(&mut self, effect: EffectId) -> Option<(&mut Stages, &mut Generation)> {
        let seen = self.seen.as_mut()?;
        let generation = seen.generations.iter_mut().find(|g| g.effect == effect)?;
        Some((&mut seen.stages, generation))
    }

    fn event(&mut self, event: &Event, at: Moment) -> Option<Job> {
        if let Event::TurnStarted { turn, text } = event {
            let mut stages = Stages::default();
            stages.mark(Stage::Acknowledged, at.now.0);
            self.seen = Some(Seen {
                turn: *turn,
                began_us: at.wall_us,
                asked_for_tests: asks_for_tests(text),
                intent: Intent::Edit,
                lane: None,
                model: None,
                shape: BTreeMap::new(),
                stages,
                hunks: BTreeMap::new(),
                generations: Vec::new(),
                retries: Vec::new(),
            });
            return None;
        }
        if let Event::HunkChanged { hunk, state } = event {
            let outcome = outcome(state, at);
            return match self.seen.as_mut().and_then(|s| s.hunks.get_mut(hunk)) {
                Some(felt) => {
                    felt.outcome = outcome;
                    None
                }
                None => Some(Job::Outcome {
                    session: self.session,
                    hunk: *hunk,
                    outcome,
                }),
            };
        }
        if let Event::TurnEnded { turn, settled } = event {
            let seen = self.seen.take_if(|s| s.turn == *turn)?;
            let tokens = Tokens {
                input: settled.input_tokens as u64,
                cached: settled.cached_tokens as u64,
                output: settled.output_tokens as u64,
            };
            let done = seen.done(self.session, TurnEnd::from(&settled.stop), tokens, at);
            return Some(Job::Turn(Box::new(done)));
        }
        let seen = self.seen.as_mut()?;
        match event {
            Event::Routed { route, .. } => {
                seen.lane = Some(route.lane);
                seen.model = Some(route.choice.model.clone());
                seen.shape = route.shape.clone();
            }
            Event::FirstToken { .. } => seen.stages.mark(Stage::FirstToken, at.now.0),
            Event::HunkOpened { .. } => seen.stages.mark(Stage::Place, at.now.0),
            Event::HunkReady {
                hunk, removed, added, ..
            } => {
                seen.stages.mark(Stage::Place, at.now.0);
                seen.stages.mark(Stage::FirstHunk, at.now.0);
                let felt = HunkFelt {
                    hunk: *hunk,
                    added: added.len() as u64,
                    removed: removed.len() as u64,
                    outcome: Outcome::Undecided,
                };
                seen.hunks.insert(*hunk, felt);
            }
            Event::TurnStarted { .. }
            | Event::PlaceFound { .. }
            | Event::HunkLine { .. }
            | Event::HunkDropped { .. }
            | Event::HunkChanged { .. }
            | Event::Prose { .. }
            | Event::Notice { .. }
            | Event::BudgetReached { .. }
            | Event::Queued { .. }
            | Event::Unqueued { .. }
            | Event::TurnEnded { .. } => {}
        }
        None
    }
}

impl Seen {
    fn done(mut self, session: SessionId, end: TurnEnd, tokens: Tokens, over: Moment) -> TurnDone {
        self.stages.mark(Stage::Complete, over.now.0);
        for generation in &mut self.generations {
            generation
                .ended
                .get_or_insert((over.now.0, GenerationEnd::Stopped));
        }
        TurnDone {
            felt: TurnFelt {
                session,
                turn: self.turn,
                began_us: self.began_us,
                lane: self.lane,
                model: self.model,
                intent: self.intent,
                asked_for_tests: self.asked_for_tests,
                end,
                stages: self.stages,
                tokens,
                shape: self.shape,
                hunks: self.hunks.into_values().collect(),
                retries: self.retries,
            },
            generations: self.generations,
            over,
        }
    }
}

/// Why the request after this one is made. One that still runs is silent for too long.
fn retried(last: &Generation) -> RetryCause {
    match last.ended {
        Some((_, GenerationEnd::Done(..))) => RetryCause::Unusable,
        Some((_, GenerationEnd::Failed(source))) => source.into(),
        Some((_, GenerationEnd::Stopped)) | None => RetryCause::Stalled,
    }
}

fn outcome(state: &HunkState, at: Moment) -> Outcome {
    match state {
        HunkState::Ready => Outcome::Undecided,
        HunkState::Kept => Outcome::Kept { at_us: at.now.0 },
        HunkState::Rejected => Outcome::Rejected,
        HunkState::Withdrawn { .. } => Outcome::Withdrawn,
        HunkState::Conflicted { .. } => Outcome::Conflicted,
    }
}

#[cfg(test)]
mod tests;
