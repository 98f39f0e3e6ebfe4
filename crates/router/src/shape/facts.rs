//! A shape as names and values, and back: what is written down of a task. No words, no paths.

use super::{Evidence, Fact, Shape};
use crate::scale::{Ambiguity, Latency, Safety, Scope, Set, Task, Tool, Trust};
use std::collections::BTreeMap;

/// What says a fact that was written down.
const STORED: Evidence = Evidence::Told {
    what: "what was stored",
};

impl Shape {
    /// The facts that are known, by the names that policies have. The paths are left out.
    pub fn facts(&self) -> BTreeMap<String, String> {
        let mut out = BTreeMap::new();
        let mut put = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                out.insert(name.to_owned(), value);
            }
        };
        put("intent", self.task.value.map(|v| v.name().to_owned()));
        put("scope", self.scope.value.map(|v| v.name().to_owned()));
        put("files", self.files.value.map(|v| v.to_string()));
        put("lines", self.lines.value.map(|v| v.to_string()));
        put("context", self.context.value.map(|v| v.to_string()));
        put("answer", self.answer.map(|v| v.to_string()));
        put("reversible", self.reversible.value.map(|v| v.to_string()));
        put("ambiguity", self.ambiguity.value.map(|v| v.name().to_owned()));
        put("safety", self.safety.value.map(|v| v.name().to_owned()));
        put("wants_tests", self.wants_tests.value.map(|v| v.to_string()));
        put("tools", self.tools.value.map(|v| v.names(Tool::NAMES).join(",")));
        put("interactive", self.interactive.value.map(|v| v.to_string()));
        put("latency", self.latency.value.map(|v| v.name().to_owned()));
        put("trust", self.trust.value.map(|v| v.name().to_owned()));
        out
    }

    /// A shape of facts that were written down. What is missing or unknown to this version is unknown.
    pub fn of_facts(facts: &BTreeMap<String, String>) -> Shape {
        let text = |name: &str| facts.get(name).map(String::as_str);
        let number = |name: &str| text(name).and_then(|t| t.parse::<u32>().ok());
        let flag = |name: &str| text(name).and_then(|t| t.parse::<bool>().ok());
        Shape {
            task: stored(text("intent").and_then(Task::from_name)),
            scope: stored(text("scope").and_then(Scope::from_name)),
            files: stored(number("files")),
            lines: stored(number("lines")),
            context: stored(number("context")),
            answer: number("answer"),
            reversible: stored(flag("reversible")),
            ambiguity: stored(text("ambiguity").and_then(Ambiguity::from_name)),
            safety: stored(text("safety").and_then(Safety::from_name)),
            wants_tests: stored(flag("wants_tests")),
            tools: stored(text("tools").map(|list| {
                let all = list.split(',').filter_map(Tool::from_name);
                Set::of(all.map(|tool| tool as u32))
            })),
            interactive: stored(flag("interactive")),
            latency: stored(text("latency").and_then(Latency::from_name)),
            trust: stored(text("trust").and_then(Trust::from_name)),
            sites: Vec::new(),
        }
    }
}

fn stored<T>(value: Option<T>) -> Fact<T> {
    Fact {
        because: value.iter().map(|_| STORED).collect(),
        value,
    }
}
