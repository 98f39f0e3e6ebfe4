//! Pure: what the operation log says is in effect, and which pieces an undo or redo is about.

use crate::ids::OpId;
use crate::journal::{FileOp, Kind, Op, Piece, Ref, What};
use brisk_domain::{HunkId, SessionId, TurnId};
use std::collections::{BTreeMap, BTreeSet};

/// What to undo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The newest write that is still in effect, whoever made it.
    Last,
    /// Everything that one turn wrote.
    Turn(SessionId, TurnId),
    /// One operation: of a write or a redo what it brought, of an undo what it took out.
    Op(OpId),
    /// One hunk; the newest of that name.
    Hunk(SessionId, HunkId),
}

/// What an undo or redo has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Task {
    /// Take these pieces out, newest first.
    TakeOut(Vec<Ref>),
    /// Put back what an undo took out, in these of its files.
    PutBack { undo: OpId, files: Vec<usize> },
}

/// All operations that are over, oldest first, and the pieces in effect.
#[derive(Debug, Default)]
pub(crate) struct History {
    ops: Vec<Op>,
    at: BTreeMap<OpId, usize>,
    live: BTreeSet<Ref>,
    /// Per undo operation, the files (by index) whose pieces are still out because of it.
    out: BTreeMap<OpId, BTreeSet<usize>>,
}

impl History {
    /// Takes in an operation that is over; paths in `left` did not change.
    pub(crate) fn push(&mut self, op: Op, left: &[String]) {
        let done = |f: &FileOp| !left.contains(&f.path);
        for (i, f) in op.files.iter().enumerate().filter(|(_, f)| done(f)) {
            match (&op.kind, &f.what) {
                (_, What::Pieces(pieces)) => self.live.extend((0..pieces.len()).map(|p| Ref(op.op, i, p))),
                (Kind::Redo { of }, What::Flips(refs)) => {
                    self.live.extend(refs);
                    if let Some(undo) = self
                        .op(*of)
                        .and_then(|u| u.files.iter().position(|g| g.path == f.path))
                    {
                        self.out.entry(*of).or_default().remove(&undo);
                    }
                }
                (Kind::Undo | Kind::Write { .. }, What::Flips(refs)) => {
                    refs.iter().for_each(|r| {
                        self.live.remove(r);
                    });
                    self.out.entry(op.op).or_default().insert(i);
                }
            }
        }
        self.at.insert(op.op, self.ops.len());
        self.ops.push(op);
    }

    pub(crate) fn op(&self, id: OpId) -> Option<&Op> {
        self.at.get(&id).map(|i| &self.ops[*i])
    }

    /// Newest first.
    pub(crate) fn newest(&self) -> impl Iterator<Item = &Op> {
        self.ops.iter().rev()
    }

    /// File and piece that a reference means.
    pub(crate) fn piece(&self, r: Ref) -> Option<(&FileOp, Piece)> {
        let file = self.op(r.0)?.files.get(r.1)?;
        match &file.what {
            What::Pieces(pieces) => Some((file, *pieces.get(r.2)?)),
            What::Flips(_) => None,
        }
    }

    /// Pieces of an operation that are in effect, out of all that it brought.
    pub(crate) fn in_effect(&self, op: &Op) -> (usize, usize) {
        let refs = brought(op);
        (refs.iter().filter(|r| self.live.contains(r)).count(), refs.len())
    }

    /// Whether something of an operation is in effect; `None` for an unknown one.
    pub(crate) fn stands(&self, id: OpId) -> Option<bool> {
        self.op(id).map(|op| self.in_effect(op).0 > 0)
    }

    /// Resolves what a person asked to undo. `None`: nothing of it is in effect. `Err`: no such operation.
    pub(crate) fn undo(&self, which: Which) -> Result<Option<Task>, OpId> {
        let live = |refs: Vec<Ref>| {
            refs.into_iter()
                .filter(|r| self.live.contains(r))
                .collect::<Vec<_>>()
        };
        let refs = match which {
            Which::Last => self
                .newest()
                .filter(|op| matches!(op.kind, Kind::Write { .. }))
                .map(|op| live(brought(op)))
                .find(|refs| !refs.is_empty())
                .unwrap_or_default(),
            Which::Turn(s, t) => self
                .newest()
                .filter(|op| op.kind == Kind::Write { session: s, turn: t })
                .flat_map(|op| live(brought(op)))
                .collect(),
            Which::Hunk(s, h) => self
                .newest()
                .filter(|op| matches!(op.kind, Kind::Write { session, .. } if session == s))
                .flat_map(brought)
                .find(|r| self.piece(*r).is_some_and(|(_, p)| p.hunk == h))
                .map_or_else(Vec::new, |r| live(vec![r])),
            Which::Op(id) => {
                let op = self.op(id).ok_or(id)?;
                if op.kind == Kind::Undo {
                    return Ok(self.put_back(id));
                }
                live(brought(op))
            }
        };
        let mut refs = refs;
        refs.sort_by(|a, b| b.cmp(a));
        Ok((!refs.is_empty()).then_some(Task::TakeOut(refs)))
    }

    /// The newest undo since the last write of which something is still out.
    pub(crate) fn redo(&self) -> Option<Task> {
        self.newest()
            .take_while(|op| !matches!(op.kind, Kind::Write { .. }))
            .filter(|op| op.kind == Kind::Undo)
            .find_map(|op| self.put_back(op.op))
    }

