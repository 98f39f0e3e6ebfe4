//! A session that an earlier daemon had: what was on offer in it went with that daemon, because only its memory knew
//! how to write it. The same holds for a turn that ran, and for what was queued behind it, when that daemon was killed.
//! The log says so before anything else happens, so that every client stops showing it. The place of the last turn is in
//! the log, too, and a follow-up goes on there.

use super::log::Log;
use super::now;
use brisk_domain::{CancelReason, Event, HunkId, HunkState, SessionId, Settled, StopReason, TurnId};
use brisk_lanes::Recalled;
use brisk_protocol::Envelope;
use std::collections::BTreeSet;

/// Events that are read at once.
const PAGE: usize = 1_000;

/// What a session's log leaves to the daemon that takes it over.
#[derive(Debug)]
pub(crate) struct Estate {
    /// The events that end its offers, numbered on from the log's last.
    pub(crate) endings: Vec<Envelope>,
    /// Where its last turn worked.
    pub(crate) place: Recalled,
}

/// Reads the log of a session that ends with number `last`.
pub(crate) async fn estate(log: &Log, session: SessionId, last: u64) -> Result<Estate, String> {
    let mut open = Open::default();
    let mut place = Recalled::default();
    let mut at = 0;
    while at < last {
        let events = log.read(session, at + 1, PAGE).await?;
        let Some(newest) = events.last() else { break };
        at = newest.seq;
        for envelope in &events {
            open.follow(&envelope.event);
            place.event(&envelope.event);
        }
    }
    let ending = |(seq, event)| Envelope {
        session_id: session,
        seq,
        at_us: now().0,
        event,
    };
    let endings = (last + 1..).zip(open.endings()).map(ending).collect();
    Ok(Estate { endings, place })
}

/// What the events so far leave open.
#[derive(Debug, Default, PartialEq)]
struct Open {
    /// The turn that runs.
    turn: Option<TurnId>,
    /// Words of the prompts that wait for its end, oldest first.
    queued: Vec<String>,
    /// Hunks that wait for a decision.
    on_offer: BTreeSet<HunkId>,
}

impl Open {
    fn follow(&mut self, event: &Event) {
        hunks(&mut self.on_offer, event);
        match event {
            Event::TurnStarted { turn, text } => {
                self.turn = Some(*turn);
                self.no_longer_queued(text);
            }
            Event::TurnEnded { .. } => self.turn = None,
            Event::Queued { text } => self.queued.push(text.clone()),
            Event::Unqueued { text, .. } => self.no_longer_queued(text),
            Event::PlaceFound { .. }
            | Event::Routed { .. }
            | Event::FirstToken { .. }
            | Event::Notice { .. }
            | Event::Prose { .. }
            | Event::HunkOpened { .. }
            | Event::HunkLine { .. }
            | Event::HunkDropped { .. }
            | Event::HunkReady { .. }
            | Event::HunkChanged { .. }
            | Event::BudgetReached { .. } => {}
        }
    }

    fn no_longer_queued(&mut self, text: &str) {
        if let Some(at) = self.queued.iter().position(|q| q == text) {
            self.queued.remove(at);
        }
    }

    /// What ends it.
    fn endings(self) -> impl Iterator<Item = Event> {
        let unqueued = self.queued.into_iter().map(|text| Event::Unqueued {
            text,
            why: "its daemon ended".to_owned(),
        });
        let settled = Settled {
            stop: StopReason::Cancelled {
                cause: CancelReason::Shutdown,
            },
            ready: 0,
            input_tokens: 0,
            cached_tokens: 0,
            output_tokens: 0,
        };
        let ended = self.turn.map(|turn| Event::TurnEnded { turn, settled });
        let withdrawn = self.on_offer.into_iter().map(|hunk| Event::HunkChanged {
            hunk,
            state: HunkState::Withdrawn {
                why: "no longer on offer; ask again".to_owned(),
            },
        });
        unqueued.chain(ended).chain(withdrawn)
    }
}

