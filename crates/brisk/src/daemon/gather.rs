//! Reads what a prompt is about. With named targets that is a read; without, a search for the place by symbol and
//! by words within a time budget. The place inside the file is the session's choice; this only says which file.

use crate::daemon::follow::Follow;
use brisk_domain::{Intent, Prompt, Target};
use brisk_lanes::place::{key_words, score, symbols_of};
use brisk_lanes::{Before, Gathered, Hint};
use brisk_patch::{Language, Text};
use brisk_router::live::Board;
use brisk_worktree::Repo;
use std::path::Path;
use std::time::{Duration, Instant};

/// The person waits for this: past it, the best place so far is taken.
const SEARCH_BUDGET: Duration = Duration::from_millis(250);
/// Files beyond this number are not looked at.
pub(crate) const MAX_FILES: usize = 20_000;
/// Files that an unnamed question is answered from.
const ASK_FILES: usize = 2;
/// Of files that nobody named, so many bytes at most go along with a question: a small model reads some 8,000 tokens.
/// The one that fits best always goes.
const ASK_BYTES: usize = 16 << 10;

/// Reads one target as people write it: `FILE`, `FILE:10`, `FILE:10-30`, `FILE:SYMBOL`.
pub(crate) fn parse_target(repo: &Repo, cwd: &Path, raw: &str) -> Result<Target, String> {
    let file = |path: &str| repo.relative(cwd, path).map_err(|e| e.to_string());
    let exists = |path: &str| cwd.join(path).is_file();
    if exists(raw) {
        return Ok(Target {
            path: file(raw)?,
            lines: None,
            symbol: None,
        });
    }
    // `a.rs:Type::method` has its file before the first colon that leaves a file.
    let split = raw
        .match_indices(':')
        .map(|(i, _)| (&raw[..i], &raw[i + 1..]))
        .find(|(path, _)| exists(path));
    let Some((path, part)) = split else {
        return Err(format!(
            "there is no file {} here; targets are FILE, FILE:10-30 or FILE:SYMBOL",
            raw
        ));
    };
    let path = file(path)?;
    let number = |s: &str| s.trim().parse::<usize>().ok();
    let lines = match part.split_once('-') {
        Some((a, b)) => number(a).zip(number(b)),
        None => number(part).map(|n| (n, n)),
    };
    match lines {
        Some((first, last)) if first == 0 || last < first => Err(format!(
            "{part} are no lines: count from 1, first before last, as in {path}:10-30"
        )),
        Some(lines) => Ok(Target {
            path,
            lines: Some(lines),
            symbol: None,
        }),
        None if part.is_empty() => Ok(Target {
            path,
            lines: None,
            symbol: None,
        }),
        None => Ok(Target {
            path,
            lines: None,
            symbol: Some(part.to_owned()),
        }),
    }
}

/// Reads the files of a prompt, or finds them: a change goes on where the turn `before` worked, a question is about
/// what its words say. `board` goes along: the turn is routed by it.
pub(crate) fn gather(
    repo: &Repo,
    prompt: &Prompt,
    before: Option<Before>,
    board: Result<Board, String>,
) -> Result<Gathered, String> {
    gather_until(Instant::now() + SEARCH_BUDGET, repo, prompt, before, board)
}

/// The same with the moment at which a search ends.
fn gather_until(
    until: Instant,
    repo: &Repo,
    prompt: &Prompt,
    before: Option<Before>,
    board: Result<Board, String>,
) -> Result<Gathered, String> {
    let Some(first) = prompt.targets.first() else {
        if prompt.intent == Intent::Ask {
            return asked(repo, prompt, before, board, until);
        }
        let Some(follows) = before.and_then(|b| Follow::up(repo, b)) else {
            return search(repo, prompt, board, until);
        };
        let place = follows.place(repo, &prompt.text, || {
            search(repo, prompt, Err(String::new()), until).ok()
        });
        return Ok(Gathered { board, ..place });
    };
    let mut files: Vec<(String, Text)> = Vec::new();
    for target in &prompt.targets {
        if files.iter().all(|(p, _)| *p != target.path) {
            files.push((
                target.path.clone(),
                repo.read(&target.path).map_err(|e| e.to_string())?.text,
            ));
        }
    }
    let hint = match (&first.lines, &first.symbol) {
        (Some((a, b)), _) => Hint::Lines(a - 1..*b),
        (None, Some(symbol)) => Hint::Symbol(symbol.clone()),
        (None, None) => Hint::File,
    };
    Ok(Gathered {
        files,
        hint,
        why: String::new(),
        board,
    })
}

