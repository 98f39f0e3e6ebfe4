//! From lines as a model writes them to a hunk that fits a file: terminators and the state of the file's end.

use crate::hunk::{Change, Hunk};
use crate::minimise::minimise;
use crate::text::{Text, bare};

/// The hunk that makes old lines `at..end` of `text` into `new` (no terminators). Added lines end as the line that
/// they replace or follow does. A file that ends without a terminator still does afterwards, for which the hunk
/// may reach one line further up.
pub(crate) fn hunk_for(text: &Text, at: usize, end: usize, new: &[String]) -> Hunk {
    let lines = text.lines();
    let eol = eol_at(text, at);
    let open_end = end == lines.len() && lines.last().is_some_and(|l| !l.ends_with('\n'));
    let ended = |l: &String| format!("{l}{eol}");
    if !open_end {
        return Hunk {
            at,
            old: lines[at..end].to_vec(),
            new: new.iter().map(ended).collect(),
        };
    }
    let hunk = match new.split_last() {
        Some((last, rest)) if at < end => {
            let mut fresh: Vec<String> = rest.iter().map(ended).collect();
            fresh.push(last.clone());
            Hunk {
                at,
                old: lines[at..end].to_vec(),
                new: fresh,
            }
        }
        Some((last, rest)) => {
            let mut fresh = vec![format!("{}{eol}", lines[at - 1])];
            fresh.extend(rest.iter().map(ended));
            fresh.push(last.clone());
            Hunk {
                at: at - 1,
                old: lines[at - 1..].to_vec(),
                new: fresh,
            }
        }
        None if 0 < at && at < end => Hunk {
            at: at - 1,
            old: lines[at - 1..].to_vec(),
            new: vec![bare(&lines[at - 1]).to_owned()],
        },
        None => Hunk {
            at,
            old: lines[at..end].to_vec(),
            new: Vec::new(),
        },
    };
    // The line that it reached up to may be the one that it added.
    match &minimise(&hunk)[..] {
        [small] => small.clone(),
        _ => hunk,
    }
}

/// As a change of `path`.
pub(crate) fn modify(path: &str, hunk: Hunk) -> Change {
    Change::Modify {
        path: path.to_owned(),
        hunk,
    }
}

/// Terminator of the first line at or before `at` that has one, else the file's: in a file of mixed terminators an
/// edit follows its neighbours.
fn eol_at(text: &Text, at: usize) -> &'static str {
    let upto = &text.lines()[..text.len().min(at + 1)];
    match upto.iter().rev().find(|l| l.ends_with('\n')) {
        Some(l) if l.ends_with("\r\n") => "\r\n",
        Some(_) => "\n",
        None => text.eol().as_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hunk::apply;

    fn check(file: &str, at: usize, end: usize, new: &[&str], want: &str) {
        let text = Text::from_str_lossless(file);
        let new: Vec<String> = new.iter().map(|s| s.to_string()).collect();
        let hunk = hunk_for(&text, at, end, &new);
        assert_eq!(
            apply(&text, &[hunk]).unwrap().joined(),
            want,
            "{file:?} {at}..{end}"
        );
    }

    #[test]
    fn keeps_terminators_and_the_end_of_the_file() {
        check("a\nb\n", 1, 2, &["x", "y"], "a\nx\ny\n");
        check("a\r\nb\r\n", 0, 1, &["x"], "x\r\nb\r\n");
        check("a\r\nb\nc\n", 0, 0, &["x"], "x\r\na\r\nb\nc\n");
        check("a\r\nb\nc\n", 3, 3, &["x"], "a\r\nb\nc\nx\n");
        check("a\nb", 1, 2, &["x"], "a\nx");
        check("a\nb", 2, 2, &["x"], "a\nb\nx");
        check("a\r\nb", 2, 2, &["x", "y"], "a\r\nb\r\nx\r\ny");
        check("a\nb", 1, 2, &[], "a");
        check("a\nb", 0, 1, &[], "b");
        check("a", 0, 1, &[], "");
        check("", 0, 0, &["x"], "x\n");
    }
}
