//! A task in parts that need nothing of each other: what each is to do, and which files it may change.
//!
//! [`Parts`] cannot hold two parts that may change the same file. That is what lets them be worked on side by side and
//! be joined without anybody's lines being in anybody's way.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Parts of one task, at most.
pub const MAX_PARTS: usize = 8;

/// Files and folders of one part, at most.
pub const MAX_SCOPES: usize = 32;

/// Bytes of what a part is to do, at most.
pub const MAX_TEXT: usize = 2_000;

/// A file below the root, or a folder with all that is in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Scope(String);

impl Scope {
    /// A path below the root, with `/` between its parts; `None` for anything else, and for git's own folder. A folder may
    /// end with a slash.
    pub fn new(path: &str) -> Option<Scope> {
        let path = path.strip_prefix("./").unwrap_or(path);
        let path = path.strip_suffix('/').unwrap_or(path);
        let part = |p: &str| {
            let bare = p.trim_end_matches(['.', ' ']);
            !matches!(p, "" | "." | "..") && !bare.eq_ignore_ascii_case(".git")
        };
        let plain = !path.contains(|c: char| c.is_control() || c == '\\');
        (plain && path.split('/').all(part)).then(|| Scope(path.to_owned()))
    }

    /// The path, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a path is this file, or lies in this folder.
    pub fn covers(&self, path: &str) -> bool {
        let rest = path.strip_prefix(&self.0);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Whether both hold one file. Names that differ only in case are one: on some file systems they are.
    pub fn meets(&self, other: &Scope) -> bool {
        let low = |s: &Scope| Scope(s.0.to_lowercase());
        let (a, b) = (low(self), low(other));
        a.covers(&b.0) || b.covers(&a.0)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> String {
        scope.0
    }
}

impl TryFrom<String> for Scope {
    type Error = NoParts;
    fn try_from(path: String) -> Result<Scope, NoParts> {
        Scope::new(&path).ok_or(NoParts::BadPath { path })
    }
}

/// One part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// What is to be done.
    pub text: String,
    /// What it may change.
    pub files: Vec<Scope>,
}

/// Why parts are none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoParts {
    /// None, or too many.
    #[error("there are {count} parts; 1 to {MAX_PARTS} can be worked on")]
    Count {
        /// How many.
        count: usize,
    },
    /// It does not say what is to be done, or takes too many words for it.
    #[error("part {part} has to say what is to be done, in at most {MAX_TEXT} bytes")]
    Text {
        /// Counted from 1.
        part: usize,
    },
    /// It names no file, or too many.
    #[error("part {part} names {count} files and folders; 1 to {MAX_SCOPES} are needed")]
    Files {
        /// Counted from 1.
        part: usize,
        /// How many.
        count: usize,
    },
    /// Not below the root.
    #[error("{path:?} is no path inside the repository")]
    BadPath {
        /// As it was written.
        path: String,
    },
    /// Two parts may change the same file.
    #[error("parts {first} and {second} may both change {path}; files of one part are of no other")]
    Overlap {
        /// Counted from 1.
        first: usize,
        /// Counted from 1.
        second: usize,
        /// What both name.
        path: String,
    },
}

/// 1 to [`MAX_PARTS`] parts, of which no two may change the same file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Part>", into = "Vec<Part>")]
pub struct Parts(Vec<Part>);

impl Parts {
    /// Checks them.
    ///
    /// # Errors
    /// The first thing that is wrong, for people and for models.
    pub fn new(parts: Vec<Part>) -> Result<Parts, NoParts> {
        if !(1..=MAX_PARTS).contains(&parts.len()) {
            return Err(NoParts::Count { count: parts.len() });
        }
        for (number, part) in (1..).zip(&parts) {
            if part.text.trim().is_empty() || part.text.len() > MAX_TEXT {
                return Err(NoParts::Text { part: number });
            }
            let count = part.files.len();
            if !(1..=MAX_SCOPES).contains(&count) {
                return Err(NoParts::Files { part: number, count });
            }
        }
        for (second, part) in (1..).zip(&parts) {
            for (first, other) in (1..second).zip(&parts) {
                let met = part.files.iter().find(|f| other.files.iter().any(|o| o.meets(f)));
                if let Some(scope) = met {
                    let path = scope.to_string();
                    return Err(NoParts::Overlap { first, second, path });
                }
            }
        }
        Ok(Parts(parts))
    }

