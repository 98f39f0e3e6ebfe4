//! The file of a tree's texts: pieces of whole texts, each with a filter of what stands in it.

use crate::trigrams::{FILTER, Filter};
use brisk_patch::Text;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;

/// Begins the line in front of each text; no text holds this byte.
pub(crate) const HEAD: u8 = 0;

/// Ends a file that holds all of a tree, and one that does not.
const WHOLE: &[u8; 8] = b"texts 2\n";
const CUT: &[u8; 8] = b"some 2 \n";

/// Bytes of a piece, about: as many as stay in a core's own cache until they are searched.
pub(crate) const PIECE: usize = 256 << 10;

/// How much of a tree a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    All,
    Cut,
}

/// Writes texts in pieces: each is followed by its filter, all by where they end, how many they are, and a word.
pub(crate) struct Writer {
    out: BufWriter<File>,
    piece: usize,
    /// Bytes of the piece so far.
    filled: usize,
    filter: Filter,
    at: u64,
    ends: Vec<u64>,
}

impl Writer {
    pub(crate) fn new(file: File, piece: usize) -> Writer {
        Writer {
            out: BufWriter::with_capacity(1 << 20, file),
            piece,
            filled: 0,
            filter: Filter::empty(),
            at: 0,
            ends: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, record: &[u8]) -> io::Result<()> {
        self.out.write_all(record)?;
        self.filter.add(record);
        self.filled += record.len();
        self.at += record.len() as u64;
        if self.filled >= self.piece {
            self.close()?;
        }
        Ok(())
    }

    fn close(&mut self) -> io::Result<()> {
        self.out.write_all(self.filter.bytes())?;
        self.ends.push(self.at);
        self.at += FILTER as u64;
        (self.filled, self.filter) = (0, Filter::empty());
        Ok(())
    }

    pub(crate) fn finish(mut self, extent: Extent) -> io::Result<File> {
        if self.filled > 0 {
            self.close()?;
        }
        for end in self.ends.iter().chain([&(self.ends.len() as u64)]) {
            self.out.write_all(&end.to_le_bytes())?;
        }
        self.out.write_all(match extent {
            Extent::All => WHOLE,
            Extent::Cut => CUT,
        })?;
        Ok(self.out.into_inner()?)
    }
}

/// The file of a tree's texts.
pub(crate) struct Corpus {
    pub(crate) file: File,
    /// Where each piece begins and ends; its filter follows.
    pub(crate) pieces: Vec<(u64, u64)>,
    pub(crate) extent: Extent,
}

impl Corpus {
    pub(crate) fn open(file: File) -> io::Result<Corpus> {
        let strange = || io::Error::new(io::ErrorKind::InvalidData, "this is no file of texts");
        let size = file.metadata()?.len();
        let number = |from: u64| -> io::Result<u64> {
            let mut bytes = [0; 8];
            file.read_exact_at(&mut bytes, from)?;
            Ok(u64::from_le_bytes(bytes))
        };
        let tail = size.checked_sub(16).ok_or_else(strange)?;
        let extent = match &number(tail + 8)?.to_le_bytes() {
            WHOLE => Extent::All,
            CUT => Extent::Cut,
            _ => return Err(strange()),
        };
        let count = number(tail)?;
        let first = count.checked_mul(8).and_then(|bytes| tail.checked_sub(bytes));
        let first = first.ok_or_else(strange)?;
        let mut ends = vec![0; usize::try_from(tail - first).map_err(|_| strange())?];
        file.read_exact_at(&mut ends, first)?;
        let mut from = 0;
        let mut pieces = Vec::new();
        for end in ends.chunks_exact(8) {
            let to = u64::from_le_bytes(end.try_into().map_err(|_| strange())?);
            if to < from || to > first {
                return Err(strange());
            }
            pieces.push((from, to));
            from = to + FILTER as u64;
        }
        Ok(Corpus { file, pieces, extent })
    }
}

/// One text as it stands in the file: a line with its path, then the text, always with a last line end.
pub(crate) fn record(path: &str, text: &Text) -> Vec<u8> {
    let text = text.joined();
    let mut out = Vec::with_capacity(path.len() + text.len() + 3);
    out.push(HEAD);
    out.extend_from_slice(path.replace('\n', "?").as_bytes());
    out.push(b'\n');
    out.extend_from_slice(text.as_bytes());
    if !text.is_empty() && !text.ends_with('\n') {
        out.push(b'\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_file_that_is_no_file_of_texts_is_not_believed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("corpus");
        let strange = |count: u64| [&count.to_le_bytes(), WHOLE.as_slice()].concat();
        for bytes in [
            vec![],
            record("a", &Text::from_str_lossless("long enough\n")),
            strange(1),
            strange(u64::MAX),
        ] {
            fs::write(&path, &bytes).unwrap();
            assert!(Corpus::open(File::open(&path).unwrap()).is_err(), "{bytes:?}");
        }
        fs::write(&path, strange(0)).unwrap();
        assert!(
            Corpus::open(File::open(&path).unwrap())
                .unwrap()
                .pieces
                .is_empty()
        );
    }
}
