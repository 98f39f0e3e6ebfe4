//! Work that is handed over, and what is told of it.

use super::gate::TREE;
use super::*;
use brisk_protocol::domain::JobId;
use brisk_protocol::domain::evidence::{Digest, Tree};
use brisk_protocol::domain::job::{JobState, PatchSize, Proof, Ready};
use brisk_protocol::jobs::{Delegated, JobBrief, JobView, JobsNews, JobsReply};

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
        undone: false,
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

pub(super) fn delegate(text: &str, files: &[&str]) -> Call {
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
fn what_only_the_command_line_can_is_said_and_not_taken_for_words() {
    for (written, want) in [
        (
            "/delegate --models right -n 2 fix it",
            "brisk delegate \"WORDS\" [FILE...] [OPTIONS]",
        ),
        ("/delegate -n2 fix it", "brisk delegate \"WORDS\""),
        ("/delegate --budget=10min fix it", "brisk delegate \"WORDS\""),
        ("/jobs merge j1", "brisk jobs merge j1"),
    ] {
        let mut w = world();
        w.calls();
        w.app.composer.set(written);
        w.key(Enter);
        assert_eq!(w.calls(), [], "{written}");
        let printed = w.printed();
        assert!(printed.contains(want), "{written}: {printed}");
    }
    // A dash begins words, too.
    for words in [
        "--verbose is not read",
        "- fix the list",
        "-1 is no price",
        "-name",
    ] {
        let mut w = world();
        w.calls();
        w.app.composer.set(&format!("/delegate {words}"));
        w.key(Enter);
        assert_eq!(w.calls(), [delegate(words, &[])]);
    }
}
