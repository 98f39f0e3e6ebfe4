//! One owner at a time, nothing lost, nothing twice: whatever happens to whoever works.

#![allow(clippy::unwrap_used, reason = "tests")]

use brisk_domain::JobId;
use brisk_domain::evidence::{Digest, Tree};
use brisk_domain::job::{AttemptId, Bounds, End, JobState, PatchSize, Proof, Ready, Rivalry, Step, Task};
use brisk_domain::spending::{Budget, Spent};
use brisk_store::{Claim, JobStore, StoreError};
use std::collections::BTreeSet;
use std::path::Path;

const LEASE: u64 = 10;

fn tree() -> Tree {
    Tree::parse(&"1".repeat(40)).unwrap()
}

fn task(text: &str) -> Task {
    Task {
        text: text.into(),
        files: vec!["a.rs".into()],
        base: tree(),
        draft: false,
        models: vec![],
        bounds: Bounds::default(),
        budget: Budget::default(),
        rivalry: Rivalry::default(),
        division: Default::default(),
        degraded: false,
    }
}

fn proof() -> Proof {
    Proof::new(tree(), vec![Digest::parse(&"b".repeat(64)).unwrap()]).unwrap()
}

fn proven() -> End {
    End::Proven {
        proof: proof(),
        size: PatchSize { lines: 2, files: 1 },
    }
}

fn ready() -> JobState {
    JobState::Ready(Ready {
        winner: 1,
        proof: proof(),
        size: PatchSize { lines: 2, files: 1 },
    })
}

fn step(text: &str) -> Step {
    Step::Steered { text: text.into() }
}

#[test]
fn a_job_goes_from_hand_to_hand_and_old_hands_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = JobStore::open(dir.path()).unwrap();
    assert_eq!(store.claim("w", 0, LEASE).unwrap(), None);
    let job = store.enqueue(Path::new("/r"), &task("fix it")).unwrap();
    let first = store.claim("w", 100, LEASE).unwrap().unwrap();
    assert_eq!(first.job, job);
    assert_eq!(store.claim("v", 109, LEASE).unwrap(), None, "the lease lasts");
    store.renew(&first, 120).unwrap();
    assert_eq!(store.claim("v", 115, LEASE).unwrap(), None, "it was renewed");
    store.append(&first, 1, 1, &step("one")).unwrap();

    let second = store.claim("v", 120, LEASE).unwrap().unwrap();
    type Write = fn(&mut JobStore, &Claim) -> Result<(), StoreError>;
    let writes: [(&str, Write); 4] = [
        ("renew", |s, c| s.renew(c, 500)),
        ("append", |s, c| s.append(c, 1, 2, &step("late"))),
        ("end", |s, c| s.end(c, 1, &proven())),
        ("finish", |s, c| s.finish(c, &ready())),
    ];
    for (name, write) in writes {
        let refused = write(&mut store, &first);
        assert!(matches!(refused, Err(StoreError::Fenced { .. })), "{name}");
    }
    let seen = store.job(job).unwrap();
    assert_eq!((seen.state, seen.ends), (JobState::Open, vec![]));
    for (name, write) in writes {
        write(&mut store, &second).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
    let seen = store.job(job).unwrap();
    assert_eq!((seen.state, seen.ends), (ready(), vec![(1, proven())]));
    let steps = store.steps(AttemptId { job, number: 1 }, 2).unwrap();
    assert_eq!((steps.len(), &steps[0].step), (1, &step("late")));
    assert!(
        store.renew(&second, 900).is_err(),
        "a finished job is nobody's any more"
    );
}

#[test]
fn steps_come_once_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = JobStore::open(dir.path()).unwrap();
    store.enqueue(Path::new("/r"), &task("x")).unwrap();
    let claim = store.claim("w", 0, LEASE).unwrap().unwrap();
    for (seq, good) in [(2, false), (1, true), (1, false), (3, false), (2, true)] {
        assert_eq!(store.append(&claim, 1, seq, &step("s")).is_ok(), good, "{seq}");
    }
}

#[test]
fn states_change_only_from_where_they_may() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = JobStore::open(dir.path()).unwrap();
    let unknown = store.cancel(JobId(7));
    assert!(matches!(unknown, Err(StoreError::NoJob { .. })));
    let job = store.enqueue(Path::new("/r"), &task("x")).unwrap();
    let claim = store.claim("w", 0, LEASE).unwrap().unwrap();
    let not_yet = store.change(job, &JobState::Dropped, |s| !matches!(s, JobState::Open));
    assert!(matches!(not_yet, Err(StoreError::NotThen { state: "open", .. })));
    store.cancel(job).unwrap();
    assert!(matches!(
        store.finish(&claim, &ready()),
        Err(StoreError::Fenced { .. })
    ));
    let again = store.cancel(job);
    assert!(matches!(
        again,
        Err(StoreError::NotThen {
            state: "cancelled",
            ..
        })
    ));
    assert_eq!(
        store.claim("w", 9_999, LEASE).unwrap(),
        None,
        "it is over for good"
    );
}

