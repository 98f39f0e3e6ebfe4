use super::*;
use brisk_domain::CancelReason;
use brisk_domain::port::{Fault, FaultSource, Finish, ModelEvent, Retry, Usage};
use brisk_router::policy::{read_person, read_repository};
use brisk_router::speed::ENOUGH;
use std::sync::Barrier;
use tempfile::TempDir;

const ESTIMATE: Amount = Amount {
    tokens: 1_000,
    money: Some(10),
};

fn model(name: &str) -> ModelId {
    ModelId(name.into())
}

/// A fleet of two models of one vendor and one of another, in a home of its own.
fn fleet() -> (Arc<Fleet>, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let member = |name: &str, pool: &str| Member {
        pool: pool.into(),
        ..Member::new(model(name), 8_192)
    };
    let members = vec![member("a", "vendor"), member("b", "vendor"), member("c", "other")];
    (Fleet::start(&Home::under(dir.path()), members), dir)
}

fn policy(text: &str) -> Policy {
    let (file, findings) = read_person(text);
    assert!(findings.is_empty(), "{findings:?}");
    Policy::built_in().with(&file)
}

fn admit(fleet: &Arc<Fleet>, name: &str, policy: &Policy, at: u64) -> Result<Ticket, Denied> {
    fleet.admit(&model(name), Lane::Fast, ESTIMATE, policy, Now(at))
}

fn text(text: &str) -> ModelEvent {
    ModelEvent::Text { text: text.into() }
}

fn done(input: usize, output: usize) -> ModelEvent {
    let usage = Usage {
        input,
        output,
        ..Usage::default()
    };
    let finish = Finish::Stop;
    ModelEvent::Done { finish, usage }
}

fn failed(source: FaultSource, retry: Retry) -> ModelEvent {
    let message = "no".into();
    ModelEvent::Failed {
        fault: Fault {
            source,
            retry,
            message,
        },
    }
}

#[test]
fn racing_callers_are_never_admitted_beyond_the_bound() {
    let (fleet, _dir) = fleet();
    let policy = policy("[models.a]\nquota = { concurrent = 5 }\n");
    let start = Barrier::new(64);
    let held: Vec<Ticket> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..64)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    admit(&fleet, "a", &policy, 1).ok()
                })
            })
            .collect();
        callers.into_iter().filter_map(|c| c.join().unwrap()).collect()
    });
    assert_eq!(held.len(), 5);
    assert_eq!(admit(&fleet, "a", &policy, 2).err().unwrap().reach, Reach::Model);
    assert!(
        admit(&fleet, "b", &policy, 2).is_ok(),
        "another model has its own"
    );
    drop(held);
    assert!(admit(&fleet, "a", &policy, 3).is_ok(), "whoever goes gives back");
}

/// What is left of a thousand tokens a minute after one request, by how it ended.
#[test]
fn a_request_is_settled_by_what_it_used_however_it_ends() {
    type Ends = fn(&mut Ticket);
    let cases: [(&str, u64, Ends); 6] = [
        ("counted by the server", 150, |t| {
            t.saw(&ModelEvent::Sent, Now(2));
            t.saw(&done(100, 50), Now(3));
        }),
        ("refused", 0, |t| {
            t.saw(&ModelEvent::Sent, Now(2));
            t.saw(&failed(FaultSource::Request, Retry::Never), Now(3));
        }),
        ("cut", 10, |t| {
            t.saw(&ModelEvent::Sent, Now(2));
            t.saw(&text(&"x".repeat(40)), Now(3));
            t.saw(&failed(FaultSource::Network, Retry::Elsewhere), Now(4));
        }),
        ("stopped", 10, |t| {
            t.saw(&ModelEvent::Sent, Now(2));
            t.saw(&text(&"x".repeat(40)), Now(3));
            t.stopped(CancelReason::Interrupted, Now(4));
        }),
        ("dropped on the way", 10, |t| {
            t.saw(&text(&"x".repeat(40)), Now(3))
        }),
        ("never sent", 0, |t| t.stopped(CancelReason::Steered, Now(2))),
    ];
    for (how, used, ends) in cases {
        let (fleet, _dir) = fleet();
        let policy = policy("[models.a]\nquota = { tokens_per_min = 1_000 }\n");
        let mut ticket = admit(&fleet, "a", &policy, 1).unwrap();
        ends(&mut ticket);
        drop(ticket);
        let left = |tokens| {
            let estimate = Amount { tokens, money: None };
            let ticket = fleet.admit(&model("a"), Lane::Fast, estimate, &policy, Now(5));
            ticket.is_ok()
        };
        assert!(!left(1_001 - used), "{how}: more is left than there is");
        assert!(left(1_000 - used), "{how}");
    }
}

