//! Syntax colours and context of a hunk. Slow the first time for a language, so that it runs on a worker and comes
//! after the plain lines have been painted.

use brisk_patch::Language;
use brisk_patch::paint::{Piece, paint};
use brisk_protocol::domain::HunkId;

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

/// Does a job. `text`: the file as it is on disk. A file that is no longer what the hunk was made for gives colours of
/// the lines alone, and no context.
pub fn colour(job: &Job, text: &str) -> Option<Painted> {
    let (hunk, path, at, removed, added) = match job {
        Job::Warm { path } => {
            if let Some(language) = Language::of_path(path) {
                paint(language, text);
            }
            return None;
        }
        Job::Hunk {
            hunk,
            path,
            at,
            removed,
            added,
        } => (*hunk, path, *at, removed, added),
    };
    let lines: Vec<&str> = text.lines().collect();
    let end = at + removed.len();
    let fits = lines.get(at..end).is_some_and(|l| l == removed.as_slice());
    let own = |lines: &[&str]| lines.iter().map(|l| (*l).to_owned()).collect::<Vec<_>>();
    let (before, after, whole, first) = if fits {
        let from = at.saturating_sub(CONTEXT);
        let to = (end + CONTEXT).min(lines.len());
        let mut whole: Vec<&str> = lines.get(..at).unwrap_or_default().to_vec();
        whole.extend(added.iter().map(String::as_str));
        whole.extend_from_slice(lines.get(end..).unwrap_or_default());
        (
            own(lines.get(from..at).unwrap_or_default()),
            own(lines.get(end..to).unwrap_or_default()),
            whole.join("\n"),
            at,
        )
    } else {
        (Vec::new(), Vec::new(), added.join("\n"), 0)
    };
    let mut pieces = Language::of_path(path).map_or_else(Vec::new, |language| paint(language, &whole));
    pieces.resize(pieces.len().max(first + added.len()), Vec::new());
    Some(Painted {
        hunk,
        before,
        after,
        added: pieces.drain(first..).take(added.len()).collect(),
    })
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

    #[test]
    fn a_hunk_gets_its_surroundings_and_colours() {
        let text = "import os\n\n\ndef f():\n    return 1\n\nx = 2\n";
        let painted = colour(&job(4, &["    return 1"], &["    return 'a'"]), text).unwrap();
        assert_eq!(painted.before, ["", "def f():"]);
        assert_eq!(painted.after, ["", "x = 2"]);
        assert!(
            painted.added.len() == 1 && painted.added[0].len() > 1,
            "{painted:?}"
        );
        // The file changed meanwhile.
        let painted = colour(&job(0, &["gone"], &["return 'a'"]), text).unwrap();
        assert!(painted.before.is_empty() && painted.after.is_empty());
        assert_eq!(painted.added.len(), 1);
    }
}
