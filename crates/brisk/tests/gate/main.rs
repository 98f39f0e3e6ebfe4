//! Verify and ship through the binary, in real repositories with real git, and everything that was tried to ship
//! something that was not verified.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot go on has failed"
)]

mod adopt;
mod attacks;
mod cargo;
mod changes;
mod escapes;
mod flags;
mod forged;
mod gitstate;
mod house;
mod kept;
mod looks;
mod merge;
mod names;
mod receive;
mod server;
mod ship;
mod ssh;
mod stored;
mod story;
mod surfaces;
mod trust;
mod whole;
