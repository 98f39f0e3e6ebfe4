//! How one command is run.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// One entry of the environment that a child gets. What no rule names is not passed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnvRule {
    /// Our own variable of this name, if it is set.
    Pass(OsString),
    /// Every variable of ours whose name begins like this (`PIP_`).
    PassPrefix(String),
    /// This value; it wins over a value passed on.
    Set(OsString, OsString),
}

/// The share of the processor that a child may take from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Weight {
    /// As much as any other process.
    #[default]
    Normal,
    /// Only what nobody else wants: `SCHED_IDLE` and niceness 19, inherited by everything that the child starts.
    /// Niceness alone would not do: with autogroups it counts only within one session.
    Background,
}

/// Options of [`Runner::run`](crate::Runner::run). Standard input is always empty.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// Working folder; ours when `None`.
    pub cwd: Option<PathBuf>,
    /// The child's environment. The program is looked up in the `PATH` that results.
    pub env: Vec<EnvRule>,
    /// After this long the whole group is killed; never when `None`.
    pub timeout: Option<Duration>,
    /// Scheduling weight.
    pub weight: Weight,
}

impl RunOptions {
    /// The environment that results from the rules.
    pub(crate) fn environment(&self) -> Vec<(OsString, OsString)> {
        let mut result: Vec<(OsString, OsString)> = std::env::vars_os()
            .filter(|(name, _)| self.env.iter().any(|rule| rule.passes(name)))
            .collect();
        for rule in &self.env {
            if let EnvRule::Set(name, value) = rule {
                result.retain(|(known, _)| known != name);
                result.push((name.clone(), value.clone()));
            }
        }
        result
    }
}

impl EnvRule {
    fn passes(&self, name: &std::ffi::OsStr) -> bool {
        match self {
            EnvRule::Pass(wanted) => wanted == name,
            EnvRule::PassPrefix(prefix) => name.as_encoded_bytes().starts_with(prefix.as_bytes()),
            EnvRule::Set(..) => false,
        }
    }
}
