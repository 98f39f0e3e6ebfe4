//! Who signs: the repository's own key, or one of the person's SSH keys, in a file or in an agent.
//!
//! Which one it is was said once, by the person, and is kept beside the ledger with the public half. The private half of
//! an SSH key is never copied: it is read, or asked for, when something is signed.

use crate::exit::{CliError, Exit};
use crate::verify::agent;
use crate::whole;
use brisk_gate::{Keyring, PublicKey, SigningKey, Signs, SshKey};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// The key that signs in a repository.
pub(super) enum Signer {
    /// The repository's own, beside the ledger.
    Own(SigningKey),
    /// An SSH key in a file without a passphrase.
    File {
        /// Where it is.
        path: PathBuf,
        /// What it has to be.
        public: PublicKey,
    },
    /// An SSH key that an agent has.
    Agent(PublicKey),
}

/// What the person chose, as it is kept.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Chosen {
    /// `ed25519 BASE64`.
    public: String,
    /// The file; without one an agent is asked.
    path: Option<PathBuf>,
}

/// Which key of the person's is wanted, as they say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The one that the agent has.
    Agent,
    /// The one in this file; what lies behind a passphrase, or is only a public half, is asked of the agent.
    File(PathBuf),
}

impl Signs for Signer {
    fn public(&self) -> PublicKey {
        match self {
            Signer::Own(key) => key.public(),
            Signer::File { public, .. } | Signer::Agent(public) => public.clone(),
        }
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], String> {
        match self {
            Signer::Own(key) => key.sign(message),
            Signer::File { path, .. } => match read(path)? {
                SshKey::Open(key) => key.sign(message),
                SshKey::Locked(_) | SshKey::Public(_) => {
                    Err(format!("{} is behind a passphrase now: {LOCKED}", path.display()))
                }
            },
            Signer::Agent(public) => agent::sign(public, message).map_err(|e| e.to_string()),
        }
    }
}

const LOCKED: &str = "`ssh-add` it, then `brisk gate key --ssh agent`";

impl Signer {
    /// The key of a repository; its own is made if nothing was chosen and it is missing.
    pub(super) fn open(dir: &Path) -> Result<Signer, CliError> {
        let at = choice(dir);
        let text = match fs::read_to_string(&at) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return own(dir).map(Signer::Own),
            Err(e) => {
                return Err(CliError::new(
                    Exit::Disk,
                    format!("{} cannot be read: {e}", at.display()),
                ));
            }
        };
        let bad = || {
            CliError::new(Exit::Disk, format!("{} names no key", at.display()))
                .hint("`brisk gate key --ssh PATH` or `--own` chooses one anew")
        };
        let chosen: Chosen = serde_json::from_str(&text).map_err(|_| bad())?;
        let public = Keyring::parse(&chosen.public)
            .ok()
            .and_then(|r| r.only().cloned())
            .ok_or_else(bad)?;
        Ok(match chosen.path {
            Some(path) => Signer::File { path, public },
            None => Signer::Agent(public),
        })
    }

    /// Takes one of the person's SSH keys from here on.
    pub(super) fn choose(dir: &Path, wanted: &Wanted) -> Result<Signer, CliError> {
        let signer = match wanted {
            Wanted::Agent => Signer::Agent(of_agent(None)?),
            Wanted::File(path) => {
                let path = std::path::absolute(path)
                    .map_err(|e| CliError::new(Exit::Usage, format!("{}: {e}", path.display())))?;
                match read(&path)
                    .map_err(|e| CliError::new(Exit::Usage, e).hint("`ssh-keygen -t ed25519` makes one"))?
                {
                    SshKey::Open(key) => Signer::File {
                        path,
                        public: key.public(),
                    },
                    SshKey::Locked(public) | SshKey::Public(public) => {
                        Signer::Agent(of_agent(Some((&public, &path)))?)
                    }
                }
            }
        };
        let path = match &signer {
            Signer::File { path, .. } => Some(path.clone()),
            Signer::Own(_) | Signer::Agent(_) => None,
        };
        let public = signer.public().line();
        let text = serde_json::to_string(&Chosen { public, path }).unwrap_or_default();
        whole::replace(&choice(dir), text.as_bytes()).map_err(disk)?;
        Ok(signer)
    }

    /// Takes the repository's own key again.
    pub(super) fn choose_own(dir: &Path) -> Result<Signer, CliError> {
        match fs::remove_file(choice(dir)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(disk(e)),
            _ => own(dir).map(Signer::Own),
        }
    }

    /// Where its ledger lies. Each key has one of its own: whoever reads a ledger believes one key for all of it.
    pub(super) fn ledger(&self, dir: &Path) -> PathBuf {
        match self {
            Signer::Own(_) => dir.to_owned(),
            Signer::File { .. } | Signer::Agent(_) => dir.join("signed-by").join(self.public().id().as_str()),
        }
    }

    /// What no check may see beside the gate's own folder.
    pub(super) fn secrets(&self) -> Vec<PathBuf> {
        match self {
            Signer::Own(_) => Vec::new(),
            Signer::File { path, .. } => vec![path.clone()],
            Signer::Agent(_) => agent::socket().into_iter().collect(),
        }
    }
}

