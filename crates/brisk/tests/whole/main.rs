//! The whole product: the real binary, the daemon that it starts, and a fake model server behind gates.

mod edits;
mod house;
mod refusals;
mod sessions;
