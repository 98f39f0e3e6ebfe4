//! A write that is cut off at any point leaves everything as before or everything as after, and no rubbish.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may"
)]

mod common;

use brisk_patch::Change;
use brisk_worktree::{Probe, Repo, Step, Which, WorktreeError};
use common::*;
use std::io::{self, BufRead, BufReader, Write};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Cuts a write off before its n-th step.
struct CutAt {
    n: usize,
    how: How,
    seen: AtomicUsize,
    last: Mutex<Option<Step>>,
}

#[derive(Clone, Copy, PartialEq)]
enum How {
    Crash,
    DiskFull,
}

impl CutAt {
    fn new(n: usize, how: How) -> Arc<CutAt> {
        Arc::new(CutAt {
            n,
            how,
            seen: AtomicUsize::new(0),
            last: Mutex::new(None),
        })
    }
}

impl Probe for CutAt {
    fn at(&self, step: Step) -> io::Result<()> {
        if self.seen.fetch_add(1, Ordering::Relaxed) != self.n {
            return Ok(());
        }
        *self.last.lock().unwrap() = Some(step);
        match self.how {
            // Unlike `panic!`, says nothing on stderr.
            How::Crash => resume_unwind(Box::new("cut")),
            How::DiskFull => Err(io::ErrorKind::StorageFull.into()),
        }
    }
}

fn place() -> Place {
    let p = Place::with(&[("run.sh", "a\nb\n"), ("dir/x", "1\n2\n"), ("old", "gone\n")]);
    p.mode("run.sh", 0o755);
    p
}

fn changes() -> Vec<Change> {
    vec![
        modify("run.sh", 0, "a\n", "A\n"),
        modify("dir/x", 1, "2\n", "two\n"),
        create("dir/new/deep", "n\n"),
        create("other", "o\n"),
        delete("old", "gone\n"),
    ]
}

type Prepare = fn(&Repo);
type Act = fn(&Repo) -> Result<(), WorktreeError>;

/// What a write, an undo and a redo of it do, each with what came before it.
fn scenarios() -> Vec<(&'static str, Prepare, Act)> {
    vec![
        ("write", |_| (), |r| write(r, 1, 1, changes()).map(|_| ())),
        (
            "undo",
            |r| drop(write(r, 1, 1, changes()).unwrap()),
            |r| r.undo(Which::Last).map(|_| ()),
        ),
        (
            "redo",
            |r| {
                write(r, 1, 1, changes()).unwrap();
                r.undo(Which::Last).unwrap();
            },
            |r| r.redo().map(|_| ()),
        ),
    ]
}

/// The tree before, and after the operation went through.
fn both(prepare: Prepare, act: Act) -> (Tree, Tree) {
    let p = place();
    let repo = p.open();
    prepare(&repo);
    let before = p.tree();
    act(&repo).unwrap();
    (before, p.tree())
}

#[test]
fn a_crash_before_any_step_leaves_before_or_after() {
    for (name, prepare, act) in scenarios() {
        let (before, after) = both(prepare, act);
        let (mut befores, mut afters) = (0, 0);
        for n in 0.. {
            let p = place();
            prepare(&p.open());
            let cut = CutAt::new(n, How::Crash);
            let repo = Repo::open_probed(&p.root, &p.state, cut.clone()).unwrap();
            let crashed = catch_unwind(AssertUnwindSafe(|| act(&repo))).is_err();
            drop(repo);
            if !crashed {
                break;
            }
            let step = cut.last.lock().unwrap().unwrap();
            let repo = p.open();
            let found = p.tree();
            let told = repo.recovered().cloned();
            if found == before {
                befores += 1;
                assert!(
                    told.is_none_or(|r| r.completed.is_empty() && r.left.is_empty()),
                    "{name} {step:?}"
                );
                act(&repo).unwrap();
                assert_eq!(p.tree(), after, "{name} {step:?}: it can be done again");
            } else {
                afters += 1;
                assert_eq!(found, after, "{name} before {step:?}");
                let told = told.unwrap();
                assert_eq!((told.completed.len(), told.left.len()), (1, 0), "{name} {step:?}");
            }
            drop(repo);
            let repo = p.open();
            assert!(repo.recovered().is_none(), "{name} {step:?}: recovered once");
            match name {
                "undo" => repo.redo().map(|_| ()).unwrap(),
                _ => repo.undo(Which::Last).map(|_| ()).unwrap(),
            }
        }
        assert!(
            befores >= 8 && afters >= 5,
            "{name}: {befores} before, {afters} after"
        );
    }
}

