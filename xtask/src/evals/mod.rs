//! Edit tasks through the real product, as a person's script would run it, graded from outside.

mod book;
mod delegate;
mod grade;
pub(crate) mod kept;
mod policy;
mod process;
mod product;
mod record;
mod report;
mod tasks;
mod turn;

use anyhow::{Context, bail};
use book::Book;
use clap::ValueEnum;
use grade::Grader;
use kept::Shelf;
use product::{How, Product};
use record::{Class, Record, Seen};
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tasks::{Set, Task};
use tokio::signal::unix::{SignalKind, signal};

/// Options of `cargo xtask evals`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only this set; may be given several times
    #[arg(long = "set", value_name = "NAME")]
    sets: Vec<Set>,
    /// At most so many tasks of each set, spread evenly over it
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Ask this model, as `brisk edit --model` does
    #[arg(long, value_name = "ID")]
    model: Option<String>,
    /// What an edit is pointed at
    #[arg(long, value_enum, default_value_t = Target::File)]
    target: Target,
    /// The built product [default: target/release/brisk]
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
    /// Folder with the sets [default: ../shared/evals beside the workspace]
    #[arg(long, value_name = "DIR")]
    evals: Option<PathBuf>,
    /// Folder with model files [default: where `brisk model path` says; BRISK_MODEL is passed on, too]
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
    /// Configuration for the run, for example with a server's models
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// One JSON line per task; a run that finds the file goes on where it ended [default: below target/evals for all
    /// tasks with the product's own model, which `cargo xtask metrics` reads; else none]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Seconds that one edit may take
    #[arg(long, value_name = "S", default_value_t = TIMEOUT)]
    timeout: u64,
    /// Python 3 for the checks, with pytest for some sets
    #[arg(long, value_name = "PROGRAM", env = "EVAL_PYTHON", default_value = "python3")]
    python: OsString,
    /// Delegate each task with its tests as the confirmed policy, instead of editing (all sets but quixbugs-python);
    /// --timeout bounds a job, rounded up to minutes
    #[arg(long, conflicts_with = "selftest")]
    delegate: bool,
    /// Ask no model: show that every reference passes and every task as it is fails
    #[arg(long)]
    selftest: bool,
}

impl Options {
    /// All tasks, as everybody's edits are made: what the table of figures tells.
    fn is_whole(&self) -> bool {
        let own = self.model.is_none() && self.config.is_none() && self.target == Target::File;
        own && self.evals.is_none()
            && self.timeout == TIMEOUT
            && self.sets.is_empty()
            && self.limit.is_none()
            && !self.delegate
            && !self.selftest
    }
}

/// Seconds that an edit may take where nobody says otherwise.
const TIMEOUT: u64 = 300;

/// What an edit is pointed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Target {
    /// The file; the product finds the place.
    File,
    /// The function in it, where the set knows it.
    Symbol,
}

/// Exit codes after which every other edit would end the same way.
const USAGE: i32 = 2;
const NO_MODEL: i32 = 5;

/// So many tasks in a row that came to no judgement are no accident.
const TROUBLES: usize = 3;

/// Runs until all tasks are done, or until Ctrl-C or SIGTERM; the daemon is stopped in any case.
pub(crate) fn run(options: Options) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let stopped = async {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        };
        execute(options, stopped, &mut io::stdout(), &mut io::stderr()).await
    })
}

