//! The sandbox against real commands: those that behave and those that do not.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod basics;
mod calls;
mod ends;
mod escapes;
mod house;
mod network;
mod person;
mod tools;
