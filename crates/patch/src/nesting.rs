//! What counts of the lines of a program, read one after the other. Where brackets say what belongs together, a line
//! that is only indented otherwise at the same depth is no change; a line that came to lie deeper is one. Inside a text
//! that goes on over lines every blank counts.

use crate::blanks::{tight, without_noise};
use crate::syntax::Language;

/// What is open at the beginning of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Inside {
    #[default]
    Code,
    /// A text that goes on over lines, and the sign that ends it.
    Quotes(char),
    /// Three of that sign.
    Triple(char),
    /// A raw text of Rust and the number of `#` behind its end.
    Raw(usize),
    /// `/* ... */`
    Remark,
}

/// Reads lines one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Nesting {
    language: Language,
    depth: u32,
    inside: Inside,
}

/// A line that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Read {
    /// What counts of it.
    pub(crate) key: String,
    /// It is code from its beginning on: its indentation is the program's, not a text's.
    pub(crate) is_code: bool,
}

impl Nesting {
    /// Before the first line.
    pub(crate) fn new(language: Language) -> Nesting {
        Nesting {
            language,
            depth: 0,
            inside: Inside::Code,
        }
    }

    /// Takes the next line.
    pub(crate) fn line(&mut self, line: &str) -> Read {
        let is_code = self.inside == Inside::Code;
        let key = self.key(line);
        Read { key, is_code }
    }

    fn key(&mut self, line: &str) -> String {
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
        if self.language == Language::Python {
            return tight(self.language, line).into_owned();
        }
        // A character that no line holds, so that depth and words cannot be mistaken for each other.
        let mark = char::from_u32(0xE000 + own.min(0x1000)).unwrap_or('\u{E000}');
        format!("{mark}{}", tight(self.language, code))
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
                Inside::Triple(end) => {
                    if c == '\\' {
                        chars.next();
                    } else if c == end && follows(&mut chars, &[end, end]) {
                        self.inside = Inside::Code;
                    }
                }
                Inside::Raw(hashes) => {
                    if c == '"' && follows(&mut chars, &vec!['#'; hashes]) {
                        self.inside = Inside::Code;
                    }
                }
                Inside::Code if self.language == Language::Python => match c {
                    '#' => return,
                    '"' | '\'' if follows(&mut chars, &[c, c]) => self.inside = Inside::Triple(c),
                    '"' | '\'' => self.inside = Inside::Quotes(c),
                    _ => {}
                },
                Inside::Code => match c {
                    'r' if self.language == Language::Rust => {
                        let hashes = chars.clone().take_while(|c| *c == '#').count();
                        let mut opening = vec!['#'; hashes];
                        opening.push('"');
                        if follows(&mut chars, &opening) {
                            self.inside = Inside::Raw(hashes);
                        }
                    }
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
        // A short text of Python ends with its line.
        if self.language == Language::Python && matches!(self.inside, Inside::Quotes(_)) {
            self.inside = Inside::Code;
        }
    }
}

/// Passes over `wanted` if it comes next.
fn follows(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, wanted: &[char]) -> bool {
    let mut ahead = chars.clone();
    let there = wanted.iter().all(|c| ahead.next() == Some(*c));
    if there {
        *chars = ahead;
    }
    there
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
