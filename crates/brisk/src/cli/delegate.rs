//! `delegate`: hands a task over and goes; with `--wait` it stays to see what comes of it.

mod places;

use crate::cli::args::DelegateArgs;
use crate::cli::context::Context;
use crate::cli::style::Tone;
use crate::cli::{connect, cwd, jobs, say};
use crate::exit::{CliError, Exit};
use crate::models::began::Asks;
use brisk_domain::ModelId;
use brisk_domain::job::Rivalry;
use brisk_protocol::jobs::{Delegate, Delegated, PartWish, method};
use places::Places;
use std::path::PathBuf;

/// What the task is about, below the folder that names are relative to.
struct About {
    cwd: PathBuf,
    /// The person's words, and the lines or symbols that stood beside the files.
    text: String,
    files: Vec<String>,
    parts: Vec<PartWish>,
    /// What parts name that is not there, with the number of the part.
    missing: Vec<(usize, String)>,
}

fn about(args: &DelegateArgs) -> Result<About, CliError> {
    let cwd = cwd()?;
    let mut about = About {
        text: args.text.clone(),
        files: args.files.clone(),
        parts: args.parts.clone(),
        missing: vec![],
        cwd,
    };
    let Some(places) = Places::of(&about.cwd) else {
        return Ok(about);
    };
    for file in &mut about.files {
        let named = places.file(file)?;
        if let Some(part) = named.part {
            about.text.push_str(&format!(" ({}:{part})", named.path));
        }
        *file = named.path;
    }
    for file in about.parts.iter_mut().flat_map(|part| &mut part.files) {
        *file = places.scope(file)?;
    }
    let missing = places.missing(&about.parts);
    about.missing = missing
        .into_iter()
        .map(|(n, file)| (n, file.to_owned()))
        .collect();
    about.cwd = places.root().to_owned();
    Ok(about)
}

/// `delegate TEXT [FILE...]`.
pub(crate) fn run(context: &Context, args: &DelegateArgs) -> Result<Exit, CliError> {
    let About {
        cwd,
        text,
        files,
        parts,
        missing,
    } = about(args)?;
    let wish = Delegate {
        cwd,
        text,
        files,
        attempts: args.attempts,
        models: args.models.iter().cloned().map(ModelId).collect(),
        base: args.base.clone(),
        with_draft: args.with_draft,
        rounds: args.rounds,
        minutes: args.minutes.or(args.budget.and_then(|b| b.minutes)),
        lines: args.lines.and_then(|n| usize::try_from(n).ok()),
        budget: args.budget.unwrap_or_default().budget,
        rivalry: match args.first {
            true => Rivalry::First,
            false => Rivalry::Smallest,
        },
        split: args.split,
        parts,
        degraded: args.degraded,
    };
    let mut asks = args.models.iter().map(|model| Asks::Named(model));
    let first = asks.next().unwrap_or(Asks::Listed);
    let mut link = connect::open_to(
        &context.home,
        if asks.next().is_some() { Asks::Any } else { first },
    )?;
    let taken: Delegated = link.call(method::DELEGATE, &wish)?;
    if context.json {
        say::object(context, "delegated", &taken)?;
    } else {
        let models: Vec<&str> = taken.models.iter().map(|m| m.0.as_str()).collect();
        let mut lines = vec![
            (
                Tone::Good,
                format!(
                    "{} is taken in: {} on {}",
                    taken.job,
                    models.join(", "),
                    taken.base.short()
                ),
            ),
            (
                Tone::Dim,
                format!(
                    "`brisk jobs watch {0}` follows it, `brisk jobs cancel {0}` stops it",
                    taken.job
                ),
            ),
        ];
        if args.wait {
            lines.pop();
            lines.push((
                Tone::Dim,
                format!(
                    "Ctrl-C leaves, and it goes on: `brisk jobs watch {0}` follows it again, `brisk jobs cancel {0}` stops it",
                    taken.job
                ),
            ));
        }
        lines.extend(missing.iter().map(|(part, file)| {
            (
                Tone::Warn,
                format!("part {part}: {file} is not in your worktree; the part may make it"),
            )
        }));
        say::lines(context, &lines)?;
    }
    match args.wait {
        true => jobs::follow(context, &mut link, taken.job),
        false => Ok(Exit::Done),
    }
}
