//! `verify`: a line for each check, what a red one said, and the next step.

use crate::cli::args::VerifyArgs;
use crate::cli::context::Context;
use crate::cli::style::Tone;
use crate::cli::{accept, cwd, json, say};
use crate::exit::{CliError, Exit};
use crate::verify::{
    Asked, Base, Confirmed, Ended, Gate, Told, ledger, proposal, told as standing_told, user, worktree,
};
use brisk_domain::evidence::Tree;
use brisk_gate::{Act, CheckState, Policy, State, Verdict};
use brisk_protocol::gate::{self as wire, TreeState};
use serde_json::json;

/// `verify [CHECK...]`.
pub(crate) fn run(context: &Context, args: &VerifyArgs) -> Result<Exit, CliError> {
    let mut gate = Gate::open(&context.home, &cwd()?)?;
    let (tree, base, us) = gate.stand()?;
    if context.json {
        let fields = json!({"tree": tree, "us": us});
        say::raw(&json::line("tree", context.t_us(), fields))?;
    }
    if args.accept {
        return accept::run(context, &mut gate, &base, &tree);
    }
    let policy = match gate.policy(&base) {
        Ok(policy) => policy,
        Err(error) => {
            propose(context, &mut gate, &base, &tree)?;
            return Err(error);
        }
    };
    if let Some(reason) = &args.acknowledge {
        return acknowledge(context, &gate, &base, &tree, &policy, reason);
    }
    let asked = Asked {
        checks: wanted(&mut gate, args, &base, &tree, &policy)?,
        again: args.again,
        fresh: args.fresh,
        degraded: args.degraded,
        terminal: context.streams.input,
    };
    let mut worst = Exit::Done;
    let show = args.verbose && !context.json;
    // A closed output must not end a check.
    let mut hear = |said: Told<'_>| match said {
        Told::Started { check, argv } => drop(begin(context, check, argv)),
        Told::Note { check, text } => drop(noted(context, check, text)),
        Told::Line(line) if show => drop(say::lines(context, &[(Tone::Dim, format!("  {line}"))])),
        Told::Line(_) => {}
        Told::Ended(ended) => {
            worst = worse(worst, &ended.verdict);
            let _ = tell(context, ended);
        }
    };
    let state = gate.verify((&tree, &base, &policy), &asked, &mut hear)?;
    end(context, &state, &tree, &policy, worst)
}

/// The checks to run: those named, those that the change concerns, or all.
fn wanted(
    gate: &mut Gate,
    args: &VerifyArgs,
    base: &Base,
    tree: &Tree,
    policy: &Policy,
) -> Result<Vec<String>, CliError> {
    let mut names = Gate::named(policy, &args.checks)?;
    if args.affected {
        let before = base.tree.as_ref();
        if let Some(before) = before {
            gate.take_over(&base.objects, before)?;
        }
        let changes = gate.shadow.changes(before, tree).map_err(worktree)?;
        names.retain(|n| policy.concerns(n, changes.iter().map(|c| c.path.as_str())));
    }
    Ok(names)
}

pub(crate) fn source(from: Confirmed) -> &'static str {
    match from {
        Confirmed::Head => "brisk.toml of HEAD",
        Confirmed::Worktree => "brisk.toml of the worktree",
        Confirmed::Proposed => "proposed; there is no brisk.toml",
    }
}

fn commands(policy: &Policy) -> Vec<(Tone, String)> {
    let line = |(name, check): (&String, &brisk_gate::Check)| {
        let net = if check.network { ", with network" } else { "" };
        (Tone::Plain, format!("  {name}: {}{net}", check.run.join(" ")))
    };
    policy.checks().iter().map(line).collect()
}

/// Without a confirmed policy: what could be confirmed.
fn propose(context: &Context, gate: &mut Gate, base: &Base, tree: &Tree) -> Result<(), CliError> {
    let (from, text) = proposal(gate, base, tree)?;
    if context.json {
        let fields = json!({"text": text, "from": source(from)});
        return say::raw(&json::line("proposal", context.t_us(), fields));
    }
    let policy = Policy::parse(&text).map_err(|e| CliError::new(Exit::Policy, e.to_string()))?;
    let mut lines = vec![(Tone::Head, format!("to be confirmed ({}):", source(from)))];
    lines.extend(commands(&policy));
    say::lines(context, &lines)
}

/// `--acknowledge REASON`: a person has seen what was flagged on this tree.
fn acknowledge(
    context: &Context,
    gate: &Gate,
    base: &Base,
    tree: &Tree,
    policy: &Policy,
    reason: &str,
) -> Result<Exit, CliError> {
    if !context.streams.input {
        return Err(CliError::new(
            Exit::Human,
            "only a person can say that they have seen it, and standard input is no terminal",
        )
        .hint("run it in a terminal"));
    }
    if reason.trim().is_empty() {
        return Err(CliError::new(
            Exit::Usage,
            "say why it is right: --acknowledge REASON",
        ));
    }
    let book = gate.ledger()?;
    let mut concerns = Vec::new();
    for name in policy.checks().keys() {
        if let CheckState::Ran {
            verdict: Verdict::Flagged(more),
            ..
        } = book
            .check_state(tree, policy, name, base.tree.as_ref())
            .map_err(ledger)?
        {
            concerns.extend(more);
        }
    }
    concerns.sort();
    concerns.dedup();
    if concerns.is_empty() {
        return Err(CliError::new(Exit::Usage, "nothing is flagged on this tree")
            .hint("`brisk verify` runs the checks"));
    }
    let after = gate.record(Act::Acknowledged {
        tree: tree.clone(),
        policy: policy.digest().clone(),
        concerns: concerns.clone(),
        reason: reason.to_owned(),
        who: user(),
    })?;
    if !context.json {
        let lines: Vec<_> = concerns
            .into_iter()
            .map(|c| (Tone::Warn, format!("seen: {c}")))
            .collect();
        say::lines(context, &lines)?;
    }
    let state = after.state(tree, policy, base.tree.as_ref()).map_err(ledger)?;
    end(context, &state, tree, policy, Exit::Done)
}

