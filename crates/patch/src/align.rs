//! Aligns the lines of a rewrite, as they come, with the lines that it rewrites.
//!
//! In step, a line costs one comparison. After a divergence every line that also occurs further on in the old lines
//! starts a *run*: a guess that the rewrite is back in step there. A run that has enough weight closes the change;
//! a run that breaks was part of the change all along. Lines of a live run are held back, so that a line that turns
//! out unchanged is never shown as added.

use crate::nesting::Read;
use crate::table::{Key, LineTable};
use crate::text::{Text, bare};
use std::borrow::Cow;
use std::ops::Range;

/// Runs followed at once; the cost of a line is bounded by it.
const MAX_RUNS: usize = 8;

/// What came of a line. Line numbers count from the first old line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// From old line `at` on the rewrite differs.
    Opened { at: usize },
    /// A line of the open change.
    Added { text: String },
    /// An old line that the open change takes away.
    Removed { text: String },
    /// Old lines `at..end` become `new`. Not minimal yet.
    Closed {
        at: usize,
        end: usize,
        new: Vec<String>,
        /// Of `new`, one each.
        keys: Vec<String>,
    },
}

/// A guess: the new lines from `new_start` on are the old lines from `old_start` on.
#[derive(Debug, Clone)]
struct Run {
    new_start: usize,
    old_start: usize,
    len: usize,
    weight: u32,
}

#[derive(Debug, Clone)]
struct Open {
    at: usize,
    new: Vec<String>,
    keys: Vec<String>,
    shown: usize,
    runs: Vec<Run>,
}

/// The state between two lines.
#[derive(Debug, Clone)]
pub(crate) struct Aligner {
    text: Text,
    /// The old lines.
    core: Range<usize>,
    /// What of them counts: a line of `compared`, from `first` on, for each of them.
    compared: Text,
    first: usize,
    key: Key,
    /// Indentation of the last unchanged line, as it is and as the rewrite has it.
    indents: Option<(String, String)>,
    /// Made at the first divergence: a rewrite that changes nothing needs none.
    table: Option<LineTable>,
    pos: usize,
    open: Option<Open>,
}

impl Aligner {
    /// The old lines are `core` of `text`; lines are equal if their keys are.
    pub(crate) fn new(text: &Text, core: Range<usize>, key: Key) -> Aligner {
        Aligner {
            text: text.clone(),
            compared: text.clone(),
            first: core.start,
            core,
            key,
            indents: None,
            table: None,
            pos: 0,
            open: None,
        }
    }

    /// The old lines, with their terminators.
    pub(crate) fn old(&self) -> &[String] {
        &self.text.lines()[self.core.clone()]
    }

    /// From now on `keys` count instead of the old lines, one for each. Every line of the rewrite comes with its key, and
    /// an unchanged line may be indented otherwise.
    pub(crate) fn compare(&mut self, keys: Vec<String>) {
        self.compared = Text::from_lines(false, keys);
        self.first = 0;
        self.key = |key| Cow::Borrowed(key);
    }

    /// The old line that is expected next, with its place; none while a change is open.
    pub(crate) fn expected(&self) -> Option<(usize, &str)> {
        let line = self.old().get(self.pos).filter(|_| self.open.is_none())?;
        Some((self.pos, bare(line)))
    }

    /// The next old line with exactly these words, if no old line has this key and one is near.
    pub(crate) fn same_nearby(&self, line: &str, key: &str) -> Option<usize> {
        const NEAR: usize = 64;
        let table = self.table.as_ref()?;
        if line.trim().is_empty() || table.id(key).is_some() {
            return None;
        }
        let ahead = self.old().get(self.pos..)?;
        let found = ahead.iter().take(NEAR).position(|old| bare(old) == line)?;
        Some(self.pos + found)
    }

    /// The line that was expected came as it is.
    pub(crate) fn step(&mut self, line: &str, is_code: bool) {
        self.pos += 1;
        if is_code {
            self.matched(line);
        }
    }

