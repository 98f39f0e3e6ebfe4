//! Tools for a model that calls them: the same actions as the plain-text protocol has, and what a call means.

use super::Kit;
use super::answer::{Look, MAX_STEPS, plain};
use super::edits::Edit;
use brisk_domain::EditFormat;
use brisk_domain::tool::{Tool, ToolCall, ToolName};
use serde_json::{Map, Value, json};

/// Between a server's name and that of its tool.
pub(super) const OF_SERVER: &str = "__";

/// What a call asks for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Act {
    Look(Look),
    Edit(Edit),
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
            let path = arguments.path("path")?;
            let first = arguments.number("first")?;
            let last = arguments.number("last")?;
            let lines = match (first, last) {
                (None, None) => None,
                (first, last) => Some((first.unwrap_or(1), last.unwrap_or(usize::MAX))),
            };
            if lines.is_some_and(|(a, b)| a == 0 || a > b) {
                return Err("`first` is at least 1 and not above `last`".to_owned());
            }
            Act::Look(Look::Read { path, lines })
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
            path: arguments.path("path")?,
        }),
        "run" => Act::Look(Look::Run {
            check: arguments.text("check")?,
        }),
        "edit" => {
            let path = arguments.path("path")?;
            let search = arguments.some("search")?;
            let replace = arguments.some("replace")?;
            Act::Edit(Edit::Lines {
                path,
                search,
                replace,
            })
        }
        "apply_patch" => {
            let patch = arguments.text("patch")?;
            if !patch.contains("*** Begin Patch") {
                return Err("a patch begins with `*** Begin Patch`".to_owned());
            }
            Act::Edit(Edit::Patch(patch))
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

    /// The path of a file. Some models quote it, as they do in prose.
    fn path(&mut self, name: &str) -> Result<String, String> {
        let text = self.text(name)?;
        let within = |mark: char| text.strip_prefix(mark)?.strip_suffix(mark);
        let bare = ['`', '"', '\''].into_iter().find_map(within).unwrap_or(&text);
        match plain(bare.trim()) {
            "" => Err(format!("`{name}` names no file")),
            several if several.contains('\n') => Err("a path is one line".to_owned()),
            path => Ok(path.to_owned()),
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

#[cfg(test)]
mod tests;
