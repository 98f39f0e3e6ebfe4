//! `gate`: the same judgement outside of the machine that ships: in CI, before a push, before a push is received.

mod own;
mod receive;

use crate::cli::args::{GateCmd, Outside};
use crate::cli::context::Context;
use crate::cli::ship::not_shipped;
use crate::cli::style::{Tone, count};
use crate::cli::verify::line as state_line;
use crate::cli::{cwd, json, say};
use crate::exit::{CliError, Exit};
use crate::verify::{Believed, Checked, Gate, Lent, Parted, check_commit, ledger, parted};
use brisk_domain::evidence::Tree;
use brisk_gate::{Act, Keyring, Recorded, Verdict};
use brisk_worktree::attest;
use serde_json::json;
use std::io::Read;
use std::path::Path;

const REFS: &str = "refs/brisk/attestations/";

/// `gate ...`.
pub(crate) fn run(context: &Context, command: &GateCmd) -> Result<Exit, CliError> {
    match command {
        GateCmd::Check { revs, outside } => check(context, revs, outside),
        GateCmd::Receive { outside } => receive::receive(context, outside),
        GateCmd::PrePush { remote, .. } => pre_push(context, remote.as_deref()),
        GateCmd::Show { rev } => show(context, rev.as_deref()),
        GateCmd::Log { limit } => log(context, *limit),
        GateCmd::Key(args) => own::key(context, args),
        GateCmd::Adopt { rev } => own::adopt(context, rev),
        GateCmd::Install => own::install(context),
    }
}

/// Keys and policy from outside of the repository.
fn load(outside: &Outside) -> Result<Believed, CliError> {
    let read = |path: &Path| {
        std::fs::read_to_string(path)
            .map_err(|e| CliError::new(Exit::Ledger, format!("{} cannot be read: {e}", path.display())))
    };
    let ring = Keyring::parse(&read(&outside.keys)?).map_err(|e| {
        CliError::new(Exit::Ledger, format!("{}: {e}", outside.keys.display()))
            .hint("`brisk gate key` prints such a line")
    })?;
    Ok(Believed {
        ring,
        policy: outside.policy.as_deref().map(read).transpose()?,
        spare: Vec::new(),
        waivers: !outside.no_waivers,
        since: outside.since.clone(),
    })
}

/// A clone without its past cannot say what a commit changed, nor list what leads to it.
fn whole(git: &mut Lent) -> Result<(), CliError> {
    let said = git.read(&["rev-parse", "--is-shallow-repository"])?;
    match said.out.trim() {
        "false" => Ok(()),
        _ => Err(CliError::new(
            Exit::Gate,
            "this is a shallow clone: what a commit changed is not known",
        )
        .hint("fetch all of it: `git fetch --unshallow`; in CI, a fetch depth of 0")),
    }
}

/// `gate check [REV..]`: commits, ranges; HEAD without any.
fn check(context: &Context, revs: &[String], outside: &Outside) -> Result<Exit, CliError> {
    let mut git = Lent::new(&cwd()?)?;
    whole(&mut git)?;
    let trusted = load(outside)?;
    let ledgers = refs(&mut git)?;
    let mut commits = Vec::new();
    for rev in revs {
        commits.extend(match rev.contains("..") {
            true => git.commits(&["--end-of-options", rev])?,
            // One that is not here is told of where it is judged.
            false => vec![
                git.id(&format!("{rev}^{{commit}}"))?
                    .map_or_else(|| rev.clone(), |c| c.to_string()),
            ],
        });
    }
    if revs.is_empty() {
        let head = git.id("HEAD^{commit}")?;
        commits.push(head.map_or_else(|| "HEAD".to_owned(), |c| c.to_string()));
    }
    judge(context, &mut git, commits, &trusted, &ledgers)
}

/// What git tells a hook on standard input: one line for each ref.
struct Update {
    old: String,
    new: String,
    name: String,
}

fn updates(order: [usize; 3]) -> Result<Vec<Update>, CliError> {
    let mut text = String::new();
    std::io::stdin()
        .lock()
        .take(1 << 24)
        .read_to_string(&mut text)
        .map_err(|e| CliError::new(Exit::Usage, format!("standard input cannot be read: {e}")))?;
    let update = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [old, new, name] = order.map(|at| words.get(at).copied().unwrap_or_default().to_owned());
        // A name of an object is digits only; anything else would be an option or a search.
        let id = |t: &str| Tree::parse(t).is_some();
        match id(&old) && id(&new) && !name.is_empty() {
            true => Ok(Update { old, new, name }),
            false => Err(CliError::new(
                Exit::Usage,
                format!("this is no line of a git hook: {line:?}"),
            )),
        }
    };
    text.lines()
        .filter(|l| !l.trim().is_empty())
        .map(update)
        .collect()
}

fn none(id: &str) -> bool {
    id.bytes().all(|b| b == b'0')
}

