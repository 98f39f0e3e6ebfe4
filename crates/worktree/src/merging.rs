//! How a change is carried over to what the person has by now.

use crate::attempt::Base;
use crate::error::WorktreeError;
use crate::shadow::Shadow;
use crate::snapshot::Listing;
use brisk_domain::evidence::Tree;
use brisk_patch::{Change, Conflict, Hunk, Text, apply, rebase};
use std::collections::{BTreeMap, BTreeSet};

/// What two changes of the same files come to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Merged {
    /// The change, made for what is there now, and the texts that it was made for.
    pub changes: Vec<Change>,
    /// Texts of modified files as they are now.
    pub bases: BTreeMap<String, Text>,
    /// What both sides changed: the file, why, and the two sides.
    pub conflicts: Vec<(String, String, Sides)>,
}

/// Both sides of a place that both changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sides {
    /// The change as it was made for the base.
    pub made: Option<Change>,
    /// Where the place is in the file as it is now, 0-based.
    pub at: usize,
    /// Its lines as they are now; none where they were taken away, or where it is not about lines.
    pub here: Vec<String>,
}

/// A merge and the tree that it would make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merging {
    /// What is written.
    pub merged: Merged,
    /// What the worktree would hold; `None` with conflicts.
    pub tree: Option<Tree>,
}

impl Sides {
    fn of(path: &str, hunk: Hunk) -> Sides {
        Sides {
            made: Some(Change::Modify {
                path: path.to_owned(),
                hunk,
            }),
            ..Sides::default()
        }
    }
}

/// A new file for which there is one here.
pub fn made_here(path: String, text: Text) -> (String, String, Sides) {
    let why = "it was made here meanwhile".to_owned();
    let sides = Sides {
        made: Some(Change::Create {
            path: path.clone(),
            text,
        }),
        ..Sides::default()
    };
    (path, why, sides)
}

impl Shadow {
    /// Carries what an attempt changed from `base` to `tree` over to `now`, the person's worktree. Nothing is written.
    ///
    /// # Errors
    /// `UnknownTree`; else as [`Shadow::with_texts`].
    pub fn merge(&mut self, base: &Base, tree: &Tree, now: &Tree) -> Result<Merging, WorktreeError> {
        let here = self.base(now)?;
        let mut merged = Merged::default();
        let mut by_path: BTreeMap<String, Vec<Hunk>> = BTreeMap::new();
        let mut texts = BTreeMap::new();
        for change in self.patch(base, tree)? {
            match change {
                Change::Modify { path, hunk } => by_path.entry(path).or_default().push(hunk),
                Change::Create { path, text } => match here.listing.get(path.as_bytes()) {
                    None => {
                        texts.insert(path.clone(), text.clone());
                        merged.changes.push(Change::Create { path, text });
                    }
                    Some(_) if self.file(&here, &path).as_ref() == Some(&text) => {}
                    Some(_) => merged.conflicts.push(made_here(path, text)),
                },
                Change::Delete { .. } => {}
            }
        }
        for (path, hunks) in by_path {
            let (Some(old), Some(new)) = (self.file(base, &path), self.file(&here, &path)) else {
                merged.conflicts.extend(hunks.into_iter().map(|hunk| {
                    let why = "it is not there any more".to_owned();
                    (path.clone(), why, Sides::of(&path, hunk))
                }));
                continue;
            };
            let mut carried = Vec::new();
            for hunk in hunks {
                match rebase(&hunk, &old, &new) {
                    Ok(hunk) => carried.push(hunk),
                    Err(Conflict::AlreadyThere) => {}
                    Err(e) => {
                        let why = e.to_string();
                        let mut sides = Sides::of(&path, hunk);
                        if let Conflict::Touched { lines } = e {
                            sides.at = lines.start;
                            sides.here = new.lines().get(lines).unwrap_or_default().to_vec();
                        }
                        merged.conflicts.push((path.clone(), why, sides));
                    }
                }
            }
            match apply(&new, &carried) {
                Ok(text) if text != new => {
                    texts.insert(path.clone(), text);
                }
                Ok(_) => {}
                Err(e) => merged
                    .conflicts
                    .push((path.clone(), e.to_string(), Sides::default())),
            }
            let modify = |hunk| Change::Modify {
                path: path.clone(),
                hunk,
            };
            merged.changes.extend(carried.into_iter().map(modify));
            merged.bases.insert(path, new);
        }
        let tree = match merged.conflicts.is_empty() {
            true => Some(self.with_texts(&here, &texts)?),
            false => None,
        };
        Ok(Merging { merged, tree })
    }

    /// A tree without these paths.
    ///
    /// # Errors
    /// `UnknownTree`, `DiskFull`, `Io`.
    pub fn without(&mut self, tree: &Tree, paths: &BTreeSet<String>) -> Result<Tree, WorktreeError> {
        let mut listing = Listing::clone(&*self.listing(tree)?);
        listing.retain(|path, _| !str::from_utf8(path).is_ok_and(|p| paths.contains(p)));
        let id = self.snapshots.write(&listing)?;
        Tree::parse(&id.0).ok_or(WorktreeError::UnknownTree { tree: id.0 })
    }
}

#[cfg(test)]
mod tests {
    use crate::house::{LONG, house, texts};
    use std::fs;

    #[test]
    fn a_change_is_carried_over_to_what_the_person_has_now() {
        let mine = LONG.replace("c\n", "C\n");
        let cases = [
            ("as it was", LONG, Some(mine.clone())),
            (
                "edited elsewhere",
                "a\nb\nc\nd\ne\nf\ng\nH\n",
                Some(mine.replace("h\n", "H\n")),
            ),
            ("there already", mine.as_str(), Some(mine.clone())),
            ("the same lines", "a\nb\nother\nd\ne\nf\ng\nh\n", None),
        ];
        for (name, now, want) in cases {
            let mut house = house();
            let tree = house.shadow.tree().unwrap();
            let base = house.shadow.base(&tree).unwrap();
            let after = house
                .shadow
                .with_texts(&base, &texts(&[("long.txt", &mine)]))
                .unwrap();
            fs::write(house.repo.path().join("long.txt"), now).unwrap();
            let now = house.shadow.tree().unwrap();
            let merging = house.shadow.merge(&base, &after, &now).unwrap();
            let got = merging.tree.map(|tree| {
                let made = house.shadow.base(&tree).unwrap();
                house.shadow.file(&made, "long.txt").unwrap().joined()
            });
            assert_eq!(got, want, "{name}");
            assert_eq!(merging.merged.conflicts.is_empty(), want.is_some(), "{name}");
        }
    }
}
