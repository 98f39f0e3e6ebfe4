//! Syntax colours and context of a hunk. Slow the first time for a language, so that it runs on a worker and comes
//! after the plain lines have been painted.

use brisk_patch::Language;
use brisk_patch::paint::{Piece, paint};
use brisk_protocol::domain::HunkId;
use std::ops::Range;

/// Lines around a hunk that are shown.
const CONTEXT: usize = 2;

/// What a worker is asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Job {
    /// A file is in play: its language is made ready.
    Warm {
        /// Relative to the repository's root.
        path: String,
    },
    /// A hunk is whole.
    Hunk {
        /// Which.
        hunk: HunkId,
        /// Relative to the repository's root.
        path: String,
        /// First line, 0-based.
        at: usize,
        /// Lines that go.
        removed: Vec<String>,
        /// Lines that come.
        added: Vec<String>,
    },
}

/// Colours and surroundings of a hunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Painted {
    /// Which.
    pub hunk: HunkId,
    /// Lines above it in the file.
    pub before: Vec<String>,
    /// Lines below it.
    pub after: Vec<String>,
    /// Pieces of each added line, in order; empty where the language is not known.
    pub added: Vec<Vec<Piece>>,
}

/// Does jobs. It keeps the text of the file in play as it was when the turn found its place: the numbers of the turn's
/// hunks are meant for that, whatever the person writes meanwhile.
#[derive(Debug, Default)]
pub struct Colourist {
    /// The file in play, and its text.
    found: Option<(String, String)>,
}

impl Colourist {
    /// Does a job. `read`: gives the file as it is on disk. A hunk that is made for neither text gets the colours of its
    /// lines alone, and no context.
    pub fn colour(&mut self, job: &Job, read: impl Fn() -> String) -> Option<Painted> {
        match job {
            Job::Warm { path } => {
                let text = read();
                if let Some(language) = Language::of_path(path) {
                    paint(language, &text);
                }
                self.found = Some((path.clone(), text));
                None
            }
            Job::Hunk {
                hunk,
                path,
                at,
                removed,
                added,
            } => {
                let fits =
                    |text: &str| lines(text, *at, removed.len()).is_some_and(|l| l == removed.as_slice());
                let found = self.found.as_ref().filter(|(p, text)| p == path && fits(text));
                let text = found.map_or_else(read, |(_, text)| text.clone());
                let whole = fits(&text).then_some(text.as_str());
                Some(painted(*hunk, path, *at..*at + removed.len(), added, whole))
            }
        }
    }
}

/// These lines of a text, if it has them. None of them may stand at its end, and nowhere beyond.
fn lines(text: &str, at: usize, count: usize) -> Option<Vec<&str>> {
    let all: Vec<&str> = text.lines().collect();
    all.get(at..at.checked_add(count)?).map(<[&str]>::to_vec)
}

/// `text`: the file that lines `gone` of it are meant for, if it is known.
fn painted(hunk: HunkId, path: &str, gone: Range<usize>, added: &[String], text: Option<&str>) -> Painted {
    let lines: Vec<&str> = text.unwrap_or_default().lines().collect();
    let part = |range: Range<usize>| {
        lines
            .get(range.start..range.end.min(lines.len()))
            .unwrap_or_default()
    };
    let own = |lines: &[&str]| lines.iter().map(|l| (*l).to_owned()).collect::<Vec<_>>();
    let first = if text.is_some() { gone.start } else { 0 };
    let mut whole: Vec<&str> = part(0..first).to_vec();
    whole.extend(added.iter().map(String::as_str));
    whole.extend_from_slice(part(gone.end..lines.len()));
    let mut pieces = Language::of_path(path).map_or_else(Vec::new, |l| paint(l, &whole.join("\n")));
    pieces.resize(pieces.len().max(first + added.len()), Vec::new());
    Painted {
        hunk,
        before: own(part(first.saturating_sub(CONTEXT)..first)),
        after: own(part(gone.end..gone.end + CONTEXT)),
        added: pieces.drain(first..).take(added.len()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(at: usize, removed: &[&str], added: &[&str]) -> Job {
        let own = |l: &[&str]| l.iter().map(|s| (*s).to_owned()).collect();
        Job::Hunk {
            hunk: HunkId(1),
            path: "a.py".into(),
            at,
            removed: own(removed),
            added: own(added),
        }
    }

    fn colour(colourist: &mut Colourist, job: &Job, text: &str) -> Painted {
        colourist.colour(job, || text.to_owned()).unwrap()
    }

    #[test]
    fn a_hunk_gets_its_surroundings_and_colours() {
        let text = "import os\n\n\ndef f():\n    return 1\n\nx = 2\n";
        let colourist = &mut Colourist::default();
        let painted = colour(colourist, &job(4, &["    return 1"], &["    return 'a'"]), text);
        assert_eq!(painted.before, ["", "def f():"]);
        assert_eq!(painted.after, ["", "x = 2"]);
        assert!(
            painted.added.len() == 1 && painted.added[0].len() > 1,
            "{painted:?}"
        );
        // The file changed meanwhile.
        let painted = colour(colourist, &job(0, &["gone"], &["return 'a'"]), text);
        assert!(painted.before.is_empty() && painted.after.is_empty());
        assert_eq!(painted.added.len(), 1);
        // It became shorter: what only adds has no place there.
        let added = &["x = 3"];
        assert_eq!(colour(colourist, &job(7, &[], added), text).before, ["", "x = 2"]);
        let painted = colour(colourist, &job(8, &[], added), text);
        assert_eq!((painted.before, painted.added.len()), (Vec::new(), 1));
    }

    #[test]
    fn a_hunk_is_shown_where_the_turn_meant_it() {
        let found = "import os\n\n\ndef f():\n    return 1\n";
        let now = "# one more\nimport os\n\n\ndef f():\n    return 1\n";
        let insert = job(4, &[], &["    'Words.'"]);
        let colourist = &mut Colourist::default();
        let path = || "a.py".to_owned();
        assert_eq!(
            colourist.colour(&Job::Warm { path: path() }, || found.to_owned()),
            None
        );
        let painted = colour(colourist, &insert, now);
        assert_eq!(painted.before, ["", "def f():"]);
        assert_eq!(painted.after, ["    return 1"]);
        // What is made for the file as it is now fits there.
        let painted = colour(colourist, &job(5, &["    return 1"], &["    return 2"]), now);
        assert_eq!(painted.before, ["", "def f():"]);
        // The next turn finds it as it is.
        assert_eq!(
            colourist.colour(&Job::Warm { path: path() }, || now.to_owned()),
            None
        );
        assert_eq!(
            colour(colourist, &insert, now).after,
            ["def f():", "    return 1"]
        );
    }
}
