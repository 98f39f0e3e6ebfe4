//! The figures that Brisk wants to reach, measured from outside: the release binary, a fake model as a process of
//! its own, one clock. Each figure is told with what is wanted of it, and the machine with all of them.

mod direct;
mod engine;
mod fallback;
mod figure;
mod gate;
mod jobs;
mod live;
mod machine;
mod page;
mod route;
mod sample;
mod sandbox;
mod search;
mod start;
mod stats;
mod stop;
mod stream;
mod tasks;
mod torn;
mod upstream;

use crate::evals::kept;
use crate::rig::house::Programs;
use crate::rig::lines;
use anyhow::{Context, bail};
use clap::ValueEnum;
use figure::{Figure, Outcome, Part};
use machine::{Machine, waited_us};
use stats::Series;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Options of `cargo xtask metrics`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Fewer runs, and no bench that must be built
    #[arg(long)]
    quick: bool,
    /// The built product [default: target/release/brisk]
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
    /// The built fake model [default: target/release/brisk-fake-model]
    #[arg(long, value_name = "PATH")]
    fake: Option<PathBuf>,
    /// One object a line
    #[arg(long)]
    json: bool,
    /// Only this figure, or those whose names begin with this word; may be given several times
    #[arg(long, value_name = "NAME", value_parser = Names::parse)]
    only: Vec<Names>,
    /// Also write the whole table to this file, as Markdown; with --only, put these figures into the table that it holds
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// GGUF file for the figures of the embedded model [default: the product's own, where it is fetched]
    #[arg(long, value_name = "FILE", env = "BRISK_MODEL")]
    model: Option<OsString>,
    /// Number that the random moments come from
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

/// The figures, in the order of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Name {
    /// Start of `brisk edit` to the request at the model.
    Start,
    /// Prompt at the daemon to the request at the model.
    Prompt,
    /// Chunk at the provider to the event at the client.
    Chunk,
    /// A hunk's first changed line until it is visible.
    Line,
    /// Key to silence, key to model stopped.
    Stop,
    /// Failed model to the first token of its fallback.
    Fallback,
    /// A decision's time, what racing callers get of a quota, and how the labelled prompts are routed.
    Route,
    /// Live client: key to its echo while a patch streams.
    Echo,
    /// Live client: the same at ten times the speed.
    Flood,
    /// Live client: keys after a paste of 10 MB.
    Paste,
    /// Live client: a hunk's first line until it is painted.
    Paint,
    /// Live client: Esc to the last paint.
    Escape,
    /// Live client: its start to the first paint.
    Open,
    /// Live client: a long session opened again.
    Again,
    /// Live client: what it does while nobody does anything.
    Idle,
    /// Torn, temporary or locked files.
    Files,
    /// A confined command: what its start costs, how fast everything in it is gone.
    Sandbox,
    /// Verify and ship: what they cost over the bare command, and who is refused wrongly.
    Gate,
    /// Parser, locator, minimiser.
    Patch,
    /// Delegated work: a search over 100,000 files.
    Search,
    /// Delegated work: what eight jobs cost the person's own edits.
    JobsBeside,
    /// Delegated work: from the command to the first request.
    JobsFirst,
    /// Delegated work: sixteen attempts side by side.
    JobsPace,
    /// Delegated work: cancel to all stopped.
    JobsCancel,
    /// Delegated work: what kills leave of it.
    JobsKills,
    /// Tokens of the prompt beside the file.
    Overhead,
    /// The embedded model's speed.
    Embedded,
    /// Pass rate, invalid edits, churn.
    Evals,
    /// The kept path to a remote model against three others.
    Upstream,
    /// Memory of the daemon, size of the binary.
    Memory,
}

impl Name {
    /// For `--only`.
    fn word(self) -> String {
        self.to_possible_value()
            .map_or_else(String::new, |v| v.get_name().to_owned())
    }

