//! The calls of one answer on their way to their results.

use super::futile::Futile;
use brisk_domain::tool::{ToolCall, ToolResult};

/// The calls of one answer, until each has its result.
#[derive(Debug, Clone, Default)]
pub(super) struct Calling {
    results: Vec<ToolResult>,
    /// For which call each look is made, in order.
    pub(super) looks: Vec<usize>,
    /// Which call waits for the checks.
    pub(super) check: Option<usize>,
    /// Why the first call that was refused was.
    futile: Option<Futile>,
    /// Everything that was refused, as the model is told.
    refused: String,
    /// Something was found for one of them, if only for one that was refused: its file.
    found: bool,
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

    /// What was looked for.
    pub(super) fn show(&mut self, call: usize, text: &str) {
        self.found = true;
        self.say(call, text);
    }

    /// Something of a call was refused, and the rest was done.
    pub(super) fn warn(&mut self, call: usize, why: &str) {
        self.say(call, why);
        self.refused.push_str(why);
    }

    pub(super) fn refuse(&mut self, call: usize, why: Futile) {
        self.say(call, why.told());
        self.refused.push_str(why.told());
        if let Some(result) = self.results.get_mut(call) {
            result.failed = true;
        }
        self.futile.get_or_insert(why);
    }

    /// What was refused up to now, as the model is told.
    pub(super) fn refused(&self) -> &str {
        &self.refused
    }

    /// Why no call came to anything; `None`: one did.
    pub(super) fn in_vain(&self) -> Option<&Futile> {
        let vain = !self.found && self.results.iter().all(|r| r.failed);
        self.futile.as_ref().filter(|_| vain)
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