fn choice(dir: &Path) -> PathBuf {
    dir.join("signer.json")
}

fn disk(e: io::Error) -> CliError {
    CliError::new(Exit::Disk, format!("the choice of a key cannot be kept: {e}"))
}

fn read(path: &Path) -> Result<SshKey, String> {
    let text = fs::read_to_string(path).map_err(|e| format!("{} cannot be read: {e}", path.display()))?;
    SshKey::parse(&text).map_err(|e| format!("{}: {e}", path.display()))
}

/// The agent's key: this one, or the only one that it has.
fn of_agent(wanted: Option<(&PublicKey, &Path)>) -> Result<PublicKey, CliError> {
    let add = match wanted {
        Some((_, path)) => format!("`ssh-add {}`", path.with_extension("").display()),
        None => "`ssh-add PATH`".to_owned(),
    };
    let keys = agent::keys().map_err(|e| {
        let next = format!(
            "start one (`eval $(ssh-agent)`), then {add}; the same key may lie in a file without a passphrase"
        );
        CliError::new(Exit::Usage, e.to_string()).hint(next)
    })?;
    let missing = |what: String| Err(CliError::new(Exit::Usage, what).hint(format!("{add}, then once more")));
    match (wanted, keys.as_slice()) {
        (Some((public, path)), keys) => match keys.iter().any(|(k, _)| k == public) {
            true => Ok(public.clone()),
            false => missing(format!(
                "{} holds no key that can be read as it is, and the ssh-agent does not have it",
                path.display()
            )),
        },
        (None, [(only, _)]) => Ok(only.clone()),
        (None, []) => missing("the ssh-agent has no ed25519 key".to_owned()),
        (None, several) => {
            let names: Vec<&str> = several.iter().map(|(_, name)| name.as_str()).collect();
            let what = format!("the ssh-agent has several ed25519 keys: {}", names.join(", "));
            Err(CliError::new(Exit::Usage, what)
                .hint("name one by its public half: `brisk gate key --ssh ~/.ssh/NAME.pub`"))
        }
    }
}

/// The repository's own key, from its file, which is made if it is missing.
fn own(dir: &Path) -> Result<SigningKey, CliError> {
    let path = dir.join("key");
    load(dir, &path).map_err(|e| {
        CliError::new(
            Exit::Disk,
            format!("the signing key {} cannot be used: {e}", path.display()),
        )
        .hint("check its permissions; a key that is lost takes the worth of its ledger with it")
    })
}

fn load(dir: &Path, path: &Path) -> io::Result<SigningKey> {
    let bytes = match fs::read(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
            let mut seed = [0; 32];
            getrandom::fill(&mut seed).map_err(io::Error::other)?;
            // The daemon and a command may make one at once: whoever comes later takes the one that is there.
            whole::first(path, &seed)?;
            fs::read(path)?
        }
        read => read?,
    };
    let seed = bytes
        .try_into()
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it has not 32 bytes"))?;
    Ok(SigningKey::from_seed(seed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_opens_a_repository_at_the_same_time_gets_the_same_key() {
        for _ in 0..20 {
            let dir = tempfile::tempdir().unwrap();
            let dir = dir.path().join("gate");
            let keys: Vec<PublicKey> = std::thread::scope(|s| {
                let open = (0..4).map(|_| s.spawn(|| own(&dir).unwrap().public()));
                let open: Vec<_> = open.collect();
                open.into_iter().map(|o| o.join().unwrap()).collect()
            });
            assert!(keys.iter().all(|k| *k == keys[0]));
            assert_eq!(own(&dir).unwrap().public(), keys[0]);
        }
    }
}
