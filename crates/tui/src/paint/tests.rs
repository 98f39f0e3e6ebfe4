use super::*;
use proptest::prelude::*;
use ratatui_core::layout::Rect;
use std::num::NonZero;

const SIZE: Size = Size { columns: 20, rows: 8 };

/// A terminal that remembers what scrolled out.
fn terminal() -> vt100::Parser {
    let number = |n| NonZero::new(n).unwrap();
    vt100::Parser::new(number(SIZE.rows), number(SIZE.columns), 1_000)
}

/// A pane with these rows and the cursor in the last one.
fn pane(rows: &[String]) -> Frame {
    let height = rows.len() as u16;
    let mut cells = Buffer::empty(Rect::new(0, 0, SIZE.columns, height));
    for (y, row) in rows.iter().enumerate() {
        cells.set_string(0, y as u16, row, Style::new());
    }
    Frame {
        cells,
        cursor: (2, height - 1),
    }
}

/// Everything that the terminal holds, from the first line on.
fn all(terminal: &mut vt100::Parser) -> Vec<String> {
    let mut rows = Vec::new();
    terminal.screen_mut().set_scrollback(usize::MAX);
    let out = terminal.screen().scrollback();
    for back in (1..=out).rev() {
        terminal.screen_mut().set_scrollback(back);
        rows.extend(terminal.screen().rows(0, SIZE.columns).next());
    }
    terminal.screen_mut().set_scrollback(0);
    rows.extend(terminal.screen().rows(0, SIZE.columns));
    let end = rows.iter().rposition(|r| !r.is_empty()).map_or(0, |i| i + 1);
    rows.truncate(end);
    rows
}

fn line(text: &str) -> Line<'static> {
    Line::from(text.to_owned())
}

#[test]
fn a_resize_together_with_a_line_is_over_with_its_frame() {
    let mut terminal = terminal();
    let mut painter = Painter::new(false);
    let rows: Vec<String> = ["a", "b", "> "].map(str::to_owned).to_vec();
    let mut draw = |painter: &mut Painter, above: &[Line<'_>], rows: &[String]| {
        terminal.process(painter.draw(above, pane(rows)).as_bytes());
        all(&mut terminal)
    };
    draw(&mut painter, &[], &rows);
    painter.resized(SIZE);
    draw(&mut painter, &[line("said")], &rows[2..]);
    assert_eq!(
        draw(&mut painter, &[line("again")], &rows[1..]),
        ["said", "again", "b", ">"]
    );
}

#[test]
fn no_wipe_begins_in_the_first_cell() {
    let mut painter = Painter::new(false);
    let rows = ["a".to_owned(), "> ".to_owned()];
    let mut bytes = painter.draw(&[line("one")], pane(&rows));
    bytes += &painter.draw(&[], pane(&rows[..1]));
    painter.resized(SIZE);
    bytes += &painter.draw(&[], pane(&rows));
    bytes += &painter.draw(&[line("two")], pane(&rows));
    bytes += &painter.fresh(SIZE);
    let mut terminal = terminal();
    for piece in bytes.split_inclusive('\x1b') {
        let (text, escape) = piece.split_at(piece.len() - usize::from(piece.ends_with('\x1b')));
        if text.starts_with("[J") {
            assert_ne!(terminal.screen().cursor_position(), (0, 0), "{bytes:?}");
        }
        // The sequence begins with the escape that ended the piece before.
        terminal.process(text.as_bytes());
        terminal.process(escape.as_bytes());
    }
}

#[test]
fn an_empty_screen_loses_nothing() {
    let mut terminal = terminal();
    let mut painter = Painter::new(false);
    let rows = ["a".to_owned(), "> ".to_owned()];
    terminal.process(painter.draw(&[line("one"), line("two")], pane(&rows)).as_bytes());
    terminal.process(painter.fresh(SIZE).as_bytes());
    assert_eq!(terminal.screen().contents(), "");
    terminal.process(painter.draw(&[line("three")], pane(&rows)).as_bytes());
    assert_eq!(terminal.screen().contents().trim_end(), "three\na\n>");
    let held: Vec<String> = all(&mut terminal).into_iter().filter(|r| !r.is_empty()).collect();
    assert_eq!(held, ["one", "two", "three", "a", ">"]);
}

proptest! {
    /// However lines and panes follow each other: every line is there once and in order, and one pane below them.
    #[test]
    fn every_line_is_there_once(frames in prop::collection::vec((0usize..5, prop::collection::vec("[a-z]{0,20}", 1..7)), 1..20)) {
        let mut terminal = terminal();
        let mut painter = Painter::new(false);
        let mut said = Vec::new();
        for (lines, rows) in frames {
            let from = said.len();
            said.extend((from..from + lines).map(|n| format!("line {n}")));
            let above: Vec<Line<'_>> = said[from..].iter().map(|l| line(l)).collect();
            terminal.process(painter.draw(&above, pane(&rows)).as_bytes());
            let mut want = said.clone();
            want.extend(rows);
            let end = want.iter().rposition(|r| !r.is_empty()).map_or(0, |i| i + 1);
            want.truncate(end);
            prop_assert_eq!(all(&mut terminal), want);
        }
    }
}
