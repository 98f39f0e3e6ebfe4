//! A prompt that goes on without naming a place: it is about the place of the turn before, unless its words name
//! another one by its exact name, or a file. A word that people also use as a word ("now round it") is no name.

use crate::daemon::gather::MAX_FILES;
use brisk_lanes::place::{closest, symbols_of};
use brisk_lanes::{Before, Gathered, Hint};
use brisk_patch::{Language, Symbol, Text, find};
use brisk_worktree::Repo;

/// Words before a name that is used at the place, and is not the place: "round it with to_cents".
const USED: [&str; 20] = [
    "as",
    "by",
    "call",
    "called",
    "calling",
    "calls",
    "from",
    "import",
    "like",
    "named",
    "return",
    "returning",
    "returns",
    "than",
    "through",
    "use",
    "uses",
    "using",
    "via",
    "with",
];

/// Words before a name that is to be left alone: "but leave receipt alone".
const SPARED: [&str; 17] = [
    "avoid",
    "besides",
    "don't",
    "don\u{2019}t",
    "dont",
    "except",
    "excluding",
    "ignore",
    "ignoring",
    "keep",
    "leave",
    "leaving",
    "never",
    "not",
    "skip",
    "unlike",
    "without",
];

/// What a name is the name of: "the function round".
const KINDS: [&str; 12] = [
    "class",
    "constant",
    "def",
    "enum",
    "fn",
    "function",
    "helper",
    "interface",
    "method",
    "struct",
    "trait",
    "type",
];

/// Words that make something do what comes: "make the function round to cents".
const CAUSING: [&str; 6] = ["have", "let", "lets", "make", "makes", "so"];

/// Words after which a place is named.
const WITHIN: [&str; 3] = ["in", "inside", "within"];

/// What is said of a place that was chosen so.
const SAME: &str = "as before";
const NAMED: &str = "named by the request";

/// The place of the turn before, as its file is now.
pub(crate) struct Follow {
    before: Before,
    text: Text,
    symbols: Vec<Symbol>,
    others: Vec<(String, Text)>,
}

