//! What a file defines and where: the units that people name and models rewrite.

use crate::syntax::{Language, parse};
use std::collections::HashSet;
use std::ops::Range;
use tree_sitter::Node;

/// What a symbol is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SymbolKind {
    /// A free function, also one that a variable holds.
    Function,
    /// A function of a type.
    Method,
    /// Struct, class, enum, union, alias.
    Type,
    /// Trait or interface.
    Interface,
    /// A block of methods apart from its type (Rust's `impl`), named with its head.
    Impl,
    /// Module or namespace.
    Module,
    /// Constant, static, variable of the file, field of a Java type.
    Constant,
    /// Macro.
    Macro,
}

/// A definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symbol {
    /// Bare name (for [`SymbolKind::Impl`] its head, for example `impl Display for Id`).
    pub name: String,
    /// What it is.
    pub kind: SymbolKind,
    /// Its lines, 0-based, with the decorators, attributes and comments right above it.
    pub lines: Range<usize>,
    /// The lines of its body, brackets included.
    pub body: Option<Range<usize>>,
    /// Name of the type, module or function that it is in.
    pub parent: Option<String>,
    /// Written between parent and name.
    pub separator: &'static str,
}

impl Symbol {
    /// `Type::method` or `Type.method`; the bare name without a parent.
    pub fn qualified(&self) -> String {
        match &self.parent {
            Some(p) => format!("{p}{}{}", self.separator, self.name),
            None => self.name.clone(),
        }
    }
}

/// The definitions of a text in order of their lines. Text that does not parse gives what can be told apart.
pub fn outline(lang: Language, text: &str) -> Vec<Symbol> {
    let Some(tree) = parse(lang, text) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut stack = vec![Visit {
        node: tree.root_node(),
        parent: None,
        in_type: false,
        top: true,
        lines: None,
    }];
    while let Some(visit) = stack.pop() {
        let scope = enter(lang, text, &visit, &mut found);
        push_children(visit.node, &scope, text, &mut stack);
    }
    found.sort_by_key(|s| (s.lines.start, std::cmp::Reverse(s.lines.end)));
    found
}

/// Symbols of that name, in order of their lines: bare, or behind its parent with `::`, `.` or `#`.
pub fn find<'a>(symbols: &'a [Symbol], name: &str) -> Vec<&'a Symbol> {
    let whole = symbols.iter().filter(|s| s.name == name).collect::<Vec<_>>();
    if !whole.is_empty() {
        return whole;
    }
    let parts: Vec<&str> = name.split(['.', ':', '#']).filter(|p| !p.is_empty()).collect();
    let [.., parent, bare] = parts[..] else {
        return Vec::new();
    };
    symbols
        .iter()
        .filter(|s| s.name == bare && s.parent.as_deref() == Some(parent))
        .collect()
}

/// The smallest symbol around a line (0-based).
pub fn enclosing(symbols: &[Symbol], line: usize) -> Option<&Symbol> {
    symbols
        .iter()
        .filter(|s| s.lines.contains(&line))
        .min_by_key(|s| s.lines.len())
}

/// Qualified names that `before` defines and `after` does not, in order.
pub fn vanished(before: &[Symbol], after: &[Symbol]) -> Vec<String> {
    let mut seen: HashSet<String> = after.iter().map(Symbol::qualified).collect();
    before
        .iter()
        .map(Symbol::qualified)
        .filter(|name| seen.insert(name.clone()))
        .collect()
}

/// A node to look at, and what is known of it from above.
struct Visit<'t> {
    node: Node<'t>,
    parent: Option<String>,
    /// The parent is a type: functions here are methods.
    in_type: bool,
    /// Nothing but the file, modules and types around it: variables here are symbols.
    top: bool,
    /// Lines that a wrapper (decorators, `export`) or the comments above add.
    lines: Option<Range<usize>>,
}

/// What the children of a node are in.
struct Scope {
    parent: Option<String>,
    in_type: bool,
    top: bool,
    /// Set for wrappers: the wrapper's lines are those of the definition in it.
    lines: Option<Range<usize>>,
}

