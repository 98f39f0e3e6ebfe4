//! A labelled set of prompts. A third of it, chosen by a hash of the text, is held out: rules are tuned on the rest, whose
//! mistakes the test names; of the held-out third it tells only the numbers.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on has failed, and the numbers are what it is for"
)]

mod set;

use brisk_domain::Lane;
use set::{FOURTH, Prompt, SECOND, SET, THIRD, TRIAL, held_out, prompts, score};

fn check(prompts: &[Prompt], tell: bool) {
    let score = score(prompts, tell);
    println!("{score:?}");
    assert!(score.right * 100 >= score.all * 95, "{score:?}");
    assert_eq!(score.unsafe_, 0, "{score:?}");
}

#[test]
fn the_set_is_large_and_split_in_thirds() {
    let all = prompts(SET);
    assert!(all.len() >= 120);
    let out = all.iter().filter(|p| held_out(&p.text)).count();
    assert!(
        (all.len() / 4..all.len() * 5 / 12).contains(&out),
        "{out} of {}",
        all.len()
    );
    for lane in [Lane::Fast, Lane::Slow] {
        assert!(all.iter().filter(|p| p.lane == lane).count() >= 50);
    }
}

#[test]
fn tuning_two_thirds() {
    let (_, tuning): (Vec<_>, Vec<_>) = prompts(SET).into_iter().partition(|p| held_out(&p.text));
    check(&tuning, true);
}

#[test]
fn second_set() {
    check(&prompts(SECOND), true);
}

#[test]
fn third_set() {
    check(&prompts(THIRD), true);
}

#[test]
fn fourth_set() {
    check(&prompts(FOURTH), true);
}

#[test]
fn trial_set() {
    check(&prompts(TRIAL), true);
}

#[test]
fn held_out_third() {
    let (out, _): (Vec<_>, Vec<_>) = prompts(SET).into_iter().partition(|p| held_out(&p.text));
    check(&out, false);
}