/// Keeps the hunks that wait for a decision up to date.
fn hunks(on_offer: &mut BTreeSet<HunkId>, event: &Event) {
    match event {
        Event::HunkReady { hunk, .. } => {
            on_offer.insert(*hunk);
        }
        Event::HunkChanged {
            hunk,
            state:
                HunkState::Kept | HunkState::Rejected | HunkState::Withdrawn { .. } | HunkState::Conflicted { .. },
        } => {
            on_offer.remove(hunk);
        }
        Event::HunkChanged {
            state: HunkState::Ready,
            ..
        }
        | Event::TurnStarted { .. }
        | Event::PlaceFound { .. }
        | Event::Routed { .. }
        | Event::FirstToken { .. }
        | Event::Notice { .. }
        | Event::Queued { .. }
        | Event::Unqueued { .. }
        | Event::Prose { .. }
        | Event::HunkOpened { .. }
        | Event::HunkLine { .. }
        | Event::HunkDropped { .. }
        | Event::BudgetReached { .. }
        | Event::TurnEnded { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use brisk_domain::TurnId;

    #[test]
    fn what_ran_and_what_waited_is_ended() {
        let started = |turn, text: &str| Event::TurnStarted {
            turn: TurnId(turn),
            text: text.into(),
        };
        let queued = |text: &str| Event::Queued { text: text.into() };
        let unqueued = |text: &str| Event::Unqueued {
            text: text.into(),
            why: "its daemon ended".into(),
        };
        let settled = Settled {
            stop: StopReason::Cancelled {
                cause: CancelReason::Shutdown,
            },
            ready: 0,
            input_tokens: 0,
            cached_tokens: 0,
            output_tokens: 0,
        };
        let ended = |turn| Event::TurnEnded {
            turn: TurnId(turn),
            settled: settled.clone(),
        };
        let cases = [
            (vec![started(1, "a")], vec![ended(1)]),
            (vec![started(1, "a"), ended(1)], vec![]),
            (
                vec![
                    started(1, "a"),
                    queued("b"),
                    queued("c"),
                    ended(1),
                    started(9, "b"),
                ],
                vec![unqueued("c"), ended(9)],
            ),
            (
                vec![started(1, "a"), queued("b"), unqueued("b"), ended(1)],
                vec![],
            ),
        ];
        for (events, want) in cases {
            let mut open = Open::default();
            events.iter().for_each(|e| open.follow(e));
            assert_eq!(open.endings().collect::<Vec<_>>(), want, "{events:?}");
        }
    }

    #[test]
    fn only_what_nobody_decided_is_on_offer() {
        let ready = |hunk| Event::HunkReady {
            turn: TurnId(1),
            hunk: HunkId(hunk),
            path: "shop.py".into(),
            at: 0,
            removed: vec![],
            added: vec![],
        };
        let state = |hunk, state| Event::HunkChanged {
            hunk: HunkId(hunk),
            state,
        };
        let why = || "moved".to_owned();
        let cases = [
            (vec![], vec![]),
            (vec![ready(2), ready(1)], vec![1, 2]),
            (vec![ready(1), state(1, HunkState::Kept)], vec![]),
            (vec![ready(1), state(1, HunkState::Rejected)], vec![]),
            (
                vec![ready(1), state(1, HunkState::Withdrawn { why: why() })],
                vec![],
            ),
            (
                vec![ready(1), state(1, HunkState::Conflicted { why: why() })],
                vec![],
            ),
            (vec![ready(1), state(1, HunkState::Ready)], vec![1]),
            // A write that failed offers it once more.
            (
                vec![ready(1), ready(2), state(2, HunkState::Kept), ready(1)],
                vec![1],
            ),
        ];
        for (events, want) in cases {
            let mut on_offer = BTreeSet::new();
            events.iter().for_each(|e| hunks(&mut on_offer, e));
            let got: Vec<u64> = on_offer.into_iter().map(|h| h.0).collect();
            assert_eq!(got, want, "{events:?}");
        }
    }
}
