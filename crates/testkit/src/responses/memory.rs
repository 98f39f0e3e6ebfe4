//! What the fake remembers of conversations, by its own reading of the protocol: the state behind an id is the input
//! and the answer. On a socket only the last answer is kept, over HTTP every one that was to be stored.

use serde_json::Value;
use std::collections::BTreeMap;

/// Who said what.
pub type Line = (String, String);

/// The states that can be followed.
#[derive(Debug, Default)]
pub(super) struct Memory {
    states: BTreeMap<String, Vec<Line>>,
}

impl Memory {
    /// The whole conversation that a request stands for; `None` if it follows an id that is not known.
    pub(super) fn whole(&self, body: &Value) -> Option<Vec<Line>> {
        let mut lines = match body.get("previous_response_id").and_then(Value::as_str) {
            Some(id) => self.states.get(id)?.clone(),
            None => Vec::new(),
        };
        lines.extend(body["input"].as_array().into_iter().flatten().map(line));
        Some(lines)
    }

    /// Nothing but this can be followed.
    pub(super) fn only(&mut self, id: &str, state: Vec<Line>) {
        self.states.clear();
        self.keep(id, state);
    }

    /// This can be followed as well.
    pub(super) fn keep(&mut self, id: &str, state: Vec<Line>) {
        self.states.insert(id.to_owned(), state);
    }
}

fn line(item: &Value) -> Line {
    let role = item["role"].as_str().unwrap_or_default().to_owned();
    let content = &item["content"];
    let text = match content.as_str() {
        Some(text) => text.to_owned(),
        None => content
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|part| part["text"].as_str())
            .collect(),
    };
    (role, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_state_is_what_was_said() {
        let said = |role: &str, text: &str| (role.to_owned(), text.to_owned());
        let mut memory = Memory::default();
        let first = json!({"input": [{"role": "user", "content": "a"}]});
        assert_eq!(memory.whole(&first), Some(vec![said("user", "a")]));
        memory.keep("r1", vec![said("user", "a"), said("assistant", "b")]);
        let next = json!({"previous_response_id": "r1",
            "input": [{"role": "user", "content": [{"type": "input_text", "text": "c"}]}]});
        let want = vec![said("user", "a"), said("assistant", "b"), said("user", "c")];
        assert_eq!(memory.whole(&next), Some(want));
        memory.only("r2", Vec::new());
        assert_eq!(memory.whole(&next), None);
    }
}
