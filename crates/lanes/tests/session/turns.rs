//! Turns from prompt to disk, and what may come between.

use crate::world::{ANSWER, FILE, model, prompt, world, world_with};
use brisk_domain::port::{Closeness, Fault, FaultSource, Finish, ModelEvent, Retry, Usage};
use brisk_domain::{
    CancelReason, Command, Event, Failure, HunkSelector, HunkState, ModelId, Prompt, StopReason,
};
use brisk_lanes::{Hint, Input, Limits};
use brisk_patch::Text;

#[test]
fn a_hunk_streams_is_kept_and_reaches_the_disk() {
    let mut w = world();
    w.ask(prompt("count both sides twice"));
    w.say(ANSWER);
    w.done();
    assert_eq!(w.stop_reason(), Some(StopReason::EndTurn));
    assert_eq!(w.ready().len(), 1);
    assert_eq!(w.disk, w.text, "nothing is written before the person says so");
    w.tell(Command::Keep(HunkSelector::All));
    assert_eq!(w.disk.joined(), FILE.replace("w + h\n", "2 * (w + h)\n"));
    assert!(w.ready().is_empty());
}

#[test]
fn the_hunk_is_offered_before_the_answer_ends() {
    let mut w = world();
    w.ask(prompt("count both sides twice"));
    w.say("def edge(w, h):\n    total = 2 * (w + h)\n    return total\n");
    assert_eq!(w.ready().len(), 1, "{:?}", w.events);
    assert_eq!(w.stop_reason(), None);
}

/// The promise of the lane, at every byte: a stop loses no finished hunk, leaves no torn one, and what comes late
/// changes nothing, in this turn or the next.
#[test]
fn an_interrupt_at_every_byte() {
    for cut in 0..=ANSWER.len() {
        let mut w = world();
        w.ask(prompt("count both sides twice"));
        let mut before = vec![];
        for i in 0..cut {
            w.say(&ANSWER[i..=i]);
            before = w.ready();
        }
        let effect = w.current();
        w.tell(Command::Interrupt);
        assert_eq!(
            w.stop_reason(),
            Some(StopReason::Cancelled {
                cause: CancelReason::Interrupted
            }),
            "cut {cut}"
        );
        assert_eq!(w.stopped, [(effect, CancelReason::Interrupted)], "cut {cut}");
        assert_eq!(w.ready(), before, "cut {cut}: a stop takes or gives no hunk");
        let opened = w
            .events
            .iter()
            .filter(|e| matches!(e, Event::HunkOpened { .. }))
            .count();
        let ended = w
            .events
            .iter()
            .filter(|e| matches!(e, Event::HunkReady { .. } | Event::HunkDropped { .. }))
            .count();
        assert!(
            ended >= opened,
            "cut {cut}: an open hunk is dropped or finished: {:?}",
            w.events
        );

        let told = w.events.len();
        w.feed(Input::Model {
            effect,
            event: ModelEvent::Text {
                text: ANSWER[cut..].into(),
            },
        });
        let event = ModelEvent::Done {
            finish: Finish::Stop,
            usage: Usage::default(),
        };
        w.feed(Input::Model { effect, event });
        assert_eq!(w.events.len(), told, "cut {cut}: late text is not heard");

        w.ask(prompt("count both sides twice"));
        let told = w.events.len();
        w.feed(Input::Model {
            effect,
            event: ModelEvent::Text {
                text: "garbage\n".into(),
            },
        });
        assert_eq!(
            w.events.len(),
            told,
            "cut {cut}: late text does not enter the next turn"
        );
        w.say(ANSWER);
        w.done();
        w.tell(Command::Keep(HunkSelector::All));
        assert_eq!(
            w.disk.joined(),
            FILE.replace("w + h\n", "2 * (w + h)\n"),
            "cut {cut}"
        );
    }
}

#[test]
fn a_steer_redirects_at_once_and_keeps_the_partial_answer_in_the_context() {
    let mut w = world();
    w.ask(prompt("count both sides twice"));
    w.say("def edge(w, h):\n    total = 2 * (w + h)\n    return total\n");
    let old = w.current();
    assert_eq!(w.ready().len(), 1);
    w.tell(Command::Prompt(Prompt {
        targets: vec![],
        ..prompt("no, three times")
    }));
    assert_eq!(w.stopped, [(old, CancelReason::Steered)]);
    assert!(w.ready().is_empty(), "what is no longer wanted is withdrawn");
    w.gather();
    let request = &w.running.last().unwrap().1;
    let user = &request.messages.last().unwrap().text;
    assert!(
        user.contains("count both sides twice") && user.contains("2 * (w + h)"),
        "{user}"
    );
    assert!(user.contains("Request: no, three times"), "{user}");
}

