//! What a model is told of a request in which places are named with `@`. The place itself goes along as code: its raw
//! name in the words would only be copied into the answer. What the person wrote is told everywhere else.

use brisk_domain::{Intent, Prompt, Target};

/// Words that a sentence can end with. After all others a place at the end may be what the sentence is about: "receipt
/// should use @shop.py:with_tax".
const ENDS: [&str; 8] = [
    "again",
    "everywhere",
    "here",
    "instead",
    "it",
    "them",
    "too",
    "twice",
];

/// Words before a thing: with it a sentence can end, too: "by the quantity".
const ARTICLES: [&str; 9] = ["a", "an", "any", "each", "every", "its", "no", "the", "their"];

/// Words after an article that still want a name: "the function @shop.py:total", "like the old @shop.py:total".
const OPEN: [&str; 36] = [
    "above",
    "argument",
    "array",
    "attribute",
    "below",
    "class",
    "const",
    "constant",
    "current",
    "enum",
    "existing",
    "field",
    "file",
    "first",
    "following",
    "function",
    "helper",
    "interface",
    "last",
    "list",
    "method",
    "module",
    "new",
    "next",
    "old",
    "original",
    "other",
    "parameter",
    "previous",
    "property",
    "same",
    "struct",
    "test",
    "type",
    "variable",
    "whole",
];

/// Words after a place at the start that say something of it: "@shop.py:total should be rounded".
const AFTER: [&str; 16] = [
    "and", "can", "cannot", "could", "does", "gives", "has", "is", "must", "needs", "or", "prints",
    "returns", "shall", "should", "takes",
];

/// The request in words for a model.
pub(crate) fn words(prompt: &Prompt) -> String {
    match prompt.intent {
        Intent::Edit => told(&prompt.text, &prompt.targets),
        // An answer in words may well name a place.
        Intent::Ask => prompt.text.clone(),
    }
}

/// The same for an edit of which only the log tells: what it named in its file is read from the text.
pub(crate) fn logged(text: &str, path: &str) -> String {
    let target = |word: &str| {
        let name = word.strip_prefix('@')?;
        let (_, part) = split(name.trim_end_matches(['.', ',', ';', ':', '?', '!', ')']));
        let lines = part.and_then(lines);
        Some(Target {
            path: path.to_owned(),
            lines,
            symbol: part.filter(|_| lines.is_none()).map(str::to_owned),
        })
    };
    let targets: Vec<Target> = text.split_whitespace().filter_map(target).collect();
    told(text, &targets)
}

fn told(text: &str, targets: &[Target]) -> String {
    if !text.contains('@') {
        return text.to_owned();
    }
    let told = without(text, targets);
    // Nothing but a place: the person's words say more than none.
    if told.trim().is_empty() {
        text.to_owned()
    } else {
        told
    }
}

/// One word of a text and the white space after it.
struct Piece<'a> {
    word: &'a str,
    space: &'a str,
    place: Option<Place<'a>>,
}

/// A place that a word names.
struct Place<'a> {
    file: &'a str,
    /// What is named in the file.
    part: Option<&'a str>,
    /// The signs behind it.
    signs: &'a str,
}

impl<'a> Place<'a> {
    fn lines(&self) -> Option<&'a str> {
        self.part.filter(|p| p.starts_with(|c: char| c.is_ascii_digit()))
    }

    /// What it is called within a sentence, `among` all places of it.
    fn called(&self, among: &[&Place<'_>]) -> String {
        let Some(lines) = self.lines() else {
            return self.part.unwrap_or(self.file).to_owned();
        };
        let ranges = || among.iter().filter(|p| p.lines().is_some());
        if ranges().all(|p| (p.file, p.part) == (self.file, self.part)) {
            return "these lines".to_owned();
        }
        let noun = if lines.contains('-') { "lines" } else { "line" };
        match ranges().all(|p| p.file == self.file) {
            true => format!("{noun} {lines}"),
            false => format!("{noun} {lines} of {}", self.file),
        }
    }
}

fn without(text: &str, targets: &[Target]) -> String {
    let pieces: Vec<Piece<'_>> = text
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
    let places: Vec<&Place<'_>> = pieces.iter().filter_map(|p| p.place.as_ref()).collect();
    // Of several places the words tell which is which.
    let dropped = match (&places[..], &pieces[..]) {
        ([_], [first, next, ..]) if first.place.is_some() => {
            let goes_on = AFTER.contains(&next.word.to_lowercase().as_str());
            (!goes_on).then_some(0)
        }
        ([_], [before @ .., last]) => last
            .place
            .as_ref()
            .filter(|p| !p.signs.contains('?') && can_end(before))
            .map(|_| before.len()),
        _ => None,
    };
    let mut out = String::with_capacity(text.len());
    for (i, piece) in pieces.iter().enumerate() {
        if dropped == Some(i) {
            continue;
        }
        match &piece.place {
            Some(place) => out.extend([&place.called(&places), place.signs]),
            None => out.push_str(piece.word),
        }
        out.push_str(piece.space);
    }
    out.trim().to_owned()
}

