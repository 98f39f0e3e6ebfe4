//! `jobs`: what became of delegated work, and what becomes of it.

mod merge;
mod parts;
mod text;

use crate::cli::args::{JobsCmd, Numbered};
use crate::cli::context::Context;
use crate::cli::link::Link;
use crate::cli::style::Tone;
use crate::cli::{connect, cwd, json, say};
use crate::exit::{CliError, Exit};
use brisk_domain::JobId;
use brisk_domain::job::{JobState, QUEUE};
use brisk_protocol::jobs::{
    AttemptRef, DiffReply, Hears, JobList, JobRef, JobSteer, JobView, JobsReply, Steered, StepsReply,
    StepsRequest, Watch, Watched, method,
};
use serde_json::json;

/// How often in a row a daemon that went is looked for.
const RETRIES: u32 = 3;

/// `jobs ...`.
pub(crate) fn run(context: &Context, command: &JobsCmd) -> Result<Exit, CliError> {
    match command {
        JobsCmd::List { all, limit } => list(context, *all, *limit),
        JobsCmd::Show { job } => show(context, JobId(*job)),
        JobsCmd::Watch { job } => follow(context, &mut connect::open(&context.home)?, JobId(*job)),
        JobsCmd::Log { job, attempt } => log(context, JobId(*job), of(*job, *attempt)?),
        JobsCmd::Diff { job, attempt } => diff(context, JobId(*job), of(*job, *attempt)?),
        JobsCmd::Steer { job, text } => steer(context, JobId(*job), text),
        JobsCmd::Pause { job } => {
            let wish = JobRef { job: JobId(*job) };
            let words = format!("put aside; `brisk jobs resume {}` lets it go on", wish.job);
            tell(context, method::PAUSE, &wish, "paused", &words)
        }
        JobsCmd::Resume { job } => {
            let wish = JobRef { job: JobId(*job) };
            tell(context, method::RESUME, &wish, "resumed", "it goes on")
        }
        JobsCmd::Cancel { job } => {
            let wish = JobRef { job: JobId(*job) };
            tell(context, method::CANCEL, &wish, "cancelled", "cancelled")
        }
        JobsCmd::Merge { job, degraded } => merge::merge(context, JobId(*job), *degraded),
        JobsCmd::Drop { job } => {
            let wish = JobRef { job: JobId(*job) };
            tell(
                context,
                method::DROP,
                &wish,
                "dropped",
                "dropped; its diffs stay readable",
            )
        }
    }
}

fn tell(
    context: &Context,
    name: &str,
    wish: &impl serde::Serialize,
    kind: &str,
    words: &str,
) -> Result<Exit, CliError> {
    let _: Option<()> = connect::open(&context.home)?.call(name, wish)?;
    match context.json {
        true => say::object(context, kind, &wish)?,
        false => say::lines(context, &[(Tone::Good, words.to_owned())])?,
    }
    Ok(Exit::Done)
}

fn steer(context: &Context, job: JobId, text: &str) -> Result<Exit, CliError> {
    let wish = JobSteer {
        job,
        text: text.to_owned(),
    };
    let Steered { hears } = connect::ask(&context.home, method::STEER, &wish)?;
    let (tone, words) = match hears {
        Hears::AfterStep => (
            Tone::Good,
            "it hears it after its step, unless that step proves its change".to_owned(),
        ),
        Hears::IfRed => (
            Tone::Warn,
            format!(
                "late: nobody works on {job} now, and what its parts come to is checked. If that does not pass, who mends \
                 it hears this; if it passes, nobody does: then delegate again, and say it there"
            ),
        ),
    };
    match context.json {
        true => say::object(
            context,
            "steered",
            &json!({"job": job, "text": text, "hears": hears}),
        )?,
        false => say::lines(context, &[(tone, words)])?,
    }
    Ok(Exit::Done)
}

fn list(context: &Context, all: bool, limit: usize) -> Result<Exit, CliError> {
    let cwd = if all { None } else { Some(cwd()?) };
    let reply: JobsReply = connect::ask(&context.home, method::LIST, &JobList { cwd, limit })?;
    if context.json {
        for job in &reply.jobs {
            say::object(context, "job", job)?;
        }
        return Ok(Exit::Done);
    }
    let mut lines: Vec<_> = reply.jobs.iter().map(text::row).collect();
    if lines.is_empty() {
        lines.push((Tone::Dim, "nothing was delegated here yet".to_owned()));
    }
    say::lines(context, &lines)?;
    Ok(Exit::Done)
}

fn view(context: &Context, job: JobId) -> Result<JobView, CliError> {
    let watched: Watched = connect::ask(&context.home, method::WATCH, &Watch { job, seen: 0 })?;
    Ok(watched.job)
}

