//! Whether two answers differ only because sums are rounded in another order: then plain decoding itself goes on like the
//! drafted one once it has read the text before the difference as a part of its prompt.

use super::{request, run};
use crate::Engine;
use brisk_domain::port::GenerateRequest;

/// The longest line that is compared, tokens.
const LINE: usize = 64;

/// `asked` is the plain request, whose answer is `plain`. Keys from `key` on name prefixes that nobody has read yet.
pub(super) fn is_tie(
    engine: &Engine,
    asked: &GenerateRequest,
    key: u64,
    (plain, drafted): (&str, &str),
) -> Result<bool, String> {
    let Some((before, line)) = where_they_part(plain, drafted) else {
        return Ok(false);
    };
    // Keys and values that the drafted run has left behind would be taken over as they are.
    for other in (key + 1..).take(engine.info().sequences) {
        let mut request = request(engine, other, "Say yes.".into());
        request.max_tokens = 1;
        run(engine, request)?;
    }
    let again = run(
        engine,
        GenerateRequest {
            answer_prefix: format!("{}{before}", asked.answer_prefix),
            stop: vec!["\n".into()],
            max_tokens: LINE,
            cache_key: key,
            ..asked.clone()
        },
    )?;
    Ok(again.answer == line)
}

/// What both have before the line in which they differ, and that line as the second one has it.
fn where_they_part<'a>(first: &str, second: &'a str) -> Option<(&'a str, &'a str)> {
    let same = first
        .bytes()
        .zip(second.bytes())
        .take_while(|(a, b)| a == b)
        .count();
    let start = second.as_bytes()[..same]
        .iter()
        .rposition(|b| *b == b'\n')
        .map_or(0, |at| at + 1);
    let (before, rest) = second.split_at_checked(start)?;
    (first != second).then(|| (before, rest.lines().next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_part_in_a_line() {
        let cases = [
            ("a\nbc\nd", "a\nbd\ne", Some(("a\n", "bd"))),
            ("a\n\u{e9}", "a\n\u{e8}", Some(("a\n", "\u{e8}"))),
            ("a", "b", Some(("", "b"))),
            ("a\nb", "a\n", Some(("a\n", ""))),
            ("a", "a", None),
        ];
        for (first, second, want) in cases {
            assert_eq!(where_they_part(first, second), want, "{first:?} {second:?}");
        }
    }
}
