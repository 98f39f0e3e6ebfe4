//! What `brisk gate` is asked.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// What `gate check` and `gate receive` believe.
#[derive(Debug, Args)]
pub(crate) struct Outside {
    /// A file of trusted keys (`brisk gate key` prints a line); never one of the repository
    #[arg(long, value_name = "FILE")]
    pub keys: PathBuf,
    /// This policy instead of the brisk.toml that each commit was made on
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Evidence only: no commit that a person waived, and none that `gate adopt` leaves out
    #[arg(long)]
    pub no_waivers: bool,
    /// The gate holds from this commit on, whatever ledgers say: it, and all that leads to it, is not asked about
    #[arg(long, value_name = "COMMIT")]
    pub since: Option<String>,
}

/// `gate`.
#[derive(Debug, Subcommand)]
pub(crate) enum GateCmd {
    /// Whether commits are verified: signatures, tree, policy and chain, without a network
    Check {
        /// Commits or ranges (default: HEAD)
        revs: Vec<String>,
        /// What is believed
        #[command(flatten)]
        outside: Outside,
    },
    /// For a pre-receive hook: whether everything that is being pushed is verified
    Receive {
        /// What is believed
        #[command(flatten)]
        outside: Outside,
    },
    /// For a pre-push hook: whether what is about to be pushed is verified here
    PrePush {
        /// The remote's name, as git says it to the hook
        remote: Option<String>,
        /// Its address
        url: Option<String>,
    },
    /// What the ledger says about this tree, or about a commit's
    Show {
        /// A commit
        rev: Option<String>,
    },
    /// The newest entries of the ledger
    Log {
        /// At most so many
        #[arg(short = 'n', long, default_value_t = 20)]
        limit: usize,
    },
    /// The public key that signs here, as a line for a file of keys; or another key from here on
    Key(KeyArgs),
    /// Say, once, from which commit on the gate holds in a history that began without it
    Adopt {
        /// The last commit that is not asked about, with all that leads to it
        #[arg(default_value = "HEAD")]
        rev: String,
    },
    /// Install a pre-push hook in this repository (it can be bypassed)
    Install,
}

/// Which key signs.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct KeyArgs {
    /// From here on an ed25519 key of yours signs: a file, or `agent`. It begins a ledger of its own
    #[arg(long, value_name = "PATH|agent")]
    pub ssh: Option<PathBuf>,
    /// The repository's own key signs again, into its own ledger
    #[arg(long)]
    pub own: bool,
}