fn show(context: &Context, job: JobId) -> Result<Exit, CliError> {
    let job = view(context, job)?;
    match context.json {
        true => say::object(context, "job", &job)?,
        false => say::lines(context, &text::table(&job))?,
    }
    Ok(Exit::Done)
}

/// Tells what happens in a job until it is over.
pub(crate) fn follow(context: &Context, link: &mut Link, job: JobId) -> Result<Exit, CliError> {
    let mut seen = 0;
    let mut lost = 0;
    let mut told: Option<JobView> = None;
    loop {
        let watched: Watched = match link.call(method::WATCH, &Watch { job, seen }) {
            Ok(watched) => watched,
            // The daemon went, and the job did not: another one goes on with it.
            Err(e) if e.exit == Exit::Daemon && lost < RETRIES => {
                lost += 1;
                *link = connect::open(&context.home)?;
                seen = 0;
                continue;
            }
            Err(e) => return Err(e),
        };
        (seen, lost) = (watched.version, 0);
        let now = watched.job;
        if told.as_ref() != Some(&now) {
            match context.json {
                true => say::object(context, "job", &now)?,
                false => say::lines(context, &text::news(told.as_ref(), &now))?,
            }
        }
        if now.state != JobState::Open {
            if !context.json {
                say::lines(context, &text::table(&now))?;
            }
            return over(&now);
        }
        told = Some(now);
    }
}

/// How a command ends that waited for a job.
fn over(job: &JobView) -> Result<Exit, CliError> {
    let not = |why: String| Err(CliError::new(Exit::Unproven, format!("{}: {why}", job.job)));
    match &job.state {
        JobState::Ready(_) | JobState::Merged { .. } | JobState::Open => Ok(Exit::Done),
        JobState::Failed { why, .. } => not(why.clone()),
        JobState::Cancelled => not("it was cancelled".to_owned()),
        JobState::Dropped => not("it was dropped".to_owned()),
    }
}

fn log(context: &Context, job: JobId, attempt: Option<u32>) -> Result<Exit, CliError> {
    let mut link = connect::open(&context.home)?;
    let watched: Watched = link.call(method::WATCH, &Watch { job, seen: 0 })?;
    known(&watched.job, attempt)?;
    let queue = watched.job.split.iter().map(|_| QUEUE);
    let wanted = queue.chain(watched.job.attempts.iter().map(|a| a.number));
    for attempt in wanted.filter(|n| attempt.is_none_or(|a| a == *n)) {
        let ask = StepsRequest {
            job,
            attempt,
            from: 1,
        };
        let reply: StepsReply = link.call(method::LOG, &ask)?;
        for step in &reply.steps {
            if context.json {
                let fields = json!({"job": job, "attempt": attempt, "seq": step.seq, "at_us": step.at_us, "step": step.step, "refused": step.refused});
                say::raw(&json::line("step", context.t_us(), fields))?;
            } else {
                say::lines(context, &text::step(attempt, step))?;
            }
        }
    }
    Ok(Exit::Done)
}

/// The number of an attempt that was named. Refuses one of another job.
fn of(job: u64, attempt: Option<Numbered>) -> Result<Option<u32>, CliError> {
    match attempt {
        Some(Numbered {
            job: Some(other),
            number,
        }) if other != job => {
            let message = format!("j{other}a{number} is no attempt at j{job}");
            Err(CliError::new(Exit::Usage, message).hint(format!("say a{number}, or name j{other}")))
        }
        named => Ok(named.map(|a| a.number)),
    }
}

/// Refuses an attempt that a job does not have.
fn known(job: &JobView, attempt: Option<u32>) -> Result<(), CliError> {
    let there = |n| (job.split.is_some() && n == QUEUE) || job.attempts.iter().any(|a| a.number == n);
    match attempt.filter(|n| !there(*n)) {
        None => Ok(()),
        Some(n) => {
            let numbers: Vec<String> = job.attempts.iter().map(|a| format!("a{}", a.number)).collect();
            let hint = match numbers.is_empty() {
                true => "none has begun yet".to_owned(),
                false => format!("there are {}", numbers.join(", ")),
            };
            Err(CliError::new(Exit::Target, format!("{} has no attempt a{n}", job.job)).hint(hint))
        }
    }
}

fn diff(context: &Context, job: JobId, attempt: Option<u32>) -> Result<Exit, CliError> {
    let mut link = connect::open(&context.home)?;
    if attempt.is_some() {
        let watched: Watched = link.call(method::WATCH, &Watch { job, seen: 0 })?;
        known(&watched.job, attempt)?;
    }
    let reply: DiffReply = link.call(method::DIFF, &AttemptRef { job, attempt })?;
    match context.json {
        true => say::object(context, "diff", &reply)?,
        // Into a file or a pipe as it is: it is for `patch` too.
        false if !context.streams.output => say::raw(&reply.text)?,
        false => say::lines(context, &text::diff(&reply.text))?,
    }
    Ok(Exit::Done)
}
