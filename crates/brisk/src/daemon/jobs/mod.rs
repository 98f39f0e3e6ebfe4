//! Delegated work: the supervisor. It claims jobs, gives each a thread, renews their leases, and carries words and stops
//! to their attempts. What a job is stands in the store; what is held here only says what runs now.
//!
//! Attempts work in threads of their own and not in the runtime: they read, search and wait for checks, and a live edit
//! must never wait for a worker of the runtime that one of them holds. Their requests to models have the priority of
//! background work.

mod again;
mod ask;
mod attempt;
mod begin;
mod brief;
mod change;
mod errand;
mod fault;
mod join;
mod keep;
mod look;
mod merge;
mod purse;
mod retell;
mod turns;
mod view;
mod work;

use super::fleet::Fleet;
use super::hub::{Hub, refuse};
use super::models::Models;
use super::note;
use crate::config::ToolServer;
use crate::exit::{CliError, Exit};
use crate::home::Home;
use attempt::Note;
use brisk_domain::job::{AttemptId, JobState, PatchSize, QUEUE, Rivalry};
use brisk_domain::{CancelReason, JobId, ModelId};
use brisk_protocol::ErrorBody;
use brisk_protocol::jobs::Hears;
use brisk_sandbox::Stop;
use brisk_store::{Claim, JobStore, StoreError};
use purse::Purse;
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;
use turns::Turns;

/// How long a job is its worker's without a sign of life, microseconds.
const LEASE_US: u64 = 10_000_000;

/// Between two signs of life.
const RENEW: Duration = Duration::from_secs(2);

/// Jobs that run at once; more wait in the store.
const AT_ONCE: usize = 8;

/// Attempts of all jobs that run at once.
const ATTEMPTS: usize = 16;

/// How long a question for news waits for them. Clients give a daemon a minute.
const NEWS: Duration = Duration::from_secs(20);

fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    // What a panic elsewhere leaves behind is whole: every change under these locks is one step.
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An attempt that runs.
struct Live {
    notes: Sender<Note>,
    /// Ends the check that runs.
    stop: Stop,
    doing: String,
    /// The model that it waits for, if it does.
    asks: Option<ModelId>,
}

/// A job that runs.
struct Held {
    claim: Claim,
    attempts: Mutex<BTreeMap<u32, Live>>,
    /// No attempt begins any more.
    halted: Mutex<Option<CancelReason>>,
    /// The checks have run on the base: whoever comes first sees to it, and the others wait.
    based: Mutex<bool>,
    /// The smallest patch that is proven, and whose it is.
    proven: Mutex<Option<(PatchSize, u32)>>,
    rivalry: Rivalry,
    purse: Purse,
    /// Its thread is over: another claim of the job may use its folders.
    gone: (Mutex<bool>, Condvar),
}

/// See the module.
pub(crate) struct Jobs {
    home: Home,
    /// The person's servers of tools.
    mcp: BTreeMap<String, ToolServer>,
    models: Arc<Models>,
    fleet: Arc<Fleet>,
    store: Mutex<JobStore>,
    held: Mutex<BTreeMap<JobId, Arc<Held>>>,
    wake: Sender<Wake>,
    /// Who may run checks now.
    turns: Turns,
    /// Which attempts may run now.
    seats: Turns,
    /// Counts changes, for those who watch.
    version: watch::Sender<u64>,
}

enum Wake {
    /// There may be a job to claim.
    Look,
    /// The daemon goes.
    Leave,
}

