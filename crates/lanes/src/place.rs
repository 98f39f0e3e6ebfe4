//! Where in a file a request belongs: the lines to rewrite, or the point where new code goes.

use crate::io::Hint;
use brisk_patch::{Language, Symbol, Text, bare, enclosing, find, outline};
use std::ops::Range;

/// What is done at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The lines are rewritten.
    Rewrite,
    /// New lines go in before `span.start`; `span` is empty.
    Insert {
        /// Columns that the neighbours are indented by.
        indent: usize,
    },
}

/// A place in one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Lines, 0-based.
    pub span: Range<usize>,
    /// Rewrite or insert.
    pub kind: Kind,
    /// Why here, in words.
    pub why: String,
}

/// Why a file offers no place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoPlace {
    /// The symbol is not in the file.
    #[error("there is no symbol `{name}` in {path}{near}; name lines instead: {path}:10-30")]
    NoSymbol {
        /// The name.
        name: String,
        /// The file.
        path: String,
        /// Symbols that are there, as a clause.
        near: String,
    },
    /// Several symbols have the name.
    #[error("{path} has more than one `{name}`: {all}; name one of them: {path}:{first}")]
    Ambiguous {
        /// The name.
        name: String,
        /// The file.
        path: String,
        /// Each with its line, as a clause.
        all: String,
        /// The first one's whole name.
        first: String,
    },
    /// The lines are not in the file.
    #[error("{path} has {len} lines; lines {first}-{last} are not in it")]
    NoLines {
        /// The file.
        path: String,
        /// Its length.
        len: usize,
        /// First line asked for, 1-based.
        first: usize,
        /// Last line asked for.
        last: usize,
    },
    /// The region is too long to rewrite.
    #[error("{what} has {lines} lines; a live edit rewrites at most {max}. Name a smaller part: {path}:A-B")]
    TooLong {
        /// What was named.
        what: String,
        /// The file.
        path: String,
        /// Its length.
        lines: usize,
        /// The bound.
        max: usize,
    },
}

/// Chooses the place for `request` in `text`. `max_region` bounds a rewrite, in lines.
pub fn choose(
    path: &str,
    text: &Text,
    hint: &Hint,
    request: &str,
    max_region: usize,
) -> Result<Place, NoPlace> {
    let symbols = symbols_of(path, text);
    let wanted = new_item(request);
    match hint {
        Hint::Symbol(name) => {
            let found = find(&symbols, name);
            let Some(symbol) = found.first() else {
                return Err(NoPlace::NoSymbol {
                    name: name.clone(),
                    path: path.into(),
                    near: near(&symbols),
                });
            };
            // A type and its blocks of methods have one name and are one thing.
            if found.iter().any(|other| other.qualified() != symbol.qualified()) {
                let each = |s: &&Symbol| format!("{} (line {})", s.qualified(), s.lines.start + 1);
                return Err(NoPlace::Ambiguous {
                    name: name.clone(),
                    path: path.into(),
                    all: found.iter().map(each).collect::<Vec<_>>().join(", "),
                    first: symbol.qualified(),
                });
            }
            match wanted {
                Some(item) => Ok(beside(text, &symbols, symbol, item)),
                None => rewrite(path, symbol.lines.clone(), format!("symbol {name}"), max_region),
            }
        }
        Hint::Lines(lines) => {
            if lines.start >= text.len().max(1) || lines.is_empty() {
                return Err(NoPlace::NoLines {
                    path: path.into(),
                    len: text.len(),
                    first: lines.start + 1,
                    last: lines.end,
                });
            }
            let named = lines.start..lines.end.min(text.len());
            let span = whole_symbol(&symbols, named.clone(), text.len());
            let why = match span == named {
                true => "what you named",
                false => "around what you named",
            };
            rewrite(path, span, why.into(), max_region)
        }
        Hint::File => in_file(path, text, &symbols, request, wanted, max_region),
    }
}

fn rewrite(path: &str, span: Range<usize>, why: String, max: usize) -> Result<Place, NoPlace> {
    if span.len() > max {
        return Err(NoPlace::TooLong {
            what: why,
            path: path.into(),
            lines: span.len(),
            max,
        });
    }
    Ok(Place {
        span,
        kind: Kind::Rewrite,
        why,
    })
}

/// Small models drop what surrounds a fragment: a selection grows to the symbol around it while that is short.
fn whole_symbol(symbols: &[Symbol], named: Range<usize>, len: usize) -> Range<usize> {
    const SHORT: usize = 60;
    match enclosing(symbols, named.start) {
        Some(s) if s.lines.end >= named.end && s.lines.len() <= SHORT => s.lines.clone(),
        Some(_) | None => {
            let margin = if named.len() < 8 { 4 } else { 0 };
            named.start.saturating_sub(margin)..(named.end + margin).min(len)
        }
    }
}

