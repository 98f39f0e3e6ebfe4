//! What a job made: shown as a diff, and brought into the person's worktree once it is proven there.

use super::{Jobs, gate_refusal, refusal};
use crate::daemon::hub::{Hub, refuse, refuse_worktree};
use crate::exit::Exit;
use crate::verify::{Gate, worktree};
use brisk_domain::evidence::Tree;
use brisk_domain::job::{AttemptId, Checked, End, JobState, PatchSize, Ready, Step};
use brisk_domain::{HunkId, JobId, SessionId, TurnId};
use brisk_patch::{Change, Hunk};
use brisk_protocol::ErrorBody;
use brisk_protocol::jobs::{AttemptRef, DiffReply, Merge, Merged};
use brisk_store::JobRow;
use brisk_worktree::{Merging, Operation, Repo, WorktreeError};
use std::collections::BTreeSet;
use std::sync::Arc;

fn of_worktree(e: WorktreeError) -> ErrorBody {
    gate_refusal(worktree(e))
}

impl Jobs {
    /// What an attempt made; without a number the one that counts.
    pub(crate) fn diff(&self, what: AttemptRef) -> Result<DiffReply, ErrorBody> {
        let row = self.store().job(what.job).map_err(refusal)?;
        let (attempt, tree) = match what.attempt {
            Some(number) => (number, self.made(&row, number)?),
            None => match &row.state {
                JobState::Ready(ready) | JobState::Merged { ready, .. } => {
                    (ready.winner, ready.proof.tree().clone())
                }
                JobState::Failed {
                    best: Some((number, partial)),
                    ..
                } => (*number, partial.tree.clone()),
                JobState::Open
                | JobState::Failed { best: None, .. }
                | JobState::Cancelled
                | JobState::Dropped => {
                    return Err(refuse(
                        Exit::Target,
                        format!("{} has no change that counts; name an attempt", row.id),
                    ));
                }
            },
        };
        let gate = Gate::open(&self.home, &row.root).map_err(gate_refusal)?;
        let base = gate.shadow.base(&row.task.base).map_err(of_worktree)?;
        let patch = gate.shadow.patch(&base, &tree).map_err(of_worktree)?;
        let files: BTreeSet<&str> = patch.iter().map(Change::path).collect();
        let size = PatchSize {
            lines: patch.iter().map(Change::size).sum(),
            files: files.len(),
        };
        Ok(DiffReply {
            attempt,
            size,
            text: unified(&patch),
        })
    }

    /// The newest tree of an attempt that was checked.
    fn made(&self, row: &JobRow, number: u32) -> Result<Tree, ErrorBody> {
        if let Some((_, End::Proven { proof, .. })) = row.ends.iter().find(|(n, _)| *n == number) {
            return Ok(proof.tree().clone());
        }
        let id = AttemptId { job: row.id, number };
        let steps = self.store().steps(id, 1).map_err(refusal)?;
        let checked = steps.into_iter().rev().find_map(|s| match s.step {
            Step::Checked(Checked::Unproven { tree, .. }) => Some(tree),
            Step::Checked(Checked::Proven { proof }) | Step::Joined { proof, .. } => {
                Some(proof.tree().clone())
            }
            Step::PutBack { tree, .. } => tree,
            Step::Untested { tree, .. } => Some(tree),
            Step::Said { .. }
            | Step::Called { .. }
            | Step::Looked { .. }
            | Step::Refused { .. }
            | Step::Steered { .. }
            | Step::Faulted { .. }
            | Step::Stopped { .. }
            | Step::Divided { .. } => None,
        });
        checked.ok_or_else(|| refuse(Exit::Target, format!("{id} has made nothing that was checked")))
    }

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

/// A unified diff without context.
fn unified(patch: &[Change]) -> String {
    let mut out = String::new();
    let mut last = "";
    // By how many lines the new file is ahead of the old one.
    let mut shift = 0isize;
    for change in patch {
        let path = change.path();
        let new_file = path != last;
        last = path;
        match change {
            Change::Modify { hunk, .. } => {
                if new_file {
                    out.push_str(&format!("--- a/{path}\n+++ b/{path}\n"));
                    shift = 0;
                }
                piece(hunk, shift, &mut out);
                shift += hunk.delta();
            }
            Change::Create { text, .. } => {
                out.push_str(&format!("--- /dev/null\n+++ b/{path}\n"));
                let hunk = Hunk {
                    at: 0,
                    old: Vec::new(),
                    new: text.lines().to_vec(),
                };
                piece(&hunk, 0, &mut out);
            }
            Change::Delete { old, .. } => {
                out.push_str(&format!("--- a/{path}\n+++ /dev/null\n"));
                let hunk = Hunk {
                    at: 0,
                    old: old.lines().to_vec(),
                    new: Vec::new(),
                };
                piece(&hunk, 0, &mut out);
            }
        }
    }
    out
}

fn piece(hunk: &Hunk, shift: isize, out: &mut String) {
    // A side without lines names the line before it.
    let place = |at: usize, count: usize| match count {
        0 => format!("{at},0"),
        1 => format!("{}", at + 1),
        n => format!("{},{n}", at + 1),
    };
    let old = place(hunk.at, hunk.old.len());
    let new = place(hunk.at.saturating_add_signed(shift), hunk.new.len());
    out.push_str(&format!("@@ -{old} +{new} @@\n"));
    for (sign, lines) in [('-', &hunk.old), ('+', &hunk.new)] {
        for line in lines {
            out.push(sign);
            out.push_str(line);
            if !line.ends_with('\n') {
                out.push_str("\n\\ No newline at end of file\n");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use brisk_patch::Text;

    #[test]
    fn diffs_are_what_patch_reads() {
        let lines = |t: &[&str]| t.iter().map(|l| format!("{l}\n")).collect::<Vec<_>>();
        let modify = |at, old: &[&str], new: &[&str]| Change::Modify {
            path: "a".into(),
            hunk: Hunk {
                at,
                old: lines(old),
                new: lines(new),
            },
        };
        let patch = [
            modify(1, &[], &["x", "y"]),
            modify(4, &["e"], &["E"]),
            Change::Create {
                path: "b".into(),
                text: Text::from_str_lossless("one"),
            },
        ];
        let want = "--- a/a\n+++ b/a\n@@ -1,0 +2,2 @@\n+x\n+y\n@@ -5 +7 @@\n-e\n+E\n\
                    --- /dev/null\n+++ b/b\n@@ -0,0 +1 @@\n+one\n\\ No newline at end of file\n";
        assert_eq!(unified(&patch), want);
    }
}
