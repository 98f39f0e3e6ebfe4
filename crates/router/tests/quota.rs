//! Accounts: borrow by estimate, settle by use, and never more than the bound.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use brisk_domain::{Lane, Now};
use brisk_router::quota::{
    Amount, Ask, Bound, DAY_US, Frees, Ledger, Limits, MINUTE_US, Past, Quotas, Whose,
};
use proptest::prelude::*;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};

fn ask(lane: Lane, tokens: u64) -> Ask<'static> {
    Ask {
        lane,
        model: "m",
        pool: "p",
        estimate: Amount {
            tokens,
            money: Some(tokens),
        },
    }
}

fn used(tokens: u64) -> Amount {
    Amount {
        tokens,
        money: Some(tokens),
    }
}

fn limited(lane: Limits, model: Limits) -> Ledger {
    let mut ledger = Ledger::default();
    ledger.limit_lane(Lane::Fast, lane);
    ledger.limit_model("m", model);
    ledger
}

#[test]
fn sixty_four_callers_never_get_more_than_there_is() {
    const CALLERS: u64 = 64;
    const ROUNDS: u64 = 200;
    let lane = Limits {
        concurrent: Some(7),
        ..Limits::default()
    };
    let model = Limits {
        requests: Some(1_000),
        tokens: Some(50_000),
        money: Some(40_000),
        ..Limits::default()
    };
    let quotas = Quotas::new(limited(lane, model));
    let (running, worst, granted, tokens) = (
        AtomicU64::new(0),
        AtomicU64::new(0),
        AtomicU64::new(0),
        AtomicU64::new(0),
    );
    let start = Barrier::new(usize::try_from(CALLERS).unwrap_or(64));
    std::thread::scope(|scope| {
        for caller in 0..CALLERS {
            let (quotas, start) = (&quotas, &start);
            let (running, worst, granted, tokens) = (&running, &worst, &granted, &tokens);
            scope.spawn(move || {
                start.wait();
                for round in 0..ROUNDS {
                    let amount = 1 + (caller * 31 + round * 17) % 90;
                    let Ok(lease) = quotas.borrow(&ask(Lane::Fast, amount), Now(1)) else {
                        std::thread::yield_now();
                        continue;
                    };
                    worst.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    granted.fetch_add(1, Ordering::SeqCst);
                    tokens.fetch_add(amount, Ordering::SeqCst);
                    std::thread::yield_now();
                    running.fetch_sub(1, Ordering::SeqCst);
                    quotas.settle(lease, used(amount), Now(1));
                }
            });
        }
    });
    assert!(worst.load(Ordering::SeqCst) <= 7);
    assert!(granted.load(Ordering::SeqCst) <= 1_000);
    assert!(tokens.load(Ordering::SeqCst) <= 40_000);
    assert!(
        granted.load(Ordering::SeqCst) > 500,
        "and they do get what there is"
    );
    assert_eq!(quotas.with(|ledger| ledger.running(Lane::Fast)), 0);
}

#[test]
fn a_lane_leaves_the_other_its_share() {
    let model = Limits {
        concurrent: Some(4),
        ..Limits::default()
    };
    let fast = Limits {
        reserve_percent: Some(50),
        ..Limits::default()
    };
    let mut ledger = limited(fast, model);
    let slow: Vec<_> = (0..4)
        .map(|_| ledger.borrow(&ask(Lane::Slow, 1), Now(0)))
        .collect();
    assert_eq!(slow.iter().filter(|l| l.is_ok()).count(), 2);
    assert!(
        matches!(&slow[2], Err(short) if short.whose == Whose::Share && short.bound == Bound::Concurrent)
    );
    let fast: Vec<_> = (0..3)
        .map(|_| ledger.borrow(&ask(Lane::Fast, 1), Now(0)))
        .collect();
    assert_eq!(fast.iter().filter(|l| l.is_ok()).count(), 2, "its half is there");
}

