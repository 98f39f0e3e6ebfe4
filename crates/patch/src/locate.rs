//! Where some lines are in a text: exactly, or alike but for whitespace, and then only if there is one such place.

use crate::repair::alike;
use crate::table::LineTable;
use crate::text::{Text, bare};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;

/// Places told when there are several.
const MAX_PLACES: usize = 16;
/// Lines shown when there is none.
const MAX_CLOSEST: usize = 3;

/// What a search for lines found. Line numbers are 0-based.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Located {
    /// The lines are there, once.
    Exact {
        /// First line.
        at: usize,
    },
    /// They are there once if whitespace does not count.
    Reindented {
        /// First line.
        at: usize,
        /// How the file's indentation follows from the needle's.
        indent: Indent,
    },
    /// They are there several times.
    Ambiguous {
        /// First lines, at most 16.
        at: Vec<usize>,
    },
    /// They are not there.
    Missing {
        /// Lines of the text that come closest, best place first.
        closest: Vec<(usize, String)>,
    },
}

/// The lines of a text, found by content.
#[derive(Debug, Clone)]
pub struct Index {
    text: Text,
    exact: LineTable,
    /// By content without whitespace differences; made on the first miss.
    loose: OnceLock<LineTable>,
}

impl Index {
    /// Cost linear in the text.
    pub fn new(text: &Text) -> Index {
        let exact = LineTable::new(text, 0..text.len(), |l| Cow::Borrowed(bare(l)));
        Index {
            text: text.clone(),
            exact,
            loose: OnceLock::new(),
        }
    }

    /// Line `line` without its terminator; empty behind the end.
    pub fn line(&self, line: usize) -> &str {
        self.text.lines().get(line).map_or("", |l| bare(l))
    }

    /// Number of lines.
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// Whether the text has no line.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    fn lines(&self) -> impl Iterator<Item = &str> {
        self.text.lines().iter().map(|l| bare(l))
    }

    fn loose(&self) -> &LineTable {
        self.loose
            .get_or_init(|| LineTable::new(&self.text, 0..self.text.len(), |l| Cow::Owned(loose_key(l))))
    }

    /// Lines whose content, whitespace apart, is that of `line`; else those that begin with it.
    pub(crate) fn like(&self, line: &str) -> Vec<usize> {
        let key = loose_key(line);
        if key.is_empty() {
            return Vec::new();
        }
        match self.loose().id(&key) {
            Some(id) => self.loose().places(id).iter().map(|p| *p as usize).collect(),
            None => (0..self.len())
                .filter(|i| loose_key(self.line(*i)).starts_with(&key))
                .collect(),
        }
    }
}

/// Finds `needle` (lines without terminators, at least one) in the text.
pub fn locate(index: &Index, needle: &[String]) -> Located {
    locate_where(index, needle, |_| true)
}

/// As [`locate`], among the places that `keep` wants.
pub(crate) fn locate_where(index: &Index, needle: &[String], keep: impl Fn(usize) -> bool) -> Located {
    match places(&index.exact, needle.iter().map(String::as_str), &keep)[..] {
        [] => {}
        [at] => return Located::Exact { at },
        ref at => return Located::Ambiguous { at: at.to_vec() },
    }
    let keys: Vec<String> = needle.iter().map(|l| loose_key(l)).collect();
    if keys.iter().all(String::is_empty) {
        return Located::Missing { closest: Vec::new() };
    }
    let loose = places(index.loose(), keys.iter().map(String::as_str), &keep);
    match loose[..] {
        [] => Located::Missing {
            closest: closest(index, &keys),
        },
        [at] => match Indent::between(needle, index.lines().skip(at)) {
            Some(indent) => Located::Reindented { at, indent },
            None => Located::Missing {
                closest: shown(index, at, needle.len()),
            },
        },
        ref at => Located::Ambiguous { at: at.to_vec() },
    }
}

/// Where the keys stand one after the other. The rarest of them is looked up, the others are compared.
fn places<'a>(
    table: &LineTable,
    needle: impl Iterator<Item = &'a str>,
    keep: &impl Fn(usize) -> bool,
) -> Vec<usize> {
    let ids: Option<Vec<u32>> = needle.map(|l| table.id(l)).collect();
    let Some(ids) = ids else { return Vec::new() };
    let Some((offset, id)) = ids
        .iter()
        .enumerate()
        .min_by_key(|(_, id)| table.places(**id).len())
    else {
        return Vec::new();
    };
    let starts = table
        .places(*id)
        .iter()
        .filter_map(|p| (*p as usize).checked_sub(offset));
    let equal = |at: &usize| {
        ids.iter()
            .enumerate()
            .all(|(i, id)| table.at(at + i) == Some(*id))
    };
    starts
        .filter(|at| keep(*at))
        .filter(equal)
        .take(MAX_PLACES)
        .collect()
}

