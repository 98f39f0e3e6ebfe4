//! A handle that ends a confined command from elsewhere.

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

/// Ends the commands that were started with it: those that run and those that are started later. Clones are the same
/// handle. It works from any thread and does not wait for anybody.
#[derive(Debug, Clone)]
pub struct Stop(Arc<OwnedFd>);

impl Stop {
    /// A handle that has not been used.
    ///
    /// # Errors
    /// When the process may not open more files.
    pub fn new() -> io::Result<Stop> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        Ok(Stop(Arc::new(eventfd(0, flags)?)))
    }

    /// Ends them. The second time changes nothing.
    pub fn stop(&self) {
        // It only fails once the counter is full, and then it has been stopped often enough.
        let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
    }

    /// Waits for it to be used, for as long as this; whether it was. Where nobody can wait, it was not.
    pub fn within(&self, time: Duration) -> bool {
        let mut polled = [PollFd::new(&self.0, PollFlags::IN)];
        let left = Timespec::try_from(time).ok();
        poll(&mut polled, left.as_ref()).is_ok_and(|ready| ready > 0)
    }
}

impl AsFd for Stop {
    /// Readable for ever once stopped.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
