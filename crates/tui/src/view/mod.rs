//! What is seen: rows of the pane under the scrollback, made from the state at the moment of a frame. Only what fits
//! is laid out, however long a hunk or a text is.

mod composer;
mod patch;
mod status;

pub(crate) use patch::finished;
pub(crate) use status::route;

use crate::app::{App, KEYS, Stage};
use crate::look;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::text::Line;

/// The size of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub columns: u16,
    /// Rows.
    pub rows: u16,
}

/// One frame of the pane.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// Its cells; as wide as the terminal, as high as needed.
    pub cells: Buffer,
    /// Where the cursor is, column and row.
    pub cursor: (u16, u16),
}

/// Paints the pane. At least one row, at most all but one of the terminal's.
pub fn frame(app: &App, size: Size) -> Frame {
    let columns = usize::from(size.columns.max(1));
    let most = usize::from(size.rows.max(2)) - 1;
    let status = status::line(app, columns);
    let text = composer::rows(app, columns, (most / 3).clamp(1, 12));
    let mut room = most.saturating_sub(text.rows.len() + 1);
    let below = menu(app, columns, room.min(8));
    room = room.saturating_sub(below.len());
    let queue = queue(app, room.min(4));
    room = room.saturating_sub(queue.len());
    let hint = hint(app, columns, room);
    room = room.saturating_sub(hint.len());
    let mut rows = if app.help {
        help(room)
    } else {
        patch::pane(app, room, columns)
    };
    rows.truncate(room);
    rows.extend(hint);
    rows.extend(queue);
    let cursor = (text.cursor.0, rows.len() + text.cursor.1);
    rows.extend(text.rows);
    rows.extend(below);
    if most > 1 {
        rows.push(status);
    }
    // A small window has no place for all of it: the end counts, where the text is.
    let over = rows.len().saturating_sub(most);
    rows.drain(..over);
    let area = Rect::new(0, 0, size.columns.max(1), u16::try_from(rows.len()).unwrap_or(1));
    let mut cells = Buffer::empty(area);
    for (y, row) in rows.iter().enumerate() {
        let y = u16::try_from(y).unwrap_or(0);
        cells.set_line(0, y, row, area.width);
        // That a line goes on is seen.
        if row.width() > columns
            && let Some(cell) = cells.cell_mut((area.width - 1, y))
        {
            cell.set_symbol("\u{2026}");
        }
    }
    let last = |n: usize, end: u16| u16::try_from(n).unwrap_or(u16::MAX).min(end.saturating_sub(1));
    Frame {
        cursor: (
            last(cursor.0, area.width),
            last(cursor.1.saturating_sub(over), area.height),
        ),
        cells,
    }
}

fn menu(app: &App, columns: usize, room: usize) -> Vec<Line<'static>> {
    let Some(menu) = &app.menu else { return Vec::new() };
    let from = (menu.chosen + 1).saturating_sub(room);
    let wide = menu
        .items
        .iter()
        .map(|i| i.target.chars().count())
        .max()
        .unwrap_or(0)
        .min(columns / 2);
    menu.items
        .iter()
        .enumerate()
        .skip(from)
        .take(room)
        .map(|(i, item)| {
            let style = if i == menu.chosen {
                look::CHOSEN
            } else {
                look::PLAIN
            };
            let mut line = look::line(&format!(" {:<wide$} ", item.target), style);
            line.push_span(look::span(&format!(" {}", item.detail), look::DIM));
            line
        })
        .collect()
}

fn queue(app: &App, room: usize) -> Vec<Line<'static>> {
    let from = app.queue.len().saturating_sub(room);
    let last = app.queue.len().saturating_sub(1);
    app.queue
        .iter()
        .enumerate()
        .skip(from)
        .map(|(i, wish)| {
            let first = wish.written.lines().next().unwrap_or_default();
            let mut line = look::line(&format!("\u{21b3} {first}"), look::DIM);
            if i == last {
                let how = if app.held {
                    "  (held: Enter sends, Up edits)"
                } else {
                    "  (queued, Up edits)"
                };
                line.push_span(look::span(how, look::DIM));
            }
            line
        })
        .collect()
}

/// One row above the text: what can be done now.
fn hint(app: &App, columns: usize, room: usize) -> Vec<Line<'static>> {
    if room == 0 {
        return Vec::new();
    }
    if let Some(told) = app.letters.as_ref().and_then(|l| l.deed?.told()) {
        let text = format!("{told}\u{2026} Esc: no \u{b7} typing on writes instead");
        return vec![look::line(&text, look::WARN)];
    }
    let text = match (&app.hint, &app.live) {
        (Some(hint), _) => return vec![look::line(hint, look::WARN)],
        (None, Some(live)) => match live.stage {
            Stage::Budget(lines, most) => {
                let finished = match app.book.is_offering() {
                    true => "Enter keep \u{b7} x reject \u{b7} ",
                    false => "",
                };
                let text = format!(
                    "{lines} changed lines, the budget is {most}: g goes on \u{b7} {finished}Esc stop"
                );
                return vec![look::line(&text, look::WARN)];
            }
            Stage::Sent | Stage::Reading | Stage::Writing | Stage::Stopping => return Vec::new(),
        },
        (None, None) => app,
    };
    let offered = text.book.offered().count();
    if offered > 0 && text.typing {
        return vec![look::line("writing; Esc goes back to the hunks", look::DIM)];
    }
    if offered > 0 && text.composer.is_empty() {
        let rows: &[&str] = match offered {
            1 => &[
                "Enter keep \u{b7} x reject \u{b7} e edit \u{b7} w explain \u{b7} i write",
                "Enter keep \u{b7} x reject \u{b7} e edit \u{b7} i write",
            ],
            _ => &[
                "Enter keep all \u{b7} x reject all \u{b7} y keep this \u{b7} n reject this \u{b7} j k move \u{b7} e edit \u{b7} w explain \u{b7} i write",
                "Enter all \u{b7} x none \u{b7} y n this one \u{b7} j k move \u{b7} e edit \u{b7} w explain \u{b7} i write",
                "Enter all \u{b7} x none \u{b7} y n this \u{b7} j k move \u{b7} e edit \u{b7} i write",
            ],
        };
        let fits = |row: &&&str| brisk_patch::visible::width(row) <= columns;
        let row = rows.iter().find(fits).or(rows.last());
        return row.map(|row| look::line(row, look::DIM)).into_iter().collect();
    }
    if let Some(checks) = &app.checks {
        let what = match &checks.check {
            Some(check) => format!("{check} runs"),
            None => "the checks run".to_owned(),
        };
        return vec![look::line(&format!("{what}\u{2026} Esc stops them"), look::DIM)];
    }
    Vec::new()
}

fn help(room: usize) -> Vec<Line<'static>> {
    let mut rows: Vec<Line<'static>> = KEYS
        .iter()
        .map(|(key, what)| {
            let mut line = look::line(&format!(" {key:<14}"), look::HEAD);
            line.push_span(look::span(what, look::PLAIN));
            line
        })
        .collect();
    rows.push(look::line(
        " /help prints all of it, with the commands",
        look::DIM,
    ));
    rows.truncate(room);
    rows
}

#[cfg(test)]
mod tests;
