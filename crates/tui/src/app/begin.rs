//! The key `i` begins to write, and many words begin with that letter. Who presses the key and types on at once means
//! the key or the letter, and the word tells which when it is there. A letter that is lost unseen is worse than one too
//! many: only before a word that requests begin with it was the key.

use super::App;

/// Words that a request begins with. Left out are those that are words with the letter, too: "deal", "sort", "so".
const WORDS: [&str; 201] = [
    "a",
    "add",
    "adjust",
    "after",
    "all",
    "allow",
    "also",
    "always",
    "an",
    "and",
    "another",
    "apply",
    "are",
    "as",
    "ask",
    "assume",
    "at",
    "avoid",
    "be",
    "because",
    "before",
    "build",
    "but",
    "call",
    "can",
    "catch",
    "change",
    "check",
    "clean",
    "clear",
    "comment",
    "compute",
    "continue",
    "convert",
    "copy",
    "correct",
    "could",
    "create",
    "define",
    "delete",
    "describe",
    "do",
    "document",
    "does",
    "don't",
    "drop",
    "either",
    "ensure",
    "every",
    "everything",
    "except",
    "explain",
    "extract",
    "fail",
    "find",
    "first",
    "fix",
    "for",
    "forget",
    "format",
    "from",
    "further",
    "generate",
    "give",
    "go",
    "good",
    "great",
    "handle",
    "have",
    "hello",
    "help",
    "here",
    "hi",
    "how",
    "however",
    "if",
    "ignore",
    "implement",
    "import",
    "improve",
    "in",
    "include",
    "increase",
    "initialize",
    "inline",
    "insert",
    "inside",
    "instead",
    "introduce",
    "invert",
    "is",
    "it",
    "its",
    "join",
    "just",
    "keep",
    "leave",
    "let",
    "let's",
    "limit",
    "look",
    "lower",
    "make",
    "maybe",
    "merge",
    "move",
    "must",
    "my",
    "name",
    "never",
    "no",
    "nope",
    "not",
    "nothing",
    "now",
    "of",
    "ok",
    "okay",
    "only",
    "or",
    "otherwise",
    "perfect",
    "please",
    "prefer",
    "print",
    "raise",
    "read",
    "really",
    "reduce",
    "refactor",
    "remove",
    "rename",
    "reorder",
    "replace",
    "restore",
    "return",
    "reuse",
    "reverse",
    "revert",
    "rewrite",
    "round",
    "same",
    "sanitize",
    "save",
    "should",
    "show",
    "simplify",
    "skip",
    "some",
    "sorry",
    "split",
    "still",
    "swap",
    "switch",
    "take",
    "test",
    "thanks",
    "that",
    "the",
    "their",
    "them",
    "then",
    "there",
    "these",
    "they",
    "this",
    "those",
    "throw",
    "to",
    "too",
    "translate",
    "treat",
    "try",
    "turn",
    "undo",
    "unless",
    "until",
    "update",
    "use",
    "validate",
    "verify",
    "wait",
    "we",
    "well",
    "what",
    "when",
    "where",
    "which",
    "while",
    "why",
    "will",
    "with",
    "without",
    "would",
    "wrap",
    "write",
    "wrong",
    "yes",
    "yet",
    "you",
    "your",
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

/// What the letter before `rest` was. `ended`: nothing more will be typed.
fn first(rest: &str, ended: bool) -> First {
    let end = rest.find(|c: char| !c.is_alphabetic() && c != '\'');
    let (word, behind) = rest.split_at(end.unwrap_or(rest.len()));
    let word = word.to_lowercase();
    let known = match behind.chars().next() {
        None if !ended => {
            let may = WORDS.iter().any(|w| w.starts_with(&word));
            return if may { First::Open } else { First::Letter };
        }
        // A place, a name; a command, which is longer than the one letter of "i/o".
        Some('@' | '`') if word.is_empty() => true,
        Some('/') if word.is_empty() => match behind.chars().nth(2) {
            None if !ended => return First::Open,
            c => c.is_some_and(char::is_alphabetic),
        },
        Some(c) if !c.is_whitespace() && !",.:;!?".contains(c) => false,
        _ => WORDS.contains(&word.as_str()),
    };
    if known { First::Key } else { First::Letter }
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
        match first(rest, ended) {
            First::Open => {}
            First::Letter => self.opening = false,
            First::Key => {
                self.opening = false;
                self.composer.set(rest);
            }
        }
    }
}
