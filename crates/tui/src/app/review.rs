//! Decisions about hunks on offer.

use super::hold::Step;
use super::prompt::ASK;
use super::{Act, App, Purpose};
use crate::app::Wish;
use crate::key::Key;
use crate::look;
use crate::wire::Call;
use brisk_protocol::HunkSet;
use brisk_protocol::domain::{HunkId, HunkState, Intent};

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
            (Key::Char('?'), Some(id)) => self.explain(id),
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
        if self.link == super::Link::Up {
            self.book.deciding(which);
        }
        self.kept_lines = (0, 0);
        self.send(call);
    }

    pub(super) fn edit_hunk(&mut self, id: HunkId) {
        let Some(hunk) = self.book.find(id) else { return };
        let mut text = hunk.added.join("\n");
        text.push('\n');
        let name = hunk.path.rsplit('/').next().unwrap_or_default();
        let suffix = format!("-{name}");
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
            Purpose::Hunk(hunk) => {
                let added: Vec<String> = text.lines().map(str::to_owned).collect();
                if self.book.find(hunk).is_some_and(|h| h.removed == added) {
                    self.say("nothing is left of this hunk", look::DIM);
                    self.decide(Call::Reject(HunkSet::Ids(vec![hunk])), |h| h == hunk);
                } else if self.book.find(hunk).is_some_and(|h| h.added != added) {
                    self.send(Call::Amend { hunk, added });
                }
            }
        }
    }

    /// Asks the model about one hunk; it stays on offer.
    fn explain(&mut self, id: HunkId) {
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
