//! The ledger's word, checks, work that is handed over, and what the person chooses for the next prompts.

use super::*;
use brisk_protocol::domain::evidence::{Counts, Digest, Tree};
use brisk_protocol::domain::job::{JobState, PatchSize, Proof, Ready};
use brisk_protocol::domain::{JobId, Latency};
use brisk_protocol::gate::{
    CheckReport, Level, Outcome, TreeNews, TreeState, Verified, VerifyStep, Verifying,
};
use brisk_protocol::jobs::{Delegated, JobBrief, JobView, JobsNews, JobsReply};
use brisk_protocol::{QuotaBound, QuotaLeft, QuotaOf, QuotaReply};

const TREE: &str = "0123456789abcdef0123456789abcdef01234567";

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

fn ready() -> JobState {
    let tree = Tree::parse(TREE).unwrap();
    JobState::Ready(Ready {
        winner: 1,
        proof: Proof::new(tree, vec![Digest::parse(&"a".repeat(64)).unwrap()]).unwrap(),
        size: PatchSize { lines: 2, files: 1 },
    })
}

fn jobs(all: &[(u64, JobState)]) -> Input {
    Input::Jobs(JobsNews {
        root: "/home/me/shop".into(),
        jobs: all
            .iter()
            .map(|(n, state)| JobBrief {
                job: JobId(*n),
                text: "fix it".into(),
                state: state.clone(),
                running: *state == JobState::Open,
            })
            .collect(),
    })
}

#[test]
fn a_job_that_is_done_says_one_line_once() {
    let failed = JobState::Failed {
        why: "red".into(),
        best: None,
    };
    let cases = [
        (
            Notify::Never,
            ready(),
            "j2 is ready (2 lines): fix it; `brisk jobs diff j2` shows it, `brisk jobs merge j2` takes it",
            None,
        ),
        (Notify::Bell, ready(), "j2 is ready", Some(Act::Bell)),
        (
            Notify::Message,
            ready(),
            "j2 is ready",
            Some(Act::Notify("j2 ready: fix it".into())),
        ),
        (
            Notify::Never,
            failed,
            "j2 did not get there: fix it; `brisk jobs show j2` says why",
            None,
        ),
        (Notify::Bell, JobState::Cancelled, "", None),
    ];
    for (notify, state, line, act) in cases {
        let mut w = World::unconnected(Setup {
            notify,
            ..Setup::default()
        });
        w.connect(1, 0);
        // What was done before we came is no news.
        w.input(jobs(&[(1, ready())]));
        w.input(jobs(&[(2, JobState::Open), (1, ready())]));
        assert_eq!(counts(&w), [1, 0, 1]);
        w.calls();
        w.printed();
        w.input(jobs(&[(2, state.clone()), (1, ready())]));
        let rung = w
            .acts
            .iter()
            .find(|a| matches!(a, Act::Bell | Act::Notify(_)))
            .cloned();
        assert_eq!(rung, act, "{state:?}");
        let printed = w.printed();
        assert!(
            printed.starts_with(line) && printed.is_empty() == line.is_empty(),
            "{printed}"
        );
        w.input(jobs(&[(2, state), (1, ready())]));
        assert_eq!(w.printed(), "");
    }
}

fn counts(w: &World) -> [usize; 3] {
    w.app.job_counts().map(|(n, _)| n)
}

#[test]
fn a_job_that_was_over_before_it_was_seen_says_so_too() {
    let failed = || JobState::Failed {
        why: "red".into(),
        best: None,
    };
    // What is told first, what then, and the lines that this makes.
    let cases = [
        (vec![], vec![(1, failed())], 1),
        (
            vec![(1, ready())],
            vec![(3, ready()), (2, failed()), (1, ready())],
            2,
        ),
        (
            vec![(1, ready())],
            vec![(2, JobState::Cancelled), (1, ready())],
            0,
        ),
        // One that was older than all that was told is no news.
        (vec![(2, ready())], vec![(2, ready()), (1, failed())], 0),
    ];
    for (first, then, lines) in cases {
        let mut w = World::unconnected(Setup::default());
        w.connect(1, 0);
        w.printed();
        w.input(jobs(&first));
        assert_eq!(w.printed(), "");
        w.input(jobs(&then));
        assert_eq!(w.printed().lines().count(), lines, "{then:?}");
    }
}

