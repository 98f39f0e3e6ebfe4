//! A person's policy and a repository's: `cargo fuzz run policy` (see the README).
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str)| {
    let (person, repository) = input;
    brisk_router::checks::policies(person, repository);
});