#[test]
fn a_full_disk_at_any_step_changes_nothing_or_is_completed_later() {
    for (name, prepare, act) in scenarios() {
        let (before, after) = both(prepare, act);
        for n in 0.. {
            let p = place();
            prepare(&p.open());
            let repo = Repo::open_probed(&p.root, &p.state, CutAt::new(n, How::DiskFull)).unwrap();
            match act(&repo) {
                Ok(()) => break,
                Err(WorktreeError::DiskFull { .. }) => {
                    assert_eq!(p.tree(), before, "{name} step {n}");
                    act(&repo).unwrap();
                }
                Err(WorktreeError::Unfinished { .. }) => {
                    repo.log(1).unwrap();
                }
                Err(other) => panic!("{name} step {n}: {other}"),
            }
            assert_eq!(p.tree(), after, "{name} step {n}");
            drop(repo);
            assert!(p.open().recovered().is_none(), "{name} step {n}");
        }
    }
}

#[test]
fn a_file_edited_between_crash_and_start_is_left_as_it_is() {
    let p = place();
    // Steps: blobs, intent, folder, 5 files, compare, commit; then the first rename.
    let repo = Repo::open_probed(&p.root, &p.state, CutAt::new(10, How::Crash)).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| write(&repo, 1, 1, changes()))).is_err());
    drop(repo);
    p.put("dir/x", "mine\n");
    p.put("other", "mine too\n");
    let repo = p.open();
    let mut left = repo.recovered().unwrap().left.clone();
    left.sort();
    assert_eq!(left, ["dir/x", "other"]);
    assert_eq!(
        (p.get("dir/x"), p.get("other"), p.get("run.sh")),
        ("mine\n".into(), "mine too\n".into(), "A\nb\n".into())
    );
    assert!(p.tree().keys().all(|k| !k.contains(".brisk")));
    let u = repo.undo(Which::Last).unwrap();
    assert!(u.conflicted.is_empty(), "what was left is not in effect");
    assert_eq!(u.hunks.len(), 3);
    assert_eq!(
        (p.get("dir/x"), p.get("run.sh")),
        ("mine\n".into(), "a\nb\n".into())
    );
}

/// Changes a file of the person while the write is between two of its steps.
struct EditAt {
    step: Step,
    times: AtomicUsize,
    path: std::path::PathBuf,
}

