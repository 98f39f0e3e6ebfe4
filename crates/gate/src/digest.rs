//! SHA-256 as the domain spells it.

use brisk_domain::evidence::Digest;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// Digest of `bytes`.
pub fn digest(bytes: &[u8]) -> Digest {
    let hex = Sha256::digest(bytes)
        .iter()
        .fold(String::with_capacity(64), |mut s, b| {
            // Writing into a text cannot fail.
            let _ = write!(s, "{b:02x}");
            s
        });
    // 64 lower case digits by construction; the fallback is a digest that belongs to nothing.
    Digest::parse(&hex).unwrap_or_else(|| digest(b"unreachable"))
}

/// Bytes of one word of somebody else's that evidence holds.
const BRIEF: usize = 240;

/// A name or a reason as evidence holds it: a long one is cut, with the digest of the whole.
pub fn brief(text: &str) -> String {
    if text.len() <= BRIEF {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(BRIEF);
    let kept = text.get(..end).unwrap_or_default();
    format!("{kept}... ({})", digest(text.as_bytes()).short())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_is_cut_and_still_told_from_another() {
        assert_eq!(brief("a/b"), "a/b");
        let [one, two] = [5_000, 5_001].map(|n| brief(&"\u{e9}".repeat(n)));
        assert!(one.len() < 300 && one != two, "{one} {two}");
    }
}
