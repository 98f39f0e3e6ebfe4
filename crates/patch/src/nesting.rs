//! How deep in brackets a line lies. Where brackets say what belongs together, a line that is only indented otherwise
//! at the same depth is no change; a line that came to lie deeper is one.

use crate::blanks::{tight, without_noise};

/// What is open at the beginning of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Inside {
    #[default]
    Code,
    /// A text that goes on over lines, and the sign that ends it.
    Quotes(char),
    /// `/* ... */`
    Remark,
}

/// Reads lines one after the other.
#[derive(Debug, Clone, Default)]
pub(crate) struct Nesting {
    depth: u32,
    inside: Inside,
}

impl Nesting {
    /// What counts of the next line: its depth and its words. Within a text every blank counts.
    pub(crate) fn key(&mut self, line: &str) -> String {
        let line = without_noise(line);
        let exact = self.inside != Inside::Code;
        let code = line.trim_start();
        let closers = code.chars().take_while(|c| matches!(c, ')' | ']' | '}')).count();
        let own = self
            .depth
            .saturating_sub(u32::try_from(closers).unwrap_or(u32::MAX));
        self.read(line);
        if exact || code.is_empty() {
            return line.to_owned();
        }
        // A character that no line holds, so that depth and words cannot be mistaken for each other.
        let mark = char::from_u32(0xE000 + own.min(0x1000)).unwrap_or('\u{E000}');
        format!("{mark}{}", tight(code))
    }

    fn read(&mut self, line: &str) {
        let mut chars = line.chars().peekable();
        while let Some(c) = chars.next() {
            match self.inside {
                Inside::Remark => {
                    if c == '*' && chars.next_if_eq(&'/').is_some() {
                        self.inside = Inside::Code;
                    }
                }
                Inside::Quotes(end) => {
                    if c == '\\' {
                        chars.next();
                    } else if c == end {
                        self.inside = Inside::Code;
                    }
                }
                Inside::Code => match c {
                    '/' if chars.peek() == Some(&'/') => return,
                    '/' if chars.next_if_eq(&'*').is_some() => self.inside = Inside::Remark,
                    '"' | '`' => self.inside = Inside::Quotes(c),
                    '\'' => letter(&mut chars),
                    '(' | '[' | '{' => self.depth += 1,
                    ')' | ']' | '}' => self.depth = self.depth.saturating_sub(1),
                    _ => {}
                },
            }
        }
    }
}

/// Passes over the rest of `'x'` or `'\\x'`; of a lifetime it takes nothing.
fn letter(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    let mut ahead = chars.clone();
    let first = ahead.next();
    if first == Some('\\') {
        ahead.next();
    }
    if first.is_some() && ahead.next() == Some('\'') {
        *chars = ahead;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<String> {
        let mut nesting = Nesting::default();
        text.lines().map(|line| nesting.key(line)).collect()
    }

    #[test]
    fn indentation_counts_only_as_depth() {
        let same = [
            ("fn f() {\na();\n}", "fn f() {\n    a();\n  }"),
            ("if (a) {\n  b( c );\n}", "if(a){\n\tb(c);\n}"),
            ("let c = '{';\n  d();", "let c = '{';\nd();"),
            ("fn f<'a>(x: &'a str) {\nb\n}", "fn f<'a>(x: &'a str) {\n  b\n}"),
            ("a // {\n  b", "a // {\nb"),
            ("a /* {\n { */\n  b", "a /* {\n { */\nb"),
        ];
        for (a, b) in same {
            assert_eq!(keys(a), keys(b), "{a:?} {b:?}");
        }
        let other = [
            ("a();\nb();", "if c {\na();\n}\nb();"),
            ("x = `a\n  b`", "x = `a\nb`"),
            ("x = \"a\n  b\"", "x = \"a\nb\""),
            ("a b", "ab"),
        ];
        for (a, b) in other {
            assert_ne!(keys(a), keys(b), "{a:?} {b:?}");
        }
        assert_eq!(keys("  \n"), [""]);
        assert_eq!(keys("} } }\na"), keys("} } }\n a"), "never below nothing");
    }
}
