//! What must hold for every input. Property tests and fuzz targets call these; each asserts.

use crate::blanks::Blanks;
use crate::hunk::{Change, Hunk, apply, invert};
use crate::minimise::minimise;
use crate::rebase::rebase;
use crate::stream::{PatchStream, StreamEvent};
use crate::text::Text;
use std::collections::BTreeMap;

/// A region rewrite of lines `a..b` (in any order, cut to the text).
pub fn region(file: &str, answer: &str, bounds: (usize, usize), cuts: &[usize]) {
    let text = Text::from_str_lossless(file);
    let (a, b) = (bounds.0.min(text.len()), bounds.1.min(text.len()));
    let stream = PatchStream::region("a.rs", &text, a.min(b)..a.max(b), Blanks::Noise);
    stream_holds(
        &BTreeMap::from([("a.rs".to_owned(), text)]),
        &stream,
        answer,
        cuts,
    );
}

/// Search/replace blocks over two files.
pub fn search_replace(file: &str, other: &str, answer: &str, cuts: &[usize]) {
    let files = two(file, other);
    stream_holds(&files, &PatchStream::search_replace(files.clone()), answer, cuts);
}

/// An `apply_patch` over two files.
pub fn apply_patch(file: &str, other: &str, answer: &str, cuts: &[usize]) {
    let files = two(file, other);
    stream_holds(&files, &PatchStream::apply_patch(files.clone()), answer, cuts);
}

/// A change of `base` carried over to `now` still applies there.
pub fn rebasing(base: &str, edited: &str, now: &str) {
    let (base, now) = (Text::from_str_lossless(base), Text::from_str_lossless(now));
    let whole = Hunk {
        at: 0,
        old: base.lines().to_vec(),
        new: crate::text::split_lines(edited),
    };
    for hunk in minimise(&whole) {
        if let Ok(carried) = rebase(&hunk, &base, &now) {
            assert!(apply(&now, &[carried]).is_ok(), "a carried hunk must apply");
        }
    }
}

fn two(file: &str, other: &str) -> BTreeMap<String, Text> {
    let text = |body| Text::from_str_lossless(body);
    BTreeMap::from([
        ("a.rs".to_owned(), text(file)),
        ("b/c.py".to_owned(), text(other)),
    ])
}

fn stream_holds(files: &BTreeMap<String, Text>, stream: &PatchStream, answer: &str, cuts: &[usize]) {
    let mut whole = Vec::new();
    let mut once = stream.clone();
    once.push(answer, &mut whole);
    once.finish(&mut whole);

    let mut at: Vec<usize> = cuts.iter().map(|c| c % (answer.len() + 1)).collect();
    at.retain(|c| answer.is_char_boundary(*c));
    at.extend([0, answer.len()]);
    at.sort_unstable();
    let mut cut = Vec::new();
    let mut again = stream.clone();
    at.windows(2)
        .for_each(|w| again.push(&answer[w[0]..w[1]], &mut cut));
    again.finish(&mut cut);
    assert_eq!(whole, cut, "chunks must not matter");

    events_hold(files, &whole);
    if let Some(first) = at.get(1) {
        let mut stopped = Vec::new();
        let mut early = stream.clone();
        early.push(&answer[..*first], &mut stopped);
        early.abandon(&mut stopped);
        let changes = |events: &[StreamEvent]| -> Vec<Change> { events.iter().flat_map(closed).collect() };
        let (kept, all) = (changes(&stopped), changes(&whole));
        assert_eq!(kept, all[..kept.len()], "an interrupt tears nothing");
        events_hold(files, &stopped);
    }
}

fn closed(event: &StreamEvent) -> Vec<Change> {
    match event {
        StreamEvent::Closed { changes } => changes.clone(),
        StreamEvent::Opened { .. }
        | StreamEvent::Line { .. }
        | StreamEvent::Refused { .. }
        | StreamEvent::Prose { .. } => Vec::new(),
    }
}

/// Hunks open before they have lines and close before the next one; all changes apply together, are minimal, and
/// invert.
fn events_hold(files: &BTreeMap<String, Text>, events: &[StreamEvent]) {
    let mut open = false;
    for event in events {
        match event {
            StreamEvent::Opened { .. } => assert!(!std::mem::replace(&mut open, true), "opened twice"),
            StreamEvent::Line { .. } => assert!(open, "a line outside of a hunk"),
            StreamEvent::Closed { .. } => assert!(std::mem::take(&mut open), "closed without a hunk"),
            StreamEvent::Refused { .. } => open = false,
            StreamEvent::Prose { .. } => assert!(!open, "prose within a hunk"),
        }
    }
    assert!(!open, "a hunk stays open");

    let mut hunks: BTreeMap<String, Vec<Hunk>> = BTreeMap::new();
    for change in events.iter().flat_map(closed) {
        match change {
            Change::Modify { path, hunk } => {
                assert_eq!(minimise(&hunk), std::slice::from_ref(&hunk), "not minimal");
                hunks.entry(path).or_default().push(hunk);
            }
            Change::Create { path, .. } => assert!(!files.contains_key(&path), "created over a file"),
            Change::Delete { path, old } => assert_eq!(files.get(&path), Some(&old)),
        }
    }
    for (path, hunks) in hunks {
        let Some(text) = files.get(&path) else { continue };
        let new = apply(text, &hunks);
        assert!(new.is_ok(), "{new:?}");
        assert_eq!(
            new.and_then(|n| apply(&n, &invert(&hunks))).as_ref(),
            Ok(text),
            "undo gives the file back"
        );
    }
}
