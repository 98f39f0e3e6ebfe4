//! Breakers, races and speed: stories of what is seen and what is done.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use brisk_domain::Now;
use brisk_router::breaker::{Breaker, FAILURES, FIRST_US, Health, LONGEST_US, Outcome, PROBE_US};
use brisk_router::hedge::{Act, Race, Runner, Seen};
use brisk_router::speed::{ENOUGH, Speed, Track};

fn fail(breaker: &mut Breaker, now: Now) {
    let pass = breaker.admit(now).unwrap();
    breaker.report(pass, Outcome::Failed, now);
}

fn opened() -> Breaker {
    let mut breaker = Breaker::default();
    for _ in 0..FAILURES {
        fail(&mut breaker, Now(0));
    }
    breaker
}

#[test]
fn it_opens_probes_and_closes() {
    let mut breaker = opened();
    assert_eq!(breaker.health(Now(1)), Health::Down(Now(FIRST_US)));
    assert_eq!(breaker.admit(Now(1)), Err(Now(FIRST_US)));
    let now = Now(FIRST_US);
    assert_eq!(breaker.health(now), Health::Probe);
    let probe = breaker.admit(now).unwrap();
    assert!(breaker.admit(now).is_err(), "one probe at a time");
    breaker.report(probe, Outcome::Answered, now);
    assert_eq!(breaker.health(now), Health::Ready);
}

#[test]
fn a_probe_that_fails_waits_twice_as_long_up_to_a_bound() {
    let mut breaker = opened();
    let (mut now, mut wait) = (FIRST_US, FIRST_US);
    for _ in 0..12 {
        fail(&mut breaker, Now(now));
        wait = (wait * 2).min(LONGEST_US);
        assert_eq!(breaker.health(Now(now)), Health::Down(Now(now + wait)));
        now += wait;
    }
    assert_eq!(wait, LONGEST_US);
}

#[test]
fn late_reports_stopped_probes_and_answers_between_failures() {
    let mut breaker = Breaker::default();
    let late = breaker.admit(Now(0)).unwrap();
    for _ in 0..FAILURES {
        fail(&mut breaker, Now(0));
    }
    breaker.report(late, Outcome::Answered, Now(1));
    assert!(
        matches!(breaker.health(Now(1)), Health::Down(_)),
        "an answer of before says nothing"
    );

    let probe = breaker.admit(Now(FIRST_US)).unwrap();
    breaker.report(probe, Outcome::Stopped, Now(FIRST_US));
    assert_eq!(
        breaker.health(Now(FIRST_US)),
        Health::Probe,
        "the next one may look"
    );

    let lost = breaker.admit(Now(FIRST_US)).unwrap();
    let given_up = Now(FIRST_US + PROBE_US);
    assert_eq!(breaker.health(given_up), Health::Probe);
    let second = breaker.admit(given_up).unwrap();
    breaker.report(lost, Outcome::Failed, given_up);
    breaker.report(second, Outcome::Answered, given_up);
    assert_eq!(breaker.health(given_up), Health::Ready);

    let mut breaker = Breaker::default();
    for _ in 0..10 {
        fail(&mut breaker, Now(0));
        let pass = breaker.admit(Now(0)).unwrap();
        breaker.report(pass, Outcome::Answered, Now(0));
    }
    assert_eq!(
        breaker.health(Now(0)),
        Health::Ready,
        "only failures in a row count"
    );
}

const HABIT: Speed = Speed {
    ttft_p50_us: 100,
    ttft_p95_us: 300,
    tokens_per_s: 50,
};

fn race(second: bool, story: &[(Seen, u64, Option<Act>)]) {
    let mut race = Race::new(Some(HABIT.ttft_p95_us), second, Now(1_000));
    for (seen, at, want) in story {
        assert_eq!(race.seen(*seen, Now(*at)), *want, "{seen:?} at {at} of {story:?}");
    }
}

#[test]
fn whoever_speaks_first_goes_on_alone() {
    use Runner::{First, Second};
    use Seen::{Failed, Tick, Token};
    let take = |winner, cancel| Some(Act::Take { winner, cancel });
    race(
        true,
        &[(Token(First), 1_100, take(First, false)), (Tick, 2_000, None)],
    );
    race(
        true,
        &[
            (Tick, 1_299, None),
            (Tick, 1_300, Some(Act::Start)),
            (Tick, 1_400, None),
            (Token(Second), 1_500, take(Second, true)),
            (Token(First), 1_501, None),
        ],
    );
    race(
        true,
        &[
            (Tick, 1_300, Some(Act::Start)),
            (Token(First), 1_310, take(First, true)),
        ],
    );
    race(
        true,
        &[
            (Failed(First), 1_050, Some(Act::Start)),
            (Tick, 1_300, None),
            (Token(Second), 1_400, take(Second, false)),
        ],
    );
    race(
        true,
        &[
            (Tick, 1_300, Some(Act::Start)),
            (Failed(First), 1_310, None),
            (Failed(First), 1_311, None),
            (Failed(Second), 1_320, Some(Act::Lost)),
            (Token(Second), 1_330, None),
        ],
    );
    race(
        false,
        &[(Tick, 9_000, None), (Failed(First), 9_001, Some(Act::Lost))],
    );
}

#[test]
fn without_a_habit_nobody_is_late() {
    let mut race = Race::new(None, true, Now(0));
    assert_eq!(race.wake_at(), None);
    assert_eq!(race.seen(Seen::Tick, Now(u64::MAX)), None);
    assert_eq!(race.seen(Seen::Failed(Runner::First), Now(5)), Some(Act::Start));
    assert_eq!(
        Race::new(Some(HABIT.ttft_p95_us), true, Now(1_000)).wake_at(),
        Some(Now(1_300))
    );
}

#[test]
fn percentiles_are_of_the_last_answers() {
    let mut track = Track::default();
    for i in 1..ENOUGH {
        track.record(i as u64, 11, 1_000_000);
        assert_eq!(track.speed(), None);
    }
    track.record(1, 1, 1);
    assert_eq!(track.speed(), None, "one token has no rate");
    for ttft in 1..=200 {
        track.record(ttft, 101, 2_000_000);
    }
    let speed = track.speed().unwrap();
    // Of 137 to 200.
    assert_eq!(
        (speed.ttft_p50_us, speed.ttft_p95_us, speed.tokens_per_s),
        (168, 197, 50)
    );
}
