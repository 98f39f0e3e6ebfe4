//! `trust show|add|remove`: what a repository asks for, and whether the person trusts it with that. Needs no daemon; one
//! that runs hears of it with its next turn.

use crate::cli::accept::agreed;
use crate::cli::context::Context;
use crate::cli::repo::ago;
use crate::cli::style::Tone;
use crate::cli::{cwd, json, say};
use crate::exit::{CliError, Exit};
use crate::trust::{Asks, Content, Standing, Trusts, digest, root_of};
use crate::verify::{Gate, unreadable, wall_ms};
use brisk_gate::Policy;
use brisk_router::scale::Trust;
use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};
use std::path::Path;

/// `trust`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub(crate) enum TrustCmd {
    /// What this repository asks for, and where it stands
    Show,
    /// Trust this repository with exactly what is shown; holds until one of those files is another one
    ///
    /// The checks of brisk.toml are confirmed with it, as `brisk verify --accept` would.
    Add {
        /// How far; policies tell the difference
        #[arg(long = "as", value_name = "LEVEL", default_value = "trusted")]
        level: Level,
    },
    /// Take it back: its checks are not run any more, and work that was delegated here stops
    Remove,
}

/// How far a repository is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Level {
    /// You know where it comes from
    Known,
    /// It may do what your policy lets trusted ones do
    Trusted,
}

type Line = (Tone, String);

/// `trust ...`.
pub(crate) fn run(context: &Context, command: TrustCmd) -> Result<Exit, CliError> {
    let folder = cwd()?;
    let root = root_of(&folder).ok_or_else(|| {
        CliError::new(
            Exit::Target,
            format!("{} is in no git repository", folder.display()),
        )
        .hint("cd to one")
    })?;
    let trusts = Trusts::of(&context.home);
    match command {
        TrustCmd::Show => {
            let asks = Asks::of(&root);
            tell(context, &root, &asks, &trusts.standing_with(&root, &asks))?;
            Ok(Exit::Done)
        }
        TrustCmd::Add { level } => add(context, &root, &trusts, level),
        TrustCmd::Remove => remove(context, &root, &trusts),
    }
}

fn add(context: &Context, root: &Path, trusts: &Trusts, level: Level) -> Result<Exit, CliError> {
    if !context.streams.input {
        return Err(CliError::new(
            Exit::Human,
            "only a person can trust a repository, and standard input is no terminal",
        )
        .hint("run `brisk trust add` in a terminal"));
    }
    let asks = Asks::of(root);
    let Some(pins) = asks.pins() else {
        return Err(CliError::new(
            Exit::Policy,
            format!(
                "{} cannot be shown, so nobody can trust it",
                asks.unusable().join(", ")
            ),
        )
        .hint("`brisk trust show` says why"));
    };
    let checks = asks.text("brisk.toml").map(Policy::parse).transpose();
    checks.map_err(unreadable)?;
    tell(context, root, &asks, &trusts.standing_with(root, &asks))?;
    if !context.json {
        let line = "trust this repository with that? [y/N]".to_owned();
        say::lines(context, &[(Tone::Plain, line)])?;
    }
    if !agreed()? {
        return Err(CliError::new(Exit::Policy, "nothing was trusted").hint("answer `y` to trust it"));
    }
    let gate = Gate::open(&context.home, root)?;
    let note = confirm(gate, &asks)?;
    let level = match level {
        Level::Known => Trust::Known,
        Level::Trusted => Trust::Trusted,
    };
    // What was shown is what is pinned: the files may be others by now, and then it is stale at once.
    trusts.say(root, level, &pins).map_err(disk)?;
    if context.json {
        let fields = json!({"root": root, "standing": level.name(), "digest": digest(&pins), "note": note});
        say::raw(&json::line("trusted", context.t_us(), fields))?;
        return Ok(Exit::Done);
    }
    let mut lines = vec![(Tone::Good, format!("{} is {}", root.display(), level.name()))];
    lines.extend(note.map(|note| (Tone::Warn, note)));
    say::lines(context, &lines)?;
    Ok(Exit::Done)
}

