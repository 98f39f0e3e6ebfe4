//! Telemetry of the felt loop, the daemon's side. `watch` follows a session and makes jobs, `desk` carries them out on
//! a thread of its own, `otlp` and `export` send spans and metrics on, if an endpoint is named. Nothing here can delay
//! a turn: every hand-over is a queue that is never waited for.

mod desk;
mod export;
mod otlp;
mod watch;

pub(crate) use desk::Desk;
pub(crate) use export::Exporter;
pub(crate) use watch::Watch;

use brisk_domain::port::{FaultSource, Finish, Usage};
use brisk_domain::{EffectId, HunkId, ModelId, Now, SessionId, TurnId};
use brisk_protocol::FeltRecord;
use brisk_store::felt::{Outcome, TurnFelt};

/// One moment on both clocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// CLOCK_MONOTONIC.
    pub(crate) now: Now,
    /// Microseconds since 1970.
    pub(crate) wall_us: u64,
}

impl Moment {
    /// This one.
    pub(crate) fn take() -> Moment {
        let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
        Moment {
            now: super::now(),
            wall_us: u64::try_from(since.as_micros()).unwrap_or(u64::MAX),
        }
    }

    /// Wall clock of an earlier or later moment of the monotonic clock.
    pub(crate) fn wall_of(self, at_us: u64) -> u64 {
        self.wall_us.saturating_add(at_us).saturating_sub(self.now.0)
    }
}

/// How a generation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GenerationEnd {
    /// The answer is whole.
    Done(Finish, Usage),
    /// It failed.
    Failed(FaultSource),
    /// Nobody wanted it any more, or it was silent for too long.
    Stopped,
}

/// One request to a model. Moments are CLOCK_MONOTONIC microseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Generation {
    pub(crate) effect: EffectId,
    pub(crate) model: ModelId,
    pub(crate) began_us: u64,
    pub(crate) first_us: Option<u64>,
    /// When and how it ended; none while it runs.
    pub(crate) ended: Option<(u64, GenerationEnd)>,
}

/// A turn that is over: what is stored, and what is sent on.
#[derive(Debug, Clone)]
pub(crate) struct TurnDone {
    pub(crate) felt: TurnFelt,
    pub(crate) generations: Vec<Generation>,
    /// When it was over.
    pub(crate) over: Moment,
}

/// What the desk has to do.
#[derive(Debug)]
pub(crate) enum Job {
    /// Write a turn down and send it on.
    Turn(Box<TurnDone>),
    /// Join what the client felt.
    Client(Box<FeltRecord>),
    /// A hunk was decided after its turn.
    Outcome {
        session: SessionId,
        hunk: HunkId,
        outcome: Outcome,
    },
    /// A kept hunk was taken out again.
    Undone {
        session: SessionId,
        hunk: HunkId,
        at_us: u64,
    },
    /// Everything up to here is written; nothing more will come.
    End,
    /// A model let go of a request.
    LetGo {
        session: SessionId,
        turn: TurnId,
        at_us: u64,
    },
}
