//! `ship`: what was verified leaves, and nothing else does.

use crate::cli::args::{ShipArgs, ShipCmd};
use crate::cli::context::Context;
use crate::cli::gate::before_push;
use crate::cli::style::Tone;
use crate::cli::{cwd, json, say};
use crate::exit::{CliError, Exit};
use crate::verify::{Gate, ledger, user, worktree};
use brisk_domain::evidence::Tree;
use brisk_gate::{Act, Promotable, Refusal, Why};
use brisk_worktree::{PromoteError, Promoted, Way, promote, ready};
use serde_json::json;
use std::path::PathBuf;

/// `ship commit|branch|patch|push`.
pub(crate) fn run(context: &Context, args: &ShipArgs) -> Result<Exit, CliError> {
    let mut gate = Gate::open(&context.home, &cwd()?)?;
    gate.git.terminal = context.streams.input && !context.json;
    let (tree, mut way) = what(&mut gate, &args.how)?;
    let how = match &args.how {
        ShipCmd::Commit { .. } => "commit".to_owned(),
        ShipCmd::Branch { name, .. } => format!("branch {name}"),
        ShipCmd::Patch { .. } => "patch".to_owned(),
        ShipCmd::Push { remote } => format!("push {remote}"),
    };
    let leave = match args.unverified {
        true => {
            // Nobody gives their word for what git would not ship.
            ready(&tree, &mut gate.shadow, &mut gate.git, &way).map_err(refused)?;
            // A word for a push is one for this commit only, whoever else has the same content.
            let exact = match &way {
                Way::Push { commit, .. } => format!("{how} {commit}"),
                Way::Commit { .. } | Way::Branch { .. } | Way::Patch { .. } => how.clone(),
            };
            waive(context, &gate, &tree, &exact, args.reason.as_deref())?
        }
        false => evidence(&mut gate, &tree, &how)?,
    };
    let (policy, waived) = (leave.policy().cloned(), leave.waived());
    if let Way::Push {
        remote, commit, refs, ..
    } = &mut way
    {
        // The ledger goes with what it is about. A waiver for HEAD is none for what HEAD stands on.
        *refs = before_push(&mut gate, remote, commit)?;
    }
    let done = promote(leave, &mut gate.shadow, &mut gate.git, &way).map_err(refused)?;
    if !done.already {
        gate.record(Act::Shipped {
            tree: done.tree.clone(),
            policy,
            how: how.clone(),
            commit: done.commit.clone(),
            waived,
        })?;
    }
    if let ShipCmd::Patch { output } = &args.how {
        hand_out(&gate, output.as_ref())?;
        if output.is_none() && !context.json {
            return Ok(Exit::Done);
        }
    }
    tell(context, &done, &how, waived)
}

/// What is to be shipped, and how. For a push it is one commit from here on, wherever HEAD goes.
fn what(gate: &mut Gate, how: &ShipCmd) -> Result<(Tree, Way), CliError> {
    let way = match how {
        ShipCmd::Commit { message } => Way::Commit {
            message: message.clone(),
        },
        ShipCmd::Branch { name, message } => Way::Branch {
            name: name.clone(),
            message: message.clone().unwrap_or_else(|| name.clone()),
        },
        ShipCmd::Patch { .. } => Way::Patch {
            file: gate.dir().join("ship.patch"),
        },
        ShipCmd::Push { remote } => {
            let said = gate.git.read(&["symbolic-ref", "--quiet", "HEAD"])?;
            let branch = said.out.trim().strip_prefix("refs/heads/").map(str::to_owned);
            let branch = branch.ok_or_else(|| {
                CliError::new(Exit::Git, "no branch is checked out: HEAD is detached")
                    .hint("`git switch -c NAME`, then push that")
            })?;
            let none = || CliError::new(Exit::Git, "there is no commit to push");
            let commit = gate.git.id("HEAD")?.ok_or_else(none)?;
            let tree = gate.git.id(&format!("{commit}^{{tree}}"))?.ok_or_else(none)?;
            let remote = remote.clone();
            let refs = Vec::new();
            return Ok((
                tree,
                Way::Push {
                    remote,
                    commit,
                    branch,
                    refs,
                },
            ));
        }
    };
    Ok((gate.tree()?, way))
}

/// Leave from the ledger.
fn evidence(gate: &mut Gate, tree: &Tree, how: &str) -> Result<Promotable, CliError> {
    let base = gate.base(tree)?;
    let policy = gate.policy(&base)?;
    let book = gate.ledger()?;
    book.promote(tree, &policy, base.tree.as_ref())
        .map_err(|refusal| {
            let waive = format!(
                "brisk ship {} --unverified --reason WHY",
                how.split(' ').next().unwrap_or(how)
            );
            not_shipped(&refusal, &waive)
        })
}

