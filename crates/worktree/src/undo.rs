//! Turning an undo or redo into a plan over the files as they are now.
//!
//! A piece goes out by its inverse, rebased from the text that its write left to the text of today; what an undo took
//! out comes back the same way. So the person's own later edits stay, and what they touched is `Conflicted`.

use crate::blobs::Blobs;
use crate::commit::{PlannedFile, Store};
use crate::error::{WorktreeError, io_at};
use crate::history::{History, Task};
use crate::ids::{Digest, OpId};
use crate::journal::{FileOp, Kind, Op, Piece, Ref, What};
use crate::path::RelPath;
use crate::plan::{Placed, carry};
use crate::root::Seen;
use brisk_domain::{HunkId, SessionId};
use brisk_patch::{Hunk, Text, minimise};
use std::collections::BTreeMap;

/// One hunk that an undo or redo was about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touched {
    /// Whose.
    pub session: SessionId,
    /// Which.
    pub hunk: HunkId,
    /// Path below the root.
    pub path: String,
}

/// What an undo or redo did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Undone {
    /// Its own entry in the log; none if every hunk conflicted and nothing was written.
    pub op: Option<OpId>,
    /// Hunks taken out, or put back.
    pub hunks: Vec<Touched>,
    /// Hunks that stay as they are, each with the reason.
    pub conflicted: Vec<(Touched, String)>,
    /// The person's words of the writes concerned, newest first.
    pub notes: Vec<String>,
}

/// Files to write, folders to remove if empty, and what to tell.
pub(crate) struct Steps {
    pub(crate) files: Vec<PlannedFile>,
    pub(crate) prune: Vec<String>,
    pub(crate) told: Undone,
}

/// A file while pieces go out of it, one write after the other.
struct Draft {
    path: RelPath,
    before: Option<Seen>,
    text: Option<Text>,
    mode: Option<u32>,
    flips: Vec<Ref>,
}

pub(crate) fn steps(store: &Store, history: &History, task: &Task) -> Result<Steps, WorktreeError> {
    let mut s = Steps {
        files: Vec::new(),
        prune: Vec::new(),
        told: Undone::default(),
    };
    let drafts = match task {
        Task::TakeOut(refs) => take_out(store, history, refs, &mut s)?,
        Task::PutBack { undo, files } => put_back(store, history, *undo, files, &mut s)?,
    };
    s.files = drafts
        .into_iter()
        .filter(|d| !d.flips.is_empty())
        .map(|d| PlannedFile {
            path: d.path,
            before: d.before,
            after: d.text.as_ref().map(Text::encode),
            mode: d.mode,
            what: What::Flips(d.flips),
        })
        .collect();
    Ok(s)
}

fn take_out(
    store: &Store,
    history: &History,
    refs: &[Ref],
    s: &mut Steps,
) -> Result<Vec<Draft>, WorktreeError> {
    let mut drafts: BTreeMap<String, Draft> = BTreeMap::new();
    // Newest operation first, whole files at a time; `refs` is sorted that way.
    for group in refs.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
        let Some((op, file)) = group
            .first()
            .and_then(|r| Some((history.op(r.0)?, history.piece(*r)?.0)))
        else {
            continue;
        };
        note(&mut s.told, op);
        let draft = match open(store, &mut drafts, &file.path) {
            Ok(draft) => draft,
            Err(e) => {
                let why = unless_io(e)?;
                group.iter().for_each(|r| s.told.conflict(history, *r, &why));
                continue;
            }
        };
        let texts = texts(&store.blobs, file)?;
        let mut placed = Placed::default();
        let mut text = draft.text.clone();
        for r in group {
            let Some((_, piece)) = history.piece(*r) else {
                continue;
            };
            let done = match piece.span {
                None => whole_file(&mut text, &texts, (&mut draft.mode, file.mode)).inspect(|()| {
                    if texts.0.is_none() {
                        s.prune.extend(op.folders.iter().cloned());
                    }
                }),
                Some(_) => match (&draft.text, &texts) {
                    (Some(now), (Some(before), Some(after))) => inverse(file, r.2, before, after)
                        .and_then(|h| carry(&h, after, now))
                        .and_then(|h| placed.add(piece.hunk, h, now)),
                    _ => Err("the file is gone; it was deleted or renamed meanwhile".to_owned()),
                },
            };
            match done {
                Ok(()) => {
                    draft.flips.push(*r);
                    s.told.hunks.extend(touched(history, *r));
                }
                Err(why) => s.told.conflict(history, *r, &why),
            }
        }
        draft.text = text.map(|t| placed.text(&t));
    }
    Ok(drafts.into_values().collect())
}

