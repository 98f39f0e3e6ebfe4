//! The command line client against a scripted daemon: every test is both sides of the wire, so that nothing depends
//! on time. The person's side is a pseudo terminal or pipes.

mod daemon;
mod fake;
mod live;
mod piped;
mod terminal;
