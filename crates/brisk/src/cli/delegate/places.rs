//! Files and folders as the person names them for delegated work, from wherever they stand: as paths below the root,
//! which is what an attempt in another folder can use.

use crate::exit::{CliError, Exit};
use brisk_protocol::jobs::PartWish;
use brisk_worktree::find_root;
use std::path::{Component, Path, PathBuf};

/// Where the person stands.
#[derive(Debug)]
pub(super) struct Places {
    /// Canonical.
    cwd: PathBuf,
    /// Of the repository around it.
    root: PathBuf,
}

/// A file that a task is about.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    /// Below the root.
    pub(super) path: String,
    /// The lines or the symbol in it, as they were written. An attempt has whole files: this is for its words.
    pub(super) part: Option<String>,
}

impl Places {
    /// None outside of a repository; whoever takes the task in says so.
    pub(super) fn of(cwd: &Path) -> Option<Places> {
        let cwd = cwd.canonicalize().ok()?;
        let root = find_root(&cwd)?;
        Some(Places { cwd, root })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// A file argument. It need not be there: the task may begin at another revision.
    ///
    /// # Errors
    /// A folder, or a path that leaves the repository.
    pub(super) fn file(&self, name: &str) -> Result<Named, CliError> {
        let full = self.cwd.join(name);
        if full.is_dir() {
            return Err(CliError::new(Exit::Target, format!("{name} is a folder")).hint(
                "name its files, or leave it out and say it in the words; a --part may change folders",
            ));
        }
        let (path, part) = match self.split(name) {
            Some((path, part)) => (path, Some(part.to_owned())),
            None => (name, None),
        };
        let below = self.below(path).ok_or_else(|| {
            CliError::new(
                Exit::Target,
                format!("{path} is outside of {}", self.root.display()),
            )
        })?;
        Ok(Named { path: below, part })
    }

    /// What a part may change, file or folder.
    ///
    /// # Errors
    /// A path that leaves the repository, or lines or a symbol of a file.
    pub(super) fn scope(&self, name: &str) -> Result<String, CliError> {
        let usage = |message: String| CliError::new(Exit::Usage, message);
        if let Some((path, part)) = self.split(name) {
            return Err(usage(format!("a part may change whole files only, not {name}"))
                .hint(format!("@{path}, and {part} in its words")));
        }
        self.below(name)
            .ok_or_else(|| usage(format!("{name:?} is no path inside the repository")))
    }

    /// What parts name that is not there, with the number of the part: a file to be made, or a slip.
    pub(super) fn missing<'a>(&self, parts: &'a [PartWish]) -> Vec<(usize, &'a str)> {
        let numbered = (1..).zip(parts);
        let files = numbered.flat_map(|(n, part)| part.files.iter().map(move |file| (n, file.as_str())));
        files.filter(|(_, file)| !self.root.join(file).exists()).collect()
    }

    /// `FILE:PART`, where the whole names no file and what stands before a colon does.
    fn split<'a>(&self, name: &'a str) -> Option<(&'a str, &'a str)> {
        if self.cwd.join(name).exists() {
            return None;
        }
        let colons = name.match_indices(':');
        let mut splits = colons.map(|(at, _)| (&name[..at], &name[at + 1..]));
        splits.find(|(path, part)| !part.is_empty() && self.cwd.join(path).is_file())
    }

    /// Below the root, `/` between components. A link on the way keeps its name: what it leads to is for the attempt to
    /// see. Only a path that is elsewhere by its letters is asked where it leads.
    fn below(&self, name: &str) -> Option<String> {
        let full = self.cwd.join(name);
        let plain = plain(&full)?;
        let path = match plain.strip_prefix(&self.root) {
            Ok(path) => path.to_owned(),
            Err(_) => full
                .canonicalize()
                .ok()?
                .strip_prefix(&self.root)
                .ok()?
                .to_owned(),
        };
        let path = path.to_str()?;
        (!path.is_empty()).then(|| path.to_owned())
    }
}

/// Without `.` and `..`; none where these lead above the top.
fn plain(path: &Path) -> Option<PathBuf> {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                if !out.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) | Component::Normal(_) => out.push(component),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A repository with `money.py`, `a b.py`, `tests/t.py` and the link `docs` to elsewhere; the person is in `tests`.
    fn places(dir: &Path) -> Places {
        for folder in [".git", "tests"] {
            std::fs::create_dir(dir.join(folder)).unwrap();
        }
        for file in ["money.py", "a b.py", "tests/t.py"] {
            std::fs::write(dir.join(file), "").unwrap();
        }
        std::os::unix::fs::symlink("/", dir.join("docs")).unwrap();
        Places::of(&dir.join("tests")).unwrap()
    }

    #[test]
    fn files_are_named_from_where_the_person_stands() {
        let dir = tempfile::tempdir().unwrap();
        let places = places(dir.path());
        let absolute = dir.path().canonicalize().unwrap().join("money.py");
        let absolute = absolute.to_str().unwrap();
        let cases = [
            ("t.py", Some(("tests/t.py", None))),
            ("./t.py", Some(("tests/t.py", None))),
            ("../money.py", Some(("money.py", None))),
            (absolute, Some(("money.py", None))),
            ("../a b.py", Some(("a b.py", None))),
            ("../money.py:5-6", Some(("money.py", Some("5-6")))),
            ("../money.py:A::b", Some(("money.py", Some("A::b")))),
            ("../later.py", Some(("later.py", None))),
            ("../docs/x.md", Some(("docs/x.md", None))),
            ("..", None),
            ("../tests/", None),
            ("../../elsewhere.py", None),
            ("/etc/hostname", None),
        ];
        for (name, want) in cases {
            let want = want.map(|(path, part)| Named {
                path: path.into(),
                part: part.map(str::to_owned),
            });
            assert_eq!(places.file(name).ok(), want, "{name}");
        }
    }

    #[test]
    fn parts_may_change_whole_files_and_folders() {
        let dir = tempfile::tempdir().unwrap();
        let places = places(dir.path());
        let cases = [
            ("t.py", Some("tests/t.py")),
            ("../tests/", Some("tests")),
            ("../new/", Some("new")),
            ("../money.py:1-2", None),
            ("../../x", None),
            ("..", None),
        ];
        for (name, want) in cases {
            assert_eq!(places.scope(name).ok().as_deref(), want, "{name}");
        }
        let part = |files: &[&str]| PartWish {
            text: "x".into(),
            files: files.iter().map(|f| (*f).to_owned()).collect(),
        };
        let parts = [part(&["money.py", "tests"]), part(&["nosuch.py"])];
        assert_eq!(places.missing(&parts), [(2, "nosuch.py")]);
    }
}
