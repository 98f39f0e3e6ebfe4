//! Guesses how an answer goes on, from the text that it mostly repeats. Pure: bytes in, bytes out.
//!
//! The answer follows the old text until it departs from it. Then the drafter looks for the place where they meet
//! again: later in the same line, at the next line, at a line that begins alike, under another indentation, or at
//! a copy of the last words elsewhere. What was replaced once (a name, a call) is expected to be replaced again.
//! A wrong guess costs time, never correctness: every guess is checked by the model.

mod align;
mod render;

use crate::detour::squeezed;
use align::{line_of, lines_of};
use brisk_domain::port::Closeness;
use render::{Indent, Renderer};
use std::collections::VecDeque;

/// Where a guess comes from; how often each kind holds is learned elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The answer has repeated the old text for a while.
    Following,
    /// It has just met the old text again.
    Resumed,
    /// Some bytes of the departed line are found later in the old line.
    SameLine,
    /// Nothing but the shape of the departure says so.
    Hunch,
    /// A new line begins; the next old line is expected.
    NextLine,
    /// The new line begins like an old one.
    LineStart,
    /// The last words stand somewhere else too.
    Elsewhere,
    /// It has repeated text from elsewhere for a while.
    Copying,
}

/// Number of [`Kind`]s.
pub(crate) const KINDS: usize = 8;

/// A guess.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Guess {
    /// The bytes that would come next.
    pub(crate) text: Vec<u8>,
    /// Why.
    pub(crate) kind: Kind,
}

/// Where the answer left the old text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Departure {
    /// The old byte that was not repeated.
    old: usize,
    /// The answer's first byte that was not foreseen.
    answer: usize,
    /// The old line that is expected at the answer's next line start.
    line: usize,
}

/// The byte at a place of the old text that a guess leads to; `None` for text from elsewhere.
type Ahead = VecDeque<(u8, Option<usize>)>;

/// Follows one answer.
pub(crate) struct Drafter {
    renderer: Renderer,
    lines: Vec<(usize, usize)>,
    /// Text where copies of the last words are looked for as well: the prompt.
    context: Vec<u8>,
    answer: Vec<u8>,
    /// Old bytes that the answer has repeated or replaced.
    at: usize,
    /// What is expected next, and the old byte where rendering goes on.
    ahead: Ahead,
    rendered: Option<usize>,
    kind: Kind,
    departed: Option<Departure>,
    /// A departure is over that changed more than blanks.
    changed: bool,
    /// What indentation was expected before the guess that is out, where that guess is of another.
    indented: Option<Indent>,
    /// Bytes foreseen since the last departure.
    foreseen: usize,
}

/// Bytes that must have been foreseen before a meeting counts as following.
const SETTLED: usize = 24;
/// From so many foreseen bytes on a guess holds nearly as often as one that has followed for long.
const HELD: usize = 16;
/// Shortest copy of the last bytes that counts, and the longest that is compared.
const COPY: std::ops::RangeInclusive<usize> = 8..=64;

impl Drafter {
    /// `ending` is what comes after the text (a closing fence), `context` the prompt.
    pub(crate) fn new(prediction: &str, ending: &str, context: &str) -> Self {
        let mut old = prediction.trim_end_matches('\n').as_bytes().to_vec();
        let body = old.len();
        old.extend_from_slice(ending.as_bytes());
        let lines = lines_of(&old);
        Self {
            renderer: Renderer::new(old, body),
            lines,
            context: context.as_bytes().to_vec(),
            answer: Vec::new(),
            at: 0,
            ahead: Ahead::new(),
            rendered: Some(0),
            kind: Kind::Following,
            departed: None,
            changed: false,
            indented: None,
            foreseen: SETTLED,
        }
    }

    /// Whether the answer keeps to the old text from here on where the model hesitates.
    pub(crate) fn keeps(&self, closeness: Closeness) -> bool {
        match closeness {
            Closeness::Free => false,
            // It has changed something and follows the old text again.
            Closeness::OnceChanged => self.changed && self.departed.is_none() && self.kind == Kind::Following,
            // It follows the old text, or could go on with it at the next line.
            Closeness::Throughout => match self.kind {
                Kind::Following | Kind::Resumed | Kind::NextLine | Kind::LineStart => true,
                Kind::SameLine | Kind::Hunch | Kind::Elsewhere | Kind::Copying => false,
            },
        }
    }

