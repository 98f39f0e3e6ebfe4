//! Output without what only a terminal understands.

/// Without escape sequences and other control characters; `\r` begins the line anew, as on a terminal.
pub(crate) fn plain(output: &str) -> String {
    let mut out = String::with_capacity(output.len());
    let mut line = 0;
    let mut chars = output.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => match chars.next() {
                // Parameters, then one letter.
                Some('[') => {
                    let _ = chars.by_ref().find(|c| ('\u{40}'..='\u{7e}').contains(c));
                }
                // A title or a link: up to its end.
                Some(']') => {
                    let mut last = ' ';
                    let _ = chars.by_ref().find(|c| {
                        let end = *c == '\u{7}' || (last == '\u{1b}' && *c == '\\');
                        last = *c;
                        end
                    });
                }
                _ => {}
            },
            '\n' => {
                out.push('\n');
                line = out.len();
            }
            '\r' if chars.peek() == Some(&'\n') => {}
            '\r' => out.truncate(line),
            '\t' => out.push('\t'),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// A name on one line, of bearable length.
pub(crate) fn one_line(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(300)
        .collect()
}

/// The number at the beginning of a text.
pub(crate) fn number(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end)?.parse().ok()
}

/// `3 passed, 1 skipped`: the number before a word.
pub(crate) fn before_word(text: &str, words: &[&str]) -> u64 {
    let mut last = None;
    let mut sum = 0;
    for part in text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '=' | '(' | ')')) {
        if words.contains(&part) {
            sum += last.take().unwrap_or(0);
        } else if !part.is_empty() {
            last = part.parse::<u64>().ok();
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_show() {
        for (raw, want) in [
            ("\u{1b}[1;32mok\u{1b}[0m", "ok"),
            ("10 %\r20 %\rdone\r\n", "done\n"),
            ("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{7}", "link"),
            ("a\u{8}\u{0}b\tc", "ab\tc"),
            ("\u{1b}[31", ""),
        ] {
            assert_eq!(plain(raw), want, "{raw:?}");
        }
        assert_eq!(
            before_word("== 3 passed, 12 skipped in 0.1s ==", &["skipped", "passed"]),
            15
        );
        assert_eq!(before_word("passed", &["passed"]), 0);
        assert_eq!(number("12)"), Some(12));
    }
}
