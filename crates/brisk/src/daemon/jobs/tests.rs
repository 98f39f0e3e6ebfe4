use super::ask::{Line, Question};
use super::*;
use brisk_domain::evidence::Tree;
use brisk_domain::job::{Bounds, Task};
use brisk_domain::parts::{Division, Part, Parts, Scope};
use brisk_domain::port::{Closeness, GenerateRequest, Priority, Running, Sink};
use brisk_domain::spending::{Budget, Spent};
use brisk_domain::{Candidate, EditFormat};
use brisk_router::fleet::Member;
use brisk_router::scale::Trust;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

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

fn request(priority: Priority) -> GenerateRequest {
    GenerateRequest {
        model: ModelId("local".into()),
        messages: vec![],
        answer_prefix: String::new(),
        stop: vec![],
        prediction: None,
        differ: None,
        closeness: Closeness::Free,
        max_tokens: 9,
        cache_key: 0,
        priority,
    }
}

/// What the only attempt of a job does, once it is `want`; else what it does when time is up.
fn does(jobs: &Jobs, runtime: &tokio::runtime::Runtime, job: JobId, want: &str) -> String {
    let end = Instant::now() + Duration::from_secs(60);
    let mut seen = 0;
    loop {
        seen = runtime.block_on(jobs.news(seen));
        let doing = jobs.view(job).unwrap().attempts.remove(0).doing;
        if doing == want || Instant::now() > end {
            return doing;
        }
    }
}

/// Lets everybody go who waits: a test that fails must end, too.
struct Opens<'a>(&'a brisk_testkit::Controller);

impl Drop for Opens<'_> {
    fn drop(&mut self) {
        ["person", "job"].into_iter().for_each(|gate| self.0.open(gate));
    }
}

/// The engine is of a kind that answers a person first: what waits for it meanwhile says so, and goes back after.
#[test]
fn work_on_the_embedded_model_is_paused_while_a_person_waits_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::under(dir.path());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let local = ModelId("local".into());
    let (engine, control) = brisk_testkit::GatedModel::new();
    let mut models = Models::new(&Default::default(), &home, (None, vec![]), runtime.handle()).unwrap();
    models.embed(local.clone(), Arc::new(engine));
    let models = Arc::new(models);
    let fleet = Fleet::start(&home, vec![Member::new(local.clone(), 8_192)]);
    let jobs = Jobs::start(&home, &BTreeMap::new(), Arc::clone(&models), fleet).unwrap();
    let task = Task {
        models: vec![Candidate {
            model: local,
            format: EditFormat::Region,
            context: 8_192,
        }],
        ..task(Budget::default())
    };
    let (job, claim) = {
        let mut store = jobs.store();
        let job = store.enqueue(dir.path(), &task).unwrap();
        // The supervisor looks, too: for it this lease is never over.
        (
            job,
            store.claim("test", wall_us(), u64::MAX >> 2).unwrap().unwrap(),
        )
    };
    let row = jobs.store().job(job).unwrap();
    let (notes, inbox) = channel();
    let held = Arc::new(Held {
        claim,
        attempts: Mutex::default(),
        halted: Mutex::default(),
        based: Mutex::default(),
        proven: Mutex::default(),
        rivalry: Rivalry::default(),
        purse: Purse::new(task.budget, Spent::default()),
        gone: (Mutex::default(), Condvar::new()),
    });
    let live = Live {
        notes: notes.clone(),
        stop: Stop::new().unwrap(),
        doing: "begins".into(),
        asks: None,
    };
    lock(&held.attempts).insert(1, live);
    lock(&jobs.held).insert(job, Arc::clone(&held));
    control.script(vec![
        brisk_testkit::Step::gate("job"),
        brisk_testkit::Step::text("done"),
        brisk_testkit::Step::done(),
    ]);
    control.script(vec![
        brisk_testkit::Step::gate("person"),
        brisk_testkit::Step::done(),
    ]);
    control.script(vec![brisk_testkit::Step::Hang]);
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| {
            let mut line = Line {
                jobs: &jobs,
                held: &held,
                row: &row,
                id: AttemptId { job, number: 1 },
                notes: &notes,
                inbox,
                generation: 0,
                mine: PatchSize::default(),
            };
            line.ask(&Question::Words(request(Priority::Background)))
        });
        let _opens = Opens(&control);
        let does = |want| does(&jobs, &runtime, job, want);
        assert_eq!(does("asks local"), "asks local");
        control.wait_request(1).unwrap();
        let silent = || -> Sink { Arc::new(|_| {}) };
        let first = models.generate(request(Priority::Interactive), silent());
        assert_eq!(does("paused for you"), "paused for you");
        control.open("person");
        assert_eq!(does("asks local"), "asks local", "the person has their answer");
        // One that the person stops is over, too.
        let second = models.generate(request(Priority::Interactive), silent());
        assert_eq!(does("paused for you"), "paused for you");
        drop(second);
        assert_eq!(does("asks local"), "asks local");
        drop(first);
        control.open("job");
        let said = asked.join().unwrap();
        assert!(matches!(said, Ok(brisk_domain::job::Step::Said { text, .. }) if text == "done"));
    });
    jobs.leave();
}

