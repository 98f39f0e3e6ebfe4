//! The calls of one answer on their way to their results.

use brisk_domain::tool::{ToolCall, ToolResult};

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