async fn execute(
    options: Options,
    stopped: impl Future<Output = ()>,
    out: &mut dyn Write,
    log: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let sets = match (options.sets.is_empty(), options.delegate) {
        (false, _) => options.sets.clone(),
        (true, true) => policy::SETS.to_vec(),
        (true, false) => Set::value_variants().to_vec(),
    };
    let evals = match &options.evals {
        Some(dir) => std::path::absolute(dir)?,
        None => crate::root()?.join("../shared/evals"),
    };
    let mut tasks = Vec::new();
    for set in &sets {
        tasks.extend(tasks::load(&evals, *set, options.limit)?);
    }
    let grader = Grader {
        evals,
        python: options.python.clone(),
        target: tempfile::Builder::new().prefix("brisk-grade-").tempdir()?,
    };
    grader.ready(&sets).await?;
    if options.selftest {
        return tokio::select! {
            code = selftest(&grader, &tasks, out) => code,
            () = stopped => bail!("stopped"),
        };
    }
    let how = How {
        binary: match &options.binary {
            Some(path) => std::path::absolute(path)?,
            None => crate::root()?.join("target/release/brisk"),
        },
        model: options.model.clone(),
        by_symbol: options.target == Target::Symbol,
        limit: Duration::from_secs(options.timeout),
    };
    let product = Product::new(how, options.models.as_deref(), options.config.as_deref()).await?;
    if options.delegate {
        let setting = delegate::setting(&product);
        let mut book = Book::open(options.out.as_deref(), &setting)?;
        let ended = tokio::select! {
            ended = delegate::all(&tasks, &product, &grader, &mut book, log) => ended,
            () = stopped => Err(anyhow::anyhow!("stopped")),
        };
        let quiet = product.stop().await;
        if !book.entries().is_empty() {
            writeln!(out, "{setting}\n")?;
            out.write_all(delegate::table(book.entries()).as_bytes())?;
        }
        ended.and(quiet)?;
        return Ok(ExitCode::SUCCESS);
    }
    let shelf = match (&options.out, options.is_whole()) {
        (None, true) => Some(Shelf::new(
            crate::root()?.join(kept::FOLDER),
            &product.how.binary,
            product.model_file(),
        )?),
        _ => None,
    };
    let file = options.out.clone().or(shelf.as_ref().map(Shelf::part));
    let mut book = Book::open(file.as_deref(), &product.setting())?;
    let ended = tokio::select! {
        ended = all(&tasks, &product, &grader, &mut book, log) => ended,
        () = stopped => Err(anyhow::anyhow!("stopped")),
    };
    let quiet = product.stop().await;
    if !book.entries().is_empty() {
        writeln!(out, "{}\n", product.setting())?;
        out.write_all(report::table(book.entries()).as_bytes())?;
    }
    ended.and(quiet)?;
    if let Some(shelf) = shelf {
        shelf.finish()?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Every task that the book does not have, one after the other: they share one machine, and times count.
async fn all(
    tasks: &[Task],
    product: &Product,
    grader: &Grader,
    book: &mut Book<Record>,
    log: &mut dyn Write,
) -> anyhow::Result<()> {
    let setting = product.setting();
    let mut cold = true;
    let mut troubles = 0;
    for (number, task) in tasks.iter().enumerate() {
        if book.has(task) {
            continue;
        }
        let edited = product.edit(task).await?;
        let broke = edited.after != task.before
            && grader.parses(task, &task.before).await?
            && !grader.parses(task, &edited.after).await?;
        let seen = Seen {
            turn: &edited.turn,
            exit: edited.exit,
            after: &edited.after,
            broke,
        };
        let mut record = Record::new(task, &setting, cold, &seen);
        if record.class == Class::Kept {
            record.pass = grader
                .passes(task, &edited.after)
                .await
                .with_context(|| format!("grading {} {}", task.set.name(), task.id))?;
        }
        writeln!(log, "{:>3}/{} {}", number + 1, tasks.len(), line(&record))?;
        let why = record.why.clone().unwrap_or_default();
        let (class, exit) = (record.class, record.exit);
        book.add(record)?;
        cold = false;
        troubles = if class == Class::Trouble { troubles + 1 } else { 0 };
        if class == Class::Trouble && matches!(exit, Some(USAGE | NO_MODEL)) {
            bail!("no edit can work like this: {why}");
        }
        if troubles == TROUBLES {
            bail!("{TROUBLES} edits in a row came to nothing that could be judged; the last: {why}");
        }
    }
    Ok(())
}

/// A record as a line of progress.
fn line(record: &Record) -> String {
    let seconds = |us: Option<u64>| us.map_or("-".to_owned(), |us| format!("{:.2} s", us as f64 / 1e6));
    let what = match (record.class, record.pass) {
        (Class::Kept, true) => "pass",
        (Class::Kept, false) => "fail",
        (Class::Unchanged, _) => "unchanged",
        (Class::Invalid, _) => "invalid",
        (Class::OverBudget, _) => "over budget",
        (Class::Trouble, _) => "trouble",
    };
    let churn = record
        .churn()
        .map_or("-".to_owned(), |churn| format!("{churn:.1}"));
    let why = record.why.as_deref().map(|why| format!("  ({why})"));
    format!(
        "{} {}: {what}, churn {churn}, first hunk {}, end {}{}",
        record.set.name(),
        record.id,
        seconds(record.first_us),
        seconds(record.turn_us),
        why.unwrap_or_default()
    )
}

/// Grades the reference and the task as it is.
async fn selftest(grader: &Grader, tasks: &[Task], out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let mut unsound = 0;
    for task in tasks {
        let reference = grader.passes(task, &task.reference).await?;
        let before = grader.passes(task, &task.before).await?;
        if !reference || before {
            unsound += 1;
            writeln!(
                out,
                "{} {}: the reference passes: {reference}, the task as it is passes: {before}",
                task.set.name(),
                task.id
            )?;
        }
    }
    writeln!(out, "{} tasks, {unsound} unsound", tasks.len())?;
    Ok(if unsound == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests;
