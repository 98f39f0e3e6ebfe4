//! The sandbox against real commands.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod basics;
mod house;
