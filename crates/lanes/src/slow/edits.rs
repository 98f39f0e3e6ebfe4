//! The files of an attempt: the base as far as it was read, and what became of it.

use super::answer::Look;
use brisk_domain::job::PatchSize;
use brisk_domain::parts::Scope;
use brisk_patch::{
    Change, Hunk, Language, PatchStream, Refusal, StreamEvent, Symbol, Text, apply, minimise, outline,
    parses_as_well,
};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

/// Small models copy: they are told, or they would wait for what their edit came to.
const SAME: &str = "an edit changes nothing, for what takes the place of the lines is the same";

/// Edits as a model gives them. Which kind it is, the tool says: a text that is put into a file may look like another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Edit {
    /// An answer with search/replace blocks.
    Blocks(String),
    /// A patch from `*** Begin Patch`.
    Patch(String),
    /// One edit of one file. Nothing in it is read for anything else.
    Lines {
        /// The file.
        path: String,
        /// Lines that are in it once; empty for a new file.
        search: String,
        /// What takes their place.
        replace: String,
    },
}

impl Edit {
    /// An answer in words, by the marker that comes first: the other one may be a line of a file.
    pub(super) fn in_words(answer: String) -> Edit {
        let is_patch = |line: &str| match line {
            patch if patch.contains("*** Begin Patch") => Some(true),
            block if block.trim_start().starts_with("<<<<<") => Some(false),
            _ => None,
        };
        match answer.lines().find_map(is_patch) {
            Some(true) => Edit::Patch(answer),
            Some(false) | None => Edit::Blocks(answer),
        }
    }
}

/// Names of a folder that are listed.
const LISTED: usize = 200;

#[derive(Debug, Clone)]
struct Known {
    /// `None`: the attempt made it.
    base: Option<Text>,
    now: Text,
}

#[derive(Debug, Clone)]
pub(super) struct Files {
    paths: Arc<BTreeSet<String>>,
    /// What is there and is no file: see [`super::Brief::links`].
    links: Arc<BTreeSet<String>>,
    known: BTreeMap<String, Known>,
    /// All that may be changed; `None`: anything.
    only: Option<Vec<Scope>>,
}

/// What came of the edits of one answer.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Paths.
    pub(super) changed: BTreeSet<String>,
    /// How many edits were refused.
    pub(super) refused: usize,
    /// Files that were to be edited unread: they are shown first.
    pub(super) unread: BTreeSet<String>,
    said: Vec<String>,
}

impl Outcome {
    /// For the model; empty if every edit went in.
    pub(super) fn words(&self) -> String {
        self.said.iter().map(|line| format!("{line}\n")).collect()
    }

    fn refuse(&mut self, why: String) {
        self.refused += 1;
        self.said.push(format!("Not changed: {why}."));
    }
}

impl Files {
    pub(super) fn new(
        paths: Arc<BTreeSet<String>>,
        links: Arc<BTreeSet<String>>,
        read: Vec<(String, Text)>,
        only: Option<Vec<Scope>>,
    ) -> Files {
        let mut files = Files {
            paths,
            links,
            known: BTreeMap::new(),
            only,
        };
        for (path, text) in read {
            files.learn(&path, text);
        }
        files
    }

    /// A file of the base was read. What the attempt made of it stays.
    pub(super) fn learn(&mut self, path: &str, text: Text) {
        self.known.entry(path.to_owned()).or_insert_with(|| Known {
            base: Some(text.clone()),
            now: text,
        });
    }

    /// Whatever has a name: a line that is one of them means it, also where it is no file.
    fn names(&self) -> Arc<BTreeSet<String>> {
        if self.links.is_empty() {
            return Arc::clone(&self.paths);
        }
        Arc::new(self.paths.union(&self.links).cloned().collect())
    }

    /// Every path of the base.
    pub(super) fn paths(&self) -> &BTreeSet<String> {
        &self.paths
    }

    /// A file as it is now, if it was read.
    pub(super) fn text(&self, path: &str) -> Option<&Text> {
        self.known.get(path).map(|known| &known.now)
    }

    /// Applies hunks that were made for a file as it is now.
    ///
    /// # Errors
    /// Why nothing was changed, for people.
    pub(super) fn rewrite(&mut self, path: &str, hunks: &[Hunk], max_lines: usize) -> Result<(), String> {
        let mut outcome = Outcome::default();
        let before = self.text(path).cloned().unwrap_or_default();
        match apply(&before, hunks) {
            Ok(after) => self.put(path.to_owned(), after, max_lines, &mut outcome),
            Err(e) => outcome.refuse(format!("{path}: {e}")),
        }
        match outcome.said.into_iter().next() {
            Some(why) => Err(why),
            None => Ok(()),
        }
    }

