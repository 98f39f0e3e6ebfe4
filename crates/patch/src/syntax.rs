//! Whether a file still parses as well as it did: tree-sitter, by file name.

use crate::lenient::has_foreign_form;
use std::ops::Range;
use tree_sitter::{Parser, Point, Tree};

/// A language that Brisk can parse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// C, headers included.
    C,
    /// Go.
    Go,
    /// Java.
    Java,
    /// JavaScript, JSX included.
    JavaScript,
    /// Python.
    Python,
    /// Rust.
    Rust,
    /// TypeScript without JSX.
    TypeScript,
    /// TypeScript with JSX.
    Tsx,
}

impl Language {
    /// All of them.
    pub const ALL: [Language; 8] = [
        Language::C,
        Language::Go,
        Language::Java,
        Language::JavaScript,
        Language::Python,
        Language::Rust,
        Language::TypeScript,
        Language::Tsx,
    ];

    /// By the extension of a path; `None` for what Brisk cannot parse.
    pub fn of_path(path: &str) -> Option<Language> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let (stem, ext) = name.rsplit_once('.')?;
        if stem.is_empty() {
            return None;
        }
        Some(match ext {
            "c" | "h" => Language::C,
            "go" => Language::Go,
            "java" => Language::Java,
            "js" | "jsx" | "mjs" | "cjs" => Language::JavaScript,
            "py" | "pyi" => Language::Python,
            "rs" => Language::Rust,
            "ts" | "mts" | "cts" => Language::TypeScript,
            "tsx" => Language::Tsx,
            _ => return None,
        })
    }

    fn grammar(self) -> tree_sitter::Language {
        match self {
            Language::C => tree_sitter_c::LANGUAGE,
            Language::Go => tree_sitter_go::LANGUAGE,
            Language::Java => tree_sitter_java::LANGUAGE,
            Language::JavaScript => tree_sitter_javascript::LANGUAGE,
            Language::Python => tree_sitter_python::LANGUAGE,
            Language::Rust => tree_sitter_rust::LANGUAGE,
            Language::TypeScript => tree_sitter_typescript::LANGUAGE_TYPESCRIPT,
            Language::Tsx => tree_sitter_typescript::LANGUAGE_TSX,
        }
        .into()
    }

    /// The separator that people write between a type and its method.
    pub(crate) fn separator(self) -> &'static str {
        if self == Language::Rust { "::" } else { "." }
    }
}

/// Bytes that the parser gets at once.
const PIECE: usize = 4096;
/// Bytes that a parser may ask for, whatever the text, and for each byte of it. A usual text is read about once.
const READS: usize = 64 * 1024 * 1024;
const READS_PER_BYTE: usize = 8;

/// The syntax tree; `None` if the grammar does not load, which a test excludes, or if the parser reads the text over
/// and over: some grammars look ahead to the end of a run of comments at each of them, which would take minutes.
pub(crate) fn parse(lang: Language, text: &str) -> Option<Tree> {
    let mut parser = Parser::new();
    parser.set_language(&lang.grammar()).ok()?;
    let bytes = text.as_bytes();
    let mut left = READS + READS_PER_BYTE * bytes.len();
    let mut exhausted = false;
    let mut read = |from: usize, _: Point| -> &[u8] {
        let piece = bytes.get(from..).unwrap_or_default();
        let piece = piece.get(..PIECE).unwrap_or(piece);
        match left.checked_sub(piece.len()) {
            Some(rest) => left = rest,
            None => exhausted = true,
        }
        // To the parser this is the end of the text: it comes to its own end soon.
        if exhausted { &[] } else { piece }
    };
    let tree = parser.parse_with_options(&mut read, None, None);
    tree.filter(|_| !exhausted)
}

/// Places where the text does not parse: error nodes plus missing tokens.
pub fn errors(lang: Language, text: &str) -> usize {
    parse(lang, text).map_or(0, |tree| errors_in(&tree))
}

fn errors_in(tree: &Tree) -> usize {
    let mut cursor = tree.walk();
    let mut found = 0;
    loop {
        let node = cursor.node();
        found += usize::from(node.is_error() || node.is_missing());
        if node.has_error() && cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return found;
            }
        }
    }
}

/// Byte ranges of the text that say something to people only: comments, and texts that stand alone as a statement
/// (docstrings). In order.
pub fn remarks(lang: Language, text: &str) -> Vec<Range<usize>> {
    let Some(tree) = parse(lang, text) else {
        return Vec::new();
    };
    let mut cursor = tree.walk();
    let mut found = Vec::new();
    loop {
        let node = cursor.node();
        let alone = node.kind() == "expression_statement"
            && node.named_child_count() == 1
            && node.named_child(0).is_some_and(|child| child.kind() == "string");
        if alone || node.kind().ends_with("comment") {
            found.push(node.byte_range());
        } else if cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return found;
            }
        }
    }
}

/// Whether a line (0-based) begins within a text that goes on over lines, a docstring say.
pub fn begins_in_text(lang: Language, text: &str, line: usize) -> bool {
    let Some(tree) = parse(lang, text) else {
        return false;
    };
    let at = Point::new(line, 0);
    let mut node = tree.root_node().descendant_for_point_range(at, at);
    while let Some(found) = node {
        if found.kind().contains("string")
            && found.start_position().row < line
            && line <= found.end_position().row
        {
            return true;
        }
        node = found.parent();
    }
    false
}

