//! `gate receive`: what a server takes, and what it takes as a ledger.

use super::{REFS, Update, judge, load, none, refs, updates};
use crate::cli::args::Outside;
use crate::cli::context::Context;
use crate::cli::cwd;
use crate::exit::{CliError, Exit};
use crate::verify::{Lent, ledger, ledger_at, only_ledger};
use brisk_gate::{Adopted, Keyring, Ledger};

/// `gate receive`: what a pre-receive hook runs. Every new commit of every branch must be verified, and a ledger may only
/// grow.
pub(super) fn receive(context: &Context, outside: &Outside) -> Result<Exit, CliError> {
    let mut git = Lent::new(&cwd()?)?;
    let trusted = load(outside)?;
    let updates = updates([0, 1, 2])?;
    let mut ledgers = refs(&mut git)?;
    for update in updates.iter().filter(|u| u.name.starts_with(REFS)) {
        if none(&update.new) {
            return Err(CliError::new(
                Exit::Ledger,
                format!("{} may not be deleted", update.name),
            ));
        }
        let new = attestation(&mut git, update, &trusted.ring)?;
        let old = match none(&update.old) {
            true => None,
            false => Some(ledger_at(&mut git, &update.old, &trusted.ring)?),
        };
        if let Some(old) = &old {
            new.goes_on_from(old).map_err(ledger)?;
        }
        let known = old.map(|l| l.adopted()).transpose().map_err(ledger)?.flatten();
        if let Some(said) = new.adopted().map_err(ledger)?.filter(|_| known.is_none()) {
            begins(&mut git, &said)?;
        }
        ledgers.retain(|l| *l != update.name);
        ledgers.push(update.new.clone());
    }
    let mut commits = Vec::new();
    for update in updates
        .iter()
        .filter(|u| !u.name.starts_with(REFS) && !none(&u.new))
    {
        // What a branch had already was judged when it came.
        let not_old = format!("^{}", update.old);
        let mut args = vec![update.new.as_str()];
        match none(&update.old) {
            // Not what a ledger's ref leads to: nobody judged that as code.
            true => args.extend(["--not", "--exclude=refs/brisk/*", "--all"]),
            false => args.push(&not_old),
        }
        commits.extend(git.commits(&args)?);
    }
    commits.sort();
    commits.dedup();
    judge(context, &mut git, commits, &trusted, &ledgers)
}

/// Whether it may be said here that the gate holds only from a commit on: where nothing was ever received, or where that
/// commit was. Else whoever has a key could leave out what they bring along.
fn begins(git: &mut Lent, said: &Adopted) -> Result<(), CliError> {
    let branches = git.read(&[
        "for-each-ref",
        "--count=1",
        "--format=%(refname)",
        "refs/heads",
        "refs/tags",
    ])?;
    if branches.out.trim().is_empty() {
        return Ok(());
    }
    let commit = said.commit.as_str();
    let here = match git.id(&format!("{commit}^{{commit}}"))? {
        Some(_) => git
            .commits(&[commit, "--not", "--exclude=refs/brisk/*", "--all"])?
            .is_empty(),
        None => false,
    };
    match here {
        true => Ok(()),
        false => Err(CliError::new(
            Exit::Ledger,
            format!(
                "a ledger says that the gate holds only from {} on, which was never received here",
                said.commit.short()
            ),
        )
        .hint("only what begins a repository may come with such a word; whoever keeps the server may say `--since COMMIT`")),
    }
}

/// The ledger that is being pushed. Its ref is named after the key that signed all of it, and leads to ledgers and
/// nothing else, so that nothing else comes in beside them.
fn attestation(git: &mut Lent, update: &Update, ring: &Keyring) -> Result<Ledger, CliError> {
    let name = &update.name;
    let refuse = |why: &str| Err(CliError::new(Exit::Ledger, format!("{name} {why}")));
    let ledger = ledger_at(git, &update.new, ring)?;
    let acts = ledger.newest(usize::MAX).map_err(crate::verify::ledger)?;
    if acts.is_empty() {
        return refuse("holds an empty ledger");
    }
    let key = name.strip_prefix(REFS).unwrap_or_default();
    if acts.iter().any(|r| r.signer.short() != key) {
        return refuse("is not named after the key that signed it");
    }
    let not_old = format!("^{}", update.old);
    let mut args = vec![update.new.as_str()];
    args.extend((!none(&update.old)).then_some(not_old.as_str()));
    for commit in git.commits(&args)? {
        if git.parents(&commit)?.len() > 1 || !only_ledger(git, &commit)? {
            return refuse("leads to something that is no ledger");
        }
    }
    Ok(ledger)
}
