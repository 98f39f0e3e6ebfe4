//! A process group that ends with its owner.

use rustix::process::{Pid, Signal, kill_process_group};

/// The group that a child leads. Killed when dropped.
///
/// The owner must drop (or [`kill`](Group::kill)) it before the leader is waited for: as long as the leader has not
/// been reaped its number cannot be given to a stranger.
#[derive(Debug)]
pub(crate) struct Group(Pid);

impl Group {
    /// The group led by the child with this number.
    pub(crate) fn led_by(leader: Pid) -> Group {
        Group(leader)
    }

    /// Ends every process that is still in the group.
    pub(crate) fn kill(self) {
        drop(self);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // The only failure is that nobody is left, which is what we want.
        let _ = kill_process_group(self.0, Signal::KILL);
    }
}
