//! The operation log of one repository, which is the write-ahead journal too: one JSON object a line, each with a
//! checksum, only ever appended to.
//!
//! An operation is an `intent`, then either an `abort` (nothing happened) or a `commit` (it is decided) followed by a
//! `done`. What an intent names but no commit confirms never happened; what a commit confirms is completed at the
//! next start if need be.

use crate::ids::{Digest, OpId};
use brisk_domain::{HunkId, SessionId, TurnId};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub(crate) enum Entry {
    /// What is about to be done. Contents are in the blob folder already.
    Intent(Op),
    /// Every temporary file is on disk: from here on the operation happens.
    Commit { op: OpId },
    /// Every file has its new content, but the ones in `left`, which somebody else changed in that moment.
    Done { op: OpId, left: Vec<String> },
    /// The operation did not happen.
    Abort { op: OpId },
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Op {
    pub(crate) op: OpId,
    /// Part of the names of its temporary files.
    pub(crate) salt: u64,
    /// Wall clock, milliseconds since 1970, for people only.
    pub(crate) at_ms: u64,
    pub(crate) kind: Kind,
    /// The person's words.
    pub(crate) note: String,
    pub(crate) files: Vec<FileOp>,
    /// Folders that it makes, outermost first.
    pub(crate) folders: Vec<String>,
    /// Folders that it removes at its end if they are empty then: the write that is undone had made them.
    pub(crate) prune: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Hunks were kept.
    Write { session: SessionId, turn: TurnId },
    /// Hunks were taken out again.
    Undo,
    /// What an undo took out was put back.
    Redo { of: OpId },
}

/// What one operation does to one path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileOp {
    pub(crate) path: String,
    /// Content before; none if there was no file.
    pub(crate) before: Option<Digest>,
    /// Content after; none if the file goes.
    pub(crate) after: Option<Digest>,
    /// Permission bits; none for a new file, which gets the ones that the umask gives.
    pub(crate) mode: Option<u32>,
    pub(crate) what: What,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum What {
    /// Of a write: the changes in the order of their places.
    Pieces(Vec<Piece>),
    /// Of an undo or redo: the pieces that go out or come back.
    Flips(Vec<Ref>),
}

/// One change of a write. Its lines are in the two blobs, so that the log stays small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Piece {
    pub(crate) hunk: HunkId,
    /// None: the whole file came or went.
    pub(crate) span: Option<Span>,
}

/// Lines `at..at + old` of the text before became `new` lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Span {
    pub(crate) at: usize,
    pub(crate) old: usize,
    pub(crate) new: usize,
}

/// One piece of one write: operation, index of the file, index of the piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Ref(pub(crate) OpId, pub(crate) usize, pub(crate) usize);

/// The open log file.
pub(crate) struct Journal {
    file: File,
    path: PathBuf,
    /// Length of the whole lines.
    len: u64,
}

/// What was found in a log file.
pub(crate) struct Loaded {
    pub(crate) entries: Vec<Entry>,
    /// Lines in the middle that fail their checksum. A torn last line is not counted: it is how a crash looks.
    pub(crate) damaged: usize,
}

const HEAD: &str = "{\"sum\":\"";
const MIDDLE: &str = "\",\"body\":";

impl Journal {
    /// Opens or creates the log and reads it; a torn last line is cut off.
    pub(crate) fn open(path: &Path) -> io::Result<(Journal, Loaded)> {
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let (loaded, len) = parse(&bytes);
        if (len as usize) < bytes.len() {
            file.set_len(len)?;
            file.sync_all()?;
        }
        Ok((
            Journal {
                file,
                path: path.to_owned(),
                len,
            },
            loaded,
        ))
    }

