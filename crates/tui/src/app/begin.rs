//! The key `i` begins to write, and many words begin with that letter. Who presses the key and types on at once means
//! the key; who begins a word with it means the letter. Which of the two is told by the word when it is there.

use super::App;

/// Words that a request begins with. Those that are words without their first letter, too ("ideal", "deal"), are left
/// out: the key is far more frequent.
const WORDS: [&str; 111] = [
    "i",
    "icon",
    "icons",
    "id",
    "ideally",
    "identify",
    "idle",
    "ids",
    "if",
    "ignore",
    "ignores",
    "ignoring",
    "image",
    "images",
    "immediately",
    "immutable",
    "implement",
    "implementing",
    "implements",
    "implicit",
    "imply",
    "import",
    "imported",
    "importing",
    "imports",
    "improve",
    "improved",
    "improving",
    "in",
    "include",
    "included",
    "includes",
    "including",
    "inclusive",
    "incorrect",
    "increase",
    "increment",
    "indent",
    "indentation",
    "indented",
    "index",
    "indexes",
    "indicate",
    "indices",
    "infer",
    "infinite",
    "info",
    "inform",
    "inherit",
    "inherits",
    "init",
    "initial",
    "initialise",
    "initialize",
    "initially",
    "inject",
    "inline",
    "inlined",
    "inner",
    "input",
    "inputs",
    "insert",
    "inserting",
    "inserts",
    "inside",
    "inspect",
    "install",
    "instance",
    "instances",
    "instead",
    "int",
    "integer",
    "integers",
    "integrate",
    "intended",
    "interface",
    "interfaces",
    "internal",
    "internally",
    "interpolate",
    "interpret",
    "intersect",
    "intersection",
    "into",
    "introduce",
    "invalid",
    "invalidate",
    "inverse",
    "invert",
    "inverted",
    "invoke",
    "io",
    "ip",
    "is",
    "isn",
    "isolate",
    "issue",
    "issues",
    "it",
    "italic",
    "item",
    "items",
    "iterate",
    "iterates",
    "iterating",
    "iteration",
    "iterations",
    "iterator",
    "iterators",
    "its",
    "itself",
];

/// What the first letter of a text was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum First {
    /// A letter of the first word.
    Letter,
    /// The key.
    Key,
    /// That is not known before more is typed.
    Open,
}

/// `ended`: nothing more will be typed.
fn first(text: &str, ended: bool) -> First {
    let end = text.find(|c: char| !c.is_alphabetic()).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    let known = match rest.chars().next() {
        None if !ended => {
            let may = WORDS.iter().any(|w| w.starts_with(word));
            return if may { First::Open } else { First::Key };
        }
        // "i think", "i'd say"; but not "i" and a place, a command or a number.
        Some(c) if word == "i" => c == ' ' || c == '\'',
        _ => WORDS.contains(&word),
    };
    if known { First::Letter } else { First::Key }
}

impl App {
    /// The key was pressed, and the next one came before anybody could say which it was.
    pub(super) fn begin_word(&mut self) {
        self.composer.set("i");
        self.opening = true;
    }

    /// The text changed, or is about to be taken.
    pub(super) fn settle_opening(&mut self, ended: bool) {
        if !self.opening {
            return;
        }
        let text = self.composer.whole();
        let Some(rest) = text.strip_prefix('i') else {
            self.opening = false;
            return;
        };
        match first(&text, ended) {
            First::Open => {}
            First::Letter => self.opening = false,
            First::Key => {
                self.opening = false;
                self.composer.set(rest);
            }
        }
    }
}