impl Jobs {
    /// Opens the store and goes on with every job that is not over.
    pub(crate) fn start(
        home: &Home,
        mcp: &BTreeMap<String, ToolServer>,
        models: Arc<Models>,
        fleet: Arc<Fleet>,
    ) -> Result<Arc<Jobs>, StoreError> {
        let mut store = JobStore::open(&home.state_dir().join("jobs"))?;
        if let Some(aside) = store.set_aside() {
            note(&format!(
                "the jobs were damaged ({}); they lie in {} and a new store began",
                aside.why,
                aside.path.display()
            ));
        }
        // This process holds the lock of daemons: whoever else has claimed something is dead.
        store.take_over(&owner())?;
        let (wake, woken) = channel();
        let jobs = Arc::new(Jobs {
            home: home.clone(),
            mcp: mcp.clone(),
            models,
            fleet,
            store: Mutex::new(store),
            held: Mutex::default(),
            wake,
            turns: Turns::of_this_machine(),
            seats: Turns::of(ATTEMPTS),
            version: watch::Sender::new(1),
        });
        // Work that rests for a person looks as if it did, and goes on after: whoever watches has to look.
        let shown = Arc::downgrade(&jobs);
        jobs.models.tell_of_persons(move || {
            if let Some(jobs) = shown.upgrade().filter(|jobs| jobs.busy()) {
                jobs.changed();
            }
        });
        let supervised = Arc::clone(&jobs);
        std::thread::spawn(move || supervised.supervise(&woken));
        jobs.look();
        Ok(jobs)
    }

    /// Stops every attempt where it is, for the next daemon to go on with.
    pub(crate) fn leave(&self) {
        let _ = self.wake.send(Wake::Leave);
        let held: Vec<Arc<Held>> = lock(&self.held).values().cloned().collect();
        held.iter().for_each(|h| self.halt(h, CancelReason::Shutdown));
    }

    /// Stops everything of a job that runs, also what only waits for its turn.
    fn halt(&self, held: &Held, cause: CancelReason) {
        held.halt(cause);
        self.turns.look();
        self.seats.look();
    }

    /// Whether anything runs.
    pub(crate) fn busy(&self) -> bool {
        !lock(&self.held).is_empty()
    }

    fn look(&self) {
        // The supervisor has gone only when the daemon does.
        let _ = self.wake.send(Wake::Look);
    }

