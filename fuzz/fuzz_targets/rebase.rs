//! A text, a model's version of it and a person's: `cargo fuzz run rebase` (see the README).
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str, &str)| {
    let (base, edited, now) = input;
    brisk_patch::checks::rebasing(base, edited, now);
});
