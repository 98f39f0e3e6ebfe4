//! Two files and an `apply_patch` answer: `cargo +nightly fuzz run apply_patch`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str, &str, Vec<usize>)| {
    let (file, other, answer, cuts) = input;
    brisk_patch::checks::apply_patch(file, other, answer, &cuts);
});
