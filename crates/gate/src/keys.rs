//! Keys: ed25519, each known by the SHA-256 of its public half.

use crate::digest::digest;
use crate::ssh;
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

/// Whatever signs: a key at hand, or somebody who holds one and only lends signatures.
pub trait Signs {
    /// The half that everybody may know.
    fn public(&self) -> PublicKey;

    /// Signs a message.
    ///
    /// # Errors
    /// Why not, in words: the key is locked, or whoever holds it did not answer.
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], String>;
}

impl Signs for SigningKey {
    fn public(&self) -> PublicKey {
        SigningKey::public(self)
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], String> {
        Ok(self.0.sign(message).to_bytes())
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
}

/// The half of a key that everybody may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// A line that is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} is no key: write `ed25519 BASE64 NAME`, or the line of an SSH key of this kind")]
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

    /// Its 32 bytes.
    pub(crate) fn bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Strict: no other signature than the signer's own is accepted for a message.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        ed25519_dalek::Signature::from_slice(signature)
            .is_ok_and(|s| self.0.verify_strict(message, &s).is_ok())
    }

    fn parse(base64: &str) -> Option<PublicKey> {
        PublicKey::from_bytes(&STANDARD.decode(base64).ok()?.try_into().ok()?)
    }

    /// From its 32 bytes; `None` if they are no point that a key can be.
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<PublicKey> {
        let key = VerifyingKey::from_bytes(bytes).ok()?;
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

    /// Reads lines of `ed25519 BASE64 NAME` or `ssh-ed25519 BASE64 NAME`, as in a `.pub` file; empty ones and those that begin with `#` say nothing.
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
                (Some("ssh-ed25519"), Some(_)) => ssh::public(line),
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

    /// The key, where there is exactly one.
    pub fn only(&self) -> Option<&PublicKey> {
        let mut all = self.0.values().map(|(key, _)| key);
        all.next().filter(|_| all.next().is_none())
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
