//! Prompts that go on: where, from what, and what becomes of the hunks that were on offer.

use crate::world::{ANSWER, FILE, World, prompt, world};
use brisk_domain::{Command, Event, HunkId, HunkSelector, Intent, Prompt, Target};
use brisk_lanes::place::symbols_of;
use brisk_lanes::{Hint, Limits, Recalled, Session};
use brisk_patch::{Text, find};
use std::ops::Range;

fn unnamed(text: &str) -> Prompt {
    Prompt {
        targets: vec![],
        ..prompt(text)
    }
}

/// What the person asks of a hunk on offer: the client names its file.
fn explain() -> Prompt {
    Prompt {
        targets: vec![Target {
            path: "a.py".into(),
            lines: None,
            symbol: None,
        }],
        intent: Intent::Ask,
        ..prompt("what does it do?")
    }
}

/// What the model was told last.
fn told(w: &World) -> String {
    let (_, request) = w.running.last().unwrap();
    request.messages.iter().map(|m| m.text.as_str()).collect()
}

/// The last place that was found, in lines.
fn place(w: &World) -> Range<usize> {
    let found = w.events.iter().rev().find_map(|e| match e {
        Event::PlaceFound { start, end, .. } => Some(*start..*end),
        _ => None,
    });
    found.unwrap()
}

/// An edit is answered whole, and on offer.
fn offers(w: &mut World) -> Vec<HunkId> {
    w.ask(prompt("double it"));
    w.say(ANSWER);
    w.done();
    w.ready()
}

/// A prompt that names no place, and a repository that looks where the turn before worked.
fn go_on(w: &mut World, text: &str) {
    w.tell(Command::Prompt(unnamed(text)));
    let before = w.before.clone().unwrap();
    let symbols = symbols_of(&before.path, &w.text);
    w.hint = match (before.symbol, before.lines) {
        (Some(name), _) if !find(&symbols, &name).is_empty() => Hint::Symbol(name),
        (_, Some(lines)) if lines.end <= w.text.len() => Hint::Lines(lines),
        _ => Hint::File,
    };
    w.gather();
}

#[test]
fn a_prompt_without_a_place_goes_on_where_the_turn_before_worked() {
    let before = |w: &World| w.before.as_ref().map(|b| (b.symbol.clone(), b.lines.clone()));
    let edge = || Some("edge".to_owned());
    // Nothing was before.
    let mut w = world();
    w.ask(unnamed("make it round"));
    assert_eq!(before(&w), None);
    w.say(ANSWER);
    w.done();
    // Hunks are on offer.
    w.tell(Command::Prompt(unnamed("no, double")));
    assert_eq!(before(&w), Some((edge(), Some(4..7))));
    w.gather();
    w.say(ANSWER);
    w.done();
    // Kept: it is known where, whatever its name is by then.
    w.tell(Command::Keep(HunkSelector::Ids(w.ready()[..1].to_vec())));
    w.ask(unnamed("and again"));
    assert_eq!(before(&w), Some((edge(), Some(5..6))));
    // A place that is named is the place.
    w.tell(Command::Interrupt);
    w.tell(Command::Prompt(prompt("there")));
    assert_eq!(before(&w), None);
}

#[test]
fn what_was_stopped_is_told_only_to_what_goes_on_with_it() {
    for (next, tells) in [(unnamed("only double it"), true), (prompt("sort them"), false)] {
        let mut w = world();
        w.ask(prompt("round it @a.py:edge"));
        w.say("def edge(w, h):\n");
        w.tell(Command::Interrupt);
        w.ask(next);
        let words = told(&w);
        assert_eq!(words.contains("which was stopped: round it\n"), tells);
        assert!(!words.contains('@'), "{words}");
    }
}

#[test]
fn a_follow_up_builds_on_what_is_on_offer_and_replaces_it() {
    let mut w = world();
    w.ask(prompt("double it @a.py:edge"));
    w.say(ANSWER);
    w.done();
    let first = w.ready();
    w.ask(unnamed("and name it"));
    let words = told(&w);
    assert!(
        words.contains("goes on from: double it\n") && words.contains("total = 2 * (w + h)"),
        "{words}"
    );
    w.say(&ANSWER.replace("total", "around"));
    w.done();
    let then = w.ready();
    assert!(first.iter().all(|id| !then.contains(id)), "{first:?} {then:?}");
    w.tell(Command::Keep(HunkSelector::All));
    assert!(
        w.disk
            .joined()
            .contains("around = 2 * (w + h)\n    return around")
    );
    assert!(w.ready().is_empty());
    // Nothing is left of it: it is no matter any more.
    let mut w = world();
    offers(&mut w);
    w.tell(Command::Reject(HunkSelector::All));
    w.ask(unnamed("and name it"));
    assert!(!told(&w).contains("goes on from"));
}