/// Words of queued prompts that will not run, with why.
fn unqueued(events: &[Event]) -> Vec<(&str, &str)> {
    let texts = events.iter().filter_map(|e| match e {
        Event::Unqueued { text, why } => Some((text.as_str(), why.as_str())),
        _ => None,
    });
    texts.collect()
}

fn started(events: &[Event]) -> Vec<&str> {
    let texts = events.iter().filter_map(|e| match e {
        Event::TurnStarted { text, .. } => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

#[test]
fn a_queued_prompt_waits_for_the_end_and_goes_with_a_stop() {
    let mut w = world();
    w.ask(prompt("one"));
    w.tell(Command::Queue(prompt("two")));
    assert_eq!(w.running.len(), 1);
    w.say(ANSWER);
    w.done();
    w.gather();
    assert_eq!(w.running.len(), 2);
    w.tell(Command::Queue(prompt("three")));
    // Who redirects the turn has said nothing against what follows it, and comes first.
    w.tell(Command::Prompt(prompt("not two")));
    assert_eq!(started(&w.events), ["one", "two", "not two"]);
    w.tell(Command::Queue(prompt("four")));
    w.tell(Command::Interrupt);
    let why = "the turn before it was cancelled";
    assert_eq!(unqueued(&w.events), [("three", why), ("four", why)]);
    w.ask(prompt("five"));
    w.say(ANSWER);
    w.done();
    assert_eq!(started(&w.events).last(), Some(&"five"), "nothing comes back");
    assert!(!w.session.is_busy());
}

#[test]
fn nothing_queued_runs_for_a_client_that_went_or_in_a_daemon_that_goes() {
    for cause in [CancelReason::ClientGone, CancelReason::Shutdown] {
        let mut w = world();
        w.ask(prompt("one"));
        w.tell(Command::Queue(Prompt {
            auto_keep: true,
            ..prompt("two")
        }));
        w.feed(Input::Stop { cause });
        assert_eq!(started(&w.events), ["one"], "{cause:?}");
        assert_eq!(unqueued(&w.events).len(), 1, "{cause:?}");
        assert!(!w.session.is_busy(), "{cause:?}");
    }
    // A turn that may not grow says nothing of the next.
    let mut w = world();
    w.ask(prompt("one"));
    w.tell(Command::Queue(prompt("two")));
    w.feed(Input::Stop {
        cause: CancelReason::OverBudget,
    });
    assert_eq!(started(&w.events), ["one", "two"]);
}

#[test]
fn a_queued_prompt_is_taken_back() {
    let mut w = world();
    w.ask(prompt("one"));
    for text in ["two", "three", "two", "four"] {
        w.tell(Command::Queue(prompt(text)));
    }
    let why = "it was taken back";
    w.tell(Command::Unqueue(Some("two".into())));
    w.tell(Command::Unqueue(Some("nothing".into())));
    assert_eq!(unqueued(&w.events), [("two", why)]);
    w.say(ANSWER);
    w.done();
    assert_eq!(started(&w.events), ["one", "two"], "the newest went");
    w.tell(Command::Unqueue(None));
    assert_eq!(unqueued(&w.events), [("two", why), ("three", why), ("four", why)]);
}

/// Whoever asks while hunks are being written is asked to wait, in order; a cancel meanwhile ends what it waits for, too.
#[test]
fn prompts_during_a_write_keep_their_order_and_a_cancel_reaches_them() {
    let writing = |queued: &str| {
        let mut w = world();
        w.hold_writes = true;
        w.ask(Prompt {
            auto_keep: true,
            ..prompt("one")
        });
        w.tell(Command::Queue(prompt(queued)));
        w.say(ANSWER);
        w.done();
        w.tell(Command::Prompt(prompt("two")));
        w.tell(Command::Prompt(prompt("three")));
        w
    };
    let mut w = writing("four");
    w.let_write();
    assert_eq!(started(&w.events), ["one", "two"]);
    w.gather();
    w.say(ANSWER);
    w.done();
    assert_eq!(started(&w.events), ["one", "two", "three"]);
    // Who redirects the first of them comes behind the second, for that one was asked before.
    let mut w = writing("five");
    w.let_write();
    w.tell(Command::Prompt(prompt("four")));
    assert_eq!(started(&w.events), ["one", "two", "three"]);
    for all in [
        &["one", "two", "three", "four"][..],
        &["one", "two", "three", "four", "five"],
    ] {
        w.gather();
        w.say(ANSWER);
        w.done();
        assert_eq!(started(&w.events), all);
    }
    let mut w = writing("four");
    w.tell(Command::Interrupt);
    w.let_write();
    assert_eq!(w.gathering, None, "nothing runs");
    assert_eq!(started(&w.events), ["one", "two", "three"]);
    let cancelled = |e: &&Event| {
        let stop = StopReason::Cancelled {
            cause: CancelReason::Interrupted,
        };
        matches!(e, Event::TurnEnded { settled, .. } if settled.stop == stop)
    };
    assert_eq!(
        w.events.iter().filter(cancelled).count(),
        2,
        "whoever asked is told"
    );
    assert_eq!(unqueued(&w.events).len(), 1);
    assert!(!w.session.is_busy());
}

#[test]
fn a_rejected_hunk_is_gone() {
    let mut w = world();
    w.ask(prompt("count both sides twice"));
    w.say(ANSWER);
    w.done();
    w.tell(Command::Reject(HunkSelector::All));
    w.tell(Command::Keep(HunkSelector::All));
    assert_eq!(w.disk, w.text);
    assert!(matches!(
        w.events.last(),
        Some(Event::HunkChanged {
            state: HunkState::Rejected,
            ..
        })
    ));
}

#[test]
fn the_persons_own_text_takes_a_hunks_place() {
    let mut w = world();
    w.ask(prompt("count both sides twice"));
    w.say(ANSWER);
    w.done();
    let hunk = w.ready()[0];
    let added = vec!["mine = 1".to_owned()];
    w.tell(Command::Amend {
        hunk,
        added: added.clone(),
    });
    assert!(matches!(w.events.last(), Some(Event::HunkReady { added: a, .. }) if *a == added));
    w.tell(Command::Keep(HunkSelector::Ids(vec![hunk])));
    assert!(w.disk.joined().contains("mine = 1\n"));
    // It is kept: there is nothing to change any more, and that is said.
    let told = w.events.len();
    w.tell(Command::Amend { hunk, added });
    assert_eq!(w.events.len(), told + 1);
    assert!(w.notices().iter().any(|n| n.contains("no longer on offer")));
}

#[test]
fn a_failed_write_loses_nothing() {
    let mut w = world();
    w.ask(prompt("count both sides twice"));
    w.say(ANSWER);
    w.done();
    w.refuse_writes = true;
    w.tell(Command::Keep(HunkSelector::All));
    assert!(w.notices().contains(&"the disk is full"));
    w.refuse_writes = false;
    w.tell(Command::Keep(HunkSelector::All));
    assert_ne!(w.disk, w.text, "the hunks were still offered");
}

#[test]
fn what_only_says_that_something_is_wrong_is_answered_with_little() {
    for (request, closeness) in [
        ("Fix the bug in edge.", Closeness::Throughout),
        ("count both sides twice", Closeness::OnceChanged),
    ] {
        let mut w = world();
        w.ask(prompt(request));
        assert_eq!(w.running[0].1.closeness, closeness, "{request}");
    }
}

#[test]
fn the_ladder_goes_from_region_to_file_to_the_next_model_to_the_end() {
    let mut w = world();
    w.ask(prompt("count both sides twice"));
    let copy = "def edge(w, h):\n    total = w + h\n    return total\n";
    w.say(copy);
    w.done();
    assert_eq!(w.running.len(), 2);
    assert_eq!(w.running[1].1.prediction.as_deref(), Some(FILE), "the whole file");
    assert_eq!(
        w.running[1].1.closeness,
        Closeness::OnceChanged,
        "a needless second change is not wanted"
    );
    w.say(FILE);
    w.done();
    assert!(
        w.running[2].1.messages[1].text.contains("unchanged"),
        "told that it copied"
    );
    w.say(copy);
    w.done();
    assert_eq!(w.running[3].1.model, ModelId("next".into()));
    for text in [copy, FILE, copy] {
        w.say(text);
        w.done();
    }
    assert!(matches!(w.stop_reason(), Some(StopReason::Failed { .. })));
    assert_eq!(w.disk, w.text);
}

#[test]
fn second_choices_are_asked_for_at_other_places_each_time() {
    let mut w = world();
    w.ask(prompt("count both sides twice"));
    let copy = "def edge(w, h):\n    total = w + h\n    return total\n";
    for text in [copy, FILE] {
        assert_eq!(w.running.last().unwrap().1.differ, None);
        w.say(text);
        w.done();
    }
    // Broken code is not offered; the next answer may not leave the region where this one did.
    for (answer, left) in [
        ("def edge(w, h):\n    total = w + (\n    return total\n", "h"),
        ("def edge(w, h):\n    total = w + h\n    return (\n", "total"),
    ] {
        let tried = w.running.last().unwrap().1.differ.as_ref().unwrap().except.len();
        w.say(answer);
        w.done();
        let except = &w.running.last().unwrap().1.differ.as_ref().unwrap().except;
        assert_eq!(except.len(), tried + 1);
        let at = copy.rfind(left).unwrap();
        assert!(except[tried].contains(&at), "{except:?} {at}");
    }
    w.say("def edge(w, h):\n    total = 2 * (w + h)\n    return total\n");
    w.done();
    w.tell(Command::Keep(HunkSelector::All));
    assert_eq!(
        w.disk.joined(),
        FILE.replace("total = w + h", "total = 2 * (w + h)")
    );
}

#[test]
fn functions_that_an_answer_leaves_out_stay() {
    for (request, gone) in [
        ("count both sides twice", false),
        ("remove area, count both sides twice", true),
    ] {
        let mut w = world();
        w.hint = Hint::Lines(0..7);
        w.ask(prompt(request));
        w.say(ANSWER);
        w.done();
        w.tell(Command::Keep(HunkSelector::All));
        assert!(w.disk.joined().contains("2 * (w + h)"), "{request}");
        assert_eq!(!w.disk.joined().contains("def area"), gone, "{request}");
    }
}

#[test]
fn a_copy_of_a_part_is_a_copy_and_the_next_answer_begins_to_differ_where_the_request_points() {
    let part = "def edge(w, h):\n    total = w + h\n    return total\n";
    let head = FILE.find("def edge").unwrap();
    for (request, bound) in [
        ("count both sides twice in edge", true),
        ("count both sides twice", false),
    ] {
        let mut w = world();
        w.hint = Hint::Lines(0..7);
        w.ask(prompt(request));
        w.say(part);
        w.done();
        let differ = w.running.last().unwrap().1.differ.as_ref();
        let except = &differ.unwrap_or_else(|| panic!("{request}")).except;
        assert_eq!(except.contains(&(0..head)), bound, "{request}: {except:?}");
        w.say(ANSWER);
        w.done();
        w.tell(Command::Keep(HunkSelector::All));
        assert!(w.disk.joined().contains("2 * (w + h)") && w.disk.joined().contains("def area"));
    }
}

#[test]
fn remarks_that_an_answer_leaves_out_stay() {
    let noted = FILE.replace(
        "def edge(w, h):\n",
        "def edge(w, h):\n    # of a rectangle\n    # in metres\n",
    );
    for (request, gone) in [
        ("count both sides twice", false),
        ("count both sides twice, no comments", true),
        ("count both sides twice, remove what is old", true),
    ] {
        let mut w = world();
        w.disk = Text::from_str_lossless(&noted);
        w.text = w.disk.clone();
        w.hint = Hint::Lines(4..9);
        w.ask(prompt(request));
        w.say(ANSWER);
        w.done();
        w.tell(Command::Keep(HunkSelector::All));
        assert!(w.disk.joined().contains("2 * (w + h)"), "{request}");
        assert_eq!(!w.disk.joined().contains("# of a rectangle"), gone, "{request}");
    }
}

#[test]
fn remarks_that_nobody_asked_for_are_left_out() {
    for (request, kept) in [
        ("count both sides twice", false),
        ("explain it in a comment", true),
    ] {
        let mut w = world();
        w.ask(prompt(request));
        w.say("def edge(w, h):\n    total = 2 * (w + h)\n    return total  # both sides\n");
        w.done();
        w.tell(Command::Keep(HunkSelector::All));
        assert_eq!(w.disk.joined().contains("# both sides"), kept, "{request}");
        assert!(w.disk.joined().contains("2 * (w + h)"));
    }
}

#[test]
fn what_looks_like_a_remark_in_a_text_is_none() {
    let mut w = world();
    let file = "PAGE = \"\"\"\nhello\n\"\"\"\n";
    w.text = Text::from_str_lossless(file);
    w.disk = w.text.clone();
    w.hint = Hint::Lines(0..3);
    w.ask(prompt("give the page a title"));
    w.say("PAGE = \"\"\"\n# Shop\nhello\n\"\"\"\n");
    w.done();
    w.tell(Command::Keep(HunkSelector::All));
    assert!(w.disk.joined().contains("# Shop\n"));
}

#[test]
fn blank_lines_count_only_where_they_are_asked_for() {
    for (request, kept) in [
        ("count both sides twice", false),
        ("set it apart with a blank line", true),
    ] {
        let mut w = world();
        w.ask(prompt(request));
        w.say("def edge(w, h):\n\n    total = w + h\n    return 2 * total\n");
        w.done();
        w.tell(Command::Keep(HunkSelector::All));
        assert_eq!(w.disk.joined().contains("\n\n    total"), kept, "{request}");
        assert!(w.disk.joined().contains("2 * total"));
    }
}

#[test]
fn a_whole_file_answer_changes_nothing_outside_of_its_place() {
    let mut w = world();
    w.ask(prompt("count both sides twice"));
    w.say("");
    w.done();
    w.say(
        &FILE
            .replace("w * h", "h * w")
            .replace("total = w + h", "total = 2 * (w + h)"),
    );
    w.done();
    w.tell(Command::Keep(HunkSelector::All));
    assert_eq!(
        w.disk.joined(),
        FILE.replace("total = w + h", "total = 2 * (w + h)")
    );
}

#[test]
fn broken_syntax_is_never_offered() {
    let mut w = world();
    w.ask(prompt("count both sides twice"));
    w.say("def edge(w, h):\n    total = 2 * (w + h\n    return total\n");
    assert!(w.ready().is_empty());
    w.done();
    assert!(w.ready().is_empty());
    assert!(w.notices()[0].contains("syntax"), "{:?}", w.notices());
}

#[test]
fn auto_keep_writes_before_the_turn_ends() {
    let mut w = world();
    w.ask(Prompt {
        auto_keep: true,
        ..prompt("count both sides twice")
    });
    w.say(ANSWER);
    w.done();
    assert_ne!(w.disk, w.text);
    assert_eq!(w.stop_reason(), Some(StopReason::EndTurn));
    let kept = w.events.iter().position(|e| {
        matches!(
            e,
            Event::HunkChanged {
                state: HunkState::Kept,
                ..
            }
        )
    });
    let ended = w.events.iter().position(|e| matches!(e, Event::TurnEnded { .. }));
    assert!(kept < ended);
}

#[test]
fn silence_is_a_failure_and_the_next_model_takes_over() {
    let limits = Limits {
        first_token_us: 100,
        stall_us: 50,
        ..Limits::default()
    };
    let mut w = world_with(limits, vec![model("mute"), model("next")]);
    w.ask(prompt("count both sides twice"));
    let (effect, at) = w.wakes[0];
    w.now = at.0;
    w.feed(Input::Woke { effect });
    assert_eq!(w.stopped, [(effect, CancelReason::Stalled)]);
    assert_eq!(w.running.last().unwrap().1.model, ModelId("next".into()));
    assert!(w.notices()[0].contains("mute said nothing"), "{:?}", w.notices());
}

#[test]
fn a_fault_before_the_first_hunk_falls_back_and_after_it_does_not() {
    let fault = Fault {
        source: FaultSource::Network,
        retry: Retry::Elsewhere,
        message: "cut".into(),
    };
    let mut w = world();
    w.ask(prompt("count both sides twice"));
    let effect = w.current();
    w.feed(Input::Model {
        effect,
        event: ModelEvent::Failed { fault: fault.clone() },
    });
    assert_eq!(w.running.len(), 2);
    w.say(ANSWER);
    let effect = w.current();
    w.feed(Input::Model {
        effect,
        event: ModelEvent::Failed { fault },
    });
    assert_eq!(
        w.stop_reason(),
        Some(StopReason::Failed {
            failure: Failure::Upstream,
            message: "cut".into()
        })
    );
    assert_eq!(w.ready().len(), 1, "the finished hunk stays offered");
}

#[test]
fn an_answer_that_stops_early_is_mended_not_taken_as_a_deletion() {
    let mut w = world();
    w.ask(prompt("count both sides twice"));
    w.say("def edge(w, h):\n    total = 2 * (w + h)\n");
    w.done();
    w.tell(Command::Keep(HunkSelector::All));
    assert_eq!(
        w.disk.joined(),
        FILE.replace("w + h\n", "2 * (w + h)\n"),
        "{:?}",
        w.events
    );
}