/// What a question is answered from: what its words find, and the file of the turn before beside it.
fn asked(
    repo: &Repo,
    prompt: &Prompt,
    before: Option<Before>,
    board: Result<Board, String>,
    until: Instant,
) -> Result<Gathered, String> {
    let last = before.and_then(|b| {
        let text = repo.read(&b.path).ok()?.text;
        Some((b.path, text))
    });
    let found = search(repo, prompt, Err(String::new()), until);
    let Some(last) = last else {
        let fits = |found: Gathered| Gathered {
            files: within(ASK_BYTES, found.files),
            board,
            ..found
        };
        return found.map(fits);
    };
    let mut found = found.unwrap_or_else(|_| Gathered {
        files: Vec::new(),
        hint: Hint::File,
        why: "as before".into(),
        board: Err(String::new()),
    });
    if found.files.iter().all(|(path, _)| *path != last.0) {
        found.files.push(last);
    }
    let files = within(ASK_BYTES, found.files);
    Ok(Gathered {
        files,
        board,
        ..found
    })
}

/// The first of these files, and of the others what has room beside it.
fn within(bytes: usize, files: Vec<(String, Text)>) -> Vec<(String, Text)> {
    let mut taken = 0;
    let mut fits = |text: &Text| {
        let own: usize = text.lines().iter().map(String::len).sum();
        let fits = taken == 0 || taken + own <= bytes;
        taken += if fits { own } else { 0 };
        fits
    };
    files.into_iter().filter(|(_, text)| fits(text)).collect()
}

struct Hit {
    path: String,
    text: Text,
    score: usize,
    symbol: Option<String>,
}

fn search(
    repo: &Repo,
    prompt: &Prompt,
    board: Result<Board, String>,
    until: Instant,
) -> Result<Gathered, String> {
    let words = key_words(&prompt.text);
    let files = repo.files(MAX_FILES);
    let total = files.len();
    let mut seen = 0;
    let mut hits: Vec<Hit> = Vec::new();
    for path in files.into_iter().filter(|p| Language::of_path(p).is_some()) {
        if Instant::now() > until {
            break;
        }
        seen += 1;
        let Ok(file) = repo.read(&path) else { continue };
        let score = lexical(&path, &file.text, &words);
        if score > 0 {
            hits.push(Hit {
                path,
                text: file.text,
                score,
                symbol: None,
            });
        }
    }
    hits.sort_by(|a, b| b.score.cmp(&a.score).then_with(|| a.path.cmp(&b.path)));
    hits.truncate(8);
    for hit in &mut hits {
        let symbols = symbols_of(&hit.path, &hit.text);
        let best = symbols
            .iter()
            .filter(|s| s.lines.end <= hit.text.len())
            .map(|s| (score(&hit.text, s, &words), s))
            .max_by_key(|(n, s)| (*n, usize::MAX - s.lines.len()));
        if let Some((n, symbol)) = best.filter(|(n, _)| *n > 0) {
            hit.score += n;
            hit.symbol = Some(symbol.name.clone());
        }
    }
    hits.sort_by(|a, b| b.score.cmp(&a.score).then_with(|| a.path.cmp(&b.path)));
    if hits.is_empty() {
        return Err(format!(
            "no place in this repository fits these words (looked at {seen} of {total} files); name one: FILE or FILE:SYMBOL"
        ));
    }
    let count = if prompt.intent == Intent::Ask {
        ASK_FILES
    } else {
        1
    };
    let hint = match hits.first().and_then(|h| h.symbol.clone()) {
        Some(symbol) => Hint::Symbol(symbol),
        None => Hint::File,
    };
    let files = hits.into_iter().take(count).map(|h| (h.path, h.text)).collect();
    Ok(Gathered {
        files,
        hint,
        why: "found by the words of the request".into(),
        board,
    })
}

