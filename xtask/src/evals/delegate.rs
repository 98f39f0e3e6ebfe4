//! The tasks through delegated work: the task's own tests are the repository's confirmed policy, and what comes back as
//! ready is graded once more from outside.

use super::grade::{Grader, put};
use super::process::{argv, call};
use super::product::{Product, SHORT};
use super::tasks::{Set, Task};
use crate::rig::terminal::{Terminal, Window};
use anyhow::{Context, bail};
use brisk_sandbox::End;
use portable_pty::CommandBuilder;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

/// Exit codes of `brisk delegate --wait` that come to a judgement: ready, failed.
const READY: i32 = 0;
const UNPROVEN: i32 = 26;

/// What came of one task. Times are microseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Outcome {
    set: Set,
    id: String,
    setting: String,
    /// It came back as ready: every check of the policy passes.
    resolved: bool,
    /// The tests pass on what was merged, run from outside.
    pass: bool,
    why: Option<String>,
    rounds: u64,
    steps: u64,
    tokens: u64,
    micros: u64,
    took_us: u64,
}

/// A task's check: the runner of the policy, and files beside the task's own.
struct Check {
    policy: String,
    files: Vec<(String, String)>,
}

/// The sets whose tests can be a policy.
fn check(task: &Task, evals: &Path) -> anyhow::Result<Check> {
    let policy = |run: &str, parse: &str| {
        format!("[verify.checks.unit]\nrun = [{run}]\nparse = \"{parse}\"\ntimeout_s = 60\n")
    };
    match task.set {
        Set::FixPython => {
            let name = task.symbol.as_deref().context("a task names its function")?;
            let tests = tests_of(evals, task)?;
            let text = format!(
                "from {name} import *\nfrom {name} import {name}\n{}\n",
                tests.trim_start()
            );
            Ok(Check {
                policy: policy("\"python3\", \"test_task.py\"", "exit"),
                files: vec![("test_task.py".to_owned(), text)],
            })
        }
        Set::PolyglotPython => {
            let module = task.file.trim_end_matches(".py");
            let test = format!("{module}_test.py");
            let text = std::fs::read_to_string(evals.join(task.set.name()).join(&task.id).join(&test))
                .with_context(|| format!("the tests of {}", task.id))?;
            let run = format!("\"python3\", \"-m\", \"unittest\", \"-v\", \"{module}_test\"");
            Ok(Check {
                policy: policy(&run, "unittest"),
                files: vec![(test, text)],
            })
        }
        Set::FixRust | Set::QuixbugsPython | Set::PolyglotRust => bail!(
            "the tests of {} are no policy: they need files or crates from outside; take --set humanevalfix-python or \
             polyglot-python",
            task.set.name()
        ),
    }
}

fn tests_of(evals: &Path, task: &Task) -> anyhow::Result<String> {
    #[derive(Deserialize)]
    struct Row {
        id: String,
        tests: String,
    }
    let path = evals.join(format!("{}.jsonl", task.set.name()));
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let rows = text.lines().map(serde_json::from_str::<Row>);
    for row in rows {
        let row = row?;
        if row.id == task.id {
            return Ok(row.tests);
        }
    }
    bail!("{} has no tests of {}", path.display(), task.id)
}

