//! Threads beside the one that polls: connecting, and the colours of code.

use super::dial::{Opened, Want, dial};
use crate::cli::context::Context;
use crate::exit::CliError;
use brisk_tui::colour::{Colourist, Job, Painted};
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};

/// A larger file is not read for its colours, bytes.
const MAX_COLOURED: u64 = 2 << 20;

/// What other threads have to say.
pub(super) enum Report {
    /// The outcome of the call with this number.
    Dialled(u64, Result<Opened, CliError>),
    Painted(Painted),
}

/// How threads are started, and how they report.
pub(super) struct Workers {
    pub(super) send: Sender<Report>,
    pub(super) bell: UnixStream,
}

impl Workers {
    fn report(&self) -> impl Fn(Report) + Send + 'static {
        let (send, bell) = (self.send.clone(), self.bell.try_clone());
        move |report| {
            // A client that is over wants no reports.
            if send.send(report).is_ok()
                && let Ok(mut bell) = bell.as_ref()
            {
                let _ = bell.write(&[1]);
            }
        }
    }

    /// Connects, also where that takes the start of a daemon. `number` comes back with the outcome.
    pub(super) fn dial(&self, context: &Context, cwd: &Path, want: Want, number: u64) {
        let (home, cwd, report) = (context.home.clone(), cwd.to_owned(), self.report());
        std::thread::spawn(move || report(Report::Dialled(number, dial(&home, &cwd, want))));
    }

    /// Colours what comes in over the channel.
    pub(super) fn colours(&self) -> Sender<(PathBuf, Job)> {
        let (jobs, todo) = channel::<(PathBuf, Job)>();
        let report = self.report();
        std::thread::spawn(move || {
            let mut colourist = Colourist::default();
            for (root, job) in todo {
                let path = match &job {
                    Job::Warm { path } | Job::Hunk { path, .. } => root.join(path),
                };
                let read = || {
                    let plain = path
                        .metadata()
                        .is_ok_and(|m| m.is_file() && m.len() <= MAX_COLOURED);
                    let text = plain.then(|| std::fs::read_to_string(&path).ok()).flatten();
                    text.unwrap_or_default()
                };
                if let Some(painted) = colourist.colour(&job, read) {
                    report(Report::Painted(painted));
                }
            }
        });
        jobs
    }
}