    /// What counts of old line `at`.
    pub(crate) fn key_of(&self, at: usize) -> Cow<'_, str> {
        (self.key)(&self.compared.lines()[self.first + at])
    }

    /// The next whole line of the rewrite, without its terminator.
    pub(crate) fn line(&mut self, line: &str, out: &mut Vec<Step>) {
        let key = (self.key)(line);
        if self.open.is_none() && self.pos < self.core.len() && self.key_of(self.pos) == key {
            // The common case, and it costs a comparison.
            self.pos += 1;
            return;
        }
        let key = key.into_owned();
        self.line_read(line, Read { key, is_code: true }, out);
    }

    /// The same, with what counts of the line. Its indentation is the old text's business only where it is code.
    pub(crate) fn line_read(&mut self, line: &str, read: Read, out: &mut Vec<Step>) {
        let Read { key, is_code } = read;
        if self.open.is_none() && self.pos < self.core.len() && self.key_of(self.pos) == key {
            return self.step(line, is_code);
        }
        let fitted = if is_code {
            self.fitted(line)
        } else {
            line.to_owned()
        };
        let open = match &mut self.open {
            Some(open) => open,
            None => {
                out.push(Step::Opened { at: self.pos });
                self.open.insert(Open {
                    at: self.pos,
                    new: Vec::new(),
                    keys: Vec::new(),
                    shown: 0,
                    runs: Vec::new(),
                })
            }
        };
        let old = self.first..self.first + self.core.len();
        let table = self
            .table
            .get_or_insert_with(|| LineTable::new(&self.compared, old, self.key));
        open.follow(table, key, fitted);
        match open.confirmed() {
            Some(best) => {
                self.close(best, out);
                if is_code {
                    self.matched(line);
                }
            }
            None => open.show(open.runs.iter().map(|r| r.new_start).min(), out),
        }
    }

    /// Notes how the rewrite indents the old line before `pos`, which it left as it was.
    fn matched(&mut self, line: &str) {
        fn indent(l: &str) -> &str {
            &l[..l.len() - l.trim_start().len()]
        }
        let Some(old) = self.pos.checked_sub(1).and_then(|at| self.old().get(at)) else {
            return;
        };
        let (is, was) = (indent(bare(old)), indent(line));
        let known = self.indents.as_ref();
        if was.len() < line.len() && known.is_none_or(|(i, w)| (i.as_str(), w.as_str()) != (is, was)) {
            self.indents = Some((is.to_owned(), was.to_owned()));
        }
    }

    /// A line of the rewrite in the old text's indentation, where that differs.
    fn fitted(&self, line: &str) -> String {
        let body = line.trim_start();
        let own = &line[..line.len() - body.len()];
        match &self.indents {
            Some((is, was)) if is != was && !body.is_empty() => match converted(own, is, was) {
                Some(indent) => format!("{indent}{body}"),
                None => line.to_owned(),
            },
            Some(_) | None => line.to_owned(),
        }
    }

    /// The rewrite is over: what is open closes, and old lines that it did not reach go.
    pub(crate) fn finish(&mut self, out: &mut Vec<Step>) {
        let end = self.core.len();
        if self.open.is_none() {
            if self.pos == end {
                return;
            }
            out.push(Step::Opened { at: self.pos });
            self.open = Some(Open {
                at: self.pos,
                new: Vec::new(),
                keys: Vec::new(),
                shown: 0,
                runs: Vec::new(),
            });
        }
        let Some(open) = &self.open else { return };
        let suffix = open
            .runs
            .iter()
            .filter(|r| r.old_start + r.len == end)
            .max_by_key(|r| r.len);
        let last = suffix.cloned().unwrap_or(Run {
            new_start: open.new.len(),
            old_start: end,
            len: 0,
            weight: 0,
        });
        self.close(last, out);
    }

    /// Drops the open change, if there is one.
    pub(crate) fn abandon(&mut self) -> bool {
        self.open.take().is_some()
    }

    fn close(&mut self, back: Run, out: &mut Vec<Step>) {
        let Some(mut open) = self.open.take() else { return };
        open.show(Some(back.new_start), out);
        for line in &self.old()[open.at..back.old_start] {
            out.push(Step::Removed {
                text: bare(line).to_owned(),
            });
        }
        open.new.truncate(back.new_start);
        open.keys.truncate(back.new_start);
        out.push(Step::Closed {
            at: open.at,
            end: back.old_start,
            new: open.new,
            keys: open.keys,
        });
        self.pos = back.old_start + back.len;
    }
}