    #[cfg(test)]
    fn answer(&self) -> &[u8] {
        &self.answer
    }

    /// Up to `bytes` of what is expected next; nothing when lost.
    pub(crate) fn guess(&mut self, bytes: usize) -> Option<Guess> {
        self.look_ahead(bytes);
        let text: Vec<u8> = self.ahead.iter().take(bytes).map(|&(byte, _)| byte).collect();
        let held = self.foreseen >= HELD;
        let kind = if held && self.kind == Kind::Resumed {
            Kind::Following
        } else if held && self.kind == Kind::Elsewhere {
            Kind::Copying
        } else {
            self.kind
        };
        (!text.is_empty()).then_some(Guess { text, kind })
    }

    /// Where the guess came from that says how these bytes would be, and whether it said them; nothing when lost.
    pub(crate) fn foresaw(&mut self, bytes: &[u8]) -> Option<(Kind, bool)> {
        let guess = self.guess(bytes.len())?;
        Some((guess.kind, guess.text == bytes))
    }

    /// Takes what the model wrote.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.look_ahead(bytes.len());
        let hit = bytes
            .iter()
            .zip(&self.ahead)
            .take_while(|(byte, (ahead, _))| *byte == ahead)
            .count();
        let place = hit
            .checked_sub(1)
            .and_then(|last| self.ahead.get(last))
            .map(|&(_, place)| place);
        let indented = self.indented.take();
        if hit == bytes.len() {
            self.ahead.drain(..hit);
            self.confirm(place.flatten(), hit);
            self.answer.extend_from_slice(bytes);
            self.count_lines(bytes);
            return;
        }
        if let Some(before) = indented {
            self.renderer.indent(before);
        }
        if self.departed.is_none() {
            self.at = place.flatten().unwrap_or(self.at);
            let answer = self.answer.len() + hit;
            self.renderer.doubt(self.at);
            self.departed = Some(Departure {
                old: self.at,
                answer,
                line: line_of(&self.lines, self.at),
            });
        }
        self.answer.extend_from_slice(bytes);
        self.count_lines(bytes);
        self.foreseen = 0;
        self.realign();
    }

    fn look_ahead(&mut self, bytes: usize) {
        if let Some(from) = self.rendered
            && self.ahead.len() < bytes
        {
            self.rendered = self.renderer.render(from, bytes, &mut self.ahead);
        }
    }

    /// Expected bytes came. `place` is the old byte after them, if they stand in the old text.
    fn confirm(&mut self, place: Option<usize>, bytes: usize) {
        let Some(place) = place else {
            self.foreseen += bytes;
            return;
        };
        if let Some(departure) = self.departed.take() {
            // `ahead` began at the meeting point; what lies between it and the departure was replaced.
            let meeting = self.meeting_point(departure, place, bytes);
            self.changed |= meeting.is_none_or(|(old_end, answer_end)| {
                let old = &self.renderer.old()[departure.old..old_end];
                let new = &self.answer[departure.answer..answer_end];
                !squeezed(old).eq(squeezed(new))
            });
            if let Some((old_end, answer_end)) = meeting {
                self.renderer
                    .learn(departure.old..old_end, departure.answer..answer_end, &self.answer);
            }
            self.foreseen = 0;
        }
        self.at = place;
        self.foreseen += bytes;
        self.kind = if self.foreseen >= SETTLED {
            Kind::Following
        } else {
            Kind::Resumed
        };
    }

    /// The end of the replaced piece in the old text and in the answer, if old and new pieces lie in one line.
    fn meeting_point(&self, departure: Departure, place: usize, bytes: usize) -> Option<(usize, usize)> {
        let old = self.renderer.old();
        let mut old_end = place.checked_sub(bytes)?;
        let mut answer_end = self.answer.len();
        while old_end > departure.old
            && answer_end > departure.answer
            && old[old_end - 1] == self.answer[answer_end - 1]
        {
            old_end -= 1;
            answer_end -= 1;
        }
        let plain = |text: &[u8]| !text.contains(&b'\n');
        (old_end >= departure.old
            && plain(&old[departure.old..old_end])
            && plain(&self.answer[departure.answer..answer_end]))
        .then_some((old_end, answer_end))
    }

    /// Counts finished lines of a departure: a line like the expected old one replaced it, another was put in.
    fn count_lines(&mut self, bytes: &[u8]) {
        let Some(departure) = &mut self.departed else {
            return;
        };
        let from = self.answer.len() - bytes.len();
        for (index, _) in bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
            let end = from + index;
            if end < departure.answer {
                continue;
            }
            let start = self.answer[..end]
                .iter()
                .rposition(|&b| b == b'\n')
                .map_or(0, |n| n + 1);
            let Some(&(a, b)) = self.lines.get(departure.line) else {
                continue;
            };
            if align::alike(&self.answer[start..end], &self.renderer.old()[a..b]) {
                departure.line += 1;
            } else if align::opens_block(&self.answer[start..end])
                && !align::opens_block(&self.renderer.old()[a..b])
            {
                self.renderer.deepen(&self.answer[start..end]);
            }
        }
    }

    /// After bytes that were not expected: where does the old text go on?
    fn realign(&mut self) {
        self.ahead.clear();
        self.rendered = None;
        let Some(departure) = self.departed else { return };
        let start = self.answer.iter().rposition(|&b| b == b'\n').map_or(0, |n| n + 1);
        let current = self.answer[start..].to_vec();
        let old = self.renderer.old();
        let fresh = departure.answer < start;
        let words = current.trim_ascii_start();

        if words.is_empty() {
            // At the start of a line: the expected line, with whatever indentation is there already.
            match self.lines.get(departure.line) {
                Some(&(from, _)) if current.is_empty() => self.expect(from, Kind::NextLine),
                Some(&line) => self.expect_under(line, current),
                None => {}
            }
            return;
        }
        let new_words = current.len() - words.len();
        if fresh || departure.answer <= start + new_words {
            let line = if fresh {
                departure.line
            } else {
                line_of(&self.lines, departure.old)
            };
            if let Some((line, place)) = align::begins_alike(old, &self.lines, line, words) {
                let from = self.lines[line].0;
                let body = from + align::indentation(&old[from..self.lines[line].1]);
                let change = Indent::between(&old[from..body], &current[..new_words]);
                self.renderer.indent(change);
                self.expect(place, Kind::LineStart);
                return;
            }
        }
        let line = if fresh {
            departure.line
        } else {
            line_of(&self.lines, departure.old)
        };
        let Some(&(from, to)) = self.lines.get(line) else {
            return;
        };
        let (low, piece) = if fresh {
            (from, &current[..])
        } else {
            (departure.old, &self.answer[departure.answer.max(start)..])
        };
        if let Some(place) = align::meets(&old[low..to], piece) {
            self.expect(low + place, Kind::SameLine);
        } else if let Some(text) = self.copy() {
            self.ahead = text;
            self.kind = Kind::Elsewhere;
        } else if !fresh && let Some(place) = align::hunch(&old[low..to], piece) {
            self.expect(low + place, Kind::Hunch);
        }
    }

    /// An old line under an indentation that has begun.
    fn expect_under(&mut self, (from, to): (usize, usize), mut indentation: Vec<u8>) {
        let old = self.renderer.old();
        let body = from + align::indentation(&old[from..to]);
        // The last blank of an indentation is mostly a part of the next word's token.
        if indentation.len() % 2 == 1 && indentation.ends_with(b" ") {
            indentation.push(b' ');
            self.ahead.push_back((b' ', Some(body)));
        }
        let change = Indent::between(&old[from..body], &indentation);
        // At a line's start the renderer would put the indentation in again.
        let first = old.get(body).copied().filter(|_| body == from);
        self.ahead.extend(first.map(|byte| (byte, Some(body + 1))));
        self.indented = Some(self.renderer.indent(change));
        self.expect(body + usize::from(first.is_some()), Kind::LineStart);
    }

    fn expect(&mut self, place: usize, kind: Kind) {
        self.rendered = Some(place);
        self.kind = kind;
    }

    /// What followed the longest other copy of the last bytes, in the old text, the answer or the prompt.
    fn copy(&self) -> Option<Ahead> {
        let longest = self.answer.len().min(*COPY.end());
        let tail = &self.answer[self.answer.len() - longest..];
        let last = self.answer.len().saturating_sub(1);
        [self.renderer.old(), &self.answer[..last], &self.context]
            .into_iter()
            .filter_map(|text| align::longest_copy(text, tail, *COPY.start()).map(|found| (found, text)))
            .max_by_key(|((length, _), _)| *length)
            .map(|((_, end), text)| text[end..].iter().take(160).map(|&byte| (byte, None)).collect())
    }
}

#[cfg(test)]
mod tests;
