//! The files that a patch may change, as they are, and what a stream has claimed of them so far.

use crate::hunk::{Change, Hunk};
use crate::locate::Index;
use crate::minimise::pieces;
use crate::place::{hunk_for, modify};
use crate::stream::Refusal;
use crate::text::{Text, bare};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) text: Text,
    index: Option<Index>,
    /// Changed line ranges, in order, disjoint; insertion points are empty ones.
    claims: Vec<(usize, usize)>,
}

impl File {
    pub(crate) fn index(&mut self) -> &Index {
        self.index.get_or_insert_with(|| Index::new(&self.text))
    }

    /// First line that one of the hunks shares with one before.
    fn overlap(&self, hunk: &Hunk) -> Option<usize> {
        let (start, end) = (hunk.at, hunk.old_end());
        let first = self.claims.partition_point(|(_, e)| *e <= start);
        let (s, _) = self.claims.get(first).filter(|(s, _)| *s < end)?;
        Some(start.max(*s))
    }
}

/// Files by path.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    known: BTreeMap<String, File>,
    /// Paths that the patch creates or deletes: nothing else may touch them.
    taken: BTreeSet<String>,
}

impl Files {
    pub(crate) fn new(files: BTreeMap<String, Text>) -> Files {
        let file = |text| File {
            text,
            index: None,
            claims: Vec::new(),
        };
        Files {
            known: files.into_iter().map(|(p, t)| (p, file(t))).collect(),
            taken: BTreeSet::new(),
        }
    }

    pub(crate) fn get(&mut self, path: &str) -> Option<&mut File> {
        self.known.get_mut(path)
    }

    pub(crate) fn has(&self, path: &str) -> bool {
        self.known.contains_key(path)
    }

    /// The only file, if there is one only: then a path need not be said.
    pub(crate) fn only(&self) -> Option<&str> {
        self.known
            .keys()
            .next()
            .filter(|_| self.known.len() == 1)
            .map(String::as_str)
    }

    /// Makes old lines `at..end` of `path` into `new`: minimal changes, unless they meet earlier ones.
    pub(crate) fn change(
        &mut self,
        path: &str,
        at: usize,
        end: usize,
        new: &[String],
    ) -> Result<Vec<Change>, Refusal> {
        if self.taken.contains(path) {
            return Err(Refusal::Overlap {
                path: path.to_owned(),
                line: at,
            });
        }
        let Some(file) = self.known.get_mut(path) else {
            return Err(Refusal::UnknownFile {
                path: path.to_owned(),
            });
        };
        let old: Vec<&str> = file.text.lines()[at..end].iter().map(|l| bare(l)).collect();
        let fresh: Vec<&str> = new.iter().map(String::as_str).collect();
        let parts = pieces(&old, &fresh);
        let hunks: Vec<Hunk> = parts
            .into_iter()
            .map(|(o, n)| hunk_for(&file.text, at + o.start, at + o.end, &new[n]))
            .collect();
        if let Some(line) = hunks.iter().find_map(|h| file.overlap(h)) {
            return Err(Refusal::Overlap {
                path: path.to_owned(),
                line,
            });
        }
        for claim in hunks.iter().map(|h| (h.at, h.old_end())) {
            let place = file.claims.partition_point(|c| *c <= claim);
            file.claims.insert(place, claim);
        }
        Ok(hunks.into_iter().map(|h| modify(path, h)).collect())
    }

    /// Claims a path for a new file.
    pub(crate) fn create(&mut self, path: &str) -> Result<(), Refusal> {
        let path = path.to_owned();
        if path.starts_with('/') || path.is_empty() || path.split(['/', '\\']).any(|c| c == "..") {
            return Err(Refusal::BadPath { path });
        }
        if self.known.contains_key(&path) || !self.taken.insert(path.clone()) {
            return Err(Refusal::Exists { path });
        }
        Ok(())
    }

    /// Claims a whole file, to delete it; gives its text.
    pub(crate) fn whole(&mut self, path: &str) -> Result<Text, Refusal> {
        if self.known.get(path).is_some_and(|f| !f.claims.is_empty()) {
            return Err(Refusal::Overlap {
                path: path.to_owned(),
                line: 0,
            });
        }
        self.moved(path)
    }

    /// Claims a file that moves with its changes; gives its text.
    pub(crate) fn moved(&mut self, path: &str) -> Result<Text, Refusal> {
        let Some(file) = self.known.get(path) else {
            return Err(Refusal::UnknownFile {
                path: path.to_owned(),
            });
        };
        if !self.taken.insert(path.to_owned()) {
            return Err(Refusal::Overlap {
                path: path.to_owned(),
                line: 0,
            });
        }
        Ok(file.text.clone())
    }
}
