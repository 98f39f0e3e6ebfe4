//! The command line, as `clap` reads it.

mod gate;
mod jobs;

use crate::cli::route::{RouteCmd, lane, latency};
use crate::cli::stats::StatsArgs;
use crate::cli::style::ColourChoice;
use crate::cli::trust::TrustCmd;
use brisk_domain::{Lane, Latency};
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
pub(crate) use gate::{GateCmd, KeyArgs, Outside};
pub(crate) use jobs::{DelegateArgs, JobsCmd, Numbered};
use std::path::PathBuf;

/// Fast live edits: say what to change, see the patch while it is generated, keep it with Enter.
#[derive(Debug, Parser)]
#[command(
    name = "brisk",
    version,
    disable_help_subcommand = true,
    max_term_width = 100,
    after_help = "Exit codes: `brisk help exit-codes`. Folders: BRISK_HOME, else the XDG ones (`brisk doctor` shows them)."
)]
pub(crate) struct Cli {
    /// Machine-readable output: one JSON object a line
    #[arg(long, global = true)]
    pub json: bool,

    /// When to colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: ColourChoice,

    /// Live client: go on with the newest session of this folder
    #[arg(long = "continue", conflicts_with = "session")]
    pub again: bool,

    /// Live client: join this session
    #[arg(long, value_name = "ID", value_parser = session)]
    pub session: Option<u64>,

    /// Live client: no live pane, every change is one line of text (screen readers, pipes)
    #[arg(long)]
    pub plain: bool,

