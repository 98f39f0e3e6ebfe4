//! One edit of one file: the lines that must be there, where they are, and what takes their place.

use crate::files::Files;
use crate::hunk::Change;
use crate::locate::{Indent, Located, locate};
use crate::stream::Refusal;
use crate::text::Text;
use std::collections::BTreeMap;

/// Where the searched lines are.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) at: usize,
    pub(crate) end: usize,
    indent: Option<Indent>,
}

/// One edit whose parts are data: the lines `search` of the file `path` become `replace`, or make a new file where
/// `search` is empty. Nothing in them is read as a marker, and no other file than the one that is named is touched.
/// Lines end with `\n` or `\r\n`. `files` are all that may change, keyed by path.
///
/// # Errors
/// Why nothing is changed.
pub fn replace(
    files: BTreeMap<String, Text>,
    path: &str,
    search: &str,
    replace: &str,
) -> Result<Vec<Change>, Refusal> {
    let mut files = Files::new(files);
    let lines: Vec<String> = replace.lines().map(str::to_owned).collect();
    let searched: Vec<String> = search.lines().map(str::to_owned).collect();
    match located(&mut files, path, &searched)? {
        Some(place) => {
            let new: Vec<String> = lines.into_iter().map(|l| place.indented(l)).collect();
            files.change(path, place.at, place.end, &new)
        }
        None => Ok(vec![created(path.to_owned(), lines)]),
    }
}

/// The place of the searched lines; `None`: it is a new file, and its path is claimed.
pub(crate) fn located(files: &mut Files, path: &str, lines: &[String]) -> Result<Option<Place>, Refusal> {
    let empty = lines.iter().all(|l| l.trim().is_empty());
    let path = path.to_owned();
    let Some(file) = files.get(&path) else {
        if !empty {
            return Err(Refusal::UnknownFile { path });
        }
        files.create(&path)?;
        return Ok(None);
    };
    let place = |at: usize, end: usize, indent| Ok(Some(Place { at, end, indent }));
    match locate(file.index(), lines) {
        _ if empty && file.text.is_empty() => place(0, 0, None),
        _ if empty => Err(Refusal::NoAnchor { path }),
        Located::Exact { at } => place(at, at + lines.len(), None),
        Located::Reindented { at, indent } => place(at, at + lines.len(), Some(indent)),
        Located::Ambiguous { at } => Err(Refusal::Ambiguous { path, at }),
        Located::Missing { closest } => Err(Refusal::Missing { path, closest }),
    }
}

pub(crate) fn created(path: String, lines: Vec<String>) -> Change {
    let body: String = lines.into_iter().map(|l| l + "\n").collect();
    Change::Create {
        path,
        text: Text::from_str_lossless(&body),
    }
}

impl Place {
    /// A line of the replacement as it is written there.
    pub(crate) fn indented(&self, line: String) -> String {
        match &self.indent {
            None => line,
            Some(indent) => indent.apply(&line),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply;

    /// The path is the one that is given, whatever it looks like, and no line is a marker.
    #[test]
    fn the_named_file_is_edited_or_none() {
        let files = || {
            let text = |t: &str| Text::from_str_lossless(t);
            BTreeMap::from([
                ("money.py".to_owned(), text("def f():\n    return 1\n")),
                ("my dir/a b".to_owned(), text("one\n=======\ntwo\n")),
                ("empty".to_owned(), text("")),
            ])
        };
        let gone = |path: &str| Err(format!("{path}: not among the files to edit"));
        let made = |path: &str, text: &str| Ok((path.to_owned(), text.to_owned()));
        for (path, search, new, want) in [
            ("LICENSE", "    return 1\n", "    return 2\n", gone("LICENSE")),
            ("money", "    return 1\n", "    return 2\n", gone("money")),
            (
                "money.py",
                "    return 1",
                "    return 2",
                made("money.py", "def f():\n    return 2\n"),
            ),
            (
                "money.py",
                "return 1\n",
                "return 2\nreturn 3\n",
                made("money.py", "def f():\n    return 2\n    return 3\n"),
            ),
            (
                "money.py",
                "",
                "x\n",
                Err("money.py: lines to add, but nothing says where".into()),
            ),
            (
                "my dir/a b",
                "=======\r\n",
                ">>>>>>> REPLACE\r\n",
                made("my dir/a b", "one\n>>>>>>> REPLACE\ntwo\n"),
            ),
            ("empty", "", "x", made("empty", "x\n")),
            ("Dockerfile", "", "FROM x", made("Dockerfile", "FROM x\n")),
            (
                "new dir/neu ä",
                "\n",
                "<<<<<<< SEARCH\n",
                made("new dir/neu ä", "<<<<<<< SEARCH\n"),
            ),
            (
                "../x",
                "",
                "x",
                Err("../x: not a path inside the repository".into()),
            ),
        ] {
            let came = replace(files(), path, search, new).map_err(|e| e.to_string());
            let came = came.map(|changes| match &changes[..] {
                [Change::Modify { path, hunk }] => {
                    let after = apply(&files()[path], std::slice::from_ref(hunk)).unwrap();
                    (path.clone(), after.joined())
                }
                [Change::Create { path, text }] => (path.clone(), text.joined()),
                other => panic!("{path}: {other:?}"),
            });
            assert_eq!(came, want, "{path} {search:?}");
        }
    }
}