/// Something that a request names.
#[derive(Debug, PartialEq, Eq)]
enum Name<'a> {
    /// A file, or the end of its path.
    File(&'a str),
    /// A name in code. `sure`: it is no word of the language that people speak, so that it is one wherever it stands.
    Code { name: &'a str, sure: bool },
}

impl Follow {
    /// None where the file is gone.
    pub(crate) fn up(repo: &Repo, before: Before) -> Option<Follow> {
        let text = repo.read(&before.path).ok()?.text;
        let read = |path: &String| Some((path.clone(), repo.read(path).ok()?.text));
        Some(Follow {
            symbols: symbols_of(&before.path, &text),
            others: before.others.iter().filter_map(read).collect(),
            text,
            before,
        })
    }

    /// Where the request belongs. `search` looks for it in the whole repository, which takes time: only a name that is
    /// sure to be one is looked for.
    pub(crate) fn place(
        self,
        repo: &Repo,
        request: &str,
        search: impl FnOnce() -> Option<Gathered>,
    ) -> Gathered {
        let hint = self.hint();
        let own = self.own(&hint);
        let names: Vec<Name<'_>> = names(request)
            .into_iter()
            .filter(|n| !matches!(n, Name::Code { name, .. } if holds(&own, name)))
            .collect();
        if let Some(hint) = names.iter().find_map(|n| self.beside(n)) {
            return self.gathered(hint, NAMED);
        }
        let file = names.iter().find_map(|n| match n {
            Name::File(name) => the_file(repo, name),
            Name::Code { .. } => None,
        });
        match file {
            // The whole of it is meant, and no longer the place in it.
            Some((path, _)) if path == self.before.path => return self.gathered(Hint::File, NAMED),
            Some(file) => return gathered(vec![file], Hint::File, NAMED),
            None => {}
        }
        let sure = |wanted: &str| {
            names
                .iter()
                .any(|n| matches!(n, Name::Code { name, sure: true } if *name == wanted))
        };
        if names.iter().any(|n| matches!(n, Name::Code { sure: true, .. }))
            && let Some(found) = search()
            && matches!(&found.hint, Hint::Symbol(symbol) if sure(symbol))
        {
            return found;
        }
        self.gathered(hint, SAME)
    }

    /// The place itself: its symbol, or its lines where it has none or another name by now.
    fn hint(&self) -> Hint {
        let symbol = self
            .before
            .symbol
            .as_ref()
            .filter(|name| !find(&self.symbols, name).is_empty());
        let lines = self
            .before
            .lines
            .clone()
            .filter(|l| l.start < self.text.len() && l.end <= self.text.len());
        match (symbol, lines) {
            (Some(name), _) => Hint::Symbol(name.clone()),
            (None, Some(lines)) => Hint::Lines(lines),
            (None, None) => Hint::File,
        }
    }

    /// Its text.
    fn own(&self, hint: &Hint) -> String {
        let lines = match hint {
            Hint::Symbol(name) => {
                let found = find(&self.symbols, name);
                let lines = self.before.lines.as_ref();
                let one = lines.and_then(|lines| closest(&found, lines));
                one.or(found.first().copied()).map(|s| s.lines.clone())
            }
            Hint::Lines(lines) => Some(lines.clone()),
            Hint::File => Some(0..self.text.len()),
        };
        lines
            .and_then(|l| self.text.lines().get(l))
            .map(|l| l.concat())
            .unwrap_or_default()
    }

    /// Another symbol of the same file, by its exact name.
    fn beside(&self, name: &Name<'_>) -> Option<Hint> {
        let Name::Code { name, .. } = name else {
            return None;
        };
        let found = find(&self.symbols, name);
        let first = found.first()?.qualified();
        let one = found
            .iter()
            .all(|s| s.qualified() == first && (s.name == *name || first == *name));
        one.then_some(Hint::Symbol(first))
    }

    fn gathered(self, hint: Hint, why: &str) -> Gathered {
        let mut files = vec![(self.before.path, self.text)];
        files.extend(self.others);
        gathered(files, hint, why)
    }
}

fn gathered(files: Vec<(String, Text)>, hint: Hint, why: &str) -> Gathered {
    Gathered {
        files,
        hint,
        why: why.to_owned(),
        board: Err(String::new()),
    }
}

/// The one file whose path ends with these components.
fn the_file(repo: &Repo, name: &str) -> Option<(String, Text)> {
    let ends = |path: &String| {
        path.strip_suffix(name)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
    };
    let mut found = repo.files(MAX_FILES).into_iter().filter(ends);
    let (path, None) = (found.next()?, found.next()) else {
        return None;
    };
    let text = repo.read(&path).ok()?.text;
    Some((path, text))
}

/// What a request names, in its order, save what it only uses and what it leaves alone.
fn names(request: &str) -> Vec<Name<'_>> {
    let mut out = Vec::new();
    let mut clause = Clause::default();
    let words: Vec<&str> = request.split_whitespace().collect();
    for (i, word) in words.iter().enumerate() {
        let name = bare(word);
        let next = words.get(i + 1).map_or("", |w| bare(w));
        if let Some(found) = named(word, name, next, &clause) {
            let spared = clause.spares || clause.chain;
            clause.chain = spared;
            if !spared && !is_one_of(clause.lead, &USED) {
                out.push(found);
            }
        } else if !is_one_of(name, &["and", "nor", "or"]) {
            clause.chain = false;
        }
        clause.read(word, name);
    }
    out
}

/// The words so far that say how the next one is meant.
#[derive(Debug, Default)]
struct Clause<'a> {
    /// The word before.
    last: &'a str,
    /// The word before, without articles and what a name is the name of.
    lead: &'a str,
    /// The one before that.
    led: &'a str,
    /// Within a sentence, where a capital letter says something.
    goes_on: bool,
    /// What is named is to be left alone.
    spares: bool,
    /// The last name was to be left alone, and one that is joined to it is so, too.
    chain: bool,
    /// Something is made to do what comes.
    causes: bool,
}