fn put_back(
    store: &Store,
    history: &History,
    undo: OpId,
    files: &[usize],
    s: &mut Steps,
) -> Result<Vec<Draft>, WorktreeError> {
    let op = history.op(undo).ok_or(WorktreeError::UnknownOp { op: undo })?;
    let mut drafts = BTreeMap::new();
    for file in files.iter().filter_map(|i| op.files.get(*i)) {
        let What::Flips(refs) = &file.what else { continue };
        refs.iter()
            .filter_map(|r| history.op(r.0))
            .for_each(|op| note(&mut s.told, op));
        let (before, after) = texts(&store.blobs, file)?;
        let done = open(store, &mut drafts, &file.path).map(|draft| {
            let done = match (&before, &after, &draft.text) {
                (Some(before), Some(after), Some(now)) => {
                    let all = Hunk {
                        at: 0,
                        old: after.lines().to_vec(),
                        new: before.lines().to_vec(),
                    };
                    let mut placed = Placed::default();
                    let fits = minimise(&all)
                        .iter()
                        .try_for_each(|h| placed.add(HunkId(0), carry(h, after, now)?, now));
                    // All of a file or none of it: the pieces of one undo in one file come back together.
                    fits.map(|()| Some(placed.text(now)))
                }
                (Some(_), Some(_), None) => {
                    Err("the file is gone; it was deleted or renamed meanwhile".to_owned())
                }
                _ => {
                    let mut text = draft.text.clone();
                    whole_file(&mut text, &(before, after), (&mut draft.mode, file.mode)).map(|()| text)
                }
            };
            done.map(|text| {
                draft.text = text;
                draft.flips.clone_from(refs);
            })
        });
        match done {
            Ok(Ok(())) => s
                .told
                .hunks
                .extend(refs.iter().filter_map(|r| touched(history, *r))),
            Ok(Err(why)) => refs.iter().for_each(|r| s.told.conflict(history, *r, &why)),
            Err(e) => {
                let why = unless_io(e)?;
                refs.iter().for_each(|r| s.told.conflict(history, *r, &why));
            }
        }
    }
    Ok(drafts.into_values().collect())
}

/// Undoes the coming or going of a whole file, from `(before, after)` of the operation that did it.
fn whole_file(
    now: &mut Option<Text>,
    (before, after): &(Option<Text>, Option<Text>),
    (mode, was): (&mut Option<u32>, Option<u32>),
) -> Result<(), String> {
    if now != after {
        return Err(match (after, now) {
            (None, _) => "a file of this name exists again".to_owned(),
            (Some(_), None) => "the file is gone already".to_owned(),
            (Some(_), Some(_)) => "the file was edited since".to_owned(),
        });
    }
    now.clone_from(before);
    *mode = was;
    Ok(())
}

/// The hunk that takes piece `index` out of the text that its write left.
fn inverse(file: &FileOp, index: usize, before: &Text, after: &Text) -> Result<Hunk, String> {
    let What::Pieces(pieces) = &file.what else {
        return Err("the log is damaged here".to_owned());
    };
    let spans = |p: &Piece| {
        p.span
            .map(|s| s.new as isize - s.old as isize)
            .unwrap_or_default()
    };
    let shift: isize = pieces.iter().take(index).map(spans).sum();
    let lines = |text: &Text, at: usize, n: usize| text.lines().get(at..at + n).map(<[String]>::to_vec);
    pieces
        .get(index)
        .and_then(|p| p.span)
        .and_then(|span| {
            let at = span.at.checked_add_signed(shift)?;
            Some(Hunk {
                at,
                old: lines(after, at, span.new)?,
                new: lines(before, span.at, span.old)?,
            })
        })
        .ok_or_else(|| "the log is damaged here".to_owned())
}

fn open<'a>(
    store: &Store,
    drafts: &'a mut BTreeMap<String, Draft>,
    path: &str,
) -> Result<&'a mut Draft, WorktreeError> {
    if !drafts.contains_key(path) {
        let rel = RelPath::new(path)?;
        let before = store.root.read(&rel)?;
        let text = before.as_ref().map(|s| decode(path, &s.bytes)).transpose()?;
        drafts.insert(
            path.to_owned(),
            Draft {
                path: rel,
                before,
                text,
                mode: None,
                flips: Vec::new(),
            },
        );
    }
    drafts.get_mut(path).ok_or_else(|| WorktreeError::Missing {
        path: path.to_owned(),
    })
}

/// What a file has become is a reason to leave it alone; what the system refuses ends the undo.
fn unless_io(e: WorktreeError) -> Result<String, WorktreeError> {
    if matches!(e, WorktreeError::Io { .. } | WorktreeError::DiskFull { .. }) {
        return Err(e);
    }
    Ok(e.to_string())
}

fn texts(blobs: &Blobs, file: &FileOp) -> Result<(Option<Text>, Option<Text>), WorktreeError> {
    let text = |digest: &Option<Digest>| {
        let bytes = digest.as_ref().map(|d| blobs.get(d)).transpose();
        let bytes = bytes.map_err(io_at("read a stored content in", blobs.path()))?;
        bytes.map(|b| decode(&file.path, &b)).transpose()
    };
    Ok((text(&file.before)?, text(&file.after)?))
}

pub(crate) fn decode(path: &str, bytes: &[u8]) -> Result<Text, WorktreeError> {
    Text::decode(bytes).map_err(|why| WorktreeError::NotText {
        path: path.to_owned(),
        why,
    })
}

fn touched(history: &History, r: Ref) -> Option<Touched> {
    let (file, piece) = history.piece(r)?;
    match history.op(r.0)?.kind {
        Kind::Write { session, .. } => Some(Touched {
            session,
            hunk: piece.hunk,
            path: file.path.clone(),
        }),
        Kind::Undo | Kind::Redo { .. } => None,
    }
}

fn note(told: &mut Undone, op: &Op) {
    if told.notes.last() != Some(&op.note) {
        told.notes.push(op.note.clone());
    }
}

impl Undone {
    fn conflict(&mut self, history: &History, r: Ref, why: &str) {
        self.conflicted
            .extend(touched(history, r).map(|t| (t, why.to_owned())));
    }
}
