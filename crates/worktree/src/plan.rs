//! Pure: which of an operation's changes fit the files as they are now, and what the files become.

use crate::journal::{Piece, Span, What};
use brisk_domain::HunkId;
use brisk_patch::{Change, Hunk, Text, apply, rebase};

/// What became of the changes of one path.
#[derive(Debug, Default)]
pub(crate) struct Fitted {
    /// The new content, and its pieces. None when no change fits. `Some((None, _))`: the file goes.
    pub(crate) result: Option<(Option<Text>, What)>,
    pub(crate) kept: Vec<HunkId>,
    pub(crate) rebased: Vec<HunkId>,
    pub(crate) conflicted: Vec<(HunkId, String)>,
}

/// Fits the changes of one path, all made for `base`, to the file as it is `now`.
pub(crate) fn fit(changes: &[(HunkId, &Change)], base: Option<&Text>, now: Option<&Text>) -> Fitted {
    let mut out = Fitted::default();
    let mut placed = Placed::default();
    let mut whole: Option<Option<Text>> = None;
    for (id, change) in changes {
        let tried = match change {
            _ if whole.is_some() => {
                Err("another change of this patch makes or removes the whole file".to_owned())
            }
            Change::Modify { hunk, .. } => match now {
                None => Err("the file is gone; it was deleted or renamed meanwhile".to_owned()),
                Some(now) => place_one(&mut placed, *id, hunk, base.unwrap_or(now), now, &mut out.rebased),
            },
            _ if !placed.hunks.is_empty() => {
                Err("other changes of this patch change lines of this file".to_owned())
            }
            Change::Create { text, .. } => match now {
                Some(_) => Err("a file of this name exists already".to_owned()),
                None => {
                    whole = Some(Some(text.clone()));
                    Ok(())
                }
            },
            Change::Delete { old, .. } => match now {
                None => Err("the file is gone already".to_owned()),
                Some(now) if now != old => Err("the file was edited meanwhile".to_owned()),
                Some(_) => {
                    whole = Some(None);
                    Ok(())
                }
            },
        };
        match tried {
            Ok(()) => out.kept.push(*id),
            Err(why) => out.conflicted.push((*id, why)),
        }
    }
    out.result = match (whole, now) {
        (Some(text), _) => {
            let pieces = out
                .kept
                .iter()
                .map(|hunk| Piece {
                    hunk: *hunk,
                    span: None,
                })
                .collect();
            Some((text, What::Pieces(pieces)))
        }
        (None, Some(now)) if !placed.hunks.is_empty() => {
            let pieces = placed
                .hunks
                .iter()
                .map(|(id, h)| Piece {
                    hunk: *id,
                    span: Some(span(h)),
                })
                .collect();
            Some((Some(placed.text(now)), What::Pieces(pieces)))
        }
        (None, _) => None,
    };
    out
}

fn place_one(
    placed: &mut Placed,
    id: HunkId,
    hunk: &Hunk,
    base: &Text,
    now: &Text,
    rebased: &mut Vec<HunkId>,
) -> Result<(), String> {
    let here = carry(hunk, base, now)?;
    let moved = here != *hunk;
    placed.add(id, here, now)?;
    if moved {
        rebased.push(id);
    }
    Ok(())
}

fn span(h: &Hunk) -> Span {
    Span {
        at: h.at,
        old: h.old.len(),
        new: h.new.len(),
    }
}

/// Hunks of one text that do not touch each other, in the order of their places.
#[derive(Debug, Default)]
pub(crate) struct Placed {
    hunks: Vec<(HunkId, Hunk)>,
}

impl Placed {
    /// Adds a hunk for `text` if its lines are there and no other hunk claims them.
    pub(crate) fn add(&mut self, id: HunkId, hunk: Hunk, text: &Text) -> Result<(), String> {
        let there = text
            .lines()
            .get(hunk.at..hunk.old_end())
            .is_some_and(|lines| lines == hunk.old);
        if !there {
            return Err(format!("line {} is not what the patch was made for", hunk.at + 1));
        }
        let key = |h: &Hunk| (h.at, h.old_end());
        let i = self.hunks.partition_point(|(_, h)| key(h) <= key(&hunk));
        let free_before = i
            .checked_sub(1)
            .is_none_or(|p| self.hunks[p].1.old_end() <= hunk.at);
        let free_after = self
            .hunks
            .get(i)
            .is_none_or(|(_, next)| hunk.old_end() <= next.at);
        if !(free_before && free_after) {
            return Err(format!("another hunk changes line {} too", hunk.at + 1));
        }
        self.hunks.insert(i, (id, hunk));
        Ok(())
    }

    /// The text with the hunks applied.
    pub(crate) fn text(&self, now: &Text) -> Text {
        let hunks: Vec<Hunk> = self.hunks.iter().map(|(_, h)| h.clone()).collect();
        // Every hunk was checked when it was added, so this cannot fail; a text unchanged would be the safe answer.
        apply(now, &hunks).unwrap_or_else(|_| now.clone())
    }
}

/// The same hunk for the text as it is now, or why there is none.
pub(crate) fn carry(hunk: &Hunk, base: &Text, now: &Text) -> Result<Hunk, String> {
    rebase(hunk, base, now).map_err(|why| why.to_string())
}
