//! Colours of code by the leaves of its syntax tree: a few classes that every grammar has. Meant for what is shown
//! beside a patch, where a coarse colour at once is worth more than an exact one later.

use crate::syntax::{Language, parse};
use std::ops::Range;
use tree_sitter::Node;

/// What a piece of code is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// A word of the language.
    Keyword,
    /// Text in quotes.
    String,
    /// A comment.
    Comment,
    /// A number, or another literal.
    Number,
    /// The name of a type.
    Type,
    /// The name of a function where it is defined or called.
    Function,
}

/// A coloured part of a line; bytes within the line. What lies between pieces has no colour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Where.
    pub bytes: Range<usize>,
    /// What.
    pub class: Class,
}

/// The pieces of each line of a text, in order and without overlap.
pub fn paint(language: Language, text: &str) -> Vec<Vec<Piece>> {
    let mut lines: Vec<Vec<Piece>> = vec![Vec::new(); text.lines().count()];
    let Some(tree) = parse(language, text) else {
        return lines;
    };
    let starts: Vec<usize> = std::iter::once(0)
        .chain(text.match_indices('\n').map(|(i, _)| i + 1))
        .collect();
    let mut cursor = tree.walk();
    loop {
        let node = cursor.node();
        let class = class_of(&node);
        if let Some(class) = class {
            put(&mut lines, &starts, text, &node, class);
        }
        // A comment or a plain text is one piece; inside of a text with holes the holes are code again.
        if class.is_none() && cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return lines;
            }
        }
    }
}

/// A node of several lines gives a piece in each.
fn put(lines: &mut [Vec<Piece>], starts: &[usize], text: &str, node: &Node<'_>, class: Class) {
    let (from, to) = (node.start_position().row, node.end_position().row);
    for row in from..=to {
        let (Some(start), Some(line)) = (starts.get(row), lines.get_mut(row)) else {
            return;
        };
        let end = starts.get(row + 1).map_or(text.len(), |n| n - 1);
        let bytes = node.start_byte().max(*start) - start..node.end_byte().min(end).max(*start) - start;
        if !bytes.is_empty() {
            line.push(Piece { bytes, class });
        }
    }
}

/// The class of a node, by names that the grammars share.
fn class_of(node: &Node<'_>) -> Option<Class> {
    let kind = node.kind();
    if kind.contains("comment") {
        return Some(Class::Comment);
    }
    // Not always leaves.
    if matches!(
        kind,
        "predefined_type" | "integral_type" | "floating_point_type" | "void_type" | "boolean_type"
    ) {
        return Some(Class::Type);
    }
    let leaf = node.child_count() == 0;
    if !leaf {
        // A text without holes in it.
        let whole = (kind.contains("string") || kind == "char_literal" || kind == "rune_literal")
            && !kind.contains("template")
            && (0..node.child_count())
                .all(|i| node.child(i).is_none_or(|c| !c.kind().contains("interpolation")));
        return whole.then_some(Class::String);
    }
    if kind.contains("string")
        || kind == "char_literal"
        || kind == "rune_literal"
        || kind == "escape_sequence"
    {
        return Some(Class::String);
    }
    if !node.is_named() {
        return kind
            .starts_with(|c: char| c.is_ascii_alphabetic())
            .then_some(Class::Keyword);
    }
    match kind {
        "type_identifier"
        | "primitive_type"
        | "integral_type"
        | "floating_point_type"
        | "void_type"
        | "boolean_type" => Some(Class::Type),
        "self" | "this" | "super" | "mutable_specifier" | "crate" => Some(Class::Keyword),
        "true" | "false" | "none" | "null" | "nil" | "undefined" => Some(Class::Number),
        _ if kind.contains("integer") || kind.contains("float") || kind.contains("number") => {
            Some(Class::Number)
        }
        "identifier" | "field_identifier" | "property_identifier" => {
            function_name(node).then_some(Class::Function)
        }
        _ => None,
    }
}

