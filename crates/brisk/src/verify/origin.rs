//! Which lane and model drafted what is verified, as the event log tells it.

use brisk_domain::evidence::Origin;
use brisk_domain::{Event, HunkId, HunkState, Route, TurnId};
use brisk_store::{EventLog, Seq};
use std::collections::BTreeMap;
use std::path::Path;

/// Events of one session that are looked at.
const MANY: usize = 100_000;

/// The origin of the newest hunk that was kept in a repository. A log that cannot be read tells of none: evidence does
/// not hang on it.
pub(super) fn newest(state: &Path, root: &Path) -> Option<Origin> {
    let there = state.join("events.db").is_file();
    let log = there.then(|| EventLog::open(state).ok()).flatten()?;
    let sessions = log.sessions().ok()?;
    let here = sessions.into_iter().rev().filter(|s| s.root == root);
    here.take(8).find_map(|session| {
        let mut routes: BTreeMap<TurnId, Route> = BTreeMap::new();
        let mut turns: BTreeMap<HunkId, TurnId> = BTreeMap::new();
        let mut kept = None;
        for logged in log.read_from(session.id, Seq(0), MANY).ok()? {
            if let Event::Routed { turn, route } = logged.event {
                routes.insert(turn, route);
            } else if let Event::HunkReady { turn, hunk, .. } = logged.event {
                turns.insert(hunk, turn);
            } else if let Event::HunkChanged {
                hunk,
                state: HunkState::Kept,
            } = logged.event
            {
                kept = Some(hunk);
            }
        }
        let turn = *turns.get(&kept?)?;
        let route = routes.remove(&turn)?;
        Some(Origin {
            lane: route.lane,
            model: route.choice.model,
            session: session.id,
            turn,
        })
    })
}
