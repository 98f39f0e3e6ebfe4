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
        let backwards = to < self.now.cursor;
        let cut = self.remove(to);
        if cut.is_empty() {
            return;
        }
        let cut = self.spelled(&cut);
        self.killed = match (self.killing.0, backwards) {
            (true, true) => cut + &self.killed,
            (true, false) => std::mem::take(&mut self.killed) + &cut,
            (false, _) => cut,
        };
        self.killing.1 = true;
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
        self.past(self.now.cursor)
    }

    /// Where the character at this place ends.
    pub(super) fn past(&self, at: usize) -> usize {
        let mut at = GraphemeCursor::new(at, self.now.text.len(), true);
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

    /// Start of what blanks enclose, before the cursor: `@src/a.rs:name` in one go.
    pub(super) fn blank_left(&self) -> usize {
        let before = self.before().trim_end();
        before.rfind(char::is_whitespace).map_or(0, |i| {
            i + before
                .get(i..)
                .and_then(|s| s.chars().next())
                .map_or(1, char::len_utf8)
        })
    }

    /// Start of the next such thing.
    pub(super) fn blank_right(&self) -> usize {
        let after = self.after();
        let rest = after.trim_start_matches(|c: char| !c.is_whitespace());
        self.now.text.len() - rest.trim_start().len()
    }

    /// Last character of the word that ends next, as vi's `e` goes; `big`: of what blanks enclose.
    pub(super) fn word_end(&self, big: bool) -> usize {
        let from = self.right();
        let rest = self.now.text.get(from..).unwrap_or_default();
        let end = match big {
            false => rest.unicode_word_indices().next().map(|(i, w)| i + w.len()),
            true => {
                let word = rest.trim_start();
                let len = word.find(char::is_whitespace).unwrap_or(word.len());
                (len > 0).then_some(rest.len() - word.len() + len)
            }
        };
        let end = from + end.unwrap_or(rest.len());
        let mut at = GraphemeCursor::new(end, self.now.text.len(), true);
        at.prev_boundary(&self.now.text, 0).ok().flatten().unwrap_or(0)
    }

    /// First character of the line that is no blank.
    pub(super) fn line_indent(&self) -> usize {
        let line = self
            .now
            .text
            .get(self.line_start()..self.line_end())
            .unwrap_or_default();
        self.line_start() + line.len() - line.trim_start().len()
    }

    /// The next such character in the line, or the one before the cursor: where it begins and ends.
    pub(super) fn find(&self, c: char, forwards: bool) -> Option<(usize, usize)> {
        let (from, to) = match forwards {
            true => (self.right(), self.line_end()),
            false => (self.line_start(), self.now.cursor),
        };
        let mut all = self.now.text.get(from..to)?.grapheme_indices(true);
        let wanted = |(_, g): &(usize, &str)| g.starts_with(c);
        let found = match forwards {
            true => all.find(wanted),
            false => all.rfind(wanted),
        };
        found.map(|(i, g)| (from + i, from + i + g.len()))
    }

    /// Start of the next word, as vi's `w` goes.
    pub(super) fn next_word(&self) -> usize {
        let mut words = self.after().unicode_word_indices().map(|(i, _)| i);
        let next = words.find(|i| *i > 0);
        next.map_or(self.now.text.len(), |n| self.now.cursor + n)
    }

    /// Where so many steps lead. The text stays as it is.
    pub(super) fn times(&mut self, n: usize, step: impl Fn(&Composer) -> usize) -> usize {
        let from = self.now.cursor;
        for _ in 0..n {
            let to = step(self);
            if to == self.now.cursor {
                break;
            }
            self.now.cursor = to;
        }
        std::mem::replace(&mut self.now.cursor, from)
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