/// Its answer is in the text by then: only the request is told, and only while something of it is there.
#[test]
fn a_follow_up_is_told_what_was_kept_before_it() {
    let kept = |w: &mut World| {
        w.ask(prompt("double it @a.py:edge"));
        w.say(ANSWER);
        w.done();
        w.tell(Command::Keep(HunkSelector::All));
        w.text = w.disk.clone();
    };
    let tells =
        |w: &World| told(w).contains("Earlier request, which is done: double it\n\nRequest: and name it\n");
    let above: fn(&mut World) = |w| {
        w.text = Text::from_str_lossless(&("import os\n\n".to_owned() + &w.text.joined()));
    };
    let undone: fn(&mut World) = |w| w.text = Text::from_str_lossless(FILE);
    let nothing: fn(&mut World) = |_| {};
    for (name, between, want) in [
        ("at once", nothing, true),
        ("lines above", above, true),
        ("undone", undone, false),
    ] {
        let mut w = world();
        kept(&mut w);
        between(&mut w);
        go_on(&mut w, "and name it");
        assert_eq!(tells(&w), want, "{name}: {}", told(&w));
    }
    // Another place, and one that is named.
    let mut w = world();
    kept(&mut w);
    w.hint = Hint::Symbol("area".into());
    w.ask(unnamed("and name it"));
    assert!(!tells(&w), "{}", told(&w));
    let mut w = world();
    kept(&mut w);
    w.ask(prompt("and name it"));
    assert!(!tells(&w), "{}", told(&w));
    // Written by the turn itself.
    let mut w = world();
    w.ask(Prompt {
        auto_keep: true,
        ..prompt("double it")
    });
    w.say(ANSWER);
    w.done();
    w.text = w.disk.clone();
    go_on(&mut w, "and name it");
    assert!(tells(&w), "{}", told(&w));
}

/// What another process has of a session is its log, and the files.
#[test]
fn a_follow_up_in_another_process_goes_on_where_the_log_says() {
    for (undone, tells) in [(false, true), (true, false)] {
        let mut w = world();
        w.ask(prompt("double it @a.py:edge"));
        w.say(ANSWER);
        w.done();
        w.tell(Command::Keep(HunkSelector::All));
        let mut recalled = Recalled::default();
        w.events.iter().for_each(|e| recalled.event(e));
        assert_eq!(recalled.path(), Some("a.py"));
        let mut next = world();
        next.text = if undone { w.text } else { w.disk };
        next.session = Session::resumed(Limits::default(), 100);
        next.session.recall(recalled, next.text.clone());
        go_on(&mut next, "and name it");
        assert_eq!(place(&next), 4..7);
        let words = told(&next);
        assert_eq!(
            words.contains("Earlier request, which is done: double it\n"),
            tells,
            "{words}"
        );
    }
}

/// Whatever comes between, the next follow-up builds on the same hunks, and replaces them when it is whole.
#[test]
fn what_comes_between_takes_nothing_from_a_follow_up() {
    let asks: fn(&mut World) = |w| {
        w.hint = Hint::File;
        w.ask(explain());
        w.say("It doubles.");
        w.done();
    };
    let asks_of_another: fn(&mut World) = |w| {
        w.hint = Hint::Symbol("area".into());
        w.ask(Prompt {
            intent: Intent::Ask,
            ..unnamed("what is area for?")
        });
        w.say("It multiplies.");
        w.done();
    };
    let stops: fn(&mut World) = |w| {
        go_on(w, "and name it");
        w.say("def edge(w, h):\n");
        w.tell(Command::Interrupt);
    };
    let stops_early: fn(&mut World) = |w| {
        w.tell(Command::Prompt(unnamed("and name it")));
        w.tell(Command::Interrupt);
    };
    let redirects: fn(&mut World) = |w| {
        go_on(w, "and name it");
        w.say("def edge(w, h):\n");
    };
    let explains: fn(&mut World) = |w| {
        w.hint = Hint::File;
        w.ask(explain());
        w.say("It dou");
    };
    let cases = [
        ("a question", asks),
        ("a question that names nothing", asks_of_another),
        ("a stop", stops),
        ("a stop at once", stops_early),
        ("a redirect", redirects),
        ("a redirected question", explains),
    ];
    for (name, between) in cases {
        let mut w = world();
        let first = offers(&mut w);
        between(&mut w);
        assert_eq!(w.ready(), first, "{name}");
        go_on(&mut w, "now name it");
        let words = told(&w);
        assert!(
            words.contains("goes on from: double it\n") && words.contains("total = 2 * (w + h)"),
            "{name}: {words}"
        );
        assert_eq!(place(&w), 4..7, "{name}");
        w.say(&ANSWER.replace("total", "around"));
        w.done();
        let then = w.ready();
        assert!(
            !then.is_empty() && first.iter().all(|id| !then.contains(id)),
            "{name}"
        );
    }
}

