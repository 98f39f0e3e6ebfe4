//! The command line client against a scripted daemon: every test is both sides of the wire, so that nothing depends
//! on time. The person's side is a pseudo terminal or pipes.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod daemon;
mod doctor;
mod fake;
mod live;
mod piped;
mod terminal;
