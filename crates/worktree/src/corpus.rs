//! Searching a tree by ripgrep's engine.
//!
//! The texts of a tree are written behind each other into one file when it is searched first, in pieces of whole texts,
//! each with a filter of what stands in it. A search reads the pieces that can hold what is sought, and nothing else: no
//! folder is walked, no object is inflated, nothing is held in memory. What a tree holds never changes, so the file is
//! never out of date; it may be removed at any time and is made again.

use crate::attempt::Base;
use crate::shadow::Shadow;
use crate::texts::{Corpus, Extent, HEAD, PIECE, Writer, record};
use crate::trigrams::{FILTER, Wanted};
use brisk_patch::Text;
use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use grep_searcher::{BinaryDetection, Searcher, SearcherBuilder, Sink, SinkMatch};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A file of so many bytes is worth more than one thread.
const SHARED: u64 = 4 << 20;

/// Threads of one search, at most.
const WORKERS: usize = 4;

/// Bytes that a file may have; texts beyond it are not searched, and a hit list of that tree says so.
const LARGEST: u64 = 1 << 30;

/// Trees of one repository whose file is kept.
const KEPT: usize = 3;

/// Characters of a line that are shown.
const SHOWN: usize = 200;

/// Bounds a compiled expression, bytes.
const COMPILED: usize = 4 << 20;

/// What is searched for.
#[derive(Debug, Clone)]
pub struct Needle {
    matcher: RegexMatcher,
    wanted: Wanted,
}

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
        let wanted = match literally {
            true => Wanted::of_text(pattern),
            false => Wanted::of_pattern(pattern),
        };
        Ok(Needle {
            matcher: built,
            wanted,
        })
    }
}

/// What a search found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hits {
    /// `path:line: text`, as many as were asked for at most.
    pub lines: Vec<String>,
    /// Why not everything was searched, in words, if it was not.
    pub left_out: Option<String>,
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
    /// Lines of a tree that hold what is sought, at most `limit`. `changed` are texts that count instead of the base's;
    /// they come first. `below`: only in this folder or file; empty: everywhere.
    pub fn search(
        &self,
        base: &Base,
        changed: &BTreeMap<String, Text>,
        needle: &Needle,
        below: &str,
        limit: usize,
    ) -> Hits {
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
        let searched = self.search_base(base, needle, &scope, limit, &mut hits);
        hits.truncate(limit);
        let left_out = match searched {
            Ok(Extent::All) => None,
            Ok(Extent::Cut) => Some(format!(
                "texts of this tree beyond the first {} MiB are left out; `list` and `read` show them",
                LARGEST >> 20
            )),
            // A disk that is full or gone costs the model a search, nothing else.
            Err(e) => Some(e.to_string()),
        };
        Hits {
            lines: hits,
            left_out,
        }
    }

    fn search_base(
        &self,
        base: &Base,
        needle: &Needle,
        scope: &Scope<'_>,
        limit: usize,
        hits: &mut Vec<String>,
    ) -> io::Result<Extent> {
        if hits.len() >= limit {
            return Ok(Extent::All);
        }
        let corpus = self.corpus(base)?;
        let size = corpus.pieces.last().map_or(0, |(_, end)| *end);
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let workers = if size < SHARED { 1 } else { cores.min(WORKERS) };
        let share = corpus.pieces.len().div_ceil(workers).max(1);
        let left = limit - hits.len();
        let found: Vec<io::Result<Vec<String>>> = std::thread::scope(|threads| {
            let file = &corpus.file;
            let begin = |pieces| threads.spawn(move || among(file, pieces, needle, scope, left));
            let begun: Vec<_> = corpus.pieces.chunks(share).map(begin).collect();
            let lost = |_| Err(io::Error::other("a thread of the search was lost"));
            begun.into_iter().map(|t| t.join().unwrap_or_else(lost)).collect()
        });
        for found in found {
            hits.extend(found?);
        }
        Ok(corpus.extent)
    }

    /// The file of a tree's texts, made if it is not there.
    fn corpus(&self, base: &Base) -> io::Result<Corpus> {
        let folder = self.state.join("corpus");
        let path = folder.join(base.tree().as_str());
        // One of an earlier version is made anew.
        if let Ok(corpus) = File::open(&path).and_then(Corpus::open) {
            return Ok(corpus);
        }
        fs::create_dir_all(&folder)?;
        // Whoever comes first makes it; a second one beside makes the same and puts it in the same place.
        let beside = folder.join(format!("{}.{}", base.tree().as_str(), unique()));
        let made = self
            .write_corpus(base, &beside, LARGEST)
            .and_then(|()| fs::rename(&beside, &path));
        if let Err(e) = made {
            let _ = fs::remove_file(&beside);
            return Err(e);
        }
        forget(&folder);
        Corpus::open(File::open(&path)?)
    }

    fn write_corpus(&self, base: &Base, to: &Path, largest: u64) -> io::Result<()> {
        let mut out = Writer::new(File::create(to)?, PIECE);
        let mut size = 0;
        let mut extent = Extent::All;
        for path in base.paths() {
            let Some(text) = self.file(base, &path) else {
                continue;
            };
            let record = record(&path, &text);
            size += record.len() as u64;
            if size > largest {
                extent = Extent::Cut;
                break;
            }
            // A text with the byte that separates them cannot be told from two.
            if record.iter().skip(1).all(|b| *b != HEAD) {
                out.push(&record)?;
            }
        }
        // A file that has its name is believed for ever.
        out.finish(extent)?.sync_all()
    }
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