pub(crate) fn not_shipped(refusal: &Refusal, waive: &str) -> CliError {
    let exit = match &refusal.why {
        Why::Unverified | Why::Part { .. } | Why::Verifying { .. } => Exit::Unverified,
        Why::Stale { .. } => Exit::Stale,
        Why::Failed { .. } => Exit::Red,
        Why::Inconclusive { .. } => Exit::Inconclusive,
        Why::Flagged { .. } => Exit::Flagged,
        Why::BaseMoved { .. } => Exit::BaseMoved,
        Why::Ledger(e) => return ledger(e.clone()),
    };
    let hint = format!("`{}` (a person at a terminal may also `{waive}`)", refusal.next());
    CliError::new(exit, format!("not shipped: {refusal}")).hint(hint)
}

/// A person's word instead of evidence, signed into the ledger.
fn waive(
    context: &Context,
    gate: &Gate,
    tree: &Tree,
    how: &str,
    reason: Option<&str>,
) -> Result<Promotable, CliError> {
    if !context.streams.input {
        return Err(CliError::new(
            Exit::Human,
            "only a person may ship without evidence, and standard input is no terminal",
        )
        .hint("`brisk verify`, then ship; or run it in a terminal"));
    }
    let reason = reason.map(str::trim).filter(|r| !r.is_empty());
    let reason = reason.ok_or_else(|| CliError::new(Exit::Usage, "say why: --unverified --reason WHY"))?;
    let book = gate.record(Act::Waived {
        tree: tree.clone(),
        how: how.to_owned(),
        reason: reason.to_owned(),
        who: user(),
    })?;
    book.waiver(tree)
        .map_err(|refusal| not_shipped(&refusal, "brisk ship"))
}

fn refused(e: PromoteError) -> CliError {
    let text = e.to_string();
    match e {
        PromoteError::Stale { .. } => CliError::new(Exit::Stale, text).hint("`brisk verify`"),
        PromoteError::Unmerged { .. } => {
            CliError::new(Exit::Git, text).hint("settle them, `git add` them, `brisk verify`")
        }
        PromoteError::Sparse { .. } => CliError::new(Exit::Git, text).hint("`git sparse-checkout disable`"),
        PromoteError::Filter { filter, .. } => {
            let next = match filter.as_str() {
                "lfs" => "`git lfs uninstall --local` where this repository's own configuration names it, `git lfs install` makes it yours, then `brisk verify`".to_owned(),
                name => format!(
                    "if you know it: `git config --global filter.{name}.clean COMMAND`, and take it out of this repository's own configuration"
                ),
            };
            CliError::new(Exit::Git, text).hint(next)
        }
        PromoteError::Submodule { .. } => {
            CliError::new(Exit::Git, text).hint("commit or undo them there, then `brisk verify`")
        }
        PromoteError::Elsewhere { .. } => {
            CliError::new(Exit::Git, text).hint("`git config --unset core.worktree`, or ship from there")
        }
        PromoteError::Other { .. } | PromoteError::Git { .. } => CliError::new(Exit::Git, text),
        PromoteError::Worktree(e) => worktree(e),
    }
}

/// The patch goes to its file, or to standard output.
fn hand_out(gate: &Gate, output: Option<&PathBuf>) -> Result<(), CliError> {
    let from = gate.dir().join("ship.patch");
    let bad = |e: std::io::Error| CliError::new(Exit::Disk, format!("the patch cannot be written: {e}"));
    match output {
        Some(to) => std::fs::copy(&from, to).map(drop).map_err(bad)?,
        None => {
            use std::io::Write as _;
            let bytes = std::fs::read(&from).map_err(bad)?;
            std::io::stdout().lock().write_all(&bytes).map_err(bad)?;
        }
    }
    std::fs::remove_file(&from).map_err(bad)
}

fn tell(context: &Context, done: &Promoted, how: &str, waived: bool) -> Result<Exit, CliError> {
    if context.json {
        let fields = json!({
            "tree": done.tree,
            "commit": done.commit,
            "how": how,
            "already": done.already,
            "waived": waived,
        });
        say::raw(&json::line("shipped", context.t_us(), fields))?;
        return Ok(Exit::Done);
    }
    let commit = done
        .commit
        .as_ref()
        .map(|c| format!(" as {}", c.short()))
        .unwrap_or_default();
    let tree = done.tree.short();
    let line = match (done.already, waived) {
        (true, _) => (
            Tone::Good,
            format!("tree {tree} is there already{commit}; nothing to do"),
        ),
        (false, true) => (
            Tone::Warn,
            format!("shipped without evidence ({how}): tree {tree}{commit}"),
        ),
        (false, false) => (
            Tone::Good,
            format!("shipped ({how}): tree {tree}{commit}, verified"),
        ),
    };
    say::lines(context, &[line])?;
    Ok(Exit::Done)
}
