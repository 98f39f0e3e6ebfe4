//! `verify`: a line for each check, what a red one said, and the next step.

use crate::cli::args::VerifyArgs;
use crate::cli::context::Context;
use crate::cli::style::{Tone, count, duration};
use crate::cli::{accept, cwd, json, say};
use crate::exit::{CliError, Exit};
use crate::verify::{Base, Confirmed, Gate, Heard, Plan, ledger, proposal, user, worktree};
use brisk_domain::evidence::{Counts, Run, Summary, Tree};
use brisk_gate::{Act, CheckState, Level, Policy, Reason, State, Verdict, flags};
use serde_json::json;
use std::collections::VecDeque;

/// Lines of a red check that are shown; the log has all of them.
const SHOWN: usize = 30;

/// `verify [CHECK...]`.
pub(crate) fn run(context: &Context, args: &VerifyArgs) -> Result<Exit, CliError> {
    let mut gate = Gate::open(&context.home, &cwd()?)?;
    let tree = gate.shadow.tree().map_err(worktree)?;
    let base = gate.base(&tree)?;
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
    let wanted = wanted(&mut gate, args, &base, &tree, &policy)?;
    let mut worst = Exit::Done;
    let mut flagged = None;
    for name in &wanted {
        let Some(check) = policy.check(name) else { continue };
        let environment = gate.environment(check);
        let known = match args.again || args.fresh {
            true => None,
            false => gate
                .ledger()?
                .remembered(&tree, &policy, name, &environment, base.tree.as_ref())
                .map_err(ledger)?,
        };
        let memory = known.is_some();
        let mut tail = VecDeque::new();
        let run = match known {
            Some(run) => run,
            None => {
                if flagged.is_none() {
                    flagged = Some(look(&mut gate, &base, &tree, &policy)?);
                }
                begin(context, name, &check.run)?;
                let note = |text: &str| {
                    // A closed output must not end the check.
                    let _ = noted(context, name, text);
                };
                let plan = Plan {
                    policy: &policy,
                    base: &base,
                    tree: &tree,
                    degraded: args.degraded,
                    fresh: args.fresh,
                    terminal: context.streams.input,
                    note: &note,
                };
                let show = args.verbose && !context.json;
                let mut hear = |line: &str| {
                    if show {
                        // A closed output must not end the check.
                        let _ = say::lines(context, &[(Tone::Dim, format!("  {line}"))]);
                    }
                    if tail.len() == SHOWN {
                        tail.pop_front();
                    }
                    tail.push_back(line.to_owned());
                };
                let heard: Heard<'_> = &mut hear;
                gate.run_check(&plan, name, check, flagged.as_deref().unwrap_or_default(), heard)?
            }
        };
        let state = gate
            .ledger()?
            .check_state(&tree, &policy, name, base.tree.as_ref())
            .map_err(ledger)?;
        let (verdict, flaky) = match state {
            CheckState::Ran { verdict, flaky, .. } => (verdict, flaky),
            CheckState::Never | CheckState::OtherBase { .. } => (Verdict::of(&run), false),
        };
        worst = worse(worst, &verdict);
        let log = gate.dir().join("logs").join(run.log.as_str());
        let told = Told {
            name,
            run: &run,
            verdict: &verdict,
            flaky,
            memory,
            tail: &tail,
            log: log.display().to_string(),
        };
        tell(context, &told)?;
    }
    let state = gate
        .ledger()?
        .state(&tree, &policy, base.tree.as_ref())
        .map_err(ledger)?;
    end(context, &state, &tree, &policy, worst)
}

/// What about the change a person should see; nothing where there is no base to compare with.
fn look(
    gate: &mut Gate,
    base: &Base,
    tree: &Tree,
    policy: &Policy,
) -> Result<Vec<brisk_domain::evidence::Flag>, CliError> {
    let Some(before) = &base.tree else {
        return Ok(Vec::new());
    };
    gate.shadow.adopt(&base.objects, before).map_err(worktree)?;
    let changes = gate.shadow.changes(Some(before), tree).map_err(worktree)?;
    Ok(flags(&changes, policy))
}

