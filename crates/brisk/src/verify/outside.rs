//! The same judgement where nobody trusts the machine that pushes: in CI and before a push is received. It needs git
//! objects and a file of keys, and no network.

use crate::exit::{CliError, Exit};
use crate::verify::Lent;
use crate::verify::pin::unreadable;
use brisk_gate::{Act, Keyring, Ledger, Policy, Refusal, Trust};

/// What came of one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Checked {
    /// Verified, by the ledger of this signer.
    Verified {
        /// The ref of the ledger.
        by: String,
    },
    /// A person waived it.
    Waived {
        /// Their words.
        reason: String,
        /// Who.
        who: String,
    },
    /// Not to be let through, and why.
    Refused {
        /// In words.
        why: String,
        /// The gate's own, where there was a ledger to ask.
        refusal: Option<Refusal>,
    },
}

/// Judges one commit: its tree, compared with its first parent's, under the policy of its first parent (`policy`: one
/// from outside instead), by the ledgers under `refs`.
pub(crate) fn check_commit(
    git: &mut Lent,
    commit: &str,
    ring: &Keyring,
    policy: Option<&str>,
    ledgers: &[String],
) -> Result<Checked, CliError> {
    let refused = |why: String| Ok(Checked::Refused { why, refusal: None });
    let Some(tree) = git.id(&format!("{commit}^{{tree}}"))? else {
        return refused(format!("there is no commit {commit}"));
    };
    let parent = git.id(&format!("{commit}^1^{{tree}}"))?;
    let text = match policy {
        Some(text) => Some(text.to_owned()),
        None => {
            // The commit that brings the first policy brings its own: there is nothing that it could weaken.
            let before = match parent {
                Some(_) => file(git, &format!("{commit}^1:brisk.toml"))?,
                None => None,
            };
            match before {
                Some(text) => Some(text),
                None => file(git, &format!("{commit}:brisk.toml"))?,
            }
        }
    };
    let Some(text) = text else {
        return refused("there is no brisk.toml: what has to pass is not known".to_owned());
    };
    let policy = Policy::parse(&text).map_err(unreadable)?;
    if ring.is_empty() {
        return refused("no key is trusted here".to_owned());
    }
    let mut refusal = None;
    let mut why =
        "no ledger came with it: push refs/brisk/attestations/* too (`brisk ship push` does)".to_owned();
    for name in ledgers {
        let Some(bytes) = file(git, &format!("{name}:ledger"))? else {
            continue;
        };
        let ledger = match Ledger::read(bytes.as_bytes(), None, ring.clone(), Trust::Every) {
            Ok((ledger, _)) => ledger,
            Err(e) => {
                why = format!("{name}: {e}");
                continue;
            }
        };
        match ledger.promote(&tree, &policy, parent.as_ref()) {
            Ok(leave) => {
                // Only judged here: nothing is promoted by looking.
                drop(leave);
                return Ok(Checked::Verified { by: name.clone() });
            }
            Err(no) => {
                why = no.to_string();
                refusal = Some(no);
            }
        }
        let acts = ledger.about(&tree).map_err(super::ledger)?;
        let waived = acts.into_iter().rev().find_map(|r| match r.act {
            Act::Waived { reason, who, .. } => Some(Checked::Waived { reason, who }),
            Act::Ran(_) | Act::Acknowledged { .. } | Act::Shipped { .. } => None,
        });
        if let Some(waived) = waived {
            return Ok(waived);
        }
    }
    Ok(Checked::Refused { why, refusal })
}

/// The ledger that a commit or ref holds, every line of it opened.
pub(crate) fn ledger_at(git: &mut Lent, name: &str, ring: &Keyring) -> Result<Ledger, CliError> {
    let bytes = file(git, &format!("{name}:ledger"))?
        .ok_or_else(|| CliError::new(Exit::Ledger, format!("{name} holds no ledger")))?;
    let read = Ledger::read(bytes.as_bytes(), None, ring.clone(), Trust::Every);
    read.map(|(ledger, _)| ledger).map_err(super::ledger)
}

/// Whether a commit holds a ledger and nothing beside it.
pub(crate) fn only_ledger(git: &mut Lent, commit: &str) -> Result<bool, CliError> {
    let said = git.read(&["ls-tree", commit])?;
    let one = |line: &str| line.starts_with("100644 blob ") && line.ends_with("\tledger");
    Ok(said.code == 0 && said.out.lines().count() == 1 && said.out.lines().all(one))
}

/// A text in the object store, with its exact bytes as far as it is text; `None` if it is not there.
pub(crate) fn file(git: &mut Lent, name: &str) -> Result<Option<String>, CliError> {
    let size = git.read(&["cat-file", "-s", name])?;
    if size.code != 0 {
        return Ok(None);
    }
    let said = git.read(&["cat-file", "blob", name])?;
    if said.code != 0 {
        return Err(CliError::new(Exit::Git, format!("git cannot read {name}")));
    }
    let mut text = said.out;
    // Lines came without their ends.
    if size.out.trim().parse() == Ok(text.len().saturating_sub(1)) {
        text.pop();
    }
    Ok(Some(text))
}
