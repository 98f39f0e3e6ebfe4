//! What is signed: an in-toto statement whose subject is a git tree, and whose predicate is one act.

use brisk_domain::evidence::{Digest, Run, Tree};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const TYPE: &str = "https://in-toto.io/Statement/v1";
const PREDICATE: &str = "urn:brisk:act:1";

/// Something that happened to a tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Act {
    /// A check ran.
    Ran(Box<Run>),
    /// A person at a terminal has seen what was flagged.
    Acknowledged {
        /// Of which tree.
        tree: Tree,
        /// Under which policy.
        policy: Digest,
        /// What was flagged, in the words that were shown.
        concerns: Vec<String>,
        /// The person's words.
        reason: String,
        /// Their name on this machine.
        who: String,
    },
    /// It left.
    Shipped {
        /// What.
        tree: Tree,
        /// Under which policy; `None` if there was none.
        policy: Option<Digest>,
        /// `commit`, `branch NAME`, `patch`, `push REMOTE`.
        how: String,
        /// The commit that holds it, where there is one.
        commit: Option<Tree>,
        /// It left without evidence.
        waived: bool,
    },
    /// A person at a terminal says that the gate holds from here on, in a history that began without it.
    Adopted {
        /// Of the commit.
        tree: Tree,
        /// The last commit that is not asked about, with all that leads to it.
        commit: Tree,
        /// Their name on this machine.
        who: String,
    },
    /// A person at a terminal lets it leave without evidence.
    Waived {
        /// What.
        tree: Tree,
        /// As in `Shipped`.
        how: String,
        /// The person's words.
        reason: String,
        /// Their name on this machine.
        who: String,
    },
}

impl Act {
    /// The tree that it is about.
    pub fn tree(&self) -> &Tree {
        match self {
            Act::Ran(run) => &run.tree,
            Act::Acknowledged { tree, .. }
            | Act::Shipped { tree, .. }
            | Act::Adopted { tree, .. }
            | Act::Waived { tree, .. } => tree,
        }
    }
}

/// The predicate: an act and its place in the ledger, so that none can be taken out or moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// Place, counted from 1.
    pub seq: u64,
    /// Digest of the line before it.
    pub prev: Digest,
    /// What happened.
    pub act: Act,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct InToto {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    predicate: Statement,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Subject {
    name: String,
    digest: BTreeMap<String, String>,
}

impl Statement {
    /// As in-toto writes it, in JSON.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let whole = InToto {
            kind: TYPE.to_owned(),
            subject: vec![Subject {
                name: "worktree".to_owned(),
                digest: BTreeMap::from([("gitTree".to_owned(), self.act.tree().to_string())]),
            }],
            predicate_type: PREDICATE.to_owned(),
            predicate: self.clone(),
        };
        // Texts and numbers always have a JSON form; an empty payload would be refused on reading.
        serde_json::to_vec(&whole).unwrap_or_default()
    }

    /// Reads one; the subject must be the tree of the act.
    pub(crate) fn decode(payload: &[u8]) -> Result<Statement, String> {
        let whole: InToto = serde_json::from_slice(payload).map_err(|e| e.to_string())?;
        if whole.kind != TYPE || whole.predicate_type != PREDICATE {
            return Err("it is a statement of another kind".to_owned());
        }
        let named = match whole.subject.as_slice() {
            [one] if one.digest.len() == 1 => one.digest.get("gitTree"),
            _ => None,
        };
        if named.map(String::as_str) != Some(whole.predicate.act.tree().as_str()) {
            return Err("its subject is another tree than the one it speaks about".to_owned());
        }
        Ok(whole.predicate)
    }
}
