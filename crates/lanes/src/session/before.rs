//! Where the last turn worked, for a prompt that goes on without naming a place.

use super::{Session, Turn};
use crate::attempt::Work;
use crate::io::{Before, Gathered, Hint};
use crate::place::{self, Kind, closest, symbols_of};
use brisk_domain::{HunkId, Intent};
use brisk_patch::{Change, Hunk, Symbol, Text, apply, find, map_line, minimise};
use std::ops::Range;

/// A place, and the text of its file that its lines belong to.
#[derive(Clone)]
pub(super) struct Was {
    pub(super) place: Before,
    pub(super) text: Text,
}

impl Was {
    /// Its lines in the file as it is now: what changed before them moves them. None where nothing is left of them.
    pub(super) fn lines_in(&self, now: &Text) -> Option<Range<usize>> {
        let lines = self.place.lines.clone()?;
        if self.text == *now {
            return Some(lines);
        }
        let all = Hunk {
            at: 0,
            old: self.text.lines().to_vec(),
            new: now.lines().to_vec(),
        };
        moved(&minimise(&all), &lines)
    }

    /// Whether a place in the same file, as it is now, is this one.
    pub(super) fn is(&self, other: &Was) -> bool {
        (&self.place.path, &self.place.symbol) == (&other.place.path, &other.place.symbol)
            && match (self.lines_in(&other.text), &other.place.lines) {
                (Some(a), Some(b)) => a.start < b.end && b.start < a.end,
                (None, None) => true,
                _ => self.place.symbol.is_some(),
            }
    }
}

/// Where lines are after changes; none where all of them went.
fn moved(hunks: &[Hunk], lines: &Range<usize>) -> Option<Range<usize>> {
    let start = map_line(hunks, lines.start);
    let inner = hunks.iter().filter(|h| h.at < lines.end);
    let (end, shift) = inner.fold((lines.end, 0), |(end, shift), h| {
        (end.max(h.old_end()), shift + h.delta())
    });
    let end = end.saturating_add_signed(shift);
    (start < end).then_some(start..end)
}

/// The place of a turn that begins, as exactly as it can be said. `last`: that of the turn before.
pub(super) fn of(turn: &Turn, work: &Work, hint: Hint, last: Option<&Was>) -> Was {
    let last = last.filter(|was| was.place.path == work.path);
    let named = &turn.prompt.targets;
    let mut others: Vec<String> = named.iter().skip(1).map(|t| t.path.clone()).collect();
    if named.is_empty()
        && let Some(last) = last
    {
        others.clone_from(&last.place.others);
    }
    others.retain(|path| *path != work.path);
    let text = work.text();
    let span = &work.place.span;
    let symbols = symbols_of(&work.path, &text);
    let exactly = |lines: &Range<usize>| symbols.iter().find(|s| s.lines == *lines).map(Symbol::qualified);
    let (symbol, lines) = match (turn.prompt.intent, work.place.kind, hint) {
        // A question is about a whole file, and leaves the place in it where it was.
        (Intent::Ask, _, Hint::Symbol(name)) => {
            let same = last.filter(|was| was.place.symbol.as_ref() == Some(&name));
            let lines = same.and_then(|was| was.lines_in(&text));
            let first = || find(&symbols, &name).first().map(|s| s.lines.clone());
            let lines = lines.or_else(first);
            (Some(name), lines)
        }
        (Intent::Ask, _, Hint::Lines(lines)) => (exactly(&lines), Some(lines)),
        (Intent::Ask, _, Hint::File) => last.map_or((None, None), |was| {
            (was.place.symbol.clone(), was.lines_in(&text))
        }),
        // What is new has no name yet; where it went is known once it is kept.
        (Intent::Edit, Kind::Insert { .. }, _) => (None, None),
        (Intent::Edit, Kind::Rewrite, hint) => match (exactly(span), hint) {
            (Some(name), _) | (None, Hint::Symbol(name)) => (Some(name), Some(span.clone())),
            (None, _) if *span == (0..text.len()) => (None, None),
            (None, _) => (None, Some(span.clone())),
        },
    };
    let place = Before {
        path: work.path.clone(),
        symbol,
        lines,
        others,
    };
    Was { place, text }
}

