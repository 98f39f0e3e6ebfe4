//! The payload of an envelope: `cargo fuzz run gate_statement` (see the README).
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|payload: &[u8]| brisk_gate::checks::statement(payload));
