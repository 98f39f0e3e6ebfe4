//! What blanks mean in a rewrite. A model that copies a line often spaces it in its own way; that is no change.

use crate::hunk::Hunk;
use crate::minimise::minimise;
use crate::syntax::Language;
use crate::text::bare;

/// Whether a rewrite may differ from the old text in blanks alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blanks {
    /// Spacing inside a line of code is no change: the old line stays. It always counts in texts, in files of no known
    /// language, and where a language reads it; indentation counts unless brackets say the same.
    Noise,
    /// Every blank counts but those at the end of a line: the request is about spacing.
    Matter,
}

/// What a region rewrite may differ in without having changed a line: blanks and carriage returns at its end.
/// Only for rewrites, where the model copies lines that it does not mean to touch.
pub fn without_noise(line: &str) -> &str {
    line.trim_end_matches([' ', '\t', '\r', '\n'])
}

/// Adds a line of code to `out`, with its indentation and without the blanks that mean nothing.
pub(crate) fn push_tight(out: &mut String, language: Language, line: &str) {
    let line = without_noise(line);
    let code = line.trim_start();
    let reads_blanks = match language {
        // Elements hold texts without quotes.
        Language::JavaScript | Language::Tsx => true,
        // A pattern between slashes.
        Language::TypeScript => code.contains('/'),
        Language::C | Language::Go | Language::Java | Language::Python | Language::Rust => false,
    };
    // Blanks in a text mean something, and where a text begins and ends is not known from one line; so do those of a
    // preprocessor.
    if reads_blanks || code.starts_with('#') || line.contains(['"', '\'', '`']) || !code.contains([' ', '\t'])
    {
        return out.push_str(line);
    }
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let bytes = code.as_bytes();
    out.push_str(&line[..line.len() - code.len()]);
    let mut at = 0;
    while at < bytes.len() {
        let end = bytes[at..].iter().position(blank).map_or(bytes.len(), |n| at + n);
        out.push_str(&code[at..end]);
        let next = bytes[end..]
            .iter()
            .position(|b| !blank(b))
            .map_or(bytes.len(), |n| end + n);
        if let (Some(&before), Some(&after)) =
            (end.checked_sub(1).and_then(|i| bytes.get(i)), bytes.get(next))
            && parts(before, after)
        {
            out.push(' ');
        }
        at = next;
    }
}

/// Whether a blank between two bytes keeps words or signs apart (`not x`, `a - -b`).
fn parts(a: u8, b: u8) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || !b.is_ascii();
    let bracket = |b: u8| b"()[]{},;:".contains(&b);
    word(a) == word(b) && !bracket(a) && !bracket(b)
}

/// Whether a hunk only moves blank lines about.
pub fn only_blank_lines(hunk: &Hunk) -> bool {
    hunk.old
        .iter()
        .chain(&hunk.new)
        .all(|line| without_noise(line).is_empty())
}

/// A hunk that replaces lines, without the blank lines that only one side has at its ends: they stay as they are.
pub fn without_blank_edges(mut hunk: Hunk) -> Hunk {
    let blank = |line: Option<&String>| line.is_some_and(|l| without_noise(l).is_empty());
    let written = |line: Option<&String>| line.is_some_and(|l| !without_noise(l).is_empty());
    while blank(hunk.old.first()) && written(hunk.new.first()) {
        hunk.old.remove(0);
        hunk.at += 1;
    }
    while blank(hunk.old.last()) && written(hunk.new.last()) {
        hunk.old.pop();
    }
    while blank(hunk.new.first()) && written(hunk.old.first()) {
        hunk.new.remove(0);
    }
    while blank(hunk.new.last()) && written(hunk.old.last()) {
        hunk.new.pop();
    }
    hunk
}

/// What is left of a hunk without the remarks that it adds: comment lines that were not there, or a comment behind a
/// line that stays. Nothing, if that is all it does.
pub fn without_added_remarks(language: Language, hunk: &Hunk) -> Vec<Hunk> {
    let marks: &[&str] = match language {
        Language::Python => &["#"],
        Language::C
        | Language::Go
        | Language::Java
        | Language::JavaScript
        | Language::Rust
        | Language::TypeScript
        | Language::Tsx => &["//", "/*"],
    };
    let remark = |rest: &str| {
        let rest = rest.trim();
        let words = marks.iter().find_map(|mark| rest.strip_prefix(mark));
        words.is_some_and(|words| (words.is_empty() || words.starts_with(' ')) && !is_for_a_tool(words))
    };
    let blank = |line: &String| bare(line).trim().is_empty();
    if hunk.old.is_empty() && hunk.new.iter().all(|l| blank(l) || remark(l)) {
        let says = hunk.new.iter().any(|l| !blank(l));
        return if says { Vec::new() } else { vec![hunk.clone()] };
    }
    if hunk.old.len() != hunk.new.len() {
        return vec![hunk.clone()];
    }
    let mut rest = hunk.clone();
    for (old, new) in hunk.old.iter().zip(&mut rest.new) {
        let behind = new.strip_prefix(without_noise(old));
        if behind.is_some_and(|rest| rest.starts_with([' ', '\t']) && remark(rest)) {
            new.clone_from(old);
        }
    }
    minimise(&rest)
}