/// Confirms the checks that were shown, where they are the ones that `verify` would run; else says what is in the way.
fn confirm(mut gate: Gate, asks: &Asks) -> Result<Option<String>, CliError> {
    let Some(text) = asks.text("brisk.toml") else {
        return Ok(None);
    };
    if !gate.would_run(text)? {
        return Ok(Some(
            "HEAD has another brisk.toml: its checks run once `brisk verify --accept` has confirmed them"
                .to_owned(),
        ));
    }
    gate.confirm(text)?;
    Ok(None)
}

fn remove(context: &Context, root: &Path, trusts: &Trusts) -> Result<Exit, CliError> {
    let gone = trusts.take_back(root).map_err(disk)?;
    let unpinned = Gate::open(&context.home, root)?.unconfirm()?;
    if context.json {
        let fields = json!({"root": root, "removed": gone || unpinned});
        say::raw(&json::line("untrusted", context.t_us(), fields))?;
        return Ok(Exit::Done);
    }
    let line = if gone || unpinned {
        format!("{} is not trusted any more", root.display())
    } else {
        format!("nobody had said that {} is trusted", root.display())
    };
    say::lines(context, &[(Tone::Plain, line)])?;
    Ok(Exit::Done)
}

fn disk(e: brisk_store::StoreError) -> CliError {
    CliError::new(Exit::Disk, e.to_string())
}

fn tell(context: &Context, root: &Path, asks: &Asks, standing: &Standing) -> Result<(), CliError> {
    if context.json {
        return say::raw(&json::line("trust", context.t_us(), fields(root, asks, standing)));
    }
    say::lines(context, &lines(root, asks, standing))
}

fn fields(root: &Path, asks: &Asks, standing: &Standing) -> Value {
    let file = |(path, content): &(&'static str, Content)| match content {
        Content::Unusable(why) => json!({"path": path, "unusable": why}),
        Content::Text { text, digest } => {
            let one = |(name, run, network): &Check| json!({"check": name, "run": run, "network": network});
            let checks = checks(path, text).map(|checks| match checks {
                Ok(all) => json!(all.iter().map(one).collect::<Vec<_>>()),
                Err(why) => json!({ "wrong": why }),
            });
            json!({"path": path, "digest": digest, "checks": checks, "text": text})
        }
    };
    let changed = match standing {
        Standing::Stale { changed, .. } => changed.as_slice(),
        Standing::Unknown | Standing::Unreadable(_) | Standing::Is(..) => &[],
    };
    let said = standing.said();
    json!({
        "root": root,
        "standing": standing.word(),
        "said": said.map(|s| s.level.as_str()),
        "who": said.map(|s| s.who.as_str()),
        "at_ms": said.map(|s| s.at_ms),
        "pinned": said.map(|s| s.digest.as_str()),
        "changed": changed,
        "asks": asks.files().iter().map(file).collect::<Vec<_>>(),
        "told_to_models": asks.told(),
    })
}

/// The standing in one line, for every command that tells it.
pub(crate) fn line(standing: &Standing) -> Line {
    let said = |level: &str, who: &str, at_ms: u64| {
        let age = wall_ms().saturating_sub(at_ms) / 1_000;
        format!("{level}, said by {who} {}", ago(age))
    };
    match standing {
        Standing::Unknown => (
            Tone::Plain,
            "not trusted: nobody said so (`brisk trust add`)".to_owned(),
        ),
        Standing::Unreadable(why) => (Tone::Bad, format!("not trusted: {why}")),
        Standing::Stale { said: row, changed } => (
            Tone::Warn,
            format!(
                "stale: {} changed since it was {}; `brisk trust add` looks at it anew",
                changed.join(", "),
                said(&row.level, &row.who, row.at_ms)
            ),
        ),
        Standing::Is(trust, row) => {
            let tone = if *trust == Trust::Untrusted {
                Tone::Warn
            } else {
                Tone::Good
            };
            (tone, said(trust.name(), &row.who, row.at_ms))
        }
    }
}

