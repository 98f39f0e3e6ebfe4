//! Two files and an `apply_patch` answer: `cargo fuzz run apply_patch` (see the README).
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str, &str, Vec<usize>)| {
    let (file, other, answer, cuts) = input;
    brisk_patch::checks::apply_patch(file, other, answer, &cuts);
});
