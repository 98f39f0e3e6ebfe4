//! A file and an answer that rewrites some of its lines: `cargo fuzz run region` (see the README).
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str, (usize, usize), Vec<usize>)| {
    let (file, answer, bounds, cuts) = input;
    brisk_patch::checks::region(file, answer, bounds, &cuts);
});
