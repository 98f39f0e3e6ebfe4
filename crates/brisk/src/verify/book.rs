//! The ledger and the key that signs it, on disk.

use crate::exit::{CliError, Exit};
use crate::verify::ledger as not_believed;
use crate::verify::signer::{Signer, Wanted};
use brisk_gate::{Act, Head, Keyring, Ledger, PublicKey, Signs, Tail, Trust};
use brisk_store::{LedgerFile, StoreError};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// How often it is signed for a place that may be taken meanwhile.
const UNLOCKED: u32 = 3;

pub(super) struct Book {
    /// The gate's folder.
    dir: PathBuf,
    signer: Signer,
    /// What was read last. It is asked several times about one tree, and mostly it is what it was.
    last: Mutex<Option<Pages>>,
}

/// A ledger that was believed, and the very bytes that it was read from.
struct Pages {
    bytes: Vec<u8>,
    head: Option<String>,
    ledger: Ledger,
    /// Bytes that are whole lines.
    whole: u64,
}

impl Book {
    /// Reads which key signs in this repository; its own is made if it is missing.
    pub(super) fn open(dir: &Path) -> Result<Book, CliError> {
        Ok(Book {
            dir: dir.to_owned(),
            signer: Signer::open(dir)?,
            last: Mutex::default(),
        })
    }

    /// From here on another key signs, into a ledger of its own.
    pub(super) fn sign_with(&mut self, wanted: Option<&Wanted>) -> Result<(), CliError> {
        self.signer = match wanted {
            Some(wanted) => Signer::choose(&self.dir, wanted)?,
            None => Signer::choose_own(&self.dir)?,
        };
        self.last = Mutex::default();
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
        self.add_by(&act, &self.signer)
    }

    /// Nobody waits for whoever signs: an agent may ask its person first. If others have added something by then, it is
    /// signed again for the place after that; in the end they wait, else it might never be in time.
    fn add_by(&self, act: &Act, key: &dyn Signs) -> Result<Ledger, CliError> {
        let signed = |mut ledger: Ledger| match ledger.append(act.clone(), key) {
            Ok(line) => Ok((ledger, line)),
            Err(e) => Err(CliError::new(Exit::Ledger, format!("it cannot be signed: {e}"))
                .hint("`brisk gate key --ssh PATH|agent` or `--own` says which key signs")),
        };
        for _ in 0..UNLOCKED {
            let before = self.read()?;
            let place = before.head();
            let (ledger, line) = signed(before)?;
            let mut file = LedgerFile::open(&self.folder()).map_err(disk)?;
            let (now, whole) = self.parse(&mut file)?;
            if now.head() == place {
                return self.put(&mut file, whole, ledger, &line, &now);
            }
        }
        let mut file = LedgerFile::open(&self.folder()).map_err(disk)?;
        let (now, whole) = self.parse(&mut file)?;
        let (ledger, line) = signed(now.clone())?;
        self.put(&mut file, whole, ledger, &line, &now)
    }

    /// Writes the line that makes `ledger` of what is there.
    fn put(
        &self,
        file: &mut LedgerFile,
        whole: u64,
        ledger: Ledger,
        line: &str,
        there: &Ledger,
    ) -> Result<Ledger, CliError> {
        if there.is_empty() {
            // A crash after the first line must find a word on the end, else nobody could tell it from a cut.
            let none = serde_json::to_string(&there.head()).unwrap_or_default();
            file.begin(&none).map_err(disk)?;
        }
        let head = serde_json::to_string(&ledger.head()).unwrap_or_default();
        file.append(whole, line, &head).map_err(disk)?;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = last.take().map(|mut pages| {
            pages.bytes.truncate(usize::try_from(whole).unwrap_or(usize::MAX));
            pages.bytes.extend_from_slice(line.as_bytes());
            Pages {
                whole: pages.bytes.len() as u64,
                head: Some(head),
                ledger: ledger.clone(),
                bytes: pages.bytes,
            }
        });
        Ok(ledger)
    }

    /// The ledger and the number of bytes that are whole lines.
    fn parse(&self, file: &mut LedgerFile) -> Result<(Ledger, u64), CliError> {
        let text = file.head().map_err(disk)?;
        let bytes = file.read().map_err(disk)?;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(same) = last.as_ref().filter(|l| l.bytes == bytes && l.head == text) {
            return Ok((same.ledger.clone(), same.whole));
        }
        let (ledger, whole) = self.believe(&bytes, text.as_deref())?;
        *last = Some(Pages {
            bytes,
            head: text,
            ledger: ledger.clone(),
            whole,
        });
        Ok((ledger, whole))
    }

    fn believe(&self, bytes: &[u8], text: Option<&str>) -> Result<(Ledger, u64), CliError> {
        let damaged = |_| CliError::new(Exit::Ledger, "what is kept of the ledger's end cannot be read");
        let head: Option<Head> = text.map(serde_json::from_str).transpose().map_err(damaged)?;
        let ring = Keyring::of(self.public(), "this machine");
        let (ledger, tail) = Ledger::read(bytes, head.as_ref(), ring, Trust::Tip).map_err(not_believed)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use brisk_domain::evidence::{Digest, Tree};
    use std::cell::Cell;
    use std::fs::File;

    fn act(reason: &str) -> Act {
        Act::Acknowledged {
            tree: Tree::parse(&"1".repeat(40)).unwrap(),
            policy: Digest::parse(&"a".repeat(64)).unwrap(),
            concerns: vec![],
            reason: reason.into(),
            who: "me".into(),
        }
    }

    /// Signs as the book does, and while its person thinks others add so many lines.
    struct Slow<'a> {
        book: &'a Book,
        others: Cell<u32>,
        locked: Cell<u32>,
    }

    impl Signs for Slow<'_> {
        fn public(&self) -> PublicKey {
            self.book.public()
        }

        fn sign(&self, message: &[u8]) -> Result<[u8; 64], String> {
            let file = File::open(self.book.folder().join("ledger")).unwrap();
            match (file.try_lock(), self.others.get()) {
                (Err(_), _) => self.locked.set(self.locked.get() + 1),
                (Ok(()), 0) => {}
                (Ok(()), left) => {
                    drop(file);
                    self.others.set(left - 1);
                    self.book.add(act("other")).unwrap();
                }
            }
            self.book.signer.sign(message)
        }
    }

    #[test]
    fn nobody_waits_for_whoever_signs() {
        for (others, lines, locked) in [(0, 1, 0), (1, 2, 0), (2, 3, 0), (9, 4, 1)] {
            let dir = tempfile::tempdir().unwrap();
            let book = Book::open(dir.path()).unwrap();
            let slow = Slow {
                book: &book,
                others: Cell::new(others),
                locked: Cell::new(0),
            };
            book.add_by(&act("mine"), &slow).unwrap();
            assert_eq!(book.read().unwrap().head().count, lines, "{others}");
            assert_eq!(slow.locked.get(), locked, "{others}");
            // As another process reads it.
            let again = Book::open(dir.path()).unwrap().read().unwrap();
            assert_eq!(again.head(), book.read().unwrap().head(), "{others}");
        }
    }
}