fn lines(root: &Path, asks: &Asks, standing: &Standing) -> Vec<Line> {
    let (tone, first) = line(standing);
    let mut out = vec![(tone, format!("{}: {first}", root.display()))];
    out.push(match asks.files() {
        [] => (Tone::Plain, "it asks for nothing".to_owned()),
        _ => (Tone::Head, "it asks for:".to_owned()),
    });
    for (path, content) in asks.files() {
        match content {
            Content::Unusable(why) => out.push((Tone::Bad, format!("  {path}: cannot be shown: {why}"))),
            Content::Text { text, digest } => {
                let short = digest.get(..12).unwrap_or(digest);
                let what = if *path == "brisk.toml" {
                    "commands that checks run, confined"
                } else {
                    "narrows where work goes; it can widen nothing"
                };
                out.push((Tone::Plain, format!("  {path} ({short}): {what}")));
                if let Some(Err(why)) = checks(path, text) {
                    out.push((Tone::Bad, format!("    {why}")));
                }
                // All of it is pinned, and of checks all of it is confirmed: a summary would leave out what was agreed to.
                out.extend(text.lines().map(|l| (Tone::Plain, format!("    {l}"))));
            }
        }
    }
    if let Some(told) = asks.told() {
        let line = format!("{told} is told to models as text; whatever it says, it runs nothing");
        out.push((Tone::Dim, line));
    }
    out
}

/// Its name, its command, and whether it may use the network.
type Check = (String, Vec<String>, bool);

/// The commands that a file names, if it is the one that names commands.
fn checks(path: &str, text: &str) -> Option<Result<Vec<Check>, String>> {
    (path == "brisk.toml").then(|| {
        let policy = Policy::parse(text).map_err(|e| e.to_string())?;
        let all = policy.checks().iter();
        Ok(all.map(|(n, c)| (n.clone(), c.run.clone(), c.network)).collect())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_would_be_honoured_is_shown() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join(".brisk")).unwrap();
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        let checks = "[verify]\nprotect = [\"t/**\"]\n# why\n[verify.checks.get]\nrun = [\"curl\", \"x\"]\nnetwork = true\npass = [\"TOKEN\"]\nborrow = [\".venv\"]\ntimeout_s = 5\n[verify.checks.get.env]\nA = \"b\"\n";
        let rules = "[lanes.slow]\nenabled = false\n";
        write("brisk.toml", checks);
        write(".brisk/policy.toml", rules);
        write("AGENTS.md", "be kind");
        let asks = Asks::of(dir.path());
        let shown: Vec<String> = lines(dir.path(), &asks, &Standing::Unknown)
            .into_iter()
            .map(|(_, l)| l)
            .collect();
        let all = checks.lines().chain(rules.lines()).map(|l| format!("    {l}"));
        for line in all.collect::<Vec<_>>() {
            assert!(shown.contains(&line), "{line}: {shown:#?}");
        }
        for part in ["nobody said so", "AGENTS.md is told to models"] {
            assert!(shown.iter().any(|l| l.contains(part)), "{part}: {shown:#?}");
        }
        let value = fields(dir.path(), &asks, &Standing::Unknown);
        assert_eq!(value["standing"], "unknown");
        assert_eq!(value["asks"][0]["checks"][0]["check"], "get");
        assert_eq!(value["asks"][0]["checks"][0]["network"], true);
        assert_eq!(value["asks"][0]["text"], checks);
        assert_eq!(value["asks"][1]["text"], rules);
        write("brisk.toml", "[verify]\n");
        let asks = Asks::of(dir.path());
        let value = fields(dir.path(), &asks, &Standing::Unknown);
        assert!(value["asks"][0]["checks"]["wrong"].is_string(), "{value}");
    }
}
