//! The smallest change that has the same effect: common lines are cut out of a hunk.

use crate::hunk::Hunk;
use imara_diff::{Algorithm, Diff, InternedInput};
use std::collections::HashMap;
use std::ops::Range;

/// Splits a hunk on the lines that both sides share. Applying the result gives the same text as applying the hunk.
/// An empty result means that the hunk changed nothing.
pub fn minimise(hunk: &Hunk) -> Vec<Hunk> {
    let old: Vec<&str> = hunk.old.iter().map(String::as_str).collect();
    let new: Vec<&str> = hunk.new.iter().map(String::as_str).collect();
    pieces(&old, &new)
        .into_iter()
        .map(|(o, n)| Hunk {
            at: hunk.at + o.start,
            old: hunk.old[o].to_vec(),
            new: hunk.new[n].to_vec(),
        })
        .collect()
}

/// Ranges (old, new) that differ, in order, with at least one common line between two of them, and none inside.
pub(crate) fn pieces(old: &[&str], new: &[&str]) -> Vec<(Range<usize>, Range<usize>)> {
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (old_rest, new_rest) = (&old[head..], &new[head..]);
    let tail = old_rest
        .iter()
        .rev()
        .zip(new_rest.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let (o, n) = (
        &old_rest[..old_rest.len() - tail],
        &new_rest[..new_rest.len() - tail],
    );
    if o.is_empty() && n.is_empty() {
        return Vec::new();
    }
    // The common cases need no diff: lines only come, only go, or one line becomes others.
    let lone = (o.len() == 1 && !n.contains(&o[0])) || (n.len() == 1 && !o.contains(&n[0]));
    if o.is_empty() || n.is_empty() || lone {
        return vec![(head..head + o.len(), head..head + n.len())];
    }
    let mut input: InternedInput<&str> = InternedInput::default();
    input.reserve(o.len() as u32, n.len() as u32);
    input.update_before(o.iter().copied());
    input.update_after(n.iter().copied());
    let shift = |r: Range<usize>, by: usize| by + r.start..by + r.end;
    let all = (0..o.len(), 0..n.len());
    let usize_of = |r: Range<u32>| r.start as usize..r.end as usize;
    let mut found: Vec<_> = Diff::compute(Algorithm::Histogram, &input)
        .hunks()
        .map(|h| (usize_of(h.before), usize_of(h.after)))
        .collect();
    // The diff passes over lines that are very frequent, even where nothing else is common.
    if found.first() == Some(&all) {
        found = between_common(o, n);
    }
    if found.first() == Some(&all) {
        return vec![(shift(all.0, head), shift(all.1, head))];
    }
    // What is frequent in the whole need not be so in a piece: each is looked at again, until nothing comes off.
    let again = |(a, b): (Range<usize>, Range<usize>)| {
        let (from_o, from_n) = (head + a.start, head + b.start);
        pieces(&o[a], &n[b])
            .into_iter()
            .map(move |(a, b)| (shift(a, from_o), shift(b, from_n)))
    };
    found.into_iter().flat_map(again).collect()
}

/// What lies between lines that both sides have, each taken at its first place after the one before. Linear.
fn between_common(o: &[&str], n: &[&str]) -> Vec<(Range<usize>, Range<usize>)> {
    let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, line) in o.iter().enumerate().rev() {
        places.entry(line).or_default().push(at);
    }
    let mut found = Vec::new();
    let (mut from_o, mut from_n) = (0, 0);
    for (at_n, line) in n.iter().enumerate() {
        let Some(left) = places.get_mut(line) else {
            continue;
        };
        // Places that have been passed are never asked for again.
        while left.last().is_some_and(|at| *at < from_o) {
            left.pop();
        }
        let Some(at_o) = left.pop() else { continue };
        found.push((from_o..at_o, from_n..at_n));
        (from_o, from_n) = (at_o + 1, at_n + 1);
    }
    found.push((from_o..o.len(), from_n..n.len()));
    found.retain(|(a, b)| !a.is_empty() || !b.is_empty());
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hunk::apply;
    use crate::text::{Text, split_lines};

    fn check(old: &str, new: &str, want: &[(usize, usize, usize)]) {
        let whole = Hunk {
            at: 0,
            old: split_lines(old),
            new: split_lines(new),
        };
        let small = minimise(&whole);
        let got: Vec<_> = small.iter().map(|h| (h.at, h.old.len(), h.new.len())).collect();
        assert_eq!(got, want, "{old:?} -> {new:?}");
        let text = Text::from_str_lossless(old);
        assert_eq!(apply(&text, &small), apply(&text, &[whole]));
    }

    #[test]
    fn cuts_common_lines() {
        check("a\nb\nc\n", "a\nb\nc\n", &[]);
        check("a\nb\nc\n", "a\nx\nc\n", &[(1, 1, 1)]);
        check("a\nb\nc\n", "a\nc\n", &[(1, 1, 0)]);
        check("a\nc\n", "a\nb\nc\n", &[(1, 0, 1)]);
        check("a\nb\nc\nd\ne\n", "x\nb\nc\nd\ny\n", &[(0, 1, 1), (4, 1, 1)]);
        check("", "a\n", &[(0, 0, 1)]);
        check("a\n", "", &[(0, 1, 0)]);
        check("a\nb", "a\nb\n", &[(1, 1, 1)]);
        check("x\nkeep\ny\n", "keep\n", &[(0, 1, 0), (2, 1, 0)]);
    }

    /// Found by the fuzzer: blank lines are so frequent in the whole that the diff left one inside a hunk.
    #[test]
    fn nothing_common_is_left_inside_a_hunk() {
        let mut many = vec!["\n"; 90];
        (3..90).step_by(7).for_each(|i| many[i] = "a\n");
        let old = many.concat();
        let cases = [
            (old.as_str(), "@\n)\n\n*\nt"),
            ("@\n)\n\n*\nt", old.as_str()),
            (old.as_str(), "x\n\ny\n\nz\n"),
        ];
        for (old, new) in cases {
            let whole = Hunk {
                at: 0,
                old: split_lines(old),
                new: split_lines(new),
            };
            let small = minimise(&whole);
            for hunk in &small {
                let common = hunk.old.iter().find(|line| hunk.new.contains(line));
                assert_eq!(common, None, "{old:?} -> {new:?}");
            }
            let text = Text::from_str_lossless(old);
            assert_eq!(apply(&text, &small), apply(&text, &[whole]));
        }
    }
}
