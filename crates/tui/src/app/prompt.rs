//! Prompts: from the text to what is sent, later or now; none is ever lost.

use super::{Act, App, DRAFT_AFTER, Link, Live, Stage};
use crate::felt::Felt;
use crate::look;
use crate::prose::Prose;
use crate::wire::Call;
use brisk_protocol::PromptExtras;
use brisk_protocol::domain::{Intent, Lane};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// How a question is written.
pub(super) const ASK: &str = "/ask ";

/// One request in words, as it will be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wish {
    /// The request in words, for who reads it elsewhere; its places are without their `@`.
    pub(crate) text: String,
    /// As the person wrote it: what goes back into the composer, or to the next start, still names its places.
    pub(crate) written: String,
    pub(crate) targets: Vec<String>,
    pub(crate) intent: Intent,
}

impl Wish {
    /// The request in the person's own words.
    pub(crate) fn said(&self) -> &str {
        self.written.strip_prefix(ASK).unwrap_or(&self.written)
    }

    /// From what an earlier wish had as `written`.
    pub(crate) fn again(written: &str, known: &BTreeSet<String>) -> Wish {
        match written.strip_prefix(ASK) {
            Some(question) => Wish::read(question, Intent::Ask, known),
            None => Wish::read(written, Intent::Edit, known),
        }
    }

    /// Finds the places in a text: words that begin with `@` and look like a file, or were taken from the menu.
    /// In the text they stay without their `@`.
    pub(crate) fn read(text: &str, intent: Intent, known: &BTreeSet<String>) -> Wish {
        let mut targets = Vec::new();
        let mut out = String::with_capacity(text.len());
        for piece in text.split_inclusive(char::is_whitespace) {
            let word = piece.trim_end();
            let place = word
                .strip_prefix('@')
                .map(|p| p.trim_end_matches([',', ';', ':', '?', '!', ')']));
            let place = place.map(|p| {
                if known.contains(p) {
                    p
                } else {
                    p.trim_end_matches('.')
                }
            });
            match place.filter(|p| known.contains(*p) || looks_like_a_file(p)) {
                Some(place) => {
                    if !targets.iter().any(|t| t == place) {
                        targets.push(place.to_owned());
                    }
                    out.push_str(piece.get(1..).unwrap_or_default());
                }
                None => out.push_str(piece),
            }
        }
        let ask = if intent == Intent::Ask { ASK } else { "" };
        Wish {
            text: out,
            written: format!("{ask}{text}"),
            targets,
            intent,
        }
    }
}

fn looks_like_a_file(place: &str) -> bool {
    let file = place.split(':').next().unwrap_or_default();
    let name = file.rsplit('/').next().unwrap_or_default();
    !name.is_empty() && (file.contains('/') || name.trim_matches('.').contains('.'))
}

/// What was not sent, for the next start.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Draft {
    /// In the composer.
    pub text: String,
    /// Queued prompts, oldest first.
    #[serde(default)]
    pub queue: Vec<String>,
}

impl Draft {
    /// Nothing to keep.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty() && self.queue.is_empty()
    }
}

impl App {
    pub(super) fn restore(&mut self, draft: Draft) {
        let queue = draft.queue.iter().map(|w| Wish::again(w, &self.known));
        self.queue.extend(queue);
        if !self.plain {
            self.composer.set(&draft.text);
        } else if !draft.text.trim().is_empty() {
            self.queue.push_front(Wish::again(draft.text.trim(), &self.known));
        }
        self.held = !self.queue.is_empty();
        self.tell_held();
        self.saved = self.draft();
        if !self.saved.is_empty() {
            self.hint = Some("what you had not sent is back".into());
        }
    }

    fn draft(&self) -> Draft {
        let waiting = self.sent.iter().map(|(_, w)| w).chain(&self.queue);
        Draft {
            text: self.composer.whole(),
            queue: waiting.map(|w| w.written.clone()).collect(),
        }
    }

    /// The person wrote: the draft is saved when they pause.
    pub(super) fn draft_changed(&mut self) {
        self.draft_due = Some(self.now + DRAFT_AFTER);
    }

    pub(super) fn save_draft(&mut self) {
        self.draft_due = None;
        let draft = self.draft();
        if draft != self.saved {
            self.saved = draft.clone();
            self.act(Act::Save(draft));
        }
    }

    /// Enter: what is written is sent, as a new direction where a turn runs.
    pub(super) fn submit(&mut self) {
        let Some(wish) = self.taken() else { return };
        self.ask(wish);
        self.save_draft();
    }