/// Every task, one after the other, each in a repository of its own.
pub(super) async fn all(
    tasks: &[Task],
    product: &Product,
    grader: &Grader,
    out: Option<&Path>,
    log: &mut dyn Write,
) -> anyhow::Result<Vec<Outcome>> {
    let mut file = match out {
        Some(path) => Some(OpenOptions::new().create(true).append(true).open(path)?),
        None => None,
    };
    let mut outcomes = Vec::new();
    for (number, task) in tasks.iter().enumerate() {
        let outcome = one(task, product, grader).await?;
        writeln!(log, "{:>3}/{} {}", number + 1, tasks.len(), line(&outcome))?;
        if let Some(file) = &mut file {
            writeln!(file, "{}", serde_json::to_string(&outcome)?)?;
        }
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

async fn one(task: &Task, product: &Product, grader: &Grader) -> anyhow::Result<Outcome> {
    let dir = tempfile::Builder::new().prefix("brisk-task-").tempdir()?;
    let check = check(task, &grader.evals)?;
    let file = put(dir.path(), &task.file, &task.before)?;
    for (path, text) in task.beside.iter().chain(&check.files) {
        put(dir.path(), path, text)?;
    }
    put(dir.path(), "brisk.toml", &check.policy)?;
    product.git(dir.path()).await?;
    accept(product, dir.path())?;

    let mut argv = argv![&product.how.binary, "delegate", "--json", "--wait"].to_vec();
    if let Some(model) = &product.how.model {
        argv.extend(argv!["--models", model]);
    }
    let minutes = product.how.limit.as_secs().div_ceil(60).max(1).to_string();
    argv.extend(argv!["--minutes", minutes, "--", &task.instruction, &task.file]);
    // The job ends by itself; what is on top is for checks that run by then.
    let called = call(&argv, dir.path(), &product.env, product.how.limit * 2 + SHORT).await?;
    let job = last(&called.out, "job");
    let error = last(&called.out, "error");
    let resolved = called.end == End::Exited(READY);
    if !matches!(called.end, End::Exited(READY | UNPROVEN)) || job.is_none() {
        let said = error
            .as_ref()
            .and_then(|e| e["message"].as_str().map(str::to_owned));
        bail!("{}: {}", task.id, said.unwrap_or_else(|| called.complaint()));
    }
    let job = job.unwrap_or_default();
    let mut pass = false;
    if resolved {
        let name = job["job"]
            .as_str()
            .map_or_else(|| format!("j{}", job["job"]), str::to_owned);
        let merge = argv![&product.how.binary, "jobs", "merge", name];
        let merged = call(&merge, dir.path(), &product.env, product.how.limit).await?;
        if !merged.success() {
            bail!("{} is ready and was not merged: {}", task.id, merged.complaint());
        }
        let text = std::fs::read_to_string(&file)?;
        pass = grader.passes(task, &text).await?;
    }
    let sum = |name: &str| {
        let attempts = job["attempts"].as_array().into_iter().flatten();
        attempts.filter_map(|a| a[name].as_u64()).sum::<u64>()
    };
    Ok(Outcome {
        set: task.set,
        id: task.id.clone(),
        setting: product.setting(),
        resolved,
        pass,
        why: job["state"]["why"].as_str().map(str::to_owned),
        rounds: sum("rounds"),
        steps: sum("steps"),
        tokens: sum("tokens"),
        micros: sum("micros"),
        took_us: job["t_us"].as_u64().unwrap_or_default(),
    })
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
    let what = match (outcome.resolved, outcome.pass) {
        (true, true) => "resolved",
        (true, false) => "resolved by its own tests, but it does not pass from outside",
        (false, _) => "failed",
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
    let mut sets: BTreeMap<&str, Vec<&Outcome>> = BTreeMap::new();
    for outcome in outcomes {
        sets.entry(outcome.set.name()).or_default().push(outcome);
    }
    if sets.len() > 1 {
        sets.insert("total", outcomes.iter().collect());
    }
    let mut text =
        "| set | tasks | resolved | pass | rounds p50/p90 | steps p50/p90 | tokens | cost | time p50/p90 s |\n\
         |---|---|---|---|---|---|---|---|---|\n"
            .to_owned();
    for (name, all) in &sets {
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
            "| {name} | {} | {} | {} | {} | {} | {} | ${:.2} | {} |",
            all.len(),
            share(&|o| o.resolved),
            share(&|o| o.pass),
            pair(&|o| o.rounds as f64, 0),
            pair(&|o| o.steps as f64, 0),
            sum(&|o| o.tokens),
            sum(&|o| o.micros) as f64 / 1e6,
            pair(&|o| o.took_us as f64 / 1e6, 1),
        );
    }
    text.push_str(
        "\nresolved: `brisk delegate` came back as ready. pass: the merged file passes the task's tests, run from outside. \
         rounds: how often the checks ran, the base included.\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(id: &str, resolved: bool) -> Outcome {
        Outcome {
            set: Set::FixPython,
            id: id.into(),
            setting: "s".into(),
            resolved,
            pass: resolved,
            why: (!resolved).then(|| "every place was tried".to_owned()),
            rounds: 3,
            steps: 7,
            tokens: 1_000,
            micros: 20_000,
            took_us: 12_000_000,
        }
    }

    #[test]
    fn the_table_tells_the_rate_and_the_cost() {
        let text = table(&[outcome("1", true), outcome("2", false)]);
        let row = text.lines().nth(2).unwrap();
        assert_eq!(
            row,
            "| humanevalfix-python | 2 | 1 (50.0 %) | 1 (50.0 %) | 3/3 | 7/7 | 2000 | $0.04 | 12.0/12.0 |"
        );
        assert!(line(&outcome("2", false)).ends_with("12.0 s  (every place was tried)"));
    }

    #[test]
    fn a_tasks_tests_are_the_policy() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(
            dir.path().join("humanevalfix-python.jsonl"),
            "{\"id\": \"Python/1\", \"tests\": \"\\n\\ncheck(f)\"}\n",
        )
        .unwrap();
        let made = check(&super::super::record::tests::task(), dir.path()).unwrap();
        assert!(made.policy.contains("run = [\"python3\", \"test_task.py\"]"));
        let want = "from f import *\nfrom f import f\ncheck(f)\n";
        assert_eq!(made.files, [("test_task.py".to_owned(), want.to_owned())]);
        let rust = Task {
            set: Set::FixRust,
            ..super::super::record::tests::task()
        };
        assert!(check(&rust, dir.path()).is_err());
    }
}
