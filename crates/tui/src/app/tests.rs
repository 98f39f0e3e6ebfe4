use super::*;
use crate::key::Key;
use crate::key::Key::{Char, Ctrl, Enter, Esc, Tab, Up};
use brisk_protocol::domain::{
    CancelReason, Candidate, EditFormat, Event, Failure, Intent, Lane, LineKind, Reason, Settled, StopReason,
};
use brisk_protocol::{Completion, Decided, HunkSet, UndoReply};

/// A client, and everything that it did.
pub(crate) struct World {
    pub(crate) app: App,
    pub(crate) now: u64,
    seq: u64,
    acts: Vec<Act>,
}

pub(crate) fn world() -> World {
    let mut world = World::unconnected(Setup {
        rows: 24,
        ..Setup::default()
    });
    world.connect(1, 0);
    world.calls();
    world
}

impl World {
    pub(crate) fn unconnected(setup: Setup) -> World {
        World {
            app: App::new(setup),
            now: 1_000,
            seq: 0,
            acts: Vec::new(),
        }
    }

    pub(crate) fn input(&mut self, input: Input) {
        let acts = self.app.handle(input, self.now);
        self.acts.extend(acts);
    }

    pub(crate) fn connect(&mut self, daemon: u32, last: u64) {
        self.input(Input::Connected {
            session: SessionId(7),
            daemon,
            last,
            held: true,
        });
    }

    pub(crate) fn key(&mut self, key: Key) {
        self.input(Input::Typed(Typed::Key(key)));
    }

    pub(crate) fn write(&mut self, text: &str) {
        text.chars().for_each(|c| self.key(Char(c)));
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.seq += 1;
        self.input(Input::Event(Envelope {
            session_id: SessionId(7),
            seq: self.seq,
            at_us: 0,
            event,
        }));
    }

    pub(crate) fn reply(&mut self, reply: Reply) {
        self.input(Input::Reply(reply));
    }

    /// Takes what was asked of the daemon since the last time.
    pub(crate) fn calls(&mut self) -> Vec<Call> {
        let mut calls = Vec::new();
        self.acts.retain(|a| {
            if let Act::Send(call) = a {
                calls.push(call.clone());
            }
            !matches!(a, Act::Send(_))
        });
        calls
    }

    /// Takes what went into the scrollback since the last time.
    pub(crate) fn printed(&mut self) -> String {
        let mut out = Vec::new();
        for act in std::mem::take(&mut self.acts) {
            if let Act::Print(lines) = act {
                out.extend(lines.iter().map(Line::to_string));
            }
        }
        out.join("\n")
    }

    fn prompts(&mut self) -> Vec<String> {
        let mut texts = Vec::new();
        for call in self.calls() {
            if let Call::Prompt { text, .. } = call {
                texts.push(text);
            }
        }
        texts
    }

    /// A turn up to its first token.
    pub(crate) fn begun(&mut self, turn: u64, text: &str) {
        let turn = TurnId(turn);
        self.event(Event::TurnStarted {
            turn,
            text: text.into(),
        });
        self.event(Event::PlaceFound {
            turn,
            path: "shop.py".into(),
            start: 3,
            end: 8,
            why: "symbol subtotal".into(),
        });
        let model = ModelId("tiny".into());
        self.event(Event::Routed {
            turn,
            route: Route {
                lane: Lane::Fast,
                choice: Candidate {
                    model: model.clone(),
                    format: EditFormat::Region,
                    context: 4096,
                },
                fallbacks: vec![],
                reasons: vec![Reason::FirstEligible { model }],
            },
        });
        self.now += 40_000;
        self.event(Event::FirstToken { turn });
    }

    pub(crate) fn opened(&mut self, turn: u64, hunk: u64, at: usize) {
        self.event(Event::HunkOpened {
            turn: TurnId(turn),
            hunk: HunkId(hunk),
            path: "shop.py".into(),
            at,
        });
    }

    pub(crate) fn hunk_line(&mut self, turn: u64, hunk: u64, kind: LineKind, text: &str) {
        self.event(Event::HunkLine {
            turn: TurnId(turn),
            hunk: HunkId(hunk),
            kind,
            text: text.into(),
        });
    }