    fn store(&self) -> MutexGuard<'_, JobStore> {
        lock(&self.store)
    }

    fn supervise(self: Arc<Jobs>, woken: &Receiver<Wake>) {
        loop {
            match woken.recv_timeout(RENEW) {
                Ok(Wake::Leave) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(Wake::Look) | Err(RecvTimeoutError::Timeout) => {}
            }
            let until = wall_us() + LEASE_US;
            let held: Vec<Arc<Held>> = lock(&self.held).values().cloned().collect();
            let mut room = AT_ONCE.saturating_sub(held.len());
            for h in &held {
                let renewed = self.store().renew(&h.claim, until);
                match renewed {
                    // Cancelled, or somebody else's: what it would write is refused from here on.
                    Err(StoreError::Fenced { .. }) => self.halt(h, CancelReason::Interrupted),
                    Err(e) => {
                        note(&format!("{}: its lease was not renewed: {e}", h.claim.job));
                        // It may look like nobody's now, and must not be claimed beside the one that works on it.
                        room = 0;
                    }
                    Ok(()) => self.end_late_checks(h),
                }
            }
            while room > 0 {
                let claimed = self.store().claim(&owner(), wall_us(), LEASE_US);
                match claimed {
                    Ok(Some(claim)) => self.begin(claim),
                    Ok(None) => break,
                    Err(e) => {
                        note(&format!("no job can be claimed: {e}"));
                        break;
                    }
                }
                room -= 1;
            }
        }
    }

    /// Ends the checks of attempts whose job's time is up. What parts come to together is checked to its end.
    fn end_late_checks(&self, held: &Held) {
        // One that cannot be read is looked at again soon.
        if (self.store().job(held.claim.job)).is_ok_and(|row| row.until_us() <= wall_us()) {
            let attempts = lock(&held.attempts);
            let late = attempts.iter().filter(|(number, _)| **number != QUEUE);
            late.for_each(|(_, live)| live.stop.stop());
        }
    }

    fn begin(self: &Arc<Jobs>, claim: Claim) {
        let job = claim.job;
        let row = match self.store().job(job) {
            Ok(row) => row,
            // It is claimed again when its lease is over.
            Err(e) => return note(&format!("{job}: {e}")),
        };
        let held = Arc::new(Held {
            claim,
            attempts: Mutex::default(),
            halted: Mutex::default(),
            based: Mutex::default(),
            proven: Mutex::new(work::smallest(&row)),
            rivalry: row.task.rivalry,
            purse: Purse::new(row.task.budget, row.spent()),
            gone: (Mutex::default(), Condvar::new()),
        });
        // Put aside and taken up again at once: what was stopped may not be over yet.
        let before = lock(&self.held).insert(job, Arc::clone(&held));
        let jobs = Arc::clone(self);
        std::thread::spawn(move || {
            let over = Over { jobs, held };
            let mut row = row;
            if let Some(before) = before {
                before.wait_gone();
                // Its last requests are on the account only now.
                row = match over.jobs.store().job(job) {
                    Ok(row) => row,
                    Err(e) => return note(&format!("{job}: {e}")),
                };
                over.held.purse.opens_with(row.spent());
            }
            work::job_or_fault(&over.jobs, &over.held, &row);
        });
    }

    fn changed(&self) {
        self.version.send_modify(|v| *v += 1);
    }

    /// The version once it is another than `seen`, or after a while.
    pub(crate) async fn news(&self, seen: u64) -> u64 {
        let mut version = self.version.subscribe();
        // In time or not: the answer is the version as it is then.
        let _ = tokio::time::timeout(NEWS, version.wait_for(|v| *v != seen)).await;
        *version.borrow()
    }

    fn doing(&self, held: &Held, number: u32, what: &str) {
        if let Some(live) = lock(&held.attempts).get_mut(&number) {
            what.clone_into(&mut live.doing);
            live.asks = None;
        }
        self.changed();
    }

    fn asks(&self, held: &Held, number: u32, model: &ModelId) {
        if let Some(live) = lock(&held.attempts).get_mut(&number) {
            live.doing = format!("asks {model}");
            live.asks = Some(model.clone());
        }
        self.changed();
    }

    /// Stops a job for good. What its attempts report after this changes nothing.
    pub(crate) fn cancel(&self, job: JobId) -> Result<(), ErrorBody> {
        self.store().cancel(job).map_err(refusal)?;
        if let Some(held) = lock(&self.held).get(&job).cloned() {
            self.halt(&held, CancelReason::Interrupted);
        }
        self.changed();
        Ok(())
    }

    /// Puts a job aside where it is: its attempts stop at their last completed steps, and nobody goes on with it.
    pub(crate) fn pause(&self, job: JobId) -> Result<(), ErrorBody> {
        self.store().pause(job, wall_us()).map_err(refusal)?;
        if let Some(held) = lock(&self.held).get(&job).cloned() {
            self.halt(&held, CancelReason::Interrupted);
        }
        self.changed();
        Ok(())
    }

    /// Lets a job go on that was put aside.
    pub(crate) fn resume(&self, job: JobId) -> Result<(), ErrorBody> {
        self.store().resume(job, wall_us()).map_err(refusal)?;
        self.look();
        self.changed();
        Ok(())
    }

    /// Gives every attempt of a job that is not over the person's words, between two of its steps. Of a divided job also
    /// those that may follow: they hear it before their first. Tells who that is.
    pub(crate) fn steer(&self, job: JobId, text: &str) -> Result<Hears, ErrorBody> {
        let mut store = self.store();
        let row = store.job(job).map_err(refusal)?;
        let id = AttemptId { job, number: QUEUE };
        let steps = store.steps(id, 1).map_err(refusal)?;
        let (left, hears) = match errand::queue(&row, steps) {
            Some(queue) if queue.only_joins() => (queue.hearers(), Hears::IfRed),
            Some(queue) => (queue.hearers(), Hears::AfterStep),
            None => {
                let count = u32::try_from(row.task.models.len()).unwrap_or(u32::MAX);
                let over = |number: &u32| row.ends.iter().any(|(n, _)| n == number);
                let left = (1..=count).filter(|number| !over(number)).collect();
                (left, Hears::AfterStep)
            }
        };
        store.say(job, &left, text).map_err(refusal)?;
        match left.is_empty() {
            true => Err(refuse(
                Exit::Target,
                format!(
                    "no attempt at {job} is left that could hear it. Next: once it is over, delegate again and say it there"
                ),
            )),
            false => Ok(hears),
        }
    }

    /// What a job made is not wanted. `undone`: the operation that merged it, if that was taken back.
    pub(crate) fn drop_job(&self, job: JobId, undone: Option<u64>) -> Result<(), ErrorBody> {
        let over = |state: &JobState| match state {
            JobState::Ready(_) | JobState::Failed { .. } | JobState::Cancelled => true,
            JobState::Merged { op, .. } => op.is_some() && *op == undone,
            JobState::Open | JobState::Dropped => false,
        };
        self.store()
            .change(job, &JobState::Dropped, over)
            .map_err(refusal)?;
        self.changed();
        Ok(())
    }
}

