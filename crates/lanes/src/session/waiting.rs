//! Prompts whose turn has not begun. What was queued goes with the turn that it waits for, where that is stopped by the
//! person or by the end of whoever asked: nothing runs that nobody waits for any more.

use super::Session;
use crate::io::Effect;
use brisk_domain::{CancelReason, Event, Prompt, Settled, StopReason};
use std::collections::VecDeque;

/// What waits behind a turn.
#[derive(Default)]
pub(super) struct Waiting {
    /// Prompts that came while a turn was writing its hunks, and those behind them, with what has cancelled them
    /// meanwhile. Whoever asked is answered by the end of a turn, so that even a cancelled one has its turn.
    asked: VecDeque<(Prompt, Option<CancelReason>)>,
    /// Prompts for the end of the turn.
    queued: VecDeque<Prompt>,
}

impl Waiting {
    pub(super) fn asked(&mut self, prompt: Prompt) {
        self.asked.push_back((prompt, None));
    }

    pub(super) fn queue(&mut self, prompt: Prompt) {
        self.queued.push_back(prompt);
    }
}

impl Session {
    /// Begins what comes next, if anything waits.
    pub(super) fn go_on(&mut self, out: &mut Vec<Effect>) {
        while let Some((prompt, cancelled)) = self.next.asked.pop_front() {
            match cancelled {
                None => return self.start(prompt, out),
                Some(cause) => self.skip(prompt, cause, out),
            }
        }
        if let Some(prompt) = self.next.queued.pop_front() {
            self.start(prompt, out);
        }
    }

    /// A turn that was cancelled before it began.
    fn skip(&mut self, prompt: Prompt, cause: CancelReason, out: &mut Vec<Effect>) {
        let turn = self.turns.take();
        let text = prompt.text;
        let settled = Settled {
            stop: StopReason::Cancelled { cause },
            ready: 0,
            input_tokens: 0,
            cached_tokens: 0,
            output_tokens: 0,
        };
        out.push(Effect::Emit(Event::TurnStarted { turn, text }));
        out.push(Effect::Emit(Event::TurnEnded { turn, settled }));
    }

    /// A stop from outside: what of the waiting prompts it is about, too.
    pub(super) fn drop_waiting(&mut self, cause: CancelReason, out: &mut Vec<Effect>) {
        let why = match cause {
            CancelReason::Interrupted => "the turn before it was cancelled",
            CancelReason::ClientGone => "its client went away",
            CancelReason::Shutdown => "the daemon is going",
            // These end one turn and say nothing of the next.
            CancelReason::Superseded
            | CancelReason::Steered
            | CancelReason::OverBudget
            | CancelReason::Stalled => return,
        };
        self.next.asked.iter_mut().for_each(|(_, c)| *c = Some(cause));
        self.unqueue(None, why, out);
    }

    /// Drops the newest queued prompt with these words, or all of them, and says so: the words are the person's.
    pub(super) fn unqueue(&mut self, text: Option<&str>, why: &str, out: &mut Vec<Effect>) {
        let queued = &mut self.next.queued;
        let dropped: Vec<Prompt> = match text {
            None => queued.drain(..).collect(),
            Some(text) => {
                let newest = queued.iter().rposition(|p| p.text == text);
                newest.and_then(|at| queued.remove(at)).into_iter().collect()
            }
        };
        out.extend(dropped.into_iter().map(|prompt| {
            Effect::Emit(Event::Unqueued {
                text: prompt.text,
                why: why.to_owned(),
            })
        }));
    }
}