    /// Reads a log as it is; nothing where there is none.
    pub(crate) fn read(path: &Path) -> io::Result<Loaded> {
        match std::fs::read(path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            read => Ok(parse(&read.unwrap_or_default()).0),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends entries and waits until they are on disk. On failure the log is as it was.
    pub(crate) fn append(&mut self, entries: &[Entry]) -> io::Result<()> {
        let mut lines = Vec::new();
        for e in entries {
            lines.extend_from_slice(line(e)?.as_bytes());
        }
        let written = self.file.write_all(&lines).and_then(|()| self.file.sync_data());
        match written {
            Ok(()) => self.len += lines.len() as u64,
            // Cut the half line off; if even that fails, the reader cuts it at the next start.
            Err(_) => self.file.set_len(self.len).unwrap_or(()),
        }
        written
    }
}

fn sum(body: &[u8]) -> String {
    Sha256::digest(body)
        .iter()
        .take(8)
        .map(|b| format!("{b:02x}"))
        .collect()
}

fn line(entry: &Entry) -> io::Result<String> {
    let body = serde_json::to_string(entry)?;
    Ok(format!("{HEAD}{}{MIDDLE}{body}}}\n", sum(body.as_bytes())))
}

fn entry(line: &str) -> Option<Entry> {
    let (found, rest) = line.strip_prefix(HEAD)?.split_once(MIDDLE)?;
    let body = rest.strip_suffix('}')?;
    if sum(body.as_bytes()) != found {
        return None;
    }
    serde_json::from_str(body).ok()
}

/// Entries, and the length of the part worth keeping.
fn parse(bytes: &[u8]) -> (Loaded, u64) {
    let mut loaded = Loaded {
        entries: Vec::new(),
        damaged: 0,
    };
    let (mut keep, mut seen, mut bad) = (0, 0, 0);
    for piece in bytes.split_inclusive(|b| *b == b'\n') {
        seen += piece.len();
        let found = piece
            .strip_suffix(b"\n")
            .and_then(|l| std::str::from_utf8(l).ok())
            .and_then(entry);
        match found {
            Some(e) => {
                loaded.entries.push(e);
                loaded.damaged += bad;
                bad = 0;
                keep = seen;
            }
            None => bad += 1,
        }
    }
    // Only the very last line may be torn by a crash; bad lines before it are damage, kept for whoever looks.
    if bad > 1 {
        loaded.damaged += bad - 1;
        keep = bytes.len()
            - bytes
                .split_inclusive(|b| *b == b'\n')
                .next_back()
                .map_or(0, <[u8]>::len);
    }
    (loaded, keep as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<Entry> {
        let op = OpId(7);
        let kind = Kind::Write {
            session: SessionId(1),
            turn: TurnId(2),
        };
        let piece = Piece {
            hunk: HunkId(3),
            span: Some(Span {
                at: 0,
                old: 1,
                new: 2,
            }),
        };
        let file = FileOp {
            path: "src/ü \"quoted\".rs".into(),
            before: Some(Digest::of(b"a")),
            after: None,
            mode: Some(0o755),
            what: What::Pieces(vec![piece]),
        };
        let intent = Op {
            op,
            salt: 9,
            at_ms: 1,
            kind,
            note: "line\nbreak".into(),
            files: vec![file],
            folders: vec![],
            prune: vec![],
        };
        vec![
            Entry::Intent(intent),
            Entry::Commit { op },
            Entry::Done {
                op,
                left: vec!["x".into()],
            },
            Entry::Abort { op: OpId(8) },
        ]
    }

    #[test]
    fn a_log_cut_at_any_byte_gives_its_whole_lines_back_and_can_be_appended_to() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.jsonl");
        let all = entries();
        let (mut j, _) = Journal::open(&path).unwrap();
        j.append(&all).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let ends: Vec<usize> = bytes
            .iter()
            .enumerate()
            .filter(|(_, b)| **b == b'\n')
            .map(|(i, _)| i + 1)
            .collect();
        for cut in 0..=bytes.len() {
            let whole = ends.iter().filter(|e| **e <= cut).count();
            let (loaded, len) = parse(&bytes[..cut]);
            assert_eq!(loaded.entries, all[..whole], "cut at {cut}");
            assert_eq!(
                (loaded.damaged, len),
                (0, whole.checked_sub(1).map_or(0, |w| ends[w] as u64))
            );
            if cut % 97 != 0 {
                continue;
            }
            std::fs::write(&path, &bytes[..cut]).unwrap();
            let (mut j, _) = Journal::open(&path).unwrap();
            j.append(&all[3..]).unwrap();
            let (_, again) = Journal::open(&path).unwrap();
            assert_eq!(again.entries.len(), whole + 1, "cut at {cut}");
        }
    }

    #[test]
    fn every_line_is_json_and_a_flipped_bit_is_noticed() {
        let mut bytes = Vec::new();
        for e in entries() {
            let l = line(&e).unwrap();
            serde_json::from_str::<serde_json::Value>(&l).unwrap();
            bytes.extend_from_slice(l.as_bytes());
        }
        let first = bytes.iter().position(|b| *b == b'\n').unwrap();
        for i in 0..first {
            let mut bad = bytes.clone();
            bad[i] ^= 1;
            if bad[i] == b'\n' {
                continue;
            }
            let (loaded, len) = parse(&bad);
            assert_eq!(
                (loaded.entries.len(), loaded.damaged, len),
                (3, 1, bad.len() as u64),
                "bit at {i}"
            );
        }
    }
}
