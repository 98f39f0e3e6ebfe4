//! A policy, or a file of keys: `cargo fuzz run gate_settings` (see the README).
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| brisk_gate::checks::settings(text));
