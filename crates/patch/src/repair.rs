//! An answer that holds only a part of the region, put back into it.

use crate::blanks::without_noise;
use crate::minimise::pieces;
use crate::region::ticks;

/// Two lines are versions of one another from this share of equal characters at both ends on, in percent.
const ALIKE: usize = 50;

/// For a rewrite that wrote the changed lines and left out what is before or after them: the region with the answer
/// in its place, lines without change before and after restored. `None` if the answer lacks nothing, or if nothing
/// in it says where it belongs. Whether the lines were left out by mistake is the caller's judgement
/// ([`crate::RegionOutcome::dropped_tail`], vanished symbols, whether the result parses).
pub fn repair_tail(region: &str, answer: &str) -> Option<String> {
    let old = trimmed(region.lines().collect());
    let new = trimmed(
        answer
            .lines()
            .filter(|l| ticks(l) == 0 || region.contains("```"))
            .collect(),
    );
    let old_keys: Vec<&str> = old.iter().map(|l| without_noise(l)).collect();
    let new_keys: Vec<&str> = new.iter().map(|l| without_noise(l)).collect();
    if new.is_empty() {
        return None;
    }
    let parts = pieces(&old_keys, &new_keys);
    let (first, last) = (parts.first()?, parts.last()?);
    let alone = first == last && first.1.len() == new.len();

    let mut head = 0;
    if first.0.start == 0 && first.0.len() > first.1.len() {
        let window = &old_keys[first.0.clone()];
        let place = new_keys[first.1.clone()]
            .iter()
            .find_map(|l| most_alike(window, l));
        head = match place {
            Some(j) => j,
            None if alone => return None,
            None => first.0.end,
        };
    }
    let mut resume = old.len();
    if last.0.end == old.len() && last.0.len() > last.1.len() {
        let from = last.0.start.max(head);
        let place = new_keys[last.1.clone()]
            .iter()
            .rev()
            .find_map(|l| most_alike(&old_keys[from..], l));
        resume = from + place.map_or(0, |j| j + 1);
    }
    if head == 0 && resume == old.len() {
        return None;
    }
    let lines: Vec<&str> = [&old[..head], &new[..], &old[resume..]].concat();
    Some(lines.join("\n") + "\n")
}

/// The line of `window` that `line` is most likely a version of.
fn most_alike(window: &[&str], line: &str) -> Option<usize> {
    let scored = window
        .iter()
        .enumerate()
        .map(|(i, w)| (alike(w, line), std::cmp::Reverse(i)));
    scored
        .filter(|(score, _)| *score >= ALIKE)
        .max()
        .map(|(_, at)| at.0)
}

/// How alike two lines are, in percent, indentation apart: the share of the longer one that they have in common at
/// their ends, or the share of their words that they have in common, whichever is more.
pub(crate) fn alike(a: &str, b: &str) -> usize {
    let (a, b) = (a.trim(), b.trim());
    let longest = a.len().max(b.len());
    let letters = |l: &str| l.chars().filter(|c| c.is_alphanumeric()).count();
    if letters(a) < 2 || letters(b) < 2 {
        return 0;
    }
    let words_alike = same_words(a, b);
    let head = a.bytes().zip(b.bytes()).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a.as_bytes()[head..], &b.as_bytes()[head..]);
    let tail = a
        .iter()
        .rev()
        .zip(b.iter().rev())
        .take_while(|(x, y)| x == y)
        .count();
    let ends = (head + tail) * 100 / longest;
    ends.max(words_alike)
}

/// Percent of the words of both lines that have a partner in the other line; of long lines the beginning counts.
fn same_words(a: &str, b: &str) -> usize {
    let words = |l| {
        str::split(l, |c: char| !c.is_alphanumeric() && c != '_')
            .filter(|w| !w.is_empty())
            .take(64)
    };
    let mut left: Vec<&str> = words(b).collect();
    let total = words(a).count() + left.len();
    let mut pairs = 0usize;
    for word in words(a) {
        if let Some(i) = left.iter().position(|w| *w == word) {
            left.swap_remove(i);
            pairs += 1;
        }
    }
    (pairs * 200).checked_div(total).unwrap_or(0)
}

fn trimmed(lines: Vec<&str>) -> Vec<&str> {
    let blank = |l: &&&str| l.trim().is_empty();
    let start = lines.iter().take_while(blank).count();
    let end = lines.len() - lines[start..].iter().rev().take_while(blank).count();
    lines[start..end].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGION: &str = "def f(a):\n    x = a + 1\n    y = x * 2\n    log(y)\n    return y\n";

    fn check(answer: &str, want: Option<&str>) {
        assert_eq!(repair_tail(REGION, answer).as_deref(), want, "{answer:?}");
    }

    #[test]
    fn puts_back_what_was_left_out() {
        // Whole answers lack nothing.
        check(REGION, None);
        check("def f(a, b):\n    x = a + b\n    return x\n", None);
        // Changed lines, then silence.
        check(
            "def f(a, b):\n    x = a + 1\n",
            Some("def f(a, b):\n    x = a + 1\n    y = x * 2\n    log(y)\n    return y\n"),
        );
        check(
            "def f(a):\n    x = a + 1\n    y = x * 3\n",
            Some("def f(a):\n    x = a + 1\n    y = x * 3\n    log(y)\n    return y\n"),
        );
        check(
            "def f(a):\n    x = 2 * (a + 1)\n",
            Some("def f(a):\n    x = 2 * (a + 1)\n    y = x * 2\n    log(y)\n    return y\n"),
        );
        // An added line, then silence.
        check(
            "def f(a):\n    assert isinstance(a, int)\n",
            Some(
                "def f(a):\n    assert isinstance(a, int)\n    x = a + 1\n    y = x * 2\n    log(y)\n    return y\n",
            ),
        );
        // Only the changed line.
        check(
            "    y = x * 3",
            Some("def f(a):\n    x = a + 1\n    y = x * 3\n    log(y)\n    return y\n"),
        );
        check(
            "```python\n    log(y, 1)\n```\n",
            Some("def f(a):\n    x = a + 1\n    y = x * 2\n    log(y, 1)\n    return y\n"),
        );
        // Only the end.
        check(
            "    log(y)\n    return y + 1\n",
            Some("def f(a):\n    x = a + 1\n    y = x * 2\n    log(y)\n    return y + 1\n"),
        );
        // A last line that was cut.
        check(
            "def f(a):\n    x = a + 5\n    y = x",
            Some("def f(a):\n    x = a + 5\n    y = x\n    log(y)\n    return y\n"),
        );
        // Nothing says where it belongs.
        check("import os\n", None);
        check("", None);
    }
}