#[test]
fn a_vendor_that_names_a_time_is_left_alone_until_then() {
    for (retry, until) in [
        (Retry::After { ms: 30_000 }, 30_000_003),
        (Retry::Elsewhere, 10_000_003),
    ] {
        let (fleet, _dir) = fleet();
        let policy = Policy::built_in();
        let mut ticket = admit(&fleet, "a", &policy, 1).unwrap();
        ticket.saw(&failed(FaultSource::Quota, retry), Now(3));
        drop(ticket);
        for name in ["a", "b"] {
            let denied = admit(&fleet, name, &policy, until - 1).err().unwrap();
            assert_eq!(denied.reach, Reach::Pool, "{name}");
        }
        assert!(admit(&fleet, "c", &policy, 4).is_ok(), "the other vendor");
        assert!(admit(&fleet, "a", &policy, until).is_ok(), "and then it is back");
    }
}

#[test]
fn failures_open_a_breaker_and_one_probe_goes_first() {
    let (fleet, dir) = fleet();
    let policy = Policy::built_in();
    let fail = |at| {
        let mut ticket = admit(&fleet, "a", &policy, at).unwrap();
        ticket.saw(&failed(FaultSource::Network, Retry::Elsewhere), Now(at));
    };
    let health = |at| fleet.board(dir.path(), Now(at)).unwrap().fleet[0].usable.clone();
    (1..=3).for_each(fail);
    assert!(matches!(health(4), Usable::As(Health::Down(_))));
    assert!(admit(&fleet, "a", &policy, 4).is_err());
    let later = 3_000_000;
    assert_eq!(health(later), Usable::As(Health::Probe));
    let mut probe = admit(&fleet, "a", &policy, later).unwrap();
    assert!(admit(&fleet, "a", &policy, later).is_err(), "one at a time");
    probe.saw(&done(1, 1), Now(later));
    drop(probe);
    assert_eq!(health(later), Usable::As(Health::Ready));
}

#[test]
fn answers_make_a_models_speed() {
    let (fleet, dir) = fleet();
    let policy = Policy::built_in();
    let speed = |at| fleet.board(dir.path(), Now(at)).unwrap().fleet[0].speed;
    let mut at = 0;
    for _ in 0..ENOUGH {
        assert_eq!(speed(at), None, "not enough yet");
        let mut ticket = admit(&fleet, "a", &policy, at).unwrap();
        assert_eq!(fleet.board(dir.path(), Now(at)).unwrap().fleet[0].busy, 1);
        ticket.saw(&ModelEvent::Sent, Now(at + 10));
        ticket.saw(&text("x"), Now(at + 210));
        ticket.saw(&done(10, 101), Now(at + 1_000_210));
        at += 1_000_300;
    }
    let measured = speed(at).unwrap();
    assert_eq!((measured.ttft_p95_us, measured.tokens_per_s), (200, 100));
    // One that was given up before it spoke counts as late as it was.
    let mut ticket = admit(&fleet, "a", &policy, at).unwrap();
    ticket.saw(&ModelEvent::Sent, Now(at));
    ticket.stopped(CancelReason::Superseded, Now(at + 900));
    drop(ticket);
    assert_eq!(speed(at).unwrap().ttft_p95_us, 900);
}

