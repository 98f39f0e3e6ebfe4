//! The daemons that tests leave behind.

use std::process::{Command, Stdio};

/// Ends the daemon that a test's commands have started; none is as good. `brisk` is the product in the test's home, without
/// arguments.
pub fn end_daemon(mut brisk: Command) {
    let _ = brisk
        .args(["daemon", "stop"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}
