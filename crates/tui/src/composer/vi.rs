//! vi keys over the same editor: the commands that one line of text needs.

use super::objects::object;
use super::{Composer, Took};
use crate::key::Key;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Mode {
    #[default]
    Insert,
    Normal,
    /// An operator waits for its motion.
    Pending(Operator),
    /// `f` and its like wait for a character, for an operator or for themselves.
    Find(Find, Option<Operator>),
    /// `i` or `a` behind an operator waits for the name of an object; true: `a`.
    Object(Operator, bool),
    /// `r` waits for a character.
    Replace,
}

/// A count is not believed beyond this: a key that hangs must not hold the client.
const MOST: usize = 999;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Delete,
    Change,
    Yank,
}

impl Operator {
    fn of(c: char) -> Option<Operator> {
        Some(match c {
            'd' => Operator::Delete,
            'c' => Operator::Change,
            'y' => Operator::Yank,
            _ => return None,
        })
    }
}

/// `f t F T`: on the character or just before it, forwards or backwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Find {
    forwards: bool,
    onto: bool,
}

impl Find {
    fn of(c: char) -> Option<Find> {
        let (forwards, onto) = match c {
            'f' => (true, true),
            't' => (true, false),
            'F' => (false, true),
            'T' => (false, false),
            _ => return None,
        };
        Some(Find { forwards, onto })
    }
}

/// The state that vi has beyond the text.
#[derive(Debug, Default)]
pub(super) struct Vi {
    mode: Mode,
    /// The number that was typed before an operator, and the one that is being typed.
    counts: [Option<usize>; 2],
}

