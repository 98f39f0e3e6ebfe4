//! The only crate that spawns processes.
//!
//! A [`Sandbox`] runs one command confined: bubblewrap (a file system, network and process tree of its own), Landlock
//! and seccomp together, with limits, a bound on output and an end that leaves nothing behind. It runs only what all of
//! these hold, unless a degraded one is asked for, and its [`Profile`] says so.
//!
//! A [`Runner`] runs one command of our own (a package client that fetches a model) to its end, hands out its lines as
//! they come, and leaves nothing of its process group behind. [`spawn_detached`] starts a daemon in a session of its
//! own, and a [`Server`] is a program that the person named and that we talk to. None of these confines anything, and every result says so ([`Confinement::None`]).

mod cell;
mod cgroup;
mod confined;
mod detach;
mod enter;
mod folders;
mod foreground;
mod group;
mod keeper;
mod lines;
mod log;
mod mounts;
mod options;
mod outcome;
mod profile;
mod run;
mod sandbox;
mod server;
mod stop;
mod trust;
mod wire;

pub use confined::{Confined, Limits, Network};
pub use detach::spawn_detached;
pub use enter::{ENTER, enter};
pub use foreground::{captured, fed, foreground};
pub use lines::{Line, Lines, Stream};
pub use mounts::{found_inside, toolchains};
pub use options::{EnvRule, RunOptions, Weight};
pub use outcome::{Exit, Outcome, RunError};
pub use profile::{Level, Mechanism, Profile};
pub use run::{Confinement, End, Finished, Runner, SpawnError};
pub use rustix::process::Pid;
pub use sandbox::{Accept, Sandbox, Unavailable};
pub use server::Server;
pub use stop::Stop;
