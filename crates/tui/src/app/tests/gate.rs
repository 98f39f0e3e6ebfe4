//! The ledger's word, and checks.

use super::*;
use brisk_protocol::domain::evidence::Counts;
use brisk_protocol::gate::{
    CheckReport, Level, Outcome, TreeNews, TreeState, Verified, VerifyStep, Verifying,
};

pub(super) const TREE: &str = "0123456789abcdef0123456789abcdef01234567";

fn news(state: TreeState) -> Input {
    Input::Tree(TreeNews {
        root: "/home/me/shop".into(),
        tree: TREE.into(),
        state,
    })
}

fn verified() -> TreeState {
    TreeState::Verified {
        level: Level::Full,
        scope: vec!["unit".into()],
        flaky: vec![],
    }
}

fn report(outcome: Outcome) -> CheckReport {
    CheckReport {
        check: "unit".into(),
        outcome,
        why: if outcome == Outcome::Passed {
            ""
        } else {
            "exit code 1"
        }
        .into(),
        counts: Some(Counts {
            passed: 12,
            failed: 0,
            skipped: 1,
        }),
        flaky: false,
        memory: false,
        ms: 1_200,
        tail: (0..20).map(|n| format!("line {n}")).collect(),
        log: "/log".into(),
    }
}

fn step(run: u64, step: VerifyStep) -> Input {
    Input::Verifying(Verifying { run, step })
}

/// A client that knows of a policy, after a keep.
fn kept() -> World {
    let mut w = world();
    w.input(news(TreeState::Draft { policy: true }));
    w.offered();
    w.key(Enter);
    w.reply(Reply::Decided {
        asked: HunkSet::All,
        outcome: Ok(Decided {
            kept: vec![HunkId(1), HunkId(2)],
            ..Decided::default()
        }),
    });
    w.calls();
    w
}

#[test]
fn a_keep_is_a_draft_at_once_and_the_daemon_has_the_last_word() {
    let mut w = world();
    w.input(news(verified()));
    assert_eq!(w.app.state, Some(verified()));
    w.offered();
    w.key(Enter);
    assert_eq!(w.app.state, Some(verified()), "nothing is written yet");
    w.reply(Reply::Decided {
        asked: HunkSet::All,
        outcome: Ok(Decided {
            kept: vec![HunkId(1)],
            ..Decided::default()
        }),
    });
    assert_eq!(w.app.state, Some(TreeState::Draft { policy: true }));
    // Undone: it is what it was.
    w.input(news(verified()));
    assert_eq!(w.app.state, Some(verified()));
    // Of another repository nothing is taken.
    w.app.repo = Some(RepoStatus {
        root: "/elsewhere".into(),
        tree: TREE.into(),
        state: verified(),
        undoable: 0,
        last: None,
        recovered: None,
    });
    w.input(news(TreeState::Draft { policy: true }));
    assert_eq!(w.app.state, Some(verified()));
}

#[test]
fn checks_run_by_a_word_or_by_a_key_and_once_at_a_time() {
    let verify = |run, checks: &[&str]| Call::Verify {
        run,
        checks: checks.iter().map(|c| (*c).to_owned()).collect(),
    };
    let mut w = kept();
    assert!(w.printed().contains("u takes it back, v verifies"));
    w.key(Char('v'));
    assert_eq!(w.calls(), [], "it may be a word");
    w.pause();
    assert_eq!(w.calls(), [verify(1, &[])]);
    w.write("/verify");
    w.key(Enter);
    w.key(Enter);
    assert_eq!(w.calls(), [], "they run already");
    w.reply(Reply::Verified {
        run: 1,
        outcome: Err("no".into()),
    });
    w.write("/verify unit lint");
    w.key(Enter);
    assert_eq!(w.calls(), [verify(2, &["unit", "lint"])]);
    // A word that begins with the letter, and a letter where nothing was kept.
    let mut w = kept();
    w.write("very good");
    w.pause();
    assert_eq!((w.text().as_str(), w.calls()), ("very good", vec![]));
    let mut w = world();
    w.key(Char('v'));
    w.pause();
    assert_eq!((w.text().as_str(), w.calls()), ("v", vec![]));
    // Where nothing is confirmed nobody is sent there.
    let mut w = world();
    w.input(news(TreeState::Draft { policy: false }));
    w.offered();
    w.key(Enter);
    w.reply(Reply::Decided {
        asked: HunkSet::All,
        outcome: Ok(Decided {
            kept: vec![HunkId(1)],
            ..Decided::default()
        }),
    });
    assert!(w.printed().ends_with("u takes it back"));
}

#[test]
fn what_checks_say_is_told_calmly() {
    let mut w = kept();
    w.printed();
    w.key(Char('v'));
    w.pause();
    let started = VerifyStep::Started {
        check: "unit".into(),
        argv: vec!["true".into()],
    };
    w.input(step(1, started));
    assert_eq!(w.printed(), "", "that it runs is seen in the pane");
    let note = VerifyStep::Note {
        check: "unit".into(),
        text: "waits".into(),
    };
    w.input(step(1, note));
    assert_eq!(w.printed(), "unit: waits");
    w.input(step(9, VerifyStep::Ended(report(Outcome::Failed))));
    assert_eq!(w.printed(), "", "somebody else's");
    w.input(step(1, VerifyStep::Ended(report(Outcome::Failed))));
    let printed = w.printed();
    assert!(
        printed.starts_with("  line 8\n")
            && printed.ends_with(
                "  all of it: /log\nunit: failed, 12 passed, 0 failed, 1 skipped (1.2 s)\n  exit code 1"
            ),
        "{printed}"
    );
    w.reply(Reply::Verified {
        run: 1,
        outcome: Ok(Verified {
            stopped: false,
            tree: TREE.into(),
            state: verified(),
            checks: vec![],
        }),
    });
    assert_eq!(w.printed(), "tree 0123456789ab: verified (1 check: unit)");
    assert!(w.app.checks.is_none());
}

#[test]
fn esc_stops_a_turn_first_and_then_the_checks() {
    let mut w = kept();
    w.key(Char('v'));
    w.pause();
    w.write("one");
    w.key(Enter);
    w.begun(2, "one");
    w.calls();
    w.key(Esc);
    assert_eq!(w.calls(), [Call::Cancel]);
    w.ended(2, interrupted(), 0);
    w.calls();
    w.key(Esc);
    assert_eq!(w.calls(), [Call::StopVerify { run: 1 }]);
    assert!(w.printed().contains("the checks were stopped"));
    // What they still say is nobody's.
    w.input(step(1, VerifyStep::Ended(report(Outcome::Passed))));
    w.reply(Reply::Verified {
        run: 1,
        outcome: Err("late".into()),
    });
    assert_eq!(w.printed(), "");
    // In a text vi's Esc leaves the text.
    let mut w = kept();
    w.app.composer.toggle_vi();
    w.key(Char('v'));
    w.pause();
    w.calls();
    w.write("half");
    w.key(Esc);
    assert_eq!((w.calls(), w.app.composer.vi()), (vec![], Some("NORMAL")));
    w.key(Esc);
    assert_eq!(w.calls(), [Call::StopVerify { run: 1 }]);
    // A lost connection ends them.
    let mut w = kept();
    w.key(Char('v'));
    w.pause();
    w.input(Input::Lost);
    assert!(w.app.checks.is_none() && w.printed().contains("the checks ended with the connection"));
}
