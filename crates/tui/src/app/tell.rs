//! What goes into the scrollback.

use super::{Act, App};
use crate::book::Over;
use crate::look;
use crate::prose::NARROW;
use brisk_patch::visible::{flow, width};
use brisk_protocol::domain::HunkState;
use ratatui_core::style::Style;
use ratatui_core::text::Line;

/// A longer line, in bytes, is a paste and nothing to be read.
const LONG: usize = 4_000;

impl App {
    /// Prints one thing into the scrollback; of a past only the end.
    pub(super) fn print(&mut self, lines: Vec<Line<'static>>) {
        if self.seq < self.past {
            self.tail.extend(lines);
            let room = self.rows * 2;
            let over = self.tail.len().saturating_sub(room);
            self.tail.drain(..over);
        } else {
            self.act(Act::Print(lines));
        }
    }

    pub(super) fn say(&mut self, text: &str, style: Style) {
        let lines = text.split('\n').flat_map(|l| self.fitted(l, 0));
        let lines = lines.map(|l| look::line(&l, style)).collect();
        self.print(lines);
    }

    /// A line of words in rows that fit the window beside `taken` columns, each as far in as the line begins. Code is never
    /// told so: broken by the terminal alone it is copied whole.
    pub(super) fn fitted(&self, line: &str, taken: usize) -> Vec<String> {
        let room = self.columns.saturating_sub(taken);
        if self.plain || room < NARROW || line.len() > LONG || width(line) <= room {
            return vec![line.to_owned()];
        }
        let words = line.trim_start_matches(' ');
        let indent = (line.len() - words.len()).min(room / 2);
        let rows = flow(words, room - indent);
        let rows = rows
            .iter()
            .map(|row| format!("{:indent$}{row}", "", row = row.trim_end()));
        rows.collect()
    }

    pub(super) fn print_over(&mut self, over: Over) {
        let lines = crate::view::finished(&over, self.plain);
        if matches!(over.state, HunkState::Kept) {
            self.kept_lines.0 += over.hunk.added.len();
            self.kept_lines.1 += over.hunk.removed.len();
        }
        self.print(lines);
        let offered = self.book.offered().count();
        self.selected = self.selected.min(offered.saturating_sub(1));
    }
}
