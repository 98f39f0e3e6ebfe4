//! A session that an earlier daemon had: what was on offer in it went with that daemon, because only its memory knew
//! how to write it. The log says so before anything else happens, so that every client stops showing it. The place of
//! the last turn is in the log, too, and a follow-up goes on there.

use super::log::Log;
use super::now;
use brisk_domain::{Event, HunkId, HunkState, SessionId};
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
    let mut on_offer = BTreeSet::new();
    let mut place = Recalled::default();
    let mut at = 0;
    while at < last {
        let events = log.read(session, at + 1, PAGE).await?;
        let Some(newest) = events.last() else { break };
        at = newest.seq;
        for envelope in &events {
            follow(&mut on_offer, &envelope.event);
            place.event(&envelope.event);
        }
    }
    let ending = |(seq, hunk)| Envelope {
        session_id: session,
        seq,
        at_us: now().0,
        event: Event::HunkChanged {
            hunk,
            state: HunkState::Withdrawn {
                why: "no longer on offer; ask again".to_owned(),
            },
        },
    };
    let endings = (last + 1..).zip(on_offer).map(ending).collect();
    Ok(Estate { endings, place })
}

/// Keeps the hunks that wait for a decision up to date.
fn follow(on_offer: &mut BTreeSet<HunkId>, event: &Event) {
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
            events.iter().for_each(|e| follow(&mut on_offer, e));
            let got: Vec<u64> = on_offer.into_iter().map(|h| h.0).collect();
            assert_eq!(got, want, "{events:?}");
        }
    }
}
