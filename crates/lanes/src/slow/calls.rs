//! Tools for a model that calls them: the same actions as the plain-text protocol has, and what a call means.

use super::Kit;
use super::answer::{Look, MAX_STEPS, plain};
use brisk_domain::EditFormat;
use brisk_domain::tool::{Tool, ToolCall, ToolName, ToolResult};
use serde_json::{Map, Value, json};

/// Between a server's name and that of its tool.
pub(super) const OF_SERVER: &str = "__";

/// What a call asks for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Act {
    Look(Look),
    /// Edits, as the plain-text protocol writes them.
    Edit(String),
    Plan(Vec<String>),
    Check,
    Done,
}

/// What every model may call, then what the person's servers offer.
pub(super) fn tools(format: EditFormat, kit: &Kit) -> Vec<Tool> {
    let text = || json!({"type": "string"});
    let line = || json!({"type": "integer", "minimum": 1});
    let mut own = vec![
        tool(
            "read",
            "Shows a file, or some of its lines.",
            &[("path", text())],
            &[("first", line()), ("last", line())],
        ),
        tool(
            "list",
            "Names what is in a folder; without one, in the root.",
            &[],
            &[("path", text())],
        ),
        tool(
            "search",
            "Finds lines: those that hold `text`, or that match the regular expression `pattern`; in all files, or in those below `path`.",
            &[],
            &[("text", text()), ("pattern", text()), ("path", text())],
        ),
        tool(
            "outline",
            "Names what a file defines, with its lines.",
            &[("path", text())],
            &[],
        ),
        tool(
            "plan",
            "Says what you are about to do, for the person; call it again when that changes.",
            &[("steps", json!({"type": "array", "items": text()}))],
            &[],
        ),
        tool("check", "Runs the checks on what you have changed.", &[], &[]),
        tool(
            "done",
            "Nothing is left to do: the checks run, and they decide.",
            &[],
            &[],
        ),
    ];
    own.push(match format {
        EditFormat::ApplyPatch => tool(
            "apply_patch",
            "Changes files by a patch from `*** Begin Patch` to `*** End Patch`.",
            &[("patch", text())],
            &[],
        ),
        EditFormat::SearchReplace | EditFormat::Region => tool(
            "edit",
            "Replaces whole lines of a file. `search`: these lines exactly as they are, once in the file; empty for a new file. `replace`: what takes their place.",
            &[("path", text()), ("search", text()), ("replace", text())],
            &[],
        ),
    });
    if !kit.checks.is_empty() {
        let names = json!({"type": "string", "enum": kit.checks});
        let about = "Runs one of the checks alone and shows what it writes. It proves nothing.";
        own.push(tool("run", about, &[("check", names)], &[]));
    }
    let mut out: Vec<Tool> = own.into_iter().flatten().collect();
    out.extend(kit.tools.iter().cloned());
    out
}

fn tool(name: &str, about: &str, needed: &[(&str, Value)], more: &[(&str, Value)]) -> Option<Tool> {
    let all = needed.iter().chain(more);
    let properties: Map<String, Value> = all.map(|(n, schema)| ((*n).to_owned(), schema.clone())).collect();
    let required: Vec<&str> = needed.iter().map(|(n, _)| *n).collect();
    let takes = json!({
        "type": "object", "properties": properties, "required": required, "additionalProperties": false,
    });
    Some(Tool {
        name: ToolName::new(name)?,
        about: about.to_owned(),
        takes: takes.as_object()?.clone(),
    })
}

