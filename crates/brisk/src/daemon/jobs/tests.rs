use super::*;
use brisk_domain::evidence::Tree;
use brisk_domain::job::{Bounds, Task};
use brisk_domain::spending::{Budget, Spent};
use std::path::Path;

fn task(budget: Budget) -> Task {
    Task {
        text: "x".into(),
        files: vec![],
        base: Tree::parse(&"1".repeat(40)).unwrap(),
        draft: false,
        models: vec![],
        bounds: Bounds::default(),
        budget,
        rivalry: Rivalry::default(),
        division: Default::default(),
        degraded: false,
    }
}

/// Put aside and taken up again at once: what the stopped request took counts, however late it is known.
#[test]
fn a_job_goes_on_with_all_that_was_taken_before() {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::under(dir.path());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let models = Models::new(&Default::default(), &home, (None, vec![]), runtime.handle()).unwrap();
    let fleet = Fleet::start(&home, vec![]);
    let jobs = Jobs::start(&home, &BTreeMap::new(), Arc::new(models), fleet).unwrap();
    let budget = Budget {
        tokens: Some(10),
        micros: None,
    };
    let (job, claim) = {
        let mut store = jobs.store();
        let job = store.enqueue(Path::new("/nowhere"), &task(budget)).unwrap();
        // The supervisor looks, too: for it this lease is never over.
        let claim = store.claim("test", wall_us(), u64::MAX >> 2).unwrap().unwrap();
        (job, claim)
    };
    let held = |claim: Claim| {
        Arc::new(Held {
            claim,
            attempts: Mutex::default(),
            halted: Mutex::default(),
            based: Mutex::default(),
            proven: Mutex::default(),
            rivalry: Rivalry::default(),
            purse: Purse::new(budget, Spent::default()),
            gone: (Mutex::default(), Condvar::new()),
        })
    };
    let before = held(claim.clone());
    lock(&jobs.held).insert(job, Arc::clone(&before));
    jobs.begin(claim);
    let next = lock(&jobs.held).get(&job).cloned().unwrap();
    let spent = Spent {
        tokens: 10,
        micros: 0,
    };
    jobs.store().charge(AttemptId { job, number: 1 }, spent).unwrap();
    drop(Over {
        jobs: Arc::clone(&jobs),
        held: before,
    });
    next.wait_gone();
    assert!(next.purse.used_up().is_some());
    jobs.leave();
}
