//! The text that the person writes: editing with the keys that people know, folded pastes, undo, history. Pure.
//!
//! A large paste is one character of the private use area here, with its text beside it: cursor, deletion and undo
//! need no case for it. [`Composer::whole`] gives the text that is sent, [`Composer::shown`] the one that is painted.

mod edit;
mod history;
mod objects;
mod vi;

pub(crate) use history::History;

use crate::key::Key;
use std::borrow::Cow;
use vi::Vi;

/// A paste with more lines than this is shown folded.
const FOLD_LINES: usize = 8;
/// A paste with more bytes than this is shown folded.
const FOLD_BYTES: usize = 2_000;
/// First character that stands for a paste.
const FOLD_BASE: u32 = 0xf_0000;
/// Steps of undo that are remembered.
const UNDO_DEPTH: usize = 200;

/// Text and cursor at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct State {
    text: String,
    /// A byte offset at a border of what people see as one character.
    cursor: usize,
}

/// What the last change was, so that typing is undone by the word and not by the letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Run {
    /// Letters of one word.
    Typing,
    /// Anything else.
    Other,
}

/// A folded paste.
#[derive(Debug)]
struct Paste {
    text: String,
    /// What is painted in its place.
    label: String,
}

/// The editor.
#[derive(Debug)]
pub(crate) struct Composer {
    now: State,
    undone: Vec<State>,
    run: Run,
    /// What was taken out last, with its pastes whole.
    killed: String,
    /// The key before took something out, and this one did: what goes in a row comes back as one.
    killing: (bool, bool),
    pastes: Vec<Paste>,
    vi: Option<Vi>,
    history: History,
    /// What was there when the search in the history began.
    before_search: State,
}

/// What became of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Took {
    /// The text or the cursor may have changed.
    Yes,
    /// The key means nothing here.
    No,
}

impl Composer {
    /// Empty. `history`: oldest first.
    pub(crate) fn new(history: Vec<String>) -> Composer {
        Composer {
            now: State::default(),
            undone: Vec::new(),
            run: Run::Other,
            killed: String::new(),
            killing: (false, false),
            pastes: Vec::new(),
            vi: None,
            history: History::new(history),
            before_search: State::default(),
        }
    }

    /// Nothing is written.
    pub(crate) fn is_empty(&self) -> bool {
        self.now.text.is_empty()
    }

    /// Nothing stands after the cursor.
    pub(crate) fn is_at_end(&self) -> bool {
        self.after().is_empty()
    }

    /// The text with its pastes whole.
    pub(crate) fn whole(&self) -> String {
        self.spelled(&self.now.text)
    }

    /// The text as it is painted, and the cursor's byte offset in it.
    pub(crate) fn shown(&self) -> (String, usize) {
        let before = Composer::spell(&self.pastes, self.before(), |paste| &paste.label);
        let cursor = before.len();
        let after = Composer::spell(&self.pastes, self.after(), |paste| &paste.label);
        (before + &after, cursor)
    }

    fn spell(pastes: &[Paste], text: &str, spell: impl Fn(&Paste) -> &str) -> String {
        let mut out = String::with_capacity(text.len());
        for c in text.chars() {
            match folded(c).and_then(|i| pastes.get(i)) {
                Some(paste) => out.push_str(spell(paste)),
                None => out.push(c),
            }
        }
        out
    }

    fn before(&self) -> &str {
        self.now.text.get(..self.now.cursor).unwrap_or_default()
    }

    fn after(&self) -> &str {
        self.now.text.get(self.now.cursor..).unwrap_or_default()
    }

    /// Puts another text in place of this one; the old one can be brought back with undo.
    pub(crate) fn set(&mut self, text: &str) {
        self.history.stop();
        self.save(Run::Other);
        self.now.text.clear();
        self.now.cursor = 0;
        self.insert(text);
    }

    /// Takes the text away to be sent. The history remembers it.
    pub(crate) fn take(&mut self) -> String {
        let whole = self.whole();
        self.history.push(&whole);
        self.now = State::default();
        self.undone.clear();
        self.pastes.clear();
        self.run = Run::Other;
        self.begin_insert();
        whole
    }

    /// Puts a text into the history that was never here.
    pub(crate) fn remember(&mut self, text: &str) {
        self.history.push(text);
    }

