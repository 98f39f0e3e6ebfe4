//! A file and an answer that rewrites some of its lines: `cargo +nightly fuzz run region`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str, (usize, usize), Vec<usize>)| {
    let (file, answer, bounds, cuts) = input;
    brisk_patch::checks::region(file, answer, bounds, &cuts);
});
