//! Searching a tree by ripgrep's engine.
//!
//! The texts of a tree are written behind each other into one file when it is searched first. A search reads that file
//! from end to end in large pieces: no folder is walked, no object is inflated, nothing is held in memory. What a tree
//! holds never changes, so the file is never out of date; it may be removed at any time and is made again.

use crate::attempt::Base;
use crate::shadow::Shadow;
use brisk_patch::Text;
use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use grep_searcher::{BinaryDetection, Searcher, SearcherBuilder, Sink, SinkMatch};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Bytes that are read at once. Every text fits in with room to spare.
const PIECE: usize = 4 << 20;

/// Bytes that a file may have; texts beyond it are not searched, and a hit list of that tree says so.
const LARGEST: u64 = 1 << 30;

/// Trees of one repository whose file is kept.
const KEPT: usize = 3;

/// Characters of a line that are shown.
const SHOWN: usize = 200;

/// Bounds a compiled expression, bytes.
const COMPILED: usize = 4 << 20;

/// Begins the line in front of each text; no text holds this byte.
const HEAD: u8 = 0;

/// What is searched for.
#[derive(Debug, Clone)]
pub struct Needle(RegexMatcher);

impl Needle {
    /// Lines that hold this text.
    ///
    /// # Errors
    /// The text is too long, or of more than one line.
    pub fn text(text: &str) -> Result<Needle, String> {
        Needle::build(text, true)
    }

    /// Lines that match this regular expression, in the syntax of Rust's `regex`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn pattern(pattern: &str) -> Result<Needle, String> {
        Needle::build(pattern, false)
    }

    fn build(pattern: &str, literally: bool) -> Result<Needle, String> {
        let mut builder = RegexMatcherBuilder::new();
        builder.fixed_strings(literally).size_limit(COMPILED);
        // Never across lines, and so never from one text into the next.
        builder.line_terminator(Some(b'\n'));
        let built = builder.build(pattern).map_err(|e| e.to_string())?;
        Ok(Needle(built))
    }
}

/// What counts instead of the base, and where is looked.
struct Scope<'a> {
    changed: &'a BTreeMap<String, Text>,
    below: &'a str,
}

impl Scope<'_> {
    fn holds(&self, path: &str) -> bool {
        let rest = path.strip_prefix(self.below);
        rest.is_some_and(|rest| self.below.is_empty() || rest.is_empty() || rest.starts_with('/'))
    }
}

impl Shadow {
    /// Lines of a tree that hold what is sought, as `path:line: text`, at most `limit`. `changed` are texts that count
    /// instead of the base's; they come first. `below`: only in this folder or file; empty: everywhere.
    pub fn search(
        &self,
        base: &Base,
        changed: &BTreeMap<String, Text>,
        needle: &Needle,
        below: &str,
        limit: usize,
    ) -> Vec<String> {
        let scope = Scope { changed, below };
        let mut hits = Vec::new();
        for (path, text) in changed.iter().filter(|(path, _)| scope.holds(path)) {
            let record = record(path, text);
            let alone = Scope {
                changed: &BTreeMap::new(),
                below,
            };
            scan(&record, needle, &alone, limit, &mut hits);
        }
        // A disk that is full or gone costs the model a search, nothing else.
        if let Err(e) = self.search_base(base, needle, &scope, limit, &mut hits) {
            hits.push(format!("(not everything was searched: {e})"));
        }
        hits.truncate(limit);
        hits
    }

    fn search_base(
        &self,
        base: &Base,
        needle: &Needle,
        scope: &Scope<'_>,
        limit: usize,
        hits: &mut Vec<String>,
    ) -> io::Result<()> {
        if hits.len() >= limit {
            return Ok(());
        }
        let mut file = self.corpus(base)?;
        let mut buffer = Vec::with_capacity(PIECE + PIECE / 4);
        loop {
            let before = buffer.len();
            let read = (&mut file).take(PIECE as u64).read_to_end(&mut buffer)?;
            // The text that may not be whole yet waits for the next piece.
            let whole = match read {
                0 => buffer.len(),
                _ => buffer.iter().rposition(|b| *b == HEAD).unwrap_or(before),
            };
            scan(
                buffer.get(..whole).unwrap_or_default(),
                needle,
                scope,
                limit,
                hits,
            );
            if read == 0 || hits.len() >= limit {
                return Ok(());
            }
            buffer.drain(..whole);
        }
    }

    /// The file of a tree's texts, made if it is not there.
    fn corpus(&self, base: &Base) -> io::Result<File> {
        let folder = self.state.join("corpus");
        let path = folder.join(base.tree().as_str());
        if let Ok(file) = File::open(&path) {
            return Ok(file);
        }
        fs::create_dir_all(&folder)?;
        // Whoever comes first makes it; a second one beside makes the same and puts it in the same place.
        let beside = folder.join(format!("{}.{}", base.tree().as_str(), unique()));
        let made = self
            .write_corpus(base, &beside)
            .and_then(|()| fs::rename(&beside, &path));
        if let Err(e) = made {
            let _ = fs::remove_file(&beside);
            return Err(e);
        }
        forget(&folder);
        File::open(&path)
    }

    fn write_corpus(&self, base: &Base, to: &Path) -> io::Result<()> {
        let mut out = BufWriter::with_capacity(1 << 20, File::create(to)?);
        let mut size = 0;
        for path in base.paths() {
            let Some(text) = self.file(base, &path) else {
                continue;
            };
            let record = record(&path, &text);
            size += record.len() as u64;
            if size > LARGEST {
                break;
            }
            // A text with the byte that separates them cannot be told from two.
            if record.iter().skip(1).all(|b| *b != HEAD) {
                out.write_all(&record)?;
            }
        }
        out.flush()
    }
}

