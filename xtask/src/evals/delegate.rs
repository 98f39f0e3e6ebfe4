//! The tasks through delegated work: the task's own tests are the repository's confirmed policy, and what comes back as
//! ready is graded once more from outside.

use super::book::{Book, Entry};
use super::grade::{Grader, put};
use super::policy::{check, prepare};
use super::process::{argv, call};
use super::product::{Product, SHORT};
use super::tasks::{Set, Task};
use super::{NO_MODEL, TROUBLES, USAGE};
use crate::rig::terminal::{Terminal, Window};
use anyhow::bail;
use brisk_sandbox::End;
use portable_pty::CommandBuilder;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;

/// Exit codes of `brisk delegate --wait` that come to a judgement: ready, failed.
const READY: i32 = 0;
const UNPROVEN: i32 = 26;

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Came {
    /// It came back as ready: every check of the policy passes.
    Resolved,
    /// It came back as failed.
    Failed,
    /// It came to no judgement, or what was ready could not be merged.
    Trouble,
}

/// What came of one task. Times are microseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Outcome {
    set: Set,
    id: String,
    setting: String,
    came: Came,
    /// The tests pass on what was merged, run from outside.
    pass: bool,
    why: Option<String>,
    /// Of `brisk delegate`; `None`: it did not end by itself.
    exit: Option<i32>,
    rounds: u64,
    steps: u64,
    tokens: u64,
    micros: u64,
    took_us: u64,
}

impl Entry for Outcome {
    fn task(&self) -> (Set, &str) {
        (self.set, &self.id)
    }

    fn setting(&self) -> &str {
        &self.setting
    }

    fn judged(&self) -> bool {
        self.came != Came::Trouble
    }
}

/// What the whole run is asked for, in words.
pub(super) fn setting(product: &Product) -> String {
    format!("{}, delegated", product.setting())
}

/// Every task that the book does not have, one after the other, each in a repository of its own.
pub(super) async fn all(
    tasks: &[Task],
    product: &Product,
    grader: &Grader,
    book: &mut Book<Outcome>,
    log: &mut dyn Write,
) -> anyhow::Result<()> {
    let mut troubles = 0;
    for (number, task) in tasks.iter().enumerate() {
        if book.has(task) {
            continue;
        }
        let outcome = one(task, product, grader).await?;
        writeln!(log, "{:>3}/{} {}", number + 1, tasks.len(), line(&outcome))?;
        let why = outcome.why.clone().unwrap_or_default();
        let (trouble, exit) = (outcome.came == Came::Trouble, outcome.exit);
        book.add(outcome)?;
        troubles = if trouble { troubles + 1 } else { 0 };
        if trouble && matches!(exit, Some(USAGE | NO_MODEL)) {
            bail!("no job can work like this: {why}");
        }
        if troubles == TROUBLES {
            bail!("{TROUBLES} jobs in a row came to nothing that could be judged; the last: {why}");
        }
    }
    Ok(())
}

async fn one(task: &Task, product: &Product, grader: &Grader) -> anyhow::Result<Outcome> {
    let dir = tempfile::Builder::new().prefix("brisk-task-").tempdir()?;
    let check = check(task, &grader.evals)?;
    let file = put(dir.path(), &task.file, &task.before)?;
    for (path, text) in task.beside.iter().chain(&check.files) {
        put(dir.path(), path, text)?;
    }
    put(dir.path(), "brisk.toml", &check.policy)?;
    prepare(task, dir.path()).await?;
    product.git(dir.path()).await?;
    accept(product, dir.path())?;

    let mut argv = argv![&product.how.binary, "delegate", "--json", "--wait"].to_vec();
    if let Some(model) = &product.how.model {
        argv.extend(argv!["--models", model]);
    }
    let minutes = product.how.limit.as_secs().div_ceil(60).max(1).to_string();
    let target = product.target(task);
    argv.extend(argv!["--minutes", minutes, "--", &task.instruction, target]);
    // The job ends by itself; what is on top is for checks that run by then.
    let called = call(&argv, dir.path(), &product.env, product.how.limit * 2 + SHORT).await?;
    let exit = match called.end {
        End::Exited(code) => Some(code),
        End::Signalled(_) | End::TimedOut => None,
    };
    let taken = last(&called.out, "delegated").unwrap_or_default();
    let name = taken["job"].as_u64().map(|number| format!("j{number}"));
    let job = last(&called.out, "job").unwrap_or_default();
    let sum = |name: &str| {
        let attempts = job["attempts"].as_array().into_iter().flatten();
        attempts.filter_map(|a| a[name].as_u64()).sum::<u64>()
    };
    let said = last(&called.out, "error").and_then(|e| e["message"].as_str().map(str::to_owned));
    let mut outcome = Outcome {
        set: task.set,
        id: task.id.clone(),
        setting: setting(product),
        came: Came::Trouble,
        pass: false,
        why: None,
        exit,
        rounds: sum("rounds"),
        steps: sum("steps"),
        tokens: sum("tokens"),
        micros: sum("micros"),
        took_us: job["t_us"].as_u64().unwrap_or_default(),
    };
    let jobs = |what: &str, name: &str| argv![&product.how.binary, "jobs", what, name];
    match (exit, name) {
        (Some(READY), Some(name)) => {
            let merge = jobs("merge", &name);
            let merged = call(&merge, dir.path(), &product.env, product.how.limit).await?;
            if merged.success() {
                outcome.came = Came::Resolved;
                outcome.pass = grader.passes(task, &std::fs::read_to_string(&file)?).await?;
            } else {
                outcome.why = Some(format!("it is ready and was not merged: {}", merged.complaint()));
            }
        }
        (Some(UNPROVEN), Some(_)) => {
            outcome.came = Came::Failed;
            outcome.why = job["state"]["why"].as_str().map(str::to_owned);
        }
        (exit, name) => {
            outcome.why = Some(match exit {
                Some(code) => format!("exit {code}: {}", said.unwrap_or_else(|| called.complaint())),
                None => "it did not end by itself".to_owned(),
            });
            // Else it goes on beside the tasks that follow.
            if let Some(name) = name {
                call(&jobs("cancel", &name), dir.path(), &product.env, SHORT).await?;
            }
        }
    }
    Ok(outcome)
}

