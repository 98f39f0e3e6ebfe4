//! What a run of a check proved, as facts. What follows from them is for `gate` to say.

use crate::ids::{ModelId, SessionId, TurnId};
use crate::route::Lane;
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

macro_rules! hex_name {
    ($(#[$doc:meta])* $name:ident, $lengths:pat, $say:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// From lower case hexadecimal digits; `None` if these are not the right number of them.
            pub fn parse(hex: &str) -> Option<$name> {
                let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
                (matches!(hex.len(), $lengths) && hex.bytes().all(digit)).then(|| $name(hex.to_owned()))
            }

            /// The digits.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The first twelve digits, for people.
            pub fn short(&self) -> &str {
                self.0.get(..12).unwrap_or(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<$name, D::Error> {
                let text = String::deserialize(d)?;
                $name::parse(&text).ok_or_else(|| serde::de::Error::custom($say))
            }
        }
    };
}

hex_name!(
    /// Content of a whole worktree, tracked and untracked but not ignored: the id of a git tree.
    Tree, 40 | 64, "a tree has 40 or 64 hexadecimal digits"
);
hex_name!(
    /// SHA-256 of something.
    Digest, 64, "a digest has 64 hexadecimal digits"
);

/// How the command of a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Ended {
    /// By itself.
    Exited {
        /// Its exit code.
        code: i32,
    },
    /// By a signal.
    Signalled {
        /// Which.
        signal: i32,
    },
    /// Its time was up.
    TimedOut,
    /// It wrote more than is read, or was stopped for another limit.
    Limited {
        /// Which limit.
        what: Limit,
    },
}

/// A limit that a check ran into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Bytes of output.
    Output,
    /// A person or a client stopped it.
    Stopped,
}

/// Tests by outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Ran and passed.
    pub passed: u64,
    /// Ran and failed.
    pub failed: u64,
    /// Did not run, or ran with their failure expected.
    pub skipped: u64,
}

/// What the output of a check says about tests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Summary {
    /// A whole and consistent report of tests.
    Tests {
        /// Whose words they are: `libtest`, `pytest`.
        format: String,
        /// How many.
        counts: Counts,
        /// Digest of the sorted names of the tests that passed, one a line. The list itself is kept by this digest.
        passed: Digest,
        /// Passed before, on the base, and not now: the first twenty, sorted.
        missing: Vec<String>,
        /// How many of them in all.
        missing_count: u64,
        /// Skipped now and not on the base: the first twenty, sorted.
        newly_skipped: Vec<String>,
    },
    /// The policy says that this check has no tests: the exit code alone counts.
    ExitOnly,
    /// Nothing that could be believed.
    Unreadable {
        /// Why, in words.
        why: String,
    },
}

/// Something about the change that a person should have seen before it counts as verified.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Flag {
    /// The policy's own file differs from the policy in force.
    PolicyChanged,
    /// A path that decides how tests are run or counted.
    RunnerChanged {
        /// Below the root.
        path: String,
        /// What about it.
        what: String,
    },
    /// A path that the policy protects.
    Protected {
        /// Below the root.
        path: String,
    },
    /// A file of tests is gone.
    TestsDeleted {
        /// Below the root.
        path: String,
    },
    /// A file of tests asserts less than before.
    TestsGutted {
        /// Below the root.
        path: String,
        /// Assertions before.
        before: u64,
        /// Assertions now.
        after: u64,
    },
    /// More than is written down one by one. Sorted last.
    More {
        /// How many.
        count: u64,
        /// Of the words of all of them, one a line.
        digest: Digest,
    },
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Flag::PolicyChanged => f.write_str("brisk.toml differs from the confirmed policy"),
            Flag::RunnerChanged { path, what } => write!(f, "{path}: {what}"),
            Flag::Protected { path } => write!(f, "{path} is protected by the policy"),
            Flag::TestsDeleted { path } => write!(f, "{path}: a file of tests is gone"),
            Flag::TestsGutted { path, before, after } => {
                write!(f, "{path}: {before} assertions became {after}")
            }
            Flag::More { count, digest } => {
                write!(f, "and {count} more such changes ({})", digest.short())
            }
        }
    }
}

/// Who asked for a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Asked {
    /// Somebody at the command line.
    CommandLine {
        /// Their name on this machine.
        user: String,
        /// A terminal was there.
        terminal: bool,
    },
}

/// Where the newest edit of the tree came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The lane that drafted it.
    pub lane: Lane,
    /// The model.
    pub model: ModelId,
    /// The session.
    pub session: SessionId,
    /// The turn.
    pub turn: TurnId,
}

/// Whether the build folder was new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Build {
    /// Empty before the run.
    Fresh,
    /// Re-used from the run before in the same slot.
    Warm,
}

/// One run of one check on one tree. Only facts; [`Run`] has no field that says whether it passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// What was tested.
    pub tree: Tree,
    /// What the tests were compared with; `None` before the first commit.
    pub base: Option<Tree>,
    /// The policy in force.
    pub policy: Digest,
    /// Which check of it.
    pub check: String,
    /// What was run.
    pub argv: Vec<String>,
    /// How it ended.
    pub ended: Ended,
    /// What its output says.
    pub summary: Summary,
    /// What a person should look at.
    pub flags: Vec<Flag>,
    /// Files of the tree that the run itself changed, the first twenty; evidence about a tree that did not stay is
    /// about no tree.
    pub changed: Vec<String>,
    /// Programs, variables and limits that the run depended on.
    pub environment: Digest,
    /// Everything that it wrote.
    pub log: Digest,
    /// What confined it, in words.
    pub sandbox: String,
    /// State of the build folder.
    pub build: Build,
    /// Who asked.
    pub asked: Asked,
    /// Where the newest edit came from, if Brisk made it.
    pub origin: Option<Origin>,
    /// Milliseconds since 1970; for people only, no decision reads it.
    pub began_ms: u64,
    /// Milliseconds since 1970.
    pub ended_ms: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_right_number_of_lower_case_digits() {
        let ok = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(
            Tree::parse(ok).map(|t| t.short().to_owned()),
            Some("0123456789ab".into())
        );
        for bad in [
            "",
            "0",
            &ok[1..],
            &ok.to_uppercase(),
            &ok.replace('0', "g"),
            "../../etc/passwd",
        ] {
            assert_eq!(Tree::parse(bad), None, "{bad}");
            assert!(serde_json_like(bad).is_err());
        }
        assert!(Digest::parse(&"a".repeat(64)).is_some());
        assert!(Digest::parse(&"a".repeat(40)).is_none());
    }

    fn serde_json_like(text: &str) -> Result<Tree, serde::de::value::Error> {
        Tree::deserialize(serde::de::value::StrDeserializer::new(text))
    }
}
