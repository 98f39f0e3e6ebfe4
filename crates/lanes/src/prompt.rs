//! The words that go to a model. Order: system, file, region, instruction, so that a warm prefix stays warm.
//! Everything here is measured in tokens of the person's waiting: the standing part stays below 600 tokens.

use crate::check::speaks_of_faults;
use crate::limits::Limits;
use crate::place::{Kind, Place};
use brisk_domain::patch::{Language, Text, bare, outline};
use brisk_domain::port::{Closeness, Differ, GenerateRequest, Message, Priority, Role};
use brisk_domain::{EditFormat, ModelId};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

/// How an earlier request came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Past {
    /// A new prompt cut its answer off.
    Redirected,
    /// The person stopped it.
    Stopped,
    /// Its answer is on offer.
    Offered,
    /// Its answer is in the file.
    Kept,
}

/// An answer that a new prompt goes on from; it stays in the context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Carried {
    /// The earlier request.
    pub(crate) request: String,
    /// What became of it.
    pub(crate) past: Past,
    /// What the model had written; of an answer on offer, what the person has made of it.
    pub(crate) partial: String,
}

/// How much of the file one answer rewrites.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rung {
    /// The region alone.
    Region,
    /// The region once more, and this time the answer must not be a copy.
    Differ,
    /// The whole file, when the region's answer failed its check.
    WholeFile,
}

/// Tokens that a new line of code may take; most take half as many.
const LINE_TOKENS: usize = 20;
/// Room for new code however small the budget is.
const LEAST_ROOM: usize = 400;
/// An answer whose length nothing tells beforehand ends here.
const MOST_TOKENS: usize = 8192;

const REWRITE: &str = "You are a precise code editor. You are given one part of a file and a request. \
Write that part again, complete, with the request done: every line of it, in order, unchanged lines exactly as they are. \
Change only what the request needs. Keep names, comments, style and indentation. No explanation.";

const AGAIN: &str = "Your last answer was the same text, unchanged. That is wrong: find the line that the request is about \
and write it differently.\n";

const INSERT: &str = "You are a precise code editor. You are given a file and a request for new code. \
Write only the new code, complete, in the style of the file. Do not repeat code that is there. No explanation.";

const ASK: &str = "You answer questions about code, briefly and exactly. Plain text, no headings.";

const SEARCH_REPLACE: &str = "You are a precise code editor. Answer only with edit blocks, one for each change:\n\
path/of/file\n<<<<<<< SEARCH\nlines exactly as they are now, enough to be unique\n=======\nlines that take their place\n\
>>>>>>> REPLACE\n\
Keep each block as small as possible. Change only what the request needs. No explanation, nothing outside of blocks.";

const APPLY_PATCH: &str = "You are a precise code editor. Answer only with one patch in this format:\n\
*** Begin Patch\n*** Update File: path/of/file\n@@ line of context, such as the enclosing function\n context line\n\
-line that goes\n+line that comes\n*** End Patch\n\
Also `*** Add File: path` (all lines with +) and `*** Delete File: path`. Three context lines around a change, copied \
exactly. Change only what the request needs. No explanation, nothing outside of the patch.";

/// A fence that nothing in `texts` closes: three backticks, or more where the text has some.
fn fence(texts: &[&str]) -> String {
    let longest = texts
        .iter()
        .flat_map(|t| t.split(|c| c != '`'))
        .map(str::len)
        .max()
        .unwrap_or(0);
    "`".repeat(longest.max(2) + 1)
}

/// The info string of a fence.
fn tag(path: &str) -> &str {
    match path.rsplit('.').next() {
        Some("py") => "python",
        Some("rs") => "rust",
        Some("ts") => "typescript",
        Some("tsx") => "tsx",
        Some("js" | "mjs" | "cjs" | "jsx") => "javascript",
        Some("go") => "go",
        Some("c" | "h") => "c",
        Some("java") => "java",
        Some(other) if other.len() <= 4 && path.contains('.') => other,
        Some(_) | None => "",
    }
}

