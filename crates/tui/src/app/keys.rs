//! What keys mean, and in which order meanings are tried: stop first, then what is open (menu, help), then decisions
//! about hunks, then the text.

use super::{Act, App, Link, Purpose, Stage, TWICE};
use crate::composer::Took;
use crate::key::{Key, Typed};
use crate::look;
use crate::wire::Call;

impl App {
    pub(super) fn typed(&mut self, typed: Typed) {
        match typed {
            Typed::Paste(text) => {
                self.hint = None;
                self.letters_are_text();
                self.opening = false;
                self.composer.paste(&text);
                self.written();
            }
            Typed::Key(key) => self.key(key),
        }
    }

    /// Plain mode: a line is a prompt or a command; an empty one keeps what is on offer, else sends what is held.
    pub(super) fn line(&mut self, line: &str) {
        if line.trim().is_empty() {
            if self.live.is_some() {
                return;
            }
            if self.book.is_offering() {
                return self.keep_all();
            }
            self.held = false;
            return self.next_queued();
        }
        self.composer.set(line);
        // Nothing shows here what is held, so that only the empty line sends it.
        let held = self.held;
        self.submit();
        self.held |= held && !self.queue.is_empty();
    }

    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "every other key goes on to the text"
    )]
    fn key(&mut self, key: Key) {
        self.hint = None;
        if key != Key::Ctrl('c') {
            self.quit_at = None;
            self.wiped = None;
        }
        if self.composer.searching().is_some() {
            self.composer.key(key);
            return self.written();
        }
        if self.held_key(key) {
            return;
        }
        match key {
            Key::Esc => return self.escape(),
            Key::Ctrl('c') => return self.interrupt(),
            Key::Ctrl('d') if self.composer.is_empty() => return self.quit(),
            Key::Ctrl('d') if self.composer.is_at_end() => {
                self.hint = Some("Ctrl-D leaves where nothing is written; Ctrl-C clears it".into());
                return;
            }
            Key::Ctrl('l') => return self.act(Act::Redraw),
            Key::Ctrl('z') => return self.act(Act::Suspend),
            Key::Ctrl('g') => return self.give(),
            Key::F1 => {
                self.help = !self.help;
                return;
            }
            _ => {}
        }
        if self.menu_key(key) {
            return;
        }
        if std::mem::take(&mut self.help) && key == Key::Char('?') && self.composer.is_empty() {
            return;
        }
        if self.composer.is_empty() && !self.typing && self.single(key) {
            return;
        }
        match key {
            Key::Enter => match self.composer.is_empty() {
                true => self.held = false,
                false => self.submit(),
            },
            // Without a turn there is nothing to wait for, and who presses Tab there wants a completion.
            Key::Tab if self.live.is_none() && self.queue.is_empty() && self.link == Link::Up => {
                let what = "nothing to complete here; Enter sends";
                self.hint = (!self.composer.is_empty()).then(|| what.into());
            }
            Key::Tab if !self.composer.is_empty() => self.enqueue(),
            Key::Up if self.composer.is_empty() && self.unqueue() => {}
            Key::Ctrl('x') | Key::Alt('e') => {
                let text = self.composer.whole();
                self.act(Act::Edit {
                    purpose: Purpose::Prompt,
                    text,
                    suffix: ".md".into(),
                });
            }
            key => {
                if !matches!(key, Key::Char(_) | Key::Backspace) {
                    self.opening = false;
                }
                if self.composer.key(key) == Took::Yes {
                    self.written();
                    // On the way through the history a menu would take the arrows.
                    if matches!(key, Key::Up | Key::Down | Key::Ctrl('p' | 'n')) {
                        self.menu = None;
                    }
                }
            }
        }
        self.next_queued();
    }

    fn written(&mut self) {
        self.settle_opening(false);
        if self.composer.is_empty() {
            self.typing = false;
        } else {
            self.writing = true;
        }
        self.draft_changed();
        self.look_up();
    }

    /// Esc: stops first of all. Twice: what is on offer is dropped.
    fn escape(&mut self) {
        if self.live.is_some() {
            return self.stop();
        }
        let again = self
            .stopped_at
            .is_some_and(|at| self.now.saturating_sub(at) <= TWICE);
        if again && self.book.is_offering() {
            self.stopped_at = None;
            return self.reject_all();
        }
        if self.menu.take().is_some() || std::mem::take(&mut self.help) {
            return;
        }
        // In a text vi's Esc is about the text.
        if (self.composer.is_empty() || self.composer.vi() != Some("INSERT")) && self.stop_checks() {
            return;
        }
        self.typing = false;
        self.composer.key(Key::Esc);
        self.writing = !self.composer.is_empty();
    }

    pub(super) fn stop(&mut self) {
        let Some(live) = &mut self.live else { return };
        if live.stage == Stage::Stopping {
            self.discard = true;
            return;
        }
        live.stage = Stage::Stopping;
        self.track_stop();
        self.stopped_at = Some(self.now);
        self.menu = None;
        self.held = !self.queue.is_empty();
        self.send(Call::Cancel);
    }

    /// Ctrl-C: stops, or clears what is written; where it has nothing else to do, a second one leaves. What the first one
    /// cleared is then back at the next start.
    fn interrupt(&mut self) {
        if self.live.as_ref().is_some_and(|l| l.stage != Stage::Stopping) {
            return self.stop();
        }
        if !self.composer.is_empty() {
            let text = self.composer.take();
            (self.typing, self.writing, self.opening) = (false, false, false);
            self.menu = None;
            self.quit_at = Some(self.now);
            self.wiped = Some(text.clone());
            self.act(Act::Remember(text));
            self.hint = Some("cleared, the up arrow brings it back; Ctrl-C again leaves".into());
            return self.draft_changed();
        }
        if self
            .quit_at
            .is_some_and(|at| self.now.saturating_sub(at) <= TWICE)
        {
            if let Some(text) = self.wiped.take() {
                self.composer.set(&text);
            }
            return self.quit();
        }
        self.quit_at = Some(self.now);
        self.hint = Some("Ctrl-C again leaves".into());
    }

    pub(super) fn quit(&mut self) {
        self.save_draft();
        let offered = self.book.offered().count();
        if offered > 0 {
            let session = self.session.map_or_else(String::new, |s| s.to_string());
            self.say(
                &format!(
                    "{} not decided; `brisk --session {session}` goes on",
                    look::count(offered, "hunk")
                ),
                look::WARN,
            );
        }
        self.act(Act::Quit);
    }

    /// A single key while nothing is written; false: it types.
    #[allow(clippy::wildcard_enum_match_arm, reason = "every other key types")]
    fn single(&mut self, key: Key) -> bool {
        let budget = matches!(self.live.as_ref().map(|l| l.stage), Some(Stage::Budget(..)));
        if self.live.is_some() && !budget {
            return false;
        }
        if let Key::Char(c) = key
            && self.letter(c)
        {
            return true;
        }
        match key {
            Key::Enter if budget && self.book.is_offering() => self.keep_all(),
            _ if budget => return false,
            Key::Char('?') => self.help = true,
            _ if self.book.is_offering() => return self.review_key(key),
            _ => return false,
        }
        true
    }
}
