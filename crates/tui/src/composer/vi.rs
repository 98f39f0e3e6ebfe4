//! vi keys over the same editor: the commands that one line of text needs.

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
    /// `r` waits for a character.
    Replace,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Delete,
    Change,
    Yank,
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
}

impl Vi {
    pub(super) fn mode(&self) -> &'static str {
        match self.mode {
            Mode::Insert => "INSERT",
            Mode::Normal | Mode::Pending(_) | Mode::Find(..) | Mode::Replace => "NORMAL",
        }
    }

    pub(super) fn insert(&mut self) {
        self.mode = Mode::Insert;
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
            (_, Key::Esc) if self.mode != Mode::Normal => {
                self.mode = Mode::Normal;
                Some(Took::Yes)
            }
            (Mode::Normal, Key::Char(c)) => Some(self.command(text, c)),
            (Mode::Pending(operator), Key::Char(c)) => Some(self.operate(text, operator, c)),
            (Mode::Find(find, operator), Key::Char(c)) => Some(self.found(text, find, operator, c)),
            (Mode::Replace, Key::Char(c)) => Some(self.replace(text, c)),
            (Mode::Normal | Mode::Pending(_) | Mode::Find(..) | Mode::Replace, _) => None,
        }
    }

    fn command(&mut self, text: &mut Composer, c: char) -> Took {
        if let Some(find) = Find::of(c) {
            self.mode = Mode::Find(find, None);
            return Took::Yes;
        }
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
                text.change(|s| s.kill(s.right().min(s.line_end().max(s.cursor()))));
                if c == 's' {
                    self.mode = Mode::Insert;
                }
            }
            'X' => text.change(|s| s.kill(s.left().max(s.line_start()))),
            'D' => text.change(|s| s.kill(s.line_end())),
            'C' => {
                text.change(|s| s.kill(s.line_end()));
                self.mode = Mode::Insert;
            }
            'S' => return self.operate(text, Operator::Change, 'c'),
            'r' => self.mode = Mode::Replace,
            'p' => text.change(|s| {
                s.go(|s| s.right().min(s.line_end()));
                s.yank();
            }),
            'P' => text.change(Composer::yank),
            'u' => text.undo(),
            'd' => self.mode = Mode::Pending(Operator::Delete),
            'c' => self.mode = Mode::Pending(Operator::Change),
            'y' => self.mode = Mode::Pending(Operator::Yank),
            'k' if text.line_start() == 0 => text.recall(true),
            'j' if text.line_end() == text.now.text.len() => text.recall(false),
            // Onto the last character: that is the one that `x` takes.
            '$' => {
                text.go(Composer::line_end);
                text.go(|s| s.left().max(s.line_start()));
            }
            _ => match motion(text, c) {
                Some(to) => text.go(|_| to),
                None => return Took::No,
            },
        }
        Took::Yes
    }

    fn operate(&mut self, text: &mut Composer, operator: Operator, c: char) -> Took {
        self.mode = Mode::Normal;
        if let Some(find) = Find::of(c) {
            self.mode = Mode::Find(find, Some(operator));
            return Took::Yes;
        }
        let own = match operator {
            Operator::Delete => 'd',
            Operator::Change => 'c',
            Operator::Yank => 'y',
        };
        let cursor = text.cursor();
        let (from, to) = match (operator, c) {
            _ if c == own => (text.line_start(), text.line_end()),
            // The word and not the blank behind it, as vi has it.
            (Operator::Change, 'w') | (_, 'e') => (cursor, text.past(text.word_end(false))),
            (Operator::Change, 'W') | (_, 'E') => (cursor, text.past(text.word_end(true))),
            _ => match motion(text, c) {
                Some(to) => (cursor.min(to), cursor.max(to)),
                None => return Took::No,
            },
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
        let Some((begin, end)) = text.find(c, find.forwards) else {
            return Took::Yes;
        };
        let cursor = text.cursor();
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