/// The end of a job's thread, however it ends: a job that nobody works on must not look as if somebody did.
struct Over {
    jobs: Arc<Jobs>,
    held: Arc<Held>,
}

impl Drop for Over {
    fn drop(&mut self) {
        let job = self.held.claim.job;
        let mut all = lock(&self.jobs.held);
        // Claimed anew meanwhile, it is somebody else's entry.
        if all.get(&job).is_some_and(|h| Arc::ptr_eq(h, &self.held)) {
            all.remove(&job);
        }
        drop(all);
        *lock(&self.held.gone.0) = true;
        self.held.gone.1.notify_all();
        self.jobs.changed();
        self.jobs.look();
    }
}

impl Held {
    /// Stops everything that runs. Work that is not written down by now is not.
    fn halt(&self, cause: CancelReason) {
        lock(&self.halted).get_or_insert(cause);
        for live in lock(&self.attempts).values() {
            live.stop.stop();
            // One that has just ended needs no stop.
            let _ = live.notes.send(Note::Halt);
        }
    }

    fn halted(&self) -> bool {
        lock(&self.halted).is_some()
    }

    fn wait_gone(&self) {
        let mut gone = lock(&self.gone.0);
        while !*gone {
            gone = self.gone.1.wait(gone).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// An attempt was proven: those that cannot win any more stop where they are.
    fn proves(&self, number: u32, size: PatchSize) {
        let mut proven = lock(&self.proven);
        if proven.is_none_or(|best| (size, number) < best) {
            *proven = Some((size, number));
        }
        drop(proven);
        if self.rivalry == Rivalry::First {
            lock(&self.attempts).values().for_each(|live| live.stop.stop());
        }
        self.tell_others();
    }

    /// Something happened that may end attempts which only wait.
    fn tell_others(&self) {
        for live in lock(&self.attempts).values() {
            // One that has just ended needs no word.
            let _ = live.notes.send(Note::Others);
        }
    }
}

/// Who claims: this process, and no later one with its number.
fn owner() -> String {
    format!("pid {}", std::process::id())
}

/// Microseconds since 1970.
fn wall_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// A failure of the store as a refusal.
#[allow(
    clippy::wildcard_enum_match_arm,
    clippy::needless_pass_by_value,
    reason = "whatever is not about the job is the disk's; called as a function value"
)]
fn refusal(error: StoreError) -> ErrorBody {
    let exit = match error {
        StoreError::NoJob { .. } | StoreError::NotThen { .. } | StoreError::Fenced { .. } => Exit::Target,
        _ => Exit::Disk,
    };
    refuse(exit, error.to_string())
}

/// A failure of the gate as a refusal.
fn gate_refusal(error: CliError) -> ErrorBody {
    let message = match error.hint {
        Some(hint) => format!("{}. Next: {hint}", error.message),
        None => error.message,
    };
    refuse(error.exit, message)
}

impl Hub {
    /// Requests that wait for a disk or for git, away from the runtime's workers.
    pub(crate) async fn job_work<T: Send + 'static>(
        self: &Arc<Hub>,
        work: impl FnOnce(&Hub) -> Result<T, ErrorBody> + Send + 'static,
    ) -> Result<T, ErrorBody> {
        let hub = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || work(&hub)).await;
        done.unwrap_or_else(|panic| Err(refuse(Exit::Daemon, panic.to_string())))
    }
}

#[cfg(test)]
mod tests;
