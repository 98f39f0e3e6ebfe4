//! The client knows one clock, which only rises. Whatever it is told, nothing hangs, nothing happens twice, and no figure
//! is negative.

use super::*;

const HOUR: u64 = 3_600_000_000;

#[test]
fn a_letter_that_waits_is_done_once_however_the_clock_goes() {
    let jumps: [fn(u64) -> u64; 3] = [|now| now - HOUR, |now| now + HOUR, |_| 0];
    for jump in jumps {
        let mut w = world();
        w.now = 2 * HOUR;
        w.offered();
        w.key(Char('x'));
        w.calls();
        let due = w.app.due().unwrap();
        w.now = jump(w.now);
        w.input(Input::Tick);
        w.now = due;
        w.input(Input::Tick);
        assert_eq!(w.calls(), [Call::Reject(HunkSet::All)]);
        w.now = due + HOUR;
        w.input(Input::Tick);
        assert_eq!(w.calls(), []);
    }
}

#[test]
fn figures_of_a_turn_are_never_negative() {
    for later in [0, 5, 3 * HOUR] {
        let mut w = world();
        w.now = HOUR;
        w.write("one");
        w.key(Enter);
        w.now = later;
        w.begun(1, "one");
        w.ready(1, 1, 4, &["a"], &["b"]);
        w.ended(1, StopReason::EndTurn, 1);
        let felt = w.app.felt.unwrap();
        // A turn of the test takes some milliseconds by itself.
        let most = later.saturating_sub(HOUR) + 1_000_000;
        let [token, hunk, settled] = felt.since_key().map(Option::unwrap);
        assert!(token <= hunk && hunk <= settled && settled <= most, "{felt:?}");
        assert_eq!(w.app.felts.p50(), Some(hunk));
    }
}

#[test]
fn a_draft_is_saved_also_when_the_clock_went_back() {
    let mut w = world();
    w.now = HOUR;
    w.write("half a");
    let due = w.app.due().unwrap();
    w.now = 0;
    w.write(" thought");
    assert_eq!(w.app.due(), Some(due));
    w.now = due;
    w.acts.clear();
    w.input(Input::Tick);
    assert!(matches!(&w.acts[..], [Act::Save(draft)] if draft.text == "half a thought"));
    assert_eq!(w.app.due(), None);
}
