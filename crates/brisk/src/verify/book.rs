//! The ledger and the key that signs it, on disk.

use crate::exit::{CliError, Exit};
use crate::verify::ledger as not_believed;
use crate::verify::signer::{Signer, Wanted};
use brisk_gate::{Act, Head, Keyring, Ledger, PublicKey, Signs as _, Tail, Trust};
use brisk_store::{LedgerFile, StoreError};
use std::path::{Path, PathBuf};

pub(super) struct Book {
    /// The gate's folder.
    dir: PathBuf,
    signer: Signer,
}

impl Book {
    /// Reads which key signs in this repository; its own is made if it is missing.
    pub(super) fn open(dir: &Path) -> Result<Book, CliError> {
        Ok(Book {
            dir: dir.to_owned(),
            signer: Signer::open(dir)?,
        })
    }

    /// From here on another key signs, into a ledger of its own.
    pub(super) fn sign_with(&mut self, wanted: Option<&Wanted>) -> Result<(), CliError> {
        self.signer = match wanted {
            Some(wanted) => Signer::choose(&self.dir, wanted)?,
            None => Signer::choose_own(&self.dir)?,
        };
        Ok(())
    }

    /// Where the ledger lies.
    pub(super) fn folder(&self) -> PathBuf {
        self.signer.ledger(&self.dir)
    }

    /// What no check may see, beside the gate's folder.
    pub(super) fn secrets(&self) -> Vec<PathBuf> {
        self.signer.secrets()
    }

    pub(super) fn public(&self) -> PublicKey {
        self.signer.public()
    }

    pub(super) fn read(&self) -> Result<Ledger, CliError> {
        let mut file = LedgerFile::open(&self.folder()).map_err(disk)?;
        Ok(self.parse(&mut file)?.0)
    }

    /// Adds an act after whatever others have added meanwhile.
    pub(super) fn add(&self, act: Act) -> Result<Ledger, CliError> {
        let mut file = LedgerFile::open(&self.folder()).map_err(disk)?;
        let (mut ledger, whole) = self.parse(&mut file)?;
        if ledger.is_empty() {
            // A crash after the first line must find a word on the end, else nobody could tell it from a cut.
            let none = serde_json::to_string(&ledger.head()).unwrap_or_default();
            file.begin(&none).map_err(disk)?;
        }
        let unsigned = |e| {
            CliError::new(Exit::Ledger, format!("it cannot be signed: {e}"))
                .hint("`brisk gate key --ssh PATH|agent` or `--own` says which key signs")
        };
        let line = ledger.append(act, &self.signer).map_err(unsigned)?;
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

fn disk(e: StoreError) -> CliError {
    CliError::new(Exit::Disk, e.to_string())
}
