//! The way of a model that calls tools: its calls become the same looks, edits and checks as the words of others, and
//! each call gets its own result.

use super::calling::Calling;
use super::calls::{self, Act};
use super::futile::Futile;
use super::{Attempt, How, State, talk, words};
use brisk_domain::port::GenerateRequest;
use brisk_domain::tool::{ToolCall, ToolRequest};

impl Attempt {
    pub(super) fn conversation(&self) -> ToolRequest {
        let opening = self.talk.opening(&self.files.changed_paths());
        ToolRequest {
            plain: GenerateRequest {
                max_tokens: talk::answer_tokens(self.model.context),
                ..self.plain(opening)
            },
            turns: self.talk.turns(),
            tools: self.tools.clone(),
        }
    }

    pub(super) fn called(&mut self, text: &str, calls: &[ToolCall]) {
        self.answers += 1;
        self.talk.called(text, calls);
        let mut calling = Calling::of(calls);
        let said: String = calls
            .iter()
            .map(|c| format!("{} {}\n", c.name, c.arguments.repeated()))
            .collect();
        if self.repeats(&said) {
            (0..calls.len()).for_each(|n| calling.refuse(n, Futile::Repeated(said.clone())));
            words::REPEATED.clone_into(&mut self.refused);
            return self.settle(calling);
        }
        if let Some(why) = self.too_many() {
            return self.fail(why);
        }
        let (mut looks, mut refused) = (Vec::new(), 0);
        for (n, call) in calls.iter().enumerate() {
            match calls::read(call) {
                Err(why) => calling.refuse(n, Futile::Refused(format!("{why}\n"))),
                Ok(Act::Look(look)) => {
                    if let Some(why) = self.files.refusal(&look) {
                        calling.refuse(n, Futile::Refused(format!("{why}\n")));
                    } else if let Some(found) = self.files.answer(&look) {
                        let shown = self.talk.cut(&found);
                        calling.show(n, &shown);
                    } else {
                        calling.looks.push(n);
                        looks.push(look);
                    }
                }
                Ok(Act::Edit(edit)) => {
                    let outcome = self.files.edit(&edit, self.bounds.lines);
                    let words = outcome.words();
                    refused += outcome.refused;
                    match outcome.changed.is_empty() {
                        // No file is named in it, or the same text stands there already.
                        true if words.is_empty() => calling.refuse(n, Futile::NoEdit),
                        true => calling.refuse(n, Futile::Refused(words)),
                        false => {
                            calling.say(n, "changed\n");
                            calling.warn(n, &words);
                            self.unchecked = Some(How::Call);
                            // The same question may have another answer now.
                            self.earlier.clear();
                        }
                    }
                    if !outcome.unread.is_empty() {
                        // They are shown now: the same edit may go in.
                        self.earlier.clear();
                    }
                    for path in outcome.unread {
                        calling.looks.push(n);
                        looks.push(super::Look::whole(path));
                    }
                }
                // For the person: it stands in the step.
                Ok(Act::Plan(_)) => calling.say(n, words::PLANNED),
                Ok(Act::Check | Act::Done) => calling.check = Some(n),
            }
        }
        if let Some(n) = calling.check {
            let why = match (refused, self.unchecked.is_some()) {
                (0, true) => None,
                (0, false) if self.files.changed_paths().is_empty() => Some(Futile::NothingChanged),
                (0, false) => Some(Futile::CheckedAlready),
                _ => Some(Futile::RefusedEdit),
            };
            if why == Some(Futile::CheckedAlready) && self.hands_over() {
                return;
            }
            if let Some(why) = why {
                calling.refuse(n, why);
                calling.check = None;
            }
        }
        calling.refused().clone_into(&mut self.refused);
        match looks.is_empty() {
            true => self.settle(calling),
            false => {
                self.calling = Some(calling);
                self.state = State::Looking {
                    looks,
                    words: String::new(),
                };
            }
        }
    }

    /// Everything that was looked for is there: the checks, if they were asked for, else the results.
    pub(super) fn settle(&mut self, calling: Calling) {
        if calling.check.is_some() {
            self.wasted.forget();
            self.calling = Some(calling);
            self.state = State::Checking;
            return;
        }
        let given_up = match calling.in_vain() {
            Some(futile) => self.wasted.add(futile),
            None => {
                self.wasted.forget();
                None
            }
        };
        self.answer_calls(calling);
        if let Some(why) = given_up {
            return self.fail(why);
        }
        self.state = State::Asking;
    }

    pub(super) fn answer_calls(&mut self, calling: Calling) {
        let (results, also) = calling.results();
        self.talk.results(results);
        if !also.is_empty() {
            self.talk.user(&also);
        }
    }
}

#[cfg(test)]
mod tests;