impl Probe for EditAt {
    fn at(&self, step: Step) -> io::Result<()> {
        let more = self
            .times
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |t| t.checked_sub(1))
            .is_ok();
        if step == self.step && more {
            let text = std::fs::read_to_string(&self.path).unwrap_or_default();
            std::fs::write(&self.path, format!("mine\n{text}"))?;
        } else if more {
            self.times.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}

#[test]
fn an_edit_during_the_write_is_never_lost() {
    // (when, how often, what the file is then, kept, written at all)
    let cases = [
        (Step::Blobs, 1, "mine\n1\ntwo\n", true),
        (Step::Compare, 1, "mine\n1\ntwo\n", true),
        (Step::Place(0), 1, "mine\n1\n2\n", false),
        (Step::Compare, 99, "", false),
    ];
    for (step, times, want, kept) in cases {
        let p = Place::with(&[("a", "1\n2\n"), ("b", "1\n")]);
        let probe = EditAt {
            step,
            times: AtomicUsize::new(times),
            path: p.root.join("a"),
        };
        let repo = Repo::open_probed(&p.root, &p.state, Arc::new(probe)).unwrap();
        let mut op = operation(
            1,
            1,
            vec![modify("a", 1, "2\n", "two\n"), modify("b", 0, "1\n", "one\n")],
        );
        op.bases.insert("a".into(), text("1\n2\n"));
        let done = repo.write(op).unwrap();
        assert_eq!(done.kept.contains(&brisk_domain::HunkId(1)), kept, "{step:?}");
        assert_eq!(done.conflicted.iter().any(|(id, _)| id.0 == 1), !kept, "{step:?}");
        if times == 1 {
            assert_eq!(p.get("a"), want, "{step:?}");
            assert_eq!(p.get("b"), "one\n");
        } else {
            assert!(p.get("a").starts_with("mine\nmine\n") && p.get("a").ends_with("1\n2\n"));
            assert_eq!((p.get("b"), done.op), ("1\n".into(), None));
        }
        assert!(p.tree().keys().all(|k| !k.contains(".brisk")));
    }
}

const CHILD: &str = "BRISK_WORKTREE_TEST_CHILD";

/// Not a test of its own: writes until it is killed, when the test below starts this program again.
#[test]
fn child_that_writes() {
    let Ok(top) = std::env::var(CHILD) else { return };
    let top = Path::new(&top);
    let repo = Repo::open(&top.join("repo"), &top.join("state")).unwrap();
    let version = |path: &str| repo.read(path).unwrap().text.joined();
    for _ in 0..300 {
        let (old, twin) = (version("a"), version("b"));
        assert_eq!(old, twin);
        let new = format!("{}\n", old.trim().parse::<u64>().unwrap() + 1);
        let mut op = operation(1, 1, vec![modify("a", 0, &old, &new), modify("b", 0, &old, &new)]);
        op.note.clone_from(&new);
        assert_eq!(repo.write(op).unwrap().kept.len(), 2);
        io::stdout()
            .write_all(format!("\ndone {new}").as_bytes())
            .unwrap();
    }
}

#[test]
fn a_real_kill_leaves_nothing_torn() {
    // More rounds for a longer look: BRISK_KILL_ROUNDS=1000 takes some ten minutes.
    let rounds = std::env::var("BRISK_KILL_ROUNDS")
        .ok()
        .and_then(|n| n.parse().ok());
    kill(rounds.unwrap_or(60));
}

fn kill(rounds: u32) {
    let p = Place::with(&[("a", "0\n"), ("b", "0\n")]);
    let top = p.root.parent().unwrap();
    let mut told = 0;
    for round in 0..rounds {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child_that_writes", "--exact", "--nocapture"])
            .env(CHILD, top)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut acknowledged = 0;
        for _ in 0..=round % 4 {
            let line = lines
                .by_ref()
                .map_while(Result::ok)
                .find_map(|l| l.strip_prefix("done ").map(str::to_owned));
            acknowledged = line.map_or(acknowledged, |l| l.trim().parse().unwrap());
        }
        // A different moment each time: a few hundred microseconds further into the next write.
        let started = std::time::Instant::now();
        while started.elapsed().as_micros() < u128::from(round * 211 % 9000) {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        child.wait().unwrap();

        let repo = p.open();
        told += usize::from(repo.recovered().is_some());
        let version: u64 = p.get("a").trim().parse().unwrap();
        assert_eq!(p.get("a"), p.get("b"), "round {round}");
        assert!(
            version >= acknowledged,
            "round {round}: {version} after {acknowledged} was told"
        );
        let log = repo.log(usize::MAX).unwrap();
        assert_eq!(log.len() as u64, version, "round {round}");
        assert!(log.iter().all(|op| op.in_effect == (2, 2)));
        assert!(
            p.tree()
                .keys()
                .all(|k| [".git/", ".git/HEAD", "a", "b"].contains(&k.as_str())),
            "{:?}",
            p.tree().keys()
        );
    }
    println!("{told} of {rounds} kills fell into a write");
    let repo = p.open();
    for want in (0..p.get("a").trim().parse::<u64>().unwrap()).rev().take(20) {
        repo.undo(Which::Last).unwrap();
        assert_eq!(p.get("a"), format!("{want}\n"));
    }
}

const FULL: &str = "BRISK_WORKTREE_TEST_FULL";

/// Not a test of its own: runs on a disk of 256 KiB that the test below mounts.
#[test]
fn child_with_a_small_disk() {
    let Ok(top) = std::env::var(FULL) else { return };
    let top = Path::new(&top);
    let (root, state) = (top.join("repo"), top.join("state"));
    std::fs::create_dir_all(root.join(".git")).unwrap();
    std::fs::write(root.join("a"), "1\n").unwrap();
    std::fs::write(root.join("b"), "1\n").unwrap();
    let repo = Repo::open(&root, &state).unwrap();
    let big = "x\n".repeat(200 << 10);
    let changes = vec![
        modify("b", 0, "1\n", "2\n"),
        modify("a", 0, "1\n", &big),
        create("new/c", "c\n"),
    ];
    let e = write(&repo, 1, 1, changes).unwrap_err();
    assert!(matches!(e, WorktreeError::DiskFull { .. }), "{e:?}");
    let names = |dir: &Path| {
        let mut v: Vec<String> = std::fs::read_dir(dir)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        v.sort();
        v
    };
    assert_eq!(names(&root), [".git", "a", "b"]);
    assert_eq!(std::fs::read_to_string(root.join("b")).unwrap(), "1\n");
    write(&repo, 1, 10, vec![modify("b", 0, "1\n", "2\n")]).unwrap();
    drop(repo);
    let repo = Repo::open(&root, &state).unwrap();
    assert!(
        repo.recovered()
            .is_none_or(|r| r.completed.is_empty() && r.left.is_empty())
    );
    repo.undo(Which::Last).unwrap();
    assert_eq!(std::fs::read_to_string(root.join("b")).unwrap(), "1\n");
}

/// A real small disk, once under the state folder and once under the repository. Needs the right to mount in a
/// namespace of its own; without it the injected full disk above has to do.
#[test]
fn a_disk_that_is_really_full_changes_nothing() {
    for full in ["state", "repo"] {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join(full)).unwrap();
        let script = format!(
            "mount -t tmpfs -o size=256k none \"$1/{full}\" || exit 77; exec \"$2\" child_with_a_small_disk --exact"
        );
        let status = Command::new("unshare")
            .args(["--mount", "sh", "-c", &script, "sh"])
            .arg(dir.path())
            .arg(std::env::current_exe().unwrap())
            .env(FULL, dir.path())
            .stdout(Stdio::null())
            .status();
        match status.map(|s| s.code()) {
            Ok(Some(0)) => {}
            Ok(Some(101)) => panic!("failed with a full disk under {full}"),
            other => println!("skipped, no right to mount here: {other:?}"),
        }
    }
}