/// `gate pre-push`: what the installed hook runs, with this machine's own ledger and key. What another remote has is
/// not known to this one (`remote`: git's name for it, or its address).
fn pre_push(context: &Context, remote: Option<&str>) -> Result<Exit, CliError> {
    let mut gate = Gate::open(&context.home, &cwd()?)?;
    // LOCAL-REF LOCAL-ID REMOTE-REF REMOTE-ID
    let updates = updates([3, 1, 2])?;
    let mut commits = Vec::new();
    for update in updates
        .iter()
        .filter(|u| !u.name.starts_with(REFS) && !none(&u.new))
    {
        let known = remote.map(|r| format!("--remotes={r}"));
        let not_old = format!("^{}", update.old);
        let mut args = vec![update.new.as_str()];
        // What the branch has there, if it is known here.
        if gate.git.id(&format!("{}^{{commit}}", update.old))?.is_some() {
            args.push(&not_old);
        }
        if let Some(known) = &known {
            args.extend(["--not", known]);
        }
        let (names, not) = args.split_at(1);
        commits.extend(unknown(&mut gate.git, names, not)?);
    }
    let (trusted, ledgers) = own(&mut gate)?;
    judge(context, &mut gate.git, commits, &trusted, &ledgers)
}

/// The commits that `names` lead to without those that `not` names. Git leaves out what lies behind the end of a shallow
/// clone, and the file that says where that is can say anything; commits themselves say what they follow.
fn unknown(git: &mut Lent, names: &[&str], not: &[&str]) -> Result<Vec<String>, CliError> {
    let mut open: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
    let mut found: Vec<String> = Vec::new();
    while let Some(name) = open.pop() {
        let mut args = vec![name.as_str()];
        args.extend(not);
        let new = git.commits(&args)?;
        let new: Vec<String> = new.into_iter().filter(|c| !found.contains(c)).collect();
        found.extend(new.iter().cloned());
        for commit in &new {
            for parent in git.parents(commit)? {
                // One that is not here is told of where its child is judged.
                let here = git.id(&format!("{parent}^{{commit}}"))?.is_some();
                if here && !found.contains(&parent) && !open.contains(&parent) {
                    open.push(parent);
                }
            }
        }
    }
    Ok(found)
}

/// What this machine believes of itself: its own key, its own ledger as a ref.
fn own(gate: &mut Gate) -> Result<(Believed, Vec<String>), CliError> {
    let trusted = Believed {
        ring: Keyring::of(gate.public(), "this machine"),
        policy: None,
        spare: gate.all_confirmed(),
        waivers: true,
        since: None,
    };
    // Made where nothing was ever recorded.
    gate.ledger()?;
    let (signer, path) = (gate.public().id(), gate.ledger_path());
    let attested = attest(&gate.shadow, &mut gate.git, &signer, &path)
        .map_err(|e| CliError::new(Exit::Git, e.to_string()))?;
    Ok((trusted, vec![attested.name]))
}

/// Before a push of `commit` by `ship`: every commit that the remote does not have must be verified. Gives the refs that
/// go with them.
pub(crate) fn before_push(gate: &mut Gate, remote: &str, commit: &Tree) -> Result<Vec<String>, CliError> {
    let (trusted, ledgers) = own(gate)?;
    let known = format!("--remotes={remote}");
    let new = unknown(&mut gate.git, &[commit.as_str()], &["--not", &known])?;
    for commit in parted(&mut gate.git, new, &trusted, &ledgers)?.asked {
        let found = check_commit(&mut gate.git, &commit, &trusted, &ledgers)?;
        if let Checked::Refused { why, refusal } = found {
            let short = commit.get(..12).unwrap_or(&commit);
            return Err(match refusal {
                Some(refusal) => not_shipped(&refusal, "brisk ship push --unverified --reason WHY"),
                None => CliError::new(Exit::Unverified, format!("not shipped: {short}: {why}")),
            });
        }
    }
    Ok(ledgers.into_iter().map(|l| format!("{l}:{l}")).collect())
}

/// So many refused commits are named to a person: a first push may bring a whole history.
const NAMED: usize = 12;

fn judge(
    context: &Context,
    git: &mut Lent,
    commits: Vec<String>,
    trusted: &Believed,
    ledgers: &[String],
) -> Result<Exit, CliError> {
    let mut refused = 0;
    let parts = parted(git, commits, trusted, ledgers)?;
    if parts.before > 0 {
        before(context, &parts)?;
    }
    for commit in &parts.asked {
        let found = check_commit(git, commit, trusted, ledgers)?;
        let (tone, state, text) = match &found {
            Checked::Verified { by } => (Tone::Good, "verified", format!("verified ({by})")),
            Checked::Waived { reason, who } => (Tone::Warn, "waived", format!("waived by {who}: {reason}")),
            Checked::Refused { why, .. } => (Tone::Bad, "refused", why.clone()),
        };
        refused += usize::from(matches!(found, Checked::Refused { .. }));
        if context.json {
            let fields = json!({"commit": commit, "state": state, "why": text});
            say::raw(&json::line("commit", context.t_us(), fields))?;
        } else if refused <= NAMED || !matches!(found, Checked::Refused { .. }) {
            let short = commit.get(..12).unwrap_or(commit);
            say::lines(context, &[(tone, format!("{short}: {text}"))])?;
        }
    }
    if refused > NAMED && !context.json {
        let text = format!(
            "and {} more are refused; where they are from before the gate: `brisk gate adopt`",
            refused - NAMED
        );
        say::lines(context, &[(Tone::Bad, text)])?;
    }
    Ok(match refused {
        0 => Exit::Done,
        _ => Exit::Gate,
    })
}

