//! What one confined command is given.

use crate::options::{EnvRule, Weight};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Default of [`Confined::output_cap`], bytes.
const OUTPUT_CAP: u64 = 64 << 20;

/// Variables that say nothing about the person but how programs are found and how they speak.
const PLAIN_ENV: [&str; 6] = ["PATH", "HOME", "USER", "LANG", "TZ", "TERM"];

/// A command, and all that it may touch. Standard input is always empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confined {
    /// Program and arguments; never a line for a shell. The program is looked up in the `PATH` that `env` gives.
    pub argv: Vec<OsString>,
    /// Working folder: below `read_only` or `writable`, or one of the system's.
    pub cwd: PathBuf,
    /// Shown as they are, beside the system's own folders (`/usr`, parts of `/etc`).
    pub read_only: Vec<PathBuf>,
    /// Shown read-only at another place than their own: where it is, and the folder where the command finds it, which
    /// is there already.
    pub placed: Vec<(PathBuf, PathBuf)>,
    /// May be changed. A path of `read_only` inside of one of these stays read-only.
    pub writable: Vec<PathBuf>,
    /// Never shown, also where a folder around them is. The person's keys are covered without being named.
    pub hidden: Vec<PathBuf>,
    /// The whole environment. A prefix passes no variable whose name looks like a secret.
    pub env: Vec<EnvRule>,
    /// What it reaches.
    pub network: Network,
    /// After this long everything is killed; never when `None`.
    pub timeout: Option<Duration>,
    /// What it may use up.
    pub limits: Limits,
    /// Bytes of output, both streams together. One more and everything is killed.
    pub output_cap: u64,
    /// Scheduling weight.
    pub weight: Weight,
    /// A folder in which the output is kept, in a file named by its digest.
    pub logs: Option<PathBuf>,
}

impl Confined {
    /// A command that sees the system and its working folder, both read-only, has no network and a plain environment.
    pub fn new(argv: Vec<OsString>, cwd: PathBuf) -> Confined {
        let pass = PLAIN_ENV.iter().map(|name| EnvRule::Pass(name.into()));
        Confined {
            argv,
            read_only: vec![cwd.clone()],
            cwd,
            placed: Vec::new(),
            writable: Vec::new(),
            hidden: Vec::new(),
            env: pass.chain([EnvRule::PassPrefix("LC_".to_owned())]).collect(),
            network: Network::None,
            timeout: None,
            limits: Limits::default(),
            output_cap: OUTPUT_CAP,
            weight: Weight::Normal,
            logs: None,
        }
    }
}

/// What a confined command reaches over the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Network {
    /// A loopback interface of its own. No socket of this machine, not even an abstract one.
    #[default]
    None,
    /// Whatever this machine reaches.
    Host,
}

/// What a confined command may use up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of written private memory, of each process; of all together where a cgroup can be had.
    pub memory: Option<u64>,
    /// Processes and threads together.
    pub processes: u64,
    /// Bytes of one file.
    pub file_size: u64,
    /// Open files of one process.
    pub open_files: u64,
    /// Seconds of processor time of one process.
    pub cpu_s: Option<u64>,
}

impl Default for Limits {
    /// Enough for a large build: 4,096 processes, files of 8 GiB, 16,384 open files.
    fn default() -> Limits {
        Limits {
            memory: None,
            processes: 4_096,
            file_size: 8 << 30,
            open_files: 16_384,
            cpu_s: None,
        }
    }
}
