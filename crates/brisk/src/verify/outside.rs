//! The same judgement where nobody trusts the machine that pushes: in CI and before a push is received. It needs git
//! objects and a file of keys, and no network.

use crate::exit::{CliError, Exit};
use crate::verify::Lent;
use crate::verify::pin::unreadable;
use brisk_gate::{Act, Keyring, Ledger, Policy, Recorded, Refusal, Trust, Verdict};

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

/// What is believed where a commit is judged.
pub(crate) struct Believed {
    /// Whose word.
    pub ring: Keyring,
    /// This policy, instead of the one that each commit was made on.
    pub policy: Option<String>,
    /// Policies that stand in where neither a commit nor its parent has one.
    pub spare: Vec<String>,
    /// Whether a person's word counts in place of evidence.
    pub waivers: bool,
    /// The commit from which on the gate holds, instead of what ledgers say.
    pub since: Option<String>,
}

/// Judges one commit: its tree, compared with its first parent's, under the policy of its first parent, by these
/// ledgers (refs or commits).
pub(crate) fn check_commit(
    git: &mut Lent,
    commit: &str,
    believed: &Believed,
    ledgers: &[String],
) -> Result<Checked, CliError> {
    let refused = |why: String| Ok(Checked::Refused { why, refusal: None });
    let Some(id) = git.id(&format!("{commit}^{{commit}}"))? else {
        return refused(format!("there is no commit {commit}"));
    };
    let Some(tree) = git.id(&format!("{id}^{{tree}}"))? else {
        return refused(format!("the tree of {commit} is not here"));
    };
    // As the commit itself says: git hides parents that a shallow clone has left out.
    let parent = git.parents(id.as_str())?.into_iter().next();
    let base = match &parent {
        None => None,
        Some(parent) => match git.id(&format!("{parent}^{{tree}}"))? {
            Some(base) => Some(base),
            None => return refused("its parent is not here, so what it changed is not known".to_owned()),
        },
    };
    let mut policies = Vec::new();
    for text in texts(git, id.as_str(), parent.as_deref(), believed)? {
        policies.push(Policy::parse(&text).map_err(unreadable)?);
    }
    if policies.is_empty() {
        return refused("there is no brisk.toml: what has to pass is not known".to_owned());
    }
    if believed.ring.is_empty() {
        return refused("no key is trusted here".to_owned());
    }
    let mut refusal = None;
    let mut why =
        "no ledger came with it: push refs/brisk/attestations/* too (`brisk ship push` does)".to_owned();
    for name in ledgers {
        let Some(bytes) = git.blob(&format!("{name}:ledger"))? else {
            continue;
        };
        let ledger = match Ledger::read(&bytes, None, believed.ring.clone(), Trust::Every) {
            Ok((ledger, _)) => ledger,
            Err(e) => {
                why = format!("{name}: {e}");
                continue;
            }
        };
        // The first policy is the one to be met; its refusal is what is told.
        for policy in policies.iter().rev() {
            match ledger.promote(&tree, policy, base.as_ref()) {
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
        }
        if believed.waivers
            && let Some(waived) = waived(ledger.about(&tree).map_err(super::ledger)?, id.as_str())
        {
            return Ok(waived);
        }
    }
    Ok(Checked::Refused { why, refusal })
}

/// The policies under which a commit may have been verified, the likeliest first.
fn texts(
    git: &mut Lent,
    commit: &str,
    parent: Option<&str>,
    believed: &Believed,
) -> Result<Vec<String>, CliError> {
    if let Some(text) = &believed.policy {
        return Ok(vec![text.clone()]);
    }
    let mut of = |commit: &str| {
        let bytes = git.blob(&format!("{commit}:brisk.toml"))?;
        let text = bytes.map(String::from_utf8).transpose();
        text.map_err(|_| CliError::new(Exit::Policy, format!("brisk.toml of {commit} is no text")))
    };
    if let Some(parent) = parent
        && let Some(text) = of(parent)?
    {
        return Ok(vec![text]);
    }
    // The commit that brings the first policy brings its own: there is nothing that it could weaken.
    let own = of(commit)?;
    Ok(own.into_iter().chain(believed.spare.iter().cloned()).collect())
}

/// A person's word for exactly this commit: for pushing it, or one that was used up for making it. A later failure ends
/// it. `acts`: all about its tree, the oldest first.
fn waived(acts: Vec<Recorded>, commit: &str) -> Option<Checked> {
    let mut word = None;
    let mut good = None;
    for r in acts {
        match r.act {
            Act::Waived { how, reason, who, .. } => {
                let said = Checked::Waived { reason, who };
                // `push REMOTE COMMIT`
                match how.starts_with("push ") && how.ends_with(&format!(" {commit}")) {
                    true => good = Some(said),
                    false => word = Some(said),
                }
            }
            Act::Shipped {
                commit: made, waived, ..
            } => {
                let said = word.take();
                if waived && made.is_some_and(|m| m.as_str() == commit) {
                    good = good.or(said);
                }
            }
            Act::Ran(run) => {
                if matches!(Verdict::of(&run), Verdict::Red(_)) {
                    (word, good) = (None, None);
                }
            }
            Act::Acknowledged { .. } | Act::Adopted { .. } => {}
        }
    }
    good
}

/// The ledger that a commit or ref holds, every line of it opened.
pub(crate) fn ledger_at(git: &mut Lent, name: &str, ring: &Keyring) -> Result<Ledger, CliError> {
    let bytes = git
        .blob(&format!("{name}:ledger"))?
        .ok_or_else(|| CliError::new(Exit::Ledger, format!("{name} holds no ledger")))?;
    let read = Ledger::read(&bytes, None, ring.clone(), Trust::Every);
    read.map(|(ledger, _)| ledger).map_err(super::ledger)
}

/// Whether a commit holds a ledger and nothing beside it.
pub(crate) fn only_ledger(git: &mut Lent, commit: &str) -> Result<bool, CliError> {
    let said = git.read(&["ls-tree", commit])?;
    let one = |line: &str| line.starts_with("100644 blob ") && line.ends_with("\tledger");
    Ok(said.code == 0 && said.out.lines().count() == 1 && said.out.lines().all(one))
}