impl<'a> Clause<'a> {
    fn read(&mut self, word: &str, name: &'a str) {
        self.last = name;
        if !is_one_of(name, &["a", "an", "the"]) && !is_one_of(name, &KINDS) && !name.is_empty() {
            self.led = std::mem::replace(&mut self.lead, name);
        }
        self.spares |= is_one_of(name, &SPARED);
        self.causes |= is_one_of(name, &CAUSING);
        self.goes_on = !word.ends_with(['.', '!', '?', ':']);
        let over = !self.goes_on || word.ends_with([',', ';']);
        if over || is_one_of(name, &["but", "alone"]) {
            self.lead = "";
            (self.spares, self.causes) = (false, false);
        }
    }
}

/// What a word names, if it is a name and not a word.
fn named<'a>(word: &str, name: &'a str, next: &str, clause: &Clause<'_>) -> Option<Name<'a>> {
    if name.is_empty() {
        return None;
    }
    if name.contains('/') || Language::of_path(name).is_some() {
        return Some(Name::File(name));
    }
    let in_code = name
        .split(['.', ':'])
        .all(|p| p.chars().all(|c| c.is_alphanumeric() || c == '_'));
    if !in_code {
        return None;
    }
    let sure = name.contains(['_', '.'])
        || name.contains("::")
        || name.chars().skip(1).any(char::is_uppercase) && name.chars().any(char::is_lowercase)
        || word.contains("()")
        || word.starts_with('`');
    let capital = clause.goes_on && name.chars().any(|c| c.is_uppercase() || c.is_numeric());
    let kind = !clause.causes && is_one_of(clause.last, &KINDS)
        || is_one_of(clause.last, &["the"]) && is_one_of(next, &KINDS);
    let within = is_one_of(clause.last, &WITHIN)
        || is_one_of(clause.last, &["for"]) && is_one_of(clause.led, &["same"]);
    (sure || capital || kind || within).then_some(Name::Code { name, sure })
}

/// A word without the signs around it.
fn bare(word: &str) -> &str {
    word.trim_matches(|c: char| !c.is_alphanumeric() && c != '_')
}

fn is_one_of(word: &str, words: &[&str]) -> bool {
    words.iter().any(|w| word.eq_ignore_ascii_case(w))
}