    /// Whether vi keys are on, and in which mode.
    pub(crate) fn vi(&self) -> Option<&'static str> {
        self.vi.as_ref().map(Vi::mode)
    }

    /// With vi keys: what is typed next is text.
    pub(crate) fn begin_insert(&mut self) {
        if let Some(vi) = &mut self.vi {
            vi.insert();
        }
    }

    /// Turns vi keys on or off.
    pub(crate) fn toggle_vi(&mut self) {
        self.vi = match self.vi {
            Some(_) => None,
            None => Some(Vi::default()),
        };
    }

    /// The search in the history that is under way: what is looked for.
    pub(crate) fn searching(&self) -> Option<&str> {
        self.history.searching()
    }

    /// A paste: folded when it is large. It ends a search in the history, whose outcome stays.
    pub(crate) fn paste(&mut self, text: &str) {
        self.history.stop();
        self.save(Run::Other);
        self.put(text);
    }

    /// Inserts a text, folded when it is large.
    fn put(&mut self, text: &str) {
        let large = text.len() > FOLD_BYTES || text.matches('\n').count() >= FOLD_LINES;
        let place = u32::try_from(self.pastes.len()).ok().map(|n| FOLD_BASE + n);
        match place
            .and_then(char::from_u32)
            .filter(|c| large && folded(*c).is_some())
        {
            Some(stand_in) => {
                let text = without_stand_ins(text).into_owned();
                let label = match text.matches('\n').count() + 1 {
                    1 => format!("[pasted {} bytes]", text.len()),
                    lines => format!("[pasted {lines} lines]"),
                };
                self.pastes.push(Paste { text, label });
                self.insert_raw(stand_in.encode_utf8(&mut [0; 4]));
            }
            None => self.insert(text),
        }
    }

    /// What was taken out last comes in again.
    fn yank(&mut self) {
        let killed = std::mem::take(&mut self.killed);
        self.put(&killed);
        self.killed = killed;
    }

    /// A part of the text with its pastes whole: what is remembered beyond this text, which has the pastes.
    fn spelled(&self, part: &str) -> String {
        Composer::spell(&self.pastes, part, |paste| &paste.text)
    }

    /// A key. What the text alone can decide is decided here; Enter, Tab and the like are not.
    pub(crate) fn key(&mut self, key: Key) -> Took {
        if self.history.searching().is_some() {
            return self.search_key(key);
        }
        self.killing = (self.killing.1, false);
        if let Some(mut vi) = self.vi.take() {
            let took = vi.key(self, key);
            self.vi = Some(vi);
            if let Some(took) = took {
                return took;
            }
        }
        self.emacs(key)
    }

    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "every other key means nothing here"
    )]
    fn emacs(&mut self, key: Key) -> Took {
        match key {
            Key::Char(c) => self.typed(c),
            Key::AltEnter | Key::Ctrl('j') => self.change(|s| s.insert("\n")),
            Key::Backspace | Key::Ctrl('h') => self.change(|s| s.remove(s.left())),
            Key::Delete => self.change(|s| s.remove(s.right())),
            Key::Ctrl('d') if !self.is_empty() => self.change(|s| s.remove(s.right())),
            Key::Left | Key::Ctrl('b') => self.go(Composer::left),
            Key::Right | Key::Ctrl('f') => self.go(Composer::right),
            Key::WordLeft | Key::Alt('b') => self.go(Composer::word_left),
            Key::WordRight | Key::Alt('f') => self.go(Composer::word_right),
            Key::Home | Key::Ctrl('a') => self.go(Composer::line_start),
            Key::End | Key::Ctrl('e') => self.go(Composer::line_end),
            Key::Alt('<') => self.go(|_| 0),
            Key::Alt('>') => self.go(|s| s.now.text.len()),
            Key::Ctrl('k') => self.change(|s| {
                let end = s.line_end();
                // At the end of a line the line break goes, as people know it.
                s.kill(if end == s.now.cursor { s.right() } else { end });
            }),
            Key::Ctrl('u') => self.change(|s| s.kill(s.line_start())),
            Key::Ctrl('w') => self.change(|s| s.kill(s.blank_left())),
            Key::AltBackspace => self.change(|s| s.kill(s.word_left())),
            Key::Alt('d') => self.change(|s| s.kill(s.word_right())),
            Key::Ctrl('y') => self.change(Composer::yank),
            Key::Ctrl('_') => self.undo(),
            Key::Ctrl('r') => {
                self.save(Run::Other);
                self.before_search = self.now.clone();
                self.history.search();
            }
            Key::Up if self.line_start() > 0 => self.go(|s| s.vertical(false)),
            Key::Down if self.line_end() < self.now.text.len() => self.go(|s| s.vertical(true)),
            Key::Up | Key::Ctrl('p') => self.recall(true),
            Key::Down | Key::Ctrl('n') => self.recall(false),
            _ => return Took::No,
        }
        Took::Yes
    }

    fn recall(&mut self, older: bool) {
        let current = self.whole();
        if let Some(text) = self.history.step(older, &current) {
            self.save(Run::Other);
            self.now = State::default();
            self.insert(&text);
        }
    }

    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "any other key ends the search and is taken"
    )]
    fn search_key(&mut self, key: Key) -> Took {
        let found = match key {
            Key::Char(c) => self.history.narrow(c),
            Key::Backspace => self.history.widen(),
            Key::Ctrl('r') => self.history.again(),
            Key::Esc | Key::Ctrl('g') | Key::Ctrl('c') => {
                self.history.stop();
                self.now = std::mem::take(&mut self.before_search);
                return Took::Yes;
            }
            Key::Enter | Key::Tab => {
                self.history.stop();
                return Took::Yes;
            }
            key => {
                self.history.stop();
                return self.key(key);
            }
        };
        if let Some(text) = found {
            self.now = State::default();
            self.insert(&text);
        }
        Took::Yes
    }
}

/// Which paste a character stands for.
fn folded(c: char) -> Option<usize> {
    let n = (c as u32).checked_sub(FOLD_BASE)?;
    (n < 0x1_0000 - 2).then_some(n as usize)
}

/// Characters that would be taken for a paste do not come in from outside.
fn without_stand_ins(text: &str) -> Cow<'_, str> {
    match text.contains(|c| folded(c).is_some()) {
        true => Cow::Owned(text.replace(|c| folded(c).is_some(), "\u{fffd}")),
        false => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests;