/// Commits that are not asked about are counted, so that nobody takes silence for evidence.
fn before(context: &Context, parts: &Parted) -> Result<(), CliError> {
    let said = parts.said.join(", ");
    if context.json {
        let fields = json!({"commits": parts.before, "said": parts.said});
        return say::raw(&json::line("before", context.t_us(), fields));
    }
    let text = format!(
        "{} from before the gate, not asked about ({said})",
        count(parts.before, "commit")
    );
    say::lines(context, &[(Tone::Warn, text)])
}

/// The refs of ledgers that are there.
fn refs(git: &mut Lent) -> Result<Vec<String>, CliError> {
    let said = git.read(&["for-each-ref", "--format=%(refname)", REFS])?;
    Ok(said.out.lines().map(str::to_owned).collect())
}

/// `gate show [REV]`: everything that the ledger says about a tree.
fn show(context: &Context, rev: Option<&str>) -> Result<Exit, CliError> {
    let mut gate = Gate::open(&context.home, &cwd()?)?;
    let (now, _) = gate.state()?;
    let tree = match rev {
        None => now,
        Some(rev) => {
            let said = gate
                .git
                .read(&["rev-parse", "--verify", "--quiet", &format!("{rev}^{{tree}}")])?;
            Tree::parse(said.out.trim())
                .ok_or_else(|| CliError::new(Exit::Usage, format!("{rev:?} names no commit")))?
        }
    };
    let book = gate.ledger()?;
    let base = gate.base(&tree)?;
    // A commit stands on its parent, wherever HEAD is.
    let on = match rev {
        None => base.tree.clone(),
        Some(rev) => gate.git.id(&format!("{rev}^1^{{tree}}"))?,
    };
    let state = match gate.policy(&base) {
        Ok(policy) => Some(book.state(&tree, &policy, on.as_ref()).map_err(ledger)?),
        Err(_) => None,
    };
    let acts = book.about(&tree).map_err(ledger)?;
    if !context.json {
        say::lines(context, &[(Tone::Head, state_line(&tree, state.as_ref()))])?;
    }
    acts.iter().try_for_each(|r| entry(context, r))?;
    Ok(Exit::Done)
}

/// `gate log`.
fn log(context: &Context, limit: usize) -> Result<Exit, CliError> {
    let gate = Gate::open(&context.home, &cwd()?)?;
    let acts = gate.ledger()?.newest(limit).map_err(ledger)?;
    acts.iter().try_for_each(|r| entry(context, r))?;
    Ok(Exit::Done)
}

fn entry(context: &Context, r: &Recorded) -> Result<(), CliError> {
    if context.json {
        let fields = json!({"seq": r.seq, "line": r.hash, "signer": r.signer, "act": r.act});
        return say::raw(&json::line("act", context.t_us(), fields));
    }
    let (tone, text) = match &r.act {
        Act::Ran(run) => {
            let verdict = Verdict::of(run);
            let tone = match verdict {
                Verdict::Green => Tone::Good,
                Verdict::Red(_) => Tone::Bad,
                Verdict::Flagged(_) | Verdict::Inconclusive(_) => Tone::Warn,
            };
            (
                tone,
                format!(
                    "{}: {verdict} (sandbox {}, log {})",
                    run.check,
                    run.sandbox,
                    run.log.short()
                ),
            )
        }
        Act::Acknowledged {
            concerns,
            reason,
            who,
            ..
        } => (
            Tone::Warn,
            format!("{who} has seen {}: {reason}", concerns.join("; ")),
        ),
        Act::Shipped {
            how, commit, waived, ..
        } => {
            let commit = commit
                .as_ref()
                .map(|c| format!(" {}", c.short()))
                .unwrap_or_default();
            let word = if *waived {
                "shipped without evidence"
            } else {
                "shipped"
            };
            (Tone::Plain, format!("{word}: {how}{commit}"))
        }
        Act::Waived { how, reason, who, .. } => (Tone::Warn, format!("{who} waived {how}: {reason}")),
        Act::Adopted { commit, who, .. } => (
            Tone::Warn,
            format!("{who}: the gate holds from {} on", commit.short()),
        ),
    };
    say::lines(
        context,
        &[(tone, format!("{:>4} {} {text}", r.seq, r.act.tree().short()))],
    )
}
