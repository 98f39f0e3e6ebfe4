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
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Delete,
    Change,
    Yank,
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
            Mode::Normal | Mode::Pending(_) => "NORMAL",
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
            (Mode::Normal | Mode::Pending(_), _) => None,
        }
    }

    fn command(&mut self, text: &mut Composer, c: char) -> Took {
        match c {
            'i' => self.mode = Mode::Insert,
            'a' => {
                text.go(|s| s.right().min(s.line_end()));
                self.mode = Mode::Insert;
            }
            'I' => {
                text.go(Composer::line_start);
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
            'x' => text.change(|s| s.kill(s.right().min(s.line_end().max(s.cursor())))),
            'D' => text.change(|s| s.kill(s.line_end())),
            'C' => {
                text.change(|s| s.kill(s.line_end()));
                self.mode = Mode::Insert;
            }
            'p' => text.change(|s| {
                s.go(|s| s.right().min(s.line_end()));
                s.yank();
            }),
            'u' => text.undo(),
            'd' => self.mode = Mode::Pending(Operator::Delete),
            'c' => self.mode = Mode::Pending(Operator::Change),
            'y' => self.mode = Mode::Pending(Operator::Yank),
            'k' if text.line_start() == 0 => text.recall(true),
            'j' if text.line_end() == text.now.text.len() => text.recall(false),
            _ => match motion(text, c) {
                Some(to) => text.go(|_| to),
                None => return Took::No,
            },
        }
        Took::Yes
    }

    fn operate(&mut self, text: &mut Composer, operator: Operator, c: char) -> Took {
        self.mode = Mode::Normal;
        let own = match operator {
            Operator::Delete => 'd',
            Operator::Change => 'c',
            Operator::Yank => 'y',
        };
        let cursor = text.cursor();
        let (from, to) = if c == own {
            (text.line_start(), text.line_end())
        } else {
            match motion(text, c) {
                Some(to) => (cursor.min(to), cursor.max(to)),
                None => return Took::No,
            }
        };
        match operator {
            Operator::Yank => {
                text.killed = text.spelled(text.now.text.get(from..to).unwrap_or_default());
            }
            Operator::Delete | Operator::Change => text.change(|s| {
                s.go(|_| from);
                s.kill(to);
                if c == own && operator == Operator::Delete {
                    // The line goes with its break.
                    s.remove(s.right());
                }
            }),
        }
        if operator == Operator::Change {
            self.mode = Mode::Insert;
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
        'e' => text.word_right(),
        'b' => text.word_left(),
        '0' => text.line_start(),
        '$' => text.line_end(),
        'G' => text.now.text.len(),
        'g' => 0,
        _ => return None,
    })
}
