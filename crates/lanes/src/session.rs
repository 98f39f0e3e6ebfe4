//! The session: one owner of state, one closed set of inputs, one list of effects out. Nothing here waits, reads
//! or writes; so a run replays, and an interrupt can be tested at every byte.
//!
//! Life of a turn: gathering (files are read) -> generating (an answer streams; the ladder may begin another) ->
//! keeping (only with `auto_keep`) -> over. What a forgotten effect still reports is dropped by its id.

use crate::attempt::Attempt;
use crate::io::{Effect, Input};
use crate::limits::Limits;
use crate::mention;
use crate::prompt::{Carried, Past};
use before::Was;
use brisk_domain::port::Usage;
use brisk_domain::{
    CancelReason, Command, EffectId, Event, Failure, HunkId, HunkState, Intent, Now, Prompt, Settled,
    StopReason, Target, TurnId,
};
use brisk_patch::{Change, Text};
use brisk_router::hedge::Race;
use done::Done;
use std::collections::BTreeMap;

use waiting::Waiting;

pub use recall::Recalled;
pub use routes::edits_first;

mod answers;
mod before;
mod built;
mod done;
mod ladder;
mod offers;
mod race;
mod recall;
mod routes;
mod waiting;

struct Turn {
    id: TurnId,
    prompt: Prompt,
    /// What was cut off before it.
    earlier: Option<(TurnId, Carried)>,
    /// What the model is told of earlier turns, oldest first. Known with the place.
    told: Vec<Carried>,
    /// The turns that it is told of: its hunks may take the place of theirs.
    built_on: Vec<TurnId>,
    usage: Usage,
    /// A hunk of it is on its way to the disk, or there: it is not taken back any more.
    kept: bool,
    phase: Phase,
}

enum Phase {
    Gathering(EffectId),
    Generating(Box<Answer>),
    Keeping { effect: EffectId, stop: StopReason },
}

/// An answer that is being waited for or streams, and, until the first of them speaks, the one that races it.
struct Answer {
    lead: Attempt,
    rival: Option<Attempt>,
    race: Race,
}

/// A hunk between its birth and the person's decision.
struct Offered {
    turn: TurnId,
    change: Change,
    /// The text of its file when the turn began.
    base: Text,
    note: String,
    /// Set while a write is under way.
    writing: Option<EffectId>,
}

/// An edit that is over.
struct Answered {
    /// The person's words.
    request: String,
    /// Where it worked.
    at: Was,
}

/// One person's session in one repository.
pub struct Session {
    limits: Limits,
    turns: TurnId,
    hunks: HunkId,
    effects: EffectId,
    turn: Option<Turn>,
    next: Waiting,
    offered: BTreeMap<HunkId, Offered>,
    /// What an interrupted answer had said, for the next turn.
    earlier: Option<(TurnId, Carried)>,
    /// Edits that are over and have hunks on offer.
    answered: BTreeMap<TurnId, Answered>,
    /// The last edit of which something was kept.
    done: Option<Done>,
    /// Where the last turn worked whose place is known.
    before: Option<Was>,
}

impl Session {
    /// A session within these bounds.
    pub fn new(limits: Limits) -> Session {
        Session {
            limits,
            turns: TurnId::default(),
            hunks: HunkId::default(),
            effects: EffectId::default(),
            turn: None,
            next: Waiting::default(),
            offered: BTreeMap::new(),
            earlier: None,
            answered: BTreeMap::new(),
            done: None,
            before: None,
        }
    }

    /// A session that goes on in another process: ids count on from `after`, which no earlier id exceeds.
    pub fn resumed(limits: Limits, after: u64) -> Session {
        let mut session = Session::new(limits);
        (session.turns, session.hunks, session.effects) = (TurnId(after), HunkId(after), EffectId(after));
        session
    }

    /// Whether a turn is under way.
    pub fn is_busy(&self) -> bool {
        self.turn.is_some()
    }