#[test]
fn a_repositorys_own_bounds_hold_for_its_requests_only() {
    let (fleet, _dir) = fleet();
    let wide = policy("[models.a]\nquota = { concurrent = 2 }\n");
    let (less, _) = read_repository("[models.a]\nquota = { concurrent = 1 }\n", &wide);
    let narrow = wide.clone().tighten(&less);
    let _one = admit(&fleet, "a", &narrow, 1).unwrap();
    assert!(admit(&fleet, "a", &narrow, 1).is_err());
    let _two = admit(&fleet, "a", &wide, 1).unwrap();
    assert!(admit(&fleet, "a", &wide, 1).is_err());
}

#[test]
fn a_policy_is_read_again_when_its_text_changed() {
    let (fleet, dir) = fleet();
    let file = routing::person_file(&Home::under(dir.path()));
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let enabled = || {
        fleet
            .board(dir.path(), Now(1))
            .map(|b| b.policy.model("a").bounds.enabled)
    };
    assert_eq!(enabled(), Ok(true));
    std::fs::write(&file, "[models.a]\nenabled = false\n").unwrap();
    assert_eq!(enabled(), Ok(false));
    std::fs::write(&file, "[models.a]\nenabled = 3\n").unwrap();
    let said = enabled().unwrap_err();
    assert!(
        said.contains("policy.toml:2:11") && said.contains("brisk route check"),
        "{said}"
    );
}

/// The person says which models share a vendor's limits.
#[test]
fn a_pool_of_the_policy_is_blocked_together() {
    let (fleet, dir) = fleet();
    let text = "[models.c]\npool = \"vendor\"\n[models.b]\npool = \"own\"\n";
    std::fs::write(dir.path().join("policy.toml"), text).unwrap();
    let pools = |board: &Board| -> Vec<String> { board.fleet.iter().map(|m| m.pool.clone()).collect() };
    let board = fleet.board(dir.path(), Now(0)).unwrap();
    assert_eq!(pools(&board), ["vendor", "own", "vendor"]);
    let mut ticket = admit(&fleet, "a", &board.policy, 1).unwrap();
    ticket.saw(&failed(FaultSource::Quota, Retry::After { ms: 60_000 }), Now(2));
    drop(ticket);
    for (name, reach) in [("c", Some(Reach::Pool)), ("b", None)] {
        let got = admit(&fleet, name, &board.policy, 3)
            .err()
            .map(|denied| denied.reach);
        assert_eq!(got, reach, "{name}");
    }
}

/// A bound of money is met where the price is known; where it is not, nobody waits for it.
#[test]
fn what_waiting_does_not_mend_is_said_to_last() {
    let (fleet, dir) = fleet();
    let text = "[lanes.slow]\nquota = { dollars_per_day = 1.0 }\n[models.a]\nprice = { input = 1.0, output = 1.0 }\n";
    std::fs::write(dir.path().join("policy.toml"), text).unwrap();
    let board = fleet.board(dir.path(), Now(0)).unwrap();
    let size = brisk_router::score::Size {
        input: 1_000,
        output: 1_000,
    };
    let ask = |name: &str| {
        let estimate = board.estimate(&model(name), Lane::Slow, size).unwrap_or_default();
        let got = fleet.admit(&model(name), Lane::Slow, estimate, &board.policy, Now(1));
        got.err().map(|denied| (!denied.frees.passes(), denied.message))
    };
    assert_eq!(ask("a"), None, "2,000 micro-dollars of a million");
    let (lasting, why) = ask("b").unwrap();
    assert!(lasting && why.contains("price is not known"), "{why}");
    assert!(ask("gone").unwrap().0, "nobody of that name comes by waiting");
    let one = policy("[lanes.slow]\nquota = { concurrent = 1 }\n");
    let admit_at = |policy: &Policy, at| fleet.admit(&model("a"), Lane::Slow, ESTIMATE, policy, Now(at));
    let admit = || admit_at(&one, 2);
    let held = admit().unwrap();
    assert_eq!(admit().err().unwrap().frees, Frees::Ended, "a place comes back");
    drop(held);
    let few = policy("[models.a]\nquota = { tokens_per_min = 999 }\n");
    let denied = admit_at(&few, 3).err().unwrap();
    assert!(
        denied.frees == Frees::Never && denied.message.ends_with(RAISE),
        "{}",
        denied.message
    );
    // Whoever watches is told of what changed, and not of each second that goes by.
    let one = policy("[models.a]\nquota = { requests_per_min = 1 }\n");
    let (now, later) = (admit_at(&one, 5), admit_at(&one, 30_000_005));
    let (now, later) = (now.err().unwrap(), later.err().unwrap());
    assert!(matches!(now.frees, Frees::At(_)), "{now:?}");
    assert_eq!(now, later);
}

