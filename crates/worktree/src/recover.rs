//! What an interrupted operation needs: completed if it was committed, else swept away.

use crate::commit::{Store, place_new, temp_name, write_temp};
use crate::error::{WorktreeError, io_at};
use crate::ids::{Digest, OpId};
use crate::journal::{Entry, FileOp, Journal, Op};
use crate::path::RelPath;
use rustix::fs::{AtFlags, renameat, unlinkat};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd;

/// What was done about operations that a crash had cut off, to be told to the person.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recovery {
    /// Operations that were decided and are complete now.
    pub completed: Vec<OpId>,
    /// Operations that had not been decided; nothing of them is left.
    pub swept: Vec<OpId>,
    /// Paths of completed operations that somebody changed meanwhile; they are as that somebody left them.
    pub left: Vec<String>,
    /// Lines of the log that do not match their checksum and were passed over.
    pub damaged_lines: usize,
}

/// An operation without an end in the log.
pub(crate) struct Pending {
    pub(crate) op: Op,
    pub(crate) committed: bool,
}

/// What a log tells.
pub(crate) struct Sorted {
    /// Operations that are over, each with the paths that were left out.
    pub(crate) over: Vec<(Op, Vec<String>)>,
    /// Operations that were cut off.
    pub(crate) pending: Vec<Pending>,
    /// The greatest id given out.
    pub(crate) last: OpId,
}

pub(crate) fn sort(entries: Vec<Entry>) -> Sorted {
    let mut open: BTreeMap<OpId, Pending> = BTreeMap::new();
    let mut over = Vec::new();
    let mut last = OpId(0);
    for entry in entries {
        match entry {
            Entry::Intent(op) => {
                last = last.max(op.op);
                open.insert(op.op, Pending { op, committed: false });
            }
            Entry::Commit { op } => {
                if let Some(p) = open.get_mut(&op) {
                    p.committed = true;
                }
            }
            Entry::Done { op, left } => over.extend(open.remove(&op).map(|p| (p.op, left))),
            Entry::Abort { op } => {
                open.remove(&op);
            }
        }
    }
    Sorted {
        over,
        pending: open.into_values().collect(),
        last,
    }
}

impl Store {
    /// Completes or sweeps one operation. For a completed one gives the paths left alone.
    pub(crate) fn recover(
        &self,
        journal: &mut Journal,
        pending: &Pending,
    ) -> Result<Option<Vec<String>>, WorktreeError> {
        let id = pending.op.op;
        let (end, left) = if pending.committed {
            let mut left = Vec::new();
            for (i, f) in pending.op.files.iter().enumerate() {
                if !self.roll_forward(&pending.op, i, f)? {
                    left.push(f.path.clone());
                }
            }
            self.prune(&pending.op);
            (
                Entry::Done {
                    op: id,
                    left: left.clone(),
                },
                Some(left),
            )
        } else {
            self.remove_temps(&pending.op);
            (Entry::Abort { op: id }, None)
        };
        journal
            .append(&[end])
            .map_err(io_at("write the journal", journal.path()))?;
        Ok(left)
    }

    /// False: the file is neither as it was before nor as it is to be, and stays so.
    fn roll_forward(&self, op: &Op, index: usize, f: &FileOp) -> Result<bool, WorktreeError> {
        let path = RelPath::new(&f.path)?;
        let (folder, name) = path.split();
        let temp = temp_name(op, index);
        let here = self.root.folder(folder);
        if let Ok(dir) = &here {
            // Written again below if it is needed: the half of one may be all there is.
            unlinkat(dir, &temp, AtFlags::empty()).unwrap_or(());
        }
        let now = match self.root.read(&path) {
            Ok(now) => now,
            // A link, a folder, something huge: not what we left.
            Err(WorktreeError::Io { doing, path, source }) => {
                return Err(WorktreeError::Io { doing, path, source });
            }
            Err(_) => return Ok(false),
        };
        let found = now.as_ref().map(|s| Digest::of(&s.bytes));
        if found == f.after {
            return Ok(true);
        }
        if found != f.before {
            return Ok(false);
        }
        let io = |e: io::Error| io_at("complete an interrupted write of", self.root.path().join(&f.path))(e);
        let Some(after) = &f.after else {
            let dir = here.map_err(io)?;
            unlinkat(&dir, name, AtFlags::empty()).map_err(|e| io(e.into()))?;
            rustix::fs::fsync(&dir).map_err(|e| io(e.into()))?;
            return Ok(true);
        };
        // A content that is lost must not keep the person out of the repository: the file stays as it is, and is told.
        let Ok(bytes) = self.blobs.get(after) else {
            return Ok(false);
        };
        for folder in path.folders() {
            self.make_folder(folder).map_err(io)?;
        }
        let dir = self.root.folder(folder).map_err(io)?;
        write_temp(dir.as_fd(), &temp, &bytes, now.as_ref().map(|s| &s.meta), f.mode).map_err(io)?;
        let placed = match now {
            Some(_) => renameat(&dir, &temp, &dir, name)
                .map(|()| true)
                .map_err(io::Error::from),
            None => place_new(dir.as_fd(), &temp, name),
        };
        rustix::fs::fsync(&dir).map_err(|e| io(e.into()))?;
        if !matches!(placed, Ok(true)) {
            unlinkat(&dir, &temp, AtFlags::empty()).unwrap_or(());
        }
        placed.map_err(io)
    }
}
