//! Random writes, undos, redos, restarts and edits by the person, against a model that knows lines only as a bag.
//!
//! Every line is written once and never again, so the model need not know *where* a change lands: a hunk that is told
//! as kept has taken its old lines out of the file and put its new ones in, one that is told as conflicted has done
//! nothing, and every other line is there in the order in which it was.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use brisk_domain::{HunkId, SessionId};
use brisk_patch::{Change, Hunk};
use brisk_worktree::{OpId, Repo, Undone, Which, WorktreeError};
use common::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(Debug, Clone, Copy)]
enum Edit {
    Insert,
    Remove,
    Replace,
}

#[derive(Debug, Clone)]
enum Act {
    /// Hunks at these places of a file, made before the person's edit (if any) and written after it.
    Write {
        file: usize,
        at: Vec<(usize, Edit)>,
        meanwhile: Option<(usize, Edit)>,
    },
    Own {
        file: usize,
        at: usize,
        edit: Edit,
    },
    UndoLast,
    UndoHunk(usize),
    UndoOp(usize),
    Redo,
    Restart,
}

const NAMES: [&str; 2] = ["a", "dir/b"];

struct Made {
    file: usize,
    old: Vec<String>,
    new: Vec<String>,
    op: OpId,
    live: bool,
}

struct World {
    place: Place,
    repo: Option<Repo>,
    files: [Vec<String>; 2],
    made: BTreeMap<u64, Made>,
    ops: Vec<OpId>,
    /// Files where something else than the newest write changed lines: only these may conflict.
    own: [bool; 2],
    lines: usize,
    ids: u64,
}

impl World {
    fn new() -> World {
        let body = |name: &str| (0..12).map(|i| format!("{name} {i}\n")).collect::<Vec<_>>();
        let files = NAMES.map(body);
        let place = Place::with(&[]);
        NAMES
            .iter()
            .zip(&files)
            .for_each(|(n, f)| place.put(n, &f.concat()));
        let repo = Some(place.open());
        World {
            place,
            repo,
            files,
            made: BTreeMap::new(),
            ops: Vec::new(),
            own: [false; 2],
            lines: 0,
            ids: 0,
        }
    }

    fn repo(&self) -> &Repo {
        self.repo.as_ref().unwrap()
    }

    fn hunk(&mut self, file: usize, at: usize, edit: Edit) -> Hunk {
        let text = &self.files[file];
        let at = at.min(text.len().saturating_sub(1));
        self.lines += 1;
        let old = if matches!(edit, Edit::Insert) {
            vec![]
        } else {
            text.get(at).cloned().into_iter().collect()
        };
        let new = if matches!(edit, Edit::Remove) {
            vec![]
        } else {
            vec![format!("new {}\n", self.lines)]
        };
        Hunk { at, old, new }
    }

    fn own(&mut self, file: usize, at: usize, edit: Edit) {
        let h = self.hunk(file, at, edit);
        self.files[file].splice(h.at..h.old_end(), h.new);
        self.own[file] = true;
        self.place.put(NAMES[file], &self.files[file].concat());
    }

    fn write(&mut self, file: usize, at: &[(usize, Edit)], meanwhile: Option<(usize, Edit)>) {
        let mut places: Vec<(usize, Edit)> = at.to_vec();
        places.sort_by_key(|(at, _)| *at);
        places.dedup_by(|b, a| b.0 < a.0 + 3);
        places.retain(|(at, _)| *at < self.files[file].len());
        let base = text(&self.files[file].concat());
        let mut op = operation(1, 0, vec![]);
        op.bases.insert(NAMES[file].into(), base);
        let mut hunks = BTreeMap::new();
        for (at, edit) in places {
            let hunk = self.hunk(file, at, edit);
            self.ids += 1;
            hunks.insert(self.ids, hunk.clone());
            op.changes.push((
                HunkId(self.ids),
                Change::Modify {
                    path: NAMES[file].into(),
                    hunk,
                },
            ));
        }
        if let Some((at, edit)) = meanwhile {
            self.own(file, at, edit);
        }
        let done = self.repo().write(op).unwrap();
        assert!(
            meanwhile.is_some() || done.conflicted.is_empty(),
            "{:?}",
            done.conflicted
        );
        assert_eq!(done.kept.len() + done.conflicted.len(), hunks.len());
        assert_eq!(done.op.is_some(), !done.kept.is_empty());
        for id in done.kept {
            let Hunk { old, new, .. } = hunks.remove(&id.0).unwrap();
            let op = done.op.unwrap();
            self.made.insert(
                id.0,
                Made {
                    file,
                    old,
                    new,
                    op,
                    live: true,
                },
            );
            self.flip(id.0, true);
        }
        self.ops.extend(done.op);
        self.check();
    }

    /// Moves a hunk's lines in the bag.
    fn flip(&mut self, id: u64, live: bool) {
        let made = self.made.get_mut(&id).unwrap();
        made.live = live;
        let (out, back) = if live {
            (&made.old, &made.new)
        } else {
            (&made.new, &made.old)
        };
        let bag = &mut self.files[made.file];
        for line in out {
            let i = bag.iter().position(|l| l == line);
            assert!(
                i.is_some(),
                "h{id} is told as done, but {line:?} was not there to go"
            );
            bag.remove(i.unwrap());
        }
        bag.extend(back.iter().cloned());
    }

