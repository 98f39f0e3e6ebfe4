//! What counts of the lines of a program, read one after the other. Where brackets say what belongs together, a line
//! that is only indented otherwise at the same depth is no change; a line that came to lie deeper is one. Inside a text
//! that goes on over lines every blank counts.

use crate::blanks::{push_tight, without_noise};
use crate::syntax::Language;

/// Bytes of the character that says how deep a line lies.
const MARK: usize = 3;

/// What is open at the beginning of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Inside {
    #[default]
    Code,
    /// A text that goes on over lines, and the sign that ends it.
    Quotes(u8),
    /// Three of that sign.
    Triple(u8),
    /// A raw text of Rust and the number of `#` behind its end.
    Raw(usize),
    /// `/* ... */`
    Remark,
}

/// What is known before a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct State {
    depth: u32,
    inside: Inside,
}

impl State {
    /// The line that comes is code from its beginning on: its indentation is the program's, not a text's.
    pub(crate) fn is_code(self) -> bool {
        self.inside == Inside::Code
    }

    /// What counts of a line that begins here.
    pub(crate) fn key(self, language: Language, line: &str) -> String {
        let line = without_noise(line);
        let code = line.trim_start();
        if !self.is_code() || code.is_empty() {
            return line.to_owned();
        }
        let mut key = String::with_capacity(MARK + line.len());
        if language == Language::Python {
            push_tight(&mut key, language, line);
            return key;
        }
        let closers = code
            .bytes()
            .take_while(|b| matches!(b, b')' | b']' | b'}'))
            .count();
        let own = self
            .depth
            .saturating_sub(u32::try_from(closers).unwrap_or(u32::MAX));
        // A character that no line holds, so that depth and words cannot be mistaken for each other.
        key.push(char::from_u32(0xE000 + own.min(0x1000)).unwrap_or('\u{E000}'));
        push_tight(&mut key, language, code);
        key
    }
}

/// Reads lines one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Nesting {
    language: Language,
    /// Before the next line.
    pub(crate) state: State,
}

/// A line that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Read {
    /// What counts of it.
    pub(crate) key: String,
    /// As [`State::is_code`] before it.
    pub(crate) is_code: bool,
}

impl Nesting {
    /// Before the first line.
    pub(crate) fn new(language: Language) -> Nesting {
        Nesting {
            language,
            state: State::default(),
        }
    }

    /// Takes the next line.
    pub(crate) fn line(&mut self, line: &str) -> Read {
        let before = self.state;
        self.pass(line);
        Read {
            key: before.key(self.language, line),
            is_code: before.is_code(),
        }
    }

    /// Takes the next line without a look at what counts of it. Every sign that matters is one byte.
    pub(crate) fn pass(&mut self, line: &str) {
        let bytes = line.as_bytes();
        let is = |at: usize, sign: u8| bytes.get(at) == Some(&sign);
        let hashes = |at: usize| {
            bytes
                .get(at..)
                .map_or(0, |b| b.iter().take_while(|b| **b == b'#').count())
        };
        let python = self.language == Language::Python;
        let State { depth, inside } = &mut self.state;
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            at += 1;
            match *inside {
                Inside::Remark if byte == b'*' && is(at, b'/') => {
                    at += 1;
                    *inside = Inside::Code;
                }
                Inside::Quotes(_) | Inside::Triple(_) if byte == b'\\' => at += 1,
                Inside::Quotes(end) if byte == end => *inside = Inside::Code,
                Inside::Triple(end) if byte == end && is(at, end) && is(at + 1, end) => {
                    at += 2;
                    *inside = Inside::Code;
                }
                Inside::Raw(wanted) if byte == b'"' && hashes(at) >= wanted => *inside = Inside::Code,
                Inside::Remark | Inside::Quotes(_) | Inside::Triple(_) | Inside::Raw(_) => {}
                Inside::Code => match byte {
                    b'#' if python => return,
                    b'"' | b'\'' if python && is(at, byte) && is(at + 1, byte) => {
                        at += 2;
                        *inside = Inside::Triple(byte);
                    }
                    b'\'' if python => *inside = Inside::Quotes(byte),
                    b'/' if !python && is(at, b'/') => return,
                    b'/' if !python && is(at, b'*') => *inside = Inside::Remark,
                    b'r' if self.language == Language::Rust && is(at + hashes(at), b'"') => {
                        let count = hashes(at);
                        at += count + 1;
                        *inside = Inside::Raw(count);
                    }
                    b'"' | b'`' => *inside = Inside::Quotes(byte),
                    b'\'' => at += letter(&line[at..]),
                    b'(' | b'[' | b'{' => *depth += 1,
                    b')' | b']' | b'}' => *depth = depth.saturating_sub(1),
                    _ => {}
                },
            }
        }
        // A short text of Python ends with its line.
        if python && matches!(inside, Inside::Quotes(_)) {
            *inside = Inside::Code;
        }
    }
}

/// Bytes of the rest of `'x'` or `'\\x'`; none of a lifetime.
fn letter(rest: &str) -> usize {
    let mut chars = rest.char_indices();
    let first = chars.next().map(|(_, c)| c);
    if first == Some('\\') {
        chars.next();
    }
    match (first, chars.next()) {
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(language: Language, text: &str) -> Vec<String> {
        let mut nesting = Nesting::new(language);
        text.lines().map(|line| nesting.line(line).key).collect()
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
            ("a(r#\"x \" {\"#)\n  b", "a(r#\"x \" {\"#)\nb"),
        ];
        for (a, b) in same {
            assert_eq!(keys(Language::Rust, a), keys(Language::Rust, b), "{a:?} {b:?}");
        }
        let other = [
            ("a();\nb();", "if c {\na();\n}\nb();"),
            ("x = `a\n  b`", "x = `a\nb`"),
            ("x = \"a\n  b\"", "x = \"a\nb\""),
            ("x = r#\"a \" c\n  b\"#", "x = r#\"a \" c\nb\"#"),
            ("a b", "ab"),
        ];
        for (a, b) in other {
            assert_ne!(keys(Language::Rust, a), keys(Language::Rust, b), "{a:?} {b:?}");
        }
        assert_eq!(keys(Language::C, "  \n"), [""]);
        assert_eq!(
            keys(Language::C, "} } }\na"),
            keys(Language::C, "} } }\n a"),
            "never below nothing"
        );
    }

    #[test]
    fn in_python_indentation_and_long_texts_count() {
        let python = |text| keys(Language::Python, text);
        assert_eq!(python("f( a )\nb"), python("f(a)\nb"));
        assert_ne!(python("if a:\n  b"), python("if a:\n    b"));
        assert_ne!(
            python("x = \"\"\"\na , b\n\"\"\""),
            python("x = \"\"\"\na, b\n\"\"\"")
        );
        assert_eq!(
            python("x = 'it\nf( a )"),
            python("x = 'it\nf(a)"),
            "a short text ends with its line"
        );
    }

    #[test]
    fn a_line_within_a_text_is_no_code() {
        let mut nesting = Nesting::new(Language::TypeScript);
        let code: Vec<bool> = ["a = `", "SELECT", "`;", "b();"]
            .map(|line| nesting.line(line).is_code)
            .into();
        assert_eq!(code, [true, false, false, true]);
    }
}
