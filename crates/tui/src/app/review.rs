//! Decisions about hunks on offer.

use super::hold::Step;
use super::prompt::ASK;
use super::{Act, App, Link, Purpose};
use crate::app::Wish;
use crate::key::Key;
use crate::look;
use crate::wire::Call;
use brisk_protocol::HunkSet;
use brisk_protocol::domain::{HunkId, HunkState, Intent};

/// Why a text for a hunk went nowhere.
pub(super) const GONE: &str = "its hunk is no longer on offer";

/// A text that is on its way to a hunk.
#[derive(Debug)]
pub(super) struct Amending {
    pub(super) hunk: HunkId,
    text: String,
}

impl App {
    /// Keys of the review that are no letters; false: the key types.
    #[allow(clippy::wildcard_enum_match_arm, reason = "every other key types")]
    pub(super) fn review_key(&mut self, key: Key) -> bool {
        let chosen = self.book.offered().nth(self.selected).map(|h| h.id);
        match (key, chosen) {
            (Key::Enter, _) => self.keep_all(),
            (Key::Down, _) => self.step(Step::Next),
            (Key::Up, _) => self.step(Step::Previous),
            (Key::Char(' '), Some(id)) => self.decide(Call::Keep(HunkSet::Ids(vec![id])), |h| h == id),
            _ => return false,
        }
        true
    }

    /// What is shown is not to be had any more.
    pub(super) fn withdraw_all(&mut self) {
        let ids: Vec<HunkId> = self.book.hunks.iter().map(|h| h.id).collect();
        for id in ids {
            let why = "the daemon that offered it is gone".to_owned();
            if let Some(over) = self.book.close(id, HunkState::Withdrawn { why }) {
                self.print_over(over);
                let again = "the up arrow brings the request back, to ask again";
                self.hint = (!self.is_past()).then(|| again.into());
            }
        }
    }

    pub(super) fn keep_all(&mut self) {
        self.decide(Call::Keep(HunkSet::All), |_| true);
    }

    pub(super) fn reject_all(&mut self) {
        self.decide(Call::Reject(HunkSet::All), |_| true);
    }

    pub(super) fn decide(&mut self, call: Call, which: impl Fn(HunkId) -> bool) {
        if self.link == Link::Up {
            self.book.deciding(which);
        }
        self.kept_lines = (0, 0);
        self.send(call);
    }

    pub(super) fn edit_hunk(&mut self, id: HunkId) {
        let Some(hunk) = self.book.find(id) else { return };
        let text: String = hunk.added.iter().map(|l| format!("{l}\n")).collect();
        let name = hunk.path.rsplit('/').next().unwrap_or_default();
        let suffix = format!("-{name}");
        self.handed.clone_from(&text);
        self.act(Act::Edit {
            purpose: Purpose::Hunk(id),
            text,
            suffix,
        });
    }

    pub(super) fn edited(&mut self, purpose: Purpose, outcome: Result<String, String>) {
        let text = match outcome {
            Ok(text) => text,
            Err(why) => return self.say(&why, look::BAD),
        };
        match purpose {
            Purpose::Prompt => {
                self.composer.set(text.trim_end_matches('\n'));
                self.typing = true;
                self.draft_changed();
            }
            Purpose::Hunk(hunk) => self.amend(hunk, text),
        }
    }

    fn amend(&mut self, hunk: HunkId, text: String) {
        // What counts is what the person did: a hunk that only removes begins with no text at all.
        if text.lines().eq(self.handed.lines()) {
            return;
        }
        let added: Vec<String> = text.lines().map(str::to_owned).collect();
        let found = self.book.find(hunk).map(|h| h.removed == added);
        if found == Some(true) {
            self.say("nothing is left of this hunk", look::DIM);
            return self.decide(Call::Reject(HunkSet::Ids(vec![hunk])), |h| h == hunk);
        }
        self.amending = Some(Amending { hunk, text });
        match (found, self.link) {
            (None, _) => self.rescue(GONE),
            (Some(_), Link::Up) => self.send(Call::Amend { hunk, added }),
            (Some(_), Link::Connecting | Link::Lost | Link::Failed) => {
                self.rescue("there is no connection to the daemon");
            }
        }
    }

    /// A text that the person wrote for a hunk goes nowhere: it is theirs again.
    pub(super) fn rescue(&mut self, why: &str) {
        let Some(Amending { text, .. }) = self.amending.take() else {
            return;
        };
        let text = text.trim_end_matches('\n');
        if text.trim().is_empty() {
            return self.say(&format!("the hunk was not changed: {why}"), look::WARN);
        }
        self.act(Act::Remember(text.to_owned()));
        let place = if self.composer.is_empty() {
            self.composer.set(text);
            self.typing = true;
            self.draft_changed();
            "what you wrote for the hunk is below"
        } else {
            self.composer.remember(text);
            "what you wrote for the hunk is in the history, C-p brings it back"
        };
        self.say(&format!("{place}: {why}"), look::WARN);
    }

    /// Asks the model about one hunk; it stays on offer.
    pub(super) fn explain(&mut self, id: HunkId) {
        let Some(hunk) = self.book.find(id) else { return };
        let mut text = format!("Explain this change in {} in a few sentences:\n", hunk.place());
        for (sign, lines) in [('-', &hunk.removed), ('+', &hunk.added)] {
            for line in lines {
                text.push(sign);
                text.push_str(line);
                text.push('\n');
            }
        }
        let targets = vec![hunk.path.clone()];
        self.ask(Wish {
            written: format!("{ASK}{text}"),
            text,
            targets,
            intent: Intent::Ask,
        });
    }
}