/// A line whose runs of whitespace are single spaces, without any at its ends.
fn loose_key(line: &str) -> String {
    let mut key = String::with_capacity(line.len());
    for word in line.split_whitespace() {
        if !key.is_empty() {
            key.push(' ');
        }
        key.push_str(word);
    }
    key
}

/// Where most of the wanted lines would be in place; else the lines most like the first that says something.
fn closest(index: &Index, keys: &[String]) -> Vec<(usize, String)> {
    let table = index.loose();
    let mut votes: HashMap<usize, usize> = HashMap::new();
    for (i, key) in keys.iter().enumerate().filter(|(_, k)| k.len() > 2) {
        let places = table.id(key).map(|id| table.places(id)).unwrap_or_default();
        for at in places
            .iter()
            .take(MAX_PLACES)
            .filter_map(|p| (*p as usize).checked_sub(i))
        {
            *votes.entry(at).or_default() += 1;
        }
    }
    if let Some((at, _)) = votes
        .into_iter()
        .max_by_key(|(at, n)| (*n, std::cmp::Reverse(*at)))
    {
        return shown(index, at, keys.len());
    }
    let Some(line) = keys.iter().max_by_key(|k| k.len().min(20)) else {
        return Vec::new();
    };
    let mut scored: Vec<(usize, usize)> = index
        .lines()
        .enumerate()
        .map(|(i, l)| (alike(l, line), i))
        .filter(|(n, _)| *n >= 40)
        .collect();
    scored.sort_by_key(|(n, i)| (std::cmp::Reverse(*n), *i));
    scored
        .into_iter()
        .take(MAX_CLOSEST)
        .map(|(_, i)| (i, index.line(i).to_owned()))
        .collect()
}

fn shown(index: &Index, at: usize, len: usize) -> Vec<(usize, String)> {
    let lines = index.lines().enumerate().skip(at).take(len);
    lines
        .filter(|(_, l)| !l.trim().is_empty())
        .take(MAX_CLOSEST)
        .map(|(i, l)| (i, l.to_owned()))
        .collect()
}

/// How indentation in one text becomes indentation in another, learned from pairs of equal lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Indent {
    /// (written, in the file), longest written first.
    pairs: Vec<(String, String)>,
    /// One level written, one level in the file, where that could be told.
    unit: Option<(String, String)>,
    /// Indentation of the first line, where the model stripped only that one.
    stripped: Option<String>,
}

impl Indent {
    /// `None` if one indentation would have to become two different ones.
    fn between<'a>(written: &[String], file: impl Iterator<Item = &'a str>) -> Option<Indent> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (w, f) in written.iter().zip(file).filter(|(w, _)| !w.trim().is_empty()) {
            let (w, f) = (leading(w), leading(f));
            match pairs.iter().find(|(known, _)| known == w) {
                Some((_, to)) if to != f => return None,
                Some(_) => {}
                None => pairs.push((w.to_owned(), f.to_owned())),
            }
        }
        let odd = pairs.first().is_some_and(|(w, f)| w.is_empty() && !f.is_empty());
        let others_same = pairs.len() > 1 && pairs.iter().skip(1).all(|(w, f)| w == f);
        let stripped = (odd && others_same).then(|| pairs.remove(0).1);
        pairs.sort_by_key(|(w, _)| std::cmp::Reverse(w.len()));
        let step = pairs.windows(2).find_map(|p| {
            let (w, f) = (p[0].0.strip_prefix(&p[1].0)?, p[0].1.strip_prefix(&p[1].1)?);
            (!w.is_empty() && !f.is_empty()).then(|| (w.to_owned(), f.to_owned()))
        });
        let unit = step.or_else(|| {
            let (w, f) = pairs.first()?;
            let tabs = f.bytes().all(|b| b == b'\t') && w.bytes().all(|b| b == b' ');
            (tabs && !f.is_empty() && !w.is_empty() && w.len() % f.len() == 0)
                .then(|| (" ".repeat(w.len() / f.len()), "\t".to_owned()))
        });
        Some(Indent {
            pairs,
            unit,
            stripped,
        })
    }

    /// The line as the file would indent it.
    pub fn apply(&self, line: &str) -> String {
        let own = leading(line);
        let rest = &line[own.len()..];
        if rest.is_empty() {
            return String::new();
        }
        if let Some(first) = self.stripped.as_ref().filter(|_| own.is_empty()) {
            return format!("{first}{rest}");
        }
        if let Some((from, to)) = self.pairs.iter().find(|(from, _)| own.starts_with(from.as_str())) {
            return format!("{to}{}{rest}", self.levels(&own[from.len()..]));
        }
        // Less indented than every line that we know: what the least of them gained or lost, this one does.
        match self.pairs.last() {
            Some((from, to)) => match (to.strip_suffix(from.as_str()), from.strip_suffix(to.as_str())) {
                (Some(gained), _) => format!("{gained}{own}{rest}"),
                (_, Some(lost)) => format!("{}{rest}", own.strip_prefix(lost).unwrap_or_default()),
                _ => format!("{}{rest}", self.levels(own)),
            },
            None => line.to_owned(),
        }
    }

    fn levels(&self, indent: &str) -> String {
        match &self.unit {
            Some((from, to)) => indent.replace(from.as_str(), to),
            None => indent.to_owned(),
        }
    }
}