/// The name in a definition or a call: `f(..)`, `a.f(..)`, `fn f`.
fn function_name(node: &Node<'_>) -> bool {
    let Some(parent) = node.parent() else { return false };
    let is = |parent: &Node<'_>, field: &str, node: &Node<'_>| {
        parent
            .child_by_field_name(field)
            .is_some_and(|n| n.id() == node.id())
    };
    let kind = parent.kind();
    if kind.contains("call") || kind == "method_invocation" {
        return is(&parent, "function", node) || is(&parent, "name", node);
    }
    if kind.contains("function") || kind.contains("method") {
        return is(&parent, "name", node) || is(&parent, "declarator", node);
    }
    let member = ["attribute", "field", "property"]
        .iter()
        .any(|f| is(&parent, f, node));
    let called = parent
        .parent()
        .is_some_and(|call| call.kind().contains("call") && is(&call, "function", &parent));
    member && called
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text with each piece as `‹letter:code›`.
    fn shown(language: Language, text: &str) -> String {
        let mut out = Vec::new();
        for (line, pieces) in text.lines().zip(paint(language, text)) {
            let mut at = 0;
            let mut row = String::new();
            for piece in pieces {
                let letter = match piece.class {
                    Class::Keyword => 'k',
                    Class::String => 's',
                    Class::Comment => 'c',
                    Class::Number => 'n',
                    Class::Type => 't',
                    Class::Function => 'f',
                };
                row.push_str(&line[at..piece.bytes.start]);
                row.push_str(&format!("‹{letter}:{}›", &line[piece.bytes.clone()]));
                at = piece.bytes.end;
            }
            row.push_str(&line[at..]);
            out.push(row);
        }
        out.join("\n")
    }

    #[test]
    fn every_language_has_its_colours() {
        let cases = [
            (
                Language::Python,
                "def f(a):  # why\n    return g(a.b, 'x', 1, None)",
                "‹k:def› ‹f:f›(a):  ‹c:# why›\n    ‹k:return› ‹f:g›(a.b, ‹s:'x'›, ‹n:1›, ‹n:None›)",
            ),
            (
                Language::Rust,
                "fn f(a: &str) -> u8 { a.len(); 1 } // why",
                "‹k:fn› ‹f:f›(a: &‹t:str›) -> ‹t:u8› { a.‹f:len›(); ‹n:1› } ‹c:// why›",
            ),
            (
                Language::Go,
                "func f() int { return g(\"x\") }",
                "‹k:func› ‹f:f›() ‹t:int› { ‹k:return› ‹f:g›(‹s:\"x\"›) }",
            ),
            (
                Language::C,
                "int f(void) { return g('x'); }",
                "‹t:int› ‹f:f›(‹t:void›) { ‹k:return› ‹f:g›(‹s:'x'›); }",
            ),
            (
                Language::JavaScript,
                "const f = () => g(`a${b}`, true)",
                "‹k:const› f = () => ‹f:g›(`‹s:a›${b}`, ‹n:true›)",
            ),
            (
                Language::TypeScript,
                "function f(a: number): Foo { return a }",
                "‹k:function› ‹f:f›(a: ‹t:number›): ‹t:Foo› { ‹k:return› a }",
            ),
            (
                Language::Java,
                "class A { int f() { return g(1); } }",
                "‹k:class› A { ‹t:int› ‹f:f›() { ‹k:return› ‹f:g›(‹n:1›); } }",
            ),
        ];
        for (language, text, want) in cases {
            assert_eq!(shown(language, text), want, "{language:?}");
        }
    }

    #[test]
    fn a_piece_of_several_lines_is_in_each() {
        let text = "x = '''a\n\nb'''\n";
        assert_eq!(shown(Language::Python, text), "x = ‹s:'''a›\n\n‹s:b'''›");
    }
}