    fn what(self) -> &'static str {
        match self {
            Name::Start => "warm daemon: process start of `brisk edit` to the request at the model",
            Name::Prompt => "prompt arriving at the daemon to the request at the model",
            Name::Chunk => "chunk at the provider to the event at the client",
            Name::Line => "last byte of a hunk's first changed line to visible",
            Name::Stop => "key to silence, and key to model stopped",
            Name::Fallback => "failure at the first model to the first token of its fallback",
            Name::Route => "a route: its time, quotas under racing callers, the labelled prompts",
            Name::Echo => "live client: key press to its painted echo while a patch streams",
            Name::Flood => "live client: key press to its painted echo at 10,000 tok/s",
            Name::Paste => "live client: keys after a paste of 10 MB",
            Name::Paint => "live client: a hunk's first line at the provider to painted",
            Name::Escape => "live client: Esc to the last paint of the turn",
            Name::Open => "live client: start of bare `brisk` to its first paint",
            Name::Again => "live client: a session of 500 turns opened again",
            Name::Idle => "live client: work while nobody does anything",
            Name::Files => "torn, temporary or locked files after stops and kills",
            Name::Sandbox => "confined command: start, and stop to all of its processes gone",
            Name::Gate => "verify and ship: cost over the bare command, answers from memory, honest flows",
            Name::Patch => "streaming parser, locator, minimiser on a 1 MB file",
            Name::Search => "delegated work: a search over 100,000 files, warm",
            Name::JobsBeside => {
                "delegated work: the person's own edits with eight jobs running, against none"
            }
            Name::JobsFirst => "delegated work: `brisk delegate` to the first request of the attempt",
            Name::JobsPace => "delegated work: sixteen attempts side by side, time and memory",
            Name::JobsCancel => "delegated work: cancel to all of a job stopped",
            Name::JobsKills => "delegated work: `kill -9` of daemon, attempts and sandboxes",
            Name::Overhead => "prompt overhead of the fast lane",
            Name::Embedded => "embedded model: drafts, first token, stops",
            Name::Evals => "embedded edits on the tasks: pass rate, invalid edits, churn",
            Name::Upstream => "the kept socket to a remote model against new and kept connections",
            Name::Memory => "memory of the daemon without a model, and the binary",
        }
    }
}

/// The figures that a word stands for: one, or a group.
#[derive(Debug, Clone)]
struct Names(Vec<Name>);