fn in_file(
    path: &str,
    text: &Text,
    symbols: &[Symbol],
    request: &str,
    wanted: Option<Item>,
    max: usize,
) -> Result<Place, NoPlace> {
    let best = best_symbol(text, symbols, request);
    if let Some(item) = wanted {
        if item == Item::Import {
            let line = text.lines().iter().position(|l| is_import(l)).unwrap_or(0);
            return Ok(Place {
                span: line..line,
                kind: Kind::Insert { indent: 0 },
                why: "beside the imports".into(),
            });
        }
        let anchor = best.or(symbols.iter().rfind(|s| s.parent.is_none()));
        return Ok(match anchor {
            Some(symbol) => beside(text, symbols, symbol, item),
            None => at_end(text),
        });
    }
    const SHORT_FILE: usize = 60;
    match best {
        Some(symbol) if text.len() > SHORT_FILE => rewrite(
            path,
            symbol.lines.clone(),
            format!("symbol {}, named by the request", symbol.name),
            max,
        ),
        _ if text.len() <= SHORT_FILE => {
            rewrite(path, 0..text.len(), "the whole of a short file".into(), max)
        }
        _ => {
            let line = best_line(text, request);
            let span = whole_symbol(symbols, line..line + 1, text.len());
            let span = if span.len() < 20 && enclosing(symbols, line).is_none() {
                line.saturating_sub(12)..(line + 13).min(text.len())
            } else {
                span
            };
            rewrite(path, span, "closest lines to the request".into(), max)
        }
    }
}

/// Something new that a request asks for, as opposed to a change of what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    Function,
    Method,
    Test,
    Type,
    Import,
}

/// Whether a request asks for something new beside what is there.
pub(crate) fn is_new(request: &str) -> bool {
    new_item(request).is_some()
}

/// Reads "add a helper function that ...", but not "add a parameter to ...", as a request for new code.
fn new_item(request: &str) -> Option<Item> {
    let lower = request.to_lowercase();
    let mut words = lower
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|w| !w.is_empty());
    let verb = words.next()?;
    if !["add", "write", "create", "implement", "insert", "define"].contains(&verb) {
        return None;
    }
    for word in words.take(5) {
        let item = match word {
            "function" | "func" | "fn" | "helper" | "def" | "constant" => Item::Function,
            "method" | "property" | "getter" | "setter" => Item::Method,
            "test" | "tests" => Item::Test,
            "class" | "struct" | "enum" | "trait" | "interface" | "dataclass" => Item::Type,
            "import" | "include" => Item::Import,
            "to" | "in" | "into" | "for" | "that" | "which" | "parameter" | "argument" | "field"
            | "docstring" | "comment" | "type" | "check" | "handling" | "logging" => return None,
            _ => continue,
        };
        return Some(item);
    }
    None
}

fn beside(text: &Text, symbols: &[Symbol], symbol: &Symbol, item: Item) -> Place {
    let container = matches!(item, Item::Method) && symbol.parent.is_none();
    let inside = container
        .then(|| {
            symbols
                .iter()
                .rfind(|s| s.parent.as_deref() == Some(symbol.name.as_str()))
        })
        .flatten();
    let anchor = inside.unwrap_or(symbol);
    let at = anchor.lines.end.min(text.len());
    let indent = text.lines().get(anchor.lines.start).map_or(0, |l| indent_of(l));
    Place {
        span: at..at,
        kind: Kind::Insert { indent },
        why: format!("after {}", anchor.name),
    }
}

fn at_end(text: &Text) -> Place {
    Place {
        span: text.len()..text.len(),
        kind: Kind::Insert { indent: 0 },
        why: "at the end of the file".into(),
    }
}

/// Columns of leading white space.
pub fn indent_of(line: &str) -> usize {
    bare(line).chars().take_while(|c| c.is_whitespace()).count()
}

fn is_import(line: &str) -> bool {
    ["import ", "from ", "use ", "#include", "const ", "package "]
        .iter()
        .any(|p| line.starts_with(p))
}

/// The symbols of a file, empty for a language without a grammar.
pub fn symbols_of(path: &str, text: &Text) -> Vec<Symbol> {
    Language::of_path(path).map_or_else(Vec::new, |l| outline(l, &text.joined()))
}

/// Of several symbols of one name, the one at these lines, or closest to them.
pub fn closest<'a>(symbols: &[&'a Symbol], lines: &Range<usize>) -> Option<&'a Symbol> {
    let gap = |s: &Symbol| {
        let (from, to) = (s.lines.start.max(lines.start), s.lines.end.min(lines.end));
        (from.saturating_sub(to), s.lines.start.abs_diff(lines.start))
    };
    symbols.iter().copied().min_by_key(|s| gap(s))
}

fn near(symbols: &[Symbol]) -> String {
    if symbols.is_empty() {
        return String::new();
    }
    let names: Vec<&str> = symbols.iter().take(8).map(|s| s.name.as_str()).collect();
    format!(
        " (it has {}{})",
        names.join(", "),
        if symbols.len() > 8 { ", ..." } else { "" }
    )
}