/// Remarks that compilers and linters read.
fn is_for_a_tool(words: &str) -> bool {
    const TOOLS: [&str; 12] = [
        "type:", "noqa", "nolint", "@ts-", "eslint", "prettier", "pragma", "pylint", "fmt:", "isort",
        "SAFETY", "cspell",
    ];
    TOOLS.iter().any(|tool| words.trim_start().starts_with(tool))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::split_lines;

    fn tight(language: Language, line: &str) -> String {
        let mut key = String::new();
        push_tight(&mut key, language, line);
        key
    }

    #[test]
    fn blanks_inside_lines_are_noise_where_they_mean_nothing() {
        let cases = [
            ("range(2,101)\n", "range(2, 101)\n", true),
            ("if(a > b):\n", "if (a>b) :\n", true),
            ("  x = 1\n", "  x = 1  \n", true),
            ("  x = 1\n", "    x = 1\n", false),
            ("notx\n", "not x\n", false),
            ("a - -b\n", "a--b\n", false),
            ("a = \"x y\"\n", "a = \"xy\"\n", false),
            ("x = 1\n", "x = 2\n", false),
        ];
        for (old, new, same) in cases {
            let key = |line| tight(Language::Rust, line);
            assert_eq!(key(old) == key(new), same, "{old:?} {new:?}");
        }
    }

    #[test]
    fn blanks_that_a_language_reads_count() {
        let cases = [
            (Language::C, "#define SQ (x) x*x", "#define SQ(x) x*x"),
            (Language::TypeScript, "s.split(/, /)", "s.split(/,/)"),
            (Language::Tsx, "{a}{b}", "{a} {b}"),
            (Language::JavaScript, "<p>{a}{b}</p>", "<p>{a} {b}</p>"),
        ];
        for (language, old, new) in cases {
            assert_ne!(tight(language, old), tight(language, new), "{old:?}");
        }
    }

    #[test]
    fn blank_lines_at_the_ends_stay() {
        let cases = [
            ("\n\na\n", "b\n", (2, "a\n", "b\n")),
            ("a\n\n", "b\n", (0, "a\n", "b\n")),
            ("a\n", "\nb\n\n", (0, "a\n", "b\n")),
            ("\na\n", "\nb\n", (0, "\na\n", "\nb\n")),
            ("", "\nb\n", (0, "", "\nb\n")),
            ("\n\n", "b\n", (2, "", "b\n")),
        ];
        for (old, new, want) in cases {
            let hunk = Hunk {
                at: 0,
                old: split_lines(old),
                new: split_lines(new),
            };
            let left = without_blank_edges(hunk);
            assert_eq!(
                (left.at, left.old.concat().as_str(), left.new.concat().as_str()),
                want,
                "{old:?} {new:?}"
            );
        }
    }

    #[test]
    fn remarks_that_nobody_asked_for() {
        /// Language, old and new lines, and what is left: where, and its new lines.
        type Case = (
            Language,
            &'static str,
            &'static str,
            &'static [(usize, &'static str)],
        );
        let cases: [Case; 14] = [
            (
                Language::Python,
                "x = f()\n",
                "x = f()  # type: ignore\n",
                &[(0, "x = f()  # type: ignore\n")],
            ),
            (
                Language::Python,
                "  color:\n",
                "  color: #fff;\n",
                &[(0, "  color: #fff;\n")],
            ),
            (
                Language::Go,
                "",
                "//go:embed a.txt\n",
                &[(0, "//go:embed a.txt\n")],
            ),
            (
                Language::TypeScript,
                "",
                "// @ts-ignore\n",
                &[(0, "// @ts-ignore\n")],
            ),
            (Language::Python, "x = 1\n", "x = 1  # why\n", &[]),
            (Language::Python, "", "\n# why\n", &[]),
            (Language::Python, "a\nb\n", "a  # x\nb # c\n", &[]),
            (
                Language::Python,
                "a\nb\nc\n",
                "a # x\nd # c\nc #\n",
                &[(1, "d # c\n")],
            ),
            (
                Language::Python,
                "x = 1\n",
                "x = 2  # why\n",
                &[(0, "x = 2  # why\n")],
            ),
            (Language::Python, "# a\n", "# b\n", &[(0, "# b\n")]),
            (
                Language::Python,
                "x = a\n",
                "x = a // b\n",
                &[(0, "x = a // b\n")],
            ),
            (Language::Rust, "a();\n", "a(); // why\n", &[]),
            (Language::Rust, "", "\n", &[(0, "\n")]),
            (Language::Rust, "a();\n", "a();\nb();\n", &[(0, "a();\nb();\n")]),
        ];
        for (language, old, new, want) in cases {
            let hunk = Hunk {
                at: 0,
                old: split_lines(old),
                new: split_lines(new),
            };
            let left: Vec<_> = without_added_remarks(language, &hunk)
                .into_iter()
                .map(|h| (h.at, h.new.concat()))
                .collect();
            let want: Vec<_> = want.iter().map(|(at, new)| (*at, (*new).to_owned())).collect();
            assert_eq!(left, want, "{old:?} {new:?}");
        }
    }
}
