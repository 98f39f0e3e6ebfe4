//! Comparisons between lines and pieces of lines.

/// Part of a name.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Start and end (without its line break) of each line.
pub(super) fn lines_of(text: &[u8]) -> Vec<(usize, usize)> {
    let mut lines = Vec::new();
    let mut start = 0;
    for line in text.split(|&b| b == b'\n') {
        lines.push((start, start + line.len()));
        start += line.len() + 1;
    }
    lines
}

/// The line that holds a byte; the last for a byte behind the end.
pub(super) fn line_of(lines: &[(usize, usize)], at: usize) -> usize {
    lines
        .partition_point(|&(_, end)| end < at)
        .min(lines.len().saturating_sub(1))
}

/// Bytes of leading whitespace.
pub(super) fn indentation(line: &[u8]) -> usize {
    line.iter().take_while(|&&b| b == b' ' || b == b'\t').count()
}

/// Whether a new line reads like an old one that was changed: most of the shorter one is in common, at the
/// beginning and at the end.
pub(super) fn alike(new: &[u8], old: &[u8]) -> bool {
    let (new, old) = (new.trim_ascii(), old.trim_ascii());
    let shorter = new.len().min(old.len());
    let before = new.iter().zip(old).take_while(|(a, b)| a == b).count();
    let after = new
        .iter()
        .rev()
        .zip(old.iter().rev())
        .take(shorter - before)
        .take_while(|(a, b)| a == b)
        .count();
    if new.is_empty() || old.is_empty() {
        return new.is_empty() && old.is_empty();
    }
    2 * (before + after) >= shorter && before + after >= 2
}

/// Whether a line ends by opening a block.
pub(super) fn opens_block(line: &[u8]) -> bool {
    matches!(line.trim_ascii_end().last(), Some(b':' | b'{' | b'(' | b'['))
}

/// How many lines ahead a line that begins alike is looked for.
const LINES_AHEAD: usize = 40;

/// The next line, from line `from` on, whose words begin with `words`; gives it and the place behind them.
pub(super) fn begins_alike(
    old: &[u8],
    lines: &[(usize, usize)],
    from: usize,
    words: &[u8],
) -> Option<(usize, usize)> {
    lines
        .iter()
        .enumerate()
        .skip(from)
        .take(LINES_AHEAD)
        .find_map(|(index, &(start, end))| {
            let body = start + indentation(&old[start..end]);
            old[body..end]
                .starts_with(words)
                .then_some((index, body + words.len()))
        })
}

/// Where the rest of an old line is met again by a new piece: the place behind the longest end of `new` that
/// stands in `old`. A single sign is enough only when it is all that is new.
pub(super) fn meets(old: &[u8], new: &[u8]) -> Option<usize> {
    let suffix = |place: usize| {
        old[..place]
            .iter()
            .rev()
            .zip(new.iter().rev())
            .take_while(|(a, b)| a == b)
            .count()
    };
    let (length, place) = (1..=old.len())
        .map(|place| (suffix(place), place))
        // The nearest of equals.
        .max_by_key(|&(length, place)| (length, std::cmp::Reverse(place)))?;
    let telling = new[new.len() - length..].iter().filter(|&&b| is_word(b)).count();
    (length > 0 && (length == new.len() || length >= 3 || telling >= 2)).then_some(place)
}

/// With nothing in common yet: a name instead of a name, or something put in. Gives the place in the old line.
pub(super) fn hunch(old: &[u8], new: &[u8]) -> Option<usize> {
    let &last = new.last()?;
    let &next = old.first()?;
    let name = old.iter().take_while(|&&b| is_word(b)).count();
    if is_word(last) && name > 0 {
        return (name < old.len()).then_some(name);
    }
    // A space before a name belongs to it.
    if is_word(last) && next == b' ' && new.first() == Some(&b' ') {
        let name = 1 + old[1..].iter().take_while(|&&b| is_word(b)).count();
        return (name < old.len()).then_some(name);
    }
    (!matches!(last, b' ' | b',' | b'(' | b'[' | b'{' | b'.' | b'=') && !is_word(next)).then_some(0)
}

/// Length and end of the longest copy in `text` of an end of `tail`, at least `shortest` long, with text after it.
pub(super) fn longest_copy(text: &[u8], tail: &[u8], shortest: usize) -> Option<(usize, usize)> {
    let needle = tail.len().checked_sub(shortest).map(|from| &tail[from..])?;
    text.windows(shortest)
        .enumerate()
        .filter(|(at, window)| *window == needle && at + shortest < text.len())
        .map(|(at, _)| {
            let end = at + shortest;
            let length = text[..end]
                .iter()
                .rev()
                .zip(tail.iter().rev())
                .take_while(|(a, b)| a == b)
                .count();
            (length, end)
        })
        // The latest of equals.
        .max()
}
