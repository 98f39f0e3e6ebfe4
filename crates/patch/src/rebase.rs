//! Carrying a hunk over the edits that the person made meanwhile.

use crate::hunk::Hunk;
use crate::minimise::pieces;
use crate::text::Text;
use std::ops::Range;

/// Why a hunk cannot be carried over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// The person's edits touch the hunk's lines or the lines right beside them.
    #[error("lines {}-{} were edited meanwhile", .lines.start + 1, .lines.end.max(.lines.start + 1))]
    Touched {
        /// Where, in the text as it is now, 0-based; empty where lines were taken away.
        lines: Range<usize>,
    },
    /// The text has the change already.
    #[error("the change is there already")]
    AlreadyThere,
    /// The hunk was not made for the base text.
    #[error("line {} is not what the patch was made for", .line + 1)]
    NotForBase {
        /// First line that differs, 0-based in the base.
        line: usize,
    },
}

/// The hunk, made for `base`, as a hunk for `now`: the difference between the two is the person's, and stays.
///
/// # Errors
/// Why it cannot be carried over.
pub fn rebase(hunk: &Hunk, base: &Text, now: &Text) -> Result<Hunk, Conflict> {
    Edited::between(base, now).carry(hunk)
}

/// The person's edits of a file, for any number of hunks that were made for it before.
#[derive(Debug)]
pub struct Edited<'a> {
    old: Vec<&'a str>,
    new: Vec<&'a str>,
    /// Lines of the old text, and what is in their place.
    pieces: Vec<(Range<usize>, Range<usize>)>,
}

impl<'a> Edited<'a> {
    /// What makes `now` of `base`.
    pub fn between(base: &'a Text, now: &'a Text) -> Edited<'a> {
        let old: Vec<&str> = base.lines().iter().map(String::as_str).collect();
        let new: Vec<&str> = now.lines().iter().map(String::as_str).collect();
        let pieces = pieces(&old, &new);
        Edited { old, new, pieces }
    }

    /// The hunk, made for the text before, as one for the text after.
    ///
    /// # Errors
    /// Why it cannot be carried over.
    pub fn carry(&self, hunk: &Hunk) -> Result<Hunk, Conflict> {
        let Edited { old, new, pieces } = self;
        let (at, end) = (hunk.at, hunk.old_end());
        let there = old.get(at..end).ok_or(Conflict::NotForBase { line: old.len() })?;
        if let Some(i) = there.iter().zip(&hunk.old).position(|(a, b)| a != b) {
            return Err(Conflict::NotForBase { line: at + i });
        }
        // The hunk with the line before and the line behind it.
        let window = at.saturating_sub(1)..(end + 1).min(old.len());
        let touches = |o: &Range<usize>| match o.is_empty() {
            // Two insertions at one end of the file have no order that either of them says.
            true if hunk.old.is_empty() => o.start == at || (window.start < o.start && o.start < window.end),
            true => window.start < o.start && o.start < window.end,
            false => o.start < window.end && window.start < o.end,
        };
        let mut shift = 0isize;
        let mut touched: Vec<(Range<usize>, Range<usize>)> = Vec::new();
        for (o, n) in pieces {
            if touches(o) {
                touched.push((o.clone(), n.clone()));
            } else if o.end <= at {
                shift += n.len() as isize - o.len() as isize;
            }
        }
        let (Some(first), Some(last)) = (touched.first(), touched.last()) else {
            return Ok(Hunk {
                at: at.saturating_add_signed(shift),
                ..hunk.clone()
            });
        };
        if window.start <= first.0.start && last.0.end <= window.end {
            let wanted = old[window.start..at]
                .iter()
                .copied()
                .chain(hunk.new.iter().map(String::as_str));
            let wanted: Vec<&str> = wanted.chain(old[end..window.end].iter().copied()).collect();
            let from = window.start.saturating_add_signed(shift);
            if new.get(from..from + wanted.len()) == Some(&wanted[..]) {
                return Err(Conflict::AlreadyThere);
            }
        }
        Err(Conflict::Touched {
            lines: first.1.start..last.1.end,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hunk::apply;
    use crate::text::split_lines;

    const BASE: &str = "a\nb\nc\nd\ne\nf\n";

    /// The hunk turns `old` lines at `at` into `new`; `Ok` is the text after it was carried over and applied.
    fn check(at: usize, old: &str, new: &str, now: &str, want: Result<&str, Conflict>) {
        let hunk = Hunk {
            at,
            old: split_lines(old),
            new: split_lines(new),
        };
        let now = Text::from_str_lossless(now);
        let got = rebase(&hunk, &Text::from_str_lossless(BASE), &now);
        let got = got.map(|h| apply(&now, &[h]).unwrap().joined());
        assert_eq!(got, want.map(str::to_owned), "{hunk:?} over {:?}", now.joined());
    }

    #[test]
    fn shifts_with_edits_elsewhere_and_refuses_edits_here() {
        let touched = |lines| Err(Conflict::Touched { lines });
        check(3, "d\n", "D\n", BASE, Ok("a\nb\nc\nD\ne\nf\n"));
        // Edits before and behind.
        check(
            3,
            "d\n",
            "D\n",
            "0\na\nb\nc\nd\ne\nf\n",
            Ok("0\na\nb\nc\nD\ne\nf\n"),
        );
        check(3, "d\n", "D\n", "b\nc\nd\ne\nf\n", Ok("b\nc\nD\ne\nf\n"));
        check(
            3,
            "d\n",
            "D\n",
            "a\nb\nc\nd\ne\nF\nG\n",
            Ok("a\nb\nc\nD\ne\nF\nG\n"),
        );
        check(
            0,
            "a\n",
            "A\n",
            "0\na\nb\nc\nd\ne\nf\n",
            Ok("0\nA\nb\nc\nd\ne\nf\n"),
        );
        check(4, "", "x\n", "a\nb\nc\nd\ne\n", Ok("a\nb\nc\nd\nx\ne\n"));
        // The very lines, the lines beside them, and between.
        check(3, "d\n", "D\n", "a\nb\nc\nx\ne\nf\n", touched(3..4));
        check(3, "d\n", "D\n", "a\nb\nx\nd\ne\nf\n", touched(2..3));
        check(3, "d\n", "D\n", "a\nb\nc\nd\nf\n", touched(4..4));
        check(3, "d\n", "D\n", "a\nb\nc\nx\nd\ne\nf\n", touched(3..4));
        check(3, "", "x\n", "a\nb\nc\ny\nd\ne\nf\n", touched(3..4));
        check(0, "", "x\n", "y\na\nb\nc\nd\ne\nf\n", touched(0..1));
        check(6, "", "x\n", "a\nb\nc\nd\ne\nf\ny\n", touched(6..7));
        check(3, "d\n", "D\n", "", touched(0..0));
        // Done already.
        check(3, "d\n", "D\n", "a\nb\nc\nD\ne\nf\n", Err(Conflict::AlreadyThere));
        check(
            3,
            "",
            "x\n",
            "0\na\nb\nc\nx\nd\ne\nf\n",
            Err(Conflict::AlreadyThere),
        );
        check(3, "d\n", "", "a\nb\nc\ne\nf\n", Err(Conflict::AlreadyThere));
        check(6, "", "x\n", "a\nb\nc\nd\ne\nf\nx\n", Err(Conflict::AlreadyThere));
        // Not made for this base.
        check(3, "x\n", "D\n", BASE, Err(Conflict::NotForBase { line: 3 }));
        check(6, "x\n", "D\n", BASE, Err(Conflict::NotForBase { line: 6 }));
    }
}
