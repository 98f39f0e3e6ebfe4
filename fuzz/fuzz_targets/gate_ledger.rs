//! A ledger; and its lines as bodies of a chain that holds: `cargo fuzz run gate_ledger` (see the README).
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    brisk_gate::checks::ledger(text.as_bytes());
    let bodies: Vec<String> = text.lines().map(str::to_owned).collect();
    brisk_gate::checks::envelopes(&bodies);
});
