//! DSSE: a payload with signatures over its type and its bytes.

use crate::keys::{Keyring, Signs};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use brisk_domain::evidence::Digest;
use serde::{Deserialize, Serialize};

/// What the payload is: an in-toto statement.
const TYPE: &str = "application/vnd.in-toto+json";

/// An envelope as it is written: members and spelling are those of DSSE.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    #[serde(rename = "payloadType")]
    payload_type: String,
    payload: String,
    signatures: Vec<Signature>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    keyid: String,
    sig: String,
}

/// Why an envelope is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// It is no envelope of a statement.
    #[error("it is no signed statement: {why}")]
    Malformed {
        /// What is wrong.
        why: String,
    },
    /// Nobody signed it.
    #[error("it has no signature")]
    Unsigned,
    /// Whoever signed it is not trusted here.
    #[error("it is signed by the key {keyid}, which is not trusted here")]
    Unknown {
        /// As it is written there.
        keyid: String,
    },
    /// The signature is not one over this payload.
    #[error("its signature does not fit its payload")]
    Forged,
}

impl Envelope {
    /// Signs a statement. What comes back is looked at: a signature of another key would make a ledger that nobody
    /// believes.
    pub(crate) fn sign(payload: &[u8], key: &dyn Signs) -> Result<Envelope, String> {
        let message = pae(TYPE, payload);
        let sig = key.sign(&message)?;
        let public = key.public();
        if !public.verifies(&message, &sig) {
            return Err("what signed is not the key that was asked for".to_owned());
        }
        Ok(Envelope {
            payload_type: TYPE.to_owned(),
            payload: STANDARD.encode(payload),
            signatures: vec![Signature {
                keyid: public.id().to_string(),
                sig: STANDARD.encode(sig),
            }],
        })
    }

    /// The payload and who signed it. Exactly one signature, and it must be good: of several, one that is not
    /// looked at could say anything.
    pub(crate) fn open(&self, ring: &Keyring) -> Result<(Vec<u8>, Digest), EnvelopeError> {
        let malformed = |why: &str| EnvelopeError::Malformed { why: why.to_owned() };
        if self.payload_type != TYPE {
            return Err(malformed("its payload is of another type"));
        }
        let signature = match self.signatures.as_slice() {
            [] => return Err(EnvelopeError::Unsigned),
            [one] => one,
            _ => return Err(malformed("it has several signatures")),
        };
        let payload = STANDARD
            .decode(&self.payload)
            .map_err(|_| malformed("its payload is not base64"))?;
        let unknown = || EnvelopeError::Unknown {
            keyid: signature.keyid.clone(),
        };
        let id = Digest::parse(&signature.keyid).ok_or_else(unknown)?;
        let key = ring.get(&id).ok_or_else(unknown)?;
        let sig = STANDARD
            .decode(&signature.sig)
            .map_err(|_| EnvelopeError::Forged)?;
        if key.verifies(&pae(&self.payload_type, &payload), &sig) {
            Ok((payload, id))
        } else {
            Err(EnvelopeError::Forged)
        }
    }
}

/// What is signed: lengths stand before type and payload, so that no byte can move from one to the other.
fn pae(kind: &str, payload: &[u8]) -> Vec<u8> {
    let mut out = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
    out.extend_from_slice(payload);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{PublicKey, SigningKey};

    /// Says that it is one key and signs with another.
    struct Other(SigningKey, PublicKey);

    impl Signs for Other {
        fn public(&self) -> PublicKey {
            self.1.clone()
        }

        fn sign(&self, message: &[u8]) -> Result<[u8; 64], String> {
            self.0.sign(message)
        }
    }

    #[test]
    fn a_signature_of_another_key_is_not_taken() {
        let [one, two] = [1, 2].map(|n| SigningKey::from_seed([n; 32]));
        let public = two.public();
        assert!(Envelope::sign(b"payload", &Other(one, public)).is_err());
    }

    #[test]
    fn only_what_was_signed_by_a_trusted_key_opens() {
        let key = SigningKey::from_seed([1; 32]);
        let other = SigningKey::from_seed([2; 32]);
        let ring = Keyring::of(key.public(), "me");
        let sign = |key: &SigningKey| Envelope::sign(b"payload", key).unwrap();
        let good = sign(&key);
        assert_eq!(
            good.open(&ring).unwrap(),
            (b"payload".to_vec(), key.public().id())
        );

        type Edit = fn(&mut Envelope);
        let edits: &[(&str, Edit)] = &[
            ("does not fit", |e| e.payload = STANDARD.encode("payloae")),
            ("no signature", |e| e.signatures.clear()),
            ("several", |e| e.signatures.push(e.signatures[0].clone())),
            ("another type", |e| e.payload_type = "text/plain".into()),
            ("not base64", |e| e.payload.push('!')),
            ("does not fit", |e| e.signatures[0].sig = STANDARD.encode([0; 64])),
            ("does not fit", |e| e.signatures[0].sig = "AA".into()),
            ("not trusted", |e| e.signatures[0].keyid = "me".into()),
            ("not trusted", |e| e.signatures[0].keyid = "0".repeat(64)),
            ("not trusted", |e| {
                *e = Envelope::sign(b"payload", &SigningKey::from_seed([2; 32])).unwrap()
            }),
            ("does not fit", |e| {
                let other = Envelope::sign(b"payload", &SigningKey::from_seed([2; 32])).unwrap();
                e.signatures[0].sig = other.signatures[0].sig.clone();
            }),
        ];
        for (want, edit) in edits {
            let mut bad = good.clone();
            edit(&mut bad);
            let error = bad.open(&ring).unwrap_err().to_string();
            assert!(error.contains(want), "{error}: {want}");
        }
        assert!(good.open(&Keyring::of(other.public(), "other")).is_err());
        assert!(good.open(&Keyring::default()).is_err());
    }

    #[test]
    fn the_signed_bytes_are_those_of_the_standard() {
        // The example of the DSSE specification.
        assert_eq!(
            pae("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }
}