    /// What is known without looking.
    pub(super) fn answer(&self, look: &Look) -> Option<String> {
        match look {
            Look::Search { .. } | Look::Grep { .. } | Look::Run { .. } | Look::Tool { .. } => None,
            Look::List { path } => Some(self.list(path)),
            Look::Read { path, lines } => {
                let known = self.known.get(path)?;
                Some(part_of(&known.now, *lines))
            }
            Look::Outline { path } => {
                let known = self.known.get(path)?;
                Some(outline_of(path, &known.now))
            }
        }
    }

    /// Why a look finds nothing, whatever the repository holds.
    pub(super) fn refusal(&self, look: &Look) -> Option<String> {
        match look {
            Look::Search { .. } | Look::Run { .. } | Look::Tool { .. } => None,
            Look::Grep { below: path, .. } | Look::List { path } => {
                (!path.is_empty() && !inside(path)).then(|| outside(path))
            }
            Look::Read { path, .. } | Look::Outline { path } if !inside(path) => Some(outside(path)),
            Look::Read { path, .. } | Look::Outline { path } if let Some(why) = self.linked(path) => {
                Some(why)
            }
            Look::Read { path, .. } | Look::Outline { path } => {
                let there = self.known.contains_key(path) || self.paths.contains(path);
                (!there).then(|| format!("there is no file {path}; `list` and `search` show what there is"))
            }
        }
    }

    fn list(&self, folder: &str) -> String {
        let prefix = if folder.is_empty() {
            String::new()
        } else {
            format!("{folder}/")
        };
        let made = self
            .known
            .iter()
            .filter(|(_, k)| k.base.is_none())
            .map(|(p, _)| p);
        let from = (Bound::Included(prefix.clone()), Bound::Unbounded);
        let below = self
            .paths
            .range::<String, _>(from)
            .take_while(|p| p.starts_with(&prefix));
        let names: BTreeSet<String> = below
            .chain(made.filter(|p| p.starts_with(&prefix)))
            .filter_map(|path| path.get(prefix.len()..))
            .map(|rest| match rest.split_once('/') {
                Some((sub, _)) => format!("{sub}/"),
                None => rest.to_owned(),
            })
            .collect();
        if names.is_empty() {
            return format!("there is no folder {folder}");
        }
        let more = names.len().saturating_sub(LISTED);
        let mut out: Vec<String> = names.into_iter().take(LISTED).collect();
        if more > 0 {
            out.push(format!("(and {more} more)"));
        }
        out.join("\n")
    }

    fn events(&self, edit: &Edit) -> Vec<StreamEvent> {
        let all = || self.known.iter().map(|(p, k)| (p.clone(), k.now.clone()));
        let (mut stream, text) = match edit {
            Edit::Lines {
                path,
                search,
                replace,
            } => {
                let file = self.text(path).map(|text| (path.clone(), text.clone()));
                let changes = brisk_patch::replace(file.into_iter().collect(), path, search, replace);
                return vec![match changes {
                    Ok(changes) => StreamEvent::Closed { changes },
                    Err(refusal) => StreamEvent::Refused { refusal },
                }];
            }
            Edit::Patch(text) => (PatchStream::apply_patch(all().collect()), text),
            Edit::Blocks(text) => {
                let others = self.names();
                (PatchStream::search_replace_among(all().collect(), others), text)
            }
        };
        let mut events = Vec::new();
        stream.push(text, &mut events);
        stream.finish(&mut events);
        events
    }

