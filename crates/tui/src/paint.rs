//! Frames to bytes, under the lines that scroll away above. Pure: a terminal is only what reads them.
//!
//! The pane has no fixed place. Its rows are painted relative to the cursor, so that nothing has to be asked of the
//! terminal and the scrollback stays the terminal's own. Only rows that changed are painted, all of a frame in one
//! synchronized update.

use crate::view::{Frame, Size};
use ratatui_core::buffer::{Buffer, Cell};
use ratatui_core::style::{Color, Modifier, Style};
use ratatui_core::text::Line;

/// Wipes from the start of the cursor's row to the end of the screen. The cursor steps aside between the two: a wipe
/// from the very first cell is one of the whole screen for tmux, which keeps a copy of what was there in its scrollback.
pub const WIPE: &str = "\r\x1b[K\x1b[C\x1b[J\r";
const BEGIN: &str = "\x1b[?2026h\x1b[?25l";
const END: &str = "\x1b[?25h\x1b[?2026l";

/// What is needed to paint over what was painted.
#[derive(Debug)]
pub struct Painter {
    colour: bool,
    shown: Option<Frame>,
    /// Rows above the cursor that must go first, after the window changed.
    stale: Option<usize>,
}

impl Painter {
    /// A painter whose cursor is at the start of an empty row. `colour`: false leaves bold, dim and reversed.
    pub fn new(colour: bool) -> Painter {
        Painter {
            colour,
            shown: None,
            stale: None,
        }
    }

    /// The bytes that put `above` into the scrollback and `frame` under it; empty when nothing changed.
    pub fn draw(&mut self, above: &[Line<'_>], frame: Frame) -> String {
        if above.is_empty() && self.stale.is_none() && self.shown.as_ref() == Some(&frame) {
            return String::new();
        }
        let mut out = String::from(BEGIN);
        self.home(&mut out);
        let mut old = self.shown.take().map(|f| f.cells);
        // Taken in any case: where the pane was before is known for one frame only.
        let stale = self.stale.take().is_some();
        if stale || !above.is_empty() {
            out.push_str(WIPE);
            old = None;
        }
        for line in above {
            for span in &line.spans {
                self.write(&span.content, line.style.patch(span.style), &mut out);
            }
            out.push_str("\r\n");
        }
        self.rows(old.as_ref(), &frame.cells, &mut out);
        let height = frame.cells.area.height;
        up(usize::from(height - 1 - frame.cursor.1.min(height - 1)), &mut out);
        out.push('\r');
        if frame.cursor.0 > 0 {
            out.push_str(&format!("\x1b[{}C", frame.cursor.0));
        }
        out.push_str(END);
        self.shown = Some(frame);
        out
    }

    /// The cursor to the first row of the pane.
    fn home(&self, out: &mut String) {
        let rows = match (self.stale, &self.shown) {
            (Some(rows), _) => rows,
            (None, Some(frame)) => usize::from(frame.cursor.1),
            (None, None) => 0,
        };
        up(rows, out);
        out.push('\r');
    }

    /// Paints rows that differ, from the first row of the pane; leaves the cursor in the last one.
    fn rows(&self, old: Option<&Buffer>, new: &Buffer, out: &mut String) {
        let (had, has) = (old.map_or(1, |b| b.area.height), new.area.height);
        let mut at = 0;
        for y in 0..has {
            let same = old.is_some_and(|old| y < had && row(old, y) == row(new, y));
            if same {
                continue;
            }
            // Down to a row that exists by moving, to a new one by scrolling.
            let moved = y.min(had.max(at + 1) - 1) - at;
            if moved > 0 {
                out.push_str(&format!("\x1b[{moved}B"));
            }
            for _ in at + moved..y {
                out.push('\n');
            }
            at = y;
            out.push('\r');
            let wide = self.cells(row(new, y), out);
            if wide < new.area.width {
                out.push_str("\x1b[K");
            }
        }
        if has < had {
            let moved = has - at;
            out.push_str(&format!("\x1b[{moved}B\r\x1b[J\x1b[A"));
            at = has - 1;
        }
        let moved = has - 1 - at;
        if moved > 0 {
            out.push_str(&format!("\x1b[{moved}B"));
        }
    }

    /// Paints cells up to the last that is not blank; how many columns that took.
    fn cells(&self, cells: &[Cell], out: &mut String) -> u16 {
        let end = painted(cells);
        let mut run = String::new();
        let mut style = Style::new();
        let mut skip = 0;
        for cell in cells.iter().take(end) {
            if skip > 0 {
                skip -= 1;
                continue;
            }
            if cell.style() != style {
                self.write(&run, style, out);
                run.clear();
                style = cell.style();
            }
            run.push_str(cell.symbol());
            skip = brisk_patch::visible::width(cell.symbol()).saturating_sub(1);
        }
        self.write(&run, style, out);
        u16::try_from(end).unwrap_or(u16::MAX)
    }

    fn write(&self, text: &str, style: Style, out: &mut String) {
        if text.is_empty() {
            return;
        }
        let codes = self.codes(style);
        if codes.is_empty() {
            out.push_str(text);
        } else {
            out.push_str(&format!("\x1b[{}m{text}\x1b[0m", codes.join(";")));
        }
    }

    fn codes(&self, style: Style) -> Vec<&'static str> {
        let mut codes = Vec::new();
        let on = [
            (Modifier::BOLD, "1"),
            (Modifier::DIM, "2"),
            (Modifier::UNDERLINED, "4"),
            (Modifier::REVERSED, "7"),
        ];
        codes.extend(
            on.iter()
                .filter(|(m, _)| style.add_modifier.contains(*m))
                .map(|(_, code)| *code),
        );
        if self.colour {
            codes.extend(style.fg.and_then(colour));
        }
        codes
    }

