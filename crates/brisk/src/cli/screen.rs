//! Paints to bytes. Pure: a terminal is only what reads them.
//!
//! Below everything there is a footer (what goes on, which keys there are). It is wiped before anything is painted
//! and put back after, so that the cursor rests in its last row.

use crate::cli::paint::{Paint, Row};
use brisk_tui::WIPE;

/// What is needed to paint over what was painted.
#[derive(Debug)]
pub(crate) struct Screen {
    colour: bool,
    footer_rows: usize,
}

impl Screen {
    /// A screen whose cursor is at the start of an empty row.
    pub(crate) fn new(colour: bool) -> Screen {
        Screen {
            colour,
            footer_rows: 0,
        }
    }

    /// Appends the bytes that paint `paints` and then the footer.
    pub(crate) fn draw(&mut self, paints: &[Paint], footer: &[Row], out: &mut String) {
        if self.footer_rows > 0 {
            up(self.footer_rows - 1, out);
            out.push_str(WIPE);
            self.footer_rows = 0;
        }
        for paint in paints {
            match paint {
                Paint::Rewind(0) => {}
                Paint::Rewind(rows) => {
                    up(*rows, out);
                    out.push_str(WIPE);
                }
                Paint::Row(row) => {
                    row.tone.write(&row.text, self.colour, out);
                    out.push('\n');
                }
            }
        }
        for (i, row) in footer.iter().enumerate() {
            if i > 0 {
                out.push('\n');
            }
            row.tone.write(&row.text, self.colour, out);
        }
        self.footer_rows = footer.len();
    }
}

fn up(rows: usize, out: &mut String) {
    if rows > 0 {
        out.push_str(&format!("\x1b[{rows}A"));
    }
}
