//! Two files and an answer in search/replace blocks: `cargo fuzz run search_replace` (see the README).
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str, &str, Vec<usize>)| {
    let (file, other, answer, cuts) = input;
    brisk_patch::checks::search_replace(file, other, answer, &cuts);
});
