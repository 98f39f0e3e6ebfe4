//! What a grammar takes and its language does not: a text with such a form parses here and not for its compiler.

use crate::syntax::Language;
use tree_sitter::{Node, Tree};

/// Whether a text, of which this is the tree, has a form that only its grammar takes. What is found are the forms that
/// models were seen to write, or are used to from other languages; it is no second parser.
pub(crate) fn has_foreign_form(lang: Language, tree: &Tree) -> bool {
    let foreign = match lang {
        Language::Python => of_python_2,
        Language::Rust => not_of_rust,
        Language::C
        | Language::Go
        | Language::Java
        | Language::JavaScript
        | Language::TypeScript
        | Language::Tsx => return false,
    };
    let mut cursor = tree.walk();
    loop {
        if foreign(cursor.node()) {
            return true;
        }
        if cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return false;
            }
        }
    }
}

/// `print "a"`, `exec "a"`, `a <> b`.
fn of_python_2(node: Node<'_>) -> bool {
    matches!(node.kind(), "print_statement" | "exec_statement" | "<>")
}

/// `a..b = c`, and comparisons in a row: `0 <= a < b`.
fn not_of_rust(node: Node<'_>) -> bool {
    let left = || node.child_by_field_name("left");
    match node.kind() {
        "assignment_expression" | "compound_assignment_expr" => {
            left().is_some_and(|left| left.kind() == "range_expression")
        }
        "binary_expression" => compares(node) && left().is_some_and(compares),
        _ => false,
    }
}

fn compares(node: Node<'_>) -> bool {
    node.kind() == "binary_expression"
        && node
            .child_by_field_name("operator")
            .is_some_and(|operator| matches!(operator.kind(), "==" | "!=" | "<" | "<=" | ">" | ">="))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::parse;

    fn is_foreign(lang: Language, text: &str) -> bool {
        has_foreign_form(lang, &parse(lang, text).unwrap())
    }

    #[test]
    fn forms_that_a_compiler_refuses() {
        let rust = [
            ("for j in 2..i= i { g(); }", true),
            ("for j in 2..=i { g(); }", false),
            ("a.. = 3;", true),
            ("a..b += 3;", true),
            ("a = b..c;", false),
            ("if 0 <= a < b { g(); }", true),
            ("if a == b != c { g(); }", true),
            ("if (a == b) != c { g(); }", false),
            ("if a < b && b < c || c == d { g(); }", false),
            ("if a as u8 <= b | c { g(); }", false),
        ];
        for (body, foreign) in rust {
            let text = format!("fn f() {{ {body} }}\n");
            assert_eq!(is_foreign(Language::Rust, &text), foreign, "{body}");
        }
        let python = [
            ("print 'a'\n", true),
            ("print('a')\n", false),
            ("print = 1\n", false),
            ("exec 'a'\n", true),
            ("exec('a')\n", false),
            ("if a <> b:\n    pass\n", true),
            ("if 0 <= a < b:\n    pass\n", false),
        ];
        for (text, foreign) in python {
            assert_eq!(is_foreign(Language::Python, text), foreign, "{text}");
        }
    }
}
