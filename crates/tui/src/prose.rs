//! Words of a model as they stream, set in rows. Pure.
//!
//! A row is given out as soon as a word begins that does not fit into it, and never changes after that; the row that is
//! still being written is asked for with [`Prose::row`]. Rows are the same however the text was cut into pieces, which
//! is why no library breaks them: those break a whole text. Code is not broken: it is copied whole from the scrollback.

use brisk_patch::visible::{TAB, Tabs, visible, width};

/// A window of fewer columns breaks lines itself: few words would fit.
pub(crate) const NARROW: usize = 20;

/// No row begins with these, although a row may begin with any other wide character.
const CLOSING: &str = "\u{3001}\u{3002}\u{3009}\u{300b}\u{300d}\u{300f}\u{3011}\u{ff01}\u{ff09}\u{ff0c}\u{ff1a}\u{ff1b}\u{ff1f}";

/// The marks that a block of code begins with, and how many of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fence {
    mark: char,
    count: usize,
}

/// What a line is, from how it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Words; rows after the first are so many columns in.
    Words(usize),
    /// Never broken.
    Code,
}

/// The answer so far, from the row that is being written on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Prose {
    /// What is not given out, as it is seen.
    rest: String,
    /// The line goes on from a row that was given out, and its rows are so far in.
    goes_on: Option<usize>,
    fence: Option<Fence>,
}

impl Prose {
    /// Takes a piece of the answer; gives the rows that are whole now. `columns`: none, and only whole lines are rows.
    pub(crate) fn push(&mut self, piece: &str, columns: Option<usize>) -> Vec<String> {
        let mut rows = Vec::new();
        for (i, part) in piece.split('\n').enumerate() {
            if i > 0 {
                rows.push(self.row());
                self.line_ends();
            }
            // Tabs go to stops of the row, not of the piece.
            for (i, words) in part.split('\t').enumerate() {
                if i > 0 {
                    let stop = TAB - width(&self.rest) % TAB;
                    self.rest.push_str(&" ".repeat(stop));
                }
                self.rest.push_str(&visible(words, Tabs::Expand));
                rows.extend(self.overflow(columns));
            }
        }
        rows
    }

    /// The row that is being written; empty before its first character.
    pub(crate) fn row(&self) -> String {
        match self.goes_on {
            Some(hang) => format!("{:hang$}{}", "", self.rest.trim_end_matches(' ')),
            None if self.is_code() => self.rest.clone(),
            None => self.rest.trim_end_matches(' ').to_owned(),
        }
    }

    /// Whether a row is being written.
    pub(crate) fn is_begun(&self) -> bool {
        !self.rest.is_empty()
    }

    /// The answer is over: the row that was being written, if there is one.
    pub(crate) fn end(&mut self) -> Option<String> {
        let row = self.is_begun().then(|| self.row());
        *self = Prose::default();
        row
    }

    fn line_ends(&mut self) {
        if self.goes_on.take().is_none() {
            self.fence = match (self.fence, fence(&self.rest)) {
                (None, Some((opening, _))) => Some(opening),
                (Some(open), Some((mark, ""))) if mark.mark == open.mark && mark.count >= open.count => None,
                (open, _) => open,
            };
        }
        self.rest.clear();
    }

    fn is_code(&self) -> bool {
        self.goes_on.is_none() && (self.fence.is_some() || kind(&self.rest) == Kind::Code)
    }

    /// Takes the rows that are full out of the rest.
    fn overflow(&mut self, columns: Option<usize>) -> Vec<String> {
        let mut rows = Vec::new();
        let Some(columns) = columns.filter(|c| *c >= NARROW) else {
            return rows;
        };
        let hang = match (self.goes_on, self.fence) {
            (Some(hang), _) => hang,
            (None, Some(_)) => return rows,
            (None, None) => match kind(&self.rest) {
                Kind::Words(hang) => hang,
                Kind::Code => return rows,
            },
        };
        // However far in a line is, words need room.
        let hang = hang.min(columns / 2);
        let mut from = 0;
        loop {
            let before = if self.goes_on.is_some() { hang } else { 0 };
            let rest = self.rest.get(from..).unwrap_or_default();
            let Some(at) = break_at(rest, columns - before) else {
                break;
            };
            let row = rest.get(..at).unwrap_or_default().trim_end_matches(' ');
            rows.push(format!("{:before$}{row}", ""));
            self.goes_on = Some(hang);
            from += at;
        }
        self.rest.drain(..from);
        rows
    }
}

/// The fence that a line is, and what stands behind it.
fn fence(line: &str) -> Option<(Fence, &str)> {
    let marks = line.trim();
    let mark = marks.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let info = marks.trim_start_matches(mark);
    let count = marks.len() - info.len();
    // With more of its marks behind it, it is code within a line.
    (count >= 3 && !info.contains(mark)).then_some((Fence { mark, count }, info))
}

/// What a line is. Rows of an item of a list stand below its words.
fn kind(line: &str) -> Kind {
    let words = line.trim_start_matches(' ');
    let indent = line.len() - words.len();
    let marker = marker(words);
    if fence(line).is_some() || indent >= 4 && marker == 0 {
        return Kind::Code;
    }
    Kind::Words(indent + marker)
}