fn leading(line: &str) -> &str {
    &line[..line.len() - line.trim_start().len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(body: &str) -> Vec<String> {
        body.lines().map(str::to_owned).collect()
    }

    fn find(file: &str, needle: &str) -> Located {
        locate(&Index::new(&Text::from_str_lossless(file)), &lines(needle))
    }

    #[test]
    fn exact_first_then_unique_without_whitespace() {
        let file = "a\n  b\nc\r\na\nc\n";
        let exact = |at| Located::Exact { at };
        assert_eq!(find(file, "  b"), exact(1));
        assert_eq!(find(file, "  b\nc"), exact(1));
        assert_eq!(find(file, "a\nc"), exact(3));
        assert_eq!(find(file, "a"), Located::Ambiguous { at: vec![0, 3] });
        assert!(matches!(find(file, "b"), Located::Reindented { at: 1, .. }));
        assert_eq!(find("  x\n\tx\n", "x"), Located::Ambiguous { at: vec![0, 1] });
        assert_eq!(find(file, "c\nc"), Located::Missing { closest: vec![] });
        assert_eq!(find("", "x"), Located::Missing { closest: vec![] });
        assert_eq!(find("a\n", ""), Located::Missing { closest: vec![] });
        // A needle that runs over the end.
        assert_eq!(find("a\nb", "b\nc"), Located::Missing { closest: vec![] });
    }

    #[test]
    fn a_miss_shows_what_comes_closest() {
        let file = "fn one() {\n    go(1);\n    stop(1);\n}\nfn two() {\n    go(2);\n}\n";
        let closest = |needle| {
            let found = find(file, needle);
            let Located::Missing { closest } = found else {
                panic!("{found:?}")
            };
            closest.into_iter().map(|(i, _)| i).collect::<Vec<_>>()
        };
        assert_eq!(closest("fn one() {\n    go(3);\n    stop(1);\n"), [0, 1, 2]);
        assert_eq!(closest("    stop(2);"), [2, 5]);
        assert_eq!(closest("entirely different words"), [0usize; 0]);
    }

    #[test]
    fn indentation_is_learned_from_the_lines_that_match() {
        let check = |file: &str, needle: &str, line: &str, want: &str| {
            let found = find(file, needle);
            let Located::Reindented { indent, .. } = found else {
                panic!("{found:?}")
            };
            assert_eq!(indent.apply(line), want, "{line:?}");
        };
        // Deeper in the file.
        check(
            "    if a:\n        b\n",
            "if a:\n    b",
            "        c",
            "            c",
        );
        check("    if a:\n        b\n", "if a:\n    b", "c", "    c");
        // Less deep.
        check("if a:\n    b\n", "    if a:\n        b", "        c", "    c");
        check("if a:\n    b\n", "    if a:\n        b", "  c", "c");
        // Only the first line lost its indentation.
        check(
            "    if a:\n        b\n",
            "if a:\n        b",
            "    else:",
            "    else:",
        );
        check("    if a:\n        b\n", "if a:\n        b", "if c:", "    if c:");
        // Tabs in the file, spaces from the model.
        check(
            "\tif a:\n\t\tb\n",
            "    if a:\n        b",
            "            c",
            "\t\t\tc",
        );
        check("\tif a:\n", "  if a:", "    c", "\t\tc");
        // Blank lines have no indentation, inner whitespace is the model's.
        check("  a  =  b\n", "a = b", "   ", "");
        check("  a  =  b\n", "a = b", "a = c", "  a = c");
        // One indentation that would become two.
        assert!(matches!(find("  a\n    b\n", "a\nb"), Located::Missing { .. }));
    }
}
