//! `route check`: the mistakes of policy files, as `FILE:LINE:COLUMN: error: what`.

use crate::cli::context::Context;
use crate::cli::style::{Tone, count};
use crate::cli::{cwd, json, say};
use crate::exit::{CliError, Exit};
use crate::routing::{self, Checked, Owner, PolicyError};
use brisk_router::fleet::Member;
use brisk_router::policy::{Finding, Level, Policy, read_person, unpriced};
use serde_json::json;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Checks one file, or those that hold here.
pub(super) fn run(context: &Context, file: Option<&Path>, repository: bool) -> Result<Exit, CliError> {
    let config = super::config(context)?;
    let fleet = routing::fleet(&config, &context.home);
    let known: Vec<&str> = fleet.iter().map(|m| m.model.0.as_str()).collect();
    let own = routing::person_file(&context.home);
    let files: Vec<(PathBuf, Owner)> = match file {
        Some(file) if repository || is_repository(file) => {
            vec![(own, Owner::Person), (file.to_owned(), Owner::Repository)]
        }
        Some(file) => vec![(file.to_owned(), Owner::Person)],
        None => {
            let theirs = routing::repository_file(&cwd()?);
            let theirs = theirs.map(|path| (path, Owner::Repository));
            std::iter::once((own, Owner::Person)).chain(theirs).collect()
        }
    };
    let mut policy = Policy::built_in();
    let mut all: Vec<Checked> = Vec::new();
    for (path, owner) in files {
        let Some(text) = routing::text(&path, owner).map_err(unreadable)? else {
            if file == Some(path.as_path()) {
                return Err(CliError::new(
                    Exit::Target,
                    format!("there is no file {}", path.display()),
                ));
            }
            continue;
        };
        let (next, mut checked) = routing::check(policy, &path, &text, owner, &known);
        policy = next;
        if owner == Owner::Person {
            checked.findings.extend(money(&text, &fleet));
            checked.findings.sort_by_key(|f| (f.line, f.column));
        }
        // With a repository's file named, the person's own is only what it is compared with.
        if file.is_none_or(|file| file == path) {
            all.push(checked);
        }
    }
    tell(context, &all)?;
    let errors = |c: &Checked| c.findings.iter().any(|f| f.level == Level::Error);
    Ok(if all.iter().any(errors) {
        Exit::Check
    } else {
        Exit::Done
    })
}

/// Bounds of money under which nothing could be asked.
fn money(text: &str, fleet: &[Member]) -> Vec<Finding> {
    let names = |is: &dyn Fn(&Member) -> bool| -> Vec<&str> {
        let those = fleet.iter().filter(|m| is(m));
        those.map(|m| m.model.0.as_str()).collect()
    };
    let [fast, slow] = [0, 1].map(|lane| names(&|m| !m.by_name && m.lanes.has(lane)));
    let priced = names(&|m| m.price.is_some());
    unpriced(text, &read_person(text).0, [&fast, &slow], &priced)
}

fn is_repository(file: &Path) -> bool {
    file.parent().and_then(Path::file_name) == Some(OsStr::new(".brisk"))
}

fn unreadable(error: PolicyError) -> CliError {
    CliError::new(Exit::Disk, error.to_string())
}

fn tell(context: &Context, all: &[Checked]) -> Result<(), CliError> {
    let mut lines = Vec::new();
    for checked in all {
        let path = checked.path.display();
        if context.json {
            let fields = json!({"path": checked.path, "findings": checked.findings});
            say::raw(&json::line("policy", context.t_us(), fields))?;
            continue;
        }
        for f in &checked.findings {
            let (tone, word) = match f.level {
                Level::Error => (Tone::Bad, "error"),
                Level::Warning => (Tone::Warn, "warning"),
            };
            lines.push((
                tone,
                format!("{path}:{}:{}: {word}: {}", f.line, f.column, f.message),
            ));
        }
        if checked.findings.is_empty() {
            lines.push((Tone::Good, format!("{path}: nothing is wrong with it")));
        } else {
            lines.push((
                Tone::Plain,
                format!("{path}: {}", count(checked.findings.len(), "finding")),
            ));
        }
    }
    if all.is_empty() && !context.json {
        let own = routing::person_file(&context.home);
        let text = format!("no policy file is here; yours would be {}", own.display());
        lines.push((Tone::Plain, text));
    }
    say::lines(context, &lines)
}
