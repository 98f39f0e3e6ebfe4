//! What a person sets up here once: which key signs, from which commit on the gate holds, the hook of this repository.

use crate::cli::accept::agreed;
use crate::cli::args::KeyArgs;
use crate::cli::context::Context;
use crate::cli::style::{Tone, count};
use crate::cli::{cwd, json, say};
use crate::exit::{CliError, Exit};
use crate::verify::{Gate, Wanted, ledger, user};
use brisk_gate::{Act, Adopted};
use brisk_worktree::install_hook;
use serde_json::json;
use std::path::Path;

/// Only a person may go on from here.
fn person(context: &Context, what: &str) -> Result<(), CliError> {
    match context.streams.input {
        true => Ok(()),
        false => Err(
            CliError::new(Exit::Human, format!("{what}, and standard input is no terminal"))
                .hint("run it in a terminal"),
        ),
    }
}

/// `gate key`: the line for a file of keys; or another key from here on.
pub(super) fn key(context: &Context, args: &KeyArgs) -> Result<Exit, CliError> {
    let mut gate = Gate::open(&context.home, &cwd()?)?;
    let wanted = args.ssh.as_deref().map(|at| match at == Path::new("agent") {
        true => Wanted::Agent,
        false => Wanted::File(at.to_owned()),
    });
    if args.own || wanted.is_some() {
        person(context, "a person says which key signs")?;
        gate.sign_with(wanted.as_ref())?;
        if !context.json && gate.ledger()?.is_empty() {
            // A file of keys leaves such a line out.
            let text =
                "# this key begins a ledger of its own: what was verified so far is to be verified anew";
            say::lines(context, &[(Tone::Warn, text.to_owned())])?;
        }
    }
    let public = gate.public();
    if context.json {
        say::raw(&json::line(
            "key",
            context.t_us(),
            json!({"id": public.id(), "line": public.line()}),
        ))?;
    } else {
        say::raw(&format!("{} {}\n", public.line(), user()))?;
    }
    Ok(Exit::Done)
}

/// `gate adopt [REV]`: said once, and never moved.
pub(super) fn adopt(context: &Context, rev: &str) -> Result<Exit, CliError> {
    person(context, "a person says from where on the gate holds")?;
    let mut gate = Gate::open(&context.home, &cwd()?)?;
    if let Some(Adopted { commit, who }) = gate.ledger()?.adopted().map_err(ledger)? {
        let text = format!(
            "the gate holds from {} on: {who} said so, and it cannot be moved",
            commit.short()
        );
        return Err(
            CliError::new(Exit::Usage, text).hint("what came after it needs evidence: `brisk verify`")
        );
    }
    let none = || CliError::new(Exit::Usage, format!("{rev:?} names no commit"));
    let commit = gate.git.id(&format!("{rev}^{{commit}}"))?.ok_or_else(none)?;
    let tree = gate.git.id(&format!("{commit}^{{tree}}"))?.ok_or_else(none)?;
    let before = gate.git.commits(&[commit.as_str()])?.len();
    let lines = [
        (
            Tone::Head,
            format!("the gate is to hold for what comes after {}", commit.short()),
        ),
        (
            Tone::Warn,
            format!(
                "{} are not asked about from then on, for good; it is signed and can be said once",
                count(before, "commit")
            ),
        ),
        (Tone::Plain, "say so? [y/N]".to_owned()),
    ];
    match context.json {
        true => say::raw(&json::line(
            "to_confirm",
            context.t_us(),
            json!({"commit": commit, "commits": before}),
        ))?,
        false => say::lines(context, &lines)?,
    }
    if !agreed()? {
        return Err(CliError::new(Exit::Human, "nothing was said").hint("answer `y`"));
    }
    gate.record(Act::Adopted {
        tree,
        commit: commit.clone(),
        who: user(),
    })?;
    if context.json {
        say::raw(&json::line("adopted", context.t_us(), json!({"commit": commit})))?;
    } else {
        let text = format!(
            "the gate holds from {} on; it goes along with `brisk ship push`",
            commit.short()
        );
        say::lines(context, &[(Tone::Good, text)])?;
    }
    Ok(Exit::Done)
}

const HOOK: &str = "#!/bin/sh\n# Installed by `brisk gate install`. `git push --no-verify` goes around it; a pre-receive hook does not let that pass.\nexec brisk gate pre-push \"$@\"\n";

/// `gate install`: a pre-push hook.
pub(super) fn install(context: &Context) -> Result<Exit, CliError> {
    let mut gate = Gate::open(&context.home, &cwd()?)?;
    let path = install_hook(&mut gate.git, "pre-push", HOOK).map_err(|e| {
        CliError::new(Exit::Git, e.to_string())
            .hint("call `brisk gate pre-push \"$@\"` from your own hook instead")
    })?;
    if context.json {
        say::raw(&json::line("installed", context.t_us(), json!({"path": path})))?;
    } else {
        let lines = [
            (Tone::Good, format!("installed: {}", path.display())),
            (
                Tone::Warn,
                "it can be bypassed (`git push --no-verify`): only `brisk gate receive` on the server, or `brisk gate check` in CI, cannot".to_owned(),
            ),
        ];
        say::lines(context, &lines)?;
    }
    Ok(Exit::Done)
}
