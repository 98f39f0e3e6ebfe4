//! Checks that a person asked for, one after the other: the same for the command line and for clients of the daemon.

use super::{Base, Gate, Plan, ledger};
use crate::exit::{CliError, Exit};
use brisk_domain::evidence::{Counts, Run, Summary, Tree};
use brisk_gate::{CheckState, Policy, State, Verdict};
use brisk_protocol::gate::{CheckReport, Outcome};
use brisk_sandbox::Stop;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// Lines of a check that does not pass that are shown; the log has all of them.
const SHOWN: usize = 30;

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    /// These checks, which the policy has.
    pub checks: Vec<String>,
    /// Run what is known already, too.
    pub again: bool,
    /// Begin with an empty build folder.
    pub fresh: bool,
    /// Settle for a sandbox without all of its parts.
    pub degraded: bool,
    /// A terminal is there.
    pub terminal: bool,
}

/// How far it is.
pub(crate) enum Told<'a> {
    /// A check begins.
    Started { check: &'a str, argv: &'a [String] },
    /// Why nothing happens yet, or something else than somebody may think.
    Note { check: &'a str, text: &'a str },
    /// A line that the check wrote.
    Line(&'a str),
    /// A check is over.
    Ended(&'a Ended),
}

/// What came of one check.
pub(crate) struct Ended {
    pub check: String,
    pub run: Run,
    pub verdict: Verdict,
    /// It both passed and failed on this very tree.
    pub flaky: bool,
    /// Not run: the same was run before.
    pub memory: bool,
    /// The last lines that it wrote.
    pub tail: Vec<String>,
    /// Where all of them are.
    pub log: PathBuf,
}

impl Ended {
    /// Tests, where the output told of them.
    pub(crate) fn counts(&self) -> Option<Counts> {
        match &self.run.summary {
            Summary::Tests { counts, .. } => Some(*counts),
            Summary::ExitOnly | Summary::Unreadable { .. } => None,
        }
    }

    /// As it is told to clients.
    pub(crate) fn report(&self) -> CheckReport {
        let (outcome, tail) = match &self.verdict {
            Verdict::Green => (Outcome::Passed, Vec::new()),
            Verdict::Flagged(_) => (Outcome::Flagged, Vec::new()),
            Verdict::Red(_) => (Outcome::Failed, self.tail.clone()),
            Verdict::Inconclusive(_) => (Outcome::Inconclusive, self.tail.clone()),
        };
        CheckReport {
            check: self.check.clone(),
            outcome,
            why: match outcome {
                Outcome::Passed => String::new(),
                Outcome::Flagged | Outcome::Failed | Outcome::Inconclusive => self.verdict.to_string(),
            },
            counts: self.counts(),
            flaky: self.flaky,
            memory: self.memory,
            ms: self.run.ended_ms.saturating_sub(self.run.began_ms),
            tail,
            log: self.log.clone(),
        }
    }
}

impl Gate {
    /// From here on `stop` ends the check that runs. What was stopped is not recorded: it says nothing about the tree.
    pub(crate) fn stopped_by(&mut self, stop: Stop) {
        self.stop = Some(stop);
    }

    /// The names of checks that a person asked for; none: every one of the policy.
    pub(crate) fn named(policy: &Policy, names: &[String]) -> Result<Vec<String>, CliError> {
        if let Some(unknown) = names.iter().find(|c| policy.check(c).is_none()) {
            let known: Vec<&str> = policy.checks().keys().map(String::as_str).collect();
            return Err(
                CliError::new(Exit::Usage, format!("there is no check {unknown:?}"))
                    .hint(format!("known: {}", known.join(", "))),
            );
        }
        Ok(match names.is_empty() {
            true => policy.checks().keys().cloned().collect(),
            false => names.to_vec(),
        })
    }

    /// Runs checks on a tree, whatever comes of each, and tells of every step. Where the tree stands then.
    pub(crate) fn verify(
        &mut self,
        (tree, base, policy): (&Tree, &Base, &Policy),
        asked: &Asked,
        tell: &mut (dyn FnMut(Told<'_>) + Send),
    ) -> Result<State, CliError> {
        let tell = Mutex::new(tell);
        let say = |told: Told<'_>| (*tell.lock().unwrap_or_else(PoisonError::into_inner))(told);
        let mut flagged = None;
        for name in &asked.checks {
            let Some(check) = policy.check(name) else { continue };
            let environment = self.environment(check);
            let known = match asked.again || asked.fresh {
                true => None,
                false => self
                    .ledger()?
                    .remembered(tree, policy, name, &environment, base.tree.as_ref())
                    .map_err(ledger)?,
            };
            let memory = known.is_some();
            let mut tail = VecDeque::new();
            let run = match known {
                Some(run) => run,
                None => {
                    self.find_sandbox(asked.degraded);
                    if flagged.is_none() {
                        flagged = Some(self.looked_at(tree, base, policy)?);
                    }
                    say(Told::Started {
                        check: name,
                        argv: &check.run,
                    });
                    let note = |text: &str| say(Told::Note { check: name, text });
                    let plan = Plan {
                        policy,
                        base,
                        tree,
                        degraded: asked.degraded,
                        fresh: asked.fresh,
                        terminal: asked.terminal,
                        note: &note,
                    };
                    let mut hear = |line: &str| {
                        say(Told::Line(line));
                        if tail.len() == SHOWN {
                            tail.pop_front();
                        }
                        tail.push_back(line.to_owned());
                    };
                    let flags = flagged.as_deref().unwrap_or_default();
                    self.run_check(&plan, name, check, flags, &mut hear)?
                }
            };
            let state = self
                .ledger()?
                .check_state(tree, policy, name, base.tree.as_ref())
                .map_err(ledger)?;
            let (verdict, flaky) = match state {
                CheckState::Ran { verdict, flaky, .. } => (verdict, flaky),
                CheckState::Never | CheckState::OtherBase { .. } => (Verdict::of(&run), false),
            };
            say(Told::Ended(&Ended {
                check: name.clone(),
                verdict,
                flaky,
                memory,
                tail: tail.into(),
                log: self.dir().join("logs").join(run.log.as_str()),
                run,
            }));
        }
        self.ledger()?
            .state(tree, policy, base.tree.as_ref())
            .map_err(ledger)
    }

    /// What was taken and what it is judged by: the tree as it is now, what it stands on, the policy in force.
    pub(crate) fn question(&mut self) -> Result<(Tree, Base, Policy), CliError> {
        let tree = self.tree()?;
        let base = self.base(&tree)?;
        let policy = self.policy(&base)?;
        Ok((tree, base, policy))
    }
}