    /// Applies edits, as strictly as they are read: a file changes by all of its edits or by none. `max_lines`: bound of
    /// the whole patch.
    pub(super) fn edit(&mut self, edit: &Edit, max_lines: usize) -> Outcome {
        let mut outcome = Outcome::default();
        let events = self.events(edit);
        let mut hunks: BTreeMap<String, Vec<Hunk>> = BTreeMap::new();
        let mut created = Vec::new();
        let mut spoilt = BTreeSet::new();
        for event in events {
            match event {
                StreamEvent::Closed { changes } if changes.is_empty() => {
                    outcome.refuse(SAME.to_owned());
                }
                StreamEvent::Closed { changes } => {
                    for change in changes {
                        match change {
                            Change::Modify { path, hunk } => hunks.entry(path).or_default().push(hunk),
                            Change::Create { path, text } => created.push((path, text)),
                            Change::Delete { path, .. } => {
                                outcome.refuse(format!("{path}: files are not deleted here"));
                            }
                        }
                    }
                }
                StreamEvent::Refused { refusal } => self.refused(refusal, &mut spoilt, &mut outcome),
                StreamEvent::Opened { .. } | StreamEvent::Line { .. } | StreamEvent::Prose { .. } => {}
            }
        }
        for (path, hunks) in hunks {
            if spoilt.contains(&path) {
                outcome.refuse(format!(
                    "{path}: another edit of it was refused; give all of its edits again"
                ));
                continue;
            }
            let Some(before) = self.known.get(&path).map(|k| k.now.clone()) else {
                continue;
            };
            match apply(&before, &hunks) {
                Ok(after) => self.put(path, after, max_lines, &mut outcome),
                Err(e) => outcome.refuse(format!("{path}: {e}")),
            }
        }
        for (path, text) in created {
            match self.may_create(&path) {
                Ok(()) => self.put(path, text, max_lines, &mut outcome),
                Err(Some(why)) => outcome.refuse(why),
                // It is there and was not read.
                Err(None) => {
                    outcome.refuse(format!("{path} exists already; edit what it holds"));
                    outcome.unread.insert(path);
                }
            }
        }
        outcome
    }

    /// Why a file stays as it is, whatever an edit says.
    fn foreign(&self, path: &str) -> Option<String> {
        let only = self.only.as_ref()?;
        let names = || only.iter().map(Scope::as_str).collect::<Vec<_>>().join(", ");
        (!only.iter().any(|scope| scope.covers(path)))
            .then(|| format!("{path}: this part may change nothing but {}", names()))
    }

    /// Why there is no file at a path, and can be none: it is no file, or leads through one that is not.
    fn linked(&self, path: &str) -> Option<String> {
        let folders = path.match_indices('/').map(|(i, _)| &path[..i]);
        let link = folders.chain([path]).find(|p| self.links.contains(*p))?;
        Some(format!(
            "{path}: {link} is a link or another repository; work goes on beside it, not in it"
        ))
    }

    fn refused(&self, refusal: Refusal, spoilt: &mut BTreeSet<String>, outcome: &mut Outcome) {
        match &refusal {
            Refusal::UnknownFile { path } if let Some(why) = self.foreign(path) => {
                return outcome.refuse(why);
            }
            Refusal::UnknownFile { path } if let Some(why) = self.linked(path) => {
                return outcome.refuse(why);
            }
            Refusal::UnknownFile { path } if inside(path) && self.paths.contains(path) => {
                outcome.refuse(format!("{path}: it was not read before; edit it as it is"));
                outcome.unread.insert(path.clone());
                return;
            }
            Refusal::NoPath { path } => {
                // It may be one of the edits of this file.
                spoilt.extend(path.clone());
                return outcome.refuse(format!("{refusal}; its path is the line before it, in backticks"));
            }
            Refusal::Missing { path, .. }
            | Refusal::Ambiguous { path, .. }
            | Refusal::Overlap { path, .. }
            | Refusal::Unfinished { path }
            | Refusal::NoAnchor { path }
            | Refusal::Empty { path } => {
                spoilt.insert(path.clone());
            }
            Refusal::UnknownFile { .. }
            | Refusal::Exists { .. }
            | Refusal::BadPath { .. }
            | Refusal::Malformed { .. } => {}
        }
        outcome.refuse(refusal.to_string());
    }

    /// `Err(None)`: it is in the base.
    fn may_create(&self, path: &str) -> Result<(), Option<String>> {
        if !inside(path) {
            return Err(Some(outside(path)));
        }
        if let Some(why) = self.linked(path) {
            return Err(Some(why));
        }
        if self.paths.contains(path) {
            return Err(None);
        }
        let folder = format!("{path}/");
        // What is no file is in a folder, too, and has a name.
        let a_folder = [&self.paths, &self.links].iter().any(|names| {
            let first = names.range(folder.clone()..).next();
            first.is_some_and(|p| p.starts_with(&folder))
        });
        let below_a_file = path
            .match_indices('/')
            .any(|(i, _)| self.paths.contains(&path[..i]));
        // On some file systems the two would be one file.
        let twin = self
            .paths
            .iter()
            .chain(self.links.iter())
            .find(|p| p.len() == path.len() && p.eq_ignore_ascii_case(path));
        match (a_folder || below_a_file, twin) {
            (true, _) => Err(Some(format!("{path}: a file and a folder cannot have one name"))),
            (false, Some(twin)) => Err(Some(format!("{path}: {twin} is there, and differs only in case"))),
            (false, None) => Ok(()),
        }
    }