/// A port that breaks when it is asked, as our own code may anywhere in an attempt.
#[derive(Default)]
struct Breaks(AtomicUsize);

impl brisk_domain::port::Model for Breaks {
    fn generate(&self, _: GenerateRequest, _: Sink) -> Box<dyn Running> {
        self.0.fetch_add(1, Ordering::SeqCst);
        panic!("the port broke")
    }

    fn warm(&self, _: GenerateRequest) {}
}

/// Whether in an attempt, in one at a part, or in the queue that asks for parts: the job fails and says why, once.
#[test]
fn what_breaks_in_our_own_code_ends_the_job_with_a_word() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap().join("repo");
    std::fs::create_dir_all(root.join(".git")).unwrap();
    std::fs::write(root.join("a.txt"), "a\n").unwrap();
    let home = Home::under(&dir.path().join("home"));
    let base = {
        home.prepare().unwrap();
        let mut shadow = brisk_worktree::Shadow::open(&root, home.state_dir()).unwrap();
        shadow.tree().unwrap()
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let local = ModelId("local".into());
    let mut models = Models::new(&Default::default(), &home, (None, vec![]), runtime.handle()).unwrap();
    let breaks = Arc::new(Breaks::default());
    models.embed(
        local.clone(),
        Arc::clone(&breaks) as Arc<dyn brisk_domain::port::Model>,
    );
    let fleet = Fleet::start(&home, vec![Member::new(local.clone(), 8_192)]);
    fleet.trusts().say(&root, Trust::Trusted, &[]).unwrap();
    let jobs = Jobs::start(&home, &BTreeMap::new(), Arc::new(models), fleet).unwrap();
    let part = Part {
        text: "do it".into(),
        files: vec![Scope::new("a.txt").unwrap()],
    };
    let given = Division::Given(Parts::new(vec![part]).unwrap());
    for division in [Division::Whole, given, Division::Asked] {
        let who = Candidate {
            model: local.clone(),
            format: EditFormat::SearchReplace,
            context: 8_192,
        };
        let task = Task {
            base: base.clone(),
            models: vec![who],
            division: division.clone(),
            ..task(Budget::default())
        };
        let job = jobs.store().enqueue(&root, &task).unwrap();
        jobs.look();
        let end = Instant::now() + Duration::from_secs(60);
        let mut seen = 0;
        let state = loop {
            seen = runtime.block_on(jobs.news(seen));
            let state = jobs.view(job).unwrap().state;
            if state != JobState::Open || Instant::now() > end {
                break state;
            }
        };
        let JobState::Failed { why, .. } = &state else {
            panic!("{division:?}: {state:?}");
        };
        assert!(
            why.contains("a fault of Brisk itself ended it: the port broke"),
            "{why}"
        );
        assert_eq!(breaks.0.swap(0, Ordering::SeqCst), 1, "{division:?}");
    }
    jobs.leave();
}

/// Whoever waits for a part hears of its end also where its thread breaks, and nobody takes it for one that works.
#[test]
fn a_part_whose_thread_breaks_is_over() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = JobStore::open(dir.path()).unwrap();
    store
        .enqueue(Path::new("/nowhere"), &task(Budget::default()))
        .unwrap();
    let held = Held {
        claim: store.claim("test", wall_us(), LEASE_US).unwrap().unwrap(),
        attempts: Mutex::default(),
        halted: Mutex::default(),
        based: Mutex::default(),
        proven: Mutex::default(),
        rivalry: Rivalry::default(),
        purse: Purse::new(Budget::default(), Spent::default()),
        gone: (Mutex::default(), Condvar::new()),
    };
    let live = Live {
        notes: channel().0,
        stop: Stop::new().unwrap(),
        doing: String::new(),
        asks: None,
    };
    lock(&held.attempts).insert(2, live);
    let (over, ended) = channel();
    std::thread::scope(|scope| {
        let part = join::PartOver {
            held: &held,
            number: 2,
            over,
        };
        let broken = scope.spawn(move || {
            let _part = part;
            panic!("as a part may");
        });
        assert!(broken.join().is_err());
    });
    assert_eq!(ended.try_recv(), Ok(2));
    assert!(lock(&held.attempts).is_empty());
}