    fn put_back(&self, undo: OpId) -> Option<Task> {
        let files: Vec<usize> = self.out.get(&undo)?.iter().copied().collect();
        (!files.is_empty()).then_some(Task::PutBack { undo, files })
    }
}

/// The pieces that a write or a redo brought; an undo brings none.
fn brought(op: &Op) -> Vec<Ref> {
    let per_file = |(i, f): (usize, &FileOp)| match (&op.kind, &f.what) {
        (_, What::Pieces(pieces)) => (0..pieces.len()).map(|p| Ref(op.op, i, p)).collect(),
        (Kind::Redo { .. }, What::Flips(refs)) => refs.clone(),
        (Kind::Undo | Kind::Write { .. }, What::Flips(_)) => Vec::new(),
    };
    op.files.iter().enumerate().flat_map(per_file).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn op(id: u64, kind: Kind, files: Vec<(&str, What)>) -> Op {
        let file = |(path, what): (&str, What)| FileOp {
            path: path.into(),
            before: None,
            after: None,
            mode: None,
            what,
        };
        let files = files.into_iter().map(file).collect();
        Op {
            op: OpId(id),
            salt: 0,
            at_ms: 0,
            kind,
            note: String::new(),
            files,
            folders: vec![],
            prune: vec![],
        }
    }

    fn write(id: u64, turn: u64, files: &[(&str, &[u64])]) -> Op {
        let pieces = |hunks: &[u64]| {
            What::Pieces(
                hunks
                    .iter()
                    .map(|h| Piece {
                        hunk: HunkId(*h),
                        span: None,
                    })
                    .collect(),
            )
        };
        let kind = Kind::Write {
            session: SessionId(1),
            turn: TurnId(turn),
        };
        op(id, kind, files.iter().map(|(p, h)| (*p, pieces(h))).collect())
    }

    fn r(op: u64, file: usize, piece: usize) -> Ref {
        Ref(OpId(op), file, piece)
    }

    fn out(refs: &[Ref]) -> Result<Option<Task>, OpId> {
        Ok(Some(Task::TakeOut(refs.to_vec())))
    }

    fn back(undo: u64, files: &[usize]) -> Task {
        Task::PutBack {
            undo: OpId(undo),
            files: files.to_vec(),
        }
    }

    #[test]
    fn undo_goes_back_in_time_and_redo_forward_until_the_next_write() {
        let mut h = History::default();
        assert_eq!(h.undo(Which::Last), Ok(None));
        h.push(write(1, 1, &[("a", &[1, 2]), ("b", &[3])]), &[]);
        h.push(write(2, 2, &[("a", &[4])]), &[]);
        assert_eq!(h.undo(Which::Last), out(&[r(2, 0, 0)]));
        assert_eq!(h.undo(Which::Hunk(SessionId(1), HunkId(2))), out(&[r(1, 0, 1)]));
        assert_eq!(h.undo(Which::Hunk(SessionId(2), HunkId(2))), Ok(None));
        assert_eq!(
            h.undo(Which::Turn(SessionId(1), TurnId(1))),
            out(&[r(1, 1, 0), r(1, 0, 1), r(1, 0, 0)])
        );
        assert_eq!(h.undo(Which::Op(OpId(9))), Err(OpId(9)));
        assert_eq!(h.redo(), None);

        h.push(op(3, Kind::Undo, vec![("a", What::Flips(vec![r(2, 0, 0)]))]), &[]);
        assert_eq!(h.undo(Which::Last), out(&[r(1, 1, 0), r(1, 0, 1), r(1, 0, 0)]));
        assert_eq!(h.redo(), Some(back(3, &[0])));
        let both = vec![
            ("a", What::Flips(vec![r(1, 0, 1), r(1, 0, 0)])),
            ("b", What::Flips(vec![r(1, 1, 0)])),
        ];
        h.push(op(4, Kind::Undo, both), &[]);
        assert_eq!(h.undo(Which::Last), Ok(None));
        assert_eq!(h.redo(), Some(back(4, &[0, 1])));

        // Only one of two files could be put back: the other stays due.
        h.push(
            op(
                5,
                Kind::Redo { of: OpId(4) },
                vec![("b", What::Flips(vec![r(1, 1, 0)]))],
            ),
            &[],
        );
        assert_eq!(h.redo(), Some(back(4, &[0])));
        assert_eq!(h.undo(Which::Op(OpId(5))), out(&[r(1, 1, 0)]));
        assert_eq!(h.undo(Which::Op(OpId(4))), Ok(Some(back(4, &[0]))));

        h.push(write(6, 3, &[("c", &[9])]), &[]);
        assert_eq!(h.redo(), None, "a new write ends redo");
        assert_eq!(
            h.undo(Which::Op(OpId(3))),
            Ok(Some(back(3, &[0]))),
            "but an undo can be undone by name"
        );
    }

    #[test]
    fn what_was_left_out_is_not_in_effect() {
        let mut h = History::default();
        h.push(write(1, 1, &[("a", &[1]), ("b", &[2])]), &["a".to_owned()]);
        assert_eq!(h.undo(Which::Last), out(&[r(1, 1, 0)]));
        assert_eq!(h.in_effect(&h.ops[0]), (1, 2));
    }
}