    /// What to do; nothing: the live client
    #[command(subcommand)]
    pub command: Option<Cmd>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Cmd {
    /// Change text: the patch is shown while it is generated, Enter keeps it, Esc stops it
    ///
    /// Without a target Brisk finds the place itself and says where. Keys: while it writes, Esc or Ctrl-C stops;
    /// then Enter keeps, n rejects, 1-9 leave single hunks out, s asks one by one. Nothing is written before Enter
    /// (or --yes), and `brisk undo` takes it back. Without a terminal and without --yes the hunks are shown and not
    /// kept (exit code 11).
    Edit(EditArgs),
    /// Ask about code; nothing is changed
    Ask(AskArgs),
    /// Take an edit back; undo is an edit too, and can be undone
    Undo(UndoArgs),
    /// Bring back what was undone last
    Redo,
    /// What can be undone and redone in this repository
    Status,
    /// What Brisk wrote in this repository, newest first
    Log {
        /// At most so many
        #[arg(short = 'n', long, default_value_t = 20)]
        limit: usize,
    },
    /// Hand a task over: it is worked on beside you until every check passes, and comes back with evidence
    ///
    /// The work begins at HEAD in a folder of its own; your files, index and branch are not touched. Nothing that a
    /// model says about its work counts: only the checks that you confirmed (`brisk verify --accept`) do.
    Delegate(DelegateArgs),
    /// What was delegated: follow it, look at it, merge it
    #[command(subcommand)]
    Jobs(JobsCmd),
    /// Run the checks of this repository on exactly what lies there now, confined; nothing is shipped
    Verify(VerifyArgs),
    /// Commit, push or hand out what was verified; refused for anything else
    Ship(ShipArgs),
    /// What was verified, for reviewers, for CI and for servers
    #[command(subcommand)]
    Gate(GateCmd),
    /// Whether you trust this repository, and with what; kept outside of it
    #[command(subcommand)]
    Trust(TrustCmd),
    /// How fast turns felt and what became of their hunks; nothing of it leaves this machine by itself
    Stats(StatsArgs),
    /// Where a task would go, and why; asks no model
    #[command(subcommand)]
    Route(RouteCmd),
    /// Fetch, list, check and remove models
    #[command(subcommand)]
    Model(ModelCmd),
    /// The process that keeps models warm; it starts by itself and goes when idle
    #[command(subcommand)]
    Daemon(DaemonCmd),
    /// Be an ACP agent on standard input and output, for editors
    Acp,
    /// Check everything that Brisk needs, with the next step for what is missing
    Doctor,
    /// Shell completions, to standard output
    Completions {
        /// For which shell
        shell: Shell,
    },
    /// The manual page (roff), to standard output
    Man,
    /// Help on a command, or on `exit-codes`
    Help {
        /// A command, or `exit-codes`
        topic: Vec<String>,
    },
}

/// Where one prompt goes, in the person's own words: `edit`, `ask`.
#[derive(Debug, Args)]
pub(crate) struct RouteArgs {
    /// Use this model (`brisk model list`)
    #[arg(long, value_name = "ID")]
    pub model: Option<String>,
    /// Work in this lane: fast or slow (`brisk route explain` says which one it would be)
    #[arg(long, value_parser = lane)]
    pub lane: Option<Lane>,
    /// How much waiting matters: instant, normal or relaxed
    #[arg(long, value_parser = latency)]
    pub latency: Option<Latency>,
}

/// `edit`.
#[derive(Debug, Args)]
pub(crate) struct EditArgs {
    /// What to change, in your words
    pub text: String,
    /// Where: FILE, FILE:A-B or FILE:SYMBOL
    pub target: Vec<String>,
    /// Keep every hunk without a question
    #[arg(short, long)]
    pub yes: bool,
    #[command(flatten)]
    pub route: RouteArgs,
}

/// `ask`.
#[derive(Debug, Args)]
pub(crate) struct AskArgs {
    /// The question
    pub text: String,
    /// What it is about: FILE, FILE:A-B or FILE:SYMBOL
    pub target: Vec<String>,
    #[command(flatten)]
    pub route: RouteArgs,
}

/// `model`.
#[derive(Debug, Subcommand)]
pub(crate) enum ModelCmd {
    /// Models that Brisk knows, and which of them are here
    List,
    /// Fetch a model; an interrupted fetch goes on where it stopped
    Pull {
        /// Which (default: the default model)
        model: Option<String>,
    },
    /// Delete a fetched model
    Remove {
        /// Which
        model: String,
    },
    /// Where a model's file is, or will be
    Path {
        /// Which (default: the default model)
        model: Option<String>,
    },
    /// Measure a model on this machine; some minutes, best on a quiet machine
    Bench {
        /// Which (default: the default model), or a GGUF file
        model: Option<String>,
    },
}

/// `undo`.
#[derive(Debug, Args)]
pub(crate) struct UndoArgs {
    /// Number of an operation in `brisk log`; without it the newest one that is not undone
    #[arg(conflicts_with_all = ["turn", "hunk"])]
    pub(crate) op: Option<u64>,
    /// Everything that one turn wrote; both numbers are in the output of `edit --json`
    #[arg(long, value_name = "SESSION:TURN", value_parser = pair, conflicts_with = "hunk")]
    pub(crate) turn: Option<(u64, u64)>,
    /// One hunk; both numbers are in the output of `edit --json`
    #[arg(long, value_name = "SESSION:HUNK", value_parser = pair)]
    pub(crate) hunk: Option<(u64, u64)>,
}

/// `verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Which checks (default: all of the policy)
    pub checks: Vec<String>,
    /// Only those whose scope the change touches
    #[arg(long)]
    pub affected: bool,
    /// Confirm the policy that is shown: brisk.toml, or the proposal
    #[arg(long, conflicts_with_all = ["checks", "affected"])]
    pub accept: bool,
    /// Say that you have seen what was flagged on this tree, and why it is right
    #[arg(long, value_name = "REASON", conflicts_with_all = ["checks", "affected", "accept"])]
    pub acknowledge: Option<String>,
    /// Run also what is known already
    #[arg(long)]
    pub again: bool,
    /// Begin with an empty build folder
    #[arg(long)]
    pub fresh: bool,
    /// Settle for a sandbox without all of its parts; the evidence says so
    #[arg(long)]
    pub degraded: bool,
    /// Show what checks write while they write it
    #[arg(short, long)]
    pub verbose: bool,
}

/// `ship`.
#[derive(Debug, Args)]
pub(crate) struct ShipArgs {
    /// How
    #[command(subcommand)]
    pub how: ShipCmd,
    /// Without evidence: for a person at a terminal only, signed into the ledger
    #[arg(long, global = true, requires = "reason")]
    pub unverified: bool,
    /// Why without evidence
    #[arg(long, global = true, value_name = "WHY")]
    pub reason: Option<String>,
}

/// `ship ...`.
#[derive(Debug, Subcommand)]
pub(crate) enum ShipCmd {
    /// Commit all of the worktree on the current branch; your hooks run
    Commit {
        /// The message
        #[arg(short, long)]
        message: String,
    },
    /// Commit all of the worktree on a new branch; index and HEAD stay
    Branch {
        /// The branch
        name: String,
        /// The message (default: the name)
        #[arg(short, long)]
        message: Option<String>,
    },
    /// The change as a patch
    Patch {
        /// To this file (default: standard output)
        #[arg(short, long)]
        output: Option<PathBuf>,
    },
    /// Push HEAD, with the ledger
    Push {
        /// Where to
        #[arg(default_value = "origin")]
        remote: String,
    },
}