/// Whether a text of code has a name as a whole word.
fn holds(text: &str, name: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name).any(|(at, _)| {
        let (before, after) = (
            text.get(..at).unwrap_or_default(),
            text.get(at + name.len()..).unwrap_or_default(),
        );
        !before.ends_with(is_word) && !after.starts_with(is_word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use brisk_testkit::fixture;

    #[test]
    fn what_a_request_names() {
        let code = |name, sure| Name::Code { name, sure };
        let cases: &[(&str, &[Name<'_>])] = &[
            ("use with_tax", &[]),
            ("use the helper with_tax", &[]),
            ("round it with round_up()", &[]),
            ("do that in with_tax", &[code("with_tax", true)]),
            ("the same in `receipt`.", &[code("receipt", true)]),
            ("the same for receipt", &[code("receipt", false)]),
            ("round it for receipt", &[]),
            ("now in cart.py", &[Name::File("cart.py")]),
            ("Cart.sum, too", &[code("Cart.sum", true)]),
            ("now Cart, too", &[code("Cart", false)]),
            ("Cart first", &[]),
            (
                "HTML and fetchPage of HTML",
                &[code("fetchPage", true), code("HTML", false)],
            ),
            // Verbs of every day.
            ("now round it to cents", &[]),
            ("sort, check and save them, then print it", &[]),
            ("make the function round to cents", &[]),
            ("the function round", &[code("round", false)]),
            ("now fix the round method", &[code("round", false)]),
            ("now in round", &[code("round", false)]),
            ("`round` it", &[code("round", true)]),
            ("and round() too", &[code("round", true)]),
            // What is to be left alone.
            ("round it, but leave with_tax alone", &[]),
            ("leave with_tax alone and round f()", &[code("f", true)]),
            ("don't touch with_tax, only f()", &[code("f", true)]),
            ("do not touch with_tax and show_it, or shop.py", &[]),
            ("everywhere except in with_tax", &[]),
            ("not here but in with_tax", &[code("with_tax", true)]),
        ];
        for (request, want) in cases {
            assert_eq!(names(request), *want, "{request}");
        }
    }

    const SHOP: &str = "def subtotal(items):\n    total = 0\n    return total\n\n\ndef total(items):\n    return subtotal(items)\n\n\ndef receipt(items):\n    return str(total(items))\n";
    const TAX: &str =
        "def with_tax(amount):\n    return amount * 1.2\n\n\ndef show(amount):\n    return str(amount)\n";

    const TWO: &str = "def width():\n    return 1\n\n\nclass A:\n    def size(self):\n        return 2\nclass B:\n    def size(self):\n        return width()\n";

    #[test]
    fn a_follow_up_stays_unless_it_names_another_place() {
        let dir = fixture::repo(&[("shop.py", SHOP), ("lib/tax.py", TAX), ("two.py", TWO)]).unwrap();
        let state = tempfile::tempdir().unwrap();
        let repo = Repo::open(dir.path(), state.path()).unwrap();
        let symbol = |name: &str| Hint::Symbol(name.to_owned());
        let cases = [
            ("no, multiply it", "shop.py", symbol("subtotal"), SAME),
            // A word of the place's own text.
            ("rename total to amount", "shop.py", symbol("subtotal"), SAME),
            ("the same in receipt", "shop.py", symbol("receipt"), NAMED),
            ("use with_tax instead", "shop.py", symbol("subtotal"), SAME),
            ("now round with_tax", "lib/tax.py", symbol("with_tax"), "found"),
            ("show less", "shop.py", symbol("subtotal"), SAME),
            // A verb, and the name of another symbol.
            ("receipt it", "shop.py", symbol("subtotal"), SAME),
            ("now receipt()", "shop.py", symbol("receipt"), NAMED),
            (
                "round it, but leave `receipt` alone",
                "shop.py",
                symbol("subtotal"),
                SAME,
            ),
            // The file of the place is more than the place.
            ("add a header comment to shop.py", "shop.py", Hint::File, NAMED),
            ("keep shop.py as it is", "shop.py", symbol("subtotal"), SAME),
            ("add a comment to tax.py", "lib/tax.py", Hint::File, NAMED),
            ("fix no_such_name", "shop.py", symbol("subtotal"), SAME),
        ];
        let before = || Before {
            path: "shop.py".into(),
            symbol: Some("subtotal".into()),
            lines: None,
            others: vec!["gone.py".into()],
        };
        for (request, path, hint, why) in cases {
            let found = || {
                gathered(
                    vec![("lib/tax.py".into(), Text::from_str_lossless(TAX))],
                    symbol("with_tax"),
                    "found",
                )
            };
            let got = Follow::up(&repo, before())
                .unwrap()
                .place(&repo, request, || Some(found()));
            assert_eq!(
                (got.files[0].0.as_str(), &got.hint, got.why.as_str()),
                (path, &hint, why),
                "{request}"
            );
        }
        // Of two methods of one name the words of the one at the place are its own.
        let twice = Before {
            path: "two.py".into(),
            symbol: Some("size".into()),
            lines: Some(8..10),
            others: vec![],
        };
        let got = Follow::up(&repo, twice)
            .unwrap()
            .place(&repo, "round `width`", || None);
        assert_eq!((got.hint, got.why.as_str()), (symbol("size"), SAME));
        // Its name is another one by now; its lines are known.
        let renamed = Before {
            symbol: Some("sum_up".into()),
            lines: Some(0..2),
            ..before()
        };
        let got = Follow::up(&repo, renamed)
            .unwrap()
            .place(&repo, "round it", || None);
        assert_eq!(got.hint, Hint::Lines(0..2));
        let gone = Before {
            path: "gone.py".into(),
            ..before()
        };
        assert!(Follow::up(&repo, gone).is_none());
    }
}
