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