/// Whether a sentence of these words lacks nothing. Where that is in doubt it lacks something.
fn can_end(pieces: &[Piece<'_>]) -> bool {
    let mut words = pieces.iter().rev().map(|p| p.word).filter(|w| !w.is_empty());
    let (Some(last), Some(before)) = (words.next(), words.next()) else {
        return false;
    };
    let last = last.to_lowercase();
    let is_word = last.chars().all(|c| c.is_alphanumeric() || c == '_');
    last.ends_with(['.', '!', ';'])
        || ENDS.contains(&last.as_str())
        || is_word && ARTICLES.contains(&before.to_lowercase().as_str()) && !OPEN.contains(&last.as_str())
}

/// What a word names.
fn place<'a>(word: &'a str, targets: &[Target]) -> Option<Place<'a>> {
    let raw = word.strip_prefix('@')?;
    let named = |name: &str| targets.iter().any(|t| is_of(name, t));
    // A name may end with a dot, a sentence too.
    let signs = [',', ';', ':', '?', '!', ')'];
    let bare = raw.trim_end_matches(signs);
    let barer = raw.trim_end_matches(|c| c == '.' || signs.contains(&c));
    let name = [raw, bare, barer].into_iter().find(|name| named(name))?;
    let (file, part) = split(name);
    Some(Place {
        file,
        part,
        signs: raw.get(name.len()..).unwrap_or_default(),
    })
}

fn split(name: &str) -> (&str, Option<&str>) {
    match name.split_once(':') {
        Some((file, part)) => (file, Some(part)),
        None => (name, None),
    }
}

/// The person's name of a place is relative to where they are, the target's to the repository.
fn is_of(name: &str, target: &Target) -> bool {
    let (file, part) = split(name);
    let file = file.trim_start_matches("./").trim_start_matches("../");
    let ends = target
        .path
        .strip_suffix(file)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('/'));
    let part = match part {
        None => target.symbol.is_none() && target.lines.is_none(),
        Some(part) => {
            (target.lines.is_some() && target.lines == lines(part)) || target.symbol.as_deref() == Some(part)
        }
    };
    !file.is_empty() && ends && part
}

/// `3-9`, or `3`.
fn lines(part: &str) -> Option<(usize, usize)> {
    let (first, last) = part.split_once('-').unwrap_or((part, part));
    first.trim().parse().ok().zip(last.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_the_log_tells_is_told_without_its_places() {
        for (text, want) in [
            ("@shop.py:total multiply", "multiply"),
            (
                "multiply, please @lib/shop.py:3-9.",
                "multiply, please these lines.",
            ),
            ("like @tax.py:rate @shop.py", "like @tax.py:rate shop.py"),
            ("mail me@shop.py", "mail me@shop.py"),
        ] {
            assert_eq!(logged(text, "lib/shop.py"), want);
        }
    }

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
            ("swap @shop.py:3-9 and @shop.py:12", "swap lines 3-9 and line 12"),
            (
                "swap @shop.py:3-9 and @tax.py:3-9",
                "swap lines 3-9 of shop.py and lines 3-9 of tax.py",
            ),
            (
                "sort @shop.py:3-9, but @shop.py:3-9 as before",
                "sort these lines, but these lines as before",
            ),
            ("add @property @shop.py:total", "add @property total"),
            // At the end, and what the sentence is about.
            (
                "@shop.py:total should use @shop.py:Cart.sum",
                "total should use Cart.sum",
            ),
            (
                "in @shop.py:total call @shop.py:Cart.sum",
                "in total call Cart.sum",
            ),
            (
                "make @shop.py:total return @shop.py:Cart.sum",
                "make total return Cart.sum",
            ),
            (
                "change everything except @shop.py:total",
                "change everything except total",
            ),
            ("please delete @shop.py:total", "please delete total"),
            ("it should call @shop.py:total.", "it should call total."),
            ("delete the function @shop.py:total", "delete the function total"),
            (
                "make it like the old @shop.py:total",
                "make it like the old total",
            ),
            ("round it to cents. @shop.py:total", "round it to cents."),
            ("round it  @shop.py:total", "round it"),
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
            target(None, Some((12, 12))),
            Target {
                path: "src/tax.py".into(),
                lines: Some((3, 9)),
                symbol: None,
            },
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
