//! Rust source as the paths, macro calls and attributes that it names. Comments and strings are not code, and
//! `use` lists are spelt out, so that a rule sees `std::fs::read` however it is written.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use std::str::FromStr;

/// How a path is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Anywhere in code.
    Plain,
    /// Called as a macro.
    Macro,
    /// First in an attribute.
    Attribute,
}

/// A path in code. A keyword is a path of one segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) path: Vec<String>,
    pub(super) role: Role,
    /// 1-based.
    pub(super) line: usize,
    /// It is compiled for tests only.
    pub(super) test: bool,
}

/// All paths of `source`, in order.
///
/// # Errors
/// The lexer's message where this is not Rust.
pub(super) fn named(source: &str) -> Result<Vec<Named>, String> {
    let stream = TokenStream::from_str(source).map_err(|e| e.to_string())?;
    let mut walk = Walk { found: Vec::new() };
    walk.tokens(&tokens(stream), &[], false);
    Ok(walk.found)
}

fn tokens(stream: TokenStream) -> Vec<TokenTree> {
    stream.into_iter().collect()
}

fn is_punct(token: Option<&TokenTree>, wanted: char) -> bool {
    matches!(token, Some(TokenTree::Punct(p)) if p.as_char() == wanted)
}

fn group(token: Option<&TokenTree>, delimiter: Delimiter) -> Option<&Group> {
    match token {
        Some(TokenTree::Group(group)) if group.delimiter() == delimiter => Some(group),
        _ => None,
    }
}

struct Walk {
    found: Vec<Named>,
}

impl Walk {
    /// `prefix`: what stands before the braces of a `use` list.
    fn tokens(&mut self, list: &[TokenTree], prefix: &[String], mut test: bool) {
        let mut i = 0;
        while let Some(token) = list.get(i) {
            match token {
                TokenTree::Punct(p) if p.as_char() == '#' => {
                    let inner = is_punct(list.get(i + 1), '!');
                    i += 1 + usize::from(inner);
                    let Some(attribute) = group(list.get(i), Delimiter::Bracket) else {
                        continue;
                    };
                    i += 1;
                    let content = tokens(attribute.stream());
                    let first = self.found.len();
                    self.tokens(&content, &[], test);
                    if let Some(named) = self.found.get_mut(first) {
                        named.role = Role::Attribute;
                    }
                    if !test && is_cfg_test(&content) {
                        if inner {
                            test = true;
                            continue;
                        }
                        let end = item_end(list, i);
                        self.tokens(list.get(i..end).unwrap_or_default(), &[], true);
                        i = end;
                    }
                }
                TokenTree::Ident(_) => i = self.path(list, i, prefix, test),
                TokenTree::Group(group) => {
                    self.tokens(&tokens(group.stream()), &[], test);
                    i += 1;
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => i += 1,
            }
        }
    }

    /// The path that begins at `i`; returns where it ends.
    fn path(&mut self, list: &[TokenTree], mut i: usize, prefix: &[String], test: bool) -> usize {
        let mut path = prefix.to_vec();
        let mut line = 0;
        while let Some(token) = list.get(i) {
            match token {
                TokenTree::Ident(ident) => {
                    let name = ident.to_string();
                    path.push(name.strip_prefix("r#").unwrap_or(&name).to_owned());
                    line = ident.span().start().line;
                }
                TokenTree::Punct(p) if p.as_char() == '*' => path.push("*".to_owned()),
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                    self.tokens(&tokens(group.stream()), &path, test);
                    return i + 1;
                }
                TokenTree::Group(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => break,
            }
            i += 1;
            // `use ::std` is a keyword and a path, not one path: only colons without a gap go on.
            let near = list
                .get(i)
                .is_some_and(|next| next.span().start() == token.span().end());
            if !(near && is_punct(list.get(i), ':') && is_punct(list.get(i + 1), ':')) {
                break;
            }
            i += 2;
        }
        let called = is_punct(list.get(i), '!') && matches!(list.get(i + 1), Some(TokenTree::Group(_)));
        self.found.push(Named {
            path,
            role: if called { Role::Macro } else { Role::Plain },
            line,
            test,
        });
        i
    }
}

/// `cfg(test)` or `cfg(all(test, ...))`.
fn is_cfg_test(attribute: &[TokenTree]) -> bool {
    let says =
        |token: Option<&TokenTree>, word: &str| matches!(token, Some(TokenTree::Ident(i)) if i == word);
    let condition = |list: &[TokenTree], word: &str| {
        says(list.first(), word)
            .then(|| group(list.get(1), Delimiter::Parenthesis).map(|g| tokens(g.stream())))
            .flatten()
            .unwrap_or_default()
    };
    let cfg = condition(attribute, "cfg");
    says(cfg.first(), "test") || condition(&cfg, "all").iter().any(|t| says(Some(t), "test"))
}

/// Where the item ends whose attributes begin or ended at `from`: behind its braces or its semicolon.
fn item_end(list: &[TokenTree], from: usize) -> usize {
    let ends =
        |token: &TokenTree| group(Some(token), Delimiter::Brace).is_some() || is_punct(Some(token), ';');
    list.iter()
        .skip(from)
        .position(ends)
        .map_or(list.len(), |n| from + n + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(source: &str) -> Vec<String> {
        named(source)
            .unwrap()
            .into_iter()
            .map(|n| {
                let mark = match n.role {
                    Role::Plain => "",
                    Role::Macro => "!",
                    Role::Attribute => "#",
                };
                let test = if n.test { "t " } else { "" };
                format!("{test}{}{mark}", n.path.join("::"))
            })
            .collect()
    }

    #[test]
    fn sources() {
        let cases: &[(&str, &[&str])] = &[
            ("// std::fs\n/* todo!() */ \"unsafe\"; r#\"dbg!(x)\"#; 'u'", &[]),
            (
                "use std::{fs, time::{Duration, Instant as I}};",
                &[
                    "use",
                    "std::fs",
                    "std::time::Duration",
                    "std::time::Instant",
                    "std::time::as",
                    "std::time::I",
                ],
            ),
            ("use ::std::fs::*;", &["use", "std::fs::*"]),
            (
                "a != b; r#type; x::<std::fs::File>()",
                &["a", "b", "type", "x", "std::fs::File"],
            ),
            ("std::todo!(); v![dbg!(1)]", &["std::todo!", "v!", "dbg!"]),
            ("#[ignore = \"slow\"] fn f() {}", &["ignore#", "fn", "f"]),
            (
                "#[cfg(test)] #[path = \"x\"] mod t { use std::fs; } fn g() {}",
                &[
                    "cfg#",
                    "test",
                    "t path#",
                    "t mod",
                    "t t",
                    "t use",
                    "t std::fs",
                    "fn",
                    "g",
                ],
            ),
            (
                "#[cfg(all(test, unix))] mod t; fn g() {}",
                &["cfg#", "all", "test", "unix", "t mod", "t t", "fn", "g"],
            ),
            ("#[cfg(not(test))] fn g() {}", &["cfg#", "not", "test", "fn", "g"]),
            ("#![cfg(test)] fn g() {}", &["cfg#", "test", "t fn", "t g"]),
        ];
        for (source, want) in cases {
            assert_eq!(paths(source), *want, "{source}");
        }
    }

    #[test]
    fn lines_count_from_one() {
        let found = named("\n\nfn f() {\n  std::fs\n}\n").unwrap();
        assert_eq!(found.iter().map(|n| n.line).collect::<Vec<_>>(), [3, 3, 4]);
        assert!(named("fn f( {").is_err());
    }
}
