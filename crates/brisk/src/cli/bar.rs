//! A progress bar: one row that is painted over. Pure.

use crate::cli::sanitize::{clip, width};
use crate::cli::style::{bytes, duration};

/// What a bar shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Done, bytes.
    pub(crate) done: u64,
    /// In all, bytes.
    pub(crate) total: u64,
    /// Done since `elapsed_us` ago, bytes: what a speed is made of.
    pub(crate) recent: u64,
    /// Microseconds.
    pub(crate) elapsed_us: u64,
}

/// The row, at most `columns` wide.
pub(crate) fn row(label: &str, p: Progress, columns: usize) -> String {
    let share = if p.total == 0 {
        0.0
    } else {
        p.done as f64 / p.total as f64
    };
    let mut figures = format!(" {:3.0} % {} of {}", share * 100.0, bytes(p.done), bytes(p.total));
    if p.elapsed_us >= 1_000_000 && p.recent > 0 {
        let speed = p.recent as f64 / (p.elapsed_us as f64 / 1e6);
        let left = p.total.saturating_sub(p.done) as f64 / speed;
        figures.push_str(&format!(
            ", {}/s, {} left",
            bytes(speed as u64),
            duration((left * 1e6) as u64)
        ));
    }
    let room = columns.saturating_sub(width(label) + width(&figures) + 3);
    let bar = if room >= 10 {
        let room = room.min(40);
        let full = (share * room as f64) as usize;
        format!(
            " [{}{}]",
            "#".repeat(full.min(room)),
            " ".repeat(room.saturating_sub(full))
        )
    } else {
        String::new()
    };
    clip(&format!("{label}{bar}{figures}"), columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_fits_its_row() {
        let p = Progress {
            done: 1 << 29,
            total: 1 << 30,
            recent: 1 << 28,
            elapsed_us: 2_000_000,
        };
        assert_eq!(
            row("fetch", p, 80),
            "fetch [##########          ]  50 % 512.0 MiB of 1.0 GiB, 128.0 MiB/s, 4.0 s left"
        );
        for columns in 1..100 {
            assert!(width(&row("fetch", p, columns)) <= columns, "{columns}");
        }
        let nothing = Progress {
            done: 0,
            total: 0,
            recent: 0,
            elapsed_us: 0,
        };
        assert_eq!(row("x", nothing, 30), "x   0 % 0 B of 0 B");
    }
}
