//! What the task is about: files, places in them, and the few lines of a check's output that say what is wrong.

use crate::io::Hint;
use crate::limits::Limits;
use crate::place::{Kind, Place, choose, key_words, score, symbols_of};
use brisk_patch::{Language, Text};
use std::collections::{BTreeMap, BTreeSet};

/// So few files with code are all looked at.
const FEW: usize = 3;

/// Words that are searched for.
const WORDS: usize = 4;

/// Lines of output that are told.
const LINES: usize = 14;

/// Characters of one of them.
const WIDTH: usize = 160;

pub(super) enum Sought {
    Files(Vec<String>),
    /// Search for these.
    Words(Vec<String>),
    Nothing,
}

/// Whether a file holds tests, by its name.
fn is_test(path: &str) -> bool {
    let stem = stem(path);
    let by_name = stem == "conftest"
        || stem == "test"
        || stem == "tests"
        || stem.starts_with("test_")
        || ["_test", "_tests", ".test", ".spec", "_spec"]
            .iter()
            .any(|end| stem.ends_with(end));
    by_name
        || path
            .split('/')
            .rev()
            .skip(1)
            .any(|part| matches!(part, "test" | "tests" | "__tests__" | "spec" | "testing"))
}

fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// The files that the task is about. What the person named goes before what the checks speak of, and that before what
/// the words of the task lead to. Tests are changed only where the person named one.
pub(super) fn seek(paths: &BTreeSet<String>, named: &[String], said: &str, request: &str) -> Sought {
    let code = |path: &&String| Language::of_path(path).is_some() && !is_test(path);
    if !named.is_empty() {
        let own: Vec<String> = named.iter().filter(|path| !is_test(path)).cloned().collect();
        return Sought::Files(if own.is_empty() { named.to_vec() } else { own });
    }
    let spoken = mentioned(paths, said);
    let mut found: Vec<String> = spoken.iter().filter(code).cloned().collect();
    // What failed is often told by the test alone: then by its name, the file that it is about.
    for test in spoken.iter().filter(|path| is_test(path)) {
        let bare = stem(test).trim_start_matches("test_");
        let bare = bare.trim_end_matches("_test").trim_end_matches("_tests");
        let bare = bare.trim_end_matches(".test").trim_end_matches(".spec");
        for path in paths.iter().filter(code).filter(|path| stem(path) == bare) {
            if !found.contains(path) {
                found.push(path.clone());
            }
        }
    }
    if !found.is_empty() {
        return Sought::Files(found);
    }
    let all: Vec<String> = paths.iter().filter(code).take(FEW + 1).cloned().collect();
    if (1..=FEW).contains(&all.len()) {
        return Sought::Files(all);
    }
    let mut words = key_words(&format!("{request} {}", short(said)));
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    words.dedup();
    words.truncate(WORDS);
    match words.is_empty() {
        true => Sought::Nothing,
        false => Sought::Words(words),
    }
}

/// The files that hits of searches (`PATH:LINE: TEXT`) lie in, the most of them first.
pub(super) fn hits<'a>(paths: &BTreeSet<String>, said: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for line in said.flat_map(str::lines) {
        if let Some((path, _)) = line.split_once(':')
            && paths.contains(path)
            && Language::of_path(path).is_some()
            && !is_test(path)
        {
            *counts.entry(path).or_default() += 1;
        }
    }
    let mut found: Vec<(&str, usize)> = counts.into_iter().collect();
    found.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    found.into_iter().map(|(path, _)| path.to_owned()).collect()
}

/// Paths that a text speaks of, the last one first: a traceback ends where it went wrong.
fn mentioned(paths: &BTreeSet<String>, said: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for word in said.split(apart).rev().filter(|word| word.contains('.')) {
        if let Some(path) = known(paths, word)
            && !found.contains(path)
        {
            found.push(path.clone());
        }
    }
    found
}

fn apart(c: char) -> bool {
    c.is_whitespace() || "\"'`:,()[]<>|".contains(c)
}

/// The path of the base that a word names, which may be a longer one: checks run elsewhere.
fn known<'a>(paths: &'a BTreeSet<String>, word: &str) -> Option<&'a String> {
    let starts = std::iter::once(0).chain(word.match_indices('/').map(|(at, _)| at + 1));
    starts.filter_map(|at| paths.get(word.get(at..)?)).next()
}

/// Lines of a file (0-based) that a text speaks of, the last one first.
fn lines_of(path: &str, said: &str) -> Vec<usize> {
    let mut found = Vec::new();
    for line in said.lines().rev() {
        let Some(at) = line.find(path) else { continue };
        let rest = line.get(at + path.len()..).unwrap_or_default();
        let number = rest
            .trim_start_matches(['"', '\'', ','])
            .trim_start()
            .trim_start_matches("line ")
            .trim_start_matches(':');
        let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
        if let Ok(n) = digits.parse::<usize>()
            && n > 0
            && !found.contains(&(n - 1))
        {
            found.push(n - 1);
        }
    }
    found
}

