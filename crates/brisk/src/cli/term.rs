//! The terminal and the signals: single keys without echo, and the state that was found given back on every way out.

use crate::cli::paint::Size;
use rustix::process::{Signal, getpid, kill_process};
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr,
};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP, SIGWINCH};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// What the streams of this process are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Streams {
    /// Standard input is a terminal.
    pub input: bool,
    /// Standard output is a terminal.
    pub output: bool,
    /// TERM says that it cannot move its cursor.
    pub dumb: bool,
    /// NO_COLOR is set and not empty.
    pub no_color: bool,
}

impl Streams {
    /// From this process.
    pub(crate) fn of_process() -> Streams {
        let term = std::env::var_os("TERM").unwrap_or_default();
        Streams {
            input: isatty(io::stdin()),
            output: isatty(io::stdout()),
            dumb: term.is_empty() || term == "dumb",
            no_color: std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty()),
        }
    }
}

/// Size of the terminal on standard output; 80x24 where it does not say.
pub(crate) fn size() -> Size {
    let found = tcgetwinsize(io::stdout())
        .ok()
        .filter(|w| w.ws_col > 0 && w.ws_row > 0);
    match found {
        Some(w) => Size {
            columns: usize::from(w.ws_col),
            rows: usize::from(w.ws_row),
        },
        None => Size {
            columns: 80,
            rows: 24,
        },
    }
}

/// Single keys: no line editing, no echo. Ctrl-C and Ctrl-Z stay signals. Dropping it gives the old state back; a
/// panic unwinds through it, and signals are handled as input ([`Signals`]), so that they end in the same drop.
#[derive(Debug)]
pub(crate) struct Keyboard {
    found: Termios,
    ours: Termios,
}

impl Keyboard {
    /// Takes the terminal on standard input.
    pub(crate) fn take() -> io::Result<Keyboard> {
        let found = tcgetattr(io::stdin())?;
        let mut ours = found.clone();
        ours.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        ours.special_codes[SpecialCodeIndex::VMIN] = 1;
        ours.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(io::stdin(), OptionalActions::Now, &ours)?;
        Ok(Keyboard { found, ours })
    }

    /// Ctrl-Z: gives the terminal back, sleeps until the person brings us back, takes it again.
    pub(crate) fn suspend(&self) -> io::Result<()> {
        tcsetattr(io::stdin(), OptionalActions::Now, &self.found)?;
        kill_process(getpid(), Signal::STOP)?;
        tcsetattr(io::stdin(), OptionalActions::Now, &self.ours)?;
        Ok(())
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        // Keys that nobody waited for would otherwise be typed into the shell.
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.found);
    }
}

/// What signals say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Told {
    /// SIGINT.
    pub interrupt: bool,
    /// SIGTERM or SIGHUP.
    pub end: bool,
    /// SIGTSTP.
    pub suspend: bool,
    /// SIGWINCH, or SIGCONT (the window may have changed while we slept).
    pub resized: bool,
}

/// Signals as something to poll.
#[derive(Debug)]
pub(crate) struct Signals {
    wake: UnixStream,
    flags: Vec<(i32, Arc<AtomicBool>)>,
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}

impl Signals {
    /// Takes the signals of this process. SIGTSTP only where there is a keyboard to give back.
    pub(crate) fn take(keyboard: bool) -> io::Result<Signals> {
        let (wake, bell) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        let mut flags = Vec::new();
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGCONT, SIGTSTP] {
            if signal == SIGTSTP && !keyboard {
                continue;
            }
            let flag = Arc::new(AtomicBool::new(false));
            // The flag first: whoever hears the bell finds it raised.
            signal_hook::flag::register(signal, Arc::clone(&flag))?;
            signal_hook::low_level::pipe::register(signal, bell.try_clone()?)?;
            flags.push((signal, flag));
        }
        Ok(Signals { wake, flags })
    }

    /// What has come since the last call.
    pub(crate) fn told(&mut self) -> Told {
        let mut bell = [0; 64];
        while matches!(self.wake.read(&mut bell), Ok(n) if n > 0) {}
        let mut told = Told::default();
        for (signal, flag) in &self.flags {
            if !flag.swap(false, Ordering::SeqCst) {
                continue;
            }
            match *signal {
                SIGINT => told.interrupt = true,
                SIGTERM | SIGHUP => told.end = true,
                SIGTSTP => told.suspend = true,
                _ => told.resized = true,
            }
        }
        told
    }
}

/// Holds back the signals that end this process, while there is something that has to be ended before it. Dropping it
/// does what they asked for, and from then on they do it themselves.
#[derive(Debug)]
pub(crate) struct Hold {
    over: Arc<AtomicBool>,
    /// The last one that came; 0: none.
    told: Arc<AtomicUsize>,
}

impl Hold {
    /// Takes SIGINT, SIGTERM and SIGHUP.
    pub(crate) fn take() -> io::Result<Hold> {
        let hold = Hold {
            over: Arc::default(),
            told: Arc::default(),
        };
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            let number = usize::try_from(signal).map_err(io::Error::other)?;
            signal_hook::flag::register_conditional_default(signal, Arc::clone(&hold.over))?;
            signal_hook::flag::register_usize(signal, Arc::clone(&hold.told), number)?;
        }
        Ok(hold)
    }

    /// Whether one has come.
    pub(crate) fn is_told(&self) -> bool {
        self.told.load(Ordering::SeqCst) != 0
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        // In this order: one that comes in between is seen here or ends the process itself.
        self.over.store(true, Ordering::SeqCst);
        if let Ok(signal @ 1..) = i32::try_from(self.told.load(Ordering::SeqCst)) {
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
    }
}
