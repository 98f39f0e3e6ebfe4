//! What is looked at before anything ships: where git works, what it is in the middle of, and what it would store
//! otherwise.

use super::PromoteError;
use super::asked::{Careful, Index};
use crate::shadow::Shadow;
use brisk_domain::evidence::Tree;
use std::collections::BTreeMap;
use std::path::Path;

/// A few of many names.
pub(super) fn few<'a>(names: impl Iterator<Item = &'a str>) -> Option<String> {
    let names: Vec<&str> = names.collect();
    let more = match names.len() {
        0 => return None,
        n @ 1..=3 => return Some(names.get(..n)?.join(", ")),
        n => n - 3,
    };
    Some(format!("{} and {more} more", names.get(..3)?.join(", ")))
}

/// Refuses where git works on another folder than this one.
pub(super) fn here(git: &mut Careful<'_>, root: &Path) -> Result<(), PromoteError> {
    let said = git.must(&["rev-parse", "--show-toplevel"], &[])?;
    let is = said.out.trim_end_matches('\n');
    match Path::new(is).canonicalize().is_ok_and(|top| top == root) {
        true => Ok(()),
        false => Err(PromoteError::Elsewhere { is: is.to_owned() }),
    }
}

/// Refuses while the person's index has conflicts, or leaves files out.
pub(super) fn settled(git: &mut Careful<'_>) -> Result<(), PromoteError> {
    let unmerged = git.must(&["ls-files", "--unmerged"], &[])?.out;
    let mut paths: Vec<&str> = unmerged
        .lines()
        .filter_map(|l| Some(l.split_once('\t')?.1))
        .collect();
    paths.dedup();
    if let Some(paths) = few(paths.into_iter()) {
        return Err(PromoteError::Unmerged { paths });
    }
    let all = git.must(&["ls-files", "-v"], &[])?.out;
    match few(all.lines().filter_map(|l| l.strip_prefix("S "))) {
        Some(paths) => Err(PromoteError::Sparse { paths }),
        None => Ok(()),
    }
}

/// Which files git would store otherwise than they are.
pub(super) fn differing(
    git: &mut Careful<'_>,
    index: &Index,
    shadow: &Shadow,
    tree: &Tree,
) -> Result<String, PromoteError> {
    let said = git.must(
        &["-c", "core.quotePath=false", "ls-files", "--stage"],
        &index.env(),
    )?;
    // MODE ID STAGE<tab>PATH
    let staged: BTreeMap<&str, (&str, &str)> = said
        .out
        .lines()
        .filter_map(|l| {
            let (entry, path) = l.split_once('\t')?;
            let mut words = entry.split(' ');
            Some((path, (words.next()?, words.next()?)))
        })
        .collect();
    let tested = shadow.listing(tree)?;
    let same = |path: &str, id: &str| {
        tested
            .get(path.as_bytes())
            .is_some_and(|(_, was)| was.to_hex() == *id)
    };
    let others = staged.iter().filter(|(path, (_, id))| !same(path, id));
    Ok(match few(others.map(|(path, _)| *path)) {
        Some(paths) => format!("git stores something else ({paths})"),
        None => {
            let names = tested.keys().map(|p| String::from_utf8_lossy(p));
            let left: Vec<String> = names
                .filter(|p| !staged.contains_key(p.as_ref()))
                .map(|p| p.into_owned())
                .collect();
            let paths = few(left.iter().map(String::as_str)).unwrap_or_default();
            format!("git leaves out some of what was tested ({paths})")
        }
    })
}