/// Places of a file, the best first: where the words of the task lead, the lines that the checks speak of, the symbols that fit
/// the words of both, and the whole of a file that is short enough.
pub(super) fn places(path: &str, text: &Text, request: &str, said: &str, limits: &Limits) -> Vec<Place> {
    let max = limits.max_region;
    let mut found: Vec<Place> = Vec::new();
    let mut add = |place: Place| {
        if found.iter().all(|p| p.span != place.span || p.kind != place.kind) {
            found.push(place);
        }
    };
    let by_words = choose(path, text, &Hint::File, request, max).ok();
    by_words.into_iter().for_each(&mut add);
    for line in lines_of(path, said).into_iter().take(2) {
        if line < text.len()
            && let Ok(place) = choose(path, text, &Hint::Lines(line..line + 1), request, max)
        {
            add(place);
        }
    }
    let words = key_words(&format!("{request} {said}"));
    let symbols = symbols_of(path, text);
    let mut ranked: Vec<_> = symbols
        .iter()
        .filter(|s| s.lines.end <= text.len() && s.lines.len() <= max)
        .map(|s| (score(text, s, &words), s))
        .filter(|(score, _)| *score > 0)
        .collect();
    ranked.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    for (_, symbol) in ranked {
        add(Place {
            span: symbol.lines.clone(),
            kind: Kind::Rewrite,
            why: format!("symbol {}", symbol.name),
        });
    }
    if text.len() <= limits.max_whole_file {
        add(Place {
            span: 0..text.len(),
            kind: Kind::Rewrite,
            why: "the whole of a short file".into(),
        });
    }
    found
}

/// The few lines of what checks said that tell what is wrong, the failing assertion first.
pub(super) fn short(said: &str) -> String {
    const SIGNS: [&str; 12] = [
        "assert",
        "error",
        "panicked",
        "expected",
        "left:",
        "right:",
        "got:",
        "!=",
        "exception",
        "failed:",
        "not found",
        "undefined",
    ];
    let lines: Vec<&str> = said
        .lines()
        .map(str::trim_end)
        .filter(|l| !l.trim().is_empty())
        .collect();
    let tells = |line: &str| {
        let lower = line.to_lowercase();
        SIGNS.iter().any(|sign| lower.contains(sign))
    };
    // The first line is the verdict.
    let mut wanted: BTreeSet<usize> = BTreeSet::from([0]);
    for (at, _) in lines.iter().enumerate().filter(|(_, line)| tells(line)) {
        if wanted.len() >= LINES {
            break;
        }
        wanted.insert(at);
    }
    if wanted.len() == 1 {
        wanted = (0..lines.len().min(LINES)).collect();
    }
    let mut out = String::new();
    for line in wanted.iter().filter_map(|at| lines.get(*at)) {
        out.extend(line.trim_start().chars().take(WIDTH));
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(list: &[&str]) -> BTreeSet<String> {
        list.iter().map(|p| (*p).to_owned()).collect()
    }

    #[test]
    fn the_files_that_a_task_is_about() {
        let many = [
            "a/one.py",
            "a/two.py",
            "a/three.py",
            "a/four.py",
            "tests/test_two.py",
            "README.md",
        ];
        let few = ["shop.py", "test_shop.py", "notes.txt"];
        let rows: [(&[&str], &[&str], &str, &str); 7] = [
            (&many, &["a/one.py"], "File \"/x/a/two.py\", line 3", "a/one.py"),
            (&many, &["a/one.py", "tests/test_two.py"], "", "a/one.py"),
            (&many, &["tests/test_two.py"], "", "tests/test_two.py"),
            (
                &many,
                &[],
                "File \"/w/j1a1/a/one.py\", line 2\n  File \"/w/j1a1/a/three.py\", line 9",
                "a/three.py a/one.py",
            ),
            (
                &many,
                &[],
                "FAIL: tests/test_two.py:4: AssertionError",
                "a/two.py",
            ),
            (&few, &[], "2 tests failed", "shop.py"),
            (&many, &[], "2 tests failed", "? discount failed tests"),
        ];
        for (all, named, said, want) in rows {
            let named: Vec<String> = named.iter().map(|n| (*n).to_owned()).collect();
            let found = match seek(&paths(all), &named, said, "fix the discount") {
                Sought::Files(files) => files.join(" "),
                Sought::Words(words) => format!("? {}", words.join(" ")),
                Sought::Nothing => "-".to_owned(),
            };
            assert_eq!(found, want, "{said}");
        }
        let found = hits(
            &paths(&many),
            ["search x:\na/two.py:1: x\na/one.py:3: x\na/two.py:9: x\ntests/test_two.py:1: x"].into_iter(),
        );
        assert_eq!(found, ["a/two.py", "a/one.py"]);
    }

    #[test]
    fn the_lines_that_tell_what_is_wrong() {
        let said = "unit: 1 test failed\nRunning\n....\nTraceback (most recent call last):\n  File \"/x/t.py\", line 3, in t\n    self.assertEqual(total([1, 2]), 3)\nAssertionError: 4 != 3\n\nRan 2 tests";
        assert_eq!(
            short(said),
            "unit: 1 test failed\nself.assertEqual(total([1, 2]), 3)\nAssertionError: 4 != 3\n"
        );
        assert_eq!(short("exit 1\nno words"), "exit 1\nno words\n");
        assert_eq!(lines_of("t.py", said), [2]);
        assert_eq!(
            lines_of("src/lib.rs", "  --> src/lib.rs:14:5\n  src/lib.rs:2:1: x"),
            [1, 13]
        );
    }

    #[test]
    fn the_places_of_a_file_begin_where_the_words_lead() {
        let file: String = (0..12)
            .map(|n| format!("def f{n}(items):\n    total = {n}\n    for i in items:\n        total += i\n    return total\n\n\n"))
            .collect();
        let text = Text::from_str_lossless(&file);
        let said = "  File \"/x/a.py\", line 23, in f3\nAssertionError: 5 != 4\n";
        let spans: Vec<_> = places("a.py", &text, "fix f5", said, &Limits::default())
            .into_iter()
            .map(|p| p.span)
            .collect();
        assert_eq!(spans.first(), Some(&(35..40)), "the words of the task");
        assert_eq!(spans.get(1), Some(&(21..26)), "what the checks speak of");
        assert_eq!(spans.last(), Some(&(0..text.len())), "all of it");
    }
}
