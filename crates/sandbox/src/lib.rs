//! The only crate that spawns processes.
//!
//! A [`Runner`] runs one command to its end, hands out its lines as they come, and leaves nothing of its process
//! group behind: not after the end, not after a timeout, not when the call is dropped. [`spawn_detached`] starts a
//! daemon in a session of its own. Nothing is confined yet, and every result says so ([`Confinement::None`]).

mod detach;
mod foreground;
mod group;
mod lines;
mod options;
mod run;

pub use detach::spawn_detached;
pub use foreground::foreground;
pub use lines::{Line, Stream};
pub use options::{EnvRule, RunOptions, Weight};
pub use run::{Confinement, End, Finished, Runner, SpawnError};
pub use rustix::process::Pid;