#[test]
fn of_many_workers_each_job_has_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = JobStore::open(dir.path()).unwrap();
    let jobs: BTreeSet<JobId> = (0..40)
        .map(|n| store.enqueue(Path::new("/r"), &task(&n.to_string())).unwrap())
        .collect();
    let worker = |n: usize| {
        let dir = dir.path().to_owned();
        std::thread::spawn(move || {
            let mut store = JobStore::open(&dir).unwrap();
            let mut mine = vec![];
            while let Some(claim) = store.claim(&n.to_string(), 5, LEASE).unwrap() {
                store.append(&claim, 1, 1, &step("mine")).unwrap();
                mine.push(claim.job);
            }
            mine
        })
    };
    let workers: Vec<_> = (0..4).map(worker).collect();
    let all: Vec<JobId> = workers.into_iter().flat_map(|w| w.join().unwrap()).collect();
    assert_eq!(all.len(), jobs.len(), "none was done twice");
    assert_eq!(all.into_iter().collect::<BTreeSet<_>>(), jobs);
}

/// A worker's whole life, one write after the other; `true` once the job is over.
fn work(store: &mut JobStore, owner: &str, writes: &mut usize) -> bool {
    let mut left = || {
        *writes = writes.saturating_sub(1);
        *writes > 0
    };
    store.take_over(owner).unwrap();
    let Some(claim) = store.claim(owner, 0, LEASE).unwrap() else {
        return true;
    };
    let attempt = AttemptId {
        job: claim.job,
        number: 1,
    };
    let done = store.steps(attempt, 1).unwrap().len() as u64;
    for seq in done + 1..=4 {
        if !left() {
            return false;
        }
        store.append(&claim, 1, seq, &step(&seq.to_string())).unwrap();
    }
    if !left() {
        return false;
    }
    store.end(&claim, 1, &proven()).unwrap();
    if !left() {
        return false;
    }
    store.finish(&claim, &ready()).unwrap();
    left()
}

#[test]
fn killed_between_any_two_writes_the_next_one_ends_the_job() {
    for writes in 1..9 {
        let dir = tempfile::tempdir().unwrap();
        let mut store = JobStore::open(dir.path()).unwrap();
        let job = store.enqueue(Path::new("/r"), &task("x")).unwrap();
        // As a killed process leaves it: the connection goes, the lease stays.
        work(&mut store, "first", &mut { writes });
        drop(store);
        let mut store = JobStore::open(dir.path()).unwrap();
        work(&mut store, "second", &mut 99);
        let seen = store.job(job).unwrap();
        assert_eq!((seen.state, seen.ends.len()), (ready(), 1), "{writes}");
        let steps = store.steps(AttemptId { job, number: 1 }, 1).unwrap();
        let told: Vec<_> = steps.into_iter().map(|s| s.step).collect();
        assert_eq!(told, ["1", "2", "3", "4"].map(step), "{writes}");
    }
}

#[test]
fn a_job_that_is_put_aside_is_nobodys_until_it_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = JobStore::open(dir.path()).unwrap();
    let job = store.enqueue(Path::new("/r"), &task("fix it")).unwrap();
    let claim = store.claim("w", 100, LEASE).unwrap().unwrap();
    store.pause(job, 150).unwrap();
    store.pause(job, 170).unwrap();
    let late = store.append(&claim, 1, 1, &step("late"));
    assert!(matches!(late, Err(StoreError::Fenced { .. })));
    drop(store);

    let mut store = JobStore::open(dir.path()).unwrap();
    store.take_over("v").unwrap();
    assert_eq!(
        store.claim("v", 10_000, LEASE).unwrap(),
        None,
        "also after a restart"
    );
    assert!(store.job(job).unwrap().paused);
    store.resume(job, 250).unwrap();
    store.resume(job, 400).unwrap();
    let row = store.job(job).unwrap();
    assert_eq!(
        (row.paused, row.rested_us),
        (false, 100),
        "from the first word to the first"
    );
    let claim = store.claim("v", 300, LEASE).unwrap().unwrap();
    store.pause(job, 300).unwrap();
    store.cancel(job).unwrap();
    assert!(matches!(store.pause(job, 1), Err(StoreError::NotThen { .. })));
    assert!(matches!(store.resume(job, 1), Err(StoreError::NotThen { .. })));
    assert!(matches!(
        store.finish(&claim, &ready()),
        Err(StoreError::Fenced { .. })
    ));
}

