//! An answer that must not be a copy: where the model repeats the old text to the end, it goes back to the place
//! where it was least sure and takes its second choice there. Pure: tokens, bytes and gaps in, a place out.

use crate::Token;
use crate::extent::{Extent, extent};
use std::ops::Range;

/// So many second choices are tried before the copy stands.
const TRIES: usize = 4;

/// Lines that a second choice takes away and puts in at most, where the answer keeps close throughout. Measured on
/// repairs of small bugs with a 1.5B: of 25 that changed more five were right, of 103 others 45.
const MOST_LINES: usize = 3;

/// A place of the copied answer where the model could have gone on otherwise.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Junction {
    /// Tokens of the answer before it.
    pub(crate) tokens: usize,
    /// Bytes of the answer before it.
    pub(crate) bytes: usize,
    /// The second choice.
    pub(crate) token: Token,
    /// How much greater the logit of the first choice was.
    pub(crate) gap: f32,
}

/// Watches one answer. Text is held back while it is a copy, because a copy may be taken back.
pub(crate) struct Detour {
    /// The old text without blanks: what differs in blanks alone is a copy, too.
    old: Vec<u8>,
    /// The old text, which stands where nothing else does.
    copy: String,
    except: Vec<Range<usize>>,
    /// What ends an answer: a part of it is no other answer.
    ending: String,
    /// Bytes of `old` that the answer has repeated.
    at: usize,
    departed: bool,
    junctions: Vec<Junction>,
    tries: usize,
    held: String,
    /// What its change is, where only a little one is wanted.
    extent: Option<Extent>,
}

impl Detour {
    /// `little`: a change of many lines is no second choice.
    pub(crate) fn new(prediction: &str, ending: &str, except: &[Range<usize>], little: bool) -> Self {
        Self {
            old: squeezed(prediction.as_bytes()).collect(),
            copy: prediction.to_owned(),
            except: except.to_vec(),
            ending: ending.to_owned(),
            at: 0,
            departed: false,
            junctions: Vec::new(),
            tries: 0,
            held: String::new(),
            extent: little.then_some(Extent::Open),
        }
    }

    /// Whether it changes too much and has to go back.
    pub(crate) fn is_too_much(&self) -> bool {
        self.extent == Some(Extent::Much)
    }

    /// Whether junctions are still wanted.
    pub(crate) fn watches(&self) -> bool {
        !self.departed && self.tries == 0
    }

    /// For so many bytes from here on the answer has to repeat the old text: it may not begin to differ there.
    pub(crate) fn bound(&self, bytes: usize) -> Option<usize> {
        let here = self.except.iter().filter(|range| range.contains(&bytes));
        let end = here.map(|range| range.end).max().filter(|_| !self.departed)?;
        Some(end - bytes)
    }

    /// Notes a place where the answer could depart; `first` and `second` are the bytes of the two choices.
    pub(crate) fn note(&mut self, junction: Junction, first: &[u8], second: &[u8]) {
        let inside = |range: &Range<usize>| range.contains(&junction.bytes);
        let word = second.trim_ascii();
        let ends = !word.is_empty() && self.ending.as_bytes().starts_with(word);
        let none = ends || only_spacing(first, second) || begins_a_comment(second);
        if self.watches() && !none && !self.except.iter().any(inside) {
            self.junctions.push(junction);
        }
    }

