//! The patch: place first, then the lines as they come; the hunks on offer; and what stays in the scrollback.

use crate::app::{App, Stage};
use crate::book::{self, Hunk, Over};
use crate::look;
use crate::words;
use brisk_patch::paint::{Class, Piece};
use brisk_patch::visible::{TAB, Tabs, visible, width};
use brisk_protocol::domain::HunkState;
use ratatui_core::style::{Color, Modifier, Style};
use ratatui_core::text::{Line, Span};
use std::ops::Range;

/// Lines of a finished hunk that go into the scrollback.
const PRINTED: usize = 400;

/// The pane: at most `room` rows of `columns`. While lines come the newest are shown, later the chosen hunk.
pub(super) fn pane(app: &App, room: usize, columns: usize) -> Vec<Line<'static>> {
    let mut rows = Vec::new();
    if let Some(live) = &app.live {
        if live.stage == Stage::Sent {
            rows.push(look::line(
                &format!("\u{203a} {}", live.text.lines().next().unwrap_or_default()),
                look::DIM,
            ));
        }
        if let Some(place) = &live.place {
            rows.push(look::line(place, look::HEAD));
        }
    }
    let prose = app
        .live
        .as_ref()
        .filter(|l| l.prose.is_begun())
        .map(|l| l.prose.row());
    let room = room.saturating_sub(rows.len() + usize::from(prose.is_some()));
    let chosen = app
        .book
        .offered()
        .nth(app.selected)
        .map(|h| h.id)
        .filter(|_| app.live.is_none());
    let total: usize = app.book.hunks.iter().map(Hunk::rows).sum();
    let from = match chosen {
        Some(id) => {
            let above: usize = app
                .book
                .hunks
                .iter()
                .take_while(|h| h.id != id)
                .map(Hunk::rows)
                .sum();
            // The chosen one begins at the top unless all fits.
            above.min(total.saturating_sub(room))
        }
        None => total.saturating_sub(room),
    };
    let mut at = 0;
    for hunk in &app.book.hunks {
        let size = hunk.rows();
        let skip = from.saturating_sub(at).min(size);
        let take = (room + from).saturating_sub(at + skip).min(size - skip);
        at += size;
        if take > 0 {
            let several = app.book.hunks.len() > 1;
            rows.extend(hunk_rows(
                hunk,
                chosen == Some(hunk.id) && several,
                skip..skip + take,
                columns,
            ));
        }
    }
    rows.extend(prose.map(|row| look::line(&row, look::PLAIN)));
    rows
}

/// Some of a hunk's rows. Where its head is above the window, the head takes the place of the first row.
fn hunk_rows(hunk: &Hunk, chosen: bool, window: Range<usize>, columns: usize) -> Vec<Line<'static>> {
    let (before, after) = hunk.context();
    let whole = hunk.stage != book::Stage::Growing;
    let emphasis = |i: usize| match whole {
        true => words::changed(
            hunk.removed.get(i).map_or("", |l| l),
            hunk.added.get(i).map_or("", |l| l),
        ),
        false => None,
    };
    window
        .clone()
        .map(|row| {
            if row == window.start || row == 0 {
                return head(hunk, chosen, window.start);
            }
            let mut n = row - 1;
            if let Some(line) = before.get(n) {
                return look::line(&format!(" {line}"), look::DIM);
            }
            n -= before.len();
            if let Some(line) = hunk.removed.get(n) {
                let words = emphasis(n).map_or_else(Vec::new, |(old, _)| old);
                return code('-', seen(line, columns), look::REMOVED, &[], &words);
            }
            n -= hunk.removed.len();
            if let Some(line) = hunk.added.get(n) {
                let words = emphasis(n).map_or_else(Vec::new, |(_, new)| new);
                let pieces = hunk
                    .painted
                    .as_ref()
                    .and_then(|p| p.added.get(n))
                    .map_or(&[][..], Vec::as_slice);
                return code('+', seen(line, columns), look::ADDED, pieces, &words);
            }
            n -= hunk.added.len();
            look::line(&format!(" {}", after.get(n).map_or("", |l| l)), look::DIM)
        })
        .collect()
}

