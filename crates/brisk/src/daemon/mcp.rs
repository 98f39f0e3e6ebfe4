//! Tools of the person's own servers (Model Context Protocol over standard input and output), for one attempt.
//!
//! Three requests of the protocol are spoken, by hand: the official kit for Rust (`rmcp`) brings a service of its own on
//! an async runtime and reads lines of any length, and what matters here is the bound on everything that a server sends.
//! A server that is silent, floods or speaks nonsense is cut: its process ends, and its name and the reason are told.

mod line;
mod talk;

use crate::config::ToolServer;
use brisk_domain::tool::{Tool, ToolName};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use talk::{Link, Trouble};

/// Bytes of a result that are told.
const RESULT: usize = 32 << 10;

/// Tools of one server, at most.
const TOOLS: usize = 64;

/// Pages of a list of tools that are read.
const PAGES: usize = 8;

/// Bytes of a tool's description, and of its schema, that a model is told.
const ABOUT: usize = 1_000;
const SCHEMA: usize = 8 << 10;

/// Between a server's name and its tool's.
const OF: &str = "__";

/// What came of a call.
pub(crate) enum Called {
    /// The tool answered, or said that it failed.
    Answered(String),
    /// There is no such tool, or its server is gone.
    Refused(String),
}

/// The servers of one attempt. They end with it.
#[derive(Default)]
pub(crate) struct Servers {
    all: BTreeMap<String, State>,
    /// By the name that a model is told: whose it is, and its own name.
    known: BTreeMap<ToolName, (String, String)>,
    tools: Vec<Tool>,
}

enum State {
    Up(Box<Link>),
    /// It was cut, or did not start.
    Down(String),
}

impl Servers {
    /// Starts every server and asks for its tools. One that does not answer in time costs its own tools, nothing else.
    /// Also says what is wrong with them, a line each.
    pub(crate) fn open(
        config: &BTreeMap<String, ToolServer>,
        wanted: &dyn Fn() -> bool,
    ) -> (Servers, Vec<String>) {
        let mut servers = Servers::default();
        let mut wrong = Vec::new();
        for (name, server) in config {
            let begun = Link::open(server).and_then(|mut link| {
                let tools = list(&mut link, wanted)?;
                Ok((link, tools))
            });
            let state = match begun {
                Ok((link, tools)) => {
                    wrong.extend(servers.learn(name, tools));
                    State::Up(Box::new(link))
                }
                Err(why) => {
                    wrong.push(format!("the tool server {name} was cut: {why}"));
                    State::Down(why.to_string())
                }
            };
            servers.all.insert(name.clone(), state);
        }
        (servers, wrong)
    }

    fn learn(&mut self, server: &str, tools: Vec<Listed>) -> Vec<String> {
        let mut wrong = Vec::new();
        for listed in tools {
            // A name that no protocol takes, or that another tool has: the person is told, the model is not.
            let Some(name) = ToolName::new(format!("{server}{OF}{}", listed.name)) else {
                wrong.push(format!(
                    "the tool server {server} has a tool without a usable name"
                ));
                continue;
            };
            if self.known.contains_key(&name) {
                continue;
            }
            self.known.insert(name.clone(), (server.to_owned(), listed.name));
            self.tools.push(Tool {
                name,
                about: listed.about,
                takes: listed.takes,
            });
        }
        wrong
    }

    /// Servers that are not there, and why.
    pub(crate) fn down(&self) -> Vec<(String, String)> {
        let down = self.all.iter().filter_map(|(name, state)| match state {
            State::Up(_) => None,
            State::Down(why) => Some((name.clone(), why.clone())),
        });
        down.collect()
    }

    /// What a model may be told of.
    pub(crate) fn tools(&self) -> Vec<Tool> {
        self.tools.clone()
    }

