//! What a check wrote, or the file that it left: `cargo fuzz run gate_report` (see the README).
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| brisk_gate::checks::report(text, text));