    pub(crate) fn ready(&mut self, turn: u64, hunk: u64, at: usize, removed: &[&str], added: &[&str]) {
        let own = |l: &[&str]| l.iter().map(|s| (*s).to_owned()).collect();
        self.event(Event::HunkReady {
            turn: TurnId(turn),
            hunk: HunkId(hunk),
            path: "shop.py".into(),
            at,
            removed: own(removed),
            added: own(added),
        });
    }

    pub(crate) fn ended(&mut self, turn: u64, stop: StopReason, ready: usize) {
        self.now += 100_000;
        self.event(Event::TurnEnded {
            turn: TurnId(turn),
            settled: Settled {
                stop,
                ready,
                input_tokens: 10,
                cached_tokens: 5,
                output_tokens: 3,
            },
        });
    }

    /// A turn with two hunks on offer.
    pub(crate) fn offered(&mut self) {
        self.write("fix it");
        self.key(Enter);
        self.begun(1, "fix it");
        self.now += 20_000;
        self.ready(1, 1, 4, &["    total = 0"], &["    total = 1"]);
        self.ready(1, 2, 11, &[], &["    # done", "    pass"]);
        self.ended(1, StopReason::EndTurn, 2);
        self.calls();
        self.printed();
    }

    fn changed(&mut self, hunk: u64, state: HunkState) {
        self.event(Event::HunkChanged {
            hunk: HunkId(hunk),
            state,
        });
    }

    fn text(&self) -> String {
        self.app.composer.whole()
    }
}

fn interrupted() -> StopReason {
    StopReason::Cancelled {
        cause: CancelReason::Interrupted,
    }
}

fn ids(ids: &[u64]) -> HunkSet {
    HunkSet::Ids(ids.iter().copied().map(HunkId).collect())
}

#[test]
fn a_prompt_is_sent_with_its_places() {
    let cases: &[(&str, &str, &[&str], Intent)] = &[
        ("fix it", "fix it", &[], Intent::Edit),
        (
            "fix @shop.py:subtotal now",
            "fix shop.py:subtotal now",
            &["shop.py:subtotal"],
            Intent::Edit,
        ),
        (
            "fix @src/a, and @b.rs:10-20.",
            "fix src/a, and b.rs:10-20.",
            &["src/a", "b.rs:10-20"],
            Intent::Edit,
        ),
        ("add @property to it", "add @property to it", &[], Intent::Edit),
        ("mail a@b.c", "mail a@b.c", &[], Intent::Edit),
        ("/ask why @shop.py", "why shop.py", &["shop.py"], Intent::Ask),
        ("/edit /etc is wrong", "/etc is wrong", &[], Intent::Edit),
    ];
    for (typed, text, targets, intent) in cases {
        let mut w = world();
        w.app.composer.set(typed);
        w.key(Enter);
        let calls = w.calls();
        let [Call::Prompt { text: t, extras, .. }] = &calls[..] else {
            panic!("{typed}: {calls:?}")
        };
        assert_eq!(
            (t.as_str(), &extras.targets[..], extras.intent),
            (*text, &targets.map_to()[..], *intent),
            "{typed}"
        );
        assert!(!extras.auto_keep);
    }
}

trait MapTo {
    fn map_to(&self) -> Vec<String>;
}

impl MapTo for &[&str] {
    fn map_to(&self) -> Vec<String> {
        self.iter().map(|s| (*s).to_owned()).collect()
    }
}

#[test]
fn enter_during_a_turn_steers_and_tab_queues() {
    let mut w = world();
    w.write("one");
    w.key(Enter);
    w.begun(1, "one");
    assert_eq!(w.prompts(), ["one"]);
    w.write("later");
    w.key(Tab);
    w.write("other");
    w.key(Enter);
    assert_eq!(w.prompts(), ["other"]);
    w.ended(
        1,
        StopReason::Cancelled {
            cause: CancelReason::Steered,
        },
        0,
    );
    // The steer's own turn comes first; the queue waits for its end.
    assert_eq!(w.prompts(), Vec::<String>::new());
    w.begun(2, "other");
    w.ended(2, StopReason::EndTurn, 0);
    assert_eq!(w.prompts(), ["later"]);
    assert!(w.app.queue.is_empty());
}