    fn put(&mut self, path: String, after: Text, max_lines: usize, outcome: &mut Outcome) {
        if let Some(why) = self.foreign(&path) {
            return outcome.refuse(why);
        }
        let before = self.known.get(&path).cloned();
        let parses = Language::of_path(&path).is_none_or(|language| {
            let old = before.as_ref().map(|k| k.now.joined()).unwrap_or_default();
            parses_as_well(language, &old, &after.joined())
        });
        if !parses {
            return outcome.refuse(format!(
                "{path}: with that edit it has a syntax error that it had not before"
            ));
        }
        let base = before.as_ref().and_then(|k| k.base.clone());
        self.known.insert(path.clone(), Known { base, now: after });
        let lines = self.size().lines;
        if lines > max_lines {
            match before {
                Some(before) => drop(self.known.insert(path.clone(), before)),
                None => drop(self.known.remove(&path)),
            }
            return outcome.refuse(format!(
                "{path}: the patch would have {lines} lines, and {max_lines} are allowed; change less"
            ));
        }
        outcome.changed.insert(path);
    }

    pub(super) fn changed(&self) -> BTreeMap<String, Text> {
        let differs = self.known.iter().filter(|(_, k)| k.base.as_ref() != Some(&k.now));
        differs.map(|(p, k)| (p.clone(), k.now.clone())).collect()
    }

    pub(super) fn changed_paths(&self) -> Vec<String> {
        let differs = self.known.iter().filter(|(_, k)| k.base.as_ref() != Some(&k.now));
        differs.map(|(p, _)| p.clone()).collect()
    }

    pub(super) fn size(&self) -> PatchSize {
        let sizes = self.known.values().map(|k| match &k.base {
            None => k.now.len().max(1),
            Some(base) if *base == k.now => 0,
            Some(base) => {
                let whole = Hunk {
                    at: 0,
                    old: base.lines().to_vec(),
                    new: k.now.lines().to_vec(),
                };
                minimise(&whole).iter().map(Hunk::size).sum()
            }
        });
        sizes
            .filter(|lines| *lines > 0)
            .fold(PatchSize::default(), |all, lines| PatchSize {
                lines: all.lines + lines,
                files: all.files + 1,
            })
    }
}

fn outside(path: &str) -> String {
    format!("{path} is not a path inside the repository")
}

/// Whether a path stays below the root and out of git's own folder, however a file system may read it.
fn inside(path: &str) -> bool {
    let part = |p: &str| {
        let git = p.trim_end_matches(['.', ' ']);
        !matches!(p, "" | "." | "..")
            && !git.eq_ignore_ascii_case(".git")
            && !git.eq_ignore_ascii_case("git~1")
    };
    let odd = |c: char| c.is_control() || c == '\\';
    !path.contains(odd) && path.split('/').all(part)
}

/// What a file defines, one a line: its lines from 1, what it is, its name.
fn outline_of(path: &str, text: &Text) -> String {
    let Some(language) = Language::of_path(path) else {
        return "(its language is not known here; read it)".to_owned();
    };
    let symbols = outline(language, &text.joined());
    let line = |s: &Symbol| {
        let kind = format!("{:?}", s.kind).to_lowercase();
        format!("{}-{} {kind} {}\n", s.lines.start + 1, s.lines.end, s.qualified())
    };
    match symbols.is_empty() {
        true => "(it defines nothing)".to_owned(),
        false => symbols.iter().map(line).collect(),
    }
}

/// All lines, or those asked for, as they are: edits have to quote them.
fn part_of(text: &Text, lines: Option<(usize, usize)>) -> String {
    let (first, last) = lines.unwrap_or((1, usize::MAX));
    let wanted = (1..)
        .zip(text.lines())
        .skip(first - 1)
        .take_while(|(n, _)| *n <= last);
    let out: Vec<&str> = wanted.map(|(_, line)| line.as_str()).collect();
    match (out.is_empty(), lines) {
        (false, _) => out.concat(),
        (true, None) => "(it is empty)".to_owned(),
        (true, Some(_)) => format!("(it has {} lines)", text.len()),
    }
}

#[cfg(test)]
mod tests;
