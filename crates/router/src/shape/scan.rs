//! A prompt as words with their places. What stands in quotation marks is data, not a wish, and is left out.

/// One word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// In lower case, letters and digits only.
    pub text: String,
    /// First byte in the prompt.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// It begins a sentence or a clause.
    pub leads: bool,
}

/// Words after which a clause begins.
const BEFORE_A_WISH: &[&str] = &["and", "then", "please", "just", "quickly", "now", "also", "to"];

/// The words outside of quotation marks.
pub(super) fn words(text: &str) -> Vec<Word> {
    let quoted = quoted(text);
    // In the order of the text, like the words: one pass over both.
    let mut quotes = quoted.iter().peekable();
    let mut out: Vec<Word> = Vec::with_capacity(text.len() / 5 + 1);
    let mut open: Option<usize> = None;
    // The end counts as one more separator.
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        // An apostrophe inside a word belongs to it: don't, user's.
        let inside = matches!(c, '\'' | '’')
            && open.is_some()
            && text[at + c.len_utf8()..]
                .chars()
                .next()
                .is_some_and(char::is_alphabetic);
        match (open, c.is_alphanumeric() || inside) {
            (None, true) => open = Some(at),
            (Some(start), false) => {
                open = None;
                while quotes.next_if(|(_, end)| *end <= start).is_some() {}
                if quotes.peek().is_none_or(|(from, to)| start < *from || at > *to) {
                    let plain = text[start..at].chars().filter(|c| c.is_alphanumeric());
                    let leads = out.last().is_none_or(|last| {
                        let between = &text[last.end..start];
                        BEFORE_A_WISH.contains(&last.text.as_str())
                            || between.contains(['.', ',', ';', ':', '!', '?', '(', '\n'])
                    });
                    out.push(Word {
                        text: plain.flat_map(char::to_lowercase).collect(),
                        start,
                        end: at,
                        leads,
                    });
                }
            }
            (None, false) | (Some(_), true) => {}
        }
    }
    out
}

/// Byte ranges between quotation marks. A mark opens only after a space and closes only before one or before a stop.
fn quoted(text: &str) -> Vec<(usize, usize)> {
    let mut ranges = Vec::new();
    let mut open: Option<(usize, char)> = None;
    let mut before = ' ';
    let mut all = text.char_indices().peekable();
    while let Some((at, c)) = all.next() {
        let after = all.peek().map_or(' ', |(_, c)| *c);
        match open {
            None if matches!(c, '\'' | '"') && (before.is_whitespace() || before == '(') => {
                open = Some((at, c));
            }
            Some((start, mark)) if c == mark && !after.is_alphanumeric() => {
                ranges.push((start, at + c.len_utf8()));
                open = None;
            }
            Some(_) | None => {}
        }
        before = c;
    }
    ranges
}

/// Pieces between white space with their first byte, without the punctuation around them.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split_inclusive(char::is_whitespace).filter_map(move |raw| {
        let from = at;
        at += raw.len();
        let piece = raw.trim_start_matches(['(', '[', '{', '"', '\'', '`', '<']);
        let start = from + (raw.len() - piece.len());
        let piece = trim_end(piece);
        (!piece.is_empty()).then_some((start, piece))
    })
}

/// Without closing punctuation; brackets that were opened in the piece stay: `mean()`.
fn trim_end(mut piece: &str) -> &str {
    loop {
        let shorter = piece.trim_end_matches(|c: char| c.is_whitespace() || ".,;:!?\"'`]}>".contains(c));
        let shorter = match shorter.strip_suffix(')') {
            Some(rest) if !shorter.contains('(') => rest,
            Some(_) | None => shorter,
        };
        if shorter == piece {
            return piece;
        }
        piece = shorter;
    }
}

/// Whether a piece names a file: a stem and a short ending, or a folder.
pub(super) fn is_path(piece: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
    if !piece.chars().all(plain) || piece.contains("..") {
        return false;
    }
    let name = piece.rsplit('/').next().unwrap_or(piece);
    match name.rsplit_once('.') {
        Some((stem, ending)) => {
            ENDINGS.contains(&ending) && (!stem.is_empty() || piece.contains('/'))
                || stem.is_empty() && ending == "env"
        }
        None => piece.matches('/').count() >= 2,
    }
}

/// Endings of files that people edit. "e.g", "2.0" and "Node.js-like" prose must not look like files.
const ENDINGS: &[&str] = &[
    "c", "cc", "cfg", "cpp", "cs", "css", "go", "h", "hpp", "html", "inc", "ini", "java", "js", "json",
    "jsx", "kt", "lock", "lua", "md", "mjs", "php", "pl", "proto", "py", "rb", "rs", "rst", "scala", "scss",
    "sh", "sql", "svelte", "swift", "tf", "toml", "ts", "tsx", "txt", "vue", "xml", "yaml", "yml", "zig",
];

/// Whether a piece is the name of something in code: `fetch_page`, `parseDate`, `mean()`, `a::b`, `` `x` ``.
pub(super) fn is_symbol(piece: &str, raw_before: Option<char>) -> bool {
    if raw_before == Some('`') {
        return true;
    }
    let (name, called) = match piece.find('(') {
        Some(at) => (&piece[..at], true),
        None => (piece, false),
    };
    let name_like = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '.'));
    let snake = name.trim_matches('_').contains('_');
    let camel = name
        .chars()
        .zip(name.chars().skip(1))
        .any(|(a, b)| a.is_ascii_lowercase() && b.is_ascii_uppercase());
    name_like && (called || snake || camel || name.contains("::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_words_are_left_out() {
        let cases = [
            ("add 'Save draft' here", "add here"),
            ("don't drop the user's \"drop table\"", "dont drop the users"),
            ("say 'it' and 'that', then go", "say and then go"),
            ("an 'open quote", "an open quote"),
            ("Größe ändern", "größe ändern"),
            ("rm -rf x", "rm rf x"),
        ];
        for (text, want) in cases {
            let got: Vec<String> = words(text).into_iter().map(|w| w.text).collect();
            assert_eq!(got.join(" "), want, "{text}");
        }
    }

    #[test]
    fn paths_and_symbols() {
        for path in ["worker.py", "src/auth/x.rs", ".env", "a/b/c", "README.md"] {
            assert!(is_path(path), "{path}");
        }
        for no in [
            "e.g",
            "2.0",
            "and/or",
            "1.4.2",
            "...",
            "https://x.y/z.sh",
            "thing",
        ] {
            assert!(!is_path(no), "{no}");
        }
        for symbol in ["fetch_page", "parseDate", "mean()", "a::b", "save(x)"] {
            assert!(is_symbol(symbol, None), "{symbol}");
        }
        for no in ["total", "React", "e-mail", "JWT"] {
            assert!(!is_symbol(no, None), "{no}");
        }
        assert!(is_symbol("nme", Some('`')));
    }
}