fn ends(text: String) -> String {
    if text.is_empty() || text.ends_with('\n') {
        text
    } else {
        text + "\n"
    }
}

fn carried(earlier: &[Carried], out: &mut String) {
    for c in earlier {
        let (how, began) = match c.past {
            Past::Redirected => ("now redirected", "unfinished answer to it began"),
            Past::Stopped => ("which was stopped", "unfinished answer to it began"),
            Past::Offered => ("which the new one goes on from", "answer to it, to be kept, was"),
            Past::Kept => ("which is done", "answer to it, kept, was"),
        };
        out.push_str(&format!("Earlier request, {how}: {}\n", c.request));
        if !c.partial.trim().is_empty() {
            out.push_str(&format!("Your {began}:\n{}\n", ends(c.partial.clone())));
        }
        out.push('\n');
    }
}

/// Lines of the file that the model is shown besides the region: all of a short file, else its head and the
/// neighbourhood. Empty when the region is the whole file.
fn context(text: &Text, place: &Place, limits: &Limits) -> String {
    let lines = text.lines();
    if place.span == (0..lines.len()) {
        return String::new();
    }
    if lines.len() <= limits.context_lines * 3 {
        return text.joined();
    }
    const HEAD: usize = 15;
    let from = place.span.start.saturating_sub(limits.context_lines / 2);
    let to = (place.span.end + limits.context_lines / 2).min(lines.len());
    let mut out = String::new();
    if from > HEAD {
        out.push_str(&lines[..HEAD].concat());
        out.push_str("...\n");
    } else {
        out.push_str(&lines[..from].concat());
    }
    out.push_str(&lines[from..to].concat());
    if to < lines.len() {
        out = ends(out) + "...\n";
    }
    out
}

/// What a request is built from.
pub(crate) struct Ask<'a> {
    /// Which model.
    pub(crate) model: &'a ModelId,
    /// The person's words.
    pub(crate) request: &'a str,
    /// What came before it, oldest first.
    pub(crate) earlier: &'a [Carried],
    /// Bounds.
    pub(crate) limits: &'a Limits,
}

/// The request for a region rewrite, an insertion, or a whole-file rewrite. `except`: where in the region an answer that
/// has to differ may not begin to.
pub(crate) fn region(
    ask: &Ask<'_>,
    path: &str,
    text: &Text,
    place: &Place,
    rung: Rung,
    except: &[Range<usize>],
) -> GenerateRequest {
    let whole = Place {
        span: 0..text.len(),
        kind: Kind::Rewrite,
        why: String::new(),
    };
    let place = if rung == Rung::WholeFile { &whole } else { place };
    let part = ends(text.lines()[place.span.clone()].concat());
    let around = ends(context(text, place, ask.limits));
    let fence = fence(&[&around, &part]);
    let tag = tag(path);
    let mut user = format!("File {path}\n");
    if !around.is_empty() {
        user.push_str(&format!("{fence}{tag}\n{around}{fence}\n\n"));
    }
    let (system, prediction) = match place.kind {
        Kind::Rewrite => {
            let what = if around.is_empty() {
                "This file".to_owned()
            } else {
                "This part of it".to_owned()
            };
            user.push_str(&format!(
                "{what} is to be rewritten:\n{fence}{tag}\n{part}{fence}\n\n"
            ));
            carried(ask.earlier, &mut user);
            user.push_str(&format!("Request: {}\n", ask.request));
            if rung == Rung::Differ {
                user.push_str(AGAIN);
            }
            (REWRITE, Some(part.clone()))
        }
        Kind::Insert { .. } => {
            let before = place
                .span
                .start
                .checked_sub(1)
                .and_then(|i| text.lines().get(i))
                .map(|l| bare(l).trim());
            carried(ask.earlier, &mut user);
            user.push_str(&format!("Request: {}\n", ask.request));
            match before {
                Some(line) if !line.is_empty() => {
                    user.push_str(&format!("The new code goes after the line `{line}`.\n"));
                }
                Some(_) | None => {}
            }
            (INSERT, None)
        }
    };
    let differ = (rung == Rung::Differ).then(|| Differ {
        except: remarks(path, text, place)
            .into_iter()
            .chain(before_what_is_meant(path, text, place, ask.request))
            .chain(except.iter().cloned())
            .collect(),
    });
    // Twice the region in tokens (four bytes each) and room for what is new: more is a model that does not stop. The
    // room is above what the budget allows in lines, so that code which grows too long meets the budget, which asks.
    let max_tokens = part.len() / 2 + (ask.limits.max_lines * LINE_TOKENS).clamp(LEAST_ROOM, MOST_TOKENS);
    GenerateRequest {
        model: ask.model.clone(),
        messages: vec![message(Role::System, system), message(Role::User, &user)],
        answer_prefix: format!("{fence}{tag}\n"),
        // Without a newline before it: that would hold back the newline which completes a line.
        stop: vec![fence],
        prediction,
        differ,
        closeness: closeness(ask.request),
        max_tokens,
        cache_key: key(path),
        priority: Priority::Interactive,
    }
}

