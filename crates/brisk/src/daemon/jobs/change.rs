//! What a job made, shown as a diff.

use super::{Jobs, gate_refusal, refusal};
use crate::daemon::hub::refuse;
use crate::exit::Exit;
use crate::verify::{Gate, worktree};
use brisk_domain::evidence::Tree;
use brisk_domain::job::{AttemptId, Checked, End, JobState, PatchSize, Step};
use brisk_patch::{Change, Hunk};
use brisk_protocol::ErrorBody;
use brisk_protocol::jobs::{AttemptRef, DiffReply};
use brisk_store::JobRow;
use brisk_worktree::WorktreeError;
use std::collections::BTreeSet;

pub(super) fn of_worktree(e: WorktreeError) -> ErrorBody {
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
            | Step::Lacks { .. }
            | Step::Refused { .. }
            | Step::Steered { .. }
            | Step::Faulted { .. }
            | Step::Stopped { .. }
            | Step::Divided { .. } => None,
        });
        checked.ok_or_else(|| refuse(Exit::Target, format!("{id} has made nothing that was checked")))
    }
}

/// A unified diff without context.
pub(super) fn unified(patch: &[Change]) -> String {
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