    /// Takes bytes of the answer.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        for byte in squeezed(bytes) {
            if self.departed || self.old.get(self.at) != Some(&byte) {
                self.departed = true;
                return;
            }
            self.at += 1;
        }
    }

    /// Takes text that could be shown; gives what may be shown by now. `over`: nothing follows.
    pub(crate) fn release(&mut self, text: &str, over: bool) -> String {
        self.held.push_str(text);
        if !self.departed {
            return String::new();
        }
        if self.extent == Some(Extent::Open) {
            self.extent = Some(extent(&self.copy, &self.held, MOST_LINES, over));
        }
        match self.extent {
            None | Some(Extent::Little) => std::mem::take(&mut self.held),
            Some(Extent::Open | Extent::Much) => String::new(),
        }
    }

    /// The answer is over. Where to go back to, if it was a copy or changes too much, and a place is left; all that is held
    /// otherwise.
    pub(crate) fn over(&mut self) -> Result<Junction, String> {
        let too_much = self.is_too_much();
        // One that stops early is a copy as well: notes at the end of a file are often left out.
        let best = (0..self.junctions.len())
            .filter(|_| (!self.departed || too_much) && self.tries < TRIES)
            .min_by(|&a, &b| self.junctions[a].gap.total_cmp(&self.junctions[b].gap));
        let Some(best) = best else {
            let held = std::mem::take(&mut self.held);
            return Err(if too_much { self.copy.clone() } else { held });
        };
        self.tries += 1;
        self.at = 0;
        self.held.clear();
        if too_much {
            self.departed = false;
            self.extent = Some(Extent::Open);
        }
        Ok(self.junctions.swap_remove(best))
    }
}

/// Text without blanks.
pub(crate) fn squeezed(bytes: &[u8]) -> impl Iterator<Item = u8> {
    bytes.iter().copied().filter(|byte| !byte.is_ascii_whitespace())
}

/// The same with other blanks is no change, and what is put behind such blanks stands crooked: two statements in a
/// line, two spaces before a word. An earlier end of the line is a change.
fn only_spacing(first: &[u8], second: &[u8]) -> bool {
    let blank = second.trim_ascii().is_empty() && !second.contains(&b'\n');
    blank || squeezed(first).eq(squeezed(second))
}

