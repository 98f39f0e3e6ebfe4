use super::*;
use crate::app::Input;
use crate::app::Setup;
use crate::app::tests::{World, world};
use crate::colour::{Colourist, Job};
use crate::key::{Key, Typed};
use crate::paint::Painter;
use crate::wire::Reply;
use brisk_protocol::domain::{HunkId, HunkState, LineKind, StopReason};
use brisk_protocol::gate::{TreeNews, TreeState};
use brisk_protocol::{Completion, Decided, HunkSet, Limits, RepoStatus};
use proptest::prelude::*;

/// The pane as text; the cursor is `▏`.
fn shown(world: &World, columns: u16, rows: u16) -> String {
    let frame = frame(&world.app, Size { columns, rows });
    let mut out = Vec::new();
    for y in 0..frame.cells.area.height {
        let mut row = String::new();
        for x in 0..frame.cells.area.width {
            if (x, y) == frame.cursor {
                row.push('\u{258f}');
            }
            row.push_str(frame.cells[(x, y)].symbol());
        }
        out.push(row.trim_end().to_owned());
    }
    out.join("\n")
}

fn at_widths(name: &str, world: &World) {
    for columns in [100, 60, 20] {
        insta::assert_snapshot!(format!("{name}_{columns}"), shown(world, columns, 16));
    }
}

fn settled() -> World {
    let mut w = world();
    w.reply(Reply::Status(Ok(RepoStatus {
        root: "/home/me/shop".into(),
        tree: "0123456789abcdef".into(),
        state: TreeState::Draft { policy: true },
        undoable: 2,
        last: None,
        recovered: None,
    })));
    w.reply(Reply::Limits(Ok(Limits {
        max_files: 2,
        max_lines: 80,
    })));
    w
}

#[test]
fn an_empty_client() {
    at_widths("empty", &settled());
}

#[test]
fn a_hunk_that_grows() {
    let mut w = settled();
    w.write("multiply by the quantity");
    w.key(Key::Enter);
    w.begun(1, "multiply by the quantity");
    w.opened(1, 1, 6);
    // The model's order; removed lines are shown above.
    w.hunk_line(
        1,
        1,
        LineKind::Added,
        "        total += item[\"price\"] * item[\"quantity\"]",
    );
    w.hunk_line(1, 1, LineKind::Removed, "        total += item[\"price\"]");
    w.write("make it");
    at_widths("growing", &w);
}

#[test]
fn hunks_on_offer() {
    let mut w = settled();
    w.offered();
    let text = "import os\n\n\ndef subtotal(items):\n    total = 0\n    return total\n";
    let job = Job::Hunk {
        hunk: HunkId(1),
        path: "shop.py".into(),
        at: 4,
        removed: vec!["    total = 0".into()],
        added: vec!["    total = 1".into()],
    };
    w.input(Input::Painted(
        Colourist::default().colour(&job, || text.to_owned()).unwrap(),
    ));
    w.key(Key::Char('j'));
    at_widths("offered", &w);
}

#[test]
fn a_letter_that_waits_says_what_it_will_do() {
    let mut w = settled();
    w.offered();
    w.key(Key::Char('x'));
    let text = shown(&w, 60, 16);
    assert!(
        text.contains("rejecting all\u{2026} Esc: no") && text.contains("> x"),
        "{text}"
    );
    w.key(Key::Esc);
    let text = shown(&w, 60, 16);
    assert!(
        text.contains("nothing was done") && !text.contains("> x"),
        "{text}"
    );
}

#[test]
fn nothing_is_ready_before_a_decision_is_done() {
    let mut w = settled();
    w.offered();
    w.key(Key::Enter);
    let text = shown(&w, 60, 16);
    assert!(
        text.contains("\ndeciding\u{2026}") && !text.contains("ready"),
        "{text}"
    );
}

#[test]
fn a_long_hunk_keeps_its_place_in_view() {
    let mut w = settled();
    w.write("one");
    w.key(Key::Enter);
    w.begun(1, "one");
    w.opened(1, 1, 6);
    for n in 0..5_000 {
        w.hunk_line(1, 1, LineKind::Added, &format!("line {n}"));
    }
    let text = shown(&w, 60, 16);
    assert!(
        text.contains("@@ shop.py:7") && text.contains("line 4999") && !text.contains("line 0\n"),
        "{text}"
    );
}

#[test]
fn menu_queue_help_and_search() {
    let mut w = settled();
    w.write("one");
    w.key(Key::Enter);
    w.begun(1, "one");
    for text in ["then this", "and that"] {
        w.write(text);
        w.key(Key::Tab);
    }
    w.write("fix @sh");
    let item = |t: &str, d: &str| Completion {
        target: t.into(),
        detail: d.into(),
    };
    w.reply(Reply::Completed {
        query: "sh".into(),
        items: vec![item("shop.py", ""), item("src/shop.py:subtotal", "lines 4-8")],
    });
    at_widths("menu", &w);
    let mut w = settled();
    w.key(Key::F1);
    insta::assert_snapshot!("help", shown(&w, 80, 24));
}

#[test]
fn text_of_models_and_files_is_not_obeyed() {
    let mut w = settled();
    w.write("one");
    w.key(Key::Enter);
    w.begun(1, "one");
    w.ready(
        1,
        1,
        6,
        &["\u{1b}[2Jgone"],
        &["if admin\u{202e} }\u{2066}", "a\tb\u{200b}c\u{7}"],
    );
    w.ended(1, StopReason::EndTurn, 1);
    let mut painter = Painter::new(true);
    let lines = [finished_line(&w)].concat();
    let bytes = painter.draw(
        &lines,
        frame(
            &w.app,
            Size {
                columns: 80,
                rows: 24,
            },
        ),
    );
    assert!(
        !bytes.contains("\u{202e}") && !bytes.contains('\u{7}') && !bytes.contains("\u{1b}[2J"),
        "{bytes:?}"
    );
    for want in ["<U+202E>", "<U+200B>", "\u{241b}[2Jgone"] {
        assert!(bytes.contains(want), "{want}: {bytes:?}");
    }
}