/// Whether an edit broke nothing that parsed before: no more errors after than before, and no form that only the grammar
/// takes where there was none. A file with such a form may have more of them: it is of that dialect.
pub fn parses_as_well(lang: Language, before: &str, after: &str) -> bool {
    // One that is not parsed has neither.
    let read = |text: &str| {
        parse(lang, text).map_or((0, false), |tree| {
            (errors_in(&tree), has_foreign_form(lang, &tree))
        })
    };
    match read(after) {
        (0, false) => true,
        (errors, foreign) => {
            let was = read(before);
            errors <= was.0 && (!foreign || was.1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_a_grammar_reads_over_and_over_is_given_up() {
        let comments = |n: usize| {
            format!(
                "def f():\n    return 1\n{}",
                format!("# {}\n", "x".repeat(80)).repeat(n)
            )
        };
        assert!(parse(Language::Python, &comments(100)).is_some());
        assert!(parse(Language::Python, &comments(20_000)).is_none());
        // Long lines of code are read once.
        let code = format!("X = \"{}é\"\n", "x".repeat(80)).repeat(20_000);
        let tree = parse(Language::Python, &code);
        assert!(tree.is_some_and(|t| !t.root_node().has_error()));
    }

    #[test]
    fn a_form_that_only_the_grammar_takes_breaks_a_file_without_it() {
        let cases = [
            ("def f():\n    pass\n", "def f():\n    print 1\n", false),
            (
                "def f():\n    print 1\n",
                "def f():\n    print 1\n    print 2\n",
                true,
            ),
            (
                "def f():\n    print 1\n",
                "def f():\n    print 1\n    print (2\n",
                false,
            ),
        ];
        for (before, after, well) in cases {
            assert_eq!(parses_as_well(Language::Python, before, after), well, "{after}");
        }
    }

    #[test]
    fn remarks_are_comments_and_docstrings() {
        let cases: [(Language, &str, &[&str]); 3] = [
            (
                Language::Python,
                "def f(a):\n    \"\"\"Why.\"\"\"\n    return \"a\"  # so\n",
                &["\"\"\"Why.\"\"\"", "# so"],
            ),
            (
                Language::Rust,
                "/* a */ fn f() -> &'static str {\n    // b\n    \"c\"\n}\n",
                &["/* a */", "// b"],
            ),
            (
                Language::Go,
                "package a\n\nvar s = \"// no\" // yes\n",
                &["// yes"],
            ),
        ];
        for (language, text, expected) in cases {
            let found: Vec<&str> = remarks(language, text)
                .into_iter()
                .map(|r| text[r].trim_end())
                .collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn lines_within_a_text() {
        let cases = [
            (
                Language::Python,
                "def f():\n    \"\"\"One.\n\n    Two.\n    \"\"\"\n    return 1\n",
                vec![2, 3, 4],
            ),
            (Language::TypeScript, "const a = `x\ny\n`;\nb();\n", vec![1, 2]),
            (Language::Rust, "fn f() {\n    g(\"a\n b\");\n}\n", vec![2]),
        ];
        for (language, text, want) in cases {
            let found: Vec<usize> = (0..text.lines().count())
                .filter(|line| begins_in_text(language, text, *line))
                .collect();
            assert_eq!(found, want, "{text}");
        }
    }

    #[test]
    fn every_grammar_loads_and_counts() {
        let cases = [
            (
                Language::C,
                "int f(void) { return 1; }\n",
                "int f(void) { return 1; \n",
            ),
            (
                Language::Go,
                "package a\n\nfunc f() int { return 1 }\n",
                "package a\n\nfunc f( int { return 1 }\n",
            ),
            (
                Language::Java,
                "class A { int f() { return 1; } }\n",
                "class A { int f() { return 1; }\n",
            ),
            (
                Language::JavaScript,
                "const f = () => <b>1</b>;\n",
                "const f = () => <b>1;\n",
            ),
            (
                Language::Python,
                "def f():\n    return 1\n",
                "def f(:\n    return 1\n",
            ),
            (Language::Rust, "fn f() -> u8 { 1 }\n", "fn f() -> u8 { 1 \n"),
            (
                Language::TypeScript,
                "function f(a: number): number { return a }\n",
                "function f(a: number { return a }\n",
            ),
            (
                Language::Tsx,
                "const f = (a: number) => <b>{a}</b>;\n",
                "const f = (a: number) => <b>{a</b>;\n",
            ),
        ];
        assert_eq!(cases.map(|c| c.0), Language::ALL);
        for (lang, good, bad) in cases {
            assert_eq!(errors(lang, good), 0, "{lang:?}");
            assert!(errors(lang, bad) > 0, "{lang:?}");
            assert!(
                parses_as_well(lang, bad, good) && parses_as_well(lang, bad, bad),
                "{lang:?}"
            );
            assert!(!parses_as_well(lang, good, bad), "{lang:?}");
        }
    }

    #[test]
    fn languages_go_by_extension() {
        let check = |path, want| assert_eq!(Language::of_path(path), want, "{path}");
        check("a/b.rs", Some(Language::Rust));
        check("x.test.ts", Some(Language::TypeScript));
        check("x.tsx", Some(Language::Tsx));
        check("x.jsx", Some(Language::JavaScript));
        check("a.d/b", None);
        check(".c", None);
        check("README.md", None);
    }
}
