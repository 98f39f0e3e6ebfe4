//! The whole product: the real binary, the daemon that it starts, and a fake model server behind gates.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "helpers of tests, which read on to what they wait for"
)]

mod disk;
mod editor;
mod edits;
mod house;
mod models;
mod plain;
mod refusals;
mod route;
mod routed;
mod sessions;
mod stats;
mod websocket;