/// One text as it stands in the file: a line with its path, then the text, always with a last line end.
fn record(path: &str, text: &Text) -> Vec<u8> {
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

/// Differs between the threads of a process and between processes.
fn unique() -> String {
    format!("{}.{:?}", std::process::id(), std::thread::current().id())
}

/// Removes all but the newest. Who reads one that is removed goes on reading it.
fn forget(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let mut all: Vec<(SystemTime, PathBuf)> = entries
        .filter_map(|e| {
            let e = e.ok()?;
            Some((e.metadata().ok()?.modified().ok()?, e.path()))
        })
        .collect();
    all.sort();
    for (_, path) in all.iter().rev().skip(KEPT) {
        let _ = fs::remove_file(path);
    }
}

/// Whole records.
fn scan(records: &[u8], needle: &Needle, scope: &Scope<'_>, limit: usize, hits: &mut Vec<String>) {
    let mut searcher: Searcher = SearcherBuilder::new()
        .line_number(false)
        .bom_sniffing(false)
        .binary_detection(BinaryDetection::none())
        .build();
    let found = Found {
        records,
        scope,
        limit,
        hits,
        head: 0,
        lines: (0, 0),
    };
    // What is in memory is searched without a failure, and the sink makes none.
    let _ = searcher.search_slice(&needle.0, records, found);
}

struct Found<'a> {
    records: &'a [u8],
    scope: &'a Scope<'a>,
    limit: usize,
    hits: &'a mut Vec<String>,
    /// Where the record of the last hit begins.
    head: usize,
    /// A place in it and the number of its line: lines are counted once.
    lines: (usize, usize),
}

impl Found<'_> {
    /// The path that a place belongs to, and the number of its line from 1.
    fn place(&mut self, at: usize) -> Option<(&str, usize)> {
        let since = self.records.get(self.head..at)?;
        let head = self.head + since.iter().rposition(|b| *b == HEAD)?;
        let name = self.records.get(head + 1..)?;
        let name = name.get(..name.iter().position(|b| *b == b'\n')?)?;
        if head != self.head || self.lines.0 == 0 {
            self.head = head;
            self.lines = (head + 1 + name.len() + 1, 1);
        }
        let (from, number) = self.lines;
        let passed = self
            .records
            .get(from..at)?
            .iter()
            .filter(|b| **b == b'\n')
            .count();
        self.lines = (at, number + passed);
        Some((std::str::from_utf8(name).ok()?, self.lines.1))
    }
}

impl Sink for Found<'_> {
    type Error = io::Error;

    fn matched(&mut self, _: &Searcher, hit: &SinkMatch<'_>) -> io::Result<bool> {
        let line = hit.bytes();
        if line.first() == Some(&HEAD) {
            return Ok(true);
        }
        let at = usize::try_from(hit.absolute_byte_offset()).unwrap_or(usize::MAX);
        let scope = self.scope;
        if let Some((path, number)) = self.place(at)
            && scope.holds(path)
            && !scope.changed.contains_key(path)
        {
            let text = String::from_utf8_lossy(line);
            let text: String = text.trim_end().chars().take(SHOWN).collect();
            let hit = format!("{path}:{number}: {text}");
            self.hits.push(hit);
        }
        Ok(self.hits.len() < self.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(files: &[(&str, &str)]) -> Vec<u8> {
        let record = |(path, text): &(&str, &str)| record(path, &Text::from_str_lossless(text));
        files.iter().flat_map(record).collect()
    }

    fn found(needle: &Needle, below: &str, limit: usize) -> Vec<String> {
        let files = [
            ("a.rs", "fn a() {}\nlet total = 1;\n\ntotal"),
            ("empty.rs", ""),
            ("src/b.rs", "total\r\nTotal\n"),
            ("srcs/total.rs", "x\n"),
        ];
        let changed = BTreeMap::from([("changed.rs".to_owned(), Text::default())]);
        let mut records = texts(&files);
        records.extend(texts(&[("changed.rs", "total\n")]));
        let scope = Scope {
            changed: &changed,
            below,
        };
        let mut hits = Vec::new();
        scan(&records, needle, &scope, limit, &mut hits);
        hits
    }

    #[test]
    fn hits_have_their_path_and_line_and_nothing_else_is_one() {
        let text = |t: &str| Needle::text(t).unwrap();
        let pattern = |p: &str| Needle::pattern(p).unwrap();
        let cases: Vec<(Needle, &str, &[&str])> = vec![
            (
                text("total"),
                "",
                &["a.rs:2: let total = 1;", "a.rs:4: total", "src/b.rs:1: total"],
            ),
            (text("total"), "src", &["src/b.rs:1: total"]),
            (text("total"), "src/b.rs", &["src/b.rs:1: total"]),
            (text("total"), "no", &[]),
            (text("a()"), "", &["a.rs:1: fn a() {}"]),
            (text("a.rs"), "", &[]),
            (pattern("^fn \\w+"), "", &["a.rs:1: fn a() {}"]),
            (
                pattern("(?i)^total"),
                "src",
                &["src/b.rs:1: total", "src/b.rs:2: Total"],
            ),
            (pattern("^$"), "", &["a.rs:3: "]),
            (pattern("\\x00"), "", &[]),
        ];
        for (needle, below, want) in cases {
            assert_eq!(found(&needle, below, 40), want, "{needle:?} {below}");
        }
        assert_eq!(found(&text("total"), "", 2).len(), 2);
    }

    #[test]
    fn what_cannot_be_sought_is_said() {
        for pattern in ["(", "a{9999}{9999}", "a\nb"] {
            assert!(Needle::pattern(pattern).is_err(), "{pattern}");
        }
        assert!(Needle::text("a\nb").is_err());
        assert!(Needle::text("a(").is_ok());
    }
}
