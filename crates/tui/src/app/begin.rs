//! The key `i` begins to write, and many words begin with that letter. Who presses the key and types on at once means
//! the key or the letter, and the word tells which when it is there: before a word that requests begin with it was the
//! key, and so it was where no word begins like that with the letter. A letter that is lost is worse than one too many:
//! whatever looks like a name in code keeps it.

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

/// How words begin that begin with the letter: those of requests, names that are common in code, and a few of other
/// languages. None of them begins like a word that would make sense without the letter.
const STEMS: &str = "iban ibid icing iconic icono idea ident idem idio idle idol iee iframe igni igno igual illeg illi \
    illo illu image imagi imba imbu imit imma imme immi immo immu impa impe impl impo impr impu inab inac inad inap \
    inatt inau inb inc ind inef inel ineq iner inesc inev inexa inexc inexi inexp inf ing inh inim iniq init inj ink \
    inl inm inn inoc inode inop inord inorg inout inp inq inr ins int inund inv inw inx ioctl ioerr ionic ioni ipv \
    ipyth irgend ironi irra irre irri irrt isactive isaln isalp isasc isclose isdec isdig isdir isempt isenab isequal \
    iseven isfile isfin isident isinf isinst islan islower isnan isnu isodd isolat isomor isopen isprim isprin isspa \
    iss istanbul istit isuppe isva isvis itali itemi items itera iterat iterto";

/// Whole words that begin with the letter, and whose stems are those of other words without it.
const WHOLE: &str = "iam ias ibm ical icao icc ice ich ici icmp icol icon icons icu icy id ide ides ido ids idx iec ietf if \
    ifconfig ifdef iff ifndef ifs ihm ihn ihnen ihr ihre ii iii iife iis ij il ill iloc ils im imap imax imdb imei img imgs \
    imho imin imo in ini io ion ions ios iot ip ipc ips iptables iq ir irc iris iron irow irq irs is isbn isl isn isn't isnt iso \
    isort isp ist it it'd it'll it's itch ite item iter iters its itself iv ivory ix";

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
    let (typed, behind) = rest.split_at(end.unwrap_or(rest.len()));
    let word = typed.to_lowercase();
    let is_name = typed.starts_with('\'') || typed.contains(char::is_uppercase);
    let known = match behind.chars().next() {
        None if !ended => {
            return match (WORDS.iter().any(|w| w.starts_with(&word)), own(&word)) {
                (true, _) => First::Open,
                (false, _) if is_name => First::Letter,
                (false, Own::Yes) => First::Letter,
                // Also where no word begins like that: what ends it may say that it is a name.
                (false, Own::Open | Own::No) => First::Open,
            };
        }
        // A place, a name; a command, which is longer than the one letter of "i/o".
        Some('@' | '`') if word.is_empty() => true,
        Some('/') if word.is_empty() => match behind.chars().nth(2) {
            None if !ended => return First::Open,
            c => c.is_some_and(char::is_alphabetic),
        },
        Some(c) if !c.is_whitespace() && !",.:;!?".contains(c) => false,
        _ if WORDS.contains(&word.as_str()) => true,
        _ => !word.is_empty() && !is_name && own(&word) == Own::No,
    };
    if known { First::Key } else { First::Letter }
}

/// Whether a word is one with the letter before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Own {
    Yes,
    No,
    /// It may become one.
    Open,
}

fn own(word: &str) -> Own {
    let mut own = Own::No;
    for known in STEMS.split_whitespace() {
        let Some(stem) = known.strip_prefix('i') else {
            continue;
        };
        if word.starts_with(stem) {
            return Own::Yes;
        }
        if stem.starts_with(word) {
            own = Own::Open;
        }
    }
    let mut whole = WHOLE
        .split_whitespace()
        .filter_map(|known| known.strip_prefix('i'));
    if whole.any(|known| known.starts_with(word)) {
        own = Own::Open;
    }
    own
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