fn enter(lang: Language, text: &str, visit: &Visit<'_>, found: &mut Vec<Symbol>) -> Scope {
    let node = visit.node;
    let lines = visit.lines.clone().unwrap_or_else(|| rows(node));
    let mut scope = Scope {
        parent: visit.parent.clone(),
        in_type: visit.in_type,
        top: visit.top,
        lines: None,
    };
    if is_wrapper(lang, node) {
        scope.lines = Some(lines);
        return scope;
    }
    let Some(d) = define(lang, node, text, visit.top) else {
        // A block inside of a function, or an initialiser: what is in there is not the file's.
        scope.top &= is_list(node.kind());
        return scope;
    };
    let method = d.kind == SymbolKind::Function && (visit.in_type || d.owner.is_some());
    let kind = if method { SymbolKind::Method } else { d.kind };
    let opens = matches!(
        kind,
        SymbolKind::Type | SymbolKind::Interface | SymbolKind::Impl | SymbolKind::Module
    );
    let body = node.child_by_field_name("body").map(rows);
    let parent = d.owner.clone().or_else(|| visit.parent.clone());
    let separator = lang.separator();
    found.push(Symbol {
        name: d.name.clone(),
        kind,
        lines,
        body,
        parent,
        separator,
    });
    scope.parent = Some(d.inner.unwrap_or(d.name));
    scope.in_type = opens && kind != SymbolKind::Module;
    scope.top &= opens;
    scope
}

/// Children in reverse, so that the stack gives them in order; comments and attributes go to what they stand above.
fn push_children<'t>(node: Node<'t>, scope: &Scope, text: &str, stack: &mut Vec<Visit<'t>>) {
    let first = stack.len();
    let mut lead: Option<Range<usize>> = None;
    let mut last_row = None;
    for child in node.named_children(&mut node.walk()) {
        let own = rows(child);
        let joined = lead
            .take()
            .filter(|l| l.end >= own.start)
            .map_or(own.start, |l| l.start);
        if is_leading(child, text) {
            let trailing = last_row == Some(child.start_position().row);
            lead = (!trailing).then_some(joined..own.end);
            continue;
        }
        last_row = Some(own.end.saturating_sub(1));
        let lines = match &scope.lines {
            Some(wrapper) => Some(wrapper.clone()),
            None => (joined < own.start).then_some(joined..own.end),
        };
        let Scope {
            parent, in_type, top, ..
        } = scope;
        stack.push(Visit {
            node: child,
            parent: parent.clone(),
            in_type: *in_type,
            top: *top,
            lines,
        });
    }
    stack[first..].reverse();
}

fn is_leading(node: Node<'_>, text: &str) -> bool {
    match node.kind() {
        "comment" | "line_comment" | "block_comment" => {
            !text[node.byte_range()].starts_with("//!") && !text[node.byte_range()].starts_with("/*!")
        }
        "attribute_item" | "decorator" => true,
        _ => false,
    }
}

fn is_wrapper(lang: Language, node: Node<'_>) -> bool {
    match node.kind() {
        "decorated_definition" | "export_statement" | "ambient_declaration" => true,
        "expression_statement" => {
            lang != Language::Python && node.named_child(0).is_some_and(|c| c.kind() == "internal_module")
        }
        // `type A struct {}` holds one definition, `type ( ... )` several.
        "type_declaration" | "const_declaration" | "var_declaration" => {
            lang == Language::Go && node.named_child_count() == 1
        }
        "lexical_declaration" | "variable_declaration" => node.named_child_count() == 1,
        _ => false,
    }
}

/// Nodes that only hold definitions.
fn is_list(kind: &str) -> bool {
    kind.ends_with("_list")
        || kind.ends_with("_body")
        || kind.ends_with("_declaration")
        || kind.starts_with("preproc_")
        || matches!(
            kind,
            "source_file"
                | "translation_unit"
                | "program"
                | "module"
                | "block"
                | "statement_block"
                | "linkage_specification"
                | "expression_statement"
                | "ERROR"
        )
}

/// Lines of a node; a node that ends with its newline does not reach into the next line.
fn rows(node: Node<'_>) -> Range<usize> {
    let (start, end) = (node.start_position(), node.end_position());
    let reaches = end.column > 0 || end.row == start.row;
    start.row..end.row + usize::from(reaches)
}

struct Definition {
    name: String,
    kind: SymbolKind,
    /// The type it belongs to where that is said by itself (Go).
    owner: Option<String>,
    /// What its children call it, if not by its name.
    inner: Option<String>,
}