/// What a call means.
///
/// # Errors
/// Why it means nothing, for the model.
pub(super) fn read(call: &ToolCall) -> Result<Act, String> {
    let mut arguments = Arguments(call.arguments.object()?);
    let act = match call.name.as_str() {
        "read" => {
            let path = arguments.text("path")?;
            let first = arguments.number("first")?;
            let last = arguments.number("last")?;
            let lines = match (first, last) {
                (None, None) => None,
                (first, last) => Some((first.unwrap_or(1), last.unwrap_or(usize::MAX))),
            };
            if lines.is_some_and(|(a, b)| a == 0 || a > b) {
                return Err("`first` is at least 1 and not above `last`".to_owned());
            }
            Act::Look(Look::Read {
                path: plain(&path).to_owned(),
                lines,
            })
        }
        "list" => {
            let path = arguments.maybe("path")?.unwrap_or_default();
            Act::Look(Look::List {
                path: plain(&path).trim_end_matches('/').to_owned(),
            })
        }
        "search" => {
            let below = arguments.maybe("path")?.unwrap_or_default();
            let below = plain(&below).trim_end_matches('/').to_owned();
            let some = |t: &String| !t.is_empty();
            let text = arguments.maybe("text")?.filter(some);
            let pattern = arguments.maybe("pattern")?.filter(some);
            Act::Look(match (text, pattern) {
                (Some(text), None) if below.is_empty() => Look::Search { text },
                (Some(text), None) => Look::Grep {
                    pattern: literally(&text),
                    below,
                },
                (None, Some(pattern)) => Look::Grep { pattern, below },
                _ => return Err("search takes either `text` or `pattern`".to_owned()),
            })
        }
        "outline" => Act::Look(Look::Outline {
            path: plain(&arguments.text("path")?).to_owned(),
        }),
        "run" => Act::Look(Look::Run {
            check: arguments.text("check")?,
        }),
        "edit" => {
            let path = arguments.text("path")?;
            let search = arguments.some("search")?;
            let replace = arguments.some("replace")?;
            Act::Edit(edit(&path, &search, &replace)?)
        }
        "apply_patch" => {
            let patch = arguments.text("patch")?;
            if !patch.contains("*** Begin Patch") {
                return Err("a patch begins with `*** Begin Patch`".to_owned());
            }
            Act::Edit(patch)
        }
        "plan" => Act::Plan(arguments.list("steps")?),
        "check" => Act::Check,
        "done" => Act::Done,
        name if name.contains(OF_SERVER) => {
            let arguments = std::mem::take(&mut arguments.0);
            return Ok(Act::Look(Look::Tool {
                name: name.to_owned(),
                arguments,
            }));
        }
        name => return Err(format!("there is no tool {name:?}")),
    };
    match arguments.0.keys().next() {
        None => Ok(act),
        Some(name) => Err(format!("{} takes no `{name}`", call.name)),
    }
}

/// One edit as the plain-text protocol writes it.
fn edit(path: &str, search: &str, replace: &str) -> Result<String, String> {
    let marker = |line: &str| {
        line.starts_with("<<<<<<<") || line.starts_with("=======") || line.starts_with(">>>>>>>")
    };
    if search.lines().chain(replace.lines()).any(marker) {
        return Err("lines that begin like conflict markers cannot be edited".to_owned());
    }
    if path.contains('\n') {
        return Err("a path is one line".to_owned());
    }
    let whole = |text: &str| match text {
        "" => String::new(),
        some if some.ends_with('\n') => some.to_owned(),
        some => format!("{some}\n"),
    };
    Ok(format!(
        "{}\n<<<<<<< SEARCH\n{}=======\n{}>>>>>>> REPLACE\n",
        plain(path),
        whole(search),
        whole(replace)
    ))
}

/// A text as a regular expression that matches it.
fn literally(text: &str) -> String {
    let special = |c: char| "\\.+*?()|[]{}^$#&-~".contains(c);
    text.chars()
        .flat_map(|c| special(c).then_some('\\').into_iter().chain([c]))
        .collect()
}

/// The object that came with a call, taken apart field by field: what is left at the end was not asked for.
struct Arguments(Map<String, Value>);

