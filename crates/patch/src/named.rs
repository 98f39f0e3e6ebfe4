//! Which file the line before an edit block names.

/// The path that a line says, if it says one: that of a file that is there (`there`), whatever it looks like; else what
/// can be nothing but a path. A word is no path because it stands alone: "Done" may, before the next block.
pub(crate) fn named(line: &str, there: impl Fn(&str) -> bool) -> Option<String> {
    let whole = line.trim();
    if there(whole) {
        return Some(whole.to_owned());
    }
    let (path, labelled) = path_of(whole)?;
    let means_one = || labelled || is_quoted(whole);
    let is_one = there(&path)
        || looks_like_path(&path)
        || is_usual(whole)
        || (means_one() && (is_word(&path) || (is_quoted(whole) && has_mark(&path))));
    is_one.then_some(path)
}

/// The path that a line names: bare, in backticks or stars, after "file:" or heading marks, before a colon. And whether
/// it says that it is one ("file:").
fn path_of(line: &str) -> Option<(String, bool)> {
    let line = line.trim().trim_start_matches(['#', '*', '-', ' ']);
    let word = line
        .split_once(':')
        .filter(|(w, _)| ["file", "path"].contains(&w.to_ascii_lowercase().as_str()));
    let rest = word.map_or(line, |(_, rest)| rest);
    let path = rest.trim_matches(['`', '*', ':', '"', ' ']);
    let path = path.strip_prefix("./").unwrap_or(path);
    (!path.is_empty()).then(|| (path.to_owned(), word.is_some()))
}

fn looks_like_path(word: &str) -> bool {
    let clean = !word.contains(|c: char| c.is_whitespace() || "()<>`,;".contains(c));
    clean && has_mark(word)
}

/// What words have not: a folder, or an ending.
fn has_mark(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let ext = name.rsplit_once('.').map_or("", |(_, ext)| ext);
    let ends = !ext.is_empty() && !ext.contains(char::is_whitespace);
    (path.contains('/') || ends) && !path.ends_with('.')
}

/// One word, without anything that ends a sentence.
fn is_word(path: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || "_-+@.".contains(c);
    path.chars().all(part) && path.ends_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// Names without an ending that are files wherever they are: Makefile, Dockerfile, LICENSE.
fn is_usual(line: &str) -> bool {
    const NAMES: [&str; 7] = [
        "AUTHORS",
        "CHANGELOG",
        "CODEOWNERS",
        "COPYING",
        "LICENSE",
        "NOTICE",
        "README",
    ];
    let made = |kind: &str| kind.len() > 2 && kind.chars().all(char::is_alphabetic);
    NAMES.contains(&line) || line.strip_suffix("file").is_some_and(made)
}

/// A line that is all in backticks: whoever quotes a name means it, spaces and all.
fn is_quoted(line: &str) -> bool {
    let line = line.strip_suffix(':').unwrap_or(line);
    let inner = line.strip_prefix('`').and_then(|rest| rest.strip_suffix('`'));
    inner.is_some_and(|name| !name.trim().is_empty() && !name.contains('`'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_a_file_or_is_prose() {
        let there = |path: &str| ["LICENSE", "my notes", "-x", "a.rs"].contains(&path);
        for (line, want) in [
            ("a.rs", Some("a.rs")),
            ("### `a.rs`:", Some("a.rs")),
            ("File: ./src/b.rs", Some("src/b.rs")),
            ("**LICENSE**", Some("LICENSE")),
            ("my notes", Some("my notes")),
            ("-x", Some("-x")),
            ("Makefile", Some("Makefile")),
            ("NOTICE", Some("NOTICE")),
            ("`Makefile`:", Some("Makefile")),
            ("File: Procfile", Some("Procfile")),
            ("**Path:** `BUILD`", Some("BUILD")),
            (".gitignore", Some(".gitignore")),
            ("  Dockerfile.dev  ", Some("Dockerfile.dev")),
            ("`new dir/new file.py`", Some("new dir/new file.py")),
            ("`Procfile`", Some("Procfile")),
            ("## Changes", None),
            ("Fix:", None),
            ("Done.", None),
            ("Done", None),
            ("Edit", None),
            ("File", None),
            ("File: the one with the totals", None),
            ("`cargo test`", None),
            ("new", None),
            ("**Then**", None),
            ("new dir/new file.py", None),
            ("Now the total in a.rs adds up", None),
            ("`a` and `b`", None),
        ] {
            assert_eq!(named(line, there).as_deref(), want, "{line}");
        }
    }
}