/// How much of a request's words a file holds: a definition counts most, then the file's name, then mention.
fn lexical(path: &str, text: &Text, words: &[String]) -> usize {
    const BEFORE: [&str; 9] = [
        "def ",
        "fn ",
        "class ",
        "struct ",
        "enum ",
        "function ",
        "func ",
        "trait ",
        "interface ",
    ];
    let path = path.to_lowercase();
    let body = text.joined().to_lowercase();
    let defines = |word: &str| {
        BEFORE.iter().any(|b| {
            body.match_indices(&format!("{b}{word}"))
                .any(|(i, m)| !body[i + m.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_'))
        })
    };
    words
        .iter()
        .filter(|w| w.len() > 2)
        .map(|w| {
            let mentioned = body.contains(w.as_str());
            let defined = if mentioned && defines(w) { 30 } else { 0 };
            let named = if path.contains(w.as_str()) { 6 } else { 0 };
            defined + named + usize::from(mentioned)
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use brisk_testkit::fixture;

    /// A question about no place.
    fn question(text: &str) -> Prompt {
        Prompt {
            text: text.into(),
            targets: vec![],
            intent: Intent::Ask,
            model: None,
            lane: None,
            latency: None,
            auto_keep: false,
        }
    }

    #[test]
    fn a_question_searches_whatever_was_edited_before() {
        let long = "x = 1\n".repeat(ASK_BYTES / 6);
        let files = [
            ("cart.py", "def total(items):\n    return sum(items)\n"),
            ("regulars.py", "def discount(amount):\n    return amount / 10\n"),
            ("table.py", &format!("def lookup(n):\n    return n\n{long}")),
        ];
        let dir = fixture::repo(&files).unwrap();
        let state = tempfile::tempdir().unwrap();
        let repo = Repo::open(dir.path(), state.path()).unwrap();
        let cases: [(&str, Option<&str>, &[&str]); 6] = [
            ("where is the discount computed?", None, &["regulars.py"]),
            (
                "where is the discount computed?",
                Some("cart.py"),
                &["regulars.py", "cart.py"],
            ),
            ("what is the total?", Some("cart.py"), &["cart.py"]),
            ("why so?", Some("cart.py"), &["cart.py"]),
            // What nobody named goes along only where there is room.
            ("what is the total?", Some("table.py"), &["cart.py"]),
            ("where is lookup?", Some("cart.py"), &["table.py"]),
        ];
        // Far away: a slow disk is not what this is about.
        let until = Instant::now() + Duration::from_secs(3_600);
        for (words, before, want) in cases {
            let before = before.map(|path| Before {
                path: path.into(),
                symbol: None,
                lines: None,
                others: vec![],
            });
            let got = gather_until(until, &repo, &question(words), before, Err(String::new())).unwrap();
            let paths: Vec<&str> = got.files.iter().map(|(path, _)| path.as_str()).collect();
            assert_eq!(paths, want, "{words}");
        }
    }

    #[test]
    fn a_search_ends_in_time_and_says_how_far_it_came() {
        let dir = fixture::repo(&[("cart.py", "def total(items):\n    return sum(items)\n")]).unwrap();
        let state = tempfile::tempdir().unwrap();
        let repo = Repo::open(dir.path(), state.path()).unwrap();
        let past = Instant::now().checked_sub(Duration::from_secs(1)).unwrap();
        let asked = question("what is the total?");
        let Err(said) = gather_until(past, &repo, &asked, None, Err(String::new())) else {
            panic!("it was found after its time");
        };
        assert!(said.contains("looked at 0 of 1 files"), "{said}");
    }
}
