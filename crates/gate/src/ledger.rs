//! The ledger: a chain of signed statements.

use crate::chain::{self, ChainError, Head, Link, Tail};
use crate::envelope::{Envelope, EnvelopeError};
use crate::keys::{Keyring, Signs};
use crate::statement::{Act, Statement};
use brisk_domain::evidence::{Digest, Tree};
use std::sync::{Arc, OnceLock};

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

/// A line of the chain.
#[derive(Debug, Clone)]
struct Line {
    link: Link,
    /// What it says, once its signature was believed: that costs far more than all else that is asked of a line.
    opened: OnceLock<Recorded>,
}

impl From<Link> for Line {
    fn from(link: Link) -> Line {
        Line {
            link,
            opened: OnceLock::new(),
        }
    }
}

/// A ledger whose chain holds.
#[derive(Debug, Clone)]
pub struct Ledger {
    /// Shared by all that were cloned from one another, with what was found out about each line.
    lines: Arc<Vec<Line>>,
    ring: Keyring,
    pub(crate) running: Option<(Tree, String)>,
}

impl Ledger {
    /// Nothing has happened.
    pub fn empty(ring: Keyring) -> Ledger {
        Ledger {
            lines: Arc::default(),
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
            lines: Arc::new(links.into_iter().map(Line::from).collect()),
            ring,
            running: None,
        };
        let skip = match trust {
            Trust::Tip => ledger.lines.len().saturating_sub(1),
            Trust::Every => 0,
        };
        for at in skip..ledger.lines.len() {
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
            count: self.lines.len() as u64,
            hash: self
                .lines
                .last()
                .map_or_else(chain::origin, |l| l.link.hash.clone()),
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
        Arc::make_mut(&mut self.lines).push(link.into());
        Ok(line)
    }

    /// Everything about a tree, the oldest first.
    ///
    /// # Errors
    /// When a line about it is not believed.
    pub fn about(&self, tree: &Tree) -> Result<Vec<Recorded>, LedgerError> {
        let named = self
            .lines
            .iter()
            .enumerate()
            .filter(|(_, l)| l.link.tree == *tree);
        named.map(|(at, _)| self.open(at)).collect()
    }

    /// The newest acts, the newest first, at most `limit`.
    ///
    /// # Errors
    /// When one of them is not believed.
    pub fn newest(&self, limit: usize) -> Result<Vec<Recorded>, LedgerError> {
        let all = 0..self.lines.len();
        all.rev().take(limit).map(|at| self.open(at)).collect()
    }

    /// From which commit on the gate holds, as its first such line says: a later one moves nothing.
    ///
    /// # Errors
    /// When a line is not believed.
    pub fn adopted(&self) -> Result<Option<Adopted>, LedgerError> {
        for at in 0..self.lines.len() {
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
        let same = |(a, b): (&Line, &Line)| a.link.hash == b.link.hash;
        let begins =
            self.lines.len() >= older.lines.len() && self.lines.iter().zip(older.lines.iter()).all(same);
        begins.then_some(()).ok_or(LedgerError::Diverged)
    }

    /// Nothing has happened.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    fn open(&self, at: usize) -> Result<Recorded, LedgerError> {
        let line = at as u64 + 1;
        let Some(Line { link, opened }) = self.lines.get(at) else {
            return Err(ChainError::Damaged { line }.into());
        };
        if let Some(known) = opened.get() {
            return Ok(known.clone());
        }
        let recorded = self.believe(line, link)?;
        Ok(opened.get_or_init(|| recorded).clone())
    }

    /// What a line says, if its signature and its place are right.
    fn believe(&self, line: u64, link: &Link) -> Result<Recorded, LedgerError> {
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
