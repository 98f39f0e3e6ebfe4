//! What an answer asks for. Plain text, so that small models can do it: a fenced block of single-line requests, and
//! search/replace edits.

use serde_json::{Map, Value};
use std::fmt;

/// Something to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// A file, or some of its lines (from 1, inclusive).
    Read {
        /// As the model wrote it.
        path: String,
        /// Which lines.
        lines: Option<(usize, usize)>,
    },
    /// A folder; empty: the root.
    List {
        /// As the model wrote it.
        path: String,
    },
    /// Lines that hold a text.
    Search {
        /// The text.
        text: String,
    },
    /// Lines that match a regular expression.
    Grep {
        /// The expression.
        pattern: String,
        /// Only in this folder or file; empty: everywhere.
        below: String,
    },
    /// What a file defines.
    Outline {
        /// As the model wrote it.
        path: String,
    },
    /// One check of the confirmed policy alone, on what was made so far. What comes of it proves nothing.
    Run {
        /// The check's name, as the model wrote it.
        check: String,
    },
    /// A tool of one of the person's servers.
    Tool {
        /// As it was told to the model.
        name: String,
        /// What it is called with.
        arguments: Map<String, Value>,
    },
}

impl Look {
    /// All of a file.
    pub fn whole(path: String) -> Look {
        Look::Read { path, lines: None }
    }
}

impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Look::Read { path, lines: None } => write!(f, "read {path}"),
            Look::Read {
                path,
                lines: Some((a, b)),
            } => write!(f, "read {path} {a}-{b}"),
            Look::List { path } => write!(f, "list {path}"),
            Look::Search { text } => write!(f, "search {text}"),
            Look::Grep { pattern, below } if below.is_empty() => write!(f, "grep {pattern}"),
            Look::Grep { pattern, below } => write!(f, "grep {pattern} below {below}"),
            Look::Outline { path } => write!(f, "outline {path}"),
            Look::Run { check } => write!(f, "run {check}"),
            Look::Tool { name, .. } => write!(f, "call {name}"),
        }
    }
}

/// One answer, taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Answer {
    pub(super) looks: Vec<Look>,
    /// The answer without its requests.
    pub(super) edits: String,
    pub(super) check: bool,
    pub(super) done: bool,
    /// What the model is about to do; empty if it did not say.
    pub(super) plan: Vec<String>,
    /// Lines of a request block that are no request.
    pub(super) unknown: Vec<String>,
}

/// Requests of one answer, at most; more of them is no way to work.
const MAX_LOOKS: usize = 8;

/// Steps of a plan, at most.
pub(super) const MAX_STEPS: usize = 20;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fence {
    /// None is open.
    Outside,
    /// One of requests.
    Requests,
    /// One whose first line says whether it is one of requests.
    Undecided,
    /// One whose lines are a plan.
    Plan,
    /// Anything else.
    Other,
}

impl Answer {
    /// Takes an answer apart. A block of requests is fenced with the word `do`; a fence without a word is one, too, if
    /// its first line is a request. Inside of an edit nothing is a request.
    pub(super) fn read(text: &str) -> Answer {
        let mut answer = Answer::default();
        let mut fence = Fence::Outside;
        let mut in_edit = false;
        for line in text.lines() {
            let bare = line.trim();
            let edit_begins = bare.starts_with("<<<<<") && bare.ends_with("SEARCH");
            let edit_ends = bare.starts_with(">>>>>") && bare.ends_with("REPLACE");
            in_edit = (in_edit || edit_begins) && !edit_ends;
            if !in_edit && bare.starts_with("```") {
                let was = fence;
                fence = match (fence, bare.trim_start_matches('`').trim()) {
                    (Fence::Outside, "do") => Fence::Requests,
                    (Fence::Outside, "plan") => Fence::Plan,
                    (Fence::Outside, "") => Fence::Undecided,
                    (Fence::Outside, _) => Fence::Other,
                    _ => Fence::Outside,
                };
                let ours = |f| f == Fence::Requests || f == Fence::Plan;
                if ours(was) || ours(fence) {
                    continue;
                }
            } else if !in_edit {
                if fence == Fence::Undecided && !bare.is_empty() {
                    let request = matches!(Request::read(bare), Some(r) if r != Request::Unknown);
                    fence = if request { Fence::Requests } else { Fence::Other };
                }
                if fence == Fence::Plan {
                    if !bare.is_empty() && answer.plan.len() < MAX_STEPS {
                        answer.plan.push(bare.to_owned());
                    }
                    continue;
                }
                let alone = fence == Fence::Outside && matches!(bare, "done" | "check");
                if fence == Fence::Requests || alone {
                    answer.request(bare);
                    continue;
                }
            }
            answer.edits.push_str(line);
            answer.edits.push('\n');
        }
        answer
    }

    fn request(&mut self, line: &str) {
        match Request::read(line) {
            None => {}
            Some(Request::Look(look)) if self.looks.len() < MAX_LOOKS => self.looks.push(look),
            Some(Request::Look(_)) => self.unknown.push(format!("{line} (at most {MAX_LOOKS} at once)")),
            Some(Request::Check) => self.check = true,
            Some(Request::Done) => self.done = true,
            Some(Request::Unknown) => self.unknown.push(line.chars().take(80).collect()),
        }
    }
}

#[derive(PartialEq, Eq)]
enum Request {
    Look(Look),
    Check,
    Done,
    Unknown,
}

impl Request {
    /// `None`: the line says nothing.
    fn read(line: &str) -> Option<Request> {
        let line = line.trim();
        if line.is_empty() {
            return None;
        }
        let (verb, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim().trim_matches(['`', '"']);
        Some(match (verb, rest.is_empty()) {
            ("read", false) => Request::Look(read(rest)),
            ("list", _) => Request::Look(Look::List {
                path: plain(rest).trim_end_matches('/').to_owned(),
            }),
            ("search", false) => Request::Look(Look::Search {
                text: rest.to_owned(),
            }),
            ("grep", false) => Request::Look(Look::Grep {
                pattern: rest.to_owned(),
                below: String::new(),
            }),
            ("outline", false) => Request::Look(Look::Outline {
                path: plain(rest).to_owned(),
            }),
            ("run", false) => Request::Look(Look::Run {
                check: rest.to_owned(),
            }),
            ("call", false) => tool(rest).map_or(Request::Unknown, Request::Look),
            ("check", true) => Request::Check,
            ("done", true) => Request::Done,
            _ => Request::Unknown,
        })
    }
}

/// `NAME` or `NAME {json}`.
fn tool(rest: &str) -> Option<Look> {
    let (name, arguments) = rest.split_once(char::is_whitespace).unwrap_or((rest, "{}"));
    Some(Look::Tool {
        name: name.to_owned(),
        arguments: serde_json::from_str(arguments).ok()?,
    })
}

pub(super) fn plain(path: &str) -> &str {
    match path {
        "." => "",
        other => other.strip_prefix("./").unwrap_or(other),
    }
}

/// `PATH` or `PATH A-B`.
fn read(rest: &str) -> Look {
    let range = |t: &str| {
        let (a, b) = t.split_once('-')?;
        let (a, b) = (a.parse().ok()?, b.parse().ok()?);
        (1 <= a && a <= b).then_some((a, b))
    };
    let (path, lines) = match rest.rsplit_once(char::is_whitespace) {
        Some((path, last)) if range(last).is_some() => (path.trim(), range(last)),
        _ => (rest, None),
    };
    Look::Read {
        path: plain(path).to_owned(),
        lines,
    }
}
