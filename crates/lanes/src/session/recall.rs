//! Where the last turn worked, and what was kept of it, from the log of a process that is gone: a follow-up without a
//! place goes on there.

use super::Session;
use super::before::{Was, trimmed};
use super::done::Done;
use crate::io::Before;
use crate::mention;
use crate::place::symbols_of;
use brisk_domain::{Event, HunkId, HunkState, TurnId};
use brisk_patch::{Hunk, Symbol, Text, bare};
use std::ops::Range;

/// What a log tells of the last place that was found. Events go in, in their order.
#[derive(Debug, Default)]
pub struct Recalled {
    /// The last turn, with the person's words.
    begun: Option<(TurnId, String)>,
    last: Option<Found>,
}

/// A place, and what was changed in its file. Lines are 0-based in the text that the turn started from.
#[derive(Debug)]
struct Found {
    turn: TurnId,
    /// The person's words.
    request: String,
    path: String,
    span: Range<usize>,
    hunks: Vec<Seen>,
}

/// A hunk of the turn; its lines without terminators.
#[derive(Debug)]
struct Seen {
    id: HunkId,
    at: usize,
    removed: Vec<String>,
    added: Vec<String>,
    kept: bool,
}

impl Seen {
    /// Lines that it makes the file longer by.
    fn delta(&self) -> isize {
        self.added.len() as isize - self.removed.len() as isize
    }

    fn end(&self) -> usize {
        self.at + self.removed.len()
    }
}

impl Recalled {
    /// Takes the next event.
    pub fn event(&mut self, event: &Event) {
        match (event, &mut self.last) {
            (Event::TurnStarted { turn, text }, _) => self.begun = Some((*turn, text.clone())),
            (
                Event::PlaceFound {
                    turn,
                    path,
                    start,
                    end,
                    ..
                },
                last,
            ) => {
                let begun = self.begun.as_ref().filter(|(begun, _)| begun == turn);
                *last = Some(Found {
                    turn: *turn,
                    request: begun.map_or_else(String::new, |(_, text)| text.clone()),
                    path: path.clone(),
                    span: *start..*end,
                    hunks: Vec::new(),
                });
            }
            (
                Event::HunkReady {
                    turn,
                    hunk,
                    path,
                    at,
                    removed,
                    added,
                },
                Some(last),
            ) if *turn == last.turn && *path == last.path => {
                last.hunks.retain(|h| h.id != *hunk);
                last.hunks.push(Seen {
                    id: *hunk,
                    at: *at,
                    removed: removed.clone(),
                    added: added.clone(),
                    kept: false,
                });
            }
            (Event::HunkChanged { hunk, state }, Some(last)) => {
                let kept = *state == HunkState::Kept;
                last.hunks
                    .iter_mut()
                    .filter(|h| h.id == *hunk)
                    .for_each(|h| h.kept = kept);
            }
            _ => {}
        }
    }

    /// The file of the place.
    pub fn path(&self) -> Option<&str> {
        self.last.as_ref().map(|found| found.path.as_str())
    }
}

impl Found {
    /// The place in its file as it is now, and what of it is there. What was kept may have been undone since, and lines
    /// may have come and gone: the lines of the hunks tell where it is.
    fn place(&mut self, now: Text) -> (Was, Option<Done>) {
        self.hunks.sort_by_key(|h| (h.at, h.end()));
        let kept: Vec<&Seen> = self.hunks.iter().filter(|h| h.kept).collect();
        let all: Vec<&Seen> = self.hunks.iter().collect();
        // A daemon that was killed may have written what its log does not tell.
        let cases = [&kept[..], &[], &all];
        let (mut still, mut moved) = (None, None);
        for written in cases {
            let lines = expected(&all, written);
            if !lines.is_empty() && holds(&lines, 0, &now) {
                still = still.or(Some((written, 0)));
            }
            moved = moved.or_else(|| Some((written, shift(&lines, &now)?)));
        }
        // Lines like these may be elsewhere, too: where all of them are in their places, nothing moved.
        let (written, shift) = still.or(moved).unwrap_or((&kept, 0));
        let lines = self.after(written, shift);
        let fits = lines.filter(|l| l.start < l.end && l.end <= now.len() && *l != (0..now.len()));
        let lines = fits.map(|lines| trimmed(&now, lines));
        let symbols = symbols_of(&self.path, &now);
        let exactly =
            |lines: &Range<usize>| symbols.iter().find(|s| s.lines == *lines).map(Symbol::qualified);
        let place = Before {
            symbol: lines.as_ref().and_then(exactly),
            path: self.path.clone(),
            lines,
            others: Vec::new(),
        };
        let back = back(written, shift, &now);
        let request = || mention::logged(&self.request, &self.path);
        let done = (!back.is_empty()).then(|| Done::new(self.turn, request(), &self.path, &now, back));
        (Was { place, text: now }, done)
    }