    /// The window changed. Terminals wrap what no longer fits, so that the pane may be higher now than it was painted.
    pub fn resized(&mut self, size: Size) {
        let columns = usize::from(size.columns.max(1));
        let Some(frame) = self.shown.take() else { return };
        let height = |y: u16| painted(row(&frame.cells, y)).max(1).div_ceil(columns);
        let above: usize = (0..frame.cursor.1).map(height).sum();
        self.stale = Some(above + usize::from(frame.cursor.0) / columns);
    }

    /// The next frame is painted whole, where the cursor is.
    pub fn forget(&mut self) {
        self.shown = None;
        self.stale = None;
    }

    /// The bytes that take the pane away, for the end or for another program.
    pub fn clear(&mut self) -> String {
        let mut out = String::new();
        self.home(&mut out);
        out.push_str(WIPE);
        self.forget();
        out
    }

    /// The bytes for an empty screen: what is on it goes up into the scrollback, where a terminal's own wipe loses it.
    pub fn fresh(&mut self, size: Size) -> String {
        let rows = usize::from(size.rows);
        format!("{}\x1b[{rows}B{}\x1b[H", self.clear(), "\n".repeat(rows))
    }
}

fn up(rows: usize, out: &mut String) {
    if rows > 0 {
        out.push_str(&format!("\x1b[{rows}A"));
    }
}

/// How many cells of a row are painted: those up to the last that is not blank.
fn painted(cells: &[Cell]) -> usize {
    let blank = |c: &Cell| c.symbol() == " " && c.style() == Cell::EMPTY.style();
    cells.iter().rposition(|c| !blank(c)).map_or(0, |i| i + 1)
}

fn row(buffer: &Buffer, y: u16) -> &[Cell] {
    let width = usize::from(buffer.area.width);
    let from = usize::from(y) * width;
    buffer.content.get(from..from + width).unwrap_or_default()
}

/// The sixteen colours of the terminal, those that the looks use.
#[allow(clippy::wildcard_enum_match_arm, reason = "no other colour is used")]
fn colour(colour: Color) -> Option<&'static str> {
    Some(match colour {
        Color::Red => "31",
        Color::Green => "32",
        Color::Yellow => "33",
        Color::Blue => "34",
        Color::Magenta => "35",
        Color::Cyan => "36",
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