/// As a person confirms a policy: at a terminal.
fn accept(product: &Product, dir: &Path) -> anyhow::Result<()> {
    let mut command = CommandBuilder::new(&product.how.binary);
    command.args(["verify", "--accept"]);
    command.cwd(dir);
    for (name, value) in &product.env {
        command.env(name, value);
    }
    let window = Window {
        columns: 120,
        rows: 40,
    };
    let mut terminal = Terminal::open(command, window)?;
    terminal.press("y\n")?;
    match terminal.ended()? {
        0 => Ok(()),
        code => bail!("`brisk verify --accept` ended with {code}: {}", terminal.text()),
    }
}

fn last(lines: &str, kind: &str) -> Option<Value> {
    let mut values = lines
        .lines()
        .rev()
        .filter_map(|l| serde_json::from_str::<Value>(l).ok());
    values.find(|v| v["type"] == kind)
}

fn line(outcome: &Outcome) -> String {
    let what = match (outcome.came, outcome.pass) {
        (Came::Resolved, true) => "resolved",
        (Came::Resolved, false) => "resolved by its own tests, but it does not pass from outside",
        (Came::Failed, _) => "failed",
        (Came::Trouble, _) => "trouble",
    };
    let why = outcome.why.as_deref().map(|why| format!("  ({why})"));
    format!(
        "{} {}: {what}, {} rounds, {} tokens, {:.1} s{}",
        outcome.set.name(),
        outcome.id,
        outcome.rounds,
        outcome.tokens,
        outcome.took_us as f64 / 1e6,
        why.unwrap_or_default()
    )
}

/// A line per set and one for all.
pub(super) fn table(outcomes: &[Outcome]) -> String {
    let mut sets: BTreeMap<Set, Vec<&Outcome>> = BTreeMap::new();
    for outcome in outcomes {
        sets.entry(outcome.set).or_default().push(outcome);
    }
    let mut rows: Vec<(&str, Vec<&Outcome>)> = sets.into_iter().map(|(set, all)| (set.name(), all)).collect();
    if rows.len() > 1 {
        rows.push(("total", outcomes.iter().collect()));
    }
    let mut text =
        "| set | tasks | resolved | pass | trouble | rounds p50/p90 | steps p50/p90 | tokens | cost | seconds | p50/p90 |\n\
         |---|---|---|---|---|---|---|---|---|---|---|\n"
            .to_owned();
    for (name, all) in &rows {
        let share = |wanted: &dyn Fn(&Outcome) -> bool| {
            let count = all.iter().filter(|o| wanted(o)).count();
            format!("{count} ({:.1} %)", 100.0 * count as f64 / all.len() as f64)
        };
        let pair = |value: &dyn Fn(&Outcome) -> f64, decimals| {
            super::report::pair(all.iter().map(|o| value(o)), decimals)
        };
        let sum = |value: &dyn Fn(&Outcome) -> u64| all.iter().map(|o| value(o)).sum::<u64>();
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {} | {} | {} | {} | {} | ${:.2} | {:.0} | {} |",
            all.len(),
            share(&|o| o.came == Came::Resolved),
            share(&|o| o.pass),
            share(&|o| o.came == Came::Trouble),
            pair(&|o| o.rounds as f64, 0),
            pair(&|o| o.steps as f64, 0),
            sum(&|o| o.tokens),
            sum(&|o| o.micros) as f64 / 1e6,
            sum(&|o| o.took_us) as f64 / 1e6,
            pair(&|o| o.took_us as f64 / 1e6, 1),
        );
    }
    text.push_str(
        "\nresolved: `brisk delegate` came back as ready. pass: the merged file passes the task's tests, run from outside. \
         trouble: no judgement. rounds: how often the checks ran, the base included. tokens, cost and seconds: of all tasks.\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(id: &str, came: Came) -> Outcome {
        Outcome {
            set: Set::FixPython,
            id: id.into(),
            setting: "s".into(),
            came,
            pass: came == Came::Resolved,
            why: (came == Came::Failed).then(|| "every place was tried".to_owned()),
            exit: Some(0),
            rounds: 3,
            steps: 7,
            tokens: 1_000,
            micros: 20_000,
            took_us: 12_000_000,
        }
    }

    #[test]
    fn the_table_tells_the_rate_and_the_cost() {
        let rust = Outcome {
            set: Set::FixRust,
            ..outcome("1", Came::Trouble)
        };
        let text = table(&[outcome("1", Came::Resolved), outcome("2", Came::Failed), rust]);
        let rows: Vec<&str> = text.lines().skip(2).take(3).collect();
        assert_eq!(
            rows[0],
            "| humanevalfix-python | 2 | 1 (50.0 %) | 1 (50.0 %) | 0 (0.0 %) | 3/3 | 7/7 | 2000 | $0.04 | 24 | 12.0/12.0 |"
        );
        assert!(rows[1].starts_with("| humanevalfix-rust | 1 | 0 (0.0 %) | 0 (0.0 %) | 1 (100.0 %) |"));
        assert!(rows[2].starts_with("| total | 3 | 1 (33.3 %) |"), "{}", rows[2]);
        assert!(line(&outcome("2", Came::Failed)).ends_with("12.0 s  (every place was tried)"));
    }
}
