//! Rows of the text that the person writes.

use crate::app::{After, App};
use crate::look;
use brisk_patch::visible::{Tabs, visible, width, wrap};
use ratatui_core::text::Line;

/// The rows that fit, and the cursor in them (column, row).
pub(super) struct Text {
    pub(super) rows: Vec<Line<'static>>,
    pub(super) cursor: (usize, usize),
}

/// At most `room` rows, around the cursor.
pub(super) fn rows(app: &App, columns: usize, room: usize) -> Text {
    let sign = match app.composer.searching() {
        Some(wanted) => format!("search {wanted}: "),
        None if app.composer.vi() == Some("NORMAL") => ": ".to_owned(),
        None => "> ".to_owned(),
    };
    let sign = brisk_patch::visible::clip(&sign, columns / 2);
    let indent = width(&sign);
    let inner = columns.saturating_sub(indent + 1).max(1);
    let (shown, cursor) = app.composer.shown();
    if shown.is_empty() {
        let mut line = look::line(&sign, look::HEAD);
        // Letters that may become text stand where they will be then.
        let held = app.pending_letters().unwrap_or("");
        line.push_span(match held {
            "" => look::span(invitation(app), look::DIM),
            held => look::span(held, look::PLAIN),
        });
        return Text {
            rows: vec![line],
            cursor: (indent + width(held), 0),
        };
    }
    let before = shown.get(..cursor).unwrap_or_default();
    let cursor_line = before.matches('\n').count();
    let column_text = before.rsplit('\n').next().unwrap_or_default();
    // Lines far from the cursor are not wrapped: each takes at least one row.
    let first = cursor_line.saturating_sub(room);
    let mut out: Vec<String> = Vec::new();
    let mut at = (0, 0);
    for (i, line) in shown.split('\n').enumerate().skip(first).take(room * 2 + 1) {
        if i == cursor_line {
            let to = wrap(&visible(column_text, Tabs::Expand), inner);
            let last = to.last().map_or(0, |r| width(r));
            at = (indent + last, out.len() + to.len() - 1);
        }
        out.extend(wrap(&visible(line, Tabs::Expand), inner));
    }
    let from = (at.1 + 1).saturating_sub(room);
    let rows = out
        .into_iter()
        .enumerate()
        .skip(from)
        .take(room)
        .map(|(i, row)| {
            let head = if i == 0 && first == 0 {
                sign.clone()
            } else {
                " ".repeat(indent)
            };
            let mut line = look::line(&head, look::HEAD);
            line.push_span(look::span(&row, look::PLAIN));
            line
        })
        .collect();
    Text {
        rows,
        cursor: (at.0, at.1 - from),
    }
}

fn invitation(app: &App) -> &'static str {
    match (&app.live, app.book.is_offering(), app.offer()) {
        (Some(_), ..) => "Esc stops, Enter redirects, Tab queues",
        (None, true, _) => "",
        (None, false, After::Nothing) => "what to change? @ names a place, ? helps",
        (None, false, After::Kept) if app.can_verify() => "what to change? u undoes, v verifies, ? helps",
        (None, false, After::Kept) => "what to change? u undoes, ? helps",
        (None, false, After::Undone) => "what to change? r redoes, u undoes more, ? helps",
    }
}
