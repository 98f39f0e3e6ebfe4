//! The ledger and the key that signs it, on disk.

use crate::exit::{CliError, Exit};
use crate::verify::ledger as not_believed;
use brisk_gate::{Act, Head, Keyring, Ledger, PublicKey, SigningKey, Tail, Trust};
use brisk_store::{LedgerFile, StoreError};
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

pub(super) struct Book {
    dir: PathBuf,
    key: SigningKey,
}

impl Book {
    /// Reads the key of this repository, or makes one.
    pub(super) fn open(dir: &Path) -> Result<Book, CliError> {
        let path = dir.join("key");
        let key = load(dir, &path).map_err(|e| {
            CliError::new(
                Exit::Disk,
                format!("the signing key {} cannot be used: {e}", path.display()),
            )
            .hint("check its permissions; a key that is lost takes the worth of its ledger with it")
        })?;
        Ok(Book {
            dir: dir.to_owned(),
            key,
        })
    }

    pub(super) fn public(&self) -> PublicKey {
        self.key.public()
    }

    pub(super) fn read(&self) -> Result<Ledger, CliError> {
        let mut file = LedgerFile::open(&self.dir).map_err(disk)?;
        Ok(self.parse(&mut file)?.0)
    }

    /// Adds an act after whatever others have added meanwhile.
    pub(super) fn add(&self, act: Act) -> Result<Ledger, CliError> {
        let mut file = LedgerFile::open(&self.dir).map_err(disk)?;
        let (mut ledger, whole) = self.parse(&mut file)?;
        if ledger.is_empty() {
            // A crash after the first line must find a word on the end, else nobody could tell it from a cut.
            let none = serde_json::to_string(&ledger.head()).unwrap_or_default();
            file.begin(&none).map_err(disk)?;
        }
        let line = ledger.append(act, &self.key);
        let head = serde_json::to_string(&ledger.head()).unwrap_or_default();
        file.append(whole, &line, &head).map_err(disk)?;
        Ok(ledger)
    }

    /// The ledger and the number of bytes that are whole lines.
    fn parse(&self, file: &mut LedgerFile) -> Result<(Ledger, u64), CliError> {
        let damaged = |_| CliError::new(Exit::Ledger, "what is kept of the ledger's end cannot be read");
        let head: Option<Head> = match file.head().map_err(disk)? {
            Some(text) => Some(serde_json::from_str(&text).map_err(damaged)?),
            None => None,
        };
        let bytes = file.read().map_err(disk)?;
        let ring = Keyring::of(self.public(), "this machine");
        let (ledger, tail) = Ledger::read(&bytes, head.as_ref(), ring, Trust::Tip).map_err(not_believed)?;
        // Lines without a head are a ledger whose end nobody knows.
        if head.is_none() && !ledger.is_empty() {
            return Err(CliError::new(
                Exit::Ledger,
                "the ledger is there and what is kept of its end is gone",
            )
            .hint("move `ledger` and `head` in the gate's folder away and verify anew: what it held proves nothing any more"));
        }
        let torn = match tail {
            Tail::Whole => 0,
            Tail::Torn { bytes } => bytes,
        };
        Ok((ledger, (bytes.len() - torn) as u64))
    }
}

fn load(dir: &Path, path: &Path) -> io::Result<SigningKey> {
    let seed = match fs::read(path) {
        Ok(bytes) => bytes
            .try_into()
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it has not 32 bytes"))?,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
            let mut seed = [0; 32];
            getrandom::fill(&mut seed).map_err(io::Error::other)?;
            let mut file = fs::File::options()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(path)?;
            file.write_all(&seed)?;
            file.sync_all()?;
            seed
        }
        Err(e) => return Err(e),
    };
    Ok(SigningKey::from_seed(seed))
}

fn disk(e: StoreError) -> CliError {
    CliError::new(Exit::Disk, e.to_string())
}
