//! vi's text objects: a word, what stands in quotation marks, what stands in brackets. Pure: a text and a cursor in, a
//! range of bytes out.

use std::ops::Range;
use unicode_segmentation::UnicodeSegmentation;

/// What `c` names around the cursor; `around`: with what encloses it, or the blanks beside a word.
pub(super) fn object(text: &str, cursor: usize, around: bool, c: char) -> Option<Range<usize>> {
    match c {
        'w' | 'W' => word(text, cursor, around, c == 'W'),
        '"' | '\'' | '`' => quoted(text, cursor, around, c),
        '(' | ')' | 'b' => enclosed(text, cursor, around, ['(', ')']),
        '{' | '}' | 'B' => enclosed(text, cursor, around, ['{', '}']),
        '[' | ']' => enclosed(text, cursor, around, ['[', ']']),
        '<' | '>' => enclosed(text, cursor, around, ['<', '>']),
        _ => None,
    }
}

/// The line that the cursor is in.
fn line(text: &str, cursor: usize) -> Range<usize> {
    let before = text.get(..cursor).unwrap_or_default();
    let after = text.get(cursor..).unwrap_or_default();
    let end = after.find('\n').map_or(text.len(), |n| cursor + n);
    before.rfind('\n').map_or(0, |n| n + 1)..end
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Blank,
    Word,
    Other,
}

fn class(piece: &str, big: bool) -> Class {
    match piece.chars().next() {
        Some(c) if c.is_whitespace() => Class::Blank,
        Some(c) if big || c.is_alphanumeric() || c == '_' => Class::Word,
        _ => Class::Other,
    }
}

fn word(text: &str, cursor: usize, around: bool, big: bool) -> Option<Range<usize>> {
    let line = line(text, cursor);
    let mut runs: Vec<(Class, Range<usize>)> = Vec::new();
    for (i, piece) in text.get(line.clone())?.grapheme_indices(true) {
        let at = line.start + i..line.start + i + piece.len();
        let class = class(piece, big);
        match runs.last_mut() {
            Some((last, range)) if *last == class => range.end = at.end,
            _ => runs.push((class, at)),
        }
    }
    let own = runs
        .iter()
        .position(|(_, r)| r.contains(&cursor))
        .or_else(|| runs.len().checked_sub(1))?;
    let (kind, range) = runs.get(own)?.clone();
    if !around {
        return Some(range);
    }
    let next = runs
        .get(own + 1)
        .filter(|(k, _)| (*k == Class::Blank) != (kind == Class::Blank));
    if let Some((_, next)) = next {
        return Some(range.start..next.end);
    }
    // Nothing behind it: the blanks before it go with it.
    let before = own.checked_sub(1).and_then(|n| runs.get(n));
    let before = before.filter(|(k, _)| *k == Class::Blank);
    Some(before.map_or(range.start, |(_, b)| b.start)..range.end)
}

/// The quotation that the cursor is in, else the next one of the line.
fn quoted(text: &str, cursor: usize, around: bool, mark: char) -> Option<Range<usize>> {
    let line = line(text, cursor);
    let mut marks = Vec::new();
    let mut escaped = false;
    for (i, c) in text.get(line.clone())?.char_indices() {
        if c == mark && !escaped {
            marks.push(line.start + i);
        }
        escaped = c == '\\' && !escaped;
    }
    let pairs = marks.chunks_exact(2).filter_map(|pair| match pair {
        [open, close] => Some((*open, *close)),
        _ => None,
    });
    let (open, close) = pairs.into_iter().find(|(_, close)| *close >= cursor)?;
    if !around {
        return Some(open + mark.len_utf8()..close);
    }
    let end = close + mark.len_utf8();
    let rest = text.get(end..line.end).unwrap_or_default();
    Some(open..end + (rest.len() - rest.trim_start().len()))
}

/// The innermost brackets around the cursor, over several lines.
fn enclosed(text: &str, cursor: usize, around: bool, [open, close]: [char; 2]) -> Option<Range<usize>> {
    let mut depth = 0usize;
    let here = text.get(cursor..)?.chars().next();
    let begin = match here {
        Some(c) if c == open => cursor,
        _ => {
            let mut found = None;
            for (i, c) in text.get(..cursor)?.char_indices().rev() {
                if c == close {
                    depth += 1;
                } else if c == open {
                    if depth == 0 {
                        found = Some(i);
                        break;
                    }
                    depth -= 1;
                }
            }
            found?
        }
    };
    let inside = begin + open.len_utf8();
    let mut depth = 0usize;
    for (i, c) in text.get(inside..)?.char_indices() {
        if c == open {
            depth += 1;
        } else if c == close {
            if depth == 0 {
                let end = inside + i;
                return Some(match around {
                    true => begin..end + close.len_utf8(),
                    false => inside..end,
                });
            }
            depth -= 1;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_an_object_is() {
        // `|` is the cursor.
        let cases = [
            ("one t|wo three", "iw", Some("two")),
            ("one t|wo three", "aw", Some("two ")),
            ("one tw|o", "aw", Some(" two")),
            ("one| two", "iw", Some(" ")),
            ("one| two", "aw", Some(" two")),
            ("a.b|.c", "iw", Some(".")),
            ("x a.b|.c y", "iW", Some("a.b.c")),
            ("one\nt|wo\nthree", "aw", Some("two")),
            ("e\u{301}t|e\u{301} x", "iw", Some("e\u{301}te\u{301}")),
            ("say \"h|i there\" now", "i\"", Some("hi there")),
            ("say \"h|i there\" now", "a\"", Some("\"hi there\" ")),
            ("s|ay \"hi\"", "i\"", Some("hi")),
            ("say \"a\\\"|b\"", "i\"", Some("a\\\"b")),
            ("say \"a\" an|d \"b\"", "i\"", Some("b")),
            ("say '|x'", "i\"", None),
            ("f(a, g(b|), c)", "i(", Some("b")),
            ("f(a|, g(b), c)", "i(", Some("a, g(b), c")),
            ("f(a|, g(b), c)", "a)", Some("(a, g(b), c)")),
            ("f|(a)", "ib", Some("a")),
            ("|f(a)", "ib", None),
            ("f(|)", "i(", Some("")),
            ("x {\n  y|\n}", "iB", Some("\n  y\n")),
            ("(a| b", "i(", None),
            ("|", "iw", None),
        ];
        for (text, keys, want) in cases {
            let cursor = text.find('|').unwrap();
            let text = text.replace('|', "");
            let mut keys = keys.chars();
            let around = keys.next() == Some('a');
            let got = object(&text, cursor, around, keys.next().unwrap());
            assert_eq!(got.map(|r| &text[r]), want, "{text} {keys:?}");
        }
    }

    proptest! {
        #[test]
        fn ranges_are_sound(text in "[a(\"' )\u{e9}\n\u{301}]{0,20}", at in 0usize..30, around in any::<bool>(), c in prop::sample::select("wW\"'`(){}[]<>bBz".chars().collect::<Vec<_>>())) {
            let at = (0..=at.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
            if let Some(range) = object(&text, at, around, c) {
                prop_assert!(text.get(range).is_some());
            }
        }
    }
}