/// A request that only says that something is wrong leaves it to the model what to change: little, then.
fn closeness(request: &str) -> Closeness {
    match speaks_of_faults(request) {
        true => Closeness::Throughout,
        false => Closeness::OnceChanged,
    }
}

/// What of a place lies before the first symbol that the request names, in bytes: imports, other functions.
fn before_what_is_meant(path: &str, text: &Text, place: &Place, request: &str) -> Option<Range<usize>> {
    let language = Language::of_path(path)?;
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let names = |name: &str| request.split(|c| !word(c)).any(|w| w == name);
    let first = outline(language, &text.joined())
        .into_iter()
        .filter(|s| place.span.contains(&s.lines.start) && names(&s.name))
        .map(|s| s.lines.start)
        .min()?;
    let head = text.lines()[place.span.start..first]
        .iter()
        .map(String::len)
        .sum();
    (head > 0).then_some(0..head)
}

/// The remarks within a place, as byte ranges of its text.
fn remarks(path: &str, text: &Text, place: &Place) -> Vec<Range<usize>> {
    let start: usize = text.lines()[..place.span.start].iter().map(String::len).sum();
    Language::of_path(path)
        .map(|language| brisk_domain::patch::remarks(language, &text.joined()))
        .unwrap_or_default()
        .into_iter()
        .map(|range| range.start.saturating_sub(start)..range.end.saturating_sub(start))
        .filter(|range| !range.is_empty())
        .collect()
}

/// The request that reads a file ahead: its prompt is the beginning of every rewrite in that file.
pub fn open_file_request(model: &ModelId, path: &str, text: &Text, limits: &Limits) -> GenerateRequest {
    let nowhere = Place {
        span: 0..0,
        kind: Kind::Rewrite,
        why: String::new(),
    };
    let around = ends(context(text, &nowhere, limits));
    let fence = fence(&[&around]);
    let user = format!("File {path}\n{fence}{}\n{around}{fence}\n\n", tag(path));
    GenerateRequest {
        model: model.clone(),
        messages: vec![message(Role::System, REWRITE), message(Role::User, &user)],
        answer_prefix: String::new(),
        stop: vec![],
        prediction: None,
        differ: None,
        closeness: Closeness::Free,
        max_tokens: 1,
        cache_key: key(path),
        priority: Priority::Background,
    }
}

/// The request that a server reads ahead: what every edit in this format begins with, and nothing of the person's.
pub fn open_request(model: &ModelId, format: EditFormat) -> GenerateRequest {
    let system = match format {
        EditFormat::Region => REWRITE,
        EditFormat::SearchReplace => SEARCH_REPLACE,
        EditFormat::ApplyPatch => APPLY_PATCH,
    };
    GenerateRequest {
        model: model.clone(),
        messages: vec![message(Role::System, system)],
        answer_prefix: String::new(),
        stop: vec![],
        prediction: None,
        differ: None,
        closeness: Closeness::Free,
        max_tokens: 1,
        // It belongs to no file: one of a path would tell which the person has opened.
        cache_key: 0,
        priority: Priority::Background,
    }
}

