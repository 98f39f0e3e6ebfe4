//! What the gate costs over the bare command, how fast it answers from memory, and whom it refuses wrongly.

mod edits;
mod flows;
mod place;

use super::figure::{Part, Reach, Unit};
use super::{Measured, series};
use crate::rig::house::Programs;
use crate::rig::lines::now_us;
use anyhow::{Context, bail};
use place::{CHECK, Place};
use serde_json::Value;
use std::process::{Command, Stdio};

/// Files of the repository beside the check and the policy.
const FILES: usize = 2_000;

/// Folders that they lie in. Each is one test.
const FOLDERS: usize = 40;

/// Rounds that warm the caches, and do not count.
const WARM: usize = 3;

/// Reads every file of the repository: a test for each folder.
const SCRIPT: &str = "n=0\nfor d in part*; do\n  n=$((n + 1))\n  find $d -type f -exec cat {} + | sha256sum > /dev/null || exit 1\n  echo \"ok $n - $d\"\ndone\necho \"1..$n\"\n";

fn file(number: usize) -> String {
    format!("part{:02}/sub{}/file{number}.txt", number % FOLDERS, number % 5)
}

fn text(number: usize, round: usize) -> String {
    let lines = (0..60).map(|line| format!("file {number}, line {line}, round {round}\n"));
    lines.collect()
}

/// Everything about the gate.
pub(super) fn all(programs: &Programs, quick: bool, random: &mut fastrand::Rng) -> Measured {
    let (mut parts, how) = speed(programs, quick)?;
    let (more, how_more) = flows::honest(programs, quick, random)?;
    parts.extend(more);
    Ok((parts, format!("{how}; {how_more}")))
}

fn speed(programs: &Programs, quick: bool) -> Measured {
    let rounds = if quick { 20 } else { 100 };
    let mut files: Vec<(String, String)> = (0..FILES).map(|n| (file(n), text(n, 0))).collect();
    files.push(("check.sh".to_owned(), SCRIPT.to_owned()));
    let place = Place::new(programs, &files)?;
    let (mut bare, mut with, mut over) = (Vec::new(), Vec::new(), Vec::new());
    let (mut tree, mut memory, mut inside, mut process) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..WARM + rounds {
        // Another tree each time, as after an edit.
        let at = round % FILES;
        place.write(&file(at), text(at, round + 1))?;
        let alone = command_alone(&place)?;
        let began = now_us();
        let lines = place.lines(0, &["verify"])?;
        let gated = now_us() - began;
        if field(&lines, "check", "memory")? != &Value::Bool(false) {
            bail!("the check did not run after an edit");
        }
        let began = now_us();
        let lines = place.lines(0, &["verify"])?;
        let whole = now_us() - began;
        if field(&lines, "check", "memory")? != &Value::Bool(true) {
            bail!("the same question was not answered from memory");
        }
        if round < WARM {
            continue;
        }
        let known = number(&lines, "tree", "t_us")?;
        let told = number(&lines, "check", "t_us")?;
        bare.push(alone);
        with.push(gated);
        over.push(gated.saturating_sub(alone));
        tree.push(number(&lines, "tree", "us")?);
        memory.push(told.saturating_sub(known));
        inside.push(told);
        process.push(whole);
    }
    let bare = series(bare)?;
    let allowed = 150.0 + 0.05 * bare.percentile(50) as f64 / 1_000.0;
    let told = [(50, Reach::Told), (99, Reach::Told)];
    let at_most = |bound| [(50, Reach::AtMost(bound)), (99, Reach::AtMost(bound))];
    let mut parts = Part::times(
        "`brisk verify` after an edit over the bare command: ",
        &series(over)?,
        &[(50, Reach::AtMost(allowed)), (99, Reach::Told)],
    );
    parts.extend(Part::times(
        "`brisk verify` after an edit: ",
        &series(with)?,
        &told,
    ));
    parts.extend(Part::times("the bare command: ", &bare, &told));
    parts.extend(Part::times(
        "tree of all files, warm: ",
        &series(tree)?,
        &at_most(60.0),
    ));
    parts.extend(Part::times(
        "verdict from memory, from the known tree: ",
        &series(memory)?,
        &at_most(10.0),
    ));
    parts.extend(Part::times(
        "the same from the request, with the tree: ",
        &series(inside)?,
        &told,
    ));
    parts.extend(Part::times(
        "the same as a whole process: ",
        &series(process)?,
        &told,
    ));
    let ledger = std::fs::read_dir(place.home().join("state/repos"))?
        .flatten()
        .find_map(|e| std::fs::read_to_string(e.path().join("gate/ledger")).ok());
    let acts = ledger.map_or(0, |text| text.lines().count());
    parts.push(Part::new(
        "acts in the ledger at the end",
        acts as f64,
        Unit::Count,
        Reach::Told,
    ));
    let how = format!(
        "{FILES} files in {FOLDERS} folders, a check that reads all of them; {rounds} rounds of an edit, the bare command, \
         `brisk verify`, and the same question again"
    );
    Ok((parts, how))
}

/// The check's command as the person would run it, microseconds.
fn command_alone(place: &Place) -> anyhow::Result<u64> {
    let [program, script] = CHECK;
    let began = now_us();
    let out = Command::new(program)
        .arg(script)
        .current_dir(place.root())
        .stdin(Stdio::null())
        .output()?;
    let took = now_us() - began;
    match out.status.success() {
        true => Ok(took),
        false => bail!("the bare command ended with {}", out.status),
    }
}

/// A member of the first line of a type.
fn field<'a>(lines: &'a [Value], kind: &str, name: &str) -> anyhow::Result<&'a Value> {
    let line = lines.iter().find(|l| l.get("type").is_some_and(|t| t == kind));
    line.and_then(|l| l.get(name))
        .with_context(|| format!("`brisk verify --json` says no {name} of {kind}"))
}

fn number(lines: &[Value], kind: &str, name: &str) -> anyhow::Result<u64> {
    let value = field(lines, kind, name)?;
    value
        .as_u64()
        .with_context(|| format!("{kind}.{name} is {value}"))
}
