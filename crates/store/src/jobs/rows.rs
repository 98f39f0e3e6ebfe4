//! What is read of jobs.

use brisk_domain::JobId;
use brisk_domain::job::{End, JobState, Step, Task};
use brisk_domain::spending::Spent;
use std::path::PathBuf;

/// Leave to work on one job, for as long as its lease lasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Which job.
    pub job: JobId,
    pub(super) fence: i64,
}

/// One job.
#[derive(Debug, Clone, PartialEq)]
pub struct JobRow {
    /// Which.
    pub id: JobId,
    /// Root of the repository it works in.
    pub root: PathBuf,
    /// What was handed over.
    pub task: Task,
    /// Where it stands.
    pub state: JobState,
    /// When it was handed over, microseconds since 1970.
    pub made_us: u64,
    /// The person has put it aside.
    pub paused: bool,
    /// How long it was put aside before, microseconds.
    pub rested_us: u64,
    /// Attempts that are over, by number.
    pub ends: Vec<(u32, End)>,
    /// What attempts took, by number; one that asked nobody is missing.
    pub spent: Vec<(u32, Spent)>,
}

impl JobRow {
    /// When its time is up, microseconds since 1970. What it was put aside does not count.
    pub fn until_us(&self) -> u64 {
        let minutes = u64::from(self.task.bounds.minutes);
        self.made_us
            .saturating_add(self.rested_us)
            .saturating_add(minutes * 60_000_000)
    }

    /// What an attempt took.
    pub fn spent_by(&self, attempt: u32) -> Spent {
        let found = self.spent.iter().find(|(number, _)| *number == attempt);
        found.map_or_else(Spent::default, |(_, spent)| *spent)
    }

    /// What all attempts took.
    pub fn spent(&self) -> Spent {
        self.spent
            .iter()
            .fold(Spent::default(), |all, (_, spent)| all.and(*spent))
    }
}

/// As much of a job as a line about it takes.
#[derive(Debug, Clone, PartialEq)]
pub struct JobLine {
    /// Which.
    pub id: JobId,
    /// The person's words.
    pub text: String,
    /// Where it stands.
    pub state: JobState,
}

/// One completed step.
#[derive(Debug, Clone, PartialEq)]
pub struct StepRow {
    /// Its place in its attempt: 1, 2, 3, ... without a gap.
    pub seq: u64,
    /// When it was written down, microseconds since 1970.
    pub at_us: u64,
    /// What happened.
    pub step: Step,
}