/// The request for a format that places its own changes.
pub(crate) fn patch(
    ask: &Ask<'_>,
    files: &BTreeMap<String, Text>,
    place: Option<(&str, &Place)>,
    format: EditFormat,
) -> GenerateRequest {
    let mut user = String::new();
    let all: Vec<String> = files.values().map(Text::joined).collect();
    let fence = fence(&all.iter().map(String::as_str).collect::<Vec<_>>());
    for (path, text) in files {
        user.push_str(&format!(
            "File {path}\n{fence}{}\n{}{fence}\n\n",
            tag(path),
            ends(text.joined())
        ));
    }
    if let Some((path, place)) = place
        && !place.span.is_empty()
    {
        user.push_str(&format!(
            "Look at {path}, lines {}-{}.\n",
            place.span.start + 1,
            place.span.end
        ));
    }
    carried(ask.earlier, &mut user);
    user.push_str(&format!("Request: {}\n", ask.request));
    let (system, stop) = match format {
        EditFormat::ApplyPatch => (APPLY_PATCH, vec![]),
        EditFormat::SearchReplace | EditFormat::Region => (SEARCH_REPLACE, vec![]),
    };
    let prediction = place.and_then(|(path, _)| files.get(path)).map(Text::joined);
    GenerateRequest {
        model: ask.model.clone(),
        messages: vec![message(Role::System, system), message(Role::User, &user)],
        answer_prefix: String::new(),
        stop,
        prediction,
        differ: None,
        closeness: closeness(ask.request),
        max_tokens: MOST_TOKENS,
        cache_key: key(files.keys().next().map_or("", String::as_str)),
        priority: Priority::Interactive,
    }
}

/// The request for an answer in words.
pub(crate) fn answer(ask: &Ask<'_>, files: &[(String, Text)], place: Option<&Place>) -> GenerateRequest {
    let mut user = String::new();
    for (path, text) in files {
        let shown = match place {
            Some(p) if text.len() > ask.limits.context_lines * 3 => {
                ends(context(
                    text,
                    &Place {
                        span: p.span.start..p.span.start,
                        ..p.clone()
                    },
                    ask.limits,
                )) + &text.lines()[p.span.clone()].concat()
            }
            Some(_) | None => text.joined(),
        };
        let fence = fence(&[&shown]);
        user.push_str(&format!(
            "File {path}\n{fence}{}\n{}{fence}\n\n",
            tag(path),
            ends(shown)
        ));
    }
    carried(ask.earlier, &mut user);
    user.push_str(ask.request);
    GenerateRequest {
        model: ask.model.clone(),
        messages: vec![message(Role::System, ASK), message(Role::User, &user)],
        answer_prefix: String::new(),
        stop: vec![],
        prediction: None,
        differ: None,
        closeness: Closeness::Free,
        max_tokens: 1024,
        cache_key: key(files.first().map_or("", |f| f.0.as_str())),
        priority: Priority::Interactive,
    }
}

fn message(role: Role, text: &str) -> Message {
    Message {
        role,
        text: text.into(),
    }
}

/// Same file, same cache: the hasher's keys are fixed, so a run replays.
fn key(path: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standing_part_stays_small() {
        // Four bytes a token is what code averages; the bound of the lane is 600 tokens.
        for system in [REWRITE, INSERT, ASK, SEARCH_REPLACE, APPLY_PATCH] {
            assert!(system.len() / 4 <= 400, "{} bytes", system.len());
        }
    }

    #[test]
    fn a_text_with_fences_gets_a_longer_one() {
        assert_eq!(fence(&["a\n```rust\nb\n"]), "````");
        assert_eq!(fence(&["a\n  ````\n"]), "`````");
        assert_eq!(fence(&["no fence"]), "```");
    }
}