fn finished_line(w: &World) -> Vec<Line<'static>> {
    w.app
        .book
        .hunks
        .iter()
        .flat_map(|h| [look::line(&h.removed.join(" "), look::PLAIN)])
        .collect()
}

proptest! {
    /// Any size of window, any text: the pane fits, and its painter never writes beyond a row.
    #[test]
    fn every_window_is_filled_without_a_panic(columns in 1u16..130, rows in 1u16..50, text in "[a-z\u{65e5}\n \u{200b}]{0,200}", hunks in 0u64..6) {
        let mut w = settled();
        w.write("one");
        w.key(Key::Enter);
        w.begun(1, "one");
        for hunk in 0..hunks {
            w.ready(1, hunk, 3, &["\tx = 1"], &["y = \u{65e5}"; 7]);
        }
        w.input(Input::Typed(Typed::Paste(text)));
        let size = Size { columns, rows };
        let one = frame(&w.app, size);
        prop_assert!(one.cells.area.height < rows.max(2) && one.cursor.0 < columns);
        w.ended(1, StopReason::EndTurn, 1);
        let two = frame(&w.app, size);
        prop_assert!(two.cells.area.height >= 1 && two.cursor.1 < two.cells.area.height);
    }
}

#[test]
fn a_tiny_window_shows_the_text() {
    let mut w = World::unconnected(Setup::default());
    w.write("hello");
    assert_eq!(shown(&w, 8, 2), "> hello\u{258f}");
}

#[test]
fn where_nothing_was_drafted_the_last_row_speaks_of_no_draft() {
    let cases = [
        (false, 0, "ready \u{b7} not verified"),
        (false, 1, "ready \u{b7} draft, 1 edit"),
        (true, 0, "ready \u{b7} draft"),
    ];
    for (policy, undoable, row) in cases {
        let mut w = world();
        w.reply(Reply::Status(Ok(RepoStatus {
            root: "/home/me/shop".into(),
            tree: "0123456789abcdef".into(),
            state: TreeState::Draft { policy },
            undoable,
            last: None,
            recovered: None,
        })));
        let shown = shown(&w, 80, 16);
        assert_eq!(shown.lines().last(), Some(row));
    }
    // What stands in the tree is told before what was written in it: no word is better than a wrong one.
    let mut w = world();
    let news = |w: &mut World| {
        w.input(Input::Tree(TreeNews {
            root: "/home/me/shop".into(),
            tree: "0123456789abcdef".into(),
            state: TreeState::Draft { policy: false },
        }));
        shown(w, 80, 16).lines().last().map(str::to_owned)
    };
    assert_eq!(news(&mut w).as_deref(), Some("ready"));
    w.reply(Reply::Status(Ok(RepoStatus {
        root: "/home/me/shop".into(),
        tree: "0123456789abcdef".into(),
        state: TreeState::Draft { policy: false },
        undoable: 0,
        last: None,
        recovered: None,
    })));
    assert_eq!(news(&mut w).as_deref(), Some("ready \u{b7} not verified"));
    w.offered();
    w.key(Key::Enter);
    w.reply(Reply::Decided {
        asked: HunkSet::All,
        outcome: Ok(Decided {
            kept: vec![HunkId(1), HunkId(2)],
            ..Decided::default()
        }),
    });
    let row = news(&mut w).unwrap_or_default();
    assert!(row.starts_with("ready") && row.ends_with("\u{b7} draft"), "{row}");
}

#[test]
fn at_the_budget_the_row_offers_what_can_be_done() {
    for (finished, row) in [
        (
            true,
            "g goes on \u{b7} Enter keep \u{b7} x reject \u{b7} Esc stop",
        ),
        (false, "g goes on \u{b7} Esc stop"),
    ] {
        let mut w = world();
        w.write("fix it");
        w.key(Key::Enter);
        w.begun(1, "fix it");
        if finished {
            w.ready(1, 1, 4, &["    total = 0"], &["    total = 1"]);
        }
        w.at_budget();
        let row = format!("90 changed lines, the budget is 80: {row}");
        let shown = shown(&w, 100, 16);
        assert!(shown.lines().any(|line| line == row), "{shown}");
    }
}

#[test]
fn a_hunk_that_was_withdrawn_can_still_be_read() {
    let mut w = world();
    w.offered();
    w.printed();
    let why = "a newer hunk changes the same lines".to_owned();
    w.changed(1, HunkState::Withdrawn { why });
    let printed = w.printed();
    assert!(
        printed.contains("withdrawn: a newer hunk") && printed.contains("\n-") && printed.contains("\n+"),
        "{printed}"
    );
    assert!(printed.starts_with("shop.py"), "{printed}");
    // Half of one is no change that anybody could use.
    let mut w = world();
    w.write("fix it");
    w.key(Key::Enter);
    w.begun(1, "fix it");
    w.opened(1, 1, 4);
    w.hunk_line(1, 1, LineKind::Added, "    tot");
    w.printed();
    let why = "its turn was stopped".to_owned();
    w.changed(1, HunkState::Withdrawn { why });
    let printed = w.printed();
    assert!(
        printed.contains("withdrawn") && !printed.contains("tot"),
        "{printed}"
    );
}
