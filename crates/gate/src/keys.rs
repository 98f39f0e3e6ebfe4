//! Keys: ed25519, each known by the SHA-256 of its public half.

use crate::digest::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use brisk_domain::evidence::Digest;
use ed25519_dalek::{Signer as _, VerifyingKey};
use std::collections::BTreeMap;
use std::fmt;

/// The half of a key that signs. It is never shown, and never leaves the shell's folder.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public().id())
    }
}

impl SigningKey {
    /// From 32 bytes of randomness that the shell brings and keeps.
    pub fn from_seed(seed: [u8; 32]) -> SigningKey {
        SigningKey(ed25519_dalek::SigningKey::from_bytes(&seed))
    }

    /// Its public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

/// The half of a key that everybody may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// A line that is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} is no key: write `ed25519 BASE64 NAME`")]
pub struct KeyError {
    /// Counted from 1.
    pub line: usize,
}

impl PublicKey {
    /// SHA-256 of its bytes: how envelopes name it.
    pub fn id(&self) -> Digest {
        digest(self.0.as_bytes())
    }

    /// As in a file of keys: `ed25519 BASE64`.
    pub fn line(&self) -> String {
        format!("ed25519 {}", STANDARD.encode(self.0.as_bytes()))
    }

    /// Strict: no other signature than the signer's own is accepted for a message.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        ed25519_dalek::Signature::from_slice(signature)
            .is_ok_and(|s| self.0.verify_strict(message, &s).is_ok())
    }

    fn parse(base64: &str) -> Option<PublicKey> {
        let bytes: [u8; 32] = STANDARD.decode(base64).ok()?.try_into().ok()?;
        let key = VerifyingKey::from_bytes(&bytes).ok()?;
        // Small-order points would accept signatures that nobody made.
        (!key.is_weak()).then_some(PublicKey(key))
    }
}

/// The keys that somebody trusts. They come from outside of the repository, always.
#[derive(Debug, Clone, Default)]
pub struct Keyring(BTreeMap<Digest, (PublicKey, String)>);

impl Keyring {
    /// One key, with a name for people.
    pub fn of(key: PublicKey, name: &str) -> Keyring {
        Keyring(BTreeMap::from([(key.id(), (key, name.to_owned()))]))
    }

    /// Reads lines of `ed25519 BASE64 NAME`; empty ones and those that begin with `#` say nothing.
    ///
    /// # Errors
    /// The first line that is something else.
    pub fn parse(text: &str) -> Result<Keyring, KeyError> {
        let mut ring = Keyring::default();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let mut words = line.split_whitespace();
            let key = match (words.next(), words.next()) {
                (Some("ed25519"), Some(base64)) => PublicKey::parse(base64),
                _ => None,
            }
            .ok_or(KeyError { line: at + 1 })?;
            let name: Vec<&str> = words.collect();
            ring.0.insert(key.id(), (key, name.join(" ")));
        }
        Ok(ring)
    }

    /// The key with this id.
    pub fn get(&self, id: &Digest) -> Option<&PublicKey> {
        self.0.get(id).map(|(key, _)| key)
    }

    /// What people call the key with this id.
    pub fn name(&self, id: &Digest) -> Option<&str> {
        self.0.get(id).map(|(_, name)| name.as_str())
    }

    /// Nobody is trusted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_is_read_and_what_is_no_key_is_named() {
        let key = SigningKey::from_seed([7; 32]).public();
        let ring = Keyring::parse(&format!("# ours\n\n{} Ann B\n", key.line())).unwrap();
        assert_eq!(ring.get(&key.id()), Some(&key));
        assert_eq!(ring.name(&key.id()), Some("Ann B"));
        assert!(Keyring::parse("").unwrap().is_empty());
        let weak = format!("ed25519 {}", STANDARD.encode([0; 32]));
        for (text, line) in [("ed25519 x", 1), ("\nrsa AAAA", 2), ("ed25519", 1), (&weak, 1)] {
            assert_eq!(Keyring::parse(text).unwrap_err(), KeyError { line }, "{text}");
        }
        assert!(!format!("{:?}", SigningKey::from_seed([7; 32])).contains("7, 7"));
    }
}
