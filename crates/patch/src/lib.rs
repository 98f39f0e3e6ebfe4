//! Text only: streaming edit-format parsers, locate, hunks, minimise, budget, apply, invert, rebase.
//!
//! No I/O, no clock, no knowledge of models: bytes and lines in, changes out.

mod align;
mod apply_patch;
mod blanks;
mod budget;
#[doc(hidden)]
pub mod checks;
mod chunk;
mod files;
mod hunk;
mod lenient;
mod locate;
mod minimise;
mod named;
mod nesting;
pub mod paint;
mod place;
mod rebase;
mod region;
mod repair;
mod replace;
mod search_replace;
mod stream;
mod symbols;
mod syntax;
mod table;
mod text;
pub mod visible;

pub use blanks::{Blanks, only_blank_lines, without_added_remarks, without_blank_edges, without_noise};
pub use budget::{Budget, OverBudget, Spent};
pub use hunk::{ApplyError, Change, Hunk, apply, invert, map_line};
pub use locate::{Indent, Index, Located, locate};
pub use minimise::minimise;
pub use rebase::{Conflict, Edited, rebase};
pub use region::RegionOutcome;
pub use repair::repair_tail;
pub use replace::replace;
pub use stream::{LineSide, PatchStream, Refusal, StreamEvent};
pub use symbols::{Symbol, SymbolKind, enclosing, find, outline, vanished};
pub use syntax::{Language, begins_in_text, errors, parses_as_well, remarks};
pub use text::{Eol, MAX_BYTES, NotText, Text, bare, split_lines};