impl Names {
    fn parse(word: &str) -> Result<Names, String> {
        let belongs = |name: &Name| {
            let own = name.word();
            let rest = own.strip_prefix(word);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        let all: Vec<Name> = Name::value_variants().iter().copied().filter(belongs).collect();
        let known = || Vec::from_iter(Name::value_variants().iter().map(|name| name.word()));
        match all.is_empty() {
            true => Err(format!("there are {}", known().join(", "))),
            false => Ok(Names(all)),
        }
    }
}

/// Values and how they came about.
type Measured = anyhow::Result<(Vec<Part>, String)>;

/// Measures and prints. Misses are printed and no failure; what cannot be measured is one.
pub(crate) fn run(options: Options) -> anyhow::Result<ExitCode> {
    let machine = Machine::here();
    let programs = Programs::find(options.binary.as_deref(), options.fake.as_deref())?;
    let mut out = io::stdout().lock();
    match options.json {
        true => writeln!(out, "{}", machine.json())?,
        false => writeln!(out, "{}\n", machine.text())?,
    }
    let mut random = fastrand::Rng::with_seed(options.seed);
    let mut figures = Vec::new();
    for name in Name::value_variants() {
        if !options.only.is_empty() && !options.only.iter().any(|names| names.0.contains(name)) {
            continue;
        }
        let figure = Figure {
            name: name.word(),
            what: name.what(),
            outcome: measure(*name, &programs, &machine, &options, &mut random)?,
        };
        match options.json {
            true => writeln!(out, "{}", figure.json())?,
            false => writeln!(out, "{}", figure.text())?,
        }
        out.flush()?;
        figures.push(figure);
    }
    let failed = figures.iter().any(|f| matches!(f.outcome, Outcome::Failed(_)));
    match &options.write {
        // Messages name paths of this machine, and a page with holes would replace a whole one.
        Some(path) if failed => bail!(
            "{} is left as it is: a figure could not be measured",
            path.display()
        ),
        Some(path) => write(path, &machine, &figures, &options)?,
        None => {}
    }
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Writes the page, or what was measured into the page that is there.
fn write(path: &Path, machine: &Machine, figures: &[Figure], options: &Options) -> anyhow::Result<()> {
    let named = || path.display().to_string();
    let page = if options.only.is_empty() {
        machine.page(figures, options.quick)
    } else {
        let held = std::fs::read_to_string(path).with_context(named)?;
        let order: Vec<&str> = Name::value_variants().iter().map(|name| name.what()).collect();
        page::merged(&held, &order, figures).with_context(|| format!("{} is no page of figures", named()))?
    };
    std::fs::write(path, page).with_context(named)
}

fn measure(
    name: Name,
    programs: &Programs,
    machine: &Machine,
    options: &Options,
    random: &mut fastrand::Rng,
) -> anyhow::Result<Outcome> {
    let quick = options.quick;
    let skipped = |why: &str| Ok(Outcome::Skipped(why.to_owned()));
    let (began, waited) = (lines::now_us(), waited_us());
    let measured = match name {
        Name::Start => start::command(programs, quick),
        Name::Prompt => start::prompt(programs, quick),
        Name::Chunk => stream::chunks(programs, quick),
        Name::Line => stream::first_line(programs, quick),
        Name::Stop => stop::random(programs, quick, random),
        Name::Fallback => fallback::after_faults(programs, quick),
        Name::Route if quick => return skipped("it is built first; leave --quick out"),
        Name::Route => route::decisions(&crate::root()?),
        Name::Echo => live::echo(programs, quick, random),
        Name::Flood => live::flood(programs, quick, random),
        Name::Paste => live::paste(programs, quick, random),
        Name::Paint => live::first_line(programs, quick),
        Name::Escape => live::escape(programs, quick, random),
        Name::Open => live::start(programs, quick),
        Name::Again => live::again(programs, quick),
        Name::Idle => live::idle(programs, quick),
        Name::Files => torn::files(programs, quick, random),
        Name::Sandbox => sandbox::all(programs, quick),
        Name::Gate => gate::all(programs, quick, random),
        Name::Patch if quick => return skipped("it is built first; leave --quick out"),
        Name::Patch => engine::patch(&crate::root()?),
        Name::Search if quick => return skipped("it is built first; leave --quick out"),
        Name::Search => search::repository(&crate::root()?),
        Name::JobsBeside => jobs::hands(programs, quick, random),
        Name::JobsFirst => jobs::request(programs, quick),
        Name::JobsPace => jobs::side_by_side(programs, quick),
        Name::JobsCancel => jobs::all_stopped(programs, quick, random),
        Name::JobsKills => jobs::survived(programs, quick, random),
        Name::Overhead => start::overhead(programs),
        Name::Embedded => match options
            .model
            .clone()
            .or_else(|| engine::own_model(&programs.brisk))
        {
            None => {
                return skipped(
                    "no model file; `brisk model pull` fetches one, --model or BRISK_MODEL names one",
                );
            }
            Some(model) => engine::embedded(&programs.brisk, &model),
        },
        // Nothing is measured now, so that nothing of this moment belongs to it.
        Name::Evals => {
            let kept = tasks::edits(&crate::root()?.join(kept::FOLDER), &programs.brisk);
            return Ok(kept.unwrap_or_else(|error| Outcome::Failed(format!("{error:#}"))));
        }
        Name::Upstream => upstream::paths(&crate::root()?, quick),
        Name::Memory => start::memory(programs),
    };
    Ok(match measured {
        Ok((parts, how)) => {
            let share = waited.zip(waited_us()).map(|(before, after)| {
                let percent = 100 * (after - before) / (lines::now_us() - began).max(1);
                format!("; meanwhile a process waited for a core {percent} % of the time")
            });
            let mut how = how + &share.unwrap_or_default();
            if options.write.is_some() && !options.only.is_empty() {
                // The head of the page tells of another day, and maybe of another machine.
                how.push_str(&format!("; measured {}", machine.when()));
            }
            Outcome::Measured { parts, how }
        }
        Err(error) => Outcome::Failed(format!("{error:#}")),
    })
}

/// A series that has something in it.
fn series(values: Vec<u64>) -> anyhow::Result<Series> {
    Series::new(values).context("nothing was measured")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_stands_for_a_figure_or_a_group() {
        let cases: &[(&str, &[Name])] = &[
            ("stop", &[Name::Stop]),
            ("jobs-first", &[Name::JobsFirst]),
            (
                "jobs",
                &[
                    Name::JobsBeside,
                    Name::JobsFirst,
                    Name::JobsPace,
                    Name::JobsCancel,
                    Name::JobsKills,
                ],
            ),
        ];
        for (word, want) in cases {
            assert_eq!(Names::parse(word).unwrap().0, *want, "{word}");
        }
        for bad in ["", "job", "jobs-", "nothing"] {
            assert!(Names::parse(bad).is_err(), "{bad}");
        }
    }
}