/// What these pieces hold of it. Those that cannot are not read.
fn among(
    file: &File,
    pieces: &[(u64, u64)],
    needle: &Needle,
    scope: &Scope<'_>,
    limit: usize,
) -> io::Result<Vec<String>> {
    let mut hits = Vec::new();
    let (mut filter, mut buffer) = (vec![0; FILTER], Vec::new());
    for (from, to) in pieces {
        if hits.len() >= limit {
            break;
        }
        if needle.wanted.any() {
            file.read_exact_at(&mut filter, *to)?;
            if !needle.wanted.may_be_in(&filter) {
                continue;
            }
        }
        let size = usize::try_from(to - from).unwrap_or_default();
        if buffer.len() < size {
            buffer.resize(size, 0);
        }
        let records = buffer.get_mut(..size).unwrap_or_default();
        file.read_exact_at(records, *from)?;
        scan(records, needle, scope, limit, &mut hits);
    }
    Ok(hits)
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
    let _ = searcher.search_slice(&needle.matcher, records, found);
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
    fn how_large_the_pieces_are_and_who_reads_them_does_not_matter() {
        let files = [
            ("a", "xyz\nno\n"),
            ("b", ""),
            ("c", "no\nxyz"),
            ("dd", "xyz y\n\nxyz\n"),
        ];
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("corpus");
        let changed = BTreeMap::new();
        let scope = Scope {
            changed: &changed,
            below: "",
        };
        let all = ["a:1: xyz", "c:2: xyz", "dd:1: xyz y", "dd:3: xyz"];
        for piece in [0, 1, 5, 8, 64] {
            let mut out = Writer::new(File::create(&path).unwrap(), piece);
            for file in &files {
                out.push(&texts(&[*file])).unwrap();
            }
            out.finish(Extent::All).unwrap();
            let corpus = Corpus::open(File::open(&path).unwrap()).unwrap();
            assert_eq!(corpus.extent, Extent::All);
            for (needle, want) in [
                (Needle::text("xyz"), &all[..]),
                (Needle::text("xy"), &all),
                (Needle::pattern("^xyz y"), &["dd:1: xyz y"]),
                (Needle::text("zyx"), &[]),
            ] {
                let needle = needle.unwrap();
                for share in 1..=corpus.pieces.len() {
                    let part = |pieces| among(&corpus.file, pieces, &needle, &scope, 9).unwrap();
                    let found: Vec<String> = corpus.pieces.chunks(share).flat_map(part).collect();
                    assert_eq!(found, want, "{piece} bytes, {share} at once");
                }
            }
        }
    }

    #[test]
    fn what_was_left_out_of_the_file_is_said_with_what_was_found() {
        let (repo, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir(repo.path().join(".git")).unwrap();
        for (name, text) in [("a", "x\n"), ("b", "x\n"), ("empty", "")] {
            fs::write(repo.path().join(name), text).unwrap();
        }
        let mut shadow = Shadow::open(repo.path(), state.path()).unwrap();
        let tree = shadow.tree().unwrap();
        let base = shadow.base(&tree).unwrap();
        let (none, needle) = (BTreeMap::new(), Needle::text("x").unwrap());
        let folder = shadow.state.join("corpus");
        fs::create_dir_all(&folder).unwrap();
        for (largest, want, all) in [
            (0, &[][..], false),
            (5, &["a:1: x"], false),
            (10, &["a:1: x", "b:1: x"], false),
            (17, &["a:1: x", "b:1: x"], true),
            (LARGEST, &["a:1: x", "b:1: x"], true),
        ] {
            shadow
                .write_corpus(&base, &folder.join(tree.as_str()), largest)
                .unwrap();
            let hits = shadow.search(&base, &none, &needle, "", 9);
            assert_eq!(hits.lines, want, "{largest}");
            assert_eq!(hits.left_out.is_none(), all, "{largest}: {hits:?}");
        }
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
