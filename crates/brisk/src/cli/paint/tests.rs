//! Pictures of the painter, and what holds for every picture.

use super::*;
use crate::cli::sanitize::width;
use brisk_domain::TurnId;
use proptest::prelude::*;

const TURN: TurnId = TurnId(1);

fn opened(hunk: u64, at: usize) -> Event {
    Event::HunkOpened {
        turn: TURN,
        hunk: HunkId(hunk),
        path: "src/x.rs".into(),
        at,
    }
}

fn line(hunk: u64, text: &str) -> Event {
    let (kind, text) = split(text);
    Event::HunkLine {
        turn: TURN,
        hunk: HunkId(hunk),
        kind,
        text,
    }
}

fn split(text: &str) -> (LineKind, String) {
    match text.split_at(1) {
        ("-", rest) => (LineKind::Removed, rest.into()),
        (_, rest) => (LineKind::Added, rest.into()),
    }
}

fn ready(hunk: u64, at: usize, lines: &[&str]) -> Event {
    let side = |wanted| {
        let lines = lines.iter().map(|l| split(l));
        lines.filter(|(k, _)| *k == wanted).map(|(_, t)| t).collect()
    };
    Event::HunkReady {
        turn: TURN,
        hunk: HunkId(hunk),
        path: "src/x.rs".into(),
        at,
        removed: side(LineKind::Removed),
        added: side(LineKind::Added),
    }
}

fn withdrawn(hunk: u64) -> Event {
    Event::HunkChanged {
        hunk: HunkId(hunk),
        state: HunkState::Withdrawn {
            why: "it does not parse".into(),
        },
    }
}

fn prose(text: &str) -> Event {
    Event::Prose {
        turn: TURN,
        text: text.into(),
    }
}

fn notice(text: &str) -> Event {
    Event::Notice {
        turn: TURN,
        text: text.into(),
    }
}

/// Paints events one after the other; one line a paint, `<n` for a rewind.
fn paints(columns: usize, rows: usize, events: &[Event]) -> String {
    let mut painter = Painter::new(Size { columns, rows });
    let mut book = Book::default();
    let mut out = String::new();
    for event in events {
        book.on(event);
        for paint in painter.on(event, &book) {
            match paint {
                Paint::Rewind(n) => out.push_str(&format!("<{n}\n")),
                Paint::Row(row) => {
                    let tone = match row.tone {
                        Tone::Plain => ' ',
                        Tone::Dim => '.',
                        Tone::Head => '@',
                        Tone::Added => '+',
                        Tone::Removed => '-',
                        Tone::Good => '*',
                        Tone::Warn => '!',
                        Tone::Bad => '#',
                    };
                    out.push_str(&format!("{tone}|{}|\n", row.text));
                }
            }
        }
    }
    out
}

