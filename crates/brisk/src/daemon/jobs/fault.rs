//! What breaks in our own code ends what it happened in, with a word about it, and nothing else. Left to itself, an
//! attempt that breaks would be begun again with every lease, for ever.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Does it; where it panics, gives why it is over, for people.
pub(super) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    // What a panic leaves behind is whole: see `super::lock`.
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().map(|t| (*t).to_owned());
        let said = text.or_else(|| panic.downcast_ref::<String>().cloned());
        format!(
            "a fault of Brisk itself ended it: {}. Next: delegate again; the daemon's log says where it was",
            said.as_deref().unwrap_or("it does not say what")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_breaks_says_why_and_what_does_not_is_what_it_was() {
        assert_eq!(caught(|| 7), Ok(7));
        let number = 3;
        for (why, want) in [
            (caught(|| panic!("plain")), "ended it: plain."),
            (caught(|| panic!("with {number}")), "ended it: with 3."),
            (caught(|| std::panic::panic_any(7)), "it does not say what"),
        ] {
            let why: String = why.unwrap_err();
            assert!(why.contains(want), "{why}");
        }
    }
}
