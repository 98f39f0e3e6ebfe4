//! The person's repository: snapshots, atomic journalled writes, undo, confinement.
//!
//! The only crate that writes below the person's root. It is synchronous and spawns nothing; the daemon calls it from
//! blocking threads. Brisk's own data (operation log, contents, shadow git folder) lies in a state folder outside of
//! the repository; nothing here touches the person's index, HEAD, refs, hooks or configuration, save [`promote`], which takes leave to
//! ship; and no lock file is ever left in the repository.

mod attempt;
mod blobs;
mod build;
mod commit;
mod corpus;
mod error;
mod history;
#[cfg(test)]
mod house;
mod ids;
mod journal;
mod links;
mod merging;
mod op;
mod path;
mod plan;
mod probe;
mod promote;
mod recover;
mod repo;
mod root;
mod shadow;
mod slot;
mod snapshot;
mod statcache;
mod texts;
mod trigrams;
mod undo;
mod walk;

pub use attempt::Base;
pub use corpus::{Hits, Needle};
pub use error::WorktreeError;
pub use history::Which;
pub use ids::{Digest, OpId, TreeId};
pub use merging::{Merged, Merging, Sides, made_here};
pub use op::{Applied, File, OpKind, OpSummary, Operation, Stamp};
pub use path::{below_root, find_root};
pub use probe::{Probe, Step};
pub use promote::{
    Attested, Git, GitSaid, PromoteError, Promoted, RULES, Way, attest, ignored, install_hook, overlooked,
    promote, ready, stored, take,
};
pub use recover::Recovery;
pub use repo::{Repo, in_effect};
pub use shadow::Shadow;
pub use slot::Slot;
pub use snapshot::{Delta, Difference};
pub use undo::{Touched, Undone};
pub use walk::{folders, git_folder};
