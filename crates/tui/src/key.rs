//! Bytes of a terminal to keys and pastes. Pure: a decoder keeps what a read cut in two.

/// A key as the client knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// A printable character.
    Char(char),
    /// Control and a character: `a` to `z`, `_`, ` `.
    Ctrl(char),
    /// Alt (or Escape before it) and a character.
    Alt(char),
    /// Return.
    Enter,
    /// Alt-Return: a new line in the text.
    AltEnter,
    /// Tab.
    Tab,
    /// Shift-Tab.
    BackTab,
    /// Escape by itself.
    Esc,
    /// Backspace.
    Backspace,
    /// Alt-Backspace.
    AltBackspace,
    /// Delete.
    Delete,
    /// Arrow.
    Left,
    /// Arrow.
    Right,
    /// Arrow.
    Up,
    /// Arrow.
    Down,
    /// Control or Alt with an arrow.
    WordLeft,
    /// Control or Alt with an arrow.
    WordRight,
    /// Home.
    Home,
    /// End.
    End,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// F1: help.
    F1,
}

/// What the person's terminal said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Typed {
    /// A key.
    Key(Key),
    /// A bracketed paste, whole. Its line ends are `\n`.
    Paste(String),
}

const PASTE_BEGIN: &[u8] = b"\x1b[200~";
const PASTE_END: &[u8] = b"\x1b[201~";

/// Reads keys. An escape at the end of a read is the key itself: terminals send a sequence in one write.
#[derive(Debug, Default)]
pub struct Decoder {
    /// Begun characters and sequences.
    rest: Vec<u8>,
    /// A paste whose end has not come.
    paste: Option<Vec<u8>>,
    /// The last read ended with an escape, which was taken for the key.
    escaped: bool,
}

impl Decoder {
    /// Takes what one read gave.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Typed> {
        let mut out = Vec::new();
        let mut input = std::mem::take(&mut self.rest);
        // A slow line may have cut a sequence behind its escape. The escape was heeded, and the rest is no text.
        if std::mem::take(&mut self.escaped) && matches!(bytes, [b'[', _, ..] | [b'O', _]) {
            input.push(0x1b);
        }
        input.extend_from_slice(bytes);
        let mut at = 0;
        while at < input.len() {
            let rest = input.get(at..).unwrap_or_default();
            if let Some(paste) = &mut self.paste {
                at += pasted(paste, rest);
                if paste.ends_with(PASTE_END) {
                    paste.truncate(paste.len() - PASTE_END.len());
                    // A terminal puts one end. With another one behind it, this one was in the text, to make keys of
                    // what follows.
                    if is_inside(input.get(at..).unwrap_or_default()) {
                        continue;
                    }
                    out.push(Typed::Paste(text(paste)));
                    self.paste = None;
                }
                continue;
            }
            match one(rest) {
                Some((n, Found::Key(key))) => {
                    out.push(Typed::Key(key));
                    at += n;
                }
                Some((n, Found::Paste)) => {
                    self.paste = Some(Vec::new());
                    at += n;
                }
                Some((n, Found::Nothing)) => at += n,
                None => break,
            }
        }
        self.rest = input.split_off(at.min(input.len()));
        self.escaped =
            self.paste.is_none() && bytes.ends_with(b"\x1b") && out.ends_with(&[Typed::Key(Key::Esc)]);
        out
    }
}

/// Moves bytes into a paste, up to its end at most; how many.
fn pasted(paste: &mut Vec<u8>, bytes: &[u8]) -> usize {
    // The end may begin in an earlier read, so it is looked for in what the paste ends with.
    for (i, chunk) in bytes.split_inclusive(|b| *b == b'~').scan(0, |n, c| {
        *n += c.len();
        Some((*n, c))
    }) {
        paste.extend_from_slice(chunk);
        if paste.ends_with(PASTE_END) {
            return i;
        }
    }
    bytes.len()
}

