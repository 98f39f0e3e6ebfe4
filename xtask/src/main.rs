//! The project's chores, run as `cargo xtask CHORE`.

mod evals;
mod metrics;
mod rig;
mod screens;
mod tidy;

use anyhow::Context;
use clap::Parser;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// The project's chores.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", disable_help_subcommand = true)]
enum Chore {
    /// Check what the compiler does not: who imports whom, forbidden calls, file sizes, manifests, links
    Tidy,
    /// Run edit tasks through the built product and print what came of them
    ///
    /// Grading runs code that a model wrote, and nothing confines it: use a machine where that is fine.
    Evals(evals::Options),
    /// Measure the built product against the table of speed and memory
    ///
    /// Needs `cargo build --release -p brisk` and `cargo build --release -p brisk-testkit --bins`.
    Metrics(metrics::Options),
    /// Drive the built product through stories on a terminal and keep its screens in docs/screens, as text and pictures
    ///
    /// Needs the same builds as `metrics`, and a monospaced font.
    Screens(screens::Options),
}

fn main() -> ExitCode {
    let outcome = match Chore::parse() {
        Chore::Tidy => run_tidy(),
        Chore::Evals(options) => evals::run(options),
        Chore::Metrics(options) => metrics::run(options),
        Chore::Screens(options) => screens::run(options),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run_tidy() -> anyhow::Result<ExitCode> {
    let root = root()?;
    let found = tidy::check(&root, &tidy::metadata(&root)?)?;
    let mut out = io::stdout().lock();
    for finding in &found {
        writeln!(out, "{finding}")?;
    }
    let errors = found.iter().filter(|f| f.level == tidy::Level::Error).count();
    writeln!(out, "tidy: {errors} errors, {} warnings", found.len() - errors)?;
    Ok(if errors == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The workspace: the folder above this crate.
fn root() -> anyhow::Result<PathBuf> {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").context("run it as `cargo xtask`")?;
    let root = PathBuf::from(here)
        .parent()
        .context("xtask lies in a workspace")?
        .to_owned();
    Ok(root)
}