fn head(hunk: &Hunk, chosen: bool, above: usize) -> Line<'static> {
    let mark = if chosen { "\u{25b6} " } else { "" };
    let mut line = look::line(
        &format!("{mark}@@ {}", hunk.place()),
        if chosen {
            look::HEAD.add_modifier(Modifier::BOLD)
        } else {
            look::HEAD
        },
    );
    let size = format!("  +{} -{}", hunk.added.len(), hunk.removed.len());
    line.push_span(look::span(&size, look::DIM));
    if above > 1 {
        line.push_span(look::span(&format!("  ({above} rows above)"), look::DIM));
    }
    match hunk.stage {
        book::Stage::Growing => line.push_span(look::span(" \u{2026}", look::DIM)),
        book::Stage::Deciding => line.push_span(look::span("  deciding", look::DIM)),
        book::Stage::Ready => {}
    }
    line
}

/// The part of a line that a row of so many columns can show, and a little more where the line goes on.
fn seen(line: &str, columns: usize) -> &str {
    let mut room = columns + 1;
    for (i, c) in line.char_indices() {
        if room == 0 {
            return line.get(..i).unwrap_or_default();
        }
        // A control character is shown as something.
        room -= usize::from(c.is_control() || width(c.encode_utf8(&mut [0; 4])) > 0);
    }
    line
}

/// A line of code with its sign. Plain in the side's colour until the pieces are known. Pieces and words are in order
/// and without overlap.
fn code(sign: char, line: &str, side: Style, pieces: &[Piece], words: &[Range<usize>]) -> Line<'static> {
    let base = if pieces.is_empty() { side } else { look::PLAIN };
    let mut cuts: Vec<usize> = vec![0, line.len()];
    cuts.extend(pieces.iter().flat_map(|p| [p.bytes.start, p.bytes.end]));
    cuts.extend(words.iter().flat_map(|w| [w.start, w.end]));
    cuts.retain(|at| *at <= line.len());
    cuts.sort_unstable();
    cuts.dedup();
    let mut pieces = pieces.iter().peekable();
    let mut words = words.iter().peekable();
    let mut spans = vec![Span::styled(sign.to_string(), side)];
    let mut column = 0;
    for pair in cuts.windows(2) {
        let [from, to] = pair else { continue };
        let Some(part) = line.get(*from..*to) else {
            continue;
        };
        while pieces.next_if(|p| p.bytes.end <= *from).is_some() {}
        while words.next_if(|w| w.end <= *from).is_some() {}
        let mut style = base;
        if let Some(piece) = pieces.peek().filter(|p| p.bytes.contains(from)) {
            style = class(piece.class);
        }
        if words.peek().is_some_and(|w| w.contains(from)) {
            style = style.add_modifier(look::EMPHASIS);
        }
        // Tabs go to stops of the line, not of the part.
        let text = match part.contains('\t') {
            true => {
                let before = column % TAB;
                let whole = " ".repeat(before) + part;
                visible(&whole, Tabs::Expand)
                    .get(before..)
                    .unwrap_or_default()
                    .to_owned()
            }
            false => visible(part, Tabs::Expand).into_owned(),
        };
        column += width(&text);
        spans.push(Span::styled(text, style));
    }
    Line::from(spans)
}

fn class(class: Class) -> Style {
    match class {
        Class::Keyword => Style::new().fg(Color::Magenta),
        Class::String => Style::new().fg(Color::Yellow),
        Class::Comment => look::DIM,
        Class::Number => Style::new().fg(Color::Cyan),
        Class::Type => Style::new().fg(Color::Blue),
        Class::Function => Style::new().add_modifier(Modifier::BOLD),
    }
}