#[test]
fn the_queue_is_edited_and_waits_after_a_stop() {
    let mut w = world();
    w.write("one");
    w.key(Enter);
    w.begun(1, "one");
    for text in ["two", "three"] {
        w.write(text);
        w.key(Tab);
    }
    w.key(Up);
    assert_eq!(w.text(), "three");
    w.key(Ctrl('u'));
    w.key(Esc);
    assert_eq!(w.calls().last(), Some(&Call::Cancel));
    w.ended(1, interrupted(), 0);
    assert_eq!(w.prompts(), Vec::<String>::new());
    w.key(Enter);
    assert_eq!(w.prompts(), ["two"]);
}

#[test]
fn esc_stops_first_whatever_is_open_and_twice_discards() {
    let mut w = world();
    w.write("one");
    w.key(Enter);
    w.begun(1, "one");
    w.calls();
    w.write("/he");
    assert!(w.app.menu.is_some());
    w.key(Esc);
    assert_eq!(w.calls(), [Call::Cancel]);
    assert_eq!(w.text(), "/he", "what is written stays");
    w.ready(1, 1, 4, &["a"], &["b"]);
    w.ended(1, interrupted(), 1);
    assert_eq!(w.calls(), []);
    w.now += 100_000;
    w.key(Esc);
    assert_eq!(w.calls(), [Call::Reject(HunkSet::All)]);

    // Both keys before the daemon has answered.
    let mut w = world();
    w.write("one");
    w.key(Enter);
    w.begun(1, "one");
    w.ready(1, 1, 4, &["a"], &["b"]);
    w.calls();
    w.key(Esc);
    w.key(Esc);
    w.ended(1, interrupted(), 1);
    assert_eq!(w.calls(), [Call::Cancel, Call::Reject(HunkSet::All)]);
}

#[test]
fn single_keys_decide_about_hunks() {
    let cases: &[(&[Key], &[Call])] = &[
        (&[Enter], &[Call::Keep(HunkSet::All)]),
        (&[Char('x')], &[Call::Reject(HunkSet::All)]),
        (&[Char('y')], &[Call::Keep(ids(&[1]))]),
        (&[Char('j'), Char(' ')], &[Call::Keep(ids(&[2]))]),
        (
            &[Char('j'), Char('j'), Char('k'), Char('n')],
            &[Call::Reject(ids(&[1]))],
        ),
        (
            &[Char('n'), Char('n')],
            &[Call::Reject(ids(&[1])), Call::Reject(ids(&[2]))],
        ),
        // Another key types, and then every key does.
        (&[Char('w'), Char('n')], &[]),
        (&[Char('i'), Char('n')], &[]),
    ];
    for (keys, want) in cases {
        let mut w = world();
        w.offered();
        keys.iter().for_each(|k| w.key(*k));
        assert_eq!(w.calls(), *want, "{keys:?}");
    }
    let mut w = world();
    w.offered();
    w.write("in");
    assert_eq!(w.text(), "n");
}

#[test]
fn what_was_kept_is_told_and_can_be_taken_back() {
    let mut w = world();
    w.offered();
    w.key(Enter);
    w.changed(1, HunkState::Kept);
    w.changed(
        2,
        HunkState::Conflicted {
            why: "the file changed".into(),
        },
    );
    w.reply(Reply::Decided {
        asked: HunkSet::All,
        outcome: Ok(Decided {
            kept: vec![HunkId(1)],
            rejected: vec![],
            conflicted: vec![(HunkId(2), "the file changed".into())],
        }),
    });
    let printed = w.printed();
    for want in [
        "shop.py:5 kept\n-    total = 0\n+    total = 1",
        "shop.py:12 not kept: the file changed",
        "kept 1 hunk (+1 -1)",
    ] {
        assert!(printed.contains(want), "{want}: {printed}");
    }
    w.calls();
    w.key(Char('u'));
    assert_eq!(w.calls(), [Call::Undo]);
    w.reply(Reply::Undone(Ok(UndoReply {
        op: Some(2),
        notes: vec!["fix it".into()],
        files: vec!["shop.py".into()],
        conflicts: vec![],
    })));
    assert!(w.printed().contains("undone: fix it (shop.py)"));
    w.key(Char('r'));
    assert!(w.calls().contains(&Call::Redo));
    // Once something is typed, letters are letters.
    w.write("x");
    w.key(Key::Backspace);
    w.key(Char('u'));
    assert_eq!((w.text().as_str(), w.calls().contains(&Call::Undo)), ("u", false));
}