    /// Calls a tool by the name that the model was told.
    pub(crate) fn call(
        &mut self,
        name: &str,
        arguments: &Map<String, Value>,
        wanted: &dyn Fn() -> bool,
    ) -> Called {
        let known = ToolName::new(name).and_then(|name| self.known.get(&name).cloned());
        let Some((server, tool)) = known else {
            let down = name
                .split_once(OF)
                .and_then(|(server, _)| match self.all.get(server)? {
                    State::Down(why) => Some(format!("its server {server} was cut: {why}")),
                    State::Up(_) => None,
                });
            let why = down.unwrap_or_else(|| "there is no such tool".to_owned());
            return Called::Refused(format!("{name}: {why}"));
        };
        let link = match self.all.get_mut(&server) {
            Some(State::Up(link)) => link,
            Some(State::Down(why)) => {
                return Called::Refused(format!("{name}: its server {server} was cut: {why}"));
            }
            None => return Called::Refused(format!("{name}: there is no server {server}")),
        };
        let answer = link.ask(
            "tools/call",
            &json!({"name": tool, "arguments": arguments}),
            wanted,
        );
        match answer {
            Ok(result) => Called::Answered(said(&result)),
            Err(Trouble::Refused(why)) => Called::Answered(format!("it failed: {why}")),
            Err(cut) => {
                let why = cut.to_string();
                super::note(&format!("the tool server {server} was cut: {why}"));
                self.all.insert(server.clone(), State::Down(why.clone()));
                Called::Refused(format!("{name}: its server {server} was cut: {why}"))
            }
        }
    }
}

/// A tool as its server tells of it.
struct Listed {
    name: String,
    about: String,
    takes: Map<String, Value>,
}

fn list(link: &mut Link, wanted: &dyn Fn() -> bool) -> Result<Vec<Listed>, Trouble> {
    link.greet(wanted)?;
    let mut out = Vec::new();
    let mut page = json!({});
    for _ in 0..PAGES {
        let answer = link.ask("tools/list", &page, wanted)?;
        let tools = answer.get("tools").and_then(Value::as_array);
        out.extend(tools.into_iter().flatten().filter_map(listed));
        match answer.get("nextCursor").and_then(Value::as_str) {
            Some(next) if out.len() < TOOLS => page = json!({"cursor": next}),
            Some(_) | None => break,
        }
    }
    out.truncate(TOOLS);
    Ok(out)
}

fn listed(tool: &Value) -> Option<Listed> {
    let text = |name: &str| tool.get(name).and_then(Value::as_str).unwrap_or_default();
    let schema = tool.get("inputSchema").and_then(Value::as_object);
    // One that is too large or none at all is told as any object: the server reads the arguments itself.
    let fits = |s: &&Map<String, Value>| json!(s).to_string().len() <= SCHEMA;
    let any = || Map::from_iter([("type".to_owned(), json!("object"))]);
    Some(Listed {
        name: Some(text("name")).filter(|n| !n.is_empty())?.to_owned(),
        about: text("description").chars().take(ABOUT).collect(),
        takes: schema.filter(fits).cloned().unwrap_or_else(any),
    })
}

/// The texts of a result, cut.
fn said(result: &Value) -> String {
    let parts = result.get("content").and_then(Value::as_array);
    let part = |part: &Value| match part.get("text").and_then(Value::as_str) {
        Some(text) => text.to_owned(),
        None => format!(
            "({})",
            part.get("type").and_then(Value::as_str).unwrap_or("something")
        ),
    };
    let mut text = parts
        .into_iter()
        .flatten()
        .map(part)
        .collect::<Vec<String>>()
        .join("\n");
    if let (true, Some(data)) = (text.is_empty(), result.get("structuredContent")) {
        text = data.to_string();
    }
    if text.len() > RESULT {
        let whole = text.len();
        let mut end = RESULT;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push_str(&format!("\n(cut after {end} of {whole} bytes)"));
    }
    match result.get("isError").and_then(Value::as_bool) {
        Some(true) => format!("it failed: {text}"),
        Some(false) | None => text,
    }
}

#[cfg(test)]
mod tests;