    /// In order; the first is number 1.
    pub fn list(&self) -> &[Part] {
        &self.0
    }

    /// By number.
    pub fn get(&self, number: u32) -> Option<&Part> {
        self.0.get((number as usize).checked_sub(1)?)
    }

    /// Their numbers.
    pub fn numbers(&self) -> impl Iterator<Item = u32> + use<> {
        1..=u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }
}

impl From<Parts> for Vec<Part> {
    fn from(parts: Parts) -> Vec<Part> {
        parts.0
    }
}

impl TryFrom<Vec<Part>> for Parts {
    type Error = NoParts;
    fn try_from(parts: Vec<Part>) -> Result<Parts, NoParts> {
        Parts::new(parts)
    }
}

/// How a task is worked on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "division", content = "parts", rename_all = "snake_case")]
pub enum Division {
    /// As one: every attempt is at all of it.
    #[default]
    Whole,
    /// In parts, which a model is asked for.
    Asked,
    /// In these parts.
    Given(Parts),
}

/// Where a part stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "standing", rename_all = "snake_case")]
pub enum Standing {
    /// It is worked on, or waits for that.
    Open,
    /// Its attempt is over: it passes alone, and waits to be joined.
    Proven,
    /// Its attempt is over: it does not pass alone, and is tried with what the others make.
    Unproven,
    /// It is joined: every check passes on all that is.
    Joined,
    /// What it came to with the others does not pass, and it is tried again.
    PutBack {
        /// What was in the way.
        why: String,
    },
    /// It is no part of what the job made.
    LeftOut {
        /// Why.
        why: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(files: &[&str]) -> Part {
        Part {
            text: "do it".to_owned(),
            files: files.iter().map(|f| Scope::new(f).unwrap()).collect(),
        }
    }

    #[test]
    fn a_scope_stays_inside_and_holds_what_lies_in_it() {
        for (path, want) in [
            ("a.py", Some("a.py")),
            ("./src/x/", Some("src/x")),
            ("", None),
            ("/", None),
            (".", None),
            ("/etc/passwd", None),
            ("a//b", None),
            ("../x", None),
            ("a/../b", None),
            (".git/hooks", None),
            ("x/.GIT", None),
            ("a\\b", None),
            ("a\nb", None),
        ] {
            assert_eq!(Scope::new(path).as_ref().map(Scope::as_str), want, "{path:?}");
        }
        let src = Scope::new("src/").unwrap();
        for (path, want) in [
            ("src", true),
            ("src/a.rs", true),
            ("src2/a.rs", false),
            ("sr", false),
        ] {
            assert_eq!(src.covers(path), want, "{path}");
        }
    }

    #[test]
    fn no_two_parts_share_a_file() {
        let parts = |all: &[&[&str]]| Parts::new(all.iter().map(|f| part(f)).collect());
        assert!(parts(&[&["a.py", "tests/a"], &["b.py", "tests/b"]]).is_ok());
        for (all, first, second) in [
            (vec![&["a.py"][..], &["a.py"]], 1, 2),
            (vec![&["a.py"][..], &["b.py"], &["A.PY"]], 1, 3),
            (vec![&["src"][..], &["src/x.rs"]], 1, 2),
            (vec![&["b"][..], &["src/x.rs"], &["Src/"]], 2, 3),
        ] {
            let Err(NoParts::Overlap {
                first: f, second: s, ..
            }) = parts(&all)
            else {
                panic!("{all:?} overlap");
            };
            assert_eq!((f, s), (first, second), "{all:?}");
        }
        assert_eq!(parts(&[]), Err(NoParts::Count { count: 0 }));
        let many: Vec<Part> = (0..=MAX_PARTS).map(|n| part(&[&format!("f{n}")])).collect();
        assert_eq!(Parts::new(many), Err(NoParts::Count { count: MAX_PARTS + 1 }));
        assert_eq!(parts(&[&[]]), Err(NoParts::Files { part: 1, count: 0 }));
        let mute = Part {
            text: " ".to_owned(),
            ..part(&["a"])
        };
        assert_eq!(Parts::new(vec![mute]), Err(NoParts::Text { part: 1 }));
    }
}