#[test]
fn what_is_spent_adds_up_whoever_owns_the_job() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = JobStore::open(dir.path()).unwrap();
    let job = store.enqueue(Path::new("/r"), &task("fix it")).unwrap();
    let attempt = |number| AttemptId { job, number };
    let spent = |tokens, micros| Spent { tokens, micros };
    store.charge(attempt(1), spent(10, 3)).unwrap();
    store.cancel(job).unwrap();
    store.charge(attempt(1), spent(5, 0)).unwrap();
    store.charge(attempt(2), spent(1, 1)).unwrap();
    let row = store.job(job).unwrap();
    assert_eq!((row.spent_by(1), row.spent_by(3)), (spent(15, 3), spent(0, 0)));
    assert_eq!(row.spent(), spent(16, 4));
}

#[test]
fn words_wait_for_each_attempt_and_are_heard_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = JobStore::open(dir.path()).unwrap();
    let job = store.enqueue(Path::new("/r"), &task("fix it")).unwrap();
    store.say(job, &[1, 2], "keep it short").unwrap();
    drop(store);
    let mut store = JobStore::open(dir.path()).unwrap();
    let old = store.claim("w", 100, LEASE).unwrap().unwrap();
    store.append(&old, 1, 1, &step("before")).unwrap();
    assert_eq!(store.hear(&old, 1, 2).unwrap(), [step("keep it short")]);
    assert_eq!(store.hear(&old, 1, 3).unwrap(), []);
    let new = store.claim("v", 500, LEASE).unwrap().unwrap();
    assert!(matches!(store.hear(&old, 2, 1), Err(StoreError::Fenced { .. })));
    assert_eq!(store.hear(&new, 2, 1).unwrap(), [step("keep it short")]);
    let steps = store.steps(AttemptId { job, number: 1 }, 1).unwrap();
    assert_eq!(steps.iter().map(|s| s.seq).collect::<Vec<_>>(), [1, 2]);
    store.cancel(job).unwrap();
    assert!(matches!(
        store.say(job, &[1], "late"),
        Err(StoreError::NotThen { .. })
    ));
}

/// Jobs in a line each: the newest ones, and those that somebody still has to do with, of one repository.
#[test]
fn lines_are_of_one_repository_and_leave_out_nothing_that_is_not_settled() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = JobStore::open(dir.path()).unwrap();
    let (ours, others) = (Path::new("/ours"), Path::new("/others"));
    for n in 1..=9 {
        let root = if n % 3 == 0 { others } else { ours };
        store.enqueue(root, &task(&format!("job {n}"))).unwrap();
    }
    // Of ours: 1 ready, 2 open, 4 merged, 5 cancelled, 7 dropped, 8 failed.
    let ends = [
        (1, ready()),
        (
            4,
            JobState::Merged {
                ready: Ready {
                    winner: 1,
                    proof: proof(),
                    size: PatchSize { lines: 2, files: 1 },
                },
                op: Some(1),
            },
        ),
        (5, JobState::Cancelled),
        (7, JobState::Dropped),
        (
            8,
            JobState::Failed {
                why: "no".into(),
                best: None,
            },
        ),
    ];
    for (n, state) in &ends {
        store.change(JobId(*n), state, |_| true).unwrap();
    }
    let ids =
        |root, limit| -> Vec<u64> { store.lines(root, limit).unwrap().iter().map(|l| l.id.0).collect() };
    for (limit, want) in [
        (0, &[2, 1][..]),
        (1, &[8, 2, 1]),
        (3, &[8, 7, 5, 2, 1]),
        (usize::MAX, &[8, 7, 5, 4, 2, 1]),
    ] {
        assert_eq!(ids(ours, limit), want, "{limit}");
    }
    assert_eq!(ids(Path::new("/none"), 9), [0; 0]);
    let first = store.lines(ours, 1).unwrap().pop().unwrap();
    assert_eq!((&*first.text, first.state), ("job 1", ready()));
}

#[test]
fn a_store_of_the_second_form_is_taken_over_with_its_jobs() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = JobStore::open(dir.path()).unwrap();
    store.enqueue(Path::new("/ours"), &task("job 1")).unwrap();
    drop(store);
    let db = rusqlite::Connection::open(dir.path().join("jobs.db")).unwrap();
    db.execute_batch("DROP INDEX jobs_of; DROP INDEX unsettled_jobs; PRAGMA user_version = 2;")
        .unwrap();
    drop(db);
    let store = JobStore::open(dir.path()).unwrap();
    assert_eq!(store.lines(Path::new("/ours"), 9).unwrap().len(), 1);
}