impl Arguments {
    fn maybe(&mut self, name: &str) -> Result<Option<String>, String> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(format!("`{name}` is a text")),
        }
    }

    /// A text that may be empty.
    fn some(&mut self, name: &str) -> Result<String, String> {
        self.maybe(name)?.ok_or_else(|| format!("`{name}` is missing"))
    }

    fn text(&mut self, name: &str) -> Result<String, String> {
        let text = self.some(name)?;
        match text.trim() {
            "" => Err(format!("`{name}` is empty")),
            trimmed => Ok(trimmed.to_owned()),
        }
    }

    fn number(&mut self, name: &str) -> Result<Option<usize>, String> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match value.as_u64().and_then(|n| usize::try_from(n).ok()) {
                Some(n) => Ok(Some(n)),
                None => Err(format!("`{name}` is a whole number")),
            },
        }
    }

    fn list(&mut self, name: &str) -> Result<Vec<String>, String> {
        let wrong = || format!("`{name}` is a list of texts");
        let Some(Value::Array(items)) = self.0.remove(name) else {
            return Err(wrong());
        };
        let text = |item: Value| item.as_str().map(str::to_owned).ok_or_else(wrong);
        items.into_iter().take(MAX_STEPS).map(text).collect()
    }
}

/// The calls of one answer, until each has its result.
#[derive(Debug, Clone, Default)]
pub(super) struct Calling {
    results: Vec<ToolResult>,
    /// For which call each look is made, in order.
    pub(super) looks: Vec<usize>,
    /// Which call waits for the checks.
    pub(super) check: Option<usize>,
    /// What the person said meanwhile.
    pub(super) also: String,
}

impl Calling {
    pub(super) fn of(calls: &[ToolCall]) -> Calling {
        let result = |call: &ToolCall| ToolResult {
            id: call.id.clone(),
            text: String::new(),
            failed: false,
        };
        Calling {
            results: calls.iter().map(result).collect(),
            ..Calling::default()
        }
    }

    pub(super) fn say(&mut self, call: usize, text: &str) {
        if let Some(result) = self.results.get_mut(call) {
            result.text.push_str(text);
        }
    }

    pub(super) fn refuse(&mut self, call: usize, why: &str) {
        self.say(call, why);
        if let Some(result) = self.results.get_mut(call) {
            result.failed = true;
        }
    }

    /// Whether no call came to anything.
    pub(super) fn in_vain(&self) -> bool {
        self.results.iter().all(|r| r.failed)
    }

    /// The first refusal, for people.
    pub(super) fn why(&self) -> String {
        let text = self.results.iter().find(|r| r.failed).map(|r| r.text.as_str());
        text.unwrap_or_default().to_owned()
    }