    /// The lines of the place with these of its hunks written, in a file that begins `shift` lines later.
    fn after(&self, written: &[&Seen], shift: isize) -> Option<Range<usize>> {
        let moved = |line: usize, by: isize| line.checked_add_signed(by + shift);
        if self.span.is_empty() {
            // What is new is its own place.
            let (first, last) = (written.first()?, written.last()?);
            let delta: isize = written.iter().map(|h| h.delta()).sum();
            return Some(moved(first.at, 0)?..moved(last.end(), delta)?);
        }
        let before = |h: &&&Seen| h.end() <= self.span.start && h.at < self.span.start;
        let until = |h: &&&Seen| h.at <= self.span.end;
        let above: isize = written.iter().filter(before).map(|h| h.delta()).sum();
        let all: isize = written.iter().filter(until).map(|h| h.delta()).sum();
        Some(moved(self.span.start, above)?..moved(self.span.end, all)?)
    }
}

/// Lines of a file, and where the first of them is, 0-based.
type Lines<'a> = (usize, &'a [String]);

/// The lines of the hunks as they are where some of them were written and the others were not.
fn expected<'a>(all: &[&'a Seen], written: &[&Seen]) -> Vec<Lines<'a>> {
    let mut delta = 0;
    let mut out = Vec::new();
    for hunk in all {
        let is_written = written.iter().any(|w| w.id == hunk.id);
        let lines = if is_written { &hunk.added } else { &hunk.removed };
        if !lines.is_empty() {
            out.push((hunk.at.saturating_add_signed(delta), &lines[..]));
        }
        if is_written {
            delta += hunk.delta();
        }
    }
    out
}

