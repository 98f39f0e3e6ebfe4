//! `stats`: how turns felt and what became of their hunks. Read from the felt store itself, so that no daemon need run.

mod html;
mod json;
mod plot;
mod report;
mod svg;
mod text;

use crate::cli::context::Context;
use crate::cli::say;
use crate::cli::style::{Tone, count};
use crate::exit::{CliError, Exit};
use brisk_store::felt::{By, FeltTurn};
use brisk_store::{FeltStore, StoreError};
use clap::{Args, ValueEnum};
use report::Report;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// `stats`.
#[derive(Debug, Args)]
pub(crate) struct StatsArgs {
    /// A table for each lane, model or day
    #[arg(long, value_enum)]
    by: Option<ByArg>,
    /// Only turns of this long: 90m, 24h, 7d or 2w
    #[arg(long, value_name = "TIME", value_parser = span)]
    since: Option<u64>,
    /// Write a page with charts; it needs nothing but itself
    #[arg(long, value_name = "FILE", conflicts_with = "delete")]
    html: Option<PathBuf>,
    /// Delete what is stored
    #[arg(long, conflicts_with_all = ["by", "since"])]
    delete: bool,
    /// With --delete: only days before this one, YYYY-MM-DD
    #[arg(long, value_name = "DATE", requires = "delete", value_parser = date)]
    before: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ByArg {
    Lane,
    Model,
    Day,
}

impl From<ByArg> for By {
    fn from(by: ByArg) -> By {
        match by {
            ByArg::Lane => By::Lane,
            ByArg::Model => By::Model,
            ByArg::Day => By::Day,
        }
    }
}

/// Microseconds of `90m`, `24h`, `7d`, `2w`.
fn span(text: &str) -> Result<u64, String> {
    let minutes = |unit| match unit {
        'm' => Some(1),
        'h' => Some(60),
        'd' => Some(60 * 24),
        'w' => Some(60 * 24 * 7),
        _ => None,
    };
    text.char_indices()
        .next_back()
        .and_then(|(at, unit)| {
            let n: u64 = text.get(..at)?.parse().ok()?;
            n.checked_mul(minutes(unit)?)?.checked_mul(60_000_000)
        })
        .ok_or_else(|| "a number with m, h, d or w is needed, for example 7d".to_owned())
}

/// A day that the calendar has, roughly: the store compares it with days that were.
fn date(text: &str) -> Result<String, String> {
    let mut parts = text.split('-');
    let mut part = |length: usize, within: std::ops::RangeInclusive<u32>| {
        let part = parts.next().filter(|p| p.len() == length)?;
        part.parse().ok().filter(|n| within.contains(n))
    };
    let good = part(4, 1970..=9999).is_some() && part(2, 1..=12).is_some() && part(2, 1..=31).is_some();
    if good && parts.next().is_none() {
        Ok(text.to_owned())
    } else {
        Err("a date like 2026-01-31 is needed".to_owned())
    }
}

/// Shows, writes or deletes.
pub(crate) fn run(context: &Context, args: &StatsArgs) -> Result<Exit, CliError> {
    let dir = context.home.state_dir().join("events");
    if args.delete {
        return delete(context, &dir, args.before.as_deref());
    }
    let turns = read(&dir, args.since).map_err(unreadable)?;
    let report = Report::of(&turns, args.by.map(By::from));
    if let Some(path) = &args.html {
        return page(context, path, &report);
    }
    if context.json {
        say::raw(&json::lines(&report, context.t_us()))?;
    } else if turns.is_empty() {
        let line = "no turn is stored yet; make an edit, then ask again";
        say::lines(context, &[(Tone::Plain, line.to_owned())])?;
    } else {
        say::lines(context, &text::lines(&report))?;
    }
    Ok(Exit::Done)
}

fn read(dir: &Path, since: Option<u64>) -> Result<Vec<FeltTurn>, StoreError> {
    // To look makes no file.
    if !FeltStore::path_in(dir).exists() {
        return Ok(Vec::new());
    }
    let now = u64::try_from(UNIX_EPOCH.elapsed().unwrap_or_default().as_micros()).unwrap_or(u64::MAX);
    FeltStore::open(dir)?.turns(since.map_or(0, |span| now.saturating_sub(span)))
}

fn page(context: &Context, path: &Path, report: &Report) -> Result<Exit, CliError> {
    std::fs::write(path, html::page(report)).map_err(|e| {
        CliError::new(Exit::Disk, format!("{} cannot be written: {e}", path.display()))
            .hint("name a file in a folder that is there and yours")
    })?;
    if context.json {
        let fields = serde_json::json!({"path": path, "turns": report.all.turns});
        say::object(context, "stats_page", &fields)?;
    } else {
        let line = format!("wrote {}, {}", path.display(), count(report.all.turns, "turn"));
        say::lines(context, &[(Tone::Good, line)])?;
    }
    Ok(Exit::Done)
}

fn delete(context: &Context, dir: &Path, before: Option<&str>) -> Result<Exit, CliError> {
    let deleted = if FeltStore::path_in(dir).exists() {
        FeltStore::open(dir)
            .and_then(|mut store| store.delete_days(before))
            .map_err(unreadable)?
    } else {
        0
    };
    if context.json {
        say::object(context, "stats_deleted", &serde_json::json!({"turns": deleted}))?;
    } else {
        let line = format!("deleted the figures of {}", count(deleted, "turn"));
        say::lines(context, &[(Tone::Good, line)])?;
    }
    Ok(Exit::Done)
}

fn unreadable(error: StoreError) -> CliError {
    CliError::new(Exit::Disk, error.to_string())
}

#[cfg(test)]
mod tests;