/// What follows the end of a paste ends a paste that it does not begin.
fn is_inside(bytes: &[u8]) -> bool {
    let find = |mark: &[u8]| bytes.windows(mark.len()).position(|w| w == mark);
    match (find(PASTE_END), find(PASTE_BEGIN)) {
        (Some(end), Some(begin)) => end < begin,
        (end, _) => end.is_some(),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .replace("\r\n", "\n")
        .replace('\r', "\n")
}

enum Found {
    Key(Key),
    Paste,
    Nothing,
}

/// The first key of some bytes and their number; `None` when more must come.
fn one(bytes: &[u8]) -> Option<(usize, Found)> {
    let key = |n, key| Some((n, Found::Key(key)));
    let (first, tail) = bytes.split_first()?;
    match *first {
        b'\r' => key(1, Key::Enter),
        // A line feed is what Ctrl-J sends: a new line in the text.
        b'\n' => key(1, Key::AltEnter),
        b'\t' => key(1, Key::Tab),
        0x7f | 0x08 => key(1, Key::Backspace),
        0x00 => key(1, Key::Ctrl(' ')),
        0x1f => key(1, Key::Ctrl('_')),
        c @ 0x01..=0x1a => key(1, Key::Ctrl(char::from(c - 1 + b'a'))),
        0x1b => escape(tail),
        0x1c..=0x1e => Some((1, Found::Nothing)),
        _ => {
            let (n, c) = character(bytes)?;
            Some((n, c.map_or(Found::Nothing, |c| Found::Key(Key::Char(c)))))
        }
    }
}

/// One UTF-8 character: its length, and none for a byte that begins none.
fn character(bytes: &[u8]) -> Option<(usize, Option<char>)> {
    let head = bytes.get(..bytes.len().min(4)).unwrap_or_default();
    match std::str::from_utf8(head) {
        Ok(s) => s.chars().next().map(|c| (c.len_utf8(), Some(c))),
        Err(e) if e.valid_up_to() > 0 => {
            let s = std::str::from_utf8(head.get(..e.valid_up_to())?).ok()?;
            s.chars().next().map(|c| (c.len_utf8(), Some(c)))
        }
        // Cut by the read.
        Err(e) if e.error_len().is_none() => None,
        Err(_) => Some((1, None)),
    }
}

/// What follows an escape.
fn escape(tail: &[u8]) -> Option<(usize, Found)> {
    let key = |n, key| Some((n, Found::Key(key)));
    match tail.first() {
        None => key(1, Key::Esc),
        Some(b'[') => control_sequence(tail.get(1..).unwrap_or_default()),
        Some(b'O') => match tail.get(1) {
            Some(c) => Some((3, arrow(*c, false).map_or(Found::Nothing, Found::Key))),
            None => key(2, Key::Alt('O')),
        },
        Some(b'\r' | b'\n') => key(2, Key::AltEnter),
        Some(0x7f | 0x08) => key(2, Key::AltBackspace),
        Some(0x1b) => key(1, Key::Esc),
        Some(c) if *c < 0x20 => key(1, Key::Esc),
        Some(_) => {
            let (n, c) = character(tail)?;
            Some((n + 1, c.map_or(Found::Nothing, |c| Found::Key(Key::Alt(c)))))
        }
    }
}

/// After `ESC [`: parameters and a final byte.
fn control_sequence(body: &[u8]) -> Option<(usize, Found)> {
    let Some(end) = body.iter().position(|b| (0x40..=0x7e).contains(b)) else {
        // Longer than any sequence we know: it is passed over, so that it cannot hold up what follows.
        return (body.len() > 64).then_some((body.len() + 2, Found::Nothing));
    };
    let n = end + 3;
    let parameters = String::from_utf8_lossy(body.get(..end).unwrap_or_default()).into_owned();
    let number = |i: usize| parameters.split(';').nth(i).and_then(|p| p.parse::<u32>().ok());
    // 3 and 7: Alt; 5: Control.
    let word = matches!(number(1), Some(3 | 5 | 7));
    let found = match body.get(end) {
        Some(b'~') => match number(0) {
            Some(200) => Found::Paste,
            Some(1 | 7) => Found::Key(Key::Home),
            Some(4 | 8) => Found::Key(Key::End),
            Some(3) => Found::Key(Key::Delete),
            Some(5) => Found::Key(Key::PageUp),
            Some(6) => Found::Key(Key::PageDown),
            Some(11) => Found::Key(Key::F1),
            _ => Found::Nothing,
        },
        Some(c) => arrow(*c, word).map_or(Found::Nothing, Found::Key),
        None => Found::Nothing,
    };
    Some((n, found))
}

fn arrow(c: u8, word: bool) -> Option<Key> {
    Some(match c {
        b'A' => Key::Up,
        b'B' => Key::Down,
        b'C' if word => Key::WordRight,
        b'C' => Key::Right,
        b'D' if word => Key::WordLeft,
        b'D' => Key::Left,
        b'H' => Key::Home,
        b'F' => Key::End,
        b'Z' => Key::BackTab,
        b'P' => Key::F1,
        b'M' => Key::Enter,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use Key::*;
    use proptest::prelude::*;

    fn keys(bytes: &[u8]) -> Vec<Typed> {
        Decoder::default().feed(bytes)
    }

    #[test]
    fn bytes_become_keys() {
        let cases: &[(&[u8], &[Key])] = &[
            (b"", &[]),
            (
                "aé日🦀".as_bytes(),
                &[Char('a'), Char('é'), Char('日'), Char('🦀')],
            ),
            (b"\r\n\t", &[Enter, AltEnter, Tab]),
            (b"\x01\x1a\x1f\x00", &[Ctrl('a'), Ctrl('z'), Ctrl('_'), Ctrl(' ')]),
            (b"\x7f\x08", &[Backspace, Backspace]),
            (b"\x1b", &[Esc]),
            (b"\x1b\x1b", &[Esc, Esc]),
            (b"\x1bf\x1b\r\x1b\x7f", &[Alt('f'), AltEnter, AltBackspace]),
            (b"\x1b[A\x1b[B\x1b[C\x1b[D", &[Up, Down, Right, Left]),
            (b"\x1b[1;5C\x1b[1;3Dx", &[WordRight, WordLeft, Char('x')]),
            (b"\x1bOH\x1bOF\x1bOP", &[Home, End, F1]),
            (
                b"\x1b[3~\x1b[5~\x1b[6~\x1b[1~\x1b[4~\x1b[Z",
                &[Delete, PageUp, PageDown, Home, End, BackTab],
            ),
            // Unknown ones are passed over.
            (b"\x1b[99~\x1b[?1;2ca", &[Char('a')]),
            (b"\xffa", &[Char('a')]),
        ];
        for (bytes, want) in cases {
            let want: Vec<_> = want.iter().map(|k| Typed::Key(*k)).collect();
            assert_eq!(keys(bytes), want, "{bytes:?}");
        }
    }

    #[test]
    fn a_paste_is_one_text() {
        assert_eq!(
            keys(b"a\x1b[200~x\r\ny\rz\x1b[A~\x1b[201~b"),
            [
                Typed::Key(Char('a')),
                Typed::Paste("x\ny\nz\x1b[A~".into()),
                Typed::Key(Char('b'))
            ]
        );
    }

    #[test]
    fn an_end_inside_of_a_paste_makes_no_keys_of_it() {
        assert_eq!(
            keys(b"\x1b[200~a\x1b[201~\rrm\r\x1b[201~b"),
            [Typed::Paste("a\nrm\n".into()), Typed::Key(Char('b'))]
        );
        // Two pastes in a row are two.
        assert_eq!(
            keys(b"\x1b[200~a\x1b[201~\r\x1b[200~b\x1b[201~"),
            [
                Typed::Paste("a".into()),
                Typed::Key(Enter),
                Typed::Paste("b".into())
            ]
        );
    }

    #[test]
    fn what_follows_a_cut_escape_is_no_text() {
        let cases: &[(&[u8], &[Key])] = &[
            (b"[A", &[Esc, Up]),
            (b"OH", &[Esc, Home]),
            (b"[1;5C", &[Esc, WordRight]),
            // A person who goes on.
            (b"[", &[Esc, Char('[')]),
            (b"O", &[Esc, Char('O')]),
            (
                b"Oh no",
                &[Esc, Char('O'), Char('h'), Char(' '), Char('n'), Char('o')],
            ),
            (b"b", &[Esc, Char('b')]),
        ];
        for (rest, want) in cases {
            let mut decoder = Decoder::default();
            let mut got = decoder.feed(b"\x1b");
            got.extend(decoder.feed(rest));
            let want: Vec<_> = want.iter().map(|k| Typed::Key(*k)).collect();
            assert_eq!(got, want, "{rest:?}");
        }
    }

    proptest! {
        /// How reads cut the bytes changes nothing, an escape at a cut excepted.
        #[test]
        fn cuts_do_not_matter(cuts in prop::collection::vec(1usize..9, 1..30)) {
            let bytes = "aé\u{1b}[200~ 日 ~\n 🦀\u{1b}[201~ok\u{1b}[1;5C".as_bytes();
            let whole = keys(bytes);
            let mut decoder = Decoder::default();
            let mut got = Vec::new();
            let mut from = 0;
            for cut in cuts {
                let mut to = (from + cut).min(bytes.len());
                while to < bytes.len() && bytes[to - 1] == 0x1b {
                    to += 1;
                }
                got.extend(decoder.feed(&bytes[from..to]));
                from = to;
            }
            got.extend(decoder.feed(&bytes[from..]));
            prop_assert_eq!(got, whole);
        }

        #[test]
        fn any_bytes_are_taken(bytes in any::<Vec<u8>>()) {
            keys(&bytes);
        }
    }
}
