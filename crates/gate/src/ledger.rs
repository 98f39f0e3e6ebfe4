//! The ledger: a chain of signed statements.

use crate::chain::{self, ChainError, Head, Link, Tail};
use crate::envelope::{Envelope, EnvelopeError};
use crate::keys::{Keyring, Signs};
use crate::statement::{Act, Statement};
use brisk_domain::evidence::{Digest, Tree};

/// How much of a ledger is opened before it is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Its last line, and those that are asked about. Enough where one key signs all of it: the last signature covers
    /// the digests of all lines before it.
    Tip,
    /// Every line.
    Every,
}

/// Why a ledger is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The chain is broken.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A line's envelope is not believed.
    #[error("line {line} of the ledger: {source}")]
    Envelope {
        /// Counted from 1.
        line: u64,
        /// Why.
        source: EnvelopeError,
    },
    /// A line is signed and says something else than its place.
    #[error("line {line} of the ledger was signed for another place or tree")]
    Misplaced {
        /// Counted from 1.
        line: u64,
    },
    /// A later ledger that does not begin with the earlier one.
    #[error("the ledger does not go on from the one that is known: it was rewritten")]
    Diverged,
}

/// One act and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Place, counted from 1.
    pub seq: u64,
    /// Digest of its line.
    pub hash: Digest,
    /// Id of the key that signed it.
    pub signer: Digest,
    /// What happened.
    pub act: Act,
}

/// From which commit on the gate holds: that one, and all that leads to it, is not asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adopted {
    /// The last one that is not.
    pub commit: Tree,
    /// Who said so.
    pub who: String,
}

/// A ledger whose chain holds.
#[derive(Debug, Clone)]
pub struct Ledger {
    links: Vec<Link>,
    ring: Keyring,
    pub(crate) running: Option<(Tree, String)>,
}

impl Ledger {
    /// Nothing has happened.
    pub fn empty(ring: Keyring) -> Ledger {
        Ledger {
            links: Vec::new(),
            ring,
            running: None,
        }
    }

    /// Reads a ledger. `head`: its end as the reader last saw it, kept apart from it; without one a cut end is not
    /// seen.
    ///
    /// # Errors
    /// Where the chain is broken, or whose word is not believed.
    pub fn read(
        bytes: &[u8],
        head: Option<&Head>,
        ring: Keyring,
        trust: Trust,
    ) -> Result<(Ledger, Tail), LedgerError> {
        let (links, tail) = chain::read(bytes, head)?;
        let ledger = Ledger {
            links,
            ring,
            running: None,
        };
        let skip = match trust {
            Trust::Tip => ledger.links.len().saturating_sub(1),
            Trust::Every => 0,
        };
        for at in skip..ledger.links.len() {
            ledger.open(at)?;
        }
        Ok((ledger, tail))
    }

    /// The same ledger while a check runs on a tree.
    pub fn while_running(mut self, tree: Tree, check: String) -> Ledger {
        self.running = Some((tree, check));
        self
    }

    /// Its end, to be kept apart from it.
    pub fn head(&self) -> Head {
        Head {
            count: self.links.len() as u64,
            hash: self.links.last().map_or_else(chain::origin, |l| l.hash.clone()),
        }
    }

    /// Signs an act and adds it; gives the line that must be on disk before anything relies on it.
    ///
    /// # Errors
    /// Why it could not be signed; nothing is added then.
    pub fn append(&mut self, act: Act, key: &dyn Signs) -> Result<String, String> {
        let Head { count, hash } = self.head();
        let tree = act.tree().clone();
        let statement = Statement {
            seq: count + 1,
            prev: hash,
            act,
        };
        let envelope = Envelope::sign(&statement.encode(), key)?;
        // An envelope is three texts; an empty body would be refused on reading.
        let body = serde_json::to_string(&envelope).unwrap_or_default();
        let link = chain::forge(&statement.prev, &tree, &body);
        let line = link.line();
        self.links.push(link);
        Ok(line)
    }

    /// Everything about a tree, the oldest first.
    ///
    /// # Errors
    /// When a line about it is not believed.
    pub fn about(&self, tree: &Tree) -> Result<Vec<Recorded>, LedgerError> {
        let named = self.links.iter().enumerate().filter(|(_, l)| l.tree == *tree);
        named.map(|(at, _)| self.open(at)).collect()
    }

    /// The newest acts, the newest first, at most `limit`.
    ///
    /// # Errors
    /// When one of them is not believed.
    pub fn newest(&self, limit: usize) -> Result<Vec<Recorded>, LedgerError> {
        let all = 0..self.links.len();
        all.rev().take(limit).map(|at| self.open(at)).collect()
    }

    /// From which commit on the gate holds, as its first such line says: a later one moves nothing.
    ///
    /// # Errors
    /// When a line is not believed.
    pub fn adopted(&self) -> Result<Option<Adopted>, LedgerError> {
        for at in 0..self.links.len() {
            if let Act::Adopted { commit, who, .. } = self.open(at)?.act {
                return Ok(Some(Adopted { commit, who }));
            }
        }
        Ok(None)
    }

    /// Whether this ledger begins with all of `older`.
    ///
    /// # Errors
    /// `Diverged` if it does not.
    pub fn goes_on_from(&self, older: &Ledger) -> Result<(), LedgerError> {
        let same = |(a, b): (&Link, &Link)| a.hash == b.hash;
        let begins = self.links.len() >= older.links.len() && self.links.iter().zip(&older.links).all(same);
        begins.then_some(()).ok_or(LedgerError::Diverged)
    }

    /// Nothing has happened.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    fn open(&self, at: usize) -> Result<Recorded, LedgerError> {
        let line = at as u64 + 1;
        let Some(link) = self.links.get(at) else {
            return Err(ChainError::Damaged { line }.into());
        };
        let bad = |source| LedgerError::Envelope { line, source };
        let malformed = |why: String| bad(EnvelopeError::Malformed { why });
        let envelope: Envelope = serde_json::from_str(&link.body).map_err(|e| malformed(e.to_string()))?;
        let (payload, signer) = envelope.open(&self.ring).map_err(bad)?;
        let statement = Statement::decode(&payload).map_err(malformed)?;
        if statement.seq != line || statement.prev != link.prev || *statement.act.tree() != link.tree {
            return Err(LedgerError::Misplaced { line });
        }
        Ok(Recorded {
            seq: line,
            hash: link.hash.clone(),
            signer,
            act: statement.act,
        })
    }
}