#[test]
fn what_was_cut_off_outlives_a_question_only_where_it_was_stopped() {
    for (stops, tells) in [(true, true), (false, false)] {
        let mut w = world();
        w.ask(prompt("double it"));
        w.say("def edge(w, h):\n");
        if stops {
            w.tell(Command::Interrupt);
        }
        w.ask(explain());
        w.say("It adds.");
        w.done();
        go_on(&mut w, "only once");
        assert_eq!(told(&w).contains("double it\n"), tells, "{}", told(&w));
    }
}

/// Line numbers of two answers count only together with the texts that they were made for.
#[test]
fn a_hunk_elsewhere_is_not_taken_for_an_older_one_when_its_file_moved() {
    let mut w = world();
    w.hint = Hint::File;
    w.ask(prompt("double both"));
    w.say(
        &FILE
            .replace("return w * h", "return 2 * w * h")
            .replace("= w + h", "= 2 * (w + h)"),
    );
    w.done();
    let first = w.ready();
    assert_eq!(first.len(), 2);
    // Four lines more: what was the sixth line is another one now.
    let above = "import os\n\n\nONE = 1\n".to_owned() + FILE;
    w.text = Text::from_str_lossless(&above);
    w.hint = Hint::File;
    w.ask(unnamed("and two"));
    assert!(
        told(&w).contains("return 2 * w * h\n\n\ndef edge"),
        "{}",
        told(&w)
    );
    w.say(&above.replace("return w * h", "return 3 * w * h"));
    w.done();
    assert!(!w.ready().contains(&first[0]) && w.ready().contains(&first[1]));
}

/// A follow-up that was stopped leaves all finished hunks on offer: which of two is kept is the person's choice.
#[test]
fn a_follow_up_that_is_not_whole_takes_nothing_away() {
    let mut w = world();
    let first = offers(&mut w);
    go_on(&mut w, "and name it");
    w.say(&ANSWER.replace('2', "3"));
    w.tell(Command::Interrupt);
    let all = w.ready();
    assert!(all.len() > 1 && all.starts_with(&first), "{all:?}");
    w.tell(Command::Keep(HunkSelector::Ids(vec![all[0], all[1]])));
    assert_eq!((w.disk.joined().as_str(), w.ready()), (FILE, all.clone()));
    assert!(w.notices().iter().any(|n| n.contains("keep one of them")));
    w.tell(Command::Keep(HunkSelector::Ids(first.clone())));
    assert!(w.disk.joined().contains("total = 2 * (w + h)"));

    let mut w = world();
    let first = offers(&mut w);
    go_on(&mut w, "and name it");
    w.say(&ANSWER.replace('2', "3"));
    go_on(&mut w, "no, sort it");
    assert_eq!(w.ready(), first, "a redirect takes back only its own");
}

#[test]
fn a_follow_up_builds_on_what_the_person_made_of_the_hunks() {
    let answer = "def edge(w, h, n):\n    total = w + h\n    return n * total\n";
    let change: fn(&mut World, HunkId) = |w, hunk| {
        let added = vec!["def edge(w, h, times):".to_owned()];
        w.tell(Command::Amend { hunk, added });
    };
    let reject: fn(&mut World, HunkId) = |w, hunk| w.tell(Command::Reject(HunkSelector::Ids(vec![hunk])));
    let keep: fn(&mut World, HunkId) = |w, hunk| {
        w.tell(Command::Keep(HunkSelector::Ids(vec![hunk])));
        w.text = w.disk.clone();
    };
    let rest = "    total = w + h\n    return n * total\n";
    let cases = [
        (change, "def edge(w, h, times):\n"),
        (reject, "def edge(w, h):\n"),
        (keep, "def edge(w, h, n):\n"),
    ];
    for (does, head) in cases {
        let mut w = world();
        w.ask(prompt("multiply it"));
        w.say(answer);
        w.done();
        let hunks = w.ready();
        assert_eq!(hunks.len(), 2);
        does(&mut w, hunks[0]);
        go_on(&mut w, "and name it");
        let want = format!("to be kept, was:\n{head}{rest}\n");
        assert!(told(&w).contains(&want), "{want}: {}", told(&w));
    }
}