#[test]
fn a_hunk_nobody_answers_for_is_taken_away() {
    let mut w = world();
    w.offered();
    w.key(Enter);
    w.reply(Reply::Decided {
        asked: HunkSet::All,
        outcome: Ok(Decided::default()),
    });
    assert!(w.printed().contains("withdrawn: it is no longer on offer"));
    assert!(!w.app.book.is_offering());
    // A refusal leaves them on offer.
    let mut w = world();
    w.offered();
    w.key(Enter);
    w.reply(Reply::Decided {
        asked: HunkSet::All,
        outcome: Err("disk full".into()),
    });
    assert_eq!(w.printed(), "disk full");
    assert_eq!(w.app.book.offered().count(), 2);
}

#[test]
fn a_refused_prompt_is_back_in_the_composer() {
    let mut w = world();
    w.write("fix @nope.py");
    w.key(Enter);
    w.reply(Reply::Prompt {
        number: 1,
        outcome: Err("there is no file nope.py".into()),
    });
    assert_eq!(w.printed(), "there is no file nope.py");
    assert!(w.app.live.is_none());
    assert!(w.text().contains("nope.py"), "{}", w.text());
}

#[test]
fn the_budget_asks() {
    let cases: &[(Key, Call)] = &[
        (Char('g'), Call::RaiseBudget),
        (Enter, Call::Keep(HunkSet::All)),
        (Char('x'), Call::Reject(HunkSet::All)),
        (Esc, Call::Cancel),
    ];
    for (key, want) in cases {
        let mut w = world();
        w.write("one");
        w.key(Enter);
        w.begun(1, "one");
        w.event(Event::BudgetReached {
            turn: TurnId(1),
            lines: 90,
            max_lines: 80,
        });
        w.calls();
        w.key(*key);
        assert_eq!(w.calls(), std::slice::from_ref(want), "{key:?}");
    }
}

#[test]
fn a_daemon_that_dies_gives_the_prompt_back() {
    let mut w = world();
    w.write("one");
    w.key(Enter);
    w.begun(1, "one");
    w.ready(1, 1, 4, &["a"], &["b"]);
    w.calls();
    w.input(Input::Lost);
    assert!(w.printed().contains("connection to the daemon is lost"));
    // What is written meanwhile is not lost either.
    w.write("two");
    w.key(Enter);
    let last = w.seq;
    w.connect(2, last);
    let calls = w.calls();
    assert_eq!(calls.first(), Some(&Call::Resume { from: last + 1 }));
    let printed = w.printed();
    assert!(
        printed.contains("its prompt is back") && printed.contains("withdrawn"),
        "{printed}"
    );
    assert_eq!(w.text(), "one");
    assert!(
        calls
            .iter()
            .any(|c| matches!(c, Call::Prompt { text, .. } if text == "two"))
            || w.app.queue.iter().any(|q| q.text == "two")
    );

    // The same daemon: the turn goes on.
    let mut w = world();
    w.write("one");
    w.key(Enter);
    w.begun(1, "one");
    w.input(Input::Lost);
    let last = w.seq;
    w.connect(1, last);
    assert!(w.app.live.is_some());
    assert_eq!(w.text(), "");
}