    /// Files hold the lines of the bags, those that were there before in their old order.
    fn check(&mut self) {
        for (i, name) in NAMES.iter().enumerate() {
            let found: Vec<String> = self
                .place
                .get(name)
                .split_inclusive('\n')
                .map(str::to_owned)
                .collect();
            let sorted = |v: &[String]| {
                let mut v = v.to_vec();
                v.sort();
                v
            };
            assert_eq!(sorted(&found), sorted(&self.files[i]), "{name}");
            self.files[i] = found;
        }
    }

    fn turned(&mut self, r: Result<Undone, WorktreeError>, live: bool) -> Option<Undone> {
        let u = match r {
            Err(WorktreeError::Nothing { .. }) => return None,
            other => other.unwrap(),
        };
        let before = self.files.clone();
        for t in &u.hunks {
            assert_ne!(self.made[&t.hunk.0].live, live, "{t:?}");
            self.flip(t.hunk.0, live);
        }
        self.check();
        for (was, is) in before.iter().zip(&self.files) {
            let stayed: Vec<&String> = was.iter().filter(|l| is.contains(l)).collect();
            let there: Vec<&String> = is.iter().filter(|l| was.contains(l)).collect();
            assert_eq!(stayed, there, "lines that nobody touched changed their order");
        }
        Some(u)
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::Write { file, at, meanwhile } => self.write(*file, at, *meanwhile),
            Act::Own { file, at, edit } => self.own(*file, *at, *edit),
            Act::Restart => {
                self.repo = None;
                self.repo = Some(self.place.open());
                assert!(self.repo().recovered().is_none());
            }
            Act::UndoLast => {
                let newest = self.made.values().filter(|m| m.live).map(|m| m.op).max();
                let want: Vec<u64> = self
                    .made
                    .iter()
                    .filter(|(_, m)| m.live && Some(m.op) == newest)
                    .map(|(id, _)| *id)
                    .collect();
                let clean = want.iter().all(|id| !self.own[self.made[id].file]);
                let r = self.repo().undo(Which::Last);
                let u = self.turned(r, false);
                assert_eq!(u.is_none(), want.is_empty());
                let Some(u) = u else { return };
                let mut got: Vec<u64> = u.hunks.iter().map(|t| t.hunk.0).collect();
                got.extend(u.conflicted.iter().map(|(t, _)| t.hunk.0));
                got.sort();
                assert_eq!(got, want);
                assert!(!clean || u.conflicted.is_empty(), "{:?}", u.conflicted);
                self.ops.extend(u.op);
            }
            Act::UndoHunk(n) => {
                let Some(id) = self.made.keys().nth(n % self.made.len().max(1)).copied() else {
                    return;
                };
                let live = self.made[&id].live;
                let r = self.repo().undo(Which::Hunk(SessionId(1), HunkId(id)));
                let u = self.turned(r, false);
                assert_eq!(u.is_some(), live);
                self.own = [true; 2];
                self.ops.extend(u.and_then(|u| u.op));
            }
            Act::UndoOp(n) => {
                let Some(op) = self.ops.get(n % self.ops.len().max(1)).copied() else {
                    return;
                };
                let r = self.repo().undo(Which::Op(op));
                // Of an undo it puts back, of anything else it takes out.
                let puts = r.as_ref().is_ok_and(|u| {
                    u.hunks
                        .first()
                        .or(u.conflicted.first().map(|c| &c.0))
                        .is_some_and(|t| !self.made[&t.hunk.0].live)
                });
                let u = self.turned(r, puts);
                self.own = [true; 2];
                self.ops.extend(u.and_then(|u| u.op));
            }
            Act::Redo => {
                let r = self.repo().redo();
                let u = self.turned(r, true);
                self.ops.extend(u.and_then(|u| u.op));
            }
        }
    }
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![Just(Edit::Insert), Just(Edit::Remove), Just(Edit::Replace)]
}

fn act() -> impl Strategy<Value = Act> {
    let spot = || (0..14usize, edit());
    prop_oneof![
        4 => (0..2usize, prop::collection::vec(spot(), 1..4), prop::option::weighted(0.3, spot()))
            .prop_map(|(file, at, meanwhile)| Act::Write { file, at, meanwhile }),
        1 => (0..2usize, spot()).prop_map(|(file, (at, edit))| Act::Own { file, at, edit }),
        3 => Just(Act::UndoLast),
        1 => any::<usize>().prop_map(Act::UndoHunk),
        1 => any::<usize>().prop_map(Act::UndoOp),
        3 => Just(Act::Redo),
        1 => Just(Act::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn what_is_told_is_what_happened(acts in prop::collection::vec(act(), 1..16)) {
        let mut world = World::new();
        for act in &acts {
            world.act(act);
        }
    }
}

/// Without edits by the person an undo is exact, to the byte.
#[test]
fn undo_and_redo_are_exact_where_nobody_else_wrote() {
    let mut world = World::new();
    let mut states = vec![world.place.tree()];
    for i in 0..8 {
        let edits = [Edit::Insert, Edit::Remove, Edit::Replace];
        let at = [
            (i % 3, edits[i % 3]),
            (4, edits[(i + 1) % 3]),
            (8, edits[(i + 2) % 3]),
        ];
        world.write(i % 2, &at, None);
        states.push(world.place.tree());
    }
    for want in states.iter().rev().skip(1) {
        world.act(&Act::UndoLast);
        assert_eq!(world.place.tree(), *want);
    }
    for want in &states[1..] {
        world.act(&Act::Redo);
        assert_eq!(world.place.tree(), *want);
    }
}