/// Words of a request that can name something in code, lower case.
pub fn key_words(request: &str) -> Vec<String> {
    const COMMON: [&str; 60] = [
        "a", "add", "all", "also", "an", "and", "any", "are", "as", "at", "be", "by", "can", "change",
        "code", "does", "each", "every", "file", "fix", "for", "from", "function", "has", "have", "if", "in",
        "instead", "into", "is", "it", "its", "line", "make", "method", "new", "not", "of", "on", "one",
        "or", "remove", "rename", "replace", "return", "returns", "should", "so", "that", "the", "then",
        "there", "this", "to", "use", "when", "where", "with", "without", "so",
    ];
    let mut out: Vec<String> = request
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|w| w.len() > 1)
        .map(str::to_lowercase)
        .filter(|w| !COMMON.contains(&w.as_str()))
        .collect();
    out.dedup();
    out
}

/// How well a symbol fits a request: its own name counts most, then the words of its lines.
pub fn score(text: &Text, symbol: &Symbol, words: &[String]) -> usize {
    let name = symbol.name.to_lowercase();
    let last = name.rsplit(['.', ':']).next().unwrap_or(&name).to_owned();
    let body: String = text.lines()[symbol.lines.clone()].concat().to_lowercase();
    words
        .iter()
        .map(|w| {
            let by_name = if *w == last {
                40
            } else if w.len() > 3 && last.contains(w.as_str()) {
                8
            } else {
                0
            };
            by_name + usize::from(w.len() > 2 && body.contains(w.as_str())) * 2
        })
        .sum()
}

fn best_symbol<'a>(text: &Text, symbols: &'a [Symbol], request: &str) -> Option<&'a Symbol> {
    let words = key_words(request);
    symbols
        .iter()
        .filter(|s| s.lines.end <= text.len())
        .map(|s| (score(text, s, &words), s))
        .filter(|(score, _)| *score >= 4)
        // Of two that score alike the shorter is meant: a method rather than its class.
        .max_by_key(|(score, s)| (*score, usize::MAX - s.lines.len()))
        .map(|(_, s)| s)
}

fn best_line(text: &Text, request: &str) -> usize {
    let words = key_words(request);
    let hits = |line: &String| {
        let lower = line.to_lowercase();
        words.iter().filter(|w| lower.contains(w.as_str())).count()
    };
    let mut best = (0, 0);
    for (i, line) in text.lines().iter().enumerate() {
        let n = hits(line);
        if n > best.0 {
            best = (n, i);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    const PY: &str = "import os\n\n\nclass Shop:\n    def price(self, n):\n        return n * 2\n\n    def name(self):\n        return 'x'\n\n\ndef total(items):\n    s = 0\n    for i in items:\n        s += i\n    return s\n";

    fn at(hint: Hint, request: &str) -> String {
        match choose("a.py", &Text::from_str_lossless(PY), &hint, request, 120) {
            Ok(p) => format!("{:?} {:?} {}", p.span, p.kind, p.why),
            Err(e) => e.to_string(),
        }
    }

    #[test]
    fn a_name_that_several_have_is_not_guessed() {
        let file = "class A:\n    def f(self):\n        pass\n\n\nclass B:\n    def f(self):\n        pass\n";
        let place = |name: &str| {
            let text = Text::from_str_lossless(file);
            choose("a.py", &text, &Hint::Symbol(name.into()), "shorten", 100)
        };
        let refusal = place("f").unwrap_err().to_string();
        let wanted = "a.py has more than one `f`: A.f (line 2), B.f (line 7); name one of them: a.py:A.f";
        assert_eq!(refusal, wanted);
        assert_eq!(place("B.f").unwrap().span, 6..8);

        // A type and what is implemented for it are one thing.
        let rust = Text::from_str_lossless("struct A;\n\nimpl A {\n    fn f() {}\n}\n");
        let found = choose("a.rs", &rust, &Hint::Symbol("A".into()), "shorten", 100);
        assert_eq!(found.unwrap().span.start, 0);
    }

    #[test]
    fn places() {
        let cases = [
            (
                Hint::Symbol("total".into()),
                "use sum()",
                "11..16 Rewrite symbol total",
            ),
            (
                Hint::Symbol("price".into()),
                "triple",
                "4..6 Rewrite symbol price",
            ),
            (Hint::Lines(13..14), "fix", "11..16 Rewrite around what you named"),
            (Hint::Lines(11..16), "fix", "11..16 Rewrite what you named"),
            (Hint::File, "fix it", "0..16 Rewrite the whole of a short file"),
            (
                Hint::File,
                "add an import of sys",
                "0..0 Insert { indent: 0 } beside the imports",
            ),
            (
                Hint::Symbol("Shop".into()),
                "add a method that gives the tax",
                "9..9 Insert { indent: 4 } after name",
            ),
            (
                Hint::File,
                "add a function that averages like total",
                "16..16 Insert { indent: 0 } after total",
            ),
            (
                Hint::Symbol("total".into()),
                "add a parameter start",
                "11..16 Rewrite symbol total",
            ),
            (
                Hint::Lines(40..50),
                "fix",
                "a.py has 16 lines; lines 41-50 are not in it",
            ),
            (
                Hint::Symbol("nope".into()),
                "fix",
                "there is no symbol `nope` in a.py (it has Shop, price, name, total); name lines instead: a.py:10-30",
            ),
        ];
        for (hint, request, want) in cases {
            assert_eq!(at(hint.clone(), request), want, "{hint:?} {request}");
        }
    }
}
