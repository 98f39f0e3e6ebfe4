//! A prompt and the places that it names: `cargo fuzz run prompt` (see the README).
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, Vec<&str>, bool)| {
    let (text, targets, ask) = input;
    brisk_router::checks::prompt(text, &targets, ask);
});
