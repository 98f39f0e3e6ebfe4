//! What a model is told of a request in which places are named with `@`. The place itself goes along as code: its raw
//! name in the words would only be copied into the answer. What the person wrote is told everywhere else.

use brisk_domain::{Intent, Prompt, Target};

/// Words before a place that belong to it: "a docstring to @shop.py:total".
const BEFORE: [&str; 18] = [
    "a", "an", "and", "at", "by", "for", "from", "in", "inside", "into", "like", "of", "on", "or", "the",
    "to", "with", "within",
];

/// Words after a place at the start that say something of it: "@shop.py:total should be rounded".
const AFTER: [&str; 16] = [
    "and", "can", "cannot", "could", "does", "gives", "has", "is", "must", "needs", "or", "prints",
    "returns", "shall", "should", "takes",
];

/// The request in words for a model.
pub(crate) fn words(prompt: &Prompt) -> String {
    // An answer in words may well name a place.
    let told = if prompt.intent == Intent::Edit && prompt.text.contains('@') {
        without(&prompt.text, &prompt.targets)
    } else {
        prompt.text.clone()
    };
    // Nothing but a place: the person's words say more than none.
    if told.trim().is_empty() {
        prompt.text.clone()
    } else {
        told
    }
}

/// One word of a text and the white space after it.
struct Piece<'a> {
    word: &'a str,
    space: &'a str,
    /// What it is called within a sentence, and the signs behind it, where it names a place.
    place: Option<(&'a str, &'a str)>,
}

fn without(text: &str, targets: &[Target]) -> String {
    let mut pieces: Vec<Piece<'_>> = text
        .split_inclusive(char::is_whitespace)
        .map(|piece| {
            let word = piece.trim_end();
            Piece {
                word,
                space: piece.get(word.len()..).unwrap_or_default(),
                place: place(word, targets),
            }
        })
        .collect();
    let kept = pieces
        .iter()
        .filter(|p| p.place.is_none() && !p.word.is_empty())
        .count();
    // At the end: nothing that leads to it, and enough that stands without it.
    while let [.., before, last] = &pieces[..]
        && let (Some((_, signs)), None) = (last.place, before.place)
        && kept > 1
        && !BEFORE.contains(&before.word.to_lowercase().as_str())
        && !signs.contains('?')
    {
        pieces.pop();
    }
    let start = pieces.iter().take_while(|p| p.place.is_some()).count();
    let goes_on = pieces
        .get(start)
        .is_none_or(|p| AFTER.contains(&p.word.to_lowercase().as_str()));
    let from = if goes_on { 0 } else { start };
    let mut out = String::with_capacity(text.len());
    for piece in pieces.iter().skip(from) {
        match piece.place {
            Some((name, signs)) => out.extend([name, signs]),
            None => out.push_str(piece.word),
        }
        out.push_str(piece.space);
    }
    out.trim().to_owned()
}

/// What a word that names a place is called within a sentence, and the signs behind it.
fn place<'a>(word: &'a str, targets: &[Target]) -> Option<(&'a str, &'a str)> {
    let raw = word.strip_prefix('@')?;
    let named = |name: &str| targets.iter().any(|t| is_of(name, t));
    // A name may end with a dot, a sentence too.
    let signs = [',', ';', ':', '?', '!', ')'];
    let bare = raw.trim_end_matches(signs);
    let barer = raw.trim_end_matches(|c| c == '.' || signs.contains(&c));
    let name = [raw, bare, barer].into_iter().find(|name| named(name))?;
    let signs = raw.get(name.len()..).unwrap_or_default();
    let called = match name.split_once(':') {
        Some((_, part)) if part.starts_with(|c: char| c.is_ascii_digit()) => "these lines",
        Some((_, symbol)) => symbol,
        None => name,
    };
    Some((called, signs))
}

/// The person's name of a place is relative to where they are, the target's to the repository.
fn is_of(name: &str, target: &Target) -> bool {
    let (file, part) = match name.split_once(':') {
        Some((file, part)) => (file, Some(part)),
        None => (name, None),
    };
    let file = file.trim_start_matches("./").trim_start_matches("../");
    let ends = target
        .path
        .strip_suffix(file)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('/'));
    let part = match part {
        None => target.symbol.is_none() && target.lines.is_none(),
        Some(part) => target.lines.is_some() || target.symbol.as_deref() == Some(part),
    };
    !file.is_empty() && ends && part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_told_no_raw_mention() {
        let cases = [
            (
                "multiply by the quantity @shop.py:total",
                "multiply by the quantity",
            ),
            (
                "multiply by the quantity @shop.py:total.",
                "multiply by the quantity",
            ),
            (
                "@shop.py:total multiply by the quantity",
                "multiply by the quantity",
            ),
            ("@shop.py:total: multiply by it", "multiply by it"),
            ("@shop.py:total should be rounded", "total should be rounded"),
            ("add a docstring to @shop.py:total", "add a docstring to total"),
            ("rename @shop.py:total to amount", "rename total to amount"),
            ("fix @shop.py:total", "fix total"),
            ("fix @shop.py:total, please", "fix total, please"),
            ("round it @shop.py", "round it"),
            ("round it in @src/shop.py.", "round it in src/shop.py."),
            ("sort them @shop.py:3-9", "sort them"),
            ("sort @shop.py:3-9 by name", "sort these lines by name"),
            (
                "round both @shop.py:total @shop.py:Cart.sum",
                "round both total Cart.sum",
            ),
            ("is it right in @shop.py:total?", "is it right in total?"),
            ("add @property @shop.py:total", "add @property"),
            ("add @property and mail a@b.c", "add @property and mail a@b.c"),
            ("@shop.py:total", "total"),
            (
                "two lines\n  of @shop.py:total text",
                "two lines\n  of total text",
            ),
        ];
        let target = |symbol: Option<&str>, lines| Target {
            path: "src/shop.py".into(),
            lines,
            symbol: symbol.map(str::to_owned),
        };
        let targets = vec![
            target(Some("total"), None),
            target(Some("Cart.sum"), None),
            target(None, None),
            target(None, Some((3, 9))),
        ];
        let mut prompt = Prompt {
            text: String::new(),
            targets,
            intent: Intent::Edit,
            model: None,
            lane: None,
            latency: None,
            auto_keep: false,
        };
        for (text, want) in cases {
            prompt.text = text.to_owned();
            assert_eq!(words(&prompt), want, "{text}");
        }
        prompt.intent = Intent::Ask;
        prompt.text = "what is @shop.py:total for?".into();
        assert_eq!(words(&prompt), prompt.text);
    }
}
