//! What is looked at before anything ships: where git works, what it is in the middle of, and what it would store
//! otherwise.

use super::PromoteError;
use super::asked::{Careful, Index, entry};
use crate::shadow::Shadow;
use brisk_domain::evidence::Tree;
use brisk_domain::patch::visible::{Tabs, visible};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// So many names are told of many.
const FEW: usize = 3;

/// A few of many names, as text that can be shown.
pub(super) fn few<'a>(names: impl Iterator<Item = &'a OsStr>) -> Option<String> {
    let names: Vec<&OsStr> = names.collect();
    let shown = |n: &&OsStr| visible(&n.to_string_lossy(), Tabs::Expand).into_owned();
    let first: Vec<String> = names.iter().take(FEW).map(shown).collect();
    match names.len() {
        0 => None,
        n if n <= FEW => Some(first.join(", ")),
        n => Some(format!("{} and {} more", first.join(", "), n - FEW)),
    }
}

/// Refuses where git works on another folder than this one.
pub(super) fn here(git: &mut Careful<'_>, root: &Path) -> Result<(), PromoteError> {
    let is = git.top()?;
    match is.canonicalize().is_ok_and(|top| top == root) {
        true => Ok(()),
        false => Err(PromoteError::Elsewhere {
            is: is.display().to_string(),
        }),
    }
}

/// Refuses while the person's index has conflicts, or leaves files out.
pub(super) fn settled(git: &mut Careful<'_>) -> Result<(), PromoteError> {
    // A letter before each path; a small one where changes are not looked for.
    let all = git.files(&["-v"], &[])?;
    let of = |letter: u8| {
        let named = all.iter().filter_map(move |l| match l.as_slice() {
            [first, b' ', path @ ..] if first.to_ascii_uppercase() == letter => Some(OsStr::from_bytes(path)),
            _ => None,
        });
        let mut paths: Vec<&OsStr> = named.collect();
        // There are up to three contents of a path with a conflict.
        paths.dedup();
        few(paths.into_iter())
    };
    if let Some(paths) = of(b'M') {
        return Err(PromoteError::Unmerged { paths });
    }
    of(b'S').map_or(Ok(()), |paths| Err(PromoteError::Sparse { paths }))
}

/// Which files git would store otherwise than they are.
pub(super) fn differing(
    git: &mut Careful<'_>,
    index: &Index,
    shadow: &Shadow,
    tree: &Tree,
) -> Result<String, PromoteError> {
    let said = git.files(&["--stage"], &index.env())?;
    let staged: BTreeMap<&OsStr, (&str, &str)> = said
        .iter()
        .filter_map(|l| entry(l))
        .map(|(mode, id, path)| (path, (mode, id)))
        .collect();
    let tested = shadow.listing(tree)?;
    let same = |path: &OsStr, (mode, id): (&str, &str)| {
        let was = tested.get(path.as_bytes());
        was.is_some_and(|(kind, was)| kind.as_octal_str() == mode && was.to_hex() == *id)
    };
    let others = staged.iter().filter(|(path, is)| !same(path, **is));
    Ok(match few(others.map(|(path, _)| *path)) {
        Some(paths) => format!("git stores something else ({paths})"),
        None => {
            let names = tested.keys().map(|p| OsStr::from_bytes(p));
            let paths = few(names.filter(|p| !staged.contains_key(p))).unwrap_or_default();
            format!("git leaves out some of what was tested ({paths})")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_names_are_told_and_none_of_them_moves_a_terminal() {
        for (names, want) in [
            (vec![], None),
            (vec!["a"], Some("a")),
            (vec!["a", "b", "c"], Some("a, b, c")),
            (vec!["a", "b", "c", "d", "e"], Some("a, b, c and 2 more")),
        ] {
            let told = few(names.iter().map(OsStr::new));
            assert_eq!(told.as_deref(), want, "{names:?}");
        }
        let told = few([OsStr::from_bytes(b"a\x1b[2J\tb\n\xff")].into_iter()).unwrap();
        assert!(!told.chars().any(char::is_control), "{told}");
    }
}
