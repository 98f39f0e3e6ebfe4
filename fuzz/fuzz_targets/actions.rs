//! What models answer in delegated work, in words and as calls: `cargo fuzz run actions` (see the README).
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Vec<&str>, Vec<(&str, &str)>)| {
    let (words, calls) = input;
    brisk_lanes::checks::words(&words);
    words.iter().for_each(|answer| brisk_lanes::checks::plan(answer));
    brisk_lanes::checks::calls(&calls);
});
