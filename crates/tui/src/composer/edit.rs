//! Where the cursor can go, and what can be taken out.

use super::{Composer, Run, UNDO_DEPTH};
use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation};

impl Composer {
    /// Remembers the present state for undo, unless this goes on with a run of typing.
    pub(super) fn save(&mut self, run: Run) {
        if run == Run::Typing && self.run == Run::Typing {
            return;
        }
        self.run = run;
        if self.undone.last() != Some(&self.now) {
            self.undone.push(self.now.clone());
        }
        if self.undone.len() > UNDO_DEPTH {
            self.undone.remove(0);
        }
    }

    pub(super) fn typed(&mut self, c: char) {
        self.save(Run::Typing);
        self.insert(c.encode_utf8(&mut [0; 4]));
        if c.is_whitespace() {
            self.run = Run::Other;
        }
        self.history.leave();
    }

    pub(super) fn insert(&mut self, text: &str) {
        self.insert_raw(&super::without_stand_ins(text));
    }

    /// Also what stands for a paste.
    pub(super) fn insert_raw(&mut self, text: &str) {
        self.now.text.insert_str(self.now.cursor, text);
        self.now.cursor += text.len();
    }

    pub(super) fn change<T>(&mut self, f: impl FnOnce(&mut Composer) -> T) {
        self.save(Run::Other);
        f(self);
        self.history.leave();
    }

    pub(super) fn go(&mut self, to: impl FnOnce(&Composer) -> usize) {
        self.run = Run::Other;
        self.now.cursor = to(self);
    }

    /// Takes out what is between the cursor and `to`.
    pub(super) fn remove(&mut self, to: usize) -> String {
        let (from, to) = (self.now.cursor.min(to), self.now.cursor.max(to));
        self.now.cursor = from;
        self.now.text.drain(from..to).collect()
    }

    pub(super) fn kill(&mut self, to: usize) {
        let cut = self.remove(to);
        if !cut.is_empty() {
            self.killed = self.spelled(&cut);
        }
    }

    pub(super) fn undo(&mut self) {
        while let Some(state) = self.undone.pop() {
            if state != self.now {
                self.now = state;
                break;
            }
        }
        self.run = Run::Other;
    }

    pub(super) fn left(&self) -> usize {
        let mut at = GraphemeCursor::new(self.now.cursor, self.now.text.len(), true);
        at.prev_boundary(&self.now.text, 0).ok().flatten().unwrap_or(0)
    }

    pub(super) fn right(&self) -> usize {
        let mut at = GraphemeCursor::new(self.now.cursor, self.now.text.len(), true);
        let next = at.next_boundary(&self.now.text, 0).ok().flatten();
        next.unwrap_or(self.now.text.len())
    }

    pub(super) fn word_left(&self) -> usize {
        let before = self.before();
        let mut words = before.unicode_word_indices();
        words.next_back().map_or(0, |(i, _)| i)
    }

    pub(super) fn word_right(&self) -> usize {
        let after = self.after();
        let end = after.unicode_word_indices().next().map(|(i, w)| i + w.len());
        end.map_or(self.now.text.len(), |n| self.now.cursor + n)
    }

    /// Start of the next word, as vi's `w` goes.
    pub(super) fn next_word(&self) -> usize {
        let mut words = self.after().unicode_word_indices().map(|(i, _)| i);
        let next = words.find(|i| *i > 0);
        next.map_or(self.now.text.len(), |n| self.now.cursor + n)
    }

    pub(super) fn line_start(&self) -> usize {
        self.before().rfind('\n').map_or(0, |i| i + 1)
    }

    pub(super) fn line_end(&self) -> usize {
        let end = self.after().find('\n');
        end.map_or(self.now.text.len(), |i| self.now.cursor + i)
    }

    /// The same column in the line below or above; the line's end where it is shorter.
    pub(super) fn vertical(&self, down: bool) -> usize {
        let start = self.line_start();
        let column = self
            .before()
            .get(start..)
            .unwrap_or_default()
            .graphemes(true)
            .count();
        let target = if down {
            (self.line_end() + 1).min(self.now.text.len())
        } else {
            let above = self.now.text.get(..start.saturating_sub(1)).unwrap_or_default();
            above.rfind('\n').map_or(0, |i| i + 1)
        };
        let line = self.now.text.get(target..).unwrap_or_default();
        let line = line.split('\n').next().unwrap_or_default();
        let at = line.grapheme_indices(true).nth(column).map(|(i, _)| i);
        target + at.unwrap_or(line.len())
    }

    /// The word before the cursor, from its `@` or from the `/` that begins the text: what can be completed.
    pub(crate) fn completable(&self) -> Option<&str> {
        let before = self.before();
        let start = before.rfind(char::is_whitespace).map_or(0, |i| {
            i + before
                .get(i..)
                .and_then(|s| s.chars().next())
                .map_or(1, char::len_utf8)
        });
        let word = before.get(start..)?;
        (word.starts_with('@') || (start == 0 && word.starts_with('/'))).then_some(word)
    }

    /// Puts `text` in place of the word that [`Composer::completable`] gave.
    pub(crate) fn complete(&mut self, text: &str) {
        let Some(len) = self.completable().map(str::len) else {
            return;
        };
        self.change(|s| {
            s.remove(s.now.cursor - len);
            s.insert(text);
        });
    }

    pub(super) fn cursor(&self) -> usize {
        self.now.cursor
    }
}