/// The lines that hunks of one text have after they are written, from the first to the last.
fn written(mut hunks: Vec<&Hunk>) -> Option<Range<usize>> {
    hunks.sort_by_key(|h| h.at);
    let first = hunks.first()?.at;
    let (added, removed) = hunks.iter().fold((0, 0), |(added, removed), h| {
        (added + h.new.len(), removed + h.old.len())
    });
    let last = hunks.last()?;
    let end = (last.at + last.old.len() + added).saturating_sub(removed);
    Some(first..end.max(first + 1))
}

/// Lines without the blank ones around them: those belong to nothing.
pub(super) fn trimmed(text: &Text, mut lines: Range<usize>) -> Range<usize> {
    let blank = |i: usize| text.lines().get(i).is_some_and(|l| l.trim().is_empty());
    while lines.len() > 1 && blank(lines.start) {
        lines.start += 1;
    }
    while lines.len() > 1 && blank(lines.end - 1) {
        lines.end -= 1;
    }
    lines
}

impl Session {
    /// The place of the turn before in the file as it is now, also after an undo or a change from outside.
    pub(super) fn again(&self, turn: &Turn, gathered: &Gathered) -> Hint {
        let hint = gathered.hint.clone();
        let (Some(was), Some((path, now))) = (&self.before, gathered.files.first()) else {
            return hint;
        };
        if was.place.path != *path {
            return hint;
        }
        match &hint {
            Hint::Lines(lines) if was.place.lines.as_ref() == Some(lines) => {
                was.lines_in(now).map_or(Hint::File, Hint::Lines)
            }
            Hint::Symbol(name) if was.place.symbol.as_ref() == Some(name) => {
                let symbols = symbols_of(path, now);
                let found = find(&symbols, name);
                let one = was.lines_in(now).and_then(|lines| closest(&found, &lines));
                match (one, found.first()) {
                    // Something new goes beside all that have the name.
                    (Some(one), Some(first)) if found.len() > 1 && one.lines != first.lines => {
                        let beside = one.qualified() == first.qualified() && place::is_new(&turn.prompt.text);
                        if beside {
                            hint
                        } else {
                            Hint::Lines(one.lines.clone())
                        }
                    }
                    _ => hint,
                }
            }
            Hint::Lines(_) | Hint::Symbol(_) | Hint::File => hint,
        }
    }

    /// Hunks were kept: the place is where they are now, also when its name is another one.
    pub(super) fn follow(&mut self, kept: &[HunkId]) {
        let Some(was) = &mut self.before else { return };
        let mut hunks = Vec::new();
        let mut base = None;
        for id in kept {
            if let Some(o) = self.offered.get(id)
                && let Change::Modify { path, hunk } = &o.change
                && *path == was.place.path
            {
                hunks.push(hunk.clone());
                base = Some(&o.base);
            }
        }
        if let Some(text) = base.and_then(|base| apply(base, &hunks).ok()) {
            was.place.lines = written(hunks.iter().collect()).map(|lines| trimmed(&text, lines));
            was.text = text;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_what_was_written() {
        let hunk = |at, old: usize, new: usize| Hunk {
            at,
            old: vec!["x\n".into(); old],
            new: vec!["y\n".into(); new],
        };
        type Case = (&'static [(usize, usize, usize)], Option<Range<usize>>);
        let cases: &[Case] = &[
            (&[], None),
            (&[(4, 1, 1)], Some(4..5)),
            (&[(4, 0, 3)], Some(4..7)),
            (&[(4, 2, 0)], Some(4..5)),
            (&[(10, 1, 2), (4, 1, 3)], Some(4..14)),
        ];
        for (hunks, want) in cases {
            let hunks: Vec<Hunk> = hunks.iter().map(|(at, old, new)| hunk(*at, *old, *new)).collect();
            assert_eq!(written(hunks.iter().collect()), *want);
        }
    }
}