/// A remark instead of a change is no change.
pub(crate) fn begins_a_comment(second: &[u8]) -> bool {
    let marks = ["#", "//", "/*", "\"\"\"", "'''"];
    let begins = second.trim_ascii_start();
    marks.iter().any(|mark| begins.starts_with(mark.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn junction(bytes: usize, gap: f32) -> Junction {
        Junction {
            tokens: bytes,
            bytes,
            token: 7,
            gap,
        }
    }

    #[test]
    fn a_copy_goes_back_to_where_it_was_least_sure() {
        let mut detour = Detour::new("a b\n# c\nd\n", "```", &[4..7, 20..30], false);
        let notes: [(usize, f32, &[u8]); 6] = [
            (0, 3.0, b"x"),
            (2, 1.0, b" # why"),
            (3, 0.4, b"  "),
            (5, 0.5, b"y"),
            (7, 0.3, b"``\n"),
            (8, 2.0, b"z"),
        ];
        for (bytes, gap, piece) in notes {
            detour.note(junction(bytes, gap), b"\n", piece);
        }
        detour.push(b"a b\n# c\nd");
        assert_eq!(detour.release("a b\n# c\nd", false), "");
        assert_eq!(detour.over(), Ok(junction(8, 2.0)), "comments do not count");

        detour.push(b"a  b # c d");
        detour.note(junction(1, 0.0), b"a", b"x");
        assert_eq!(
            detour.over(),
            Ok(junction(0, 3.0)),
            "blanks are a copy; the places are the first pass's"
        );

        detour.push(b"a b # c d");
        assert_eq!(detour.release("again", false), "");
        assert_eq!(detour.over(), Err("again".into()), "no place is left");
    }

    #[test]
    fn other_blanks_are_no_second_choice() {
        let cases: [(&[u8], &[u8], bool); 9] = [
            (b" i", b" j", true),
            (b"\n", b"  ", false),
            (b";\n", b";", false),
            (b" -", b" ", false),
            (b"   ", b"    ", false),
            (b"a", b" a", false),
            (b" and", b"\n", true),
            (b"\n    ", b"\n", false),
            (b"x", b"  # why", false),
        ];
        for (first, second, counts) in cases {
            let mut detour = Detour::new("a b\n", "```", &[], false);
            detour.note(junction(0, 1.0), first, second);
            assert_eq!(!detour.junctions.is_empty(), counts, "{first:?} {second:?}");
        }
    }

    #[test]
    fn what_departs_is_shown_at_once_and_stands() {
        let mut detour = Detour::new("a b\n", "```", &[], false);
        detour.note(junction(0, 1.0), b"a", b"x");
        detour.push(b"a ");
        assert_eq!(detour.release("a ", false), "");
        detour.push(b"c");
        assert!(!detour.watches());
        assert_eq!(detour.release("c", false), "a c");
        assert_eq!(detour.over(), Err(String::new()));
    }

    #[test]
    fn a_copy_that_stops_early_is_a_copy() {
        let mut detour = Detour::new("a b\n", "```", &[], false);
        detour.note(junction(0, 1.0), b"a", b"x");
        detour.push(b"a");
        detour.release("a", false);
        assert_eq!(detour.over(), Ok(junction(0, 1.0)));
        detour.push(b"a");
        detour.release("a", false);
        assert_eq!(detour.over(), Err("a".into()), "no place is left");
    }

    #[test]
    fn a_second_choice_that_changes_much_is_taken_back_unseen() {
        let old = "a\nb\nc\nd\n";
        let mut detour = Detour::new(old, "```", &[], true);
        for (bytes, gap) in [(0, 2.0), (2, 1.0), (4, 3.0)] {
            detour.note(junction(bytes, gap), b"a", b"x");
        }
        let mut tell = |text: &str, over: bool| {
            detour.push(text.as_bytes());
            let shown = detour.release(text, over);
            (shown, detour.is_too_much(), over.then(|| detour.over()))
        };
        assert_eq!(tell(old, true).2, Some(Ok(junction(2, 1.0))), "a copy");
        assert_eq!(tell("a\nw\nx\n", false), (String::new(), false, None));
        assert_eq!(tell("y\nz\n", false), (String::new(), true, None));
        assert_eq!(detour.over(), Ok(junction(0, 2.0)));
        assert!(!detour.is_too_much());

        let mut tell = |text: &str| {
            detour.push(text.as_bytes());
            detour.release(text, false)
        };
        assert_eq!(tell("x\nb\n"), "", "one line says nothing");
        assert_eq!(tell("c\n"), "x\nb\nc\n");
        assert_eq!(tell("1\n2\n3\n4\n5\n"), "1\n2\n3\n4\n5\n", "what is shown stands");
        assert_eq!(detour.over(), Err(String::new()));
    }

    #[test]
    fn the_copy_stands_where_every_second_choice_changes_much() {
        let mut detour = Detour::new("a\nb\n", "```", &[], true);
        detour.note(junction(0, 1.0), b"a", b"x");
        for _ in 0..2 {
            detour.push(b"w\nx\ny\nz\n");
            assert_eq!(detour.release("w\nx\ny\nz\n", false), "");
            assert!(detour.is_too_much());
            match detour.over() {
                Ok(place) => assert_eq!(place, junction(0, 1.0)),
                Err(held) => assert_eq!(held, "a\nb\n"),
            }
        }
        assert!(detour.junctions.is_empty());
    }

    #[test]
    fn where_it_may_not_depart_it_is_bound() {
        let mut detour = Detour::new("fn a\nfn b\n", "```", &[0..5, 2..7, 9..10], false);
        let bounds = [
            (0, Some(5)),
            (2, Some(5)),
            (6, Some(1)),
            (7, None),
            (9, Some(1)),
            (10, None),
        ];
        for (bytes, bound) in bounds {
            assert_eq!(detour.bound(bytes), bound, "{bytes}");
        }
        detour.push(b"x");
        assert_eq!(detour.bound(0), None, "what has departed is free");
    }

    #[test]
    fn the_tries_are_bounded() {
        let mut detour = Detour::new("a", "```", &[], false);
        for i in 0..9 {
            detour.note(junction(i, 1.0), b"a", b"x");
        }
        let mut tries = 0;
        loop {
            detour.push(b"a");
            if detour.over().is_err() {
                break;
            }
            tries += 1;
        }
        assert_eq!(tries, TRIES);
    }
}