#[test]
fn a_ledger_at_rest_has_what_waiting_brings_back_and_no_money() {
    for (limits, want) in [
        (
            Limits {
                concurrent: Some(1),
                ..Limits::default()
            },
            None,
        ),
        (
            Limits {
                requests: Some(1),
                ..Limits::default()
            },
            None,
        ),
        (
            Limits {
                tokens: Some(10),
                ..Limits::default()
            },
            None,
        ),
        (
            Limits {
                money: Some(10),
                ..Limits::default()
            },
            Some(Bound::Money),
        ),
    ] {
        let mut ledger = limited(Limits::default(), limits);
        let _lease = ledger.borrow(&ask(Lane::Fast, 9), Now(0)).unwrap();
        let wish = ask(Lane::Slow, 9);
        assert!(ledger.check(&wish, Now(1)).is_err(), "{limits:?}");
        let short = ledger.at_rest().check(&wish, Now(1)).err();
        assert_eq!(short.map(|s| s.bound), want, "{limits:?}");
    }
}

#[test]
fn settling_gives_back_or_takes_more() {
    let model = Limits {
        tokens: Some(100),
        ..Limits::default()
    };
    let mut ledger = limited(Limits::default(), model);
    let lease = ledger.borrow(&ask(Lane::Fast, 90), Now(0)).unwrap();
    assert_eq!(ledger.check(&ask(Lane::Fast, 20), Now(1)).unwrap_err().left, 10);
    ledger.settle(lease, used(30), Now(2));
    assert!(ledger.check(&ask(Lane::Fast, 70), Now(3)).is_ok());
    let lease = ledger.borrow(&ask(Lane::Fast, 10), Now(3)).unwrap();
    ledger.settle(lease, used(500), Now(4));
    let short = ledger.check(&ask(Lane::Fast, 1), Now(5)).unwrap_err();
    assert_eq!((short.bound, short.left), (Bound::Tokens, 0));
    let Frees::At(free) = short.frees else {
        panic!("{short}");
    };
    assert!(free.0 > MINUTE_US && free.0 <= MINUTE_US + MINUTE_US / 12);
    assert!(ledger.check(&ask(Lane::Fast, 1), free).is_ok());
}

/// Whether waiting helps is said with the bound: more than there ever is comes by no waiting.
#[test]
fn what_is_short_says_when_it_is_not() {
    let tokens = |most| Limits {
        tokens: Some(most),
        ..Limits::default()
    };
    let at_once = |most| Limits {
        concurrent: Some(most),
        ..Limits::default()
    };
    let cases = [
        ("fits later", tokens(100), 60, false),
        ("more than there ever is", tokens(100), 101, true),
        ("a place comes back", at_once(2), 1, false),
        ("there is none", at_once(0), 1, true),
    ];
    for (name, limits, wanted, never) in cases {
        let mut ledger = limited(Limits::default(), limits);
        // Each lane has used a part: room comes only when both have given theirs back.
        let lent: Vec<_> = [(Lane::Slow, 50), (Lane::Fast, 50)]
            .into_iter()
            .filter_map(|(lane, n)| ledger.borrow(&ask(lane, n), Now(n)).ok())
            .collect();
        let wanted = ask(Lane::Fast, wanted);
        let short = ledger.check(&wanted, Now(99)).unwrap_err();
        assert_eq!(short.frees == Frees::Never, never, "{name}: {short}");
        assert_eq!(short.to_string().contains("at most"), never, "{name}: {short}");
        for lease in lent {
            let spent = lease.estimate();
            ledger.settle(lease, spent, Now(100));
        }
        match short.frees {
            Frees::At(at) => {
                assert!(ledger.check(&wanted, at).is_ok(), "{name}");
                assert!(ledger.check(&wanted, Now(at.0 - 1)).is_err(), "{name}");
            }
            Frees::Ended => assert!(ledger.check(&wanted, Now(101)).is_ok(), "{name}"),
            Frees::Never => assert!(ledger.check(&wanted, Now(9 * DAY_US)).is_err(), "{name}"),
        }
    }
}

