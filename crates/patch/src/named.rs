//! Which file the line before an edit block names.

/// The path that a line says, if it says one: that of a file that is there (`there`), whatever it looks like; else what
/// can be nothing but a path.
pub(crate) fn named(line: &str, there: impl Fn(&str) -> bool) -> Option<String> {
    let whole = line.trim();
    if there(whole) {
        return Some(whole.to_owned());
    }
    let path = path_of(whole)?;
    (there(&path) || looks_like_path(&path) || is_alone(whole) || is_quoted(whole)).then_some(path)
}

/// The path that a line names: bare, in backticks or stars, after "file:" or heading marks, before a colon.
fn path_of(line: &str) -> Option<String> {
    let line = line.trim().trim_start_matches(['#', '*', '-', ' ']);
    let word = line
        .split_once(':')
        .filter(|(w, _)| ["file", "path"].contains(&w.to_ascii_lowercase().as_str()));
    let rest = word.map_or(line, |(_, rest)| rest);
    let path = rest.trim_matches(['`', '*', ':', '"', ' ']);
    let path = path.strip_prefix("./").unwrap_or(path);
    (!path.is_empty()).then(|| path.to_owned())
}

fn looks_like_path(word: &str) -> bool {
    let name = word.rsplit('/').next().unwrap_or(word);
    let ext = name.rsplit_once('.').map_or("", |(_, ext)| ext);
    let clean = !word.contains(|c: char| c.is_whitespace() || "()<>`,;".contains(c));
    clean && (word.contains('/') || !ext.is_empty()) && !word.ends_with('.')
}

/// One bare word on a line, without anything that ends a sentence: LICENSE, Makefile.
fn is_alone(line: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || "_-+@.".contains(c);
    line.chars().all(part) && line.ends_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// A line that is all in backticks: whoever quotes a name means it, spaces and all.
fn is_quoted(line: &str) -> bool {
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
            ("  Dockerfile.dev  ", Some("Dockerfile.dev")),
            ("`new dir/new file.py`", Some("new dir/new file.py")),
            ("`Procfile`", Some("Procfile")),
            ("## Changes", None),
            ("Fix:", None),
            ("Done.", None),
            ("**Then**", None),
            ("new dir/new file.py", None),
            ("Now the total in a.rs adds up", None),
            ("`a` and `b`", None),
        ] {
            assert_eq!(named(line, there).as_deref(), want, "{line}");
        }
    }
}