#[test]
fn lines_cost_their_own_rows_and_a_smaller_hunk_only_its_own() {
    let events = [
        opened(1, 4),
        line(1, "+b"),
        line(1, "-a"),
        ready(1, 4, &["-a", "+b"]),
        opened(2, 9),
        line(2, "-same"),
        line(2, "+same"),
        line(2, "+new"),
        ready(2, 10, &["+new"]),
    ];
    insta::assert_snapshot!(paints(40, 24, &events), @r"
    @|@@ 1 src/x.rs:5|
    +|+b|
    <1
    -|-a|
    +|+b|
    @|@@ 2 src/x.rs:10|
    -|-same|
    +|+same|
    +|+new|
    <4
    @|@@ 2 src/x.rs:11|
    +|+new|
    ");
}

#[test]
fn a_withdrawn_hunk_shrinks_and_those_below_follow() {
    let events = [ready(1, 4, &["-a", "+b"]), ready(2, 9, &["+new"]), withdrawn(1)];
    insta::assert_snapshot!(paints(60, 24, &events), @r"
    @|@@ 1 src/x.rs:5|
    -|-a|
    +|+b|
    @|@@ 2 src/x.rs:10|
    +|+new|
    <5
    .|@@ 1 src/x.rs:5 withdrawn: it does not parse|
    @|@@ 2 src/x.rs:10|
    +|+new|
    ");
}

#[test]
fn what_is_out_of_reach_is_said_below() {
    let events = [
        opened(1, 4),
        line(1, "+b"),
        line(1, "+c"),
        line(1, "+d"),
        Event::HunkDropped {
            turn: TURN,
            hunk: HunkId(1),
        },
        ready(2, 9, &["+new"]),
        notice("the whole file is tried"),
        withdrawn(2),
    ];
    insta::assert_snapshot!(paints(60, 4, &events), @r"
    @|@@ 1 src/x.rs:5|
    +|+b|
    +|+c|
    +|+d|
    .|@@ 1 src/x.rs:5 came to nothing|
    @|@@ 1 src/x.rs:10|
    +|+new|
    !|the whole file is tried|
    <3
    .|@@ 1 src/x.rs:10 withdrawn: it does not parse|
    !|the whole file is tried|
    ");
}

#[test]
fn twenty_columns_and_hostile_text() {
    let events = [
        Event::PlaceFound {
            turn: TURN,
            path: "src/a/long/path.rs".into(),
            start: 9,
            end: 32,
            why: "symbol x".into(),
        },
        opened(1, 123_456),
        line(1, "-\tlet 名前 = 日本語(1);"),
        line(1, "+\x1b[31mred\u{202e}"),
    ];
    insta::assert_snapshot!(paints(20, 24, &events), @r"
     |place: src/a/long/pa|
     |th.rs:10-32 (symbol |
     |x)|
    @|@@ 1 src/x.rs:123457|
    -|-    let 名前 = 日本|
    -| 語(1);|
    +|+␛[31mred<U+202E>|
    ");
}

#[test]
fn words_flow_and_only_the_last_row_is_painted_again() {
    let events = [
        prose("It counts"),
        prose(" bytes, no"),
        prose("t characters.\n"),
        prose("\nEnd\x07"),
    ];
    insta::assert_snapshot!(paints(20, 24, &events), @r"
     |It counts|
    <1
     |It counts bytes, no|
    <1
     |It counts bytes, not|
     |characters.|
     ||
     |End␇|
    ");
}

fn any_event() -> impl Strategy<Value = Event> {
    let hunk = 1u64..4;
    prop_oneof![
        (hunk.clone(), 0usize..50).prop_map(|(h, at)| opened(h, at)),
        (hunk.clone(), "[-+].{0,60}").prop_map(|(h, text)| line(h, &text)),
        (hunk.clone(), prop::collection::vec("[-+].{0,30}", 0..4)).prop_map(|(h, lines)| {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            ready(h, 3, &lines)
        }),
        hunk.clone().prop_map(|h| Event::HunkDropped {
            turn: TURN,
            hunk: HunkId(h)
        }),
        hunk.prop_map(withdrawn),
        "(?s).{0,40}".prop_map(|t| prose(&t)),
        ".{0,40}".prop_map(|t| notice(&t)),
    ]
}

proptest! {
    /// Whatever comes: no row is wider than the window, no rewind leaves the window or the picture, and what is
    /// painted of a hunk is what the book says.
    #[test]
    fn paints_stay_in_the_window(
        events in prop::collection::vec(any_event(), 0..40),
        columns in 2usize..60,
        rows in 2usize..20,
    ) {
        let mut painter = Painter::new(Size { columns, rows });
        let mut book = Book::default();
        let mut painted = 0usize;
        for event in &events {
            book.on(event);
            for paint in painter.on(event, &book) {
                match paint {
                    Paint::Rewind(n) => {
                        prop_assert!(n < rows && n <= painted);
                        painted -= n;
                    }
                    Paint::Row(row) => {
                        prop_assert!(width(&row.text) <= columns, "{:?}", row.text);
                        prop_assert!(!row.text.chars().any(char::is_control));
                        painted += 1;
                    }
                }
            }
            prop_assert_eq!(painted, painter.items.iter().map(|i| i.rows.len()).sum::<usize>());
            for item in &painter.items {
                if let Some(entry) = item.hunk.and_then(|id| book.find(id)) {
                    prop_assert_eq!(&item.rows, &painter.entry_rows(entry));
                }
            }
        }
    }
}
