//! The tracker that a client runs. It has no clock: whoever calls says when.

use super::{ClientKind, FeltRecord, Stage, Stages, StopFelt};
use brisk_domain::{Event, SessionId, TurnId};

/// Follows one turn from the key press to its last paint.
///
/// Moments are microseconds of CLOCK_MONOTONIC. One that lies before an earlier one counts as that one, so that
/// nothing here ever runs backwards.
#[derive(Debug, Clone)]
pub struct Felt {
    session: SessionId,
    client: ClientKind,
    turn: Option<TurnId>,
    stages: Stages,
    /// Stages that were told and wait for the next paint.
    unpainted: Vec<Stage>,
    ended: bool,
    stop: Option<StopFelt>,
    latest: u64,
}

impl Felt {
    /// The person pressed Enter.
    pub fn key(session: SessionId, client: ClientKind, now_us: u64) -> Felt {
        let mut stages = Stages::default();
        stages.mark(Stage::Key, now_us);
        Felt {
            session,
            client,
            turn: None,
            stages,
            unpainted: Vec::new(),
            ended: false,
            stop: None,
            latest: now_us,
        }
    }

    /// An event of the session came. Those of other turns change nothing.
    pub fn on_event(&mut self, event: &Event, now_us: u64) {
        let now = self.clamp(now_us);
        if let Event::TurnStarted { turn, .. } = event {
            if self.turn.is_none() {
                self.turn = Some(*turn);
                self.stages.mark(Stage::Acknowledged, now);
            }
            return;
        }
        match event {
            Event::FirstToken { turn } if self.is_mine(*turn) => self.stages.mark(Stage::FirstToken, now),
            Event::HunkOpened { turn, .. } if self.is_mine(*turn) => self.stages.mark(Stage::Place, now),
            Event::HunkLine { turn, .. } if self.is_mine(*turn) => {
                self.stages.mark(Stage::Place, now);
                self.unpainted.push(Stage::FirstLine);
            }
            Event::HunkReady { turn, .. } if self.is_mine(*turn) => {
                self.stages.mark(Stage::Place, now);
                self.unpainted.extend([Stage::FirstLine, Stage::FirstHunk]);
            }
            Event::TurnEnded { turn, .. } if self.is_mine(*turn) => {
                self.ended = true;
                self.unpainted.push(Stage::Complete);
            }
            Event::TurnStarted { .. }
            | Event::PlaceFound { .. }
            | Event::Routed { .. }
            | Event::FirstToken { .. }
            | Event::HunkOpened { .. }
            | Event::HunkLine { .. }
            | Event::HunkDropped { .. }
            | Event::HunkReady { .. }
            | Event::HunkChanged { .. }
            | Event::Prose { .. }
            | Event::Notice { .. }
            | Event::BudgetReached { .. }
            | Event::Queued { .. }
            | Event::Unqueued { .. }
            | Event::TurnEnded { .. } => {}
        }
    }

    /// What was told up to now is on the screen.
    pub fn on_painted(&mut self, now_us: u64) {
        let now = self.clamp(now_us);
        if self.is_over() {
            return;
        }
        for stage in std::mem::take(&mut self.unpainted) {
            self.stages.mark(stage, now);
        }
        if let Some(stop) = &mut self.stop {
            stop.silent_after = Some(now.saturating_sub(stop.key));
        }
    }

    /// The person pressed the key that stops. Only the first one counts, and only while the turn runs.
    pub fn on_stop(&mut self, now_us: u64) {
        let now = self.clamp(now_us);
        if !self.ended && self.stop.is_none() {
            self.stop = Some(StopFelt {
                key: now,
                silent_after: None,
            });
        }
    }

    /// The end of the turn is painted: the record is whole, and later paints are no part of it.
    pub fn is_over(&self) -> bool {
        self.stages.at(Stage::Complete).is_some()
    }

    /// The moments so far, for whoever shows them while the turn runs.
    pub fn stages(&self) -> &Stages {
        &self.stages
    }

    /// The record; none if the daemon never began the turn.
    pub fn finish(self) -> Option<FeltRecord> {
        Some(FeltRecord {
            session_id: self.session,
            turn: self.turn?,
            client: self.client,
            stages: self.stages,
            stop: self.stop,
        })
    }

    fn is_mine(&self, turn: TurnId) -> bool {
        self.turn == Some(turn)
    }

    fn clamp(&mut self, now_us: u64) -> u64 {
        self.latest = self.latest.max(now_us);
        self.latest
    }
}