/// Whatever comes first: the answer to what was handed over, or news of a job that is quick.
#[test]
fn a_job_that_was_handed_over_here_is_told_however_quick_it_is() {
    enum Step {
        Answer,
        News(Vec<(u64, JobState)>),
    }
    use Step::{Answer, News};
    let cases = [
        vec![Answer, News(vec![(3, ready()), (2, ready())])],
        vec![News(vec![(3, ready()), (2, ready())]), Answer],
        vec![News(vec![(3, JobState::Open)]), News(vec![(3, ready())]), Answer],
        vec![News(vec![(3, JobState::Open)]), Answer, News(vec![(3, ready())])],
        vec![Answer, News(vec![(3, JobState::Open)]), News(vec![(3, ready())])],
        vec![
            News(vec![(2, ready())]),
            News(vec![(3, ready()), (2, ready())]),
            Answer,
        ],
    ];
    for steps in cases {
        let mut w = world();
        w.write("/delegate fix it");
        w.key(Enter);
        w.printed();
        let mut said = String::new();
        for step in steps {
            match step {
                Answer => w.reply(taken_in()),
                News(all) => w.input(jobs(&all)),
            }
            said += &w.printed();
        }
        assert_eq!(said.matches("is ready").count(), 1, "{said}");
        assert!(said.contains("j3 is ready"), "{said}");
    }
}

#[test]
fn an_open_job_that_does_not_run_is_not_called_running() {
    let mut w = world();
    let mut news = jobs(&[(3, JobState::Open), (2, JobState::Open), (1, ready())]);
    if let Input::Jobs(news) = &mut news {
        news.jobs[0].running = false;
    }
    w.input(news);
    assert_eq!(counts(&w), [1, 1, 1]);
    let view = |job, paused| JobView {
        job: JobId(job),
        root: "/home/me/shop".into(),
        text: "fix it".into(),
        base: Tree::parse(TREE).unwrap(),
        made_us: 0,
        state: JobState::Open,
        paused,
        budget: Default::default(),
        spent: Default::default(),
        attempts: vec![],
        split: None,
    };
    w.printed();
    w.reply(Reply::Jobs(Ok(JobsReply {
        jobs: vec![view(3, true), view(2, false)],
    })));
    let printed = w.printed();
    let states: Vec<&str> = printed
        .lines()
        .filter_map(|l| l.split_whitespace().nth(1))
        .collect();
    assert_eq!(states, ["paused", "open"]);
}

fn delegate(text: &str, files: &[&str]) -> Call {
    Call::Delegate {
        text: text.into(),
        files: files.iter().map(|f| (*f).to_owned()).collect(),
        model: None,
    }
}

fn taken_in() -> Reply {
    Reply::Delegated(Ok(Delegated {
        job: JobId(3),
        models: vec![ModelId("big".into())],
        base: Tree::parse(TREE).unwrap(),
    }))
}

#[test]
fn what_is_written_runs_or_was_asked_is_given_to_the_brain() {
    // What is written, with its places.
    let mut w = world();
    w.write("fix @shop.py:3-9 now");
    w.calls();
    w.key(Ctrl('g'));
    assert_eq!(w.calls(), [delegate("fix shop.py:3-9 now", &["shop.py:3-9"])]);
    assert_eq!(w.text(), "");
    w.reply(taken_in());
    assert!(w.printed().contains("handed over as j3 to big"));
    // Refused, it is back.
    let mut w = world();
    w.write("/delegate fix it");
    w.key(Enter);
    assert_eq!(w.calls(), [delegate("fix it", &[])]);
    w.reply(Reply::Delegated(Err("no policy".into())));
    assert!(w.printed().contains("not handed over: no policy"));
    assert_eq!(w.text(), "fix it");
    // What runs is stopped, but not before the job is there.
    let mut w = world();
    w.write("one @shop.py:3-9 ");
    w.key(Enter);
    w.begun(1, "one @shop.py:3-9");
    w.calls();
    w.key(Ctrl('g'));
    assert_eq!(w.calls(), [delegate("one shop.py:3-9", &["shop.py:3-9"])]);
    w.reply(taken_in());
    assert_eq!(w.calls(), [Call::Cancel]);
    let mut w = world();
    w.write("one");
    w.key(Enter);
    w.begun(1, "one");
    w.calls();
    w.key(Ctrl('g'));
    w.reply(Reply::Delegated(Err("no policy".into())));
    assert_eq!((w.calls(), w.text()), (vec![delegate("one", &[])], String::new()));
    // What was asked last.
    let mut w = world();
    w.key(Ctrl('g'));
    assert_eq!(w.calls(), []);
    w.offered();
    w.key(Ctrl('g'));
    assert_eq!(w.calls(), [delegate("fix it", &[])]);
    // Lost on the way, it is not lost.
    let mut w = world();
    w.write("one");
    w.key(Ctrl('g'));
    w.input(Input::Lost);
    assert_eq!(w.text(), "one");
}

