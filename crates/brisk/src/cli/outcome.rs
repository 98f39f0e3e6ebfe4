//! The end of a turn: exit code, words, next step. Pure.

use crate::cli::book::{Book, State};
use crate::cli::{style, words};
use crate::exit::{CliError, Exit};
use brisk_domain::{CancelReason, Failure, HunkId, HunkState, Intent, StopReason};

/// How the command ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The process ends with this.
    pub exit: Exit,
    /// What happened, where it is not a success.
    pub message: Option<String>,
    /// What to do next.
    pub hint: Option<String>,
    /// Hunks written.
    pub kept: usize,
    /// Lines added by these.
    pub added: usize,
    /// Lines removed by these.
    pub removed: usize,
    /// Hunks not written, with the reason.
    pub conflicts: Vec<(HunkId, String)>,
    /// Microseconds from the start of the command to the first line of a hunk.
    pub first_us: Option<u64>,
    /// Microseconds from the start of the command to the end of the turn (not counting the person's own time).
    pub turn_us: Option<u64>,
}

/// Everything that an outcome depends on, beside the hunks.
#[derive(Debug)]
pub(crate) enum Ending<'a> {
    /// The turn ran its course.
    Ran {
        /// Edit or ask.
        intent: Intent,
        /// How it ended for the daemon, if it came so far.
        stop: Option<&'a StopReason>,
        /// The daemon refused the prompt.
        refusal: Option<&'a CliError>,
        /// The person rejected something.
        rejected: bool,
        /// The stop was ours: nobody was there to allow a larger patch.
        over_budget: bool,
    },
    /// Keep or reject was refused.
    Refused(CliError),
    /// The disk refused; the hunks are offered as before.
    Unwritten(String),
    /// The person went without a decision.
    Left,
    /// A second Ctrl-C.
    Hard,
    /// The connection broke.
    Gone,
}

impl Outcome {
    /// What is on disk, for somebody who could not be shown it.
    pub(crate) fn on_disk(&self) -> &str {
        match (self.kept, self.exit, &self.hint) {
            // Stopped hard, or the daemon went: what it was writing then is not known.
            (0, Exit::Killed | Exit::Daemon, Some(hint)) => hint,
            (0, ..) => "nothing was written to your files",
            _ => "your files were written all the same; `brisk undo` takes it back",
        }
    }

    /// Judges a turn. `first_us`, `turn_us`: see the fields.
    pub(crate) fn of(
        book: &Book,
        ending: Ending<'_>,
        first_us: Option<u64>,
        turn_us: Option<u64>,
    ) -> Outcome {
        let kept: Vec<_> = book.entries().iter().filter(|e| e.is_kept()).collect();
        let conflicts = conflicts(book);
        let verdict = match ending {
            Ending::Ran { .. } if !conflicts.is_empty() => {
                let hunks = style::count(conflicts.len(), "hunk");
                failed(
                    Exit::Conflict,
                    &format!("{hunks} not written: the file changed underneath"),
                )
                .hint("run the edit again on the file as it is now")
            }
            Ending::Ran { .. } if !kept.is_empty() => done(),
            Ending::Ran { rejected: true, .. } => failed(Exit::Rejected, "rejected; nothing was written"),
            Ending::Ran {
                refusal: Some(error), ..
            } => error.clone(),
            Ending::Ran {
                intent,
                stop,
                over_budget,
                ..
            } => ran(intent, stop, over_budget, book.ready().next().is_some()),
            Ending::Refused(error) => error,
            Ending::Unwritten(why) => failed(Exit::Disk, &format!("not written: {why}"))
                .hint("nothing was lost on disk; make room or allow writing, then run the edit again"),
            Ending::Left => failed(Exit::Interrupted, "left without keeping anything"),
            Ending::Hard => failed(Exit::Killed, "stopped hard").hint("`brisk log` shows what was written"),
            Ending::Gone => failed(
                Exit::Daemon,
                "the daemon went away in the middle of the turn; what was shown and not kept is lost",
            )
            .hint("`brisk log` shows what was written; run the command again to start a new daemon"),
        };
        Outcome {
            exit: verdict.exit,
            message: (verdict.exit != Exit::Done).then_some(verdict.message),
            hint: verdict.hint,
            kept: kept.len(),
            added: kept.iter().map(|e| e.added.len()).sum(),
            removed: kept.iter().map(|e| e.removed.len()).sum(),
            conflicts,
            first_us,
            turn_us,
        }
    }
}

fn done() -> CliError {
    CliError::new(Exit::Done, "")
}

fn failed(exit: Exit, message: &str) -> CliError {
    CliError::new(exit, message)
}

/// A turn of which nothing was kept or rejected.
fn ran(intent: Intent, stop: Option<&StopReason>, over_budget: bool, offered: bool) -> CliError {
    match stop {
        Some(StopReason::EndTurn) | None if intent == Intent::Ask => done(),
        Some(StopReason::EndTurn) | None if offered => failed(
            Exit::Undecided,
            "not kept: there is no terminal to press Enter on",
        )
        .hint("add --yes to keep every hunk"),
        Some(StopReason::EndTurn) | None => failed(Exit::Nothing, "the model proposed no change")
            .hint("say it in other words, or name the lines: FILE:A-B"),
        Some(StopReason::Failed { failure, message }) => {
            let exit = match failure {
                Failure::Target => Exit::Target,
                Failure::Model => Exit::NoModel,
                Failure::Upstream => Exit::Upstream,
                Failure::Unusable => Exit::Nothing,
                Failure::Write => Exit::Disk,
            };
            failed(exit, message)
        }
        Some(StopReason::Cancelled { .. }) if over_budget => cancelled(CancelReason::OverBudget),
        Some(StopReason::Cancelled { cause }) => cancelled(*cause),
    }
}

fn cancelled(cause: CancelReason) -> CliError {
    let of = |exit| failed(exit, words::cancelled(cause));
    match cause {
        CancelReason::Superseded | CancelReason::Steered | CancelReason::Interrupted => of(Exit::Interrupted),
        CancelReason::OverBudget => {
            of(Exit::OverBudget).hint("ask for less at once, or run it in a terminal and allow more")
        }
        CancelReason::Stalled => of(Exit::Upstream).hint("try again, or another model: --model"),
        CancelReason::ClientGone | CancelReason::Shutdown => of(Exit::Daemon).hint("run the command again"),
    }
}

fn conflicts(book: &Book) -> Vec<(HunkId, String)> {
    book.entries()
        .iter()
        .filter_map(|e| match &e.state {
            State::Known(HunkState::Conflicted { why }) => Some((e.id, why.clone())),
            State::Open
            | State::Dropped
            | State::Known(
                HunkState::Ready | HunkState::Kept | HunkState::Rejected | HunkState::Withdrawn { .. },
            ) => None,
        })
        .collect()
}