impl Open {
    /// Takes a line in: runs go on or break, new ones start.
    fn follow(&mut self, table: &LineTable, key: String, line: String) {
        let added = self.new.len();
        self.new.push(line);
        self.keys.push(key);
        let key = &self.keys[added];
        let Some(id) = table.id(key) else {
            self.runs.clear();
            return;
        };
        let places = table.places(id);
        let weight = weight(key, places.len());
        self.runs.retain_mut(|r| {
            let goes_on = table.at(r.old_start + r.len) == Some(id);
            if goes_on {
                r.len += 1;
                r.weight += weight;
            }
            goes_on
        });
        let first = places.partition_point(|p| (*p as usize) < self.at);
        let level = places.partition_point(|p| (*p as usize) < self.at + added);
        let near = places[first..]
            .iter()
            .take(3)
            .chain(places[level.max(first + 3).min(places.len())..].first());
        for place in near {
            let old_start = *place as usize;
            let known = self.runs.iter().any(|r| r.old_start + r.len == old_start + 1);
            if !known && self.runs.len() < MAX_RUNS {
                self.runs.push(Run {
                    new_start: added,
                    old_start,
                    len: 1,
                    weight,
                });
            }
        }
    }

    /// The run that is sure enough, if any.
    fn confirmed(&self) -> Option<Run> {
        let sure = self.runs.iter().filter(|r| r.weight >= self.needed(r));
        sure.max_by_key(|r| (r.weight, std::cmp::Reverse(r.old_start)))
            .cloned()
    }

    /// Weight that a run needs: the more old lines it skips, the less may chance explain it.
    fn needed(&self, run: &Run) -> u32 {
        let skipped = run.old_start - self.at;
        match skipped {
            0 => 1,
            n if n == run.new_start => 2,
            n if n <= 2 * run.new_start + 8 && run.len > 1 => 2,
            _ => 3,
        }
    }

    /// Tells the added lines before `until` (all if nothing is held back).
    fn show(&mut self, until: Option<usize>, out: &mut Vec<Step>) {
        let until = until.unwrap_or(self.new.len());
        while self.shown < until {
            out.push(Step::Added {
                text: self.new[self.shown].clone(),
            });
            self.shown += 1;
        }
    }
}

/// How much an equal line says: nothing for blanks and lone brackets, most for a line that occurs once.
fn weight(key: &str, occurrences: usize) -> u32 {
    let letters = key.chars().filter(|c| c.is_alphanumeric()).take(4).count();
    match (letters, occurrences) {
        (0..2, _) => 0,
        (_, 1) => 2,
        (4.., _) => 1,
        _ => 0,
    }
}

/// An indentation of the rewrite in the old text's terms, where `was` stands for `is`. `None` if they mix tabs and blanks
/// or do not divide.
fn converted(own: &str, is: &str, was: &str) -> Option<String> {
    let sign = |indent: &str| {
        let first = indent.chars().next()?;
        indent.chars().all(|c| c == first).then_some(first)
    };
    let blank = |indent: &str| indent.is_empty() || sign(indent).is_some();
    if ![own, is, was].into_iter().all(blank) {
        return None;
    }
    let theirs = sign(was).or(sign(own));
    let ours = sign(is).or(theirs);
    if sign(own).is_some() && sign(own) != theirs {
        return None;
    }
    let length = if ours == theirs {
        (is.len() + own.len()).saturating_sub(was.len())
    } else {
        // So many of one sign for one of the other.
        let product = own.len() * is.len();
        (!was.is_empty() && product.is_multiple_of(was.len())).then(|| product / was.len())?
    };
    Some(ours.map_or_else(String::new, |sign| String::from(sign).repeat(length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indentation_is_converted_or_left_alone() {
        let cases = [
            ("    ", "        ", "    ", Some("        ")),
            ("        ", "    ", "    ", Some("        ")),
            ("", "  ", "    ", Some("")),
            ("        ", "", "    ", Some("    ")),
            ("    ", "\t\t", "        ", Some("\t")),
            ("            ", "\t\t", "        ", Some("\t\t\t")),
            ("   ", "\t\t", "        ", None),
            ("\t", "  ", "\t\t", Some(" ")),
            (" \t", "  ", "    ", None),
        ];
        for (own, is, was, want) in cases {
            assert_eq!(converted(own, is, was).as_deref(), want, "{own:?} {is:?} {was:?}");
        }
    }
}
