//! What a story is made of, and how it is played: the real binary on a terminal, in a repository made for it.

use super::stories::SHOP;
use crate::rig::fake::{answer, whole};
use crate::rig::house::{House, Programs};
use crate::rig::terminal::{Terminal, Window};
use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::time::Duration;

/// A screen that nothing was painted on for so long is still: colours and the state of the tree come a little later.
const STILL: Duration = Duration::from_millis(400);

/// A piece of a model's answer.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part {
    /// Words.
    Text(&'static str),
    /// It says no more until the step `Open` of this name.
    Gate(&'static str),
}

/// What a person does, or waits for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// Presses these keys.
    Press(&'static str),
    /// Waits until this is on the screen.
    Wait(&'static str),
    /// Lets the model go on at this gate.
    Open(&'static str),
    /// Kills the daemon, as a system without memory would.
    KillDaemon,
    /// Keeps the screen under this name.
    Snap(&'static str),
}

/// A story from the first key to the last.
#[derive(Debug)]
pub(super) struct Story {
    pub(super) name: &'static str,
    pub(super) window: Window,
    /// Of `brisk`; none: the live client.
    pub(super) args: &'static [&'static str],
    /// Commands that were run earlier.
    pub(super) before: &'static [&'static [&'static str]],
    /// What the model answers, one after the other.
    pub(super) answers: &'static [&'static [Part]],
    pub(super) steps: &'static [Step],
}

/// A screen that was kept.
pub(super) struct Kept {
    /// Of its files, without an ending.
    pub(super) name: String,
    pub(super) screen: vt100::Screen,
}

impl Story {
    /// Names of what it keeps, in order.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        self.steps.iter().filter_map(|step| match step {
            Step::Snap(name) => Some(format!("{}-{name}", self.name)),
            Step::Press(_) | Step::Wait(_) | Step::Open(_) | Step::KillDaemon => None,
        })
    }

    /// Plays it; gives what it keeps.
    pub(super) fn play(&self, programs: &Programs) -> anyhow::Result<Vec<Kept>> {
        let house = House::scripted(programs, &self.script(), &[("shop.py", SHOP)])?;
        house.run(&["daemon", "start"])?;
        for args in self.before {
            house.run(args)?;
        }
        let mut terminal = house.terminal(self.args, self.window)?;
        let mut names = self.names();
        let mut kept = Vec::new();
        for step in self.steps {
            take(step, &house, &mut terminal).with_context(|| format!("{}: {step:?}", self.name))?;
            if matches!(step, Step::Snap(_)) {
                let name = names.next().context("every kept screen has a name")?;
                let screen = terminal.screen().clone();
                kept.push(Kept { name, screen });
            }
        }
        Ok(kept)
    }

    /// For the fake model.
    fn script(&self) -> Value {
        let act = |part: &Part| match part {
            Part::Text(text) => whole(text),
            Part::Gate(name) => json!({"act": "gate", "name": name}),
        };
        let reply = |parts: &&[Part]| {
            let tokens = json!({"act": "usage", "input": 310, "cached": 280, "output": 40});
            let acts: Vec<Value> = parts.iter().map(act).chain([tokens]).collect();
            json!({"acts": answer(&acts)})
        };
        let replies: Vec<Value> = self.answers.iter().map(reply).collect();
        json!({"replies": replies})
    }
}

fn take(step: &Step, house: &House, terminal: &mut Terminal) -> anyhow::Result<()> {
    match step {
        Step::Press(keys) => drop(terminal.press(keys)?),
        Step::Wait(text) => drop(terminal.shows(text)?),
        Step::Open(gate) => house.fake.open(gate)?,
        Step::KillDaemon => {
            let pid = house.daemon()?["pid"]
                .as_i64()
                .and_then(|n| i32::try_from(n).ok());
            let pid = pid
                .and_then(Pid::from_raw)
                .context("the daemon tells its process")?;
            kill_process(pid, Signal::KILL)?;
        }
        Step::Snap(_) => terminal.still(STILL)?,
    }
    Ok(())
}
