//! One job from its claim to its end: its attempts side by side, then the judgement; of a divided one the queue.

use super::attempt::{self, Halted};
use super::errand::Errand;
use super::fault::caught;
use super::{Held, Jobs, Live, join, lock, note};
use crate::verify::Gate;
use brisk_domain::job::{AttemptId, End, JobState, PatchSize, judge};
use brisk_domain::parts::Division;
use brisk_sandbox::Stop;
use brisk_store::{JobRow, StoreError};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

/// Attempts of one job that run at once.
pub(super) const SIDE_BY_SIDE: usize = 4;

/// The same, also where our own code breaks: then the job has failed.
pub(super) fn job_or_fault(jobs: &Arc<Jobs>, held: &Arc<Held>, row: &JobRow) {
    let Err(why) = caught(|| job(jobs, held, row)) else {
        return;
    };
    note(&format!("{}: {why}", row.id));
    let state = JobState::Failed { why, best: None };
    // Cancelled meanwhile, it stays so.
    if let Err(e) = jobs.store().finish(&held.claim, &state) {
        note(&format!("{}: {e}", row.id));
    }
}

/// Runs a job to its end, or to where it was stopped.
fn job(jobs: &Arc<Jobs>, held: &Arc<Held>, row: &JobRow) {
    let id = held.claim.job;
    let told = |e: StoreError| note(&format!("{id}: {e}"));
    sweep(jobs, row);
    let state = match row.task.division {
        Division::Whole => rivals(jobs, held, row),
        Division::Asked | Division::Given(_) => join::job(jobs, held, row),
    };
    if held.halted() {
        // Cancelled: nobody comes back to its folders. Else the next daemon does.
        if jobs.store().job(id).is_ok_and(|row| row.state != JobState::Open) {
            clear(jobs, row, |name| of_job(name, row));
        }
        return;
    }
    let Some(state) = state else {
        return;
    };
    // First the folders: once the job is over nobody looks for them.
    clear(jobs, row, |name| of_job(name, row));
    if let Err(e) = jobs.store().finish(&held.claim, &state) {
        told(e);
    }
    note(&format!("{id} is {}", state.name()));
}

/// Attempts at all of the task, side by side, and the judgement; `None`: they were stopped.
fn rivals(jobs: &Arc<Jobs>, held: &Arc<Held>, row: &JobRow) -> Option<JobState> {
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
                    // There is one of every number.
                    if let Some(errand) = Errand::whole(row, number) {
                        one(jobs, held, row, (AttemptId { job: row.id, number }, errand));
                    }
                }
            });
        }
    });
    if held.halted() {
        return None;
    }
    let now = match jobs.store().job(row.id) {
        Ok(now) => now,
        Err(e) => {
            note(&format!("{}: {e}", row.id));
            return None;
        }
    };
    // An attempt that could not write down how it ended is done again by whoever claims the job next.
    let over = now.ends.len() >= row.task.models.len();
    let ends = now.ends.iter().map(|(n, end)| (*n, end, now.spent_by(*n)));
    over.then(|| judge(ends))
}

/// One attempt, as one that can be stopped and spoken to.
pub(super) fn one(jobs: &Arc<Jobs>, held: &Arc<Held>, row: &JobRow, errand: (AttemptId, Errand)) {
    let id = errand.0;
    let (notes, inbox) = channel();
    let stop = match Stop::new() {
        Ok(stop) => stop,
        Err(e) => return note(&format!("{id}: {e}")),
    };
    let live = Live {
        notes: notes.clone(),
        stop: stop.clone(),
        doing: "begins".to_owned(),
        asks: None,
    };
    lock(&held.attempts).insert(id.number, live);
    // A halt may have come between the look and the insertion.
    let end = match held.halted() {
        true => Err(Halted),
        false => caught(|| attempt::run(jobs, held, row, errand, stop, &notes, inbox))
            .unwrap_or_else(|why| Ok(End::Failed { why, best: None })),
    };
    lock(&held.attempts).remove(&id.number);
    match end {
        Err(Halted) => {}
        Ok(end) => {
            match jobs.store().end(&held.claim, id.number, &end) {
                Err(e) => note(&format!("{id}: {e}")),
                Ok(()) => {
                    // Parts are no rivals.
                    if let End::Proven { size, .. } = &end
                        && row.task.division == Division::Whole
                    {
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
    if row.task.division != Division::Whole {
        return None;
    }
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
