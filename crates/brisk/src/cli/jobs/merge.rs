//! `jobs merge`, as far as a person sees it. What nobody has verified yet is verified here.

use super::text;
use crate::cli::context::Context;
use crate::cli::style::Tone;
use crate::cli::{connect, cwd, json, say};
use crate::exit::{CliError, Exit};
use crate::verify::Gate;
use brisk_domain::JobId;
use brisk_domain::evidence::Tree;
use brisk_domain::job::Checked;
use brisk_protocol::jobs::{Clash, Merge, Merged, method};
use brisk_worktree::overlooked;
use serde_json::json;
use std::path::Path;

/// How often a merge is begun again because the worktree changed while it was verified.
const MERGES: usize = 3;

/// Where nobody has verified what worktree and job come to, that is done first, here.
pub(super) fn merge(context: &Context, job: JobId, degraded: bool) -> Result<Exit, CliError> {
    let wish = Merge { cwd: cwd()?, job };
    let mut link = connect::open(&context.home)?;
    for _ in 0..MERGES {
        match link.call(method::MERGE, &wish)? {
            done @ Merged::Done { .. } => {
                match context.json {
                    true => say::raw(&json::line("merged", context.t_us(), fields(job, &done)))?,
                    false => say::lines(context, &told(&done))?,
                }
                return Ok(Exit::Done);
            }
            Merged::Nothing => {
                match context.json {
                    true => {
                        let fields = json!({"job": job, "op": null, "files": []});
                        say::raw(&json::line("merged", context.t_us(), fields))?;
                    }
                    false => {
                        let line = format!("the worktree has all of it already: {job} counts as merged");
                        say::lines(context, &[(Tone::Good, line)])?;
                    }
                }
                return Ok(Exit::Done);
            }
            Merged::Conflicts { conflicts } => {
                if context.json {
                    let fields = json!({"job": job, "conflicts": conflicts});
                    say::raw(&json::line("conflicts", context.t_us(), fields))?;
                } else {
                    for clash in &conflicts {
                        say::lines(context, &both(clash))?;
                    }
                }
                return Err(CliError::new(
                    Exit::Conflict,
                    format!("what {job} made does not fit what is here now; nothing was written"),
                )
                .hint(way_out(job, &conflicts)));
            }
            Merged::Unverified { tree, ignored } => {
                if !context.json {
                    let line = format!(
                        "{job} was proven on another tree than this: verifying what both come to ..."
                    );
                    say::lines(context, &[(Tone::Dim, line)])?;
                }
                prove(context, &wish.cwd, (&tree, &ignored), degraded)?;
            }
        }
    }
    Err(CliError::new(
        Exit::Conflict,
        "the worktree changes faster than it can be verified; nothing was written",
    )
    .hint("once more when it is quiet"))
}

/// Runs the checks on what worktree and job come to.
fn prove(
    context: &Context,
    cwd: &Path,
    (tree, ignored): (&Tree, &[String]),
    degraded: bool,
) -> Result<(), CliError> {
    let mut gate = Gate::open(&context.home, cwd)?;
    let base = gate.base(tree)?;
    let Checked::Unproven { said, .. } = gate.prove(tree, &base, degraded)? else {
        return Ok(());
    };
    let why = said.lines().next().unwrap_or_default();
    let error = CliError::new(
        Exit::Red,
        format!("not merged: with what you have here it does not pass: {why}"),
    );
    if !ignored.is_empty() {
        let names = ignored.join(", ");
        return Err(error.hint(format!(
            "nothing was written. What no check could see, because git ignores it here: {names}. If they are needed, \
             change .gitignore and merge again"
        )));
    }
    Err(match overlooked(tree, &gate.shadow, &mut gate.git) {
        // It may be for want of these, and not for what the person changed.
        Err(e) => error.hint(format!("nothing was written. What no check could see: {e}")),
        Ok(()) => error.hint("nothing was written"),
    })
}

fn fields(job: JobId, done: &Merged) -> serde_json::Value {
    let mut fields = serde_json::to_value(done).unwrap_or_default();
    if let Some(fields) = fields.as_object_mut() {
        fields.remove("merge");
        fields.insert("job".to_owned(), json!(job));
    }
    fields
}

/// What was written, and what that is worth.
fn told(done: &Merged) -> Vec<text::Line> {
    let Merged::Done {
        op,
        files,
        ignored,
        verified,
        withheld,
    } = done
    else {
        return Vec::new();
    };
    let names = files.join(", ");
    let mut lines = vec![(
        Tone::Good,
        format!("merged: {names}; `brisk undo {op}` takes it back"),
    )];
    if !ignored.is_empty() {
        let names = ignored.join(", ");
        lines.push((
            Tone::Warn,
            format!("git ignores {names} here: that is no part of what was verified, and does not ship"),
        ));
    }
    lines.push(match (verified, withheld) {
        (true, None) => (
            Tone::Good,
            "the worktree is verified: `brisk ship` may go".to_owned(),
        ),
        (true, Some(why)) => (
            Tone::Warn,
            format!("what the checks saw is verified, but `brisk ship` would refuse: {why}"),
        ),
        (false, _) => (
            Tone::Warn,
            "the worktree changed in that moment: `brisk verify` says how it stands".to_owned(),
        ),
    });
    lines
}

/// What to do about what is in the way: where both sides are lines, one of them; else that it goes.
fn way_out(job: JobId, conflicts: &[Clash]) -> String {
    match conflicts.iter().any(|clash| !clash.diff.is_empty()) {
        true => format!(
            "take what is in the way back and merge; or `brisk jobs diff {job} | git apply --reject`, which writes what \
             fits and leaves the rest in files that end in .rej"
        ),
        false => "merge once more when that has gone".to_owned(),
    }
}

/// Both sides of a place, to choose from.
fn both(clash: &Clash) -> Vec<text::Line> {
    let mut lines = vec![(Tone::Bad, format!("{}: {}", clash.path, clash.why))];
    if !clash.diff.is_empty() {
        lines.push((Tone::Head, "the job has:".to_owned()));
        lines.extend(text::diff(&clash.diff));
    }
    if !clash.here.is_empty() {
        lines.push((Tone::Head, format!("you have, from line {}:", clash.line)));
        lines.extend(clash.here.lines().map(|l| (Tone::Plain, format!(" {l}"))));
    }
    lines
}
