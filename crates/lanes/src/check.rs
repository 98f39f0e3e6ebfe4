//! The cheap check of a finished answer, before the person is told that it is done: does the file still parse, did
//! anything change, did a symbol get lost. What fails goes one rung up the ladder.

use brisk_patch::{Change, Language, Symbol, Text, apply, outline, parses_as_well, vanished};

/// Why an answer is not offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// The model copied the text.
    Unchanged,
    /// The file parsed before and would not any more.
    Syntax,
    /// Symbols that were there are gone.
    Dropped(Vec<String>),
    /// The answer reached its bound.
    Endless,
    /// A symbol is there twice.
    Doubled(String),
    /// So many lines at the end of the place are missing.
    Cut(usize),
    /// The changes do not fit on each other.
    Torn(String),
}

impl Flaw {
    /// For the person.
    pub(crate) fn sentence(&self) -> String {
        match self {
            Flaw::Unchanged => "the answer changes nothing".into(),
            Flaw::Syntax => "the answer would break the file's syntax".into(),
            Flaw::Dropped(names) => format!("the answer drops {}", names.join(", ")),
            Flaw::Endless => "the answer did not end".into(),
            Flaw::Doubled(name) => format!("the answer defines {name} a second time"),
            Flaw::Cut(1) => "the answer leaves out the last line of the place".into(),
            Flaw::Cut(lines) => format!("the answer leaves out the last {lines} lines of the place"),
            Flaw::Torn(why) => format!("the answer does not fit together: {why}"),
        }
    }
}

/// Files larger than this are not parsed on the live path.
const MAX_PARSED: usize = 512 * 1024;

/// The hunks of one path among `changes`, applied.
fn after<'a>(path: &str, base: &Text, changes: impl Iterator<Item = &'a Change>) -> Result<Text, Flaw> {
    let hunks: Vec<_> = changes
        .filter_map(|c| match c {
            Change::Modify { path: p, hunk } if p == path => Some(hunk.clone()),
            Change::Modify { .. } | Change::Create { .. } | Change::Delete { .. } => None,
        })
        .collect();
    apply(base, &hunks).map_err(|e| Flaw::Torn(e.to_string()))
}

/// Whether the file parses as well with these changes as before.
pub(crate) fn parses<'a>(
    path: &str,
    base: &Text,
    changes: impl Iterator<Item = &'a Change>,
) -> Result<(), Flaw> {
    let after = after(path, base, changes)?;
    let Some(language) = Language::of_path(path) else {
        return Ok(());
    };
    let (before, after) = (base.joined(), after.joined());
    if before.len() > MAX_PARSED || parses_as_well(language, &before, &after) {
        Ok(())
    } else {
        Err(Flaw::Syntax)
    }
}

/// Whether a request asks for something to go.
pub(crate) fn excused(request: &str) -> bool {
    const WORDS: [&str; 10] = [
        "remov", "delet", "renam", "replac", "inlin", "merg", "mov", "drop", "simplif", "shorten",
    ];
    speaks_of(request, &WORDS) || request.to_lowercase().contains("call it")
}

/// Whether a request is about how code is spaced.
pub(crate) fn speaks_of_blanks(request: &str) -> bool {
    const WORDS: [&str; 12] = [
        "spac",
        "blank",
        "format",
        "reformat",
        "whitespac",
        "indent",
        "reindent",
        "align",
        "styl",
        "pep",
        "lint",
        "tab",
    ];
    speaks_of(request, &WORDS)
}

/// Whether a request is about words for the reader of the code.
pub(crate) fn speaks_of_remarks(request: &str) -> bool {
    const WORDS: [&str; 12] = [
        "comment",
        "uncomment",
        "doc",
        "undoc",
        "explain",
        "remark",
        "note",
        "todo",
        "annotat",
        "describe",
        "header",
        "licen",
    ];
    speaks_of(request, &WORDS)
}

/// Whether a request says that something is wrong.
pub(crate) fn speaks_of_faults(request: &str) -> bool {
    const WORDS: [&str; 7] = [
        "bug",
        "broken",
        "defect",
        "faulty",
        "incorrect",
        "mistake",
        "wrong",
    ];
    speaks_of(request, &WORDS)
}

/// Whether a word of the request begins like one of these. A name (`reverse_delete`, `tabSize`) says nothing of what is
/// asked for.
fn speaks_of(request: &str, words: &[&str]) -> bool {
    let name = |word: &&str| word.contains('_') || word.chars().skip(1).any(char::is_uppercase);
    request
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !name(word) || word.chars().all(|c| !c.is_lowercase()))
        .map(str::to_lowercase)
        .any(|word| words.iter().any(|w| word.starts_with(w)))
}

/// Judges all changes of one file together. `request` excuses a symbol whose loss it names ("remove parse").
pub(crate) fn judge(path: &str, base: &Text, changes: &[Change], request: &str) -> Result<(), Flaw> {
    if changes.is_empty() {
        return Err(Flaw::Unchanged);
    }
    parses(path, base, changes.iter())?;
    let Some(language) = Language::of_path(path) else {
        return Ok(());
    };
    let result = after(path, base, changes.iter())?;
    if base.joined().len() > MAX_PARSED {
        return Ok(());
    }
    let (before, now) = (
        outline(language, &base.joined()),
        outline(language, &result.joined()),
    );
    if excused(request) {
        return Ok(());
    }
    let gone = vanished(&before, &now);
    if !gone.is_empty() {
        return Err(Flaw::Dropped(gone));
    }
    match doubled(&before, &now) {
        Some(name) => Err(Flaw::Doubled(name)),
        None => Ok(()),
    }
}

/// A name that is defined more often than before: the answer repeats what is elsewhere in the file.
fn doubled(before: &[Symbol], now: &[Symbol]) -> Option<String> {
    let count =
        |symbols: &[Symbol], s: &Symbol| symbols.iter().filter(|o| o.qualified() == s.qualified()).count();
    now.iter()
        .find(|s| count(now, s) > count(before, s).max(1))
        .map(Symbol::qualified)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_speaks_of_a_thing_in_words_and_not_in_names() {
        type Row = (fn(&str) -> bool, &'static str, bool);
        let cases: [Row; 19] = [
            (excused, "remove parse", true),
            (excused, "Removing it is fine", true),
            (excused, "REMOVE IT", true),
            (excused, "call it total instead", true),
            (excused, "Fix bugs in reverse_delete.", false),
            (excused, "fix dropWhile", false),
            (excused, "fix the total", false),
            (speaks_of_blanks, "format it like its neighbours", true),
            (speaks_of_blanks, "reformat (PEP8)", true),
            (speaks_of_blanks, "fix format_table", false),
            (speaks_of_remarks, "add a docstring", true),
            (speaks_of_remarks, "uncomment the call", true),
            (speaks_of_remarks, "fix explain_plan", false),
            (speaks_of_remarks, "note why", true),
            (speaks_of_faults, "Fix bugs in total.", true),
            (speaks_of_faults, "something is wrong here", true),
            (speaks_of_faults, "it gives incorrect totals", true),
            (speaks_of_faults, "fix it so that tax is added", false),
            (speaks_of_faults, "fix is_wrong and debug_bug", false),
        ];
        for (speaks, request, want) in cases {
            assert_eq!(speaks(request), want, "{request}");
        }
    }
}