/// Whether all of these lines are there, so many lines later.
fn holds(expected: &[Lines<'_>], shift: isize, now: &Text) -> bool {
    expected.iter().all(|(at, lines)| {
        let from = at.checked_add_signed(shift);
        let there = from.and_then(|from| now.lines().get(from..from + lines.len()));
        there.is_some_and(|there| same(there, lines))
    })
}

/// How far the file has moved, if it has: by as little as all of these lines allow. Nothing to look for is no move.
fn shift(expected: &[Lines<'_>], now: &Text) -> Option<isize> {
    let Some((at, lines)) = expected.first() else {
        return Some(0);
    };
    let windows = now.lines().windows(lines.len()).enumerate();
    let found = windows.filter(|(_, window)| same(window, lines));
    found
        .map(|(there, _)| there as isize - *at as isize)
        .filter(|by| holds(expected, *by, now))
        .min_by_key(|by| by.unsigned_abs())
}

fn same(there: &[String], lines: &[String]) -> bool {
    there.iter().zip(lines).all(|(a, b)| bare(a) == b)
}

/// What would take these hunks out of the file, of those that are in it.
fn back(written: &[&Seen], shift: isize, now: &Text) -> Vec<Hunk> {
    let mut by = shift;
    let mut hunks = Vec::new();
    for hunk in written {
        let at = hunk.at.saturating_add_signed(by);
        by += hunk.delta();
        let there = now.lines().get(at..at + hunk.added.len()).unwrap_or_default();
        if !there.is_empty() && same(there, &hunk.added) {
            hunks.push(Hunk {
                at,
                old: there.to_vec(),
                new: hunk.removed.iter().map(|line| format!("{line}\n")).collect(),
            });
        }
    }
    hunks
}

impl Session {
    /// The session goes on where an earlier process worked last; `now`: the text of [`Recalled::path`].
    pub fn recall(&mut self, recalled: Recalled, now: Text) {
        if let Some(mut found) = recalled.last {
            let (was, done) = found.place(now);
            (self.before, self.done) = (Some(was), done);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "def area(w):\n    return w\n\n\ndef edge(w, h):\n    total = w + h\n    return total\n\n\ndef last():\n    return 1\n";

    fn found(span: Range<usize>) -> Event {
        Event::PlaceFound {
            turn: TurnId(1),
            path: "a.py".into(),
            start: span.start,
            end: span.end,
            why: String::new(),
        }
    }

    fn ready(hunk: u64, at: usize, removed: &[&str], added: &[&str]) -> Event {
        let own = |lines: &[&str]| lines.iter().map(|l| (*l).to_owned()).collect();
        Event::HunkReady {
            turn: TurnId(1),
            hunk: HunkId(hunk),
            path: "a.py".into(),
            at,
            removed: own(removed),
            added: own(added),
        }
    }

    fn state(hunk: u64, state: HunkState) -> Event {
        Event::HunkChanged {
            hunk: HunkId(hunk),
            state,
        }
    }

    #[test]
    fn a_place_is_found_again_in_its_file_as_it_is_now() {
        let edge = || Some("edge".to_owned());
        let change = || {
            ready(
                1,
                5,
                &["    total = w + h"],
                &["    total = w + h", "    total *= 2"],
            )
        };
        let changed = FILE.replace("= w + h\n", "= w + h\n    total *= 2\n");
        let renamed = FILE.replace("def edge", "def round_it");
        let name = || ready(1, 4, &["def edge(w, h):"], &["def round_it(w, h):"]);
        let kept = || state(1, HunkState::Kept);
        let above = |text: &str| format!("import os\n\n{text}");
        let add = || ready(1, 7, &[], &["", "", "def sum(w):", "    return w"]);
        let added = FILE.replace(
            "    return total\n",
            "    return total\n\n\ndef sum(w):\n    return w\n",
        );
        let begun = vec![found(4..7)];
        type Case = (Vec<Event>, String, Option<String>, Option<Range<usize>>);
        let cases: Vec<Case> = vec![
            (vec![], FILE.into(), None, None),
            // Stopped before anything came of it.
            (begun.clone(), FILE.into(), edge(), Some(4..7)),
            (vec![found(0..11)], FILE.into(), None, None),
            (vec![found(4..70)], FILE.into(), None, None),
            (vec![found(4..6)], FILE.into(), None, Some(4..6)),
            // Not kept.
            (vec![found(4..7), change()], FILE.into(), edge(), Some(4..7)),
            (
                vec![found(4..7), change(), state(1, HunkState::Rejected)],
                above(FILE),
                edge(),
                Some(6..9),
            ),
            // Kept, and the file moved.
            (
                vec![found(4..7), change(), kept()],
                changed.clone(),
                edge(),
                Some(4..8),
            ),
            (
                vec![found(4..7), change(), kept()],
                above(&changed),
                edge(),
                Some(6..10),
            ),
            // Kept and undone.
            (
                vec![found(4..7), change(), kept()],
                FILE.into(),
                edge(),
                Some(4..7),
            ),
            (
                vec![found(4..7), name(), kept()],
                renamed,
                Some("round_it".into()),
                Some(4..7),
            ),
            // Kept, and the log was cut off before it said so.
            (
                vec![
                    found(4..7),
                    ready(
                        1,
                        6,
                        &["    return total"],
                        &["    total *= 2", "    return -total"],
                    ),
                ],
                FILE.replace("    return total\n", "    total *= 2\n    return -total\n"),
                edge(),
                Some(4..8),
            ),
            // Kept and undone, and a line like the new one is elsewhere.
            (
                vec![
                    found(4..7),
                    ready(1, 5, &["    total = w + h"], &["    return w"]),
                    kept(),
                ],
                FILE.into(),
                edge(),
                Some(4..7),
            ),
            // One of the lines has a twin where it was, and only all of them say where it is.
            (
                vec![
                    found(4..7),
                    ready(1, 5, &["    total = w + h"], &["    total = 2 * w"]),
                    ready(2, 6, &["    return total"], &["    return -total"]),
                ],
                FILE.replace(
                    "\ndef edge",
                    "\ndef twin(w, h):\n    total = w + h\n    return w\n\n\ndef edge",
                ),
                edge(),
                Some(9..12),
            ),
            // New code is its own place, and none before it is kept.
            (
                vec![found(7..7), add(), kept()],
                added,
                Some("sum".into()),
                Some(9..11),
            ),
            (vec![found(7..7), add()], FILE.into(), None, None),
            // The last one counts.
            (vec![found(0..2), found(4..7)], FILE.into(), edge(), Some(4..7)),
        ];
        for (events, now, symbol, lines) in cases {
            let mut recalled = Recalled::default();
            events.iter().for_each(|e| recalled.event(e));
            let now = Text::from_str_lossless(&now);
            let got = recalled.last.map(|mut found| found.place(now).0.place);
            let got = got.map_or((None, None), |place| (place.symbol, place.lines));
            assert_eq!(got, (symbol, lines), "{events:?}");
        }
    }
}
