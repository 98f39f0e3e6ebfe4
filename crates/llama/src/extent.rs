//! How much an unfinished answer changes of the text that it rewrites. Pure: two texts in, a judgement out.

use crate::detour::begins_a_comment;

/// How much of a text an answer changes, as far as it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Few lines, and the old text goes on behind them, or the answer is over.
    Little,
    /// It may become either.
    Open,
    /// More.
    Much,
}

/// So many lines of the old text behind a change say that it goes on.
const GOES_ON: usize = 2;

/// Judges an answer up to here against the old text: `most` lines are few, those that it takes away and puts in together.
/// `over`: nothing follows. What an answer leaves out at its end is not counted.
pub(crate) fn extent(old: &str, answer: &str, most: usize, over: bool) -> Extent {
    let whole = if over {
        answer
    } else {
        answer.rfind('\n').map_or("", |end| &answer[..=end])
    };
    let (old, new) = (statements(old), statements(whole));
    let same = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let (old, new) = (&old[same..], &new[same..]);
    // Where the old text goes on, as the last lines of the answer have it: so many of them stand before that place.
    let met = (0..=old.len()).map(|place| {
        let pairs = old[..place].iter().rev().zip(new.iter().rev());
        let alike = pairs.take_while(|(a, b)| a == b).count();
        (alike, place + new.len() - 2 * alike)
    });
    let (mut longest, mut fewest) = (0, None);
    for (alike, changed) in met {
        longest = longest.max(alike);
        if alike >= GOES_ON || over {
            fewest = Some(fewest.unwrap_or(changed).min(changed));
        }
    }
    match fewest {
        Some(changed) if changed <= most => Extent::Little,
        _ if over || new.len() - longest > most => Extent::Much,
        Some(_) | None => Extent::Open,
    }
}

/// The lines that count: no blank ones and no remarks, which are no part of a patch where nobody asked for them.
fn statements(text: &str) -> Vec<&str> {
    let counts = |line: &&str| !line.is_empty() && !begins_a_comment(line.as_bytes());
    text.lines().map(str::trim).filter(counts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "a {\n    b(1);\n    c(2);\n    d(3);\n}\ne\n";

    #[test]
    fn an_answer_changes_little_or_much_or_has_yet_to_tell() {
        use Extent::{Little, Much, Open};
        let cases = [
            ("another line", "a {\n    x(1);\n    c(2);\n    d(3);\n", Little),
            ("one more", "a {\n    x;\n    b(1);\n    c(2);\n", Little),
            ("one less", "a {\n    c(2);\n    d(3);\n", Little),
            (
                "other blanks behind",
                "a {  \n    x;\n    c(2);\n    d(3);\n",
                Little,
            ),
            (
                "three more",
                "a {\n    x;\n    y;\n    z;\n    b(1);\n    c(2);\n",
                Little,
            ),
            ("in the middle of a line", "a {\n    x(", Open),
            ("behind one line", "a {\n    x(1);\n    c(2);\n", Open),
            ("four more", "a {\n    w;\n    x;\n    y;\n    z;\n", Much),
            ("two others", "a {\n    x(1);\n    y(2);\n    d(3);\n}\n", Open),
        ];
        for (name, answer, want) in cases {
            assert_eq!(extent(OLD, answer, 3, false), want, "{name}");
        }
    }

    #[test]
    fn at_its_end_it_is_one_or_the_other() {
        use Extent::{Little, Much};
        let cases = [
            (
                "another last line",
                "a {\n    b(1);\n    c(2);\n    d(3);\n}\nx",
                Little,
            ),
            ("what is left out does not count", "a {\n    x(1);\n", Little),
            ("two others", "a {\n    x(1);\n    y(2);\n    d(3);\n}\ne\n", Much),
            ("nothing of it", "x\ny\nz\nw", Much),
        ];
        for (name, answer, want) in cases {
            assert_eq!(extent(OLD, answer, 3, true), want, "{name}");
        }
    }
}
