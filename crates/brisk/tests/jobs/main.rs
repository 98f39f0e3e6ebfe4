//! Delegated work in the whole product: the real binary, its daemon, real checks in the sandbox, and models that say what
//! the test wants.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, which end with the test"
)]

mod bad;
mod gone;
mod house;
mod late;
mod life;
mod merge;
mod named;
mod odd;
mod orders;
mod parts;
mod room;
mod servers;
mod small;
mod story;
mod tools;
mod words;