    /// Every call has a result, also one that says nothing.
    pub(super) fn results(self) -> (Vec<ToolResult>, String) {
        let mut results = self.results;
        for result in results.iter_mut().filter(|r| r.text.is_empty()) {
            result.text.push_str("done");
        }
        (results, self.also)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use brisk_domain::tool::Arguments;

    fn call(name: &str, arguments: &str) -> Result<Act, String> {
        read(&ToolCall {
            id: "c".into(),
            name: name.into(),
            arguments: Arguments::read(arguments),
        })
    }

    #[test]
    fn calls_mean_what_the_lines_of_the_plain_text_protocol_mean() {
        let read = |path: &str, lines| {
            Act::Look(Look::Read {
                path: path.into(),
                lines,
            })
        };
        for (name, arguments, want) in [
            ("read", r#"{"path":"./a.rs"}"#, read("a.rs", None)),
            (
                "read",
                r#"{"path":"a.rs","first":3}"#,
                read("a.rs", Some((3, usize::MAX))),
            ),
            (
                "read",
                r#"{"path":"a.rs","last":3,"first":null}"#,
                read("a.rs", Some((1, 3))),
            ),
            ("list", "", Act::Look(Look::List { path: String::new() })),
            (
                "list",
                r#"{"path":"./src/"}"#,
                Act::Look(Look::List { path: "src".into() }),
            ),
            (
                "search",
                r#"{"text":"a.b"}"#,
                Act::Look(Look::Search { text: "a.b".into() }),
            ),
            (
                "search",
                r#"{"text":"a.b","path":"src"}"#,
                Act::Look(Look::Grep {
                    pattern: "a\\.b".into(),
                    below: "src".into(),
                }),
            ),
            (
                "search",
                r#"{"pattern":"a.b","text":""}"#,
                Act::Look(Look::Grep {
                    pattern: "a.b".into(),
                    below: String::new(),
                }),
            ),
            (
                "outline",
                r#"{"path":"a.rs"}"#,
                Act::Look(Look::Outline { path: "a.rs".into() }),
            ),
            (
                "run",
                r#"{"check":"unit"}"#,
                Act::Look(Look::Run { check: "unit".into() }),
            ),
            (
                "edit",
                r#"{"path":"a.rs","search":"x","replace":"y\n"}"#,
                Act::Edit("a.rs\n<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE\n".into()),
            ),
            (
                "plan",
                r#"{"steps":["a","b"]}"#,
                Act::Plan(vec!["a".into(), "b".into()]),
            ),
            ("check", "{}", Act::Check),
            ("done", "", Act::Done),
            (
                "db__query",
                r#"{"sql":"x"}"#,
                Act::Look(Look::Tool {
                    name: "db__query".into(),
                    arguments: Map::from_iter([("sql".to_owned(), json!("x"))]),
                }),
            ),
        ] {
            assert_eq!(call(name, arguments), Ok(want), "{name} {arguments}");
        }
    }

    #[test]
    fn what_means_nothing_is_said_in_words() {
        for (name, arguments, why) in [
            ("rm", r#"{"path":"/"}"#, "there is no tool \"rm\""),
            ("read", r#"{"path":"a""#, "no JSON object"),
            ("read", "{}", "`path` is missing"),
            ("read", r#"{"path":" "}"#, "`path` is empty"),
            ("read", r#"{"path":["a"]}"#, "`path` is a text"),
            ("read", r#"{"path":"a","first":5,"last":2}"#, "not above `last`"),
            ("read", r#"{"path":"a","first":-1}"#, "whole number"),
            ("read", r#"{"path":"a","offset":1}"#, "read takes no `offset`"),
            ("search", "{}", "either `text` or `pattern`"),
            (
                "search",
                r#"{"text":"a","pattern":"b"}"#,
                "either `text` or `pattern`",
            ),
            ("edit", r#"{"path":"a","search":"x"}"#, "`replace` is missing"),
            (
                "edit",
                r#"{"path":"a","search":"=======","replace":""}"#,
                "conflict markers",
            ),
            ("edit", r#"{"path":"a\nb","search":"x","replace":""}"#, "one line"),
            ("apply_patch", r#"{"patch":"--- a"}"#, "*** Begin Patch"),
            ("plan", r#"{"steps":"a"}"#, "a list of texts"),
            ("done", r#"{"success":true}"#, "done takes no `success`"),
        ] {
            let said = call(name, arguments).unwrap_err();
            assert!(said.contains(why), "{name} {arguments}: {said}");
        }
    }

    #[test]
    fn every_tool_is_understood_and_no_more_are_offered_than_may_be_used() {
        let kit = |checks: &[&str]| Kit {
            checks: checks.iter().map(|c| (*c).to_owned()).collect(),
            ..Kit::default()
        };
        let names = |format, kit: &Kit| -> Vec<String> {
            tools(format, kit)
                .into_iter()
                .map(|t| t.name.to_string())
                .collect()
        };
        let plain = names(EditFormat::SearchReplace, &kit(&[]));
        assert!(
            plain.contains(&"edit".to_owned()) && !plain.contains(&"run".to_owned()),
            "{plain:?}"
        );
        let patch = names(EditFormat::ApplyPatch, &kit(&["unit"]));
        assert!(
            patch.contains(&"apply_patch".to_owned()) && patch.contains(&"run".to_owned()),
            "{patch:?}"
        );
        for name in plain.iter().chain(&patch) {
            let said = call(name, r#"{"nothing":1}"#).unwrap_err();
            assert!(!said.contains("there is no tool"), "{name}: {said}");
        }
    }
}
