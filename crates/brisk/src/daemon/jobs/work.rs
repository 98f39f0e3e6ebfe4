//! One job from its claim to its end: its attempts side by side, then the judgement.

use super::attempt::{self, Halted};
use super::{Held, Jobs, Live, lock, note};
use crate::verify::Gate;
use brisk_domain::job::{AttemptId, End, JobState, PatchSize, judge};
use brisk_sandbox::Stop;
use brisk_store::{JobRow, StoreError};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

/// Attempts of one job that run at once.
const SIDE_BY_SIDE: usize = 4;

/// Runs a job to its end, or to where it was stopped.
pub(super) fn job(jobs: &Arc<Jobs>, held: &Arc<Held>, row: &JobRow) {
    let id = held.claim.job;
    let told = |e: StoreError| note(&format!("{id}: {e}"));
    sweep(jobs, row);
    let over = |number: &u32| row.ends.iter().any(|(n, _)| n == number);
    let count = u32::try_from(row.task.models.len()).unwrap_or(u32::MAX);
    let left: Vec<u32> = (1..=count).filter(|n| !over(n)).rev().collect();
    let left = Mutex::new(left);
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE.min(lock(&left).len()) {
            scope.spawn(|| {
                loop {
                    let next = lock(&left).pop();
                    let Some(number) = next.filter(|_| !held.halted()) else {
                        return;
                    };
                    let Some(_seat) = jobs.seats.take(|| !held.halted()) else {
                        return;
                    };
                    one(jobs, held, row, AttemptId { job: id, number });
                }
            });
        }
    });
    if held.halted() {
        // Cancelled: nobody comes back to its folders. Else the next daemon does.
        if jobs.store().job(id).is_ok_and(|row| row.state != JobState::Open) {
            clear(jobs, row, |name| of_job(name, row));
        }
        return;
    }
    let now = match jobs.store().job(id) {
        Ok(row) => row,
        Err(e) => return told(e),
    };
    let ends = &now.ends;
    // An attempt that could not write down how it ended is done again by whoever claims the job next.
    if ends.len() < row.task.models.len() {
        return;
    }
    let state = judge(ends.iter().map(|(n, end)| (*n, end, now.spent_by(*n))));
    // First the folders: once the job is over nobody looks for them.
    clear(jobs, row, |name| of_job(name, row));
    if let Err(e) = jobs.store().finish(&held.claim, &state) {
        told(e);
    }
    note(&format!("{id} is {}", state.name()));
}

/// One attempt, as one that can be stopped and spoken to.
fn one(jobs: &Arc<Jobs>, held: &Arc<Held>, row: &JobRow, id: AttemptId) {
    let (notes, inbox) = channel();
    let stop = match Stop::new() {
        Ok(stop) => stop,
        Err(e) => return note(&format!("{id}: {e}")),
    };
    let live = Live {
        notes: notes.clone(),
        stop: stop.clone(),
        doing: "begins".to_owned(),
    };
    lock(&held.attempts).insert(id.number, live);
    // A halt may have come between the look and the insertion.
    let end = match held.halted() {
        true => Err(Halted),
        false => attempt::run(jobs, held, row, id, stop, &notes, inbox),
    };
    lock(&held.attempts).remove(&id.number);
    match end {
        Err(Halted) => {}
        Ok(end) => {
            match jobs.store().end(&held.claim, id.number, &end) {
                Err(e) => note(&format!("{id}: {e}")),
                Ok(()) => {
                    if let End::Proven { size, .. } = &end {
                        held.proves(id.number, *size);
                    }
                }
            }
            let word = match &end {
                End::Proven { .. } => "proven",
                End::Failed { why, .. } => why,
            };
            note(&format!("{id}: {word}"));
        }
    }
    jobs.changed();
}

/// The smallest patch of a job that is proven by now, and whose it is.
pub(super) fn smallest(row: &JobRow) -> Option<(PatchSize, u32)> {
    let proven = row.ends.iter().filter_map(|(number, end)| match end {
        End::Proven { size, .. } => Some((*size, *number)),
        End::Failed { .. } => None,
    });
    proven.min()
}

fn of_job(name: &str, row: &JobRow) -> bool {
    name.strip_prefix(&row.id.to_string())
        .is_some_and(|rest| rest.starts_with('a'))
}

/// Removes folders of attempts whose jobs are over: a daemon may have died before it could.
fn sweep(jobs: &Jobs, row: &JobRow) {
    let Ok(open) = jobs.store().open_jobs() else {
        return;
    };
    clear(jobs, row, |name| !open.iter().any(|job| of_job(name, job)));
}

fn clear(jobs: &Jobs, row: &JobRow, which: impl Fn(&str) -> bool) {
    // A folder that stays costs room, nothing else; the next job of the repository tries again.
    if let Ok(gate) = Gate::open(&jobs.home, &row.root) {
        for name in gate.shadow.attempts().iter().filter(|n| which(n)) {
            let _ = gate.shadow.drop_attempt(name);
        }
    }
}

/// Whether a job is over with something that can be merged.
pub(super) fn ready(state: &JobState) -> bool {
    matches!(state, JobState::Ready(_))
}