#[test]
fn events_come_once_and_a_long_past_is_cut() {
    let mut w = World::unconnected(Setup {
        rows: 10,
        ..Setup::default()
    });
    w.connect(1, 3_000);
    assert_eq!(w.calls().first(), Some(&Call::Resume { from: 2_001 }));
    w.seq = 2_000;
    for turn in 0..500 {
        w.event(Event::TurnStarted {
            turn: TurnId(turn),
            text: format!("prompt {turn}"),
        });
        w.ended(turn, StopReason::EndTurn, 0);
    }
    let printed = w.printed();
    assert!(
        printed.contains("prompt 499") && !printed.contains("prompt 400"),
        "{printed}"
    );
    assert!(printed.lines().count() <= 21, "{printed}");
    w.seq -= 1;
    w.ended(499, StopReason::EndTurn, 0);
    assert_eq!(w.printed(), "", "an event that was seen already");
    w.begun(501, "now");
    assert!(w.printed().contains("now"));
}

#[test]
fn words_of_an_answer_are_printed_by_lines() {
    let mut w = world();
    w.app.composer.set("/ask why");
    w.key(Enter);
    w.begun(1, "why");
    w.printed();
    for text in ["It ", "is\nso.\nBe", "cause"] {
        w.event(Event::Prose {
            turn: TurnId(1),
            text: text.into(),
        });
    }
    assert_eq!(w.printed(), "It is\nso.");
    assert_eq!(w.app.live.as_ref().unwrap().prose, "Because");
    w.ended(1, StopReason::EndTurn, 0);
    assert_eq!(w.printed(), "Because");
}

#[test]
fn ctrl_c_stops_clears_and_leaves() {
    let mut w = world();
    w.write("one");
    w.key(Enter);
    w.begun(1, "one");
    w.calls();
    w.key(Ctrl('c'));
    assert_eq!(w.calls(), [Call::Cancel]);
    w.ended(1, interrupted(), 0);
    w.write("half");
    w.key(Ctrl('c'));
    assert_eq!(w.text(), "");
    w.key(Up);
    assert_eq!(w.text(), "half");
    w.key(Ctrl('c'));
    w.acts.clear();
    w.key(Ctrl('c'));
    assert!(!w.acts.contains(&Act::Quit));
    w.now += 1_000_000;
    w.key(Ctrl('c'));
    assert!(w.acts.contains(&Act::Quit));
    // Not twice, but two times.
    let mut w = world();
    w.key(Ctrl('c'));
    w.now += 3_000_000;
    w.key(Ctrl('c'));
    assert!(!w.acts.contains(&Act::Quit));
    w.key(Ctrl('d'));
    assert!(w.acts.contains(&Act::Quit));
}

#[test]
fn a_draft_is_saved_when_the_person_pauses_and_restored() {
    let mut w = world();
    assert_eq!(w.app.due(), None, "nothing ticks");
    w.write("half a thought");
    let due = w.app.due().unwrap();
    w.now = due;
    w.input(Input::Tick);
    assert_eq!(w.app.due(), None);
    let draft = Draft {
        text: "half a thought".into(),
        queue: vec![],
    };
    assert!(w.acts.contains(&Act::Save(draft.clone())));
    let again = World::unconnected(Setup {
        draft: Some(Draft {
            queue: vec!["queued".into()],
            ..draft
        }),
        ..Setup::default()
    });
    assert_eq!(again.text(), "half a thought");
    assert!(again.app.held && again.app.queue.len() == 1);
    // Gone in the middle of a word.
    let mut w = world();
    w.write("ha");
    w.input(Input::Hangup);
    assert!(
        matches!(&w.acts[..], [.., Act::Save(d), Act::Quit] if d.text == "ha"),
        "{:?}",
        w.acts
    );
}

#[test]
fn places_and_commands_are_completed() {
    let mut w = world();
    w.write("fix @sh");
    assert_eq!(w.calls().last(), Some(&Call::Complete { query: "sh".into() }));
    let item = |t: &str| Completion {
        target: t.into(),
        detail: String::new(),
    };
    // An answer for what is no longer there.
    w.reply(Reply::Completed {
        query: "s".into(),
        items: vec![item("old")],
    });
    assert!(w.app.menu.is_none());
    w.reply(Reply::Completed {
        query: "sh".into(),
        items: vec![item("shop.py"), item("Makefile")],
    });
    w.key(Key::Down);
    w.key(Tab);
    assert_eq!(w.text(), "fix @Makefile ");
    w.key(Enter);
    let calls = w.calls();
    let path = "Makefile".to_owned();
    assert!(calls.contains(&Call::Warm { path }));
    assert!(
        matches!(&calls[..], [.., Call::Prompt { extras, .. }] if extras.targets == ["Makefile"]),
        "{calls:?}"
    );

    let mut w = world();
    w.write("/red");
    w.key(Enter);
    assert_eq!(w.calls(), [Call::Redo]);
    assert_eq!(w.text(), "");
}

