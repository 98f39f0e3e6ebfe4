//! The stage for everything that drives the built product from outside: a home and a repository made for it, a fake
//! model as a process of its own, and terminals that a program reads.

pub(crate) mod client;
pub(crate) mod fake;
pub(crate) mod house;
pub(crate) mod lines;
pub(crate) mod terminal;