impl Vi {
    pub(super) fn mode(&self) -> &'static str {
        match self.mode {
            Mode::Insert => "INSERT",
            Mode::Normal | Mode::Pending(_) | Mode::Find(..) | Mode::Object(..) | Mode::Replace => "NORMAL",
        }
    }

    pub(super) fn insert(&mut self) {
        self.mode = Mode::Insert;
        self.counts = [None; 2];
    }

    /// A digit of a count; false: it is a command.
    fn digit(&mut self, c: char) -> bool {
        let [_, count] = &mut self.counts;
        match c.to_digit(10) {
            Some(0) if count.is_none() => false,
            Some(digit) => {
                *count = Some((count.unwrap_or(0) * 10 + digit as usize).min(MOST));
                true
            }
            None => false,
        }
    }

    /// How often; the counts are used up.
    fn times(&mut self) -> usize {
        let [before, behind] = std::mem::take(&mut self.counts);
        (before.unwrap_or(1) * behind.unwrap_or(1)).min(MOST)
    }

    /// `None`: the key means what it means without vi.
    pub(super) fn key(&mut self, text: &mut Composer, key: Key) -> Option<Took> {
        match (self.mode, key) {
            (Mode::Insert, Key::Esc) => {
                self.mode = Mode::Normal;
                if text.cursor() > text.line_start() {
                    text.go(Composer::left);
                }
                Some(Took::Yes)
            }
            (Mode::Insert, _) => None,
            (_, Key::Esc) if self.mode != Mode::Normal || self.counts != [None; 2] => {
                self.mode = Mode::Normal;
                self.counts = [None; 2];
                Some(Took::Yes)
            }
            (Mode::Normal | Mode::Pending(_), Key::Char(c)) if self.digit(c) => Some(Took::Yes),
            (Mode::Object(operator, around), Key::Char(c)) => {
                self.mode = Mode::Normal;
                self.counts = [None; 2];
                let found = object(&text.now.text, text.cursor(), around, c);
                if let Some(range) = found {
                    self.carry_out(text, operator, range.start, range.end);
                    if operator == Operator::Yank {
                        text.go(|_| range.start);
                    }
                }
                Some(Took::Yes)
            }
            (Mode::Normal, Key::Char(c)) => Some(self.command(text, c)),
            (Mode::Pending(operator), Key::Char(c)) => Some(self.operate(text, operator, c)),
            (Mode::Find(find, operator), Key::Char(c)) => Some(self.found(text, find, operator, c)),
            (Mode::Replace, Key::Char(c)) => Some(self.replace(text, c)),
            (Mode::Normal | Mode::Pending(_) | Mode::Find(..) | Mode::Object(..) | Mode::Replace, _) => None,
        }
    }

    fn command(&mut self, text: &mut Composer, c: char) -> Took {
        if let Some(find) = Find::of(c) {
            self.mode = Mode::Find(find, None);
            return Took::Yes;
        }
        if let Some(operator) = Operator::of(c) {
            self.mode = Mode::Pending(operator);
            let [_, typed] = self.counts;
            self.counts = [typed, None];
            return Took::Yes;
        }
        let times = self.times();
        match c {
            'i' => self.mode = Mode::Insert,
            'a' => {
                text.go(|s| s.right().min(s.line_end()));
                self.mode = Mode::Insert;
            }
            'I' => {
                text.go(Composer::line_indent);
                self.mode = Mode::Insert;
            }
            'A' => {
                text.go(Composer::line_end);
                self.mode = Mode::Insert;
            }
            'o' | 'O' => {
                text.change(|s| {
                    s.go(if c == 'o' {
                        Composer::line_end
                    } else {
                        Composer::line_start
                    });
                    s.insert("\n");
                    if c == 'O' {
                        s.go(Composer::left);
                    }
                });
                self.mode = Mode::Insert;
            }
            'x' | 's' => {
                let to = text.times(times, |s| s.right().min(s.line_end().max(s.cursor())));
                text.change(|s| s.kill(to));
                if c == 's' {
                    self.mode = Mode::Insert;
                }
            }
            'X' => {
                let to = text.times(times, |s| s.left().max(s.line_start()));
                text.change(|s| s.kill(to));
            }
            'D' => text.change(|s| s.kill(s.line_end())),
            'C' => {
                text.change(|s| s.kill(s.line_end()));
                self.mode = Mode::Insert;
            }
            'S' => return self.operate(text, Operator::Change, 'c'),
            'r' => self.mode = Mode::Replace,
            'p' => text.change(|s| {
                s.go(|s| s.right().min(s.line_end()));
                (0..times).for_each(|_| s.yank());
            }),
            'P' => text.change(|s| (0..times).for_each(|_| s.yank())),
            'u' => (0..times).for_each(|_| text.undo()),
            'k' if text.line_start() == 0 => text.recall(true),
            'j' if text.line_end() == text.now.text.len() => text.recall(false),
            // Onto the last character: that is the one that `x` takes.
            '$' => {
                text.go(Composer::line_end);
                text.go(|s| s.left().max(s.line_start()));
            }
            _ if motion(text, c).is_some() => {
                let to = text.times(times, |s| motion(s, c).unwrap_or(s.cursor()));
                text.go(|_| to);
            }
            _ => return Took::No,
        }
        Took::Yes
    }

    fn operate(&mut self, text: &mut Composer, operator: Operator, c: char) -> Took {
        self.mode = Mode::Normal;
        if let Some(find) = Find::of(c) {
            self.mode = Mode::Find(find, Some(operator));
            return Took::Yes;
        }
        if matches!(c, 'i' | 'a') {
            self.mode = Mode::Object(operator, c == 'a');
            return Took::Yes;
        }
        let times = self.times();
        let own = match operator {
            Operator::Delete => 'd',
            Operator::Change => 'c',
            Operator::Yank => 'y',
        };
        let cursor = text.cursor();
        let (from, to) = match (operator, c) {
            _ if c == own => {
                let last = text.times(times - 1, |s| s.vertical(true));
                let rest = text.now.text.get(last..).unwrap_or_default();
                (text.line_start(), last + rest.find('\n').unwrap_or(rest.len()))
            }
            // The word and not the blank behind it, as vi has it.
            (Operator::Change, 'w') | (_, 'e') => {
                let last = text.times(times, |s| s.word_end(false));
                (cursor, text.past(last))
            }
            (Operator::Change, 'W') | (_, 'E') => {
                let last = text.times(times, |s| s.word_end(true));
                (cursor, text.past(last))
            }
            _ if motion(text, c).is_some() => {
                let to = text.times(times, |s| motion(s, c).unwrap_or(s.cursor()));
                (cursor.min(to), cursor.max(to))
            }
            _ => return Took::No,
        };
        self.carry_out(text, operator, from, to);
        if c == own && operator == Operator::Delete {
            // The line goes with its break.
            text.remove(text.right());
        }
        Took::Yes
    }

    fn carry_out(&mut self, text: &mut Composer, operator: Operator, from: usize, to: usize) {
        match operator {
            Operator::Yank => {
                text.killed = text.spelled(text.now.text.get(from..to).unwrap_or_default());
            }
            Operator::Delete | Operator::Change => text.change(|s| {
                s.go(|_| from);
                s.kill(to);
            }),
        }
        if operator == Operator::Change {
            self.mode = Mode::Insert;
        }
    }

    /// The character that `f` and its like waited for.
    fn found(&mut self, text: &mut Composer, find: Find, operator: Option<Operator>, c: char) -> Took {
        self.mode = Mode::Normal;
        let cursor = text.cursor();
        let mut found = None;
        for _ in 0..self.times() {
            found = text.find(c, find.forwards);
            match found {
                Some((begin, _)) => text.now.cursor = begin,
                None => break,
            }
        }
        text.now.cursor = cursor;
        let Some((begin, end)) = found else {
            return Took::Yes;
        };
        match (operator, find.forwards) {
            (Some(operator), true) => {
                self.carry_out(text, operator, cursor, if find.onto { end } else { begin });
            }
            (Some(operator), false) => {
                self.carry_out(text, operator, if find.onto { begin } else { end }, cursor);
            }
            (None, forwards) => {
                text.go(|_| if find.onto || forwards { begin } else { end });
                if forwards && !find.onto {
                    text.go(Composer::left);
                }
            }
        }
        Took::Yes
    }

    fn replace(&mut self, text: &mut Composer, c: char) -> Took {
        self.mode = Mode::Normal;
        if text.cursor() < text.line_end() {
            text.change(|s| {
                s.remove(s.right());
                s.insert(c.encode_utf8(&mut [0; 4]));
                s.go(Composer::left);
            });
        }
        Took::Yes
    }
}

fn motion(text: &Composer, c: char) -> Option<usize> {
    Some(match c {
        'h' => text.left().max(text.line_start()),
        'l' | ' ' => text.right().min(text.line_end()),
        'j' => text.vertical(true),
        'k' => text.vertical(false),
        'w' => text.next_word(),
        'W' => text.blank_right(),
        'e' => text.word_end(false),
        'E' => text.word_end(true),
        'b' => text.word_left(),
        'B' => text.blank_left(),
        '0' => text.line_start(),
        '^' | '_' => text.line_indent(),
        '$' => text.line_end(),
        'G' => text.now.text.len(),
        'g' => 0,
        _ => return None,
    })
}
