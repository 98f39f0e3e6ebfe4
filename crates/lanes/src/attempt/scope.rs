//! What of a model's change counts: inside the place, and neither spacing, blank lines nor remarks that nobody asked for.

use super::Attempt;
use crate::check;
use crate::place::{Kind, indent_of};
use crate::prompt::Rung;
use brisk_patch::{
    Blanks, Change, Hunk, Language, Text, bare, begins_in_text, only_blank_lines, remarks,
    without_added_remarks, without_blank_edges,
};

impl Attempt {
    /// A whole-file answer may change only the place that the turn is about; a remark that explains the change to a
    /// reader who did not ask for one is left out, and so are blank lines; an insertion gets its blank lines.
    pub(super) fn in_scope(&self, change: Change) -> Vec<Change> {
        let Change::Modify { path, mut hunk } = change else {
            return vec![change];
        };
        if !self.is_rewrite() {
            return vec![Change::Modify { path, hunk }];
        }
        match self.work.place.kind {
            Kind::Rewrite => {
                let span = &self.work.place.span;
                let inside = hunk.at >= span.start && hunk.old_end() <= span.end;
                if self.rung == Rung::WholeFile && !inside {
                    return Vec::new();
                }
                let hunks = match Language::of_path(&path) {
                    Some(language) => self.asked_for(language, hunk),
                    // What blank lines and number signs say in other files, only their people know.
                    None => vec![hunk],
                };
                let modify = |hunk| Change::Modify {
                    path: path.clone(),
                    hunk,
                };
                hunks.into_iter().map(modify).collect()
            }
            Kind::Insert { indent } => {
                place_new_code(&mut hunk, &self.work.text(), indent);
                vec![Change::Modify { path, hunk }]
            }
        }
    }

    /// A hunk without the blank lines and the remarks that nobody asked for.
    fn asked_for(&self, language: Language, hunk: Hunk) -> Vec<Hunk> {
        let Some(hunk) = self.with_its_remarks(language, hunk) else {
            return Vec::new();
        };
        let noise = blanks(&self.work.request) == Blanks::Noise;
        let left = match hunk.clone() {
            blank if noise && only_blank_lines(&blank) => Vec::new(),
            replaced if noise => vec![without_blank_edges(replaced)],
            exact => vec![exact],
        };
        let left = if check::speaks_of_remarks(&self.work.request) {
            left
        } else {
            left.iter()
                .flat_map(|h| without_added_remarks(language, h))
                .collect()
        };
        // Within a text they are neither.
        if left != [hunk.clone()] && begins_in_text(language, &self.work.text().joined(), hunk.at) {
            return vec![hunk];
        }
        left
    }
}

impl Attempt {
    /// What is left of a hunk where the remarks above and below what it changes stay, unless somebody asked for less of
    /// them or the answer says something else there.
    fn with_its_remarks(&self, language: Language, hunk: Hunk) -> Option<Hunk> {
        let request = &self.work.request;
        // To know what a remark is the whole file is parsed: only where lines went.
        let fewer = hunk.new.len() < hunk.old.len();
        if !fewer || check::speaks_of_remarks(request) || check::excused(request) {
            return Some(hunk);
        }
        let text = self.work.text();
        let all = remarks(language, &text.joined());
        let mut at: usize = text.lines()[..hunk.at].iter().map(String::len).sum();
        let mut kinds = Vec::with_capacity(hunk.old.len());
        for line in &hunk.old {
            let begins = at + line.len() - line.trim_start().len();
            let ends = at + line.trim_end().len();
            at += line.len();
            kinds.push(match all.iter().any(|r| r.start <= begins && ends <= r.end) {
                _ if ends <= begins => Line::Blank,
                true => Line::Remark,
                false => Line::Code,
            });
        }
        let silent = |line: Option<&String>| !line.is_some_and(|l| says_something(l));
        let from = match silent(hunk.new.first()) {
            true => remarks_at(kinds.iter()),
            false => 0,
        };
        let rest = kinds.get(from..).unwrap_or_default();
        let to = hunk.old.len()
            - match silent(hunk.new.last()) {
                true => remarks_at(rest.iter().rev()),
                false => 0,
            };
        (from < to || !hunk.new.is_empty()).then(|| Hunk {
            at: hunk.at + from,
            old: hunk.old[from..to].to_vec(),
            new: hunk.new,
        })
    }
}

/// What a line says, and to whom.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    Blank,
    Remark,
    Code,
}

/// How many lines up to the last remark before the first code.
fn remarks_at<'a>(lines: impl Iterator<Item = &'a Line>) -> usize {
    let quiet = lines.take_while(|l| **l != Line::Code);
    let last = quiet.enumerate().filter(|(_, l)| **l == Line::Remark).last();
    last.map_or(0, |(i, _)| i + 1)
}

/// Whether a line of an answer begins a remark, in some language.
fn says_something(line: &str) -> bool {
    const MARKS: [&str; 7] = ["#", "//", "/*", "*", "\"\"\"", "'''", "--"];
    MARKS.iter().any(|mark| line.trim_start().starts_with(mark))
}

/// Spacing counts where the request is about it.
pub(super) fn blanks(request: &str) -> Blanks {
    if check::speaks_of_blanks(request) {
        Blanks::Matter
    } else {
        Blanks::Noise
    }
}

/// Gives inserted code its neighbours' indentation and blank lines around it.
fn place_new_code(hunk: &mut Hunk, text: &Text, indent: usize) {
    let eol = text.eol().as_str();
    let lines = text.lines();
    let blank = |l: &String| bare(l).trim().is_empty();
    let found = hunk
        .new
        .iter()
        .filter(|l| !blank(l))
        .map(|l| indent_of(l))
        .min()
        .unwrap_or(0);
    if found < indent {
        let pad: String = lines
            .iter()
            .find(|l| !blank(l) && indent_of(l) >= indent)
            .map_or_else(|| " ".repeat(indent), |l| l.chars().take(indent).collect());
        let pad: String = pad.chars().skip(found).collect();
        hunk.new
            .iter_mut()
            .filter(|l| !blank(l))
            .for_each(|l| l.insert_str(0, &pad));
    }
    let one_line = hunk.new.len() == 1;
    let before = hunk.at.checked_sub(1).and_then(|i| lines.get(i));
    if let Some(line) = before {
        if !line.ends_with('\n') {
            hunk.new.insert(0, eol.to_owned());
        }
        if !one_line && !blank(line) {
            hunk.new.insert(0, eol.to_owned());
        }
    }
    if let Some(after) = lines.get(hunk.at)
        && !one_line
        && !blank(after)
        && hunk.new.last().is_some_and(|l| !blank(l))
    {
        hunk.new.push(eol.to_owned());
    }
}