/// Callers race over several daemons, which end in order or are forgotten without a word: nobody gets more than there is.
#[test]
fn a_daemon_begins_with_what_the_last_one_lent() {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::under(dir.path());
    let policy = policy("[models.a]\nquota = { tokens_per_min = 100_000, concurrent = 64 }\n");
    let begin = || {
        let member = Member::new(model("a"), 8_192);
        Fleet::start(&home, vec![member])
    };
    // 40,000 are used; of a request that nobody lived to settle the estimate stands.
    let first = begin();
    for _ in 0..39 {
        let mut ticket = admit(&first, "a", &policy, 1).unwrap();
        ticket.saw(&done(900, 100), Now(2));
    }
    std::mem::forget(admit(&first, "a", &policy, 1).unwrap());
    first.close();
    let mut granted = 40;
    for _ in 0..2 {
        let fleet = begin();
        let now = crate::daemon::now().0;
        let left = fleet.quotas.with(|ledger| {
            routing::limit(ledger, &policy, &fleet.members);
            ledger.model_left("a", Now(now))
        });
        assert_eq!(left, [(Bound::Tokens, 100_000 - granted * 1_000, 100_000)]);
        let start = Barrier::new(64);
        let got: Vec<Ticket> = std::thread::scope(|scope| {
            let callers: Vec<_> = (0..64)
                .map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        admit(&fleet, "a", &policy, now).ok()
                    })
                })
                .collect();
            callers.into_iter().filter_map(|c| c.join().unwrap()).collect()
        });
        granted += got.len() as u64;
        // Dead: nobody settles, and nobody holds a place in the next one.
        got.into_iter().for_each(std::mem::forget);
        fleet.close();
    }
    assert_eq!(granted, 100, "all of it, once");
    let next = begin();
    assert!(admit(&next, "a", &policy, crate::daemon::now().0).is_err());
}

/// A turn is routed by what the person said about the repository, as it is at that moment.
#[test]
fn a_board_knows_whether_the_repository_is_trusted() {
    use crate::trust::{Asks, Trusts, root_of};
    use brisk_router::scale::Trust;
    let (fleet, dir) = fleet();
    let repo = tempfile::tempdir().unwrap();
    std::fs::create_dir(repo.path().join(".git")).unwrap();
    let trust = || fleet.board(repo.path(), Now(1)).unwrap().trust;
    assert_eq!(trust(), None);
    let root = root_of(repo.path()).unwrap();
    let trusts = Trusts::of(&Home::under(dir.path()));
    let say = || {
        let pins = Asks::of(&root).pins().unwrap();
        trusts.say(&root, Trust::Known, &pins).unwrap();
    };
    say();
    assert_eq!(trust(), Some(Trust::Known));
    std::fs::write(repo.path().join("brisk.toml"), "x").unwrap();
    assert_eq!(trust(), Some(Trust::Untrusted), "stale");
    say();
    assert_eq!(trust(), Some(Trust::Known));
    trusts.take_back(&root).unwrap();
    assert_eq!(trust(), None);
}
