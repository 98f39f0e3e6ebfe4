//! Rows that say what can be done, and rows that fit.

use super::*;
use brisk_protocol::gate::TreeState;

#[test]
fn what_was_kept_before_can_be_taken_back_where_the_row_says_so() {
    let status = |undoable| {
        Reply::Status(Ok(RepoStatus {
            root: "/home/me/shop".into(),
            tree: "0123456789abcdef".into(),
            state: TreeState::Draft { policy: true },
            undoable,
            last: None,
            recovered: None,
        }))
    };
    // (a session that was there before, edits that can be undone, what the keys do)
    for (last, undoable, works) in [(3, 1, true), (3, 0, false), (0, 1, false)] {
        for (key, call) in [('u', Call::Undo), ('v', verify())] {
            let mut w = World::unconnected(Setup {
                rows: 24,
                ..Setup::default()
            });
            w.connect(1, last);
            for _ in 0..last {
                w.event(Event::Queued { text: "x".into() });
            }
            w.reply(status(undoable));
            assert_eq!(w.app.offer() == After::Kept, works, "{last} {undoable}");
            w.calls();
            w.key(Char(key));
            w.pause();
            let want = if works { vec![call] } else { vec![] };
            assert_eq!(w.calls(), want, "{key} {last} {undoable}");
            assert_eq!(w.text().is_empty(), works);
        }
    }
}

fn verify() -> Call {
    Call::Verify {
        run: 1,
        checks: vec![],
    }
}

#[test]
fn what_is_told_is_broken_at_spaces_and_code_is_not() {
    let told = |columns, plain| {
        let mut w = World::unconnected(Setup {
            plain,
            rows: 24,
            columns,
            ..Setup::default()
        });
        w.connect(1, 0);
        w.printed();
        w.app.composer.set("/edit");
        w.key(Enter);
        w.printed()
    };
    let whole = "/edit TEXT: a change, also where the text begins with a slash";
    assert_eq!(
        told(30, false),
        "/edit TEXT: a change, also\nwhere the text begins with a\nslash"
    );
    assert_eq!(told(30, true), whole);
    assert_eq!(told(0, false), whole);
    // Nobody waits for a paste in one line to be laid out.
    let mut w = world();
    w.app.resize(24, 30);
    let paste = "word ".repeat(100_000);
    w.begun(1, &paste);
    assert!(w.printed().contains(paste.trim_end()));
    let mut w = world();
    w.app.resize(24, 30);
    w.begun(1, "one");
    let code = "    total = the_first_name + the_second_name";
    w.ready(1, 1, 4, &[], &[code]);
    w.changed(1, HunkState::Kept);
    assert!(w.printed().contains(code));
}