/// A hunk that is over, for the scrollback: without borders and unfolded, so that it can be copied.
pub(crate) fn finished(over: &Over, plain: bool) -> Vec<Line<'static>> {
    let hunk = &over.hunk;
    let (word, style, why) = match &over.state {
        HunkState::Kept => ("kept", look::ADDED, None),
        HunkState::Rejected => ("rejected", look::DIM, None),
        HunkState::Withdrawn { why } => ("withdrawn", look::DIM, Some(why)),
        HunkState::Conflicted { why } => ("not kept", look::BAD, Some(why)),
        HunkState::Ready => ("on offer", look::PLAIN, None),
    };
    let mut head = look::line(&hunk.place(), look::HEAD);
    head.push_span(look::span(&format!(" {word}"), style));
    if let Some(why) = why {
        head.push_span(look::span(&format!(": {why}"), look::DIM));
    }
    let mut lines = vec![head];
    // In plain mode the lines were told when they came; of a hunk that never was whole only the head is worth a row.
    let half = hunk.stage == book::Stage::Growing && matches!(over.state, HunkState::Withdrawn { .. });
    if plain || half {
        return lines;
    }
    let dead = over.state != HunkState::Kept;
    let removed = hunk
        .removed
        .iter()
        .map(|l| code('-', l, if dead { look::DIM } else { look::REMOVED }, &[], &[]));
    let added = hunk.added.iter().enumerate().map(|(i, l)| {
        let pieces = hunk
            .painted
            .as_ref()
            .and_then(|p| p.added.get(i))
            .filter(|_| !dead);
        code(
            '+',
            l,
            if dead { look::DIM } else { look::ADDED },
            pieces.map_or(&[][..], Vec::as_slice),
            &[],
        )
    });
    lines.extend(removed.chain(added).take(PRINTED));
    let over = (hunk.removed.len() + hunk.added.len()).saturating_sub(PRINTED);
    if over > 0 {
        lines.push(look::line(
            &format!("\u{2026} {}", look::count(over, "more line")),
            look::DIM,
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn of_a_long_line_only_what_is_seen_is_laid_out() {
        let line = "\tx=1;".repeat(6_000);
        let pieces: Vec<Piece> = (0..6_000)
            .map(|i| Piece {
                bytes: i * 5 + 3..i * 5 + 4,
                class: Class::Number,
            })
            .collect();
        let row = code('+', seen(&line, 80), look::ADDED, &pieces, &[]);
        assert!((81..400).contains(&row.width()), "{}", row.width());
        assert!(row.spans.len() < 100);
        for (line, columns, want) in [
            ("ab", 2, "ab"),
            ("abcd", 2, "abc"),
            ("e\u{301}e\u{301}x", 1, "e\u{301}e"),
        ] {
            assert_eq!(seen(line, columns), want);
        }
    }

    proptest! {
        #[test]
        fn parts_make_the_line(line in "[a-c\t\u{e9}\u{65e5}]{0,30}", marks in prop::collection::btree_set(0usize..60, 0..12), plain in any::<bool>()) {
            let marks: Vec<usize> = marks.into_iter().filter(|i| line.is_char_boundary(*i)).collect();
            let ranges: Vec<Range<usize>> = marks.chunks_exact(2).map(|c| c[0]..c[1]).collect();
            let pieces: Vec<Piece> = ranges.iter().map(|r| Piece { bytes: r.clone(), class: Class::Keyword }).collect();
            let row = if plain {
                code('+', &line, look::ADDED, &[], &ranges)
            } else {
                code('+', &line, look::ADDED, &pieces, &[])
            };
            prop_assert_eq!(row.to_string(), format!("+{}", visible(&line, Tabs::Expand)));
            let marked = |s: &Span<'_>| match plain {
                true => s.style.add_modifier.contains(look::EMPHASIS),
                false => s.style == class(Class::Keyword),
            };
            let seen: usize = row.spans.iter().skip(1).filter(|s| marked(s)).count();
            prop_assert_eq!(seen, ranges.len());
        }
    }
}
