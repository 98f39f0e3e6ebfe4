//! The `brisk` binary: the command line client, or the daemon.

use brisk::cli::{Began, Next, run};
use brisk::exit::Exit;
use std::process::ExitCode;

fn main() -> ExitCode {
    // The inside of a sandbox: nothing of the command line concerns it.
    if std::env::args_os()
        .nth(1)
        .is_some_and(|first| first == brisk_sandbox::ENTER)
    {
        return brisk_sandbox::enter();
    }
    match run(Began::now()) {
        Next::Exit(exit) => exit.into(),
        Next::Daemon(home) => daemon(home).into(),
    }
}

fn daemon(home: brisk::home::Home) -> Exit {
    // The folder that the first client happened to be in must not be held for the daemon's life.
    let run = std::env::set_current_dir("/")
        .map_err(brisk::daemon::DaemonError::from)
        .and_then(|()| brisk::daemon::run(home));
    match run {
        Ok(()) => Exit::Done,
        Err(error) => {
            brisk::cli::complain(&error);
            error.exit()
        }
    }
}