#[test]
fn lane_and_latency_are_chosen_for_the_next_prompts() {
    let cases: &[(&[&str], Option<Lane>, Option<Latency>)] = &[
        (&[], None, None),
        (&["/lane fast"], Some(Lane::Fast), None),
        (&["/lane fast", "/lane"], Some(Lane::Fast), None),
        (&["/lane fast", "/lane auto"], None, None),
        (&["/latency relaxed", "/latency"], None, Some(Latency::Relaxed)),
        (&["/lane quick"], None, None),
        (&["/latency relaxed"], None, Some(Latency::Relaxed)),
        (&["/latency relaxed", "/latency auto"], None, None),
        (
            &["/latency instant", "/lane fast"],
            Some(Lane::Fast),
            Some(Latency::Instant),
        ),
    ];
    for (commands, lane, latency) in cases {
        let mut w = world();
        for command in *commands {
            w.write(command);
            w.key(Enter);
            w.key(Enter);
        }
        w.calls();
        w.write("one");
        w.key(Enter);
        let calls = w.calls();
        let [Call::Prompt { extras, .. }] = &calls[..] else {
            panic!("{commands:?}: {calls:?}");
        };
        assert_eq!((extras.lane, extras.latency), (*lane, *latency), "{commands:?}");
    }
    // Alone such a command says what is chosen and what there is.
    let mut w = world();
    for (command, told) in [
        (
            "/lane",
            "lane: as Brisk chooses; to choose: /lane fast, slow or auto",
        ),
        ("/lane fast", "lane: fast"),
        ("/lane", "lane: fast; to choose: /lane fast, slow or auto"),
        (
            "/latency",
            "latency: as Brisk chooses; to choose: /latency instant, normal, relaxed or auto",
        ),
    ] {
        w.app.composer.set(command);
        w.key(Enter);
        assert_eq!(w.printed(), told);
    }
    // The slow lane is the brain's, and a question is still answered here.
    let mut w = world();
    w.write("/lane slow");
    w.key(Enter);
    w.write("one");
    w.key(Enter);
    assert_eq!(w.calls(), [delegate("one", &[])]);
    w.write("/ask why");
    w.key(Enter);
    assert!(matches!(&w.calls()[..], [Call::Prompt { extras, .. }] if extras.lane.is_none()));
}

#[test]
fn queued_prompts_go_where_the_lane_says_when_they_are_sent() {
    let mut w = world();
    w.write("one");
    w.key(Enter);
    w.begun(1, "one");
    for text in ["two", "three", "four"] {
        w.write(text);
        w.key(Tab);
    }
    w.write("/lane slow");
    w.key(Enter);
    w.calls();
    w.ended(1, StopReason::EndTurn, 0);
    let sent = |w: &mut World| {
        let mut calls = w.calls();
        calls.retain(|c| matches!(c, Call::Prompt { .. } | Call::Delegate { .. }));
        calls
    };
    // One after the other, also while the person types.
    assert_eq!(sent(&mut w), [delegate("two", &[])]);
    w.write("x");
    w.key(Ctrl('u'));
    assert_eq!(sent(&mut w), []);
    w.reply(taken_in());
    assert_eq!(sent(&mut w), [delegate("three", &[])]);
    // Refused, it is back, and what is behind it waits.
    w.reply(Reply::Delegated(Err("no policy".into())));
    w.key(Ctrl('l'));
    assert_eq!((sent(&mut w), w.text().as_str()), (vec![], "three"));
    assert_eq!(w.app.queue.len(), 1);
}

#[test]
fn quotas_are_asked_for_only_where_there_are_some() {
    let quota = |left| QuotaReply {
        left: vec![QuotaLeft {
            of: QuotaOf::Lane(Lane::Fast),
            bound: QuotaBound::Tokens,
            left,
            limit: 200,
        }],
    };
    let mut w = World::unconnected(Setup::default());
    w.connect(1, 0);
    assert!(w.calls().contains(&Call::Quota));
    w.reply(Reply::Quota(QuotaReply::default()));
    w.offered();
    w.pause();
    assert_eq!(w.app.due(), None);
    w.reply(Reply::Quota(quota(20)));
    // The window moves on by itself.
    w.now = w.app.due().unwrap();
    w.input(Input::Tick);
    assert_eq!(w.calls(), [Call::Quota]);
    w.reply(Reply::Quota(quota(200)));
    assert_eq!(w.app.due(), None);
    w.ended(2, StopReason::EndTurn, 0);
    assert!(w.calls().contains(&Call::Quota));
}