    /// Sends a prompt now, or as soon as there is a connection.
    pub(super) fn ask(&mut self, wish: Wish) {
        if self.link == Link::Up {
            self.prompt(wish);
        } else {
            self.hint = Some("sent as soon as the daemon is there".into());
            self.queue.push_back(wish);
        }
    }

    /// Tab: what is written waits for the end of the turn.
    pub(super) fn enqueue(&mut self) {
        let Some(wish) = self.taken() else { return };
        if self.live.is_none() && self.queue.is_empty() && self.link == Link::Up {
            self.prompt(wish);
        } else {
            if self.plain {
                self.say(&format!("queued: {}", wish.written), look::DIM);
            }
            self.queue.push_back(wish);
        }
        self.save_draft();
    }

    fn taken(&mut self) -> Option<Wish> {
        self.settle_opening(true);
        let text = self.composer.take();
        (self.typing, self.writing, self.opening) = (false, false, false);
        self.menu = None;
        self.act(Act::Remember(text.clone()));
        self.wish_of(&text)
    }

    /// What a whole text asks for; commands are carried out and ask for nothing more.
    pub(super) fn wish_of(&mut self, text: &str) -> Option<Wish> {
        let text = text.trim();
        if let Some(command) = text.strip_prefix('/')
            && !command.starts_with('/')
        {
            return self.command(command);
        }
        if let Some(command) = text.strip_prefix('!') {
            self.refuse_to_run(command);
            return None;
        }
        (!text.is_empty()).then(|| Wish::read(text, Intent::Edit, &self.known))
    }

    fn refuse_to_run(&mut self, command: &str) {
        let command = command.trim();
        self.say(
            &format!("not run: {command}\nThe fast lane runs no command, and there is no code path for one. Run it in another window."),
            look::WARN,
        );
    }

    /// Sends a prompt now.
    pub(super) fn prompt(&mut self, wish: Wish) {
        // What the slow lane does is handed over; a question is answered here.
        if self.lane == Some(Lane::Slow) && wish.intent == Intent::Edit {
            return self.hand_over(wish, false);
        }
        self.prompts += 1;
        let number = self.prompts;
        self.held = false;
        self.after = super::After::Nothing;
        self.stopped_at = None;
        self.discard = false;
        self.asked = Some(wish.written.clone());
        if self.live.is_some() {
            self.steered_at = Some(self.now);
        } else {
            self.live = Some(Live {
                turn: None,
                text: wish.said().to_owned(),
                written: wish.written.clone(),
                stage: Stage::Sent,
                felt: Felt {
                    key: self.now,
                    ..Felt::default()
                },
                place: None,
                prose: Prose::default(),
                said: false,
            });
        }
        let extras = PromptExtras {
            targets: wish.targets.clone(),
            intent: wish.intent,
            model: self.model.clone(),
            lane: self.lane.filter(|_| wish.intent == Intent::Edit),
            latency: self.latency,
            auto_keep: false,
        };
        let text = wish.said().to_owned();
        self.sent.push_back((number, wish));
        self.track_key(number);
        self.send(Call::Prompt { number, text, extras });
    }

    /// The next prompt of the queue, when nothing runs and nothing holds it.
    pub(super) fn next_queued(&mut self) {
        if self.live.is_none()
            && self.handing.is_none()
            && !self.held
            && self.link == Link::Up
            && let Some(wish) = self.queue.pop_front()
        {
            self.prompt(wish);
            self.save_draft();
        }
    }

    /// A prompt that came to nothing goes back to where the person can send it again.
    pub(super) fn give_back(&mut self, wish: Wish) {
        if self.plain {
            // The next line would overwrite the composer, unseen.
            self.queue.push_front(wish);
            self.held = true;
            self.tell_held();
        } else if self.composer.is_empty() {
            self.composer.set(&wish.written);
        } else if self.composer.whole() != wish.written {
            self.queue.push_front(wish);
            self.held = true;
        }
        self.draft_changed();
    }

    /// Plain mode: says that the queue waits for the person; elsewhere it is seen.
    pub(super) fn tell_held(&mut self) {
        if self.plain
            && self.held
            && let Some(next) = self.queue.front()
        {
            let next = next.written.lines().next().unwrap_or_default();
            let text = format!("not sent: {next}; an empty line sends it");
            self.say(&text, look::WARN);
        }
    }

    /// Up in an empty composer: the newest queued prompt comes back for editing.
    pub(super) fn unqueue(&mut self) -> bool {
        match self.queue.pop_back() {
            Some(wish) => {
                self.composer.set(&wish.written);
                self.draft_changed();
                true
            }
            None => false,
        }
    }
}
