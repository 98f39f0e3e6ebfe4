//! What every command is given.

use crate::cli::style::ColourChoice;
use crate::cli::term::Streams;
use crate::home::Home;
use rustix::time::{ClockId, Timespec, clock_gettime};

/// The moment at which the process began to run our code.
#[derive(Debug, Clone, Copy)]
pub struct Began(u64);

impl Began {
    /// Now. To be called first.
    pub fn now() -> Began {
        Began(monotonic_us())
    }

    /// Microseconds since.
    pub(crate) fn t_us(self) -> u64 {
        monotonic_us().saturating_sub(self.0)
    }
}

/// Microseconds of CLOCK_MONOTONIC: the daemon's clock too, so that both can be compared.
fn monotonic_us() -> u64 {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::Monotonic);
    u64::try_from(tv_sec).unwrap_or(0) * 1_000_000 + u64::try_from(tv_nsec).unwrap_or(0) / 1_000
}

/// Home, clock and streams of one command.
#[derive(Debug)]
pub(crate) struct Context {
    /// Folders.
    pub home: Home,
    /// When it began.
    pub began: Began,
    /// `--json`.
    pub json: bool,
    /// `--color`.
    pub colour: ColourChoice,
    /// What the streams are.
    pub streams: Streams,
}

impl Context {
    /// Microseconds since the command began.
    pub(crate) fn t_us(&self) -> u64 {
        self.began.t_us()
    }

    /// CLOCK_MONOTONIC microseconds.
    pub(crate) fn now_us(&self) -> u64 {
        monotonic_us()
    }

    /// CLOCK_MONOTONIC microseconds at which the command began.
    pub(crate) fn began_us(&self) -> u64 {
        self.began.0
    }

    /// Whether standard output is coloured.
    pub(crate) fn colour(&self) -> bool {
        self.colour
            .decide(self.streams.output, self.streams.no_color, self.streams.dumb)
    }
}
