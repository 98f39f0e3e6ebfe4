//! The terminal client as a pure core. Keys, messages of the daemon and the clock come in as values, requests and
//! painted rows go out as values; whoever owns terminal and socket carries them.

mod app;
mod book;
pub mod colour;
mod composer;
mod felt;
mod key;
mod look;
mod paint;
mod prose;
mod view;
mod wire;
mod words;

pub use app::{Act, App, DELEGATE_OPTIONS, Draft, Input, Notify, Purpose, Rest, Setup};
pub use felt::Felt;
pub use key::{Decoder, Key, Typed};
pub use paint::{Painter, WIPE};
pub use ratatui_core::text::Line;
pub use view::{Frame, Size, frame};
pub use wire::{Call, Reply, Told, Wire};
