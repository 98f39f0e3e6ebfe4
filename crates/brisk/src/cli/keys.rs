//! Bytes of a terminal to keys. Pure; one call sees what one read gave.

/// A key that means something to a command. Anything else is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    /// Return.
    Enter,
    /// Escape by itself.
    Esc,
    /// Ctrl-C where the terminal hands it out as a byte.
    CtrlC,
    /// Ctrl-D on an empty line.
    CtrlD,
    /// A printable ASCII character.
    Char(char),
}

/// Reads keys. Escape begins the arrow and function keys too; those come in one write of the terminal, so an escape
/// that is followed by `[` or `O` in the same read is the start of a sequence, which is skipped to its end.
pub(crate) fn keys(bytes: &[u8]) -> Vec<Key> {
    let mut out = Vec::new();
    let mut rest = bytes;
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        match *first {
            b'\r' | b'\n' => out.push(Key::Enter),
            0x03 => out.push(Key::CtrlC),
            0x04 => out.push(Key::CtrlD),
            0x1b => match tail {
                [b'[', body @ ..] => {
                    let end = body.iter().position(|b| (0x40..=0x7e).contains(b));
                    rest = end.and_then(|e| body.get(e + 1..)).unwrap_or_default();
                }
                [b'O', _, after @ ..] => rest = after,
                _ => out.push(Key::Esc),
            },
            c @ 0x20..=0x7e => out.push(Key::Char(char::from(c))),
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use Key::{Char, CtrlC, CtrlD, Enter, Esc};

    #[test]
    fn bytes_become_keys() {
        let cases: &[(&[u8], &[Key])] = &[
            (b"", &[]),
            (b"\r", &[Enter]),
            (b"n\n", &[Char('n'), Enter]),
            (b"\x1b", &[Esc]),
            (b"\x1b\x1b", &[Esc, Esc]),
            (b"\x1bn", &[Esc, Char('n')]),
            (b"\x1b[A", &[]),
            (b"\x1b[1;5Cy", &[Char('y')]),
            (b"\x1bOPs", &[Char('s')]),
            (b"\x1b[", &[]),
            (b"\x03\x04", &[CtrlC, CtrlD]),
            ("é1".as_bytes(), &[Char('1')]),
        ];
        for (bytes, want) in cases {
            assert_eq!(keys(bytes), *want, "{bytes:?}");
        }
    }
}
