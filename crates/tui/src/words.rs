//! Which words of two lines differ. Pure.

use std::ops::Range;

/// Words beyond this number in a line are not compared.
const MOST: usize = 200;

/// Byte ranges.
pub(crate) type Ranges = Vec<Range<usize>>;

/// What changed in the old and in the new line; none where they have too little in common for that to help.
pub(crate) fn changed(old: &str, new: &str) -> Option<(Ranges, Ranges)> {
    let (a, b) = (tokens(old), tokens(new));
    if a.len() > MOST || b.len() > MOST || a.is_empty() || b.is_empty() {
        return None;
    }
    // Lengths of the longest common subsequence of the tails.
    let mut table = vec![vec![0u16; b.len() + 1]; a.len() + 1];
    let at = |t: &Vec<Vec<u16>>, i: usize, j: usize| t.get(i).and_then(|r| r.get(j)).copied().unwrap_or(0);
    let same = |i: usize, j: usize| matches!((a.get(i), b.get(j)), (Some(x), Some(y)) if old.get(x.clone()) == new.get(y.clone()));
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            let best = if same(i, j) {
                at(&table, i + 1, j + 1) + 1
            } else {
                at(&table, i + 1, j).max(at(&table, i, j + 1))
            };
            if let Some(cell) = table.get_mut(i).and_then(|r| r.get_mut(j)) {
                *cell = best;
            }
        }
    }
    let (mut i, mut j) = (0, 0);
    let (mut gone, mut come) = (Vec::new(), Vec::new());
    let mut common = 0;
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        if same(i, j) {
            common += x.len();
            (i, j) = (i + 1, j + 1);
        } else if at(&table, i + 1, j) >= at(&table, i, j + 1) {
            push(&mut gone, x.clone());
            i += 1;
        } else {
            push(&mut come, y.clone());
            j += 1;
        }
    }
    a.iter().skip(i).for_each(|r| push(&mut gone, r.clone()));
    b.iter().skip(j).for_each(|r| push(&mut come, r.clone()));
    let longest = old.trim().len().max(new.trim().len());
    (common * 2 >= longest).then_some((gone, come))
}

fn push(ranges: &mut Ranges, range: Range<usize>) {
    match ranges.last_mut() {
        Some(last) if last.end == range.start => last.end = range.end,
        _ => ranges.push(range),
    }
}

/// Words, runs of blanks, and single other characters.
fn tokens(line: &str) -> Ranges {
    let class = |c: char| match c {
        c if c.is_alphanumeric() || c == '_' => 0,
        c if c.is_whitespace() => 1,
        _ => 2,
    };
    let mut out: Ranges = Vec::new();
    let mut before = 2;
    for (i, c) in line.char_indices() {
        // So many that they are not compared: how many more does not matter.
        if out.len() > MOST {
            break;
        }
        let now = class(c);
        match out.last_mut() {
            Some(last) if now == before && now != 2 => last.end = i + c.len_utf8(),
            _ => out.push(i..i + c.len_utf8()),
        }
        before = now;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_words_that_differ() {
        let cases = [
            ("total += a", "total += a * b", Some((vec![], vec![" * b"]))),
            ("let a = 1;", "let b = 1;", Some((vec!["a"], vec!["b"]))),
            ("x", "y", None),
            ("", "new", None),
            ("same", "same", Some((vec![], vec![]))),
        ];
        for (old, new, want) in cases {
            let got = changed(old, new).map(|(a, b)| {
                let texts =
                    |line: &'static str, r: Ranges| r.into_iter().map(|r| &line[r]).collect::<Vec<_>>();
                (texts(old, a), texts(new, b))
            });
            assert_eq!(got, want, "{old} / {new}");
        }
    }

    proptest! {
        #[test]
        fn ranges_are_sound(old in "[a-c (é]{0,30}", new in "[a-c (é]{0,30}") {
            if let Some((a, b)) = changed(&old, &new) {
                for (line, ranges) in [(&old, a), (&new, b)] {
                    prop_assert!(ranges.windows(2).all(|w| w[0].end < w[1].start));
                    prop_assert!(ranges.iter().all(|r| line.get(r.clone()).is_some()));
                }
            }
        }
    }
}
