//! Keys as OpenSSH writes them. Only ed25519 ones: a signature by any other kind is no signature of a ledger.

use crate::keys::{PublicKey, SigningKey};
use ssh_key::public::KeyData;

/// What a file holds that belongs to a key.
#[derive(Debug)]
pub enum SshKey {
    /// The key itself.
    Open(SigningKey),
    /// The key behind a passphrase.
    Locked(PublicKey),
    /// Only its public half (a `.pub` file).
    Public(PublicKey),
}

/// A file that holds no key that can sign here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it holds no ed25519 key as OpenSSH writes them")]
pub struct SshKeyError;

impl SshKey {
    /// Reads the text of a key file, private or public.
    ///
    /// # Errors
    /// [`SshKeyError`].
    pub fn parse(text: &str) -> Result<SshKey, SshKeyError> {
        if !text.trim_start().starts_with("-----") {
            return public(text.trim()).map(SshKey::Public).ok_or(SshKeyError);
        }
        let key = ssh_key::PrivateKey::from_openssh(text).map_err(|_| SshKeyError)?;
        let public = of(key.public_key().key_data()).ok_or(SshKeyError)?;
        match key.key_data().ed25519() {
            Some(pair) => Ok(SshKey::Open(SigningKey::from_seed(pair.private.to_bytes()))),
            None if key.is_encrypted() => Ok(SshKey::Locked(public)),
            None => Err(SshKeyError),
        }
    }

    /// The half that everybody may know.
    pub fn public(&self) -> PublicKey {
        match self {
            SshKey::Open(key) => key.public(),
            SshKey::Locked(key) | SshKey::Public(key) => key.clone(),
        }
    }
}

/// The key of a line `ssh-ed25519 BASE64 NAME`.
pub(crate) fn public(line: &str) -> Option<PublicKey> {
    of(ssh_key::PublicKey::from_openssh(line).ok()?.key_data())
}

fn of(data: &KeyData) -> Option<PublicKey> {
    PublicKey::from_bytes(&data.ed25519()?.0)
}

impl PublicKey {
    /// As agents name it: the key in the form of SSH's wire.
    pub fn ssh_blob(&self) -> Vec<u8> {
        let data = KeyData::Ed25519(ssh_key::public::Ed25519PublicKey(*self.bytes()));
        // It only fails for texts of more than 4 GiB, and a key has 51 bytes.
        ssh_key::PublicKey::from(data).to_bytes().unwrap_or_default()
    }

    /// The key that an agent names so, if it is one of this kind.
    pub fn from_ssh_blob(blob: &[u8]) -> Option<PublicKey> {
        of(ssh_key::PublicKey::from_bytes(blob).ok()?.key_data())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Keyring;
    use ssh_key::private::{Ed25519Keypair, Ed25519PrivateKey, KeypairData};
    use ssh_key::{LineEnding, PrivateKey};

    /// As `ssh-keygen` writes it, without a passphrase.
    fn file(seed: [u8; 32]) -> String {
        let public = *SigningKey::from_seed(seed).public().bytes();
        let pair = Ed25519Keypair {
            public: ssh_key::public::Ed25519PublicKey(public),
            private: Ed25519PrivateKey::from_bytes(&seed),
        };
        let key = PrivateKey::new(KeypairData::Ed25519(pair), "ann").unwrap();
        key.to_openssh(LineEnding::LF).unwrap().to_string()
    }

    const ECDSA: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBOp1841mzBHmTgqlrAP0CW4C+CJ0rr+Aiw6se5VZJduqkjRn4AOVpeapzyutjo4X6VvWyP2qq1lAW2IohJ+pneI= other";

    #[test]
    fn ed25519_keys_are_read_and_nothing_else() {
        let own = SigningKey::from_seed([7; 32]);
        let SshKey::Open(read) = SshKey::parse(&file([7; 32])).unwrap() else {
            panic!("it is open");
        };
        assert_eq!(read.public(), own.public());
        let line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHZg2nOjuV2DlyOqEjwpiToy0N4HodU0r5HlDdozjrTr ann@example.com";
        let SshKey::Public(public) = SshKey::parse(line).unwrap() else {
            panic!("it is the public half");
        };
        // The same key in a file of keys, in either form.
        let ring = Keyring::parse(&format!("{line}\n")).unwrap();
        assert_eq!(ring.name(&public.id()), Some("ann@example.com"));
        assert_eq!(
            Keyring::parse(&public.line()).unwrap().get(&public.id()),
            Some(&public)
        );
        assert_eq!(PublicKey::from_ssh_blob(&public.ssh_blob()), Some(public));
        assert_eq!(PublicKey::from_ssh_blob(b"x"), None);
        for bad in [
            "",
            "x",
            ECDSA,
            "ssh-ed25519 AAAA",
            "-----BEGIN RSA PRIVATE KEY-----\n",
        ] {
            assert!(SshKey::parse(bad).is_err(), "{bad}");
        }
        assert!(Keyring::parse(ECDSA).is_err());
    }
}
