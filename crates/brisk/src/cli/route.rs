//! `route explain|report|check`: where a task would go and why, what decisions were worth, and what is wrong with a
//! policy. None needs the daemon or a model.

mod check;
mod explain;
mod json;
mod report;
mod text;

use crate::cli::context::Context;
use crate::config::Config;
use crate::exit::{CliError, Exit};
use crate::routing::{self, PolicyError};
use brisk_domain::{Lane, Latency, Now};
use brisk_router::decide::{Question, Wish};
use brisk_router::fleet::Member;
use brisk_router::policy::Policy;
use brisk_router::quota::Ledger;
use brisk_router::scale::{Trust, lane_named};
use brisk_router::shape::Shape;
use clap::{Args, Subcommand};
use std::path::{Path, PathBuf};

/// `route`.
#[derive(Debug, Subcommand)]
pub(crate) enum RouteCmd {
    /// The shape of a task, every model with its refusal or score, the choice, and what would have changed it
    Explain(ExplainArgs),
    /// What was chosen for each kind of task, how it ended, and what the best choice would have been
    Report,
    /// Look for mistakes in policy files; each with line and column
    Check {
        /// Which file (default: yours, then this repository's)
        file: Option<PathBuf>,
        /// It is a repository's: it may only tighten
        #[arg(long, requires = "file")]
        repository: bool,
    },
}

/// `route explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The task, in your words
    pub(crate) text: String,
    /// Where: FILE, FILE:A-B or FILE:SYMBOL
    pub(crate) target: Vec<String>,
    /// It is a question; nothing is changed
    #[arg(long)]
    pub(crate) ask: bool,
    /// Nobody waits for it
    #[arg(long)]
    pub(crate) batch: bool,
    /// As if you had named this lane: fast or slow
    #[arg(long, value_parser = lane)]
    pub(crate) lane: Option<Lane>,
    /// As if you had named this model
    #[arg(long, value_name = "ID")]
    pub(crate) model: Option<String>,
    /// How much waiting matters: instant, normal or relaxed
    #[arg(long, value_parser = latency)]
    pub(crate) latency: Option<Latency>,
    /// As if the repository were untrusted, known or trusted
    #[arg(long, value_parser = trust)]
    pub(crate) trust: Option<Trust>,
}

pub(crate) fn lane(text: &str) -> Result<Lane, String> {
    lane_named(text).ok_or_else(|| "fast or slow is needed".to_owned())
}

pub(crate) fn latency(text: &str) -> Result<Latency, String> {
    Latency::from_name(text).ok_or_else(|| format!("one of these is needed: {}", Latency::NAMES.join(", ")))
}

fn trust(text: &str) -> Result<Trust, String> {
    Trust::from_name(text).ok_or_else(|| format!("one of these is needed: {}", Trust::NAMES.join(", ")))
}

/// `route ...`.
pub(crate) fn run(context: &Context, command: &RouteCmd) -> Result<Exit, CliError> {
    match command {
        RouteCmd::Explain(args) => explain::run(context, args),
        RouteCmd::Report => report::run(context),
        RouteCmd::Check { file, repository } => check::run(context, file.as_deref(), *repository),
    }
}

fn config(context: &Context) -> Result<Config, CliError> {
    Ok(Config::load(&context.home.config_file())?)
}

/// What every decision is made of beside the task.
struct World {
    fleet: Vec<Member>,
    policy: Policy,
    ledger: Ledger,
}

impl World {
    /// As it is in a folder, with empty accounts.
    fn load(context: &Context, folder: &Path) -> Result<World, CliError> {
        let config = config(context)?;
        let mut fleet = routing::fleet(&config, &context.home);
        routing::measure(&mut fleet, &context.home);
        let known: Vec<&str> = fleet.iter().map(|m| m.model.0.as_str()).collect();
        let policy = routing::policy(&context.home, folder, &known).map_err(|e| {
            let exit = match &e {
                PolicyError::Unreadable { .. } => Exit::Disk,
                PolicyError::Wrong { .. } => Exit::Usage,
            };
            CliError::new(exit, e.to_string())
                .hint("`brisk route check` shows everything that is wrong with it")
        })?;
        routing::pools(&mut fleet, &policy);
        let ledger = routing::ledger(&policy, &fleet);
        Ok(World {
            fleet,
            policy,
            ledger,
        })
    }

    /// Asks it, without a wish.
    fn question<'a>(&'a self, shape: &'a Shape, now: Now) -> Question<'a> {
        Question {
            shape,
            wish: Wish::default(),
            fleet: &self.fleet,
            policy: &self.policy,
            ledger: &self.ledger,
            now,
        }
    }
}

#[cfg(test)]
mod tests;
