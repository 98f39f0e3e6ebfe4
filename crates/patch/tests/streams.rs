//! What holds for every answer, however wrong: the checks that the fuzz targets run, on generated input.

use brisk_patch::checks;
use proptest::prelude::*;

fn lines(from: &'static [&'static str], most: usize) -> impl Strategy<Value = String> {
    let line = prop_oneof![8 => prop::sample::select(from).prop_map(str::to_owned), 1 => "[a-c\t →]{0,3}"];
    let eol = prop::sample::select(&["\n", "\n", "\n", "\r\n"][..]);
    (prop::collection::vec((line, eol), 0..most), any::<bool>()).prop_map(|(lines, ended)| {
        let mut all: String = lines.iter().map(|(l, e)| format!("{l}{e}")).collect();
        if !ended {
            all.truncate(all.trim_end_matches(['\r', '\n']).len());
        }
        all
    })
}

const FILE: &[&str] = &[
    "a", "b", "  a", "    b", "c", "}", "", "fn a() {", "\tb", "=======", "```",
];

const BLOCKS: &[&str] = &[
    "a.rs",
    "`b/c.py`",
    "new.rs",
    "<<<<<<< SEARCH",
    "<<<<<<< SEARCH",
    "=======",
    "=======",
    ">>>>>>> REPLACE",
    ">>>>>>> REPLACE",
    "```",
    "words of prose",
    "a",
    "b",
    "  a",
    "c",
    "fn a() {",
    "}",
    "",
];

const PATCH: &[&str] = &[
    "*** Begin Patch",
    "*** End Patch",
    "*** Update File: a.rs",
    "*** Update File: a.rs",
    "*** Update File: b/c.py",
    "*** Add File: n.rs",
    "*** Delete File: b/c.py",
    "*** Move to: m.rs",
    "*** End of File",
    "@@",
    "@@ fn a() {",
    "@@ c",
    " a",
    "-a",
    "+a",
    "-b",
    "+x",
    " fn a() {",
    "-}",
    "",
    " ",
    "wrong",
];

fn cuts() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(0usize..400, 0..10)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn region(file in lines(FILE, 20), answer in lines(FILE, 20), bounds in (0usize..20, 0usize..20), cuts in cuts()) {
        checks::region(&file, &answer, bounds, &cuts);
    }

    #[test]
    fn search_replace(file in lines(FILE, 12), other in lines(FILE, 6), answer in lines(BLOCKS, 40), cuts in cuts()) {
        checks::search_replace(&file, &other, &answer, &cuts);
    }

    #[test]
    fn search_replace_well_formed(
        file in lines(FILE, 12),
        blocks in prop::collection::vec((lines(FILE, 4), lines(FILE, 4)), 0..5),
        cuts in cuts(),
    ) {
        let ended = |s: &str| if s.is_empty() || s.ends_with('\n') { s.to_owned() } else { format!("{s}\n") };
        let block = |(s, r): &(String, String)| {
            format!("a.rs\n<<<<<<< SEARCH\n{}=======\n{}>>>>>>> REPLACE\n", ended(s), ended(r))
        };
        checks::search_replace(&file, "", &blocks.iter().map(block).collect::<String>(), &cuts);
    }

    #[test]
    fn apply_patch(file in lines(FILE, 12), other in lines(FILE, 6), answer in lines(PATCH, 40), cuts in cuts()) {
        checks::apply_patch(&file, &other, &answer, &cuts);
        let answer = format!("*** Begin Patch\n*** Update File: a.rs\n{answer}\n*** End Patch\n");
        checks::apply_patch(&file, &other, &answer, &cuts);
    }

    #[test]
    fn rebase(base in lines(FILE, 12), edited in lines(FILE, 12), now in lines(FILE, 12)) {
        checks::rebasing(&base, &edited, &now);
    }

    #[test]
    fn arbitrary_text(file in any::<String>(), answer in any::<String>(), cuts in cuts()) {
        checks::region(&file, &answer, (0, usize::MAX), &cuts);
        checks::search_replace(&file, &answer, &answer, &cuts);
        checks::apply_patch(&file, &answer, &format!("*** Begin Patch\n{answer}"), &cuts);
    }
}
