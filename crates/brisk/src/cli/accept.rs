//! `verify --accept`: a person sees every word of a policy, and what is new about it, before it is in force.

use crate::cli::context::Context;
use crate::cli::style::Tone;
use crate::cli::verify::source;
use crate::cli::{json, say};
use crate::exit::{CliError, Exit};
use crate::trust::{Asks, Trusts, of_text};
use crate::verify::{Base, Confirmed, Gate, proposal};
use brisk_domain::evidence::Tree;
use brisk_gate::Policy;
use brisk_patch::{Hunk, minimise};
use brisk_router::scale::Trust;
use serde_json::json;

/// Shows what would be confirmed, asks, and confirms exactly that text.
pub(crate) fn run(context: &Context, gate: &mut Gate, base: &Base, tree: &Tree) -> Result<Exit, CliError> {
    if !context.streams.input {
        return Err(CliError::new(
            Exit::Human,
            "a policy is confirmed by a person, and standard input is no terminal",
        )
        .hint("run `brisk verify --accept` in a terminal"));
    }
    let (from, text) = proposal(gate, base, tree)?;
    Policy::parse(&text).map_err(crate::verify::unreadable)?;
    show(context, gate.confirmed().as_deref(), &text, from)?;
    if !agreed()? {
        return Err(CliError::new(Exit::Policy, "nothing was confirmed").hint("answer `y` to confirm"));
    }
    let policy = gate.confirm(&text)?;
    known(context, gate, &text)?;
    if context.json {
        let fields = json!({"policy": policy.digest(), "text": text});
        say::raw(&json::line("accepted", context.t_us(), fields))?;
        return Ok(Exit::Done);
    }
    let mut lines = vec![(
        Tone::Good,
        format!("confirmed ({}): policy {}", source(from), policy.digest().short()),
    )];
    if from == Confirmed::Proposed {
        let hint = "keep it with the code: `brisk verify --json` shows the text for brisk.toml";
        lines.push((Tone::Dim, hint.to_owned()));
    }
    say::lines(context, &lines)?;
    Ok(Exit::Done)
}

/// With its checks the person has made the repository known. A level that they gave before stays.
fn known(context: &Context, gate: &Gate, text: &str) -> Result<(), CliError> {
    let root = gate.shadow.root();
    let trusts = Trusts::of(&context.home);
    // Of a file that cannot be shown nothing is pinned: it is stale until somebody could look at it.
    let mut pins = Asks::of(root).pins().unwrap_or_default();
    // Where HEAD has another brisk.toml than the worktree, what was shown is HEAD's.
    pins.iter_mut()
        .filter(|(path, _)| path == "brisk.toml")
        .for_each(|(_, digest)| *digest = of_text(text));
    let before = trusts.standing(root).said().map(|row| row.level.clone());
    let level = before
        .and_then(|level| Trust::from_name(&level))
        .unwrap_or(Trust::Known);
    trusts
        .say(root, level.max(Trust::Known), &pins)
        .map_err(|e| CliError::new(Exit::Disk, e.to_string()))
}

fn show(context: &Context, before: Option<&str>, text: &str, from: Confirmed) -> Result<(), CliError> {
    if context.json {
        let fields = json!({"from": source(from), "text": text, "before": before});
        return say::raw(&json::line("to_confirm", context.t_us(), fields));
    }
    let title = match before {
        None => format!("to be confirmed ({}):", source(from)),
        Some(_) => format!(
            "to be confirmed ({}), compared with what was confirmed before:",
            source(from)
        ),
    };
    let mut lines = vec![(Tone::Head, title)];
    lines.extend(marked(before.unwrap_or(text), text));
    lines.push((Tone::Plain, "confirm it? [y/N]".to_owned()));
    say::lines(context, &lines)
}

/// Every line of a text, with what came and went since another one.
fn marked(before: &str, after: &str) -> Vec<(Tone, String)> {
    let split = |t: &str| t.split_inclusive('\n').map(str::to_owned).collect::<Vec<_>>();
    let (old, new) = (split(before), split(after));
    let hunks = minimise(&Hunk {
        at: 0,
        old: old.clone(),
        new,
    });
    let line = |tone, mark: char, l: &String| (tone, format!("  {mark} {}", l.trim_end_matches('\n')));
    let mut out = Vec::new();
    let mut at = 0;
    for hunk in hunks {
        out.extend(
            old.iter()
                .take(hunk.at)
                .skip(at)
                .map(|l| line(Tone::Plain, ' ', l)),
        );
        out.extend(hunk.old.iter().map(|l| line(Tone::Bad, '-', l)));
        out.extend(hunk.new.iter().map(|l| line(Tone::Good, '+', l)));
        at = hunk.old_end();
    }
    out.extend(old.iter().skip(at).map(|l| line(Tone::Plain, ' ', l)));
    out
}

/// Whether a person says yes, once.
pub(crate) fn agreed() -> Result<bool, CliError> {
    let mut answer = String::new();
    std::io::stdin()
        .read_line(&mut answer)
        .map_err(|e| CliError::new(Exit::Human, format!("no answer can be read: {e}")))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_shown_with_what_is_new() {
        for (before, after, want) in [
            ("a\nb\n", "a\nb\n", "    a\n    b\n"),
            ("a\nb\nc\n", "a\nx\nc\n", "    a\n  - b\n  + x\n    c\n"),
            ("", "a", "  + a\n"),
        ] {
            let said: String = marked(before, after)
                .iter()
                .map(|(_, l)| format!("{l}\n"))
                .collect();
            assert_eq!(said, want);
        }
    }
}