/// Reads a node as a definition. `top`: variables count.
fn define(lang: Language, node: Node<'_>, text: &str, top: bool) -> Option<Definition> {
    let src = |n: Node<'_>| text[n.byte_range()].to_owned();
    let field = |name| node.child_by_field_name(name);
    let plain = |kind, name: Node<'_>| {
        Some(Definition {
            name: src(name),
            kind,
            owner: None,
            inner: None,
        })
    };
    match (lang, node.kind()) {
        (Language::Rust, "impl_item") => {
            let of = type_name(&src(field("type")?));
            let head = match field("trait") {
                Some(t) => format!("impl {} for {of}", src(t)),
                None => format!("impl {of}"),
            };
            Some(Definition {
                name: head,
                kind: SymbolKind::Impl,
                owner: None,
                inner: Some(of),
            })
        }
        (Language::Go, "method_declaration") => {
            let receiver = field("receiver")?.named_child(0)?.child_by_field_name("type")?;
            let mut d = plain(SymbolKind::Function, field("name")?)?;
            d.owner = Some(type_name(&src(receiver)));
            Some(d)
        }
        (Language::C, "function_definition") => plain(SymbolKind::Function, declared(field("declarator")?)?),
        (Language::C, "type_definition") => plain(SymbolKind::Type, declared(field("declarator")?)?),
        (Language::C, "struct_specifier" | "union_specifier" | "enum_specifier") => {
            field("body")?;
            plain(SymbolKind::Type, field("name")?)
        }
        (Language::C, "declaration") if top => {
            let d =
                field("declarator").filter(|d| matches!(d.kind(), "init_declarator" | "array_declarator"))?;
            plain(SymbolKind::Constant, declared(d)?)
        }
        (Language::Java, "field_declaration") => plain(
            SymbolKind::Constant,
            field("declarator")?.child_by_field_name("name")?,
        ),
        (Language::Python, "assignment") => {
            let left = field("left").filter(|l| top && l.kind() == "identifier")?;
            plain(SymbolKind::Constant, left)
        }
        (Language::JavaScript | Language::TypeScript | Language::Tsx, "variable_declarator") => {
            let name = field("name").filter(|n| n.kind() == "identifier")?;
            match field("value") {
                Some(v) if is_function_value(v) => plain(SymbolKind::Function, name),
                _ if top => plain(SymbolKind::Constant, name),
                _ => None,
            }
        }
        (_, "public_field_definition" | "field_definition") => {
            field("value").filter(|v| is_function_value(*v))?;
            plain(SymbolKind::Function, field("name").or_else(|| field("property"))?)
        }
        (Language::Go, "const_spec" | "var_spec") if top => plain(SymbolKind::Constant, field("name")?),
        (_, kind) => plain(named_kind(lang, kind, top)?, field("name")?),
    }
}

/// Definitions whose name is simply their `name` field.
fn named_kind(lang: Language, kind: &str, top: bool) -> Option<SymbolKind> {
    Some(match kind {
        "function_item"
        | "function_signature_item"
        | "function_declaration"
        | "function_signature"
        | "generator_function_declaration"
        | "method_definition"
        | "method_declaration"
        | "abstract_method_signature"
        | "constructor_declaration"
        | "compact_constructor_declaration" => SymbolKind::Function,
        "function_definition" if lang == Language::Python => SymbolKind::Function,
        "struct_item"
        | "enum_item"
        | "union_item"
        | "type_item"
        | "class_definition"
        | "class_declaration"
        | "abstract_class_declaration"
        | "enum_declaration"
        | "record_declaration"
        | "type_alias_declaration"
        | "type_spec"
        | "type_alias" => SymbolKind::Type,
        "trait_item" | "interface_declaration" | "annotation_type_declaration" => SymbolKind::Interface,
        "mod_item" | "internal_module" => SymbolKind::Module,
        "const_item" | "static_item" if top => SymbolKind::Constant,
        "macro_definition" | "preproc_def" | "preproc_function_def" => SymbolKind::Macro,
        _ => return None,
    })
}

fn is_function_value(node: Node<'_>) -> bool {
    matches!(
        node.kind(),
        "arrow_function" | "function_expression" | "generator_function" | "class"
    )
}

/// The name inside of a C declarator.
fn declared(node: Node<'_>) -> Option<Node<'_>> {
    let mut node = node;
    while !matches!(
        node.kind(),
        "identifier" | "type_identifier" | "field_identifier" | "primitive_type"
    ) {
        node = node
            .child_by_field_name("declarator")
            .or_else(|| node.named_child(0))?;
    }
    Some(node)
}

/// `&mut a::Foo<T>` and `*Foo[T]` are `Foo`.
fn type_name(text: &str) -> String {
    let head = text.split(['<', '[', '(']).next().unwrap_or(text);
    let last = head.rsplit([':', '.', ' ', '*', '&']).find(|p| !p.is_empty());
    last.unwrap_or(text).to_owned()
}
