//! Exit codes and the error that carries one. The numbers are part of the interface: scripts rely on them.

use crate::config::ConfigError;
use brisk_protocol::ErrorBody;
use std::fmt;

macro_rules! exits {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $meaning:literal;)*) => {
        /// Every way in which a `brisk` command ends. `brisk help exit-codes` prints this table.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Exit {
            $(#[doc = $meaning] $(#[$doc])* $name = $code,)*
        }

        impl Exit {
            /// All of them, ascending.
            pub const ALL: &'static [Exit] = &[$(Exit::$name,)*];

            /// One line for the person.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Exit::$name => $meaning,)*
                }
            }
        }
    };
}

exits! {
    Done = 0, "done; for `edit`: every offered hunk that you chose was written";
    Nothing = 1, "the model answered, but nothing usable came of it; no file was touched";
    Usage = 2, "the command line or a file of settings was not understood";
    Interrupted = 3, "interrupted, nothing was kept";
    Target = 4, "no repository here, or what you named is not there or not in a state for it: file, lines, symbol, hunk, job";
    NoModel = 5, "no usable model: not fetched, damaged, of a kind that Brisk does not run, not set up rightly (key, address, name), or kept out by a bound";
    Conflict = 6, "some hunks were not written, because the files changed underneath";
    Upstream = 7, "the model failed, stalled, could not be reached, or is to be left alone for a while";
    Daemon = 8, "the daemon could not be reached or started, or went away";
    Disk = 9, "disk full, read-only file or missing permission; what was there is untouched";
    Rejected = 10, "you rejected every hunk";
    Undecided = 11, "hunks were shown but not kept: nobody could press Enter and --yes was not given";
    OverBudget = 12, "the patch grew beyond its budget and was not kept";
    Check = 13, "`doctor` or `route check` found something that fails";
    Red = 14, "`verify` ran and a check failed; `ship`: a check failed on this tree";
    Inconclusive = 15, "`verify` ran and a check proved nothing: no summary, no tests, out of time";
    Flagged = 16, "tests or what runs them changed: somebody has to look (`verify --acknowledge`)";
    Policy = 17, "no policy is confirmed here, or HEAD has another one (`verify --accept`), or no trust (`trust add`)";
    Unverified = 18, "not shipped: nothing was proved about this tree, or not by every check";
    Stale = 19, "not shipped: what was verified is another tree; something changed since";
    BaseMoved = 20, "not shipped: it was verified on another base";
    Ledger = 21, "the ledger or a signature in it is not believed";
    Confinement = 22, "there is no sandbox, or not a whole one; nothing was run";
    Human = 23, "only a person at a terminal may do this";
    Git = 24, "git or a hook refused, or git would ship something else";
    Gate = 25, "`gate check`: a commit is not verified";
    Unproven = 26, "delegated work did not get there, or was cancelled";
    Killed = 130, "stopped hard by a second Ctrl-C or a signal";
}

impl Exit {
    /// The number that the process ends with.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The exit with this number, if there is one.
    pub fn from_code(code: i64) -> Option<Exit> {
        Exit::ALL.iter().copied().find(|e| i64::from(e.code()) == code)
    }

    /// The table of `brisk help exit-codes`.
    pub fn table() -> String {
        Exit::ALL
            .iter()
            .map(|e| format!("{:>4}  {}\n", e.code(), e.meaning()))
            .collect()
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        std::process::ExitCode::from(exit.code())
    }
}

/// A failure of a command, in words for the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CliError {
    /// What the process ends with.
    pub exit: Exit,
    /// What happened and where, one line.
    pub message: String,
    /// What to do next, one line.
    pub hint: Option<String>,
}

/// The next step where a file of settings is wrong.
pub const CORRECT: &str = "correct the file, or move it away";

impl CliError {
    /// A failure without a next step of its own.
    pub fn new(exit: Exit, message: impl Into<String>) -> CliError {
        CliError {
            exit,
            message: message.into(),
            hint: None,
        }
    }

    /// The same failure with a next step.
    pub fn hint(mut self, hint: impl Into<String>) -> CliError {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CliError {}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> CliError {
        CliError::new(Exit::Usage, error.to_string()).hint(CORRECT)
    }
}

/// A refusal of the daemon. It names its exit in `data.exit`; without one it is a fault of the daemon.
impl From<ErrorBody> for CliError {
    fn from(body: ErrorBody) -> CliError {
        let exit = body
            .data
            .as_ref()
            .and_then(|d| d.get("exit"))
            .and_then(serde_json::Value::as_i64)
            .and_then(Exit::from_code)
            .unwrap_or(Exit::Daemon);
        CliError::new(exit, body.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_unique_ascending_and_come_back() {
        assert!(Exit::ALL.windows(2).all(|w| w[0].code() < w[1].code()));
        for e in Exit::ALL {
            assert_eq!(Exit::from_code(i64::from(e.code())), Some(*e));
            assert!(Exit::table().contains(e.meaning()));
        }
        assert_eq!(Exit::from_code(77), None);
        assert_eq!(Exit::from_code(-1), None);
    }

    #[test]
    fn refusals_carry_their_exit() {
        let body = |data| ErrorBody {
            code: -32000,
            message: "m".into(),
            data,
        };
        let cases = [
            (Some(serde_json::json!({"exit": 4})), Exit::Target),
            (Some(serde_json::json!({"exit": 99})), Exit::Daemon),
            (Some(serde_json::json!({"exit": "4"})), Exit::Daemon),
            (None, Exit::Daemon),
        ];
        for (data, want) in cases {
            assert_eq!(CliError::from(body(data.clone())).exit, want, "{data:?}");
        }
    }
}
