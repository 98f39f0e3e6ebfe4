//! What a model's server sends, in any protocol: `cargo fuzz run model_events` (see the README). The first byte picks
//! the protocol, the second the size of the pieces.
#![no_main]

use brisk_providers::checks::{Wire, events};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let [wire, piece, stream @ ..] = bytes else { return };
    let wire = match wire % 4 {
        0 => Wire::Chat,
        1 => Wire::Messages,
        2 => Wire::Responses,
        _ => Wire::Socket,
    };
    if let Err(differs) = events(wire, stream, usize::from(*piece)) {
        panic!("{wire:?}: {differs}");
    }
});
