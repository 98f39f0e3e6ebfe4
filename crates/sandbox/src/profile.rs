//! What confines a command, by name.

use crate::confined::Network;
use brisk_domain::evidence::Digest;
use std::fmt;

/// One part of the confinement. Each alone leaves holes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Mechanism {
    /// A file system of its own that holds only what is listed (bubblewrap).
    Mounts,
    /// The kernel's own list of what may be written, whatever is mounted.
    Landlock,
    /// System calls that no build or test needs are refused.
    Seccomp,
    /// The number of processes is bounded. (For root only a cgroup does that.)
    ProcessBound,
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mechanism::Mounts => "mounts",
            Mechanism::Landlock => "landlock",
            Mechanism::Seccomp => "seccomp",
            Mechanism::ProcessBound => "process bound",
        })
    }
}

/// Whether all mechanisms hold.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Level {
    /// All.
    Full,
    /// All but these, in order; never empty.
    Degraded(Vec<Mechanism>),
}

impl Level {
    /// The level without these mechanisms.
    pub(crate) fn without(missing: &[Mechanism]) -> Level {
        let mut missing = missing.to_vec();
        missing.sort_unstable();
        missing.dedup();
        match missing.is_empty() {
            true => Level::Full,
            false => Level::Degraded(missing),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Level::Full => f.write_str("full"),
            Level::Degraded(missing) => {
                let names: Vec<String> = missing.iter().map(Mechanism::to_string).collect();
                write!(f, "degraded, without {}", names.join(", "))
            }
        }
    }
}

/// What confined one command. Shown as one line: `full, no network`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Which mechanisms held.
    pub level: Level,
    /// What it reached.
    pub network: Network,
    /// SHA-256 over everything that the confinement was made of: mechanisms and their versions, folders, limits,
    /// names of variables.
    pub digest: Digest,
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let network = match self.network {
            Network::None => "no network",
            Network::Host => "network of the host",
        };
        write!(f, "{}, {network}", self.level)
    }
}