#[test]
fn each_bound_has_its_own_window() {
    let cases = [
        (
            Limits {
                requests: Some(2),
                ..Limits::default()
            },
            Bound::Requests,
            MINUTE_US,
        ),
        (
            Limits {
                tokens: Some(20),
                ..Limits::default()
            },
            Bound::Tokens,
            MINUTE_US,
        ),
        (
            Limits {
                money: Some(20),
                ..Limits::default()
            },
            Bound::Money,
            DAY_US,
        ),
    ];
    for (limits, bound, span) in cases {
        let mut ledger = limited(limits, Limits::default());
        for _ in 0..2 {
            let lease = ledger.borrow(&ask(Lane::Fast, 10), Now(7)).unwrap();
            ledger.settle(lease, used(10), Now(8));
        }
        let short = ledger.borrow(&ask(Lane::Fast, 10), Now(9)).unwrap_err();
        assert_eq!((short.bound, short.whose), (bound, Whose::Lane));
        assert!(
            ledger.check(&ask(Lane::Fast, 10), Now(span - 1)).is_err(),
            "{bound:?}"
        );
        assert!(
            ledger.check(&ask(Lane::Fast, 10), Now(span + span / 6)).is_ok(),
            "{bound:?}"
        );
        assert!(
            ledger.check(&ask(Lane::Slow, 10), Now(9)).is_ok(),
            "the other lane has its own"
        );
    }
}

#[test]
fn money_is_bounded_only_for_what_has_a_price() {
    let money = Limits {
        money: Some(1_000),
        ..Limits::default()
    };
    let ledger = limited(money, Limits::default());
    let free = Ask {
        estimate: Amount {
            tokens: 1,
            money: None,
        },
        ..ask(Lane::Fast, 1)
    };
    assert_eq!(ledger.check(&free, Now(0)).unwrap_err().bound, Bound::Price);
    assert!(
        ledger
            .check(
                &Ask {
                    lane: Lane::Slow,
                    ..free
                },
                Now(0)
            )
            .is_ok()
    );
}

#[test]
fn a_vendor_that_asks_to_wait_is_not_asked() {
    let mut ledger = Ledger::default();
    ledger.block("p", Now(100));
    ledger.block("p", Now(50));
    let short = ledger.borrow(&ask(Lane::Fast, 1), Now(99)).unwrap_err();
    assert_eq!((short.bound, short.frees), (Bound::Blocked, Frees::At(Now(100))));
    assert!(
        ledger
            .check(
                &Ask {
                    pool: "q",
                    ..ask(Lane::Fast, 1)
                },
                Now(99)
            )
            .is_ok()
    );
    assert!(ledger.check(&ask(Lane::Fast, 1), Now(100)).is_ok());
}

proptest! {
    #[test]
    fn a_larger_bound_admits_whatever_a_smaller_one_does(
        steps in prop::collection::vec((0u64..20_000_000, 1u64..50, any::<bool>()), 1..60),
        small in 1u64..100,
        more in 0u64..100,
    ) {
        let limits = |n: u64| Limits { tokens: Some(n), concurrent: Some(n), ..Limits::default() };
        let ledger = |n| limited(limits(n), limits(n));
        let (mut tight, mut now) = (ledger(small), 0);
        let mut wide = ledger(small + more);
        // Both see the same admitted requests, so that only the bounds differ.
        for (wait, tokens, fast) in steps {
            now += wait;
            let ask = ask(if fast { Lane::Fast } else { Lane::Slow }, tokens);
            if let Ok(lease) = tight.borrow(&ask, Now(now)) {
                let other = wide.borrow(&ask, Now(now));
                prop_assert!(other.is_ok());
                tight.settle(lease, used(tokens / 2), Now(now));
                if let Ok(other) = other {
                    wide.settle(other, used(tokens / 2), Now(now));
                }
            }
        }
    }
}

