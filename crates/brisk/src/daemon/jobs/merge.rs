//! Bringing what a job made into the person's worktree, once it is proven there.

use super::change::{of_worktree, unified};
use super::{Jobs, gate_refusal, refusal};
use crate::daemon::hub::{Hub, refuse, refuse_worktree};
use crate::exit::Exit;
use crate::verify::Gate;
use brisk_domain::job::{JobState, Ready};
use brisk_domain::{HunkId, JobId, SessionId, TurnId};
use brisk_patch::Change;
use brisk_protocol::ErrorBody;
use brisk_protocol::jobs::{Merge, Merged};
use brisk_store::JobRow;
use brisk_worktree::{Merging, Operation, Repo};
use std::collections::BTreeSet;
use std::sync::Arc;

impl Jobs {
    fn ready(&self, job: JobId) -> Result<(JobRow, Ready), ErrorBody> {
        let row = self.store().job(job).map_err(refusal)?;
        let JobState::Ready(ready) = &row.state else {
            let name = row.state.name();
            return Err(refuse(
                Exit::Target,
                format!("{job} is {name}; only a job that is ready can be merged"),
            ));
        };
        let ready = ready.clone();
        Ok((row, ready))
    }

    /// Writes what a job made into the worktree, if what the two come to is proven; else says what is in the way.
    fn merge(&self, wish: &Merge, repo: &Repo, session: SessionId) -> Result<Merged, ErrorBody> {
        let (row, ready) = self.ready(wish.job)?;
        if repo.root() != row.root {
            return Err(refuse(
                Exit::Target,
                format!("{} is of another repository: {}", row.id, row.root.display()),
            ));
        }
        // What both come to may have to be checked, and checks run what the repository says.
        if let Some(why) = self.fleet.trusts().standing(repo.root()).bars_work() {
            let next = format!("{why}; {} stays ready and can be merged then", row.id);
            return Err(refuse(Exit::Policy, next));
        }
        let mut gate = Gate::open(&self.home, &row.root).map_err(gate_refusal)?;
        let base = gate.shadow.base(&row.task.base).map_err(of_worktree)?;
        let now = gate.shadow.tree().map_err(of_worktree)?;
        let Merging { merged, tree } = gate
            .shadow
            .merge(&base, ready.proof.tree(), &now)
            .map_err(of_worktree)?;
        let Some(tree) = tree else {
            let told = merged.conflicts.into_iter().map(|(path, why, hunk)| {
                let change = hunk.map(|hunk| Change::Modify {
                    path: path.clone(),
                    hunk,
                });
                let diff = unified(&Vec::from_iter(change));
                (path, why, diff)
            });
            return Ok(Merged::Conflicts {
                conflicts: told.collect(),
            });
        };
        if merged.changes.is_empty() {
            return Ok(Merged::Nothing);
        }
        let on = gate.base(&tree).map_err(gate_refusal)?;
        if !gate.proven(&tree, &on).map_err(gate_refusal)? {
            return Ok(Merged::Unverified { tree });
        }
        let files: BTreeSet<String> = merged.changes.iter().map(|c| c.path().to_owned()).collect();
        let applied = repo.write(Operation {
            session,
            turn: TurnId(1),
            changes: (1..).map(HunkId).zip(merged.changes).collect(),
            bases: merged.bases,
            note: format!("{}: {}", row.id, row.task.text),
        });
        let applied = applied.map_err(|e| refuse_worktree(&e))?;
        let Some(op) = applied.op else {
            return Err(refuse(
                Exit::Conflict,
                "the files changed in the moment of the merge; nothing was written. Next: once more",
            ));
        };
        let merged = JobState::Merged { ready, op: op.0 };
        // The files are written, and `undo` knows of it: a store that fails now must not say otherwise.
        let noted = self.store().change(row.id, &merged, super::work::ready);
        if let Err(e) = noted {
            super::note(&format!("{} was merged as {}: {e}", row.id, op.0));
        }
        self.changed();
        let after = gate.shadow.tree().map_err(of_worktree)?;
        Ok(Merged::Done {
            op: op.0,
            files: files.into_iter().collect(),
            verified: applied.conflicted.is_empty() && after == tree,
        })
    }
}

impl Hub {
    /// See [`Jobs::merge`].
    pub(crate) async fn merge_job(self: &Arc<Hub>, wish: Merge) -> Result<Merged, ErrorBody> {
        let repo = self.repo(&wish.cwd).await?;
        let root = repo.root().to_owned();
        // A session of its own: an undo names hunks by session and turn.
        let made = self.log.with(move |log| log.create_session(&root)).await;
        let session = made.map_err(|e| refuse(Exit::Disk, e))?;
        self.job_work(move |hub| hub.jobs.merge(&wish, &repo, session))
            .await
    }
}
