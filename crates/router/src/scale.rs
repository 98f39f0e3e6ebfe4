//! The values that facts can have: small closed sets with names, each in its order.

use brisk_domain::Lane;
pub use brisk_domain::Latency;
use serde::Serialize;

macro_rules! scale {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $text)] $variant,)*
        }

        impl $name {
            /// All values, in their order.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];
            /// Their names, in the same order.
            pub const NAMES: &'static [&'static str] = &[$($text,)*];

            /// The name in policies and on the command line.
            pub fn name(self) -> &'static str {
                match self {
                    $($name::$variant => $text,)*
                }
            }

            /// The value with this name.
            pub fn from_name(name: &str) -> Option<$name> {
                $name::ALL.iter().copied().find(|v| v.name() == name)
            }
        }
    };
}

scale! {
    /// What kind of work the person asks for.
    Task {
        /// Words for an answer; nothing is changed.
        Explain = "explain",
        /// Change text in a place.
        Edit = "edit",
        /// Give something another name.
        Rename = "rename",
        /// Comments, docstrings, prose.
        Document = "document",
        /// Another form, the same behaviour.
        Refactor = "refactor",
        /// Write a test.
        Test = "test",
        /// Find out why something is wrong.
        Debug = "debug",
        /// Build something that was not there.
        Build = "build",
        /// From one version, library or language to another.
        Migrate = "migrate",
        /// Act outside of the text: deploy, publish, merge, delete data.
        Operate = "operate",
    }
}

scale! {
    /// How far a change reaches.
    Scope {
        /// Lines or a symbol that is named.
        Selection = "selection",
        /// One file.
        File = "file",
        /// Files that are named.
        Files = "files",
        /// Wherever in the repository.
        Repository = "repository",
        /// More than one repository or service.
        CrossRepository = "cross-repo",
    }
}

scale! {
    /// How much is left open by the words.
    Ambiguity {
        /// What and where are said.
        Clear = "clear",
        /// What is said; where is to be found.
        Open = "open",
        /// A symptom or a wish, not a change.
        Vague = "vague",
    }
}

scale! {
    /// What a mistake would cost.
    Safety {
        /// Nothing special.
        Normal = "normal",
        /// What builds or configures; a mistake shows late.
        Guarded = "guarded",
        /// Whoever may do what, secrets, money, production.
        Sensitive = "sensitive",
    }
}

scale! {
    /// What the person said about a repository, kept outside of it.
    Trust {
        /// Nothing good.
        Untrusted = "untrusted",
        /// The person works in it.
        Known = "known",
        /// Its own settings may be honoured.
        Trusted = "trusted",
    }
}

scale! {
    /// What a task needs to do, and what a lane or model may.
    Tool {
        /// Read files.
        Read = "read",
        /// Propose changes.
        Edit = "edit",
        /// Run commands.
        Run = "run",
        /// Reach other machines.
        Network = "network",
    }
}

/// The lanes and their names in policies.
pub const LANES: [(Lane, &str); 2] = [(Lane::Fast, Lane::Fast.name()), (Lane::Slow, Lane::Slow.name())];

/// The lane with this name.
pub fn lane_named(name: &str) -> Option<Lane> {
    LANES.iter().find(|(_, n)| *n == name).map(|(lane, _)| *lane)
}

/// A set of values of one scale, by position. Sixty-four are enough for every scale here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Set(pub u64);

impl Set {
    /// Nothing.
    pub const NONE: Set = Set(0);
    /// Everything, of any scale.
    pub const ALL: Set = Set(u64::MAX);

    /// The set of these positions.
    pub fn of(positions: impl IntoIterator<Item = u32>) -> Set {
        Set(positions.into_iter().fold(0, |set, p| set | bit(p)))
    }

    /// From `first` to `last`, both included; empty when they are in the wrong order.
    pub fn between(first: u32, last: u32) -> Set {
        Set::of(first..=last.min(63))
    }

    /// Whether the position is in it.
    pub fn has(self, position: u32) -> bool {
        self.0 & bit(position) != 0
    }

    /// What is in both.
    pub fn and(self, other: Set) -> Set {
        Set(self.0 & other.0)
    }

    /// This one with a position more.
    pub fn with(self, position: u32) -> Set {
        Set(self.0 | bit(position))
    }

    /// Whether everything of this one is in the other.
    pub fn within(self, other: Set) -> bool {
        self.0 & !other.0 == 0
    }

    /// Whether nothing is in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The names at its positions.
    pub fn names(self, names: &'static [&'static str]) -> Vec<&'static str> {
        (0u32..)
            .zip(names)
            .filter(|(p, _)| self.has(*p))
            .map(|(_, name)| *name)
            .collect()
    }
}

fn bit(position: u32) -> u64 {
    1u64.checked_shl(position).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back() {
        for task in Task::ALL {
            assert_eq!(Task::from_name(task.name()), Some(*task));
        }
        assert_eq!(Scope::from_name("galaxy"), None);
        assert!(Scope::File < Scope::CrossRepository);
    }

    #[test]
    fn sets_are_what_they_say() {
        let set = Set::between(1, 2);
        assert_eq!(set.names(Tool::NAMES), ["edit", "run"]);
        assert!(Set::between(2, 1).is_empty());
        assert!(Set::of([1]).within(set) && !set.within(Set::of([1])));
        assert!(!Set::ALL.has(64), "beyond the last position nothing is in a set");
    }
}