    /// Whether a turn waits at its budget for the person.
    pub fn waits_at_budget(&self) -> bool {
        self.turn.as_ref().is_some_and(|turn| match &turn.phase {
            Phase::Generating(answer) => answer.lead.held.is_some(),
            Phase::Gathering(_) | Phase::Keeping { .. } => false,
        })
    }

    /// Those of some hunks that nobody can decide about: decided already, or never there.
    pub fn not_offered(&self, ids: &[HunkId]) -> Vec<HunkId> {
        let gone = |id: &&HunkId| self.offered.get(id).is_none_or(|o| o.writing.is_some());
        ids.iter().filter(gone).copied().collect()
    }

    /// Hunks that wait for a decision.
    pub fn offered(&self) -> impl Iterator<Item = HunkId> + '_ {
        self.offered.keys().copied()
    }

    /// The one door: an input and the moment it came, effects in the order in which they are to happen.
    pub fn handle(&mut self, input: Input, now: Now) -> Vec<Effect> {
        let mut out = Vec::new();
        match input {
            Input::Command(command) => self.command(command, now, &mut out),
            Input::Gathered { effect, result } => self.gathered(effect, result, now, &mut out),
            Input::Model { effect, event } => self.model(effect, event, now, &mut out),
            Input::Denied { effect, denied } => self.denied(effect, &denied, now, &mut out),
            Input::Written { effect, result } => self.written(effect, result, &mut out),
            Input::Woke { effect } => self.woke(effect, now, &mut out),
            Input::Stop { cause } => self.stop(cause, &mut out),
        }
        out
    }

    fn command(&mut self, command: Command, now: Now, out: &mut Vec<Effect>) {
        match command {
            Command::Prompt(prompt) => {
                let prompt = self.redirect(prompt, out);
                // Behind whoever asked before: answers go out in the order of the questions.
                self.next.asked(prompt);
                if self.turn.is_none() {
                    self.go_on(out);
                }
            }
            Command::Queue(prompt) if self.turn.is_some() => {
                out.push(Effect::Emit(Event::Queued {
                    text: prompt.text.clone(),
                }));
                self.next.queue(prompt);
            }
            Command::Queue(prompt) => self.start(prompt, out),
            Command::Unqueue(text) => self.unqueue(text.as_deref(), "it was taken back", out),
            Command::Interrupt => self.stop(CancelReason::Interrupted, out),
            Command::Keep(which) => {
                self.keep(&which, out);
            }
            Command::Reject(which) => {
                for id in self.select(&which) {
                    self.offered.remove(&id);
                    out.push(changed(id, HunkState::Rejected));
                }
            }
            Command::RaiseBudget => self.raise_budget(now, out),
            Command::Amend { hunk, added } => self.amend(hunk, &added, out),
        }
    }

    /// A prompt during a turn: what the old answer offered is no longer wanted, what it said stays in the context.
    fn redirect(&mut self, mut prompt: Prompt, out: &mut Vec<Effect>) -> Prompt {
        let Some(turn) = &self.turn else { return prompt };
        if matches!(turn.phase, Phase::Keeping { .. }) {
            return prompt;
        }
        // The file of a question is no place for an edit: that goes on where the edit before it was.
        let exact = |t: &Target| t.lines.is_some() || t.symbol.is_some();
        let same = turn.prompt.intent == prompt.intent || turn.prompt.targets.iter().any(exact);
        if prompt.targets.is_empty() && same {
            prompt.targets = turn.prompt.targets.clone();
        }
        let id = turn.id;
        self.stop(CancelReason::Steered, out);
        self.withdraw(id, "you redirected the turn", out);
        prompt
    }

    /// Begins a turn where none is under way.
    fn start(&mut self, prompt: Prompt, out: &mut Vec<Effect>) {
        let id = self.turns.take();
        let effect = self.effects.take();
        let named = !prompt.targets.is_empty();
        out.push(Effect::Emit(Event::TurnStarted {
            turn: id,
            text: prompt.text.clone(),
        }));
        out.push(Effect::Gather {
            id: effect,
            prompt: prompt.clone(),
            before: self
                .before
                .as_ref()
                .filter(|_| !named)
                .map(|was| was.place.clone()),
        });
        // After a stop, who names a place begins something else; what goes on is said without one.
        let earlier = self.earlier.take();
        if prompt.intent == Intent::Ask {
            // A question in between takes nothing from the edit that follows it.
            self.earlier = earlier.clone().filter(|(_, c)| c.past == Past::Stopped);
        }
        let earlier = earlier.filter(|(_, c)| c.past == Past::Redirected || !named);
        self.turn = Some(Turn {
            id,
            prompt,
            earlier,
            told: Vec::new(),
            built_on: Vec::new(),
            usage: Usage::default(),
            kept: false,
            phase: Phase::Gathering(effect),
        });
    }

    /// Ends the turn from outside: told first, then the model is stopped.
    fn stop(&mut self, cause: CancelReason, out: &mut Vec<Effect>) {
        self.drop_waiting(cause, out);
        let Some(turn) = &mut self.turn else { return };
        let mut stopped = Vec::new();
        match &mut turn.phase {
            Phase::Gathering(_) => {}
            Phase::Generating(answer) => {
                let lead = &mut answer.lead;
                out.extend(lead.abandon().into_iter().map(Effect::Emit));
                let said = Carried {
                    request: mention::words(&turn.prompt),
                    past: if cause == CancelReason::Steered {
                        Past::Redirected
                    } else {
                        Past::Stopped
                    },
                    partial: std::mem::take(&mut lead.partial),
                };
                self.earlier = Some((turn.id, said));
                stopped.push(lead.effect);
                stopped.extend(answer.rival.as_ref().map(|rival| rival.effect));
            }
            // What is being written is finished: half a keep is worse than a late stop.
            Phase::Keeping { .. } => return,
        }
        let stop = StopReason::Cancelled { cause };
        if cause == CancelReason::Steered {
            // The prompt that redirects comes first, whatever is queued.
            self.settle(stop, out);
        } else {
            self.end(stop, out);
        }
        out.extend(stopped.into_iter().map(|id| Effect::Stop { id, cause }));
    }

    /// Ends the turn and begins what waits.
    fn end(&mut self, stop: StopReason, out: &mut Vec<Effect>) {
        if self.turn.is_some() {
            self.settle(stop, out);
            self.go_on(out);
        }
    }

    fn settle(&mut self, stop: StopReason, out: &mut Vec<Effect>) {
        let Some(turn) = self.turn.take() else { return };
        match turn.phase {
            // No model was told: what was to be told waits for the next turn.
            Phase::Gathering(_) => self.earlier = self.earlier.take().or(turn.earlier),
            Phase::Generating(_) | Phase::Keeping { .. } if turn.prompt.intent == Intent::Edit => {
                if stop == StopReason::EndTurn {
                    self.replace_older(turn.id, &turn.built_on, out);
                }
                self.answered(turn.id, mention::words(&turn.prompt));
            }
            Phase::Generating(_) | Phase::Keeping { .. } => {}
        }
        let ready = self.offered.values().filter(|o| o.turn == turn.id).count();
        let settled = Settled {
            stop,
            ready,
            input_tokens: turn.usage.input,
            cached_tokens: turn.usage.cached,
            output_tokens: turn.usage.output,
        };
        out.push(Effect::Emit(Event::TurnEnded {
            turn: turn.id,
            settled,
        }));
    }

    fn fail(&mut self, failure: Failure, message: String, out: &mut Vec<Effect>) {
        self.end(StopReason::Failed { failure, message }, out);
    }
}

fn changed(hunk: HunkId, state: HunkState) -> Effect {
    Effect::Emit(Event::HunkChanged { hunk, state })
}
