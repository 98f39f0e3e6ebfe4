//! What a job made, shown as a diff.

use super::{Jobs, gate_refusal, refusal};
use crate::daemon::hub::refuse;
use crate::exit::Exit;
use crate::verify::{Gate, worktree};
use brisk_domain::evidence::Tree;
use brisk_domain::job::{AttemptId, Checked, End, JobState, PatchSize, Step};
use brisk_patch::{Change, Hunk, Text};
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
            text: unified(&patch, |path| gate.shadow.file(&base, path)),
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

/// Lines around a change that are shown with it, as git does.
const AROUND: usize = 3;

/// A diff as git writes it, which `git apply` reads. `before`: the file that a change was made for.
pub(super) fn unified(patch: &[Change], before: impl Fn(&str) -> Option<Text>) -> String {
    let mut out = String::new();
    for changes in patch.chunk_by(|a, b| a.path() == b.path()) {
        let Some(first) = changes.first() else { continue };
        let (a, b) = (quoted("a/", first.path()), quoted("b/", first.path()));
        out.push_str(&format!("diff --git {a} {b}\n"));
        let (kind, old, new) = match first {
            Change::Modify { .. } => ("", a.as_str(), b.as_str()),
            Change::Create { .. } => ("new file mode 100644\n", NONE, b.as_str()),
            Change::Delete { .. } => ("deleted file mode 100644\n", a.as_str(), NONE),
        };
        let hunks: Vec<Hunk> = changes.iter().map(hunk_of).collect();
        // A file without a line comes or goes with its mode alone: a hunk of nothing is none that git reads.
        if hunks.iter().all(|h| h.old.is_empty() && h.new.is_empty()) {
            out.push_str(kind);
            continue;
        }
        // As git has it: what follows a tab is no part of a name with spaces.
        let end = |name: &str| if name.contains(' ') { "\t" } else { "" };
        out.push_str(&format!("{kind}--- {old}{}\n+++ {new}{}\n", end(old), end(new)));
        let base = before(first.path()).unwrap_or_default();
        // By how many lines the new file is ahead of the old one.
        let mut shift = 0isize;
        for near in hunks.chunk_by(|a, b| b.at <= a.old_end() + 2 * AROUND) {
            piece(near, base.lines(), shift, &mut out);
            shift += near.iter().map(Hunk::delta).sum::<isize>();
        }
    }
    out
}

const NONE: &str = "/dev/null";

/// A change of a whole file as one of its lines.
fn hunk_of(change: &Change) -> Hunk {
    let (old, new) = match change {
        Change::Modify { hunk, .. } => return hunk.clone(),
        Change::Create { text, .. } => (Vec::new(), text.lines().to_vec()),
        Change::Delete { old, .. } => (old.lines().to_vec(), Vec::new()),
    };
    Hunk { at: 0, old, new }
}

/// A name as git writes it into a diff.
fn quoted(side: &str, path: &str) -> String {
    if !path.contains(|c: char| c.is_control() || c == '"' || c == '\\') {
        return format!("{side}{path}");
    }
    let mut out = format!("\"{side}");
    for c in path.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_ascii_control() => out.push_str(&format!("\\{:03o}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Changes that are near each other, with the lines around them.
fn piece(near: &[Hunk], base: &[String], shift: isize, out: &mut String) {
    let (Some(first), Some(last)) = (near.first(), near.last()) else {
        return;
    };
    let from = first.at.saturating_sub(AROUND);
    let to = (last.old_end() + AROUND).min(base.len()).max(last.old_end());
    let count = to - from;
    let delta: isize = near.iter().map(Hunk::delta).sum();
    // A side without lines names the line before it.
    let place = |at: usize, count: usize| match count {
        0 => format!("{at},0"),
        1 => format!("{}", at + 1),
        n => format!("{},{n}", at + 1),
    };
    let old = place(from, count);
    let new = place(
        from.saturating_add_signed(shift),
        count.saturating_add_signed(delta),
    );
    out.push_str(&format!("@@ -{old} +{new} @@\n"));
    let mut at = from;
    for hunk in near {
        lines(' ', base.get(at..hunk.at).unwrap_or_default(), out);
        lines('-', &hunk.old, out);
        lines('+', &hunk.new, out);
        at = hunk.old_end();
    }
    lines(' ', base.get(at..to).unwrap_or_default(), out);
}

fn lines(sign: char, lines: &[String], out: &mut String) {
    for line in lines {
        out.push(sign);
        out.push_str(line);
        if !line.ends_with('\n') {
            out.push_str("\n\\ No newline at end of file\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modify(at: usize, old: &[&str], new: &[&str]) -> Change {
        let lines = |t: &[&str]| t.iter().map(|l| format!("{l}\n")).collect::<Vec<_>>();
        Change::Modify {
            path: "a".into(),
            hunk: Hunk {
                at,
                old: lines(old),
                new: lines(new),
            },
        }
    }

    #[test]
    fn a_file_without_a_line_has_no_hunk() {
        let (path, text) = ("e".to_owned(), Text::from_str_lossless(""));
        let patch = [
            Change::Create {
                path: path.clone(),
                text: text.clone(),
            },
            Change::Delete { path, old: text },
        ];
        let of = |one: &Change| unified(std::slice::from_ref(one), |_| None);
        let told = patch.each_ref().map(of);
        let head = "diff --git a/e b/e\n";
        assert_eq!(
            told,
            ["new", "deleted"].map(|what| format!("{head}{what} file mode 100644\n"))
        );
        for (one, there) in told.iter().zip([true, false]) {
            let dir = tempfile::tempdir().unwrap();
            std::fs::write(dir.path().join("patch"), one).unwrap();
            if !there {
                std::fs::write(dir.path().join("e"), "").unwrap();
            }
            let apply = std::process::Command::new("git")
                .args(["apply", "patch"])
                .current_dir(dir.path())
                .output()
                .unwrap();
            assert!(apply.status.success(), "{one}: {apply:?}");
            assert_eq!(dir.path().join("e").exists(), there, "{one}");
        }
    }

    #[test]
    fn diffs_are_what_git_reads() {
        let base: String = ('a'..='p').map(|c| format!("{c}\n")).collect();
        let patch = [
            modify(1, &[], &["x", "y"]),
            modify(4, &["e"], &["E"]),
            modify(14, &["o"], &[]),
            Change::Create {
                path: "b c".into(),
                text: Text::from_str_lossless("one"),
            },
        ];
        let want = "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1,8 +1,10 @@\n a\n+x\n+y\n b\n c\n d\n-e\n+E\n f\n g\n h\n\
                    @@ -12,5 +14,4 @@\n l\n m\n n\n-o\n p\n\
                    diff --git a/b c b/b c\nnew file mode 100644\n--- /dev/null\n+++ b/b c\t\n@@ -0,0 +1 @@\n+one\n\\ No newline at end of file\n";
        let before = |path: &str| (path == "a").then(|| Text::from_str_lossless(&base));
        assert_eq!(unified(&patch, before), want);
        assert_eq!(quoted("a/", "x\"y\n"), "\"a/x\\\"y\\012\"");
    }
}