#[test]
fn a_prompt_that_names_the_place_on_offer_builds_on_it_too() {
    for (symbol, builds) in [("edge", true), ("area", false)] {
        let mut w = world();
        let first = offers(&mut w);
        w.hint = Hint::Symbol(symbol.into());
        let mut next = prompt("and name it");
        next.targets[0].symbol = Some(symbol.into());
        w.ask(next);
        assert_eq!(told(&w).contains("goes on from: double it\n"), builds, "{symbol}");
        match builds {
            true => w.say(&ANSWER.replace("total", "around")),
            false => w.say("def area(w, h):\n    return h * w\n"),
        }
        w.done();
        assert_eq!(first.iter().all(|id| w.ready().contains(id)), !builds, "{symbol}");
    }
}

/// The client names the file of a hunk that it asks about; that is no place for the edit that comes next.
#[test]
fn an_edit_that_cuts_a_question_off_goes_to_the_place_before_unless_the_question_named_one() {
    for (symbol, named) in [(None, false), (Some("area"), true)] {
        for streams in [true, false] {
            let mut w = world();
            offers(&mut w);
            let mut question = explain();
            question.targets[0].symbol = symbol.map(str::to_owned);
            w.hint = symbol.map_or(Hint::File, |s| Hint::Symbol(s.into()));
            w.tell(Command::Prompt(question));
            if streams {
                w.gather();
                w.say("It ");
            }
            w.tell(Command::Prompt(unnamed("round it")));
            let before = w.before.clone().map(|b| b.symbol);
            let want = (!named).then(|| Some("edge".to_owned()));
            assert_eq!(before, want, "{symbol:?} {streams}");
        }
    }
}

#[test]
fn a_place_without_a_name_moves_with_its_file_and_goes_with_its_lines() {
    let line = |i: usize| format!("C{i} = {i}\n");
    let lines = |range: Range<usize>| range.map(line).collect::<String>();
    let cases = [
        (lines(0..80), 20..30),
        ("import os\n\n".to_owned() + &lines(0..80), 22..32),
        (lines(5..80), 15..25),
        // Its own lines are others by now, and more.
        (lines(0..25) + "D = 0\n" + &lines(25..80), 20..31),
    ];
    let begun = || {
        let mut w = world();
        w.text = Text::from_str_lossless(&lines(0..80));
        w.disk = w.text.clone();
        w.hint = Hint::Lines(20..30);
        w.ask(prompt("count on"));
        w.say(&lines(20..30).replace("25\n", "52\n"));
        w.done();
        w
    };
    for (now, want) in cases {
        let mut w = begun();
        w.tell(Command::Reject(HunkSelector::All));
        w.text = Text::from_str_lossless(&now);
        go_on(&mut w, "count back");
        assert_eq!(place(&w), want);
    }
    let mut w = begun();
    w.text = Text::from_str_lossless(&(lines(0..20) + &lines(30..80)));
    go_on(&mut w, "set C3 to 4");
    assert!(!place(&w).contains(&25), "{:?}", place(&w));
}

#[test]
fn what_was_added_kept_and_undone_is_no_place() {
    let mut w = world();
    w.hint = Hint::Symbol("area".into());
    w.ask(prompt("add a function volume"));
    w.say("\n\ndef volume(w, h, d):\n    return w * h * d\n");
    w.done();
    w.tell(Command::Keep(HunkSelector::All));
    assert!(w.disk.joined().contains("def volume"), "{:?}", w.events);
    let undone = w.text.clone();
    w.text = w.disk.clone();
    go_on(&mut w, "use pi");
    let there = w.text.lines()[place(&w)].concat();
    assert!(
        there.contains("def volume") && !there.contains("def edge"),
        "{there}"
    );
    w.tell(Command::Interrupt);
    w.text = undone;
    go_on(&mut w, "use pi");
    assert_eq!(place(&w), 0..7, "the file is all that is left to go by");
}

#[test]
fn of_two_things_with_one_name_the_one_before_is_meant() {
    let class = "class A:\n    @property\n    def x(self):\n        return self._x\n\n    @x.setter\n    def x(self, v):\n        self._x = v\n";
    let begun = |lines: Range<usize>| {
        let mut w = world();
        w.text = Text::from_str_lossless(class);
        w.hint = Hint::Lines(lines);
        w.ask(prompt("log it"));
        let first = place(&w);
        w.say("    def");
        w.tell(Command::Interrupt);
        (w, first)
    };
    for lines in [2..4, 6..8] {
        for (above, by) in [("", 0), ("import os\n\n", 2)] {
            let (mut w, first) = begun(lines.clone());
            w.text = Text::from_str_lossless(&(above.to_owned() + class));
            go_on(&mut w, "and check it");
            assert_eq!(place(&w), first.start + by..first.end + by, "{lines:?} {above:?}");
            assert!(told(&w).contains("which was stopped: log it"));
        }
    }
    // The other one is another matter.
    let (mut w, _) = begun(6..8);
    w.hint = Hint::Lines(2..4);
    w.ask(unnamed("and check it"));
    assert!(!told(&w).contains("which was stopped"));
}