/// The checks to run: those named, those that the change concerns, or all.
fn wanted(
    gate: &mut Gate,
    args: &VerifyArgs,
    base: &Base,
    tree: &Tree,
    policy: &Policy,
) -> Result<Vec<String>, CliError> {
    if let Some(unknown) = args.checks.iter().find(|c| policy.check(c).is_none()) {
        let known: Vec<&str> = policy.checks().keys().map(String::as_str).collect();
        return Err(
            CliError::new(Exit::Usage, format!("there is no check {unknown:?}"))
                .hint(format!("known: {}", known.join(", "))),
        );
    }
    let mut names: Vec<String> = match args.checks.is_empty() {
        true => policy.checks().keys().cloned().collect(),
        false => args.checks.clone(),
    };
    if args.affected {
        let before = base.tree.as_ref();
        if let Some(before) = before {
            gate.shadow.adopt(&base.objects, before).map_err(worktree)?;
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

/// What is told about one check.
struct Told<'a> {
    name: &'a str,
    run: &'a Run,
    verdict: &'a Verdict,
    flaky: bool,
    memory: bool,
    tail: &'a VecDeque<String>,
    log: String,
}

fn word(verdict: &Verdict) -> (Tone, &'static str) {
    match verdict {
        Verdict::Green => (Tone::Good, "passed"),
        Verdict::Flagged(_) => (Tone::Warn, "flagged"),
        Verdict::Red(_) => (Tone::Bad, "failed"),
        Verdict::Inconclusive(_) => (Tone::Warn, "inconclusive"),
    }
}

fn counted(run: &Run) -> Option<Counts> {
    match &run.summary {
        Summary::Tests { counts, .. } => Some(*counts),
        Summary::ExitOnly | Summary::Unreadable { .. } => None,
    }
}

fn tell(context: &Context, told: &Told<'_>) -> Result<(), CliError> {
    let Told {
        name, run, verdict, ..
    } = told;
    let (tone, state) = word(verdict);
    if context.json {
        let fields = json!({
            "check": name,
            "state": state,
            "why": verdict.to_string(),
            "counts": counted(run),
            "flaky": told.flaky,
            "memory": told.memory,
            "ms": run.ended_ms.saturating_sub(run.began_ms),
            "sandbox": run.sandbox,
            "log": told.log,
        });
        return say::raw(&json::line("check", context.t_us(), fields));
    }
    let mut line = format!("{name}: {state}");
    if let Some(c) = counted(run) {
        line.push_str(&format!(
            ", {} passed, {} failed, {} skipped",
            c.passed, c.failed, c.skipped
        ));
    }
    match told.memory {
        true => line.push_str(" (from memory: same tree, policy and environment)"),
        false => {
            let us = run.ended_ms.saturating_sub(run.began_ms).saturating_mul(1_000);
            line.push_str(&format!(" ({})", duration(us)));
        }
    }
    let mut lines = Vec::new();
    if matches!(verdict, Verdict::Red(_) | Verdict::Inconclusive(_)) {
        lines.extend(told.tail.iter().map(|l| (Tone::Dim, format!("  {l}"))));
        lines.push((Tone::Plain, format!("  all of it: {}", told.log)));
    }
    lines.push((tone, line));
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
    let mut lines = vec![(tone(state), line(tree, Some(state)))];
    if exit == Exit::Flagged {
        let next = "next: look at it, then `brisk verify --acknowledge REASON`";
        lines.push((Tone::Plain, next.to_owned()));
    }
    say::lines(context, &lines)?;
    Ok(exit)
}

fn tone(state: &State) -> Tone {
    match state {
        State::Draft | State::Verifying { .. } => Tone::Dim,
        State::Verified {
            level: Level::Full, ..
        }
        | State::Shipped { waived: false, .. } => Tone::Good,
        State::Verified { .. } | State::Inconclusive { .. } | State::Shipped { waived: true, .. } => {
            Tone::Warn
        }
        State::Failed { .. } => Tone::Bad,
    }
}

/// The ledger's line for a tree: the same words in every command.
pub(crate) fn line(tree: &Tree, state: Option<&State>) -> String {
    let says = match state {
        None => "draft (no policy is confirmed here)".to_owned(),
        Some(State::Draft) => "draft".to_owned(),
        Some(State::Verifying { check }) => format!("verifying ({check} runs)"),
        Some(State::Verified { level, scope, flaky }) => {
            let checks = count(scope.len(), "check");
            let mut text = match level {
                Level::Full => format!("verified ({checks}: {})", scope.join(", ")),
                Level::Part { missing } => {
                    format!(
                        "verified in part ({}; not run: {})",
                        scope.join(", "),
                        missing.join(", ")
                    )
                }
            };
            if !flaky.is_empty() {
                text.push_str(&format!(", flaky: {}", flaky.join(", ")));
            }
            text
        }
        Some(State::Failed { check, red }) => format!("failed ({check}: {red})"),
        Some(State::Inconclusive { check, reason }) => match reason {
            Reason::Doubt(doubt) => format!("inconclusive ({check}: {doubt})"),
            Reason::Flagged(concerns) => format!("flagged ({})", concerns.join("; ")),
        },
        Some(State::Shipped { how, waived, .. }) => match waived {
            true => format!("shipped without evidence ({how})"),
            false => format!("shipped ({how})"),
        },
    };
    format!("tree {}: {says}", tree.short())
}

/// The ledger's line for the worktree that a command runs in, for `status`.
pub(crate) fn status(context: &Context) -> Result<(Tone, String), CliError> {
    let mut gate = Gate::open(&context.home, &cwd()?)?;
    let (tree, state) = gate.state()?;
    Ok((
        state.as_ref().map_or(Tone::Dim, tone),
        line(&tree, state.as_ref()),
    ))
}
