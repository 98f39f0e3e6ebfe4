//! A text file as lines that keep their own terminators, so that joining them gives the bytes back.

use std::fmt;
use std::sync::Arc;

/// Files above this size are refused by name: an edit of one is never a small patch.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Why some bytes are not a text that Brisk edits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotText {
    /// A NUL byte within the first 8 KiB, as git decides it.
    #[error("it is a binary file (NUL byte at offset {at})")]
    Binary {
        /// Byte offset of the NUL.
        at: usize,
    },
    /// Bytes that are not UTF-8.
    #[error("it is not UTF-8 text (first bad byte at offset {at}); convert it first")]
    NotUtf8 {
        /// Byte offset of the first bad byte.
        at: usize,
    },
    /// More than [`MAX_BYTES`].
    #[error("it has {bytes} bytes; files over {} MiB are not edited", MAX_BYTES / 1024 / 1024)]
    TooLarge {
        /// Size found.
        bytes: usize,
    },
}

/// Line terminator that a file uses (the majority's; `Lf` for a file without any).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Eol {
    /// `\n`
    #[default]
    Lf,
    /// `\r\n`
    CrLf,
}

impl Eol {
    /// The terminator itself.
    pub fn as_str(self) -> &'static str {
        match self {
            Eol::Lf => "\n",
            Eol::CrLf => "\r\n",
        }
    }
}

/// A decoded text file. Each line holds its own terminator; only the last may lack one.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Text {
    bom: bool,
    /// Shared: a text is copied often and never changed in place.
    lines: Arc<Vec<String>>,
}

impl Text {
    /// Decodes file bytes; a UTF-8 byte order mark is remembered and kept out of the first line.
    pub fn decode(bytes: &[u8]) -> Result<Text, NotText> {
        if bytes.len() > MAX_BYTES {
            return Err(NotText::TooLarge { bytes: bytes.len() });
        }
        if let Some(at) = bytes.iter().take(8192).position(|b| *b == 0) {
            return Err(NotText::Binary { at });
        }
        let (bom, body) = match bytes.strip_prefix(b"\xef\xbb\xbf") {
            Some(rest) => (true, rest),
            None => (false, bytes),
        };
        let body = std::str::from_utf8(body).map_err(|e| NotText::NotUtf8 {
            at: e.valid_up_to() + if bom { 3 } else { 0 },
        })?;
        Ok(Text {
            bom,
            lines: Arc::new(split_lines(body)),
        })
    }

    /// From text in memory, without a byte order mark.
    pub fn from_str_lossless(body: &str) -> Text {
        Text {
            bom: false,
            lines: Arc::new(split_lines(body)),
        }
    }

    /// From lines that hold their terminators.
    pub(crate) fn from_lines(bom: bool, lines: Vec<String>) -> Text {
        Text {
            bom,
            lines: Arc::new(lines),
        }
    }

    /// The exact bytes of the file.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(3 + self.lines.iter().map(String::len).sum::<usize>());
        if self.bom {
            out.extend_from_slice(b"\xef\xbb\xbf");
        }
        self.lines
            .iter()
            .for_each(|l| out.extend_from_slice(l.as_bytes()));
        out
    }

    /// The text without the byte order mark.
    pub fn joined(&self) -> String {
        self.lines.concat()
    }

    /// Lines with their terminators.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Number of lines.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether the file has no line at all.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Whether the file begins with a byte order mark.
    pub fn has_bom(&self) -> bool {
        self.bom
    }

    /// The terminator that most lines use.
    pub fn eol(&self) -> Eol {
        let crlf = self.lines.iter().filter(|l| l.ends_with("\r\n")).count();
        if crlf * 2 > self.lines.len() {
            Eol::CrLf
        } else {
            Eol::Lf
        }
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Text({} lines{})",
            self.lines.len(),
            if self.bom { ", bom" } else { "" }
        )
    }
}

/// Splits after each `\n`; the terminators stay, the last line may lack one.
pub fn split_lines(body: &str) -> Vec<String> {
    body.split_inclusive('\n').map(str::to_owned).collect()
}

/// The line without its terminator.
pub fn bare(line: &str) -> &str {
    let l = line.strip_suffix('\n').unwrap_or(line);
    l.strip_suffix('\r').unwrap_or(l)
}
