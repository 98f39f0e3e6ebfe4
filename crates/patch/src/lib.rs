//! Text only: streaming edit-format parsers, locate, hunks, minimise, budget, apply, invert, rebase.
//!
//! No I/O, no clock, no knowledge of models: bytes and lines in, changes out.

mod hunk;
mod text;

pub use hunk::{ApplyError, Change, Hunk, apply, invert, map_line};
pub use text::{Eol, MAX_BYTES, NotText, Text, bare, split_lines};
