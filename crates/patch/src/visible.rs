//! Text of models and files made safe for a terminal, and cut to its width. Pure.
//!
//! A terminal obeys control characters, and a reader is misled by bidirectional and invisible ones. Both are shown
//! as what they are instead of being sent.

use std::borrow::Cow;
use unicode_width::UnicodeWidthChar;

/// Columns between tab stops.
pub const TAB: usize = 4;

/// What becomes of tabs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tabs {
    /// They stay (piped output, so that a diff stays a diff).
    Stay,
    /// They become spaces up to the next stop.
    Expand,
}

/// One line of text with nothing in it that a terminal would obey or that a reader cannot see.
/// A newline counts as a control character here: split first.
pub fn visible(line: &str, tabs: Tabs) -> Cow<'_, str> {
    if line.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        return Cow::Borrowed(line);
    }
    let mut out = String::with_capacity(line.len() + 16);
    let mut column = 0;
    for c in line.chars() {
        let from = out.len();
        match c {
            '\t' if tabs == Tabs::Stay => out.push('\t'),
            '\t' => (0..TAB - column % TAB).for_each(|_| out.push(' ')),
            // The "control pictures" block mirrors C0: ESC is shown as its picture.
            '\0'..='\x1f' => out.push(char::from_u32(0x2400 + c as u32).unwrap_or('\u{fffd}')),
            '\x7f' => out.push('\u{2421}'),
            c if hidden(c) => out.push_str(&format!("<U+{:04X}>", c as u32)),
            c => out.push(c),
        }
        column += out.get(from..).map_or(0, width);
    }
    Cow::Owned(out)
}

/// C1 controls, bidirectional controls, zero-width and other invisible characters. Combining marks are not among
/// them: they are part of ordinary words.
fn hidden(c: char) -> bool {
    matches!(c,
        '\u{80}'..='\u{9f}'
        | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// Columns that a visible text takes.
pub fn width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// Cuts a visible line into rows of at most `columns` columns; never empty, and no row is wider even where a single
/// character would be (it is replaced).
pub fn wrap(line: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut rows = vec![String::new()];
    let mut used = 0;
    for c in line.chars() {
        let (c, w) = match c.width().unwrap_or(0) {
            w if w > columns => ('?', 1),
            w => (c, w),
        };
        if used + w > columns {
            rows.push(String::new());
            used = 0;
        }
        if let Some(row) = rows.last_mut() {
            row.push(c);
        }
        used += w;
    }
    rows
}

/// Cuts a line of words (raw text) into raw rows whose visible form fits, at spaces where there are any.
pub fn flow(line: &str, columns: usize) -> Vec<String> {
    let seen = |text: &str| width(&visible(text, Tabs::Expand));
    let mut rows = vec![String::new()];
    for word in line.split_inclusive(' ') {
        let bare = word.trim_end_matches(' ');
        let Some(row) = rows.last_mut() else { break };
        if seen(&format!("{row}{bare}")) <= columns {
            row.push_str(word);
            continue;
        }
        if !row.is_empty() {
            rows.push(String::new());
        }
        if seen(bare) <= columns {
            rows.pop();
            rows.push(word.to_owned());
            continue;
        }
        // A word wider than the window: by characters.
        for c in word.chars() {
            let Some(row) = rows.last_mut() else { break };
            row.push(c);
            if row.chars().count() > 1 && seen(row) > columns {
                row.pop();
                rows.push(String::from(c));
            }
        }
    }
    for row in &mut rows {
        // Spaces that hang over the edge are not painted.
        while row.ends_with(' ') && seen(row) > columns {
            row.pop();
        }
    }
    rows
}

/// Cuts a visible line to `columns`, the last one an ellipsis where something was lost.
pub fn clip(line: &str, columns: usize) -> String {
    if width(line) <= columns {
        return line.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in line.chars() {
        let w = c.width().unwrap_or(0);
        if used + w >= columns {
            break;
        }
        out.push(c);
        used += w;
    }
    out.push('\u{2026}');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hostile_text_is_shown_not_obeyed() {
        let cases = [
            ("plain ~", "plain ~"),
            ("\x1b[2J\x1b]0;x\x07", "\u{241b}[2J\u{241b}]0;x\u{2407}"),
            ("a\rb\n", "a\u{240d}b\u{240a}"),
            ("\u{9b}31m", "<U+009B>31m"),
            ("if admin\u{202e} }\u{2066}", "if admin<U+202E> }<U+2066>"),
            ("zero\u{200b}width\u{feff}", "zero<U+200B>width<U+FEFF>"),
            ("\u{e0041}", "<U+E0041>"),
            ("\x7f\0", "\u{2421}\u{2400}"),
            ("naïve e\u{301} 日本 🦀", "naïve e\u{301} 日本 🦀"),
        ];
        for (from, want) in cases {
            assert_eq!(visible(from, Tabs::Expand), want, "{from:?}");
        }
    }

    #[test]
    fn tabs_go_to_the_next_stop() {
        let cases = [
            ("\tx", "    x"),
            ("ab\tx", "ab  x"),
            ("日\tx", "日  x"),
            ("abcd\tx", "abcd    x"),
        ];
        for (from, want) in cases {
            assert_eq!(visible(from, Tabs::Expand), want, "{from:?}");
            assert_eq!(visible(from, Tabs::Stay), from, "{from:?}");
        }
    }

    #[test]
    fn rows_fit() {
        let cases: &[(&str, usize, &[&str])] = &[
            ("", 5, &[""]),
            ("abcde", 5, &["abcde"]),
            ("abcdef", 5, &["abcde", "f"]),
            ("日本語", 5, &["日本", "語"]),
            ("日", 1, &["?"]),
            ("ae\u{301}b", 2, &["ae\u{301}", "b"]),
        ];
        for (line, columns, want) in cases {
            assert_eq!(wrap(line, *columns), *want, "{line:?} in {columns}");
        }
        assert_eq!(clip("abcdef", 4), "abc…");
        assert_eq!(clip("abcd", 4), "abcd");
        assert_eq!(clip("日本語", 4), "日…");
    }

    proptest! {
        #[test]
        fn nothing_obeyed_gets_through(line in any::<String>(), columns in 1usize..40) {
            let seen = visible(&line, Tabs::Expand);
            prop_assert!(!seen.chars().any(|c| c.is_control() || hidden(c)));
            for row in wrap(&seen, columns) {
                prop_assert!(width(&row) <= columns);
            }
            prop_assert!(width(&clip(&seen, columns)) <= columns);
        }
    }
}