fn begin(context: &Context, name: &str, argv: &[String]) -> Result<(), CliError> {
    if context.json {
        return say::raw(&json::line(
            "check_started",
            context.t_us(),
            json!({"check": name, "run": argv}),
        ));
    }
    say::lines(context, &[(Tone::Dim, format!("{name}: {}", argv.join(" ")))])
}

/// Why nothing happens yet, or something else than somebody may think.
fn noted(context: &Context, name: &str, text: &str) -> Result<(), CliError> {
    if context.json {
        let fields = json!({"check": name, "text": text});
        return say::raw(&json::line("check_note", context.t_us(), fields));
    }
    say::lines(context, &[(Tone::Dim, format!("{name}: {text}"))])
}

fn word(verdict: &Verdict) -> (Tone, &'static str) {
    match verdict {
        Verdict::Green => (Tone::Good, "passed"),
        Verdict::Flagged(_) => (Tone::Warn, "flagged"),
        Verdict::Red(_) => (Tone::Bad, "failed"),
        Verdict::Inconclusive(_) => (Tone::Warn, "inconclusive"),
    }
}

fn tell(context: &Context, told: &Ended) -> Result<(), CliError> {
    let Ended {
        check: name,
        run,
        verdict,
        ..
    } = told;
    let (tone, state) = word(verdict);
    if context.json {
        let fields = json!({
            "check": name,
            "state": state,
            "why": verdict.to_string(),
            "counts": told.counts(),
            "flaky": told.flaky,
            "memory": told.memory,
            "ms": run.ended_ms.saturating_sub(run.began_ms),
            "sandbox": run.sandbox,
            "log": told.log.display().to_string(),
        });
        return say::raw(&json::line("check", context.t_us(), fields));
    }
    let mut lines = Vec::new();
    if matches!(verdict, Verdict::Red(_) | Verdict::Inconclusive(_)) {
        lines.extend(told.tail.iter().map(|l| (Tone::Dim, format!("  {l}"))));
        lines.push((Tone::Plain, format!("  all of it: {}", told.log.display())));
    }
    lines.push((tone, told.report().to_string()));
    if !matches!(verdict, Verdict::Green) {
        lines.push((tone, format!("  {verdict}")));
    }
    if told.flaky {
        lines.push((
            Tone::Warn,
            format!("  {name} is flaky: it both passed and failed on this very tree"),
        ));
    }
    if run.sandbox.starts_with("degraded") {
        lines.push((Tone::Warn, format!("  sandbox {}", run.sandbox)));
    }
    say::lines(context, &lines)
}

fn worse(so_far: Exit, verdict: &Verdict) -> Exit {
    let rank = |e: Exit| {
        [Exit::Done, Exit::Flagged, Exit::Inconclusive, Exit::Red]
            .iter()
            .position(|x| *x == e)
    };
    let this = match verdict {
        Verdict::Green => Exit::Done,
        Verdict::Flagged(_) => Exit::Flagged,
        Verdict::Inconclusive(_) => Exit::Inconclusive,
        Verdict::Red(_) => Exit::Red,
    };
    if rank(this) > rank(so_far) { this } else { so_far }
}

fn end(context: &Context, state: &State, tree: &Tree, policy: &Policy, exit: Exit) -> Result<Exit, CliError> {
    if context.json {
        let fields = json!({"tree": tree, "policy": policy.digest(), "state": line(tree, Some(state)), "exit": exit.code()});
        say::raw(&json::line("verify", context.t_us(), fields))?;
        return Ok(exit);
    }
    let mut lines = vec![(tone(&standing_told(Some(state))), line(tree, Some(state)))];
    if exit == Exit::Flagged {
        let next = "next: look at it, then `brisk verify --acknowledge REASON`";
        lines.push((Tone::Plain, next.to_owned()));
    }
    say::lines(context, &lines)?;
    Ok(exit)
}

/// How good a state is.
pub(crate) fn tone(state: &TreeState) -> Tone {
    match state {
        TreeState::Draft { .. } | TreeState::Verifying { .. } => Tone::Dim,
        TreeState::Verified {
            level: wire::Level::Full,
            ..
        }
        | TreeState::Shipped { waived: false, .. } => Tone::Good,
        TreeState::Verified { .. }
        | TreeState::Inconclusive { .. }
        | TreeState::Flagged { .. }
        | TreeState::Shipped { waived: true, .. }
        | TreeState::Unknown { .. } => Tone::Warn,
        TreeState::Failed { .. } => Tone::Bad,
    }
}

/// The ledger's line for a tree: the same words in every command.
pub(crate) fn line(tree: &Tree, state: Option<&State>) -> String {
    format!("tree {}: {}", tree.short(), standing_told(state))
}
