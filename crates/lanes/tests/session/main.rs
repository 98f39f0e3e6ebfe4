//! The session through its one door: inputs in, effects out. Every case is a story told in a few lines.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot go on has failed"
)]

mod budget;
mod follow;
mod race;
mod routed;
mod turns;
mod world;
