//! Golden folders: `golden/<format>/<case>/` holds the files `before/`, a model's `answer.txt`, and what comes of it:
//! the files `after/` (absent: nothing changes) and `refusal.txt` (absent: nothing is refused). Region cases name
//! their place in `region.txt`: `PATH A-B`, 1-based and inclusive, `B` = `A` - 1 for an insertion point before `A`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test helpers")]

use brisk_patch::{Blanks, Change, Hunk, PatchStream, StreamEvent, Text, apply, invert, minimise};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

type Files = BTreeMap<String, Text>;

fn read_files(dir: &Path) -> Option<Files> {
    fn walk(dir: &Path, under: &str, into: &mut Files) {
        for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
            let name = format!("{under}{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() {
                walk(&entry.path(), &format!("{name}/"), into);
            } else {
                into.insert(name, Text::decode(&fs::read(entry.path()).unwrap()).unwrap());
            }
        }
    }
    let mut files = Files::new();
    dir.is_dir().then(|| walk(dir, "", &mut files))?;
    Some(files)
}

fn stream(format: &str, case: &Path, before: &Files) -> PatchStream {
    match format {
        "search_replace" => PatchStream::search_replace(before.clone()),
        "apply_patch" => PatchStream::apply_patch(before.clone()),
        "region" => {
            let place = fs::read_to_string(case.join("region.txt")).unwrap();
            let (path, lines) = place.trim().split_once(' ').unwrap();
            let (a, b) = lines.split_once('-').unwrap();
            let span = a.parse::<usize>().unwrap() - 1..b.parse().unwrap();
            PatchStream::region(path, &before[path], span, Blanks::Noise)
        }
        other => panic!("no format {other}"),
    }
}

fn events(mut stream: PatchStream, answer: &str, size: usize) -> Vec<StreamEvent> {
    let mut out = Vec::new();
    let chars: Vec<char> = answer.chars().collect();
    chars
        .chunks(size)
        .for_each(|c| stream.push(&c.iter().collect::<String>(), &mut out));
    stream.finish(&mut out);
    out
}

fn check(format: &str, case: &Path) {
    let name = case.display();
    let before = read_files(&case.join("before")).unwrap_or_default();
    let answer = fs::read_to_string(case.join("answer.txt")).unwrap();
    let out = events(stream(format, case, &before), &answer, 1 << 20);
    for size in [1, 7] {
        assert_eq!(
            events(stream(format, case, &before), &answer, size),
            out,
            "{name} in chunks of {size}"
        );
    }

    let refused: Vec<String> = out
        .iter()
        .filter_map(|e| match e {
            StreamEvent::Refused { refusal } => Some(refusal.to_string()),
            StreamEvent::Opened { .. }
            | StreamEvent::Line { .. }
            | StreamEvent::Closed { .. }
            | StreamEvent::Prose { .. } => None,
        })
        .collect();
    let want_refused = fs::read_to_string(case.join("refusal.txt")).unwrap_or_default();
    assert_eq!(refused, want_refused.lines().collect::<Vec<_>>(), "{name}");

    let (mut after, mut hunks) = (before.clone(), BTreeMap::<String, Vec<Hunk>>::new());
    for event in &out {
        let StreamEvent::Closed { changes } = event else {
            continue;
        };
        for change in changes.clone() {
            match change {
                Change::Modify { path, hunk } => {
                    assert_eq!(
                        minimise(&hunk),
                        std::slice::from_ref(&hunk),
                        "{name}: not minimal"
                    );
                    hunks.entry(path).or_default().push(hunk);
                }
                Change::Create { path, text } => assert!(after.insert(path, text).is_none(), "{name}"),
                Change::Delete { path, old } => assert_eq!(after.remove(&path), Some(old), "{name}"),
            }
        }
    }
    for (path, hunks) in hunks {
        let new = apply(&before[&path], &hunks).unwrap();
        assert_eq!(
            apply(&new, &invert(&hunks)).as_ref(),
            Ok(&before[&path]),
            "{name}"
        );
        after.insert(path, new);
    }
    let bytes = |files: &Files| -> BTreeMap<String, String> {
        files
            .iter()
            .map(|(p, t)| (p.clone(), String::from_utf8(t.encode()).unwrap()))
            .collect()
    };
    let want = read_files(&case.join("after")).unwrap_or(before);
    assert_eq!(bytes(&after), bytes(&want), "{name}");
}

#[test]
fn every_folder() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    for format in ["region", "search_replace", "apply_patch"] {
        let mut cases: Vec<_> = fs::read_dir(root.join(format))
            .unwrap()
            .map(|e| e.unwrap().path())
            .collect();
        cases.sort();
        assert!(cases.len() >= 12, "{format}");
        cases.iter().for_each(|case| check(format, case));
    }
}
