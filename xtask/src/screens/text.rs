//! A screen as text that is the same at every run.

/// The rows of a screen, with what no two runs share hidden. Ends with a line break.
pub(super) fn text(screen: &vt100::Screen) -> String {
    let columns = screen.size().1.get();
    let mut rows: Vec<String> = screen.rows(0, columns).map(|row| hide(row.trim_end())).collect();
    // A plot has other bars at every run, and another number of them.
    rows.dedup_by(|b, a| is_bar(a) && is_bar(b));
    let mut out = String::new();
    for row in rows {
        out.push_str(if is_bar(&row) { "# plot" } else { &row });
        out.push('\n');
    }
    let end = out.trim_end().len();
    out.truncate(end);
    out + "\n"
}

/// Times and days become signs of no value: `38 ms`, `1.9 s` and `<1 ms` are `# ms`, `2026-01-31` is `####-##-##`.
fn hide(row: &str) -> String {
    let mut out = String::new();
    let mut rest = row;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(at);
        let word = before.ends_with(|c: char| c.is_alphanumeric());
        let length = from.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '-');
        let (number, after) = from.split_at(length.unwrap_or(from.len()));
        rest = after;
        let unit = ["µs", "ms", "s", "min"].iter().find_map(|unit| {
            let after = after.trim_start_matches(' ').strip_prefix(unit)?;
            (!after.starts_with(|c: char| c.is_alphanumeric())).then_some(after)
        });
        match unit {
            Some(after) if !word => {
                let before = before.strip_suffix('<').unwrap_or(before);
                // Columns are filled up with as many blanks as the number leaves.
                let filled = before.trim_end_matches(' ');
                out.push_str(if before.ends_with("  ") { filled } else { before });
                out.push_str(if before.ends_with("  ") { " # ms" } else { "# ms" });
                rest = after;
            }
            _ if is_day(number) => {
                out.push_str(before);
                out.push_str("####-##-##");
            }
            _ => {
                out.push_str(before);
                out.push_str(number);
            }
        }
    }
    out + rest
}

/// A row of a plot of times.
fn is_bar(row: &str) -> bool {
    let row = row.trim_start();
    row.starts_with("under # ms") || row.starts_with("longer ")
}

fn is_day(number: &str) -> bool {
    let parts: Vec<usize> = number.split('-').map(str::len).collect();
    parts == [4, 2, 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_two_runs_share_is_hidden() {
        let cases = [
            ("", ""),
            ("no number", "no number"),
            (
                "token 12 ms, hunk 1.9 s, done 2 min",
                "token # ms, hunk # ms, done # ms",
            ),
            ("first token   2    592 µs   1.2 ms", "first token   2 # ms # ms"),
            ("p50 <1 ms · +1 -1 of 80", "p50 # ms · +1 -1 of 80"),
            ("shop.py:4-8 (symbol s)", "shop.py:4-8 (symbol s)"),
            ("on 2026-01-31, 3 turns", "on ####-##-##, 3 turns"),
            ("s1 says 7", "s1 says 7"),
            ("12 minutes, 3 settings", "12 minutes, 3 settings"),
            (
                "Enter to line   2   <1 ms    17 ms",
                "Enter to line   2 # ms # ms",
            ),
            ("ends with 5", "ends with 5"),
        ];
        for (row, want) in cases {
            assert_eq!(hide(row), want, "{row}");
        }
    }

    #[test]
    fn a_screen_ends_after_its_last_row() {
        let mut parser = vt100::Parser::default();
        parser.process(b"one 7 ms  \r\n\r\n  two\r\n\r\n");
        assert_eq!(text(parser.screen()), "one # ms\n\n  two\n");
    }

    #[test]
    fn a_plot_is_one_row() {
        let mut parser = vt100::Parser::default();
        parser.process(b"times\r\n  under 20 ms xx 2\r\n under 40 ms  0\r\nend\r\n");
        assert_eq!(text(parser.screen()), "times\n# plot\nend\n");
    }
}
