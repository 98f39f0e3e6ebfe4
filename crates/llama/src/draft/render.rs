//! The old text as it is expected in the answer: under another indentation, with known replacements.

use super::align::is_word;
use std::collections::VecDeque;
use std::ops::Range;

/// How the indentation of lines changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Indent {
    /// As it was.
    #[default]
    Same,
    /// These bytes more.
    More(Vec<u8>),
    /// So many bytes less.
    Less(usize),
}

impl Indent {
    /// The change from an old line's indentation to a new one.
    pub(super) fn between(old: &[u8], new: &[u8]) -> Indent {
        match new.len().cmp(&old.len()) {
            std::cmp::Ordering::Equal => Indent::Same,
            std::cmp::Ordering::Greater => Indent::More(new[old.len()..].to_vec()),
            std::cmp::Ordering::Less => Indent::Less(old.len() - new.len()),
        }
    }
}

/// A piece of a line that the answer writes in another way.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Replacement {
    old: Vec<u8>,
    new: Vec<u8>,
}

/// Longest piece that is learned as a replacement, bytes.
const PIECE: usize = 48;
/// Most replacements that are kept.
const PIECES: usize = 8;

pub(super) struct Renderer {
    old: Vec<u8>,
    /// Length of the text proper; the ending after it is never changed.
    body: usize,
    indent: Indent,
    replacements: Vec<Replacement>,
    /// Where a replacement was last expected, and which.
    applied: Vec<(usize, Replacement)>,
}

impl Renderer {
    pub(super) fn new(old: Vec<u8>, body: usize) -> Self {
        Self {
            old,
            body,
            indent: Indent::Same,
            replacements: Vec::new(),
            applied: Vec::new(),
        }
    }

    pub(super) fn old(&self) -> &[u8] {
        &self.old
    }

    /// From the next line on. Gives what was expected before.
    pub(super) fn indent(&mut self, change: Indent) -> Indent {
        std::mem::replace(&mut self.indent, change)
    }

    /// A line that opens a block was put in: what follows is likely one level deeper.
    pub(super) fn deepen(&mut self, line: &[u8]) {
        let tabs = line.first() == Some(&b'\t') || self.old.windows(2).any(|pair| pair == b"\n\t");
        let unit: &[u8] = if tabs {
            b"\t"
        } else if self.two_spaces() {
            b"  "
        } else {
            b"    "
        };
        if self.indent == Indent::Same {
            self.indent = Indent::More(unit.to_vec());
        }
    }

    /// Whether some line of the old text is indented by a width that four does not divide.
    fn two_spaces(&self) -> bool {
        self.old.split(|&b| b == b'\n').any(|line| {
            let width = line.iter().take_while(|&&b| b == b' ').count();
            width % 4 == 2 && width < line.len()
        })
    }

    /// Learns that `old` became `new` (a range of `answer`), widened to whole words.
    pub(super) fn learn(&mut self, old: Range<usize>, new: Range<usize>, answer: &[u8]) {
        let word = |text: &[u8], at: usize| text.get(at).is_some_and(|&b| is_word(b));
        let (mut a, mut b) = (old.start, new.start);
        while a > 0 && b > 0 && word(&self.old, a - 1) && self.old[a - 1] == answer[b - 1] {
            a -= 1;
            b -= 1;
        }
        let (mut c, mut d) = (old.end, new.end);
        while word(&self.old, c)
            && c > a
            && word(&self.old, c - 1)
            && d < answer.len()
            && self.old[c] == answer[d]
        {
            c += 1;
            d += 1;
        }
        let piece = Replacement {
            old: self.old[a..c].to_vec(),
            new: answer[b..d].to_vec(),
        };
        let telling = piece.old.iter().filter(|&&b| is_word(b)).count() >= 2;
        if telling && piece.old.len() <= PIECE && piece.new.len() <= PIECE && piece.old != piece.new {
            self.replacements.retain(|known| known.old != piece.old);
            self.replacements.insert(0, piece);
            self.replacements.truncate(PIECES);
        }
    }

    /// The answer departed at an old place: a replacement that was expected right there was wrong.
    pub(super) fn doubt(&mut self, at: usize) {
        let wrong: Vec<Replacement> = self
            .applied
            .iter()
            .filter(|(place, _)| *place == at)
            .map(|(_, piece)| piece.clone())
            .collect();
        self.replacements.retain(|known| !wrong.contains(known));
        self.applied.clear();
    }

    /// Adds at least `bytes` of what is expected from an old place on, each with the old place behind it. Gives
    /// the place to go on from; `None` at the end.
    pub(super) fn render(
        &mut self,
        from: usize,
        bytes: usize,
        ahead: &mut VecDeque<(u8, Option<usize>)>,
    ) -> Option<usize> {
        let mut at = from;
        let goal = ahead.len() + bytes;
        while ahead.len() < goal {
            if at >= self.old.len() {
                return None;
            }
            if at < self.body && self.indent != Indent::Same && (at == 0 || self.old[at - 1] == b'\n') {
                at = self.line_start(at, ahead);
                if at >= self.old.len() {
                    return None;
                }
            }
            if let Some(piece) = self.replacement(at) {
                let end = at + piece.old.len();
                let last = piece.new.len().saturating_sub(1);
                for (index, &byte) in piece.new.iter().enumerate() {
                    ahead.push_back((byte, Some(if index == last { end } else { at })));
                }
                self.applied.push((at, piece));
                at = end;
                continue;
            }
            ahead.push_back((self.old[at], Some(at + 1)));
            at += 1;
        }
        Some(at)
    }

    /// Writes a line's new indentation; gives the place after the old one.
    fn line_start(&self, at: usize, ahead: &mut VecDeque<(u8, Option<usize>)>) -> usize {
        let rest = &self.old[at..self.body];
        let width = rest.iter().take_while(|&&b| b == b' ' || b == b'\t').count();
        if rest.get(width).is_none_or(|&b| b == b'\n') {
            return at;
        }
        let keep = match &self.indent {
            Indent::Less(less) => width.saturating_sub(*less),
            Indent::Same | Indent::More(_) => width,
        };
        ahead.extend(rest[..keep].iter().map(|&byte| (byte, Some(at))));
        if let Indent::More(more) = &self.indent {
            ahead.extend(more.iter().map(|&byte| (byte, Some(at))));
        }
        if let Some((_, place)) = ahead
            .back_mut()
            .filter(|_| keep > 0 || self.indent != Indent::Same)
        {
            *place = Some(at + width);
        }
        at + width
    }

    fn replacement(&self, at: usize) -> Option<Replacement> {
        if at >= self.body {
            return None;
        }
        let inside = at > 0 && is_word(self.old[at - 1]);
        self.replacements
            .iter()
            .find(|piece| {
                let end = at + piece.old.len();
                let first = piece.old.first().copied().is_some_and(is_word);
                let last = piece.old.last().copied().is_some_and(is_word);
                self.old[at..self.body].starts_with(&piece.old)
                    && !(first && inside)
                    && !(last && self.old.get(end).copied().is_some_and(is_word))
            })
            .cloned()
    }
}