/// What a store keeps of a request: when, how much, and whether anybody said what it used.
struct Kept {
    id: u64,
    at: u64,
    lane: Lane,
    tokens: u64,
}

proptest! {
    /// Daemons come and go, some of them without a word: what was admitted within any minute stays within the bound, and
    /// nobody holds a place for a request of a daemon that is gone.
    #[test]
    fn no_restart_makes_room(
        steps in prop::collection::vec((0u64..9_000_000, 1u64..40, 0u64..60, 0u8..6, any::<bool>()), 1..80),
        limit in 40u64..120,
    ) {
        let bounds = Limits { tokens: Some(limit), concurrent: Some(3), ..Limits::default() };
        let fresh = || limited(bounds, bounds);
        let (mut ledger, mut kept, mut running) = (fresh(), Vec::<Kept>::new(), Vec::new());
        let (mut now, mut admitted) = (0, Vec::new());
        for (wait, tokens, used_up, what, fast) in steps {
            now += wait;
            let lane = if fast { Lane::Fast } else { Lane::Slow };
            if what == 0 {
                running.clear();
                ledger = fresh();
                for k in &kept {
                    let past = Past { lane: k.lane, model: "m", age_us: now - k.at, used: used(k.tokens) };
                    ledger.remember(&past, Now(now));
                    ledger.number_after(k.id);
                }
                prop_assert_eq!(ledger.running(Lane::Fast) + ledger.running(Lane::Slow), 0);
            } else if let Ok(lease) = ledger.borrow(&ask(lane, tokens), Now(now)) {
                prop_assert!(kept.iter().all(|k| k.id != lease.id()), "numbers are given once");
                admitted.push((now, tokens, lane));
                kept.push(Kept { id: lease.id(), at: now, lane, tokens });
                running.push((lease, tokens));
            }
            if what == 5 && !running.is_empty() {
                let (lease, tokens) = running.remove(0);
                let took = used_up.min(tokens);
                let row = kept.iter_mut().find(|k| k.id == lease.id()).unwrap();
                row.tokens = took;
                let at = row.at;
                ledger.settle(lease, used(took), Now(now));
                let one = admitted.iter_mut().find(|(t, n, _)| *t == at && *n == tokens).unwrap();
                one.1 = took;
            }
        }
        for (begin, ..) in &admitted {
            let within = admitted.iter().filter(|(at, ..)| (*begin..begin + MINUTE_US).contains(at));
            prop_assert!(within.map(|(_, n, _)| n).sum::<u64>() <= limit);
        }
    }
}

#[test]
fn what_is_left_is_told_of_every_bound() {
    let lane = Limits {
        requests: Some(3),
        ..Limits::default()
    };
    let model = Limits {
        tokens: Some(100),
        money: Some(50),
        ..Limits::default()
    };
    let mut ledger = limited(lane, model);
    let lease = ledger.borrow(&ask(Lane::Fast, 30), Now(0)).unwrap();
    let left = |ledger: &Ledger| {
        let (lane, model) = (
            ledger.lane_left(Lane::Fast, Now(1)),
            ledger.model_left("m", Now(1)),
        );
        (lane, model)
    };
    let fast = |n| vec![(Bound::Requests, n, 3)];
    let want = vec![(Bound::Tokens, 70, 100), (Bound::Money, 20, 50)];
    assert_eq!(left(&ledger), (fast(2), want));
    ledger.settle(lease, used(10), Now(1));
    let want = vec![(Bound::Tokens, 90, 100), (Bound::Money, 40, 50)];
    assert_eq!(left(&ledger), (fast(2), want));
    assert_eq!(ledger.lane_left(Lane::Slow, Now(1)), []);
    assert_eq!(ledger.model_left("other", Now(1)), []);
}
