//! `route explain|check`: where a task would go and why, and what is wrong with a policy. Neither needs the daemon or a
//! model.

mod check;
mod explain;
mod json;
mod text;

use crate::cli::context::Context;
use crate::config::Config;
use crate::exit::{CliError, Exit};
use brisk_domain::{Lane, Latency};
use brisk_router::scale::{Trust, lane_named};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `route`.
#[derive(Debug, Subcommand)]
pub(crate) enum RouteCmd {
    /// The shape of a task, every model with its refusal or score, the choice, and what would have changed it
    Explain(ExplainArgs),
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
        RouteCmd::Check { file, repository } => check::run(context, file.as_deref(), *repository),
    }
}

fn config(context: &Context) -> Result<Config, CliError> {
    Config::load(&context.home.config_file())
        .map_err(|e| CliError::new(Exit::Usage, e.to_string()).hint("correct the file, or move it away"))
}

#[cfg(test)]
mod tests;