/// A session's number; its letter (`s12`) may stay.
fn session(text: &str) -> Result<u64, String> {
    let number = text.strip_prefix('s').unwrap_or(text);
    number
        .parse()
        .map_err(|_| "a number is needed, for example s12".to_owned())
}

/// Two numbers; the letters that ids are shown with (`s12:h3`) may stay.
fn pair(text: &str) -> Result<(u64, u64), String> {
    let number = |part: &str| part.trim_start_matches(['s', 't', 'h']).parse().ok();
    text.split_once(':')
        .and_then(|(a, b)| Some((number(a)?, number(b)?)))
        .ok_or_else(|| "two numbers are needed, for example 12:3".to_owned())
}

/// `daemon`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub(crate) enum DaemonCmd {
    /// Start it, if it does not run
    Start,
    /// Ask it to end
    Stop,
    /// Whether it runs, and how it is
    Status,
    /// Be the daemon, in the foreground
    Run,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_live_client_knows_the_options_of_delegated_work() {
        let mut all = Cli::command();
        all.build();
        for arg in all.find_subcommand("delegate").unwrap().get_arguments() {
            let long = arg.get_long().map(|long| format!("--{long}"));
            let short = arg.get_short().map(|short| format!("-{short}"));
            for option in long.into_iter().chain(short) {
                assert!(brisk_tui::DELEGATE_OPTIONS.contains(&option.as_str()), "{option}");
            }
        }
    }

    #[test]
    fn lines_that_people_type() {
        let good = [
            "brisk",
            "brisk --continue",
            "brisk --session s12 --plain",
            "brisk edit rename src/x.rs:10-20",
            "brisk edit rename a.py b.py:f --yes --json",
            "brisk --json --color never ask why",
            "brisk edit rename a.py --lane fast --latency relaxed --model m",
            "brisk ask why --latency instant",
            "brisk undo",
            "brisk undo --hunk s12:h3",
            "brisk undo --turn 12:1",
            "brisk stats --by model --since 7d",
            "brisk stats --html page.html",
            "brisk stats --delete --before 2026-01-31",
            "brisk route explain rename src/x.rs:10-20 --lane slow --latency relaxed --json",
            "brisk route report --json",
            "brisk route check policy.toml --repository",
            "brisk delegate fix a.py b.py -n 3 --models a,b --rounds 4 --minutes 9 --wait",
            "brisk delegate fix --base HEAD~2",
            "brisk jobs list --all --json",
            "brisk jobs diff j3 2",
            "brisk jobs merge 3",
            "brisk verify",
            "brisk verify test lint --affected --json",
            "brisk verify --acknowledge renamed",
            "brisk ship commit -m done",
            "brisk ship branch fix --unverified --reason late",
            "brisk ship patch -o a.patch",
            "brisk ship push",
            "brisk gate check HEAD~3.. --keys k",
            "brisk gate show HEAD",
            "brisk trust show --json",
            "brisk trust add --as known",
            "brisk trust remove",
            "brisk model pull",
            "brisk daemon run",
            "brisk acp",
            "brisk help exit-codes",
            "brisk completions zsh",
        ];
        for line in good {
            assert!(Cli::try_parse_from(line.split(' ')).is_ok(), "{line}");
        }
        for line in [
            "brisk edit",
            "brisk edit x --lane quick",
            "brisk ask x --latency soon",
            "brisk undo x",
            "brisk delegate",
            "brisk delegate x -n 0",
            "brisk delegate x --base HEAD --with-draft",
            "brisk delegate x --lines 0",
            "brisk jobs show x",
            "brisk jobs",
            "brisk verify test --accept",
            "brisk ship",
            "brisk ship commit",
            "brisk ship commit -m x --unverified",
            "brisk gate check",
            "brisk stats --since 7",
            "brisk stats --since d",
            "brisk stats --before 2026-01-31",
            "brisk stats --delete --before 2026-1-31",
            "brisk stats --delete --by day",
            "brisk route explain x --lane quick",
            "brisk route explain x --trust much",
            "brisk trust",
            "brisk trust add --as much",
            "brisk undo --hunk 2",
            "brisk undo 1 --hunk 2:1",
            "brisk nope",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
