//! Bytes of a pipe cut into lines, with a bound on what one line may hold.

use brisk_domain::patch::visible::{Tabs, visible};
use std::mem;

/// Longest line handed out whole, bytes. A longer one is handed out in pieces, so that a child that never writes a
/// line end cannot fill our memory.
pub(crate) const MAX_LINE: usize = 64 * 1024;

/// Which of the two outputs of a child a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// One line of a child's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// Which output.
    pub stream: Stream,
    /// The line without its end (`\n` or `\r\n`); bytes that are no UTF-8 are replaced by U+FFFD. From a
    /// [`Runner`](crate::Runner) it may hold control characters, from [`Lines`] it holds none.
    pub text: &'a str,
}

/// Cuts the output of a confined command into lines that are safe to show.
#[derive(Debug, Default)]
pub struct Lines {
    out: LineCutter,
    err: LineCutter,
}

impl Lines {
    /// Takes what came and hands out every line that it completes. What a terminal would obey, or a reader not see, is
    /// shown as what it is.
    pub fn push(&mut self, stream: Stream, bytes: &[u8], on_line: &mut dyn FnMut(Line<'_>)) {
        let cutter = match stream {
            Stream::Out => &mut self.out,
            Stream::Err => &mut self.err,
        };
        cutter.push(bytes, &mut |line| show(stream, line, on_line));
    }

    /// Hands out what stands after the last line ends, if anything does.
    pub fn finish(&mut self, on_line: &mut dyn FnMut(Line<'_>)) {
        self.out.finish(&mut |line| show(Stream::Out, line, on_line));
        self.err.finish(&mut |line| show(Stream::Err, line, on_line));
    }
}

fn show(stream: Stream, line: &str, on_line: &mut dyn FnMut(Line<'_>)) {
    on_line(Line {
        stream,
        text: &visible(line, Tabs::Stay),
    });
}

/// Cuts chunks into lines. How the bytes are cut into chunks makes no difference.
#[derive(Debug, Default)]
pub(crate) struct LineCutter {
    rest: Vec<u8>,
}

impl LineCutter {
    /// Takes a chunk and hands out every line that it completes.
    pub(crate) fn push(&mut self, chunk: &[u8], line: &mut dyn FnMut(&str)) {
        for &byte in chunk {
            if byte == b'\n' {
                self.end_line(line);
            } else {
                self.rest.push(byte);
                if self.rest.len() == MAX_LINE {
                    self.end_line(line);
                }
            }
        }
    }

    /// Hands out what stands after the last line end, if anything does.
    pub(crate) fn finish(&mut self, line: &mut dyn FnMut(&str)) {
        if !self.rest.is_empty() {
            self.end_line(line);
        }
    }

    fn end_line(&mut self, line: &mut dyn FnMut(&str)) {
        let mut bytes = mem::take(&mut self.rest);
        let end = bytes.strip_suffix(b"\r").map_or(bytes.len(), <[u8]>::len);
        line(&String::from_utf8_lossy(&bytes[..end]));
        bytes.clear();
        self.rest = bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(chunks: &[&[u8]]) -> Vec<String> {
        let mut lines = Vec::new();
        let mut cutter = LineCutter::default();
        for chunk in chunks {
            cutter.push(chunk, &mut |line| lines.push(line.to_owned()));
        }
        cutter.finish(&mut |line| lines.push(line.to_owned()));
        lines
    }

    #[test]
    fn lines_are_cut_at_their_ends() {
        let long = vec![b'x'; MAX_LINE + 3];
        let cases: &[(&[u8], &[&str])] = &[
            (b"", &[]),
            (b"a\nb\r\n\nlast", &["a", "b", "", "last"]),
            (b"\xff\xfe\n", &["\u{fffd}\u{fffd}"]),
            (&long, &[&"x".repeat(MAX_LINE), "xxx"]),
        ];
        for (input, expected) in cases {
            assert_eq!(&cut(&[input]), expected, "{:?}", &input[..input.len().min(20)]);
        }
    }

    #[test]
    fn shown_lines_hold_nothing_that_a_terminal_obeys() {
        let mut shown = Vec::new();
        let mut lines = Lines::default();
        let mut keep = |line: Line<'_>| shown.push((line.stream, line.text.to_owned()));
        lines.push(Stream::Out, b"a\x1b]52;c;", &mut keep);
        lines.push(Stream::Err, b"\x9b2J\tb\n", &mut keep);
        lines.push(Stream::Out, b"x\x07\nrest", &mut keep);
        lines.finish(&mut keep);
        let want = [
            (Stream::Err, "\u{fffd}2J\tb"),
            (Stream::Out, "a\u{241b}]52;c;x\u{2407}"),
            (Stream::Out, "rest"),
        ];
        assert_eq!(shown, want.map(|(stream, text)| (stream, text.to_owned())));
    }

    proptest! {
        #[test]
        fn chunking_makes_no_difference(text in "[ab\r\n\u{e9}]{0,80}", at in 0usize..200) {
            let bytes = text.as_bytes();
            let at = at.min(bytes.len());
            prop_assert_eq!(cut(&[bytes]), cut(&[&bytes[..at], &bytes[at..]]));
        }
    }
}