/// Columns of what an item of a list begins with: `- `, `12. `.
fn marker(words: &str) -> usize {
    let digits = words.bytes().take_while(u8::is_ascii_digit).count();
    let sign = words.get(digits..).unwrap_or_default();
    let is_item = match digits {
        0 => sign.starts_with("- ") || sign.starts_with("* ") || sign.starts_with("+ "),
        1..=3 => sign.starts_with(". ") || sign.starts_with(") "),
        _ => false,
    };
    if is_item { digits + 2 } else { 0 }
}

/// Where the next row of a text begins, in bytes; none while all of it fits. Spaces at the end of a row may hang over.
fn break_at(text: &str, room: usize) -> Option<usize> {
    let begin = text.len() - text.trim_start_matches(' ').len();
    let (mut used, mut last) = (0, None);
    let (mut before, mut narrow) = (' ', true);
    for (at, c) in text.char_indices() {
        let columns = width(c.encode_utf8(&mut [0; 4]));
        if at > begin && columns > 0 && c != ' ' {
            let beside = columns == 2 || !narrow;
            if before == ' ' || beside && !CLOSING.contains(c) {
                last = Some(at);
            }
        }
        used += columns;
        if used > room && c != ' ' {
            // A word wider than the row: by characters.
            return last.or((at > 0).then_some(at));
        }
        if columns > 0 {
            (before, narrow) = (c, columns < 2);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All rows of a text that comes in these pieces.
    fn set(pieces: &[&str], columns: usize) -> Vec<String> {
        let mut prose = Prose::default();
        let mut rows: Vec<String> = pieces.iter().flat_map(|p| prose.push(p, Some(columns))).collect();
        rows.extend(prose.end());
        rows
    }

    #[test]
    fn rows_of_an_answer() {
        let long = "fn a_very_long_line_of_code() {}";
        let fenced = format!("```rust\n{long}\n```\nand words that are many");
        let tilde = format!("~~~~\n{long}\n```\n{long}\n~~~~\nand words that are many");
        let indented = format!("    {long}\nx");
        let cases: &[(&str, usize, &[&str])] = &[
            ("one two three four five", 20, &["one two three four", "five"]),
            ("exactly twenty cols.", 20, &["exactly twenty cols."]),
            ("exactly twenty cols. a", 20, &["exactly twenty cols.", "a"]),
            ("one\n\ntwo\n", 20, &["one", "", "two"]),
            (
                "a https://example.org/a/long/path b",
                20,
                &["a", "https://example.org/", "a/long/path b"],
            ),
            // Two columns each, and no row begins with a comma.
            (
                "\u{65e5}\u{672c}\u{8a9e}\u{306f}\u{65e5}\u{672c}\u{8a9e}\u{306f}\u{65e5}\u{672c}\u{3001}\u{306f}",
                20,
                &[
                    "\u{65e5}\u{672c}\u{8a9e}\u{306f}\u{65e5}\u{672c}\u{8a9e}\u{306f}\u{65e5}",
                    "\u{672c}\u{3001}\u{306f}",
                ],
            ),
            (
                "- an item of a list of words",
                20,
                &["- an item of a list", "  of words"],
            ),
            (
                "  12. an item of a list of words",
                20,
                &["  12. an item of a", "      list of words"],
            ),
            (
                &fenced,
                20,
                &["```rust", long, "```", "and words that are", "many"],
            ),
            (
                &tilde,
                20,
                &["~~~~", long, "```", long, "~~~~", "and words that are", "many"],
            ),
            (&indented, 20, &[&format!("    {long}"), "x"]),
            (
                "```code``` is no block of code",
                20,
                &["```code``` is no", "block of code"],
            ),
            // Too narrow for words.
            ("one two three four five", 19, &["one two three four five"]),
            ("a\tb\x1b[2J", 20, &["a   b\u{241b}[2J"]),
        ];
        for (text, columns, want) in cases {
            assert_eq!(set(&[text], *columns), *want, "{text:?}");
            let letters: Vec<String> = text.chars().map(String::from).collect();
            let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
            assert_eq!(set(&letters, *columns), *want, "{text:?} by letters");
        }
    }

    #[test]
    fn a_word_that_grows_over_the_edge_moves_as_one() {
        let mut prose = Prose::default();
        let mut seen = Vec::new();
        for piece in ["one two three ", "fou", "rte", "en", " five"] {
            let rows = prose.push(piece, Some(20));
            seen.push((rows, prose.row()));
        }
        let own = |row: &str| vec![row.to_owned()];
        let want = [
            (vec![], "one two three".to_owned()),
            (vec![], "one two three fou".to_owned()),
            (vec![], "one two three fourte".to_owned()),
            (own("one two three"), "fourteen".to_owned()),
            (vec![], "fourteen five".to_owned()),
        ];
        assert_eq!(seen, want);
    }

    proptest! {
        #[test]
        fn rows_are_the_same_however_the_text_comes(
            text in "[a-c` \u{65e5}\u{301}\n\t-]{0,120}",
            cuts in prop::collection::vec(0usize..160, 0..8),
            columns in 20usize..40,
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().filter(|i| text.is_char_boundary(*i)).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&str> = cuts.windows(2).map(|c| &text[c[0]..c[1]]).collect();
            let rows = set(&pieces, columns);
            prop_assert_eq!(&rows, &set(&[&text], columns));
            let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(letters(&rows.concat()), letters(&text), "nothing is lost");
            let broken = |row: &String| !row.starts_with("    ") && fence(row).is_none();
            if !text.contains("```") {
                prop_assert!(rows.iter().filter(|r| broken(r)).all(|r| width(r) <= columns), "{:?}", rows);
            }
        }
    }
}