#[test]
fn nothing_is_ever_run() {
    let mut w = world();
    w.write("!rm -rf /");
    w.key(Enter);
    assert_eq!(w.calls(), []);
    assert!(w.printed().contains("not run: rm -rf /"));
    w.write("/frobnicate");
    w.key(Enter);
    assert_eq!(w.calls(), []);
    assert!(w.printed().contains("no command /frobnicate"));
}

#[test]
fn a_hunk_is_edited_by_hand() {
    let mut w = world();
    w.offered();
    w.key(Char('e'));
    assert!(
        matches!(&w.acts[..], [Act::Edit { purpose: Purpose::Hunk(HunkId(1)), text, suffix }]
            if text == "    total = 1\n" && suffix == "-shop.py")
    );
    let purpose = Purpose::Hunk(HunkId(1));
    w.input(Input::Edited(purpose, Ok("    total = 1\n".into())));
    assert_eq!(w.calls(), [], "nothing was changed");
    w.input(Input::Edited(purpose, Ok("    total = 2\n".into())));
    let added = vec!["    total = 2".to_owned()];
    assert_eq!(
        w.calls(),
        [Call::Amend {
            hunk: HunkId(1),
            added
        }]
    );
    w.input(Input::Edited(purpose, Err("no vi here".into())));
    assert_eq!(w.printed(), "no vi here");
}

#[test]
fn a_failure_is_told_and_holds_the_queue() {
    let mut w = world();
    w.write("one");
    w.key(Enter);
    w.begun(1, "one");
    w.write("two");
    w.key(Tab);
    w.calls();
    w.ended(
        1,
        StopReason::Failed {
            failure: Failure::Upstream,
            message: "tiny could not be reached".into(),
        },
        0,
    );
    assert!(w.printed().contains("tiny could not be reached"));
    assert_eq!(w.calls(), []);
    assert!(w.app.held);
}

#[test]
fn plain_mode_tells_every_change_in_a_line() {
    let mut w = World::unconnected(Setup {
        plain: true,
        rows: 24,
        ..Setup::default()
    });
    w.connect(1, 0);
    w.printed();
    w.input(Input::Line("fix it".into()));
    w.begun(1, "fix it");
    w.ready(1, 1, 4, &["    total = 0"], &["    total = 1"]);
    w.ended(1, StopReason::EndTurn, 1);
    let printed = w.printed();
    assert_eq!(
        printed,
        "\u{203a} fix it\nplace: shop.py:4-8 (symbol subtotal)\nroute: fast \u{b7} tiny (first eligible)\nhunk 1, shop.py line 5\ngoes:     total = 0\ncomes:     total = 1\n1 hunk on offer: Enter or /keep, /reject, /keep N, /reject N"
    );
    w.calls();
    w.input(Input::Line(String::new()));
    assert_eq!(w.calls(), [Call::Keep(HunkSet::All)]);
}

#[test]
fn the_daemon_is_told_what_each_turn_felt_like() {
    let mut w = world();
    w.write("one");
    w.key(Enter);
    w.begun(1, "one");
    w.write("two");
    w.key(Enter);
    w.ended(
        1,
        StopReason::Cancelled {
            cause: CancelReason::Steered,
        },
        0,
    );
    w.begun(2, "two");
    w.ready(2, 1, 4, &["a"], &["b"]);
    assert_eq!(
        w.app.painted(w.now + 5).len(),
        1,
        "the first turn's end is painted"
    );
    w.ended(2, StopReason::EndTurn, 1);
    let acts = w.app.painted(w.now + 5);
    let [Act::Send(Call::Felt(record))] = &acts[..] else {
        panic!("{acts:?}")
    };
    assert_eq!((record.session_id, record.turn), (SessionId(7), TurnId(2)));
    assert_eq!(w.app.painted(w.now + 9), []);
}
