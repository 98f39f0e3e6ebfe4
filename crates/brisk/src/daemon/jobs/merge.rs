//! Bringing what a job made into the person's worktree, once it is proven there.

use super::change::{of_worktree, unified};
use super::{Jobs, gate_refusal, refusal};
use crate::daemon::hub::{Hub, refuse, refuse_worktree};
use crate::exit::Exit;
use crate::verify::Gate;
use brisk_domain::job::{JobState, Ready};
use brisk_domain::{HunkId, JobId, SessionId, TurnId};
use brisk_patch::{Change, bare};
use brisk_protocol::ErrorBody;
use brisk_protocol::jobs::{Clash, JobView, Merge, Merged};
use brisk_store::JobRow;
use brisk_worktree::{
    Base, Merged as Carried, Merging, OpId, Operation, PromoteError, RULES, Repo, Sides, Way, WorktreeError,
    ignored, in_effect, made_here, ready as ships,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn of_git(e: PromoteError) -> ErrorBody {
    match e {
        PromoteError::Worktree(e) => of_worktree(e),
        e @ (PromoteError::Stale { .. }
        | PromoteError::Other { .. }
        | PromoteError::Unmerged { .. }
        | PromoteError::Sparse { .. }
        | PromoteError::Filter { .. }
        | PromoteError::Submodule { .. }
        | PromoteError::Elsewhere { .. }
        | PromoteError::Git { .. }) => refuse(Exit::Git, e.to_string()),
    }
}

/// What an operation of a job is called in the log: no other has these words.
fn words(row: &JobRow) -> String {
    format!("{}: {}", row.id, row.task.text)
}

impl Jobs {
    /// What can be merged: what is ready, and what was merged, for that may have been taken back since.
    fn mergeable(&self, job: JobId) -> Result<(JobRow, Ready), ErrorBody> {
        let row = self.store().job(job).map_err(refusal)?;
        match &row.state {
            JobState::Ready(ready) | JobState::Merged { ready, .. } => {
                let ready = ready.clone();
                Ok((row, ready))
            }
            state @ (JobState::Open | JobState::Failed { .. } | JobState::Cancelled | JobState::Dropped) => {
                Err(refuse(
                    Exit::Target,
                    format!(
                        "{job} is {}; only a job that is ready can be merged",
                        state.name()
                    ),
                ))
            }
        }
    }

    /// Writes what a job made into the worktree, if what the two come to is proven; else says what is in the way.
    fn merge(&self, wish: &Merge, repo: &Repo, session: SessionId) -> Result<Merged, ErrorBody> {
        let (row, ready) = self.mergeable(wish.job)?;
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
        // A write that is decided and not completed yet is a part of the worktree; it may be of this very job.
        repo.settle().map_err(|e| refuse_worktree(&e))?;
        let mut gate = Gate::open(&self.home, &row.root).map_err(gate_refusal)?;
        let base = gate.shadow.base(&row.task.base).map_err(of_worktree)?;
        let now = gate.tree().map_err(gate_refusal)?;
        let Merging { mut merged, tree } = gate
            .shadow
            .merge(&base, ready.proof.tree(), &now)
            .map_err(of_worktree)?;
        let made: Vec<String> = creates(&merged).map(str::to_owned).collect();
        beside_git(repo, &mut merged).map_err(|e| refuse_worktree(&e))?;
        let Some(tree) = tree.filter(|_| merged.conflicts.is_empty()) else {
            return Ok(conflicts(&gate, &base, merged.conflicts));
        };
        if merged.changes.is_empty() {
            return self.there_already(&row, ready, repo);
        }
        // What git ignores is written all the same, and is no part of what is verified and ships.
        let rules = |c: &Change| Path::new(c.path()).file_name().is_some_and(|n| n == RULES);
        // What counts are the rules as they are then.
        let after = merged.changes.iter().any(rules).then_some(&tree);
        let aside = ignored(&gate.shadow, &mut gate.git, after, &made).map_err(of_git)?;
        let tree = match aside.is_empty() {
            true => tree,
            false => gate.shadow.without(&tree, &aside).map_err(of_worktree)?,
        };
        let on = gate.base(&tree).map_err(gate_refusal)?;
        if !gate.proven(&tree, &on).map_err(gate_refusal)? {
            let ignored = aside.into_iter().collect();
            return Ok(Merged::Unverified { tree, ignored });
        }
        as_on_disk(repo, &mut merged);
        let paths: Vec<String> = merged.changes.iter().map(|c| c.path().to_owned()).collect();
        let path_of = |id: &HunkId| {
            let index = usize::try_from(id.0.saturating_sub(1)).ok()?;
            paths.get(index).cloned()
        };
        let applied = repo.write_whole(Operation {
            session,
            turn: TurnId(1),
            changes: (1..).map(HunkId).zip(merged.changes).collect(),
            bases: merged.bases,
            note: words(&row),
        });
        let applied = applied.map_err(|e| refuse_worktree(&e))?;
        let Some(op) = applied.op else {
            let told = applied.conflicted.into_iter();
            let told = told.filter_map(|(id, why)| Some((path_of(&id)?, why, Sides::default())));
            let told: Vec<_> = told.collect();
            return match told.is_empty() {
                // Somebody else wrote the same in that moment.
                true => self.there_already(&row, ready, repo),
                false => Ok(conflicts(&gate, &base, told)),
            };
        };
        let merged = JobState::Merged {
            ready,
            op: Some(op.0),
        };
        // The files are written, and `undo` knows of it: whatever fails now must not say otherwise.
        if let Err(e) = self.store().change(row.id, &merged, mergeable) {
            super::note(&format!("{} was merged as {}: {e}", row.id, op.0));
        }
        self.changed();
        let files: BTreeSet<String> = applied.kept.iter().filter_map(path_of).collect();
        let verified = applied.conflicted.is_empty() && gate.tree().is_ok_and(|after| after == tree);
        let way = Way::Commit {
            message: String::new(),
        };
        let withheld = match verified {
            true => ships(&tree, &mut gate.shadow, &mut gate.git, &way).err(),
            false => None,
        };
        Ok(Merged::Done {
            op: op.0,
            ignored: aside.into_iter().filter(|p| files.contains(p)).collect(),
            files: files.into_iter().collect(),
            verified,
            withheld: withheld.map(|e| e.to_string()),
        })
    }

    /// Whoever wrote it, this job or the person, it is in the worktree: there is nothing left to merge.
    fn there_already(&self, row: &JobRow, ready: Ready, repo: &Repo) -> Result<Merged, ErrorBody> {
        if matches!(row.state, JobState::Merged { .. }) {
            return Err(refuse(
                Exit::Target,
                format!("{} is merged, and the worktree has all of it", row.id),
            ));
        }
        let op = repo.written_as(&words(row)).map_err(|e| refuse_worktree(&e))?;
        let merged = JobState::Merged {
            ready,
            op: op.map(|op| op.0),
        };
        self.store().change(row.id, &merged, mergeable).map_err(refusal)?;
        self.changed();
        Ok(Merged::Nothing)
    }
}

fn mergeable(state: &JobState) -> bool {
    matches!(state, JobState::Ready(_) | JobState::Merged { .. })
}

fn creates(merged: &Carried) -> impl Iterator<Item = &str> {
    merged.changes.iter().filter_map(|c| match c {
        Change::Create { path, .. } => Some(path.as_str()),
        Change::Modify { .. } | Change::Delete { .. } => None,
    })
}

/// A tree does not tell of files that git ignores. Where one has the place of a new file, it stays.
fn beside_git(repo: &Repo, merged: &mut Carried) -> Result<(), WorktreeError> {
    let mut left = Vec::new();
    for change in std::mem::take(&mut merged.changes) {
        let Change::Create { path, text } = change else {
            left.push(change);
            continue;
        };
        match repo.read(&path) {
            Err(WorktreeError::Missing { .. }) => left.push(Change::Create { path, text }),
            Ok(file) if file.path == path && file.text == text => {}
            Ok(_) | Err(WorktreeError::NotText { .. } | WorktreeError::TooLarge { .. }) => {
                merged.conflicts.push(made_here(path, text));
            }
            Err(e) => return Err(e),
        }
    }
    merged.changes = left;
    Ok(())
}

/// Where git stores other line ends than lie on disk, the change is made for those on disk.
fn as_on_disk(repo: &Repo, merged: &mut Carried) {
    for (path, stored) in &mut merged.bases {
        // What cannot be read now is refused by the write.
        let Ok(file) = repo.read(path) else { continue };
        let (disk, tree) = (file.text.lines(), stored.lines());
        let same = disk.len() == tree.len() && disk.iter().zip(tree).all(|(d, t)| bare(d) == bare(t));
        if !same || file.text == *stored {
            continue;
        }
        let end = file.text.eol().as_str();
        for change in &mut merged.changes {
            let Change::Modify { path: of, hunk } = change else {
                continue;
            };
            if of != path {
                continue;
            }
            if let Some(old) = disk.get(hunk.at..hunk.old_end()) {
                hunk.old = old.to_vec();
            }
            for line in hunk.new.iter_mut().filter(|l| l.ends_with('\n')) {
                *line = format!("{}{end}", bare(line));
            }
        }
        *stored = file.text;
    }
}

fn conflicts(gate: &Gate, base: &Base, all: Vec<(String, String, Sides)>) -> Merged {
    let told = all.into_iter().map(|(path, why, sides)| Clash {
        path,
        why,
        diff: unified(&Vec::from_iter(sides.made), |p| gate.shadow.file(base, p)),
        line: sides.at + 1,
        here: sides.here.concat(),
    });
    Merged::Conflicts {
        conflicts: told.collect(),
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

    /// Says of jobs that were merged whether that was undone since. No repository is opened for it: it may lie on a
    /// disk that does not answer.
    pub(crate) async fn see_undone(self: &Arc<Hub>, jobs: &mut [JobView]) {
        let mut merged: BTreeMap<PathBuf, Vec<OpId>> = BTreeMap::new();
        for job in jobs.iter() {
            if let JobState::Merged { op: Some(op), .. } = job.state {
                merged.entry(job.root.clone()).or_default().push(OpId(op));
            }
        }
        if merged.is_empty() {
            return;
        }
        let undone = self.job_work(move |hub| {
            let gone = |(root, ops): (PathBuf, Vec<OpId>)| {
                let states = match hub.open_repo(&root) {
                    Some(repo) => ops.iter().map(|op| repo.in_effect(*op)).collect(),
                    None => in_effect(&root, &hub.home.state_dir().join("repositories"), &ops),
                };
                // Where it cannot be known, it is as the job says.
                let states = states.unwrap_or_default();
                let gone = ops
                    .into_iter()
                    .zip(states)
                    .filter(|(_, state)| *state == Some(false));
                gone.map(|(op, _)| (root.clone(), op)).collect::<Vec<_>>()
            };
            Ok(merged.into_iter().flat_map(gone).collect::<BTreeSet<_>>())
        });
        let undone = undone.await.unwrap_or_default();
        for job in jobs {
            if let JobState::Merged { op: Some(op), .. } = job.state {
                job.undone = undone.contains(&(job.root.clone(), OpId(op)));
            }
        }
    }

    /// What a job made is not wanted. One that was merged is in the worktree, until that is taken back.
    pub(crate) async fn drop_job(self: &Arc<Hub>, job: JobId) -> Result<(), ErrorBody> {
        let mut view = self.job_work(move |hub| hub.jobs.view(job)).await?;
        self.see_undone(std::slice::from_mut(&mut view)).await;
        let undone = match view.state {
            JobState::Merged { op: Some(op), .. } if view.undone => Some(op),
            JobState::Merged { op, .. } => {
                let next = match op {
                    Some(op) => format!("take that back first with `brisk undo {op}`"),
                    None => "the worktree had all of it when it was merged".to_owned(),
                };
                return Err(refuse(Exit::Target, format!("{job} is merged; {next}")));
            }
            JobState::Open
            | JobState::Ready(_)
            | JobState::Failed { .. }
            | JobState::Cancelled
            | JobState::Dropped => None,
        };
        self.job_work(move |hub| hub.jobs.drop_job(job, undone)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::fleet::Fleet;
    use crate::daemon::models::Models;
    use crate::home::Home;
    use brisk_domain::evidence::{Digest, Tree};
    use brisk_domain::job::{Bounds, PatchSize, Proof, Task};
    use brisk_patch::{Hunk, Text};
    use brisk_router::scale::Trust;
    use brisk_worktree::{Probe, Step};
    use std::io;
    use std::sync::atomic::{AtomicBool, Ordering};

    fn task(base: Tree) -> Task {
        Task {
            text: "x".into(),
            files: vec![],
            base,
            draft: false,
            models: vec![],
            bounds: Bounds::default(),
            budget: Default::default(),
            rivalry: Default::default(),
            division: Default::default(),
            degraded: false,
        }
    }

    /// The first rename fails, as on a file that may not be touched.
    struct FailsOnce(AtomicBool);

    impl Probe for FailsOnce {
        fn at(&self, step: Step) -> io::Result<()> {
            match matches!(step, Step::Place(_)) && self.0.swap(false, Ordering::Relaxed) {
                true => Err(io::Error::other("not now")),
                false => Ok(()),
            }
        }
    }

    #[test]
    fn a_write_that_is_completed_later_is_the_merge_that_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap().join("repo");
        std::fs::create_dir(&root).unwrap();
        let init = std::process::Command::new("git")
            .args(["init", "-q"])
            .current_dir(&root)
            .status();
        assert!(init.unwrap().success());
        std::fs::write(root.join("a.txt"), "a\n").unwrap();
        let home = Home::under(&dir.path().join("home"));
        let mut gate = Gate::open(&home, &root).unwrap();
        let base = gate.tree().unwrap();
        let files = gate.shadow.base(&base).unwrap();
        let made = BTreeMap::from([("a.txt".to_owned(), Text::from_str_lossless("b\n"))]);
        let tree = gate.shadow.with_texts(&files, &made).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let models = Models::new(&Default::default(), &home, (None, vec![]), runtime.handle()).unwrap();
        let fleet = Fleet::start(&home, vec![]);
        fleet.trusts().say(&root, Trust::Trusted, &[]).unwrap();
        let jobs = Jobs::start(&home, &BTreeMap::new(), Arc::new(models), fleet).unwrap();
        let lines = vec![Digest::parse(&"b".repeat(64)).unwrap()];
        let ready = Ready {
            winner: 1,
            proof: Proof::new(tree, lines).unwrap(),
            size: PatchSize { lines: 2, files: 1 },
        };
        let row = {
            let mut store = jobs.store();
            let job = store.enqueue(&root, &task(base)).unwrap();
            // The supervisor looks, too: for it this lease is never over.
            let claim = store.claim("test", super::super::wall_us(), u64::MAX >> 2);
            store
                .finish(&claim.unwrap().unwrap(), &JobState::Ready(ready))
                .unwrap();
            store.job(job).unwrap()
        };

        let state = home.state_dir().join("repositories");
        let repo = Repo::open_probed(&root, &state, Arc::new(FailsOnce(AtomicBool::new(true)))).unwrap();
        let hunk = Hunk {
            at: 0,
            old: vec!["a\n".into()],
            new: vec!["b\n".into()],
        };
        let path = "a.txt".to_owned();
        let cut_off = repo.write(Operation {
            session: SessionId(1),
            turn: TurnId(1),
            changes: vec![(HunkId(1), Change::Modify { path, hunk })],
            bases: BTreeMap::new(),
            note: words(&row),
        });
        assert!(matches!(cut_off, Err(WorktreeError::Unfinished { .. })));
        let file = || std::fs::read_to_string(root.join("a.txt")).unwrap();
        assert_eq!(file(), "a\n");

        let wish = Merge {
            cwd: root.clone(),
            job: row.id,
        };
        let merged = jobs.merge(&wish, &repo, SessionId(2)).unwrap();
        assert_eq!((merged, file().as_str()), (Merged::Nothing, "b\n"));
        let state = jobs.store().job(row.id).unwrap().state;
        assert!(matches!(state, JobState::Merged { op: Some(1), .. }), "{state:?}");
        jobs.leave();
    }
}
