//! `delegate`: hands a task over and goes; with `--wait` it stays to see what comes of it.

use crate::cli::args::DelegateArgs;
use crate::cli::context::Context;
use crate::cli::style::Tone;
use crate::cli::{connect, cwd, jobs, say};
use crate::exit::{CliError, Exit};
use crate::models::began::Asks;
use brisk_domain::ModelId;
use brisk_domain::job::Rivalry;
use brisk_protocol::jobs::{Delegate, Delegated, method};

/// `delegate TEXT [FILE...]`.
pub(crate) fn run(context: &Context, args: &DelegateArgs) -> Result<Exit, CliError> {
    let wish = Delegate {
        cwd: cwd()?,
        text: args.text.clone(),
        files: args.files.clone(),
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
        parts: args.parts.clone(),
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
        let lines = [
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
        let shown = if args.wait { 1 } else { 2 };
        say::lines(context, lines.get(..shown).unwrap_or_default())?;
    }
    match args.wait {
        true => jobs::follow(context, &mut link, taken.job),
        false => Ok(Exit::Done),
    }
}
