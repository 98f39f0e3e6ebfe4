//! The patch: place first, then the lines as they come; the hunks on offer; and what stays in the scrollback.

use crate::app::{App, Stage};
use crate::book::{self, Hunk, Over};
use crate::look;
use crate::words;
use brisk_patch::paint::{Class, Piece};
use brisk_patch::visible::{Tabs, visible};
use brisk_protocol::domain::HunkState;
use ratatui_core::style::{Color, Modifier, Style};
use ratatui_core::text::{Line, Span};
use std::ops::Range;

/// Lines of a finished hunk that go into the scrollback.
const PRINTED: usize = 400;

/// The pane: at most `room` rows. While lines come the newest are shown, later the chosen hunk.
pub(super) fn pane(app: &App, room: usize) -> Vec<Line<'static>> {
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
    let prose = app.live.as_ref().map(|l| l.prose.as_str()).unwrap_or_default();
    let room = room.saturating_sub(rows.len() + usize::from(!prose.is_empty()));
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
            ));
        }
    }
    if !prose.is_empty() {
        rows.push(look::line(prose, look::PLAIN));
    }
    rows
}

/// Some of a hunk's rows. Where its head is above the window, the head takes the place of the first row.
fn hunk_rows(hunk: &Hunk, chosen: bool, window: Range<usize>) -> Vec<Line<'static>> {
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
                return code('-', line, look::REMOVED, &[], &words);
            }
            n -= hunk.removed.len();
            if let Some(line) = hunk.added.get(n) {
                let words = emphasis(n).map_or_else(Vec::new, |(_, new)| new);
                let pieces = hunk
                    .painted
                    .as_ref()
                    .and_then(|p| p.added.get(n))
                    .map_or(&[][..], Vec::as_slice);
                return code('+', line, look::ADDED, pieces, &words);
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
        book::Stage::Deciding => line.push_span(look::span("  writing", look::DIM)),
        book::Stage::Ready => {}
    }
    line
}

/// A line of code with its sign. Plain in the side's colour until the pieces are known.
fn code(sign: char, line: &str, side: Style, pieces: &[Piece], words: &[Range<usize>]) -> Line<'static> {
    let base = if pieces.is_empty() { side } else { look::PLAIN };
    let mut cuts: Vec<usize> = vec![0, line.len()];
    cuts.extend(pieces.iter().flat_map(|p| [p.bytes.start, p.bytes.end]));
    cuts.extend(words.iter().flat_map(|w| [w.start, w.end]));
    cuts.sort_unstable();
    cuts.dedup();
    let mut spans = vec![Span::styled(sign.to_string(), side)];
    let mut shown = String::new();
    for pair in cuts.windows(2) {
        let [from, to] = pair else { continue };
        let Some(part) = line.get(*from..*to) else {
            continue;
        };
        let mut style = base;
        if let Some(piece) = pieces.iter().find(|p| p.bytes.contains(from)) {
            style = class(piece.class);
        }
        if words.iter().any(|w| w.contains(from)) {
            style = style.add_modifier(look::EMPHASIS);
        }
        // Tabs go to stops of the line, not of the piece.
        let before = shown.len();
        let so_far = line
            .get(..*to)
            .map(|l| visible(l, Tabs::Expand).into_owned())
            .unwrap_or_default();
        let text = if line.contains('\t') {
            so_far.get(before..).unwrap_or_default().to_owned()
        } else {
            visible(part, Tabs::Expand).into_owned()
        };
        shown.push_str(&text);
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
    // In plain mode the lines were told when they came; of a hunk that was taken back only the head is worth a row.
    if plain || matches!(over.state, HunkState::Withdrawn { .. }) {
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
