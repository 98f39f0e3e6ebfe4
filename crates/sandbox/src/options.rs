//! How one command is run.

use std::ffi::{OsStr, OsString};
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
        environment(&self.env, false)
    }
}

/// The part of our environment that the rules pass on, and what they set. `wary`: a prefix alone passes no variable
/// whose name looks like a secret.
pub(crate) fn environment(rules: &[EnvRule], wary: bool) -> Vec<(OsString, OsString)> {
    let mut result: Vec<(OsString, OsString)> = std::env::vars_os()
        .filter(|(name, _)| rules.iter().any(|rule| rule.passes(name, wary)))
        .collect();
    for rule in rules {
        if let EnvRule::Set(name, value) = rule {
            result.retain(|(known, _)| known != name);
            result.push((name.clone(), value.clone()));
        }
    }
    result
}

/// Parts of names whose values nobody should see.
const SECRET_NAMES: [&str; 6] = ["TOKEN", "SECRET", "PASSW", "CREDENTIAL", "API_KEY", "PRIVATE"];

fn looks_secret(name: &OsStr) -> bool {
    let name = name.to_string_lossy().to_uppercase();
    SECRET_NAMES.iter().any(|part| name.contains(part))
}

impl EnvRule {
    fn passes(&self, name: &OsStr, wary: bool) -> bool {
        match self {
            EnvRule::Pass(wanted) => wanted == name,
            EnvRule::PassPrefix(prefix) => {
                name.as_encoded_bytes().starts_with(prefix.as_bytes()) && !(wary && looks_secret(name))
            }
            EnvRule::Set(..) => false,
        }
    }
}
