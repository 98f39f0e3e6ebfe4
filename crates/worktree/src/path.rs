//! Paths below the repository root, checked before anything is opened.

use crate::error::WorktreeError;
use std::path::{Component, Path, PathBuf};

/// A path below the root: `/` between components, none of them empty, `.`, `..` or git's own folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RelPath(String);

impl RelPath {
    /// Checks a path that came from outside (a model, a client, the journal).
    pub(crate) fn new(path: &str) -> Result<RelPath, WorktreeError> {
        let outside = || WorktreeError::Outside {
            path: path.to_owned(),
        };
        if path.is_empty() || path.starts_with('/') || path.contains('\0') {
            return Err(outside());
        }
        for part in path.split('/') {
            if part.is_empty() || part == "." || part == ".." {
                return Err(outside());
            }
            if is_git_dir(part) {
                return Err(WorktreeError::InGitDir {
                    path: path.to_owned(),
                });
            }
        }
        Ok(RelPath(path.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Folder (none for the root itself) and last component.
    pub(crate) fn split(&self) -> (Option<&str>, &str) {
        match self.0.rsplit_once('/') {
            Some((dir, name)) => (Some(dir), name),
            None => (None, &self.0),
        }
    }

    /// The folders above, outermost first.
    pub(crate) fn folders(&self) -> impl Iterator<Item = &str> {
        self.0.match_indices('/').map(|(i, _)| &self.0[..i])
    }
}

/// Whether a file system might take this component for `.git`: any case, trailing dots and blanks, the short name.
pub(crate) fn is_git_dir(part: &str) -> bool {
    let part = part.trim_end_matches(['.', ' ']);
    part.eq_ignore_ascii_case(".git") || part.eq_ignore_ascii_case("git~1")
}

/// The nearest folder at or above `start` that holds a `.git` folder or file; `start` must be canonical.
pub fn find_root(start: &Path) -> Option<PathBuf> {
    start
        .ancestors()
        .find(|dir| dir.join(".git").exists())
        .map(Path::to_owned)
}

/// Turns what the person typed in folder `cwd` into a path below `root` (canonical). Links are resolved, so that a
/// link to a file inside the repository names that file. The file itself need not exist.
pub(crate) fn relative(root: &Path, cwd: &Path, arg: &str) -> Result<RelPath, WorktreeError> {
    let outside = || WorktreeError::Outside { path: arg.to_owned() };
    let full = resolve(&cwd.join(arg)).ok_or_else(outside)?;
    let below = full.strip_prefix(root).map_err(|_| outside())?;
    let parts: Option<Vec<&str>> = below.components().map(|c| c.as_os_str().to_str()).collect();
    match RelPath::new(&parts.ok_or_else(outside)?.join("/")) {
        Err(WorktreeError::InGitDir { .. }) => Err(WorktreeError::InGitDir { path: arg.to_owned() }),
        Err(_) => Err(outside()),
        Ok(path) => Ok(path),
    }
}

/// A path that a person typed while in a folder, as it is below the repository's canonical root; it need not exist. For
/// whoever only names a file and opens no repository.
///
/// # Errors
/// `Outside`, `InGitDir`.
pub fn below_root(root: &Path, cwd: &Path, arg: &str) -> Result<String, WorktreeError> {
    relative(root, cwd, arg).map(|path| path.as_str().to_owned())
}

/// Canonical form of a path whose last components may not exist.
pub(crate) fn resolve(path: &Path) -> Option<PathBuf> {
    if let Ok(real) = path.canonicalize() {
        return Some(real);
    }
    // What does not exist cannot be a link, so the missing tail may be read by its letters alone.
    let mut tail = Vec::new();
    let mut head = path;
    loop {
        match head.components().next_back()? {
            Component::Normal(name) => tail.push(name),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
        head = head.parent()?;
        let here = if head.as_os_str().is_empty() {
            Path::new(".")
        } else {
            head
        };
        match here.canonicalize() {
            Ok(mut real) => {
                tail.iter().rev().for_each(|name| real.push(name));
                return Some(real);
            }
            // A dangling link is there, although what it points to is not.
            Err(_) if here.symlink_metadata().is_ok_and(|m| m.is_symlink()) => return None,
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_refused_or_taken_by_their_letters() {
        #[derive(Debug, PartialEq)]
        enum Want {
            Ok,
            Outside,
            Git,
        }
        let cases = [
            ("src/a.rs", Want::Ok),
            ("a", Want::Ok),
            (".github/x.yml", Want::Ok),
            (".gitignore", Want::Ok),
            ("dir/...", Want::Ok),
            ("with space/ü.txt", Want::Ok),
            ("", Want::Outside),
            ("/etc/passwd", Want::Outside),
            ("..", Want::Outside),
            ("a/../../b", Want::Outside),
            ("a/./b", Want::Outside),
            ("a//b", Want::Outside),
            ("a/", Want::Outside),
            ("a\0b", Want::Outside),
            (".git", Want::Git),
            (".git/config", Want::Git),
            (".GIT/hooks/pre-commit", Want::Git),
            ("sub/.Git/config", Want::Git),
            (".git./config", Want::Git),
            ("git~1/config", Want::Git),
        ];
        for (path, want) in cases {
            let got = match RelPath::new(path) {
                Ok(_) => Want::Ok,
                Err(WorktreeError::InGitDir { .. }) => Want::Git,
                Err(_) => Want::Outside,
            };
            assert_eq!(got, want, "{path:?}");
        }
    }

    #[test]
    fn a_typed_path_is_taken_from_where_the_person_stands() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().canonicalize().unwrap();
        let root = top.join("repo");
        std::fs::create_dir_all(root.join("src/deep")).unwrap();
        std::fs::create_dir_all(root.join(".git")).unwrap();
        std::fs::write(root.join("src/a.rs"), "").unwrap();
        std::fs::write(root.join(".git/config"), "").unwrap();
        std::fs::write(top.join("secret"), "").unwrap();
        std::os::unix::fs::symlink("../src/a.rs", root.join("src/deep/../deep/link")).unwrap_or(());
        std::os::unix::fs::symlink("a.rs", root.join("src/alias")).unwrap();
        std::os::unix::fs::symlink("../../secret", root.join("src/out")).unwrap();
        std::os::unix::fs::symlink("../../nowhere", root.join("src/dangling")).unwrap();
        let cases = [
            ("src", "a.rs", Some("src/a.rs")),
            ("src/deep", "../a.rs", Some("src/a.rs")),
            ("src", "alias", Some("src/a.rs")),
            ("", "src/new.rs", Some("src/new.rs")),
            ("", "new/folder/x.rs", Some("new/folder/x.rs")),
            ("", "src/out", None),
            ("", "src/dangling/x", None),
            ("", "../secret", None),
            ("", "../else/where", None),
            ("", ".git/config", None),
            ("", ".git/new", None),
            ("", ".", None),
        ];
        for (cwd, arg, want) in cases {
            let got = relative(&root, &root.join(cwd), arg).ok();
            assert_eq!(got.as_ref().map(RelPath::as_str), want, "{cwd:?} {arg:?}");
        }
        let absolute = root.join("src/a.rs");
        assert_eq!(
            relative(&root, &top, absolute.to_str().unwrap())
                .unwrap()
                .as_str(),
            "src/a.rs"
        );
    }
}
