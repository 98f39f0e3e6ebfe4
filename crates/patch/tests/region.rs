//! Region rewrites: events as they come, exactness, and indifference to chunks.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test helpers")]

use brisk_patch::{
    Blanks, Change, Hunk, PatchStream, StreamEvent, Text, apply, invert, split_lines, without_noise,
};
use proptest::prelude::*;
use std::ops::Range;

fn run(text: &Text, span: Range<usize>, chunks: &[&str]) -> (Vec<StreamEvent>, PatchStream) {
    let mut out = Vec::new();
    let mut stream = PatchStream::region("f", text, span, Blanks::Matter);
    chunks.iter().for_each(|c| stream.push(c, &mut out));
    stream.finish(&mut out);
    (out, stream)
}

fn hunks(events: &[StreamEvent]) -> Vec<Hunk> {
    let mut all = Vec::new();
    for e in events {
        if let StreamEvent::Closed { changes } = e {
            for c in changes {
                match c {
                    Change::Modify { hunk, .. } => all.push(hunk.clone()),
                    Change::Create { .. } | Change::Delete { .. } => panic!("{c:?}"),
                }
            }
        }
    }
    all
}

/// One letter an event: O opened, + added, - removed, C closed, R refused, P prose.
fn shape(events: &[StreamEvent]) -> String {
    let letter = |e: &StreamEvent| match e {
        StreamEvent::Opened { .. } => "O",
        StreamEvent::Line {
            side: brisk_patch::LineSide::Added,
            ..
        } => "+",
        StreamEvent::Line {
            side: brisk_patch::LineSide::Removed,
            ..
        } => "-",
        StreamEvent::Closed { .. } => "C",
        StreamEvent::Refused { .. } => "R",
        StreamEvent::Prose { .. } => "P",
    };
    events.iter().map(letter).collect()
}

const FILE: &str = "\
fn a() {
    one();
    two();
}

fn b() {
    three();
}
";

fn check(
    span: Range<usize>,
    answer: &str,
    want_shape: &str,
    want_hunks: &[(usize, usize, usize)],
    want: &str,
) {
    let text = Text::from_str_lossless(FILE);
    let (events, stream) = run(&text, span, &[answer]);
    let hunks = hunks(&events);
    assert_eq!(shape(&events), want_shape, "{answer}");
    let got: Vec<_> = hunks.iter().map(|h| (h.at, h.old.len(), h.new.len())).collect();
    assert_eq!(got, want_hunks, "{answer}");
    assert_eq!(apply(&text, &hunks).unwrap().joined(), want);
    assert_eq!(stream.outcome().unwrap().unchanged, hunks.is_empty());
}

#[test]
fn events_come_as_lines_come() {
    // A copy says nothing, with or without its last newline, with noise at line ends or blank lines around.
    check(0..8, FILE, "", &[], FILE);
    check(
        0..4,
        "\nfn a() {  \n    one();\r\n    two();\n}\n\n",
        "",
        &[],
        FILE,
    );
    check(
        0..4,
        "```rust\nfn a() {\n    one();\n    two();\n}\n```\nDone.",
        "P",
        &[],
        FILE,
    );
    // A changed line, then the rest.
    let two = FILE.replace("two", "TWO");
    check(
        0..4,
        "fn a() {\n    one();\n    TWO();\n}",
        "O+-C",
        &[(2, 1, 1)],
        &two,
    );
    // A line that goes.
    check(
        0..4,
        "fn a() {\n    one();\n}",
        "O-C",
        &[(2, 1, 0)],
        &FILE.replace("    two();\n", ""),
    );
    // A new function between two.
    let c = "fn c() {\n    four();\n}\n\n";
    let with_c = FILE.replace("fn b", &format!("{c}fn b"));
    check(0..8, &with_c, "O++++C", &[(5, 0, 4)], &with_c);
    // Two changes, of which the first closes before the second opens.
    let both = FILE.replace("one", "ONE").replace("three", "THREE");
    check(0..8, &both, "O+-CO+-C", &[(1, 1, 1), (6, 1, 1)], &both);
    // Insertion points.
    check(
        5..5,
        "fn c() {}\n\n",
        "O++C",
        &[(5, 0, 2)],
        &FILE.replace("fn b", "fn c() {}\n\nfn b"),
    );
    check(
        8..8,
        "\n\nfn c() {}\n\n",
        "O+++C",
        &[(8, 0, 3)],
        &format!("{FILE}\n\nfn c() {{}}\n"),
    );
    check(
        4..4,
        "\nfn c() {}\n\n",
        "O++C",
        &[(4, 0, 2)],
        &FILE.replacen("}\n", "}\n\nfn c() {}\n", 1),
    );
    // Silence is refused, an empty fence is a deletion.
    check(0..4, "\n\n", "R", &[], FILE);
    check(
        0..4,
        "```\n```",
        "O----C",
        &[(0, 4, 0)],
        "\nfn b() {\n    three();\n}\n",
    );
}

#[test]
fn a_lone_bracket_does_not_fool_it() {
    let old = "fn a() {\n    x();\n}\n\nfn b() {\n    y();\n}\n";
    let new =
        "fn a() {\n    x();\n}\n\nfn n() {\n    if q {\n        z();\n    }\n}\n\nfn b() {\n    y();\n}\n";
    let text = Text::from_str_lossless(old);
    let (events, _) = run(&text, 0..7, &[new]);
    assert_eq!(shape(&events), "O++++++C");
    assert_eq!(hunks(&events).len(), 1);
}

#[test]
fn the_tail_that_the_answer_lacks_is_counted() {
    let text = Text::from_str_lossless(FILE);
    let tail = |span, answer| run(&text, span, &[answer]).1.outcome().unwrap().dropped_tail;
    assert_eq!(tail(0..8, FILE), 0);
    assert_eq!(tail(0..8, "fn a() {\n    one();\n"), 6);
    assert_eq!(tail(0..8, "    ONE();\n"), 7);
    assert_eq!(tail(0..4, "fn a() {\n    one();\n    2();\n}\n"), 0);
}

#[test]
fn abandoning_drops_the_open_hunk_whole() {
    let text = Text::from_str_lossless(FILE);
    let answer = FILE.replace("one", "ONE").replace("three", "THREE");
    let whole = hunks(&run(&text, 0..8, &[&answer]).0);
    for cut in (0..answer.len()).filter(|i| answer.is_char_boundary(*i)) {
        let mut out = Vec::new();
        let mut stream = PatchStream::region("f", &text, 0..8, Blanks::Matter);
        stream.push(&answer[..cut], &mut out);
        stream.abandon(&mut out);
        let told = out.len();
        stream.push(&answer[cut..], &mut out);
        stream.finish(&mut out);
        assert_eq!(out.len(), told, "nothing after an abandon");
        let got = hunks(&out);
        assert_eq!(got, whole[..got.len()]);
        let opened = out
            .iter()
            .filter(|e| matches!(e, StreamEvent::Opened { .. }))
            .count();
        let closed = out
            .iter()
            .filter(|e| matches!(e, StreamEvent::Closed { .. }))
            .count();
        assert_eq!(opened, closed);
    }
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just("}".to_owned()),
        "[a-d]{1,2}".prop_map(|s| s),
        "(    )?let [ab] = [12];",
        "[ä→x\t ]{0,4}",
    ]
}

/// A rewrite that spaces its lines in its own way: lines that say the same stay as they are, those around them too.
#[test]
fn spacing_is_no_change_unless_it_is_asked_for() {
    let file = "def p(n):\n    for i in range(2,n):\n        if n%i==0:\n            return True\n\n    return False\n";
    let answer = "def p(n):\n    if n <= 1:\n        return False\n    for i in range(2, n):\n        if n % i == 0:\n            \
                  return False\n    return True\n";
    let lines = |blanks| {
        let (_, old, new) = rewritten("a.py", file, answer, blanks);
        (old, new)
    };
    assert_eq!(lines(Blanks::Noise), (3, 4));
    assert_eq!(lines(Blanks::Matter), (5, 6));
}

#[test]
fn a_fence_that_was_cut_is_no_line() {
    let file = "a\nb\n";
    for answer in ["a\nc\n``", "```\na\nc\n``\n", "a\nc\n`"] {
        assert_eq!(
            rewritten("a.py", file, answer, Blanks::Noise).0,
            "a\nc\n",
            "{answer:?}"
        );
    }
}

/// What a rewrite of the whole text leaves in it, and how many lines it takes and brings.
fn rewritten(path: &str, file: &str, answer: &str, blanks: Blanks) -> (String, usize, usize) {
    let text = Text::from_str_lossless(file);
    let mut out = Vec::new();
    let mut stream = PatchStream::region(path, &text, 0..text.len(), blanks);
    stream.push(answer, &mut out);
    stream.finish(&mut out);
    let hunks = hunks(&out);
    let count = |side: fn(&Hunk) -> usize| hunks.iter().map(side).sum::<usize>();
    let (old, new) = (count(|h| h.old.len()), count(|h| h.new.len()));
    (apply(&text, &hunks).unwrap().joined(), old, new)
}

/// Where brackets hold a language together, a model's own indentation is no change, and what it changes is indented
/// as the lines around it are.
#[test]
fn indentation_is_no_change_where_brackets_say_what_belongs_together() {
    let file = "fn f(ops: Vec<i32>) -> bool {\nlet mut sum = 0;\nfor op in ops {\n    sum += op;\n    if sum == 0 {\n        \
                return true;\n        }\n    }\n    false\n}\n";
    let answer = "fn f(ops: Vec<i32>) -> bool {\n    let mut sum = 0;\n    for op in ops {\n        sum += op;\n        \
                  if sum < 0 {\n            return true;\n        }\n    }\n    false\n}\n";
    let (new, old_lines, new_lines) = rewritten("a.rs", file, answer, Blanks::Noise);
    assert_eq!(new, file.replace("sum == 0", "sum < 0"));
    assert_eq!((old_lines, new_lines), (1, 1));
    let (exact, ..) = rewritten("a.rs", file, answer, Blanks::Matter);
    assert_eq!(exact, answer);

    // What comes to lie deeper is indented anew.
    let file = "void f() {\n  a();\n  b();\n}\n";
    let answer = "void f() {\n  if (ok) {\n    a();\n    b();\n  }\n}\n";
    assert_eq!(rewritten("a.c", file, answer, Blanks::Noise).0, answer);

    // In Python indentation is what says it.
    let file = "if a:\n  b()\nc()\n";
    let answer = "if a:\n  b()\n  c()\n";
    assert_eq!(rewritten("a.py", file, answer, Blanks::Noise).0, answer);
}

/// What looks like a bracket in a pattern does not draw the lines behind it into the change, which closes at once.
#[test]
fn a_bracket_that_is_none_shifts_nothing() {
    let file = "f(/[{]/);\nalpha();\nbeta();\ngamma();\n";
    let answer = "f(/x/);\nalpha();\nbeta();\ngamma();\n";
    let text = Text::from_str_lossless(file);
    let mut stream = PatchStream::region("a.js", &text, 0..text.len(), Blanks::Noise);
    let mut out = Vec::new();
    stream.push(&answer[..answer.find("gamma").unwrap()], &mut out);
    assert!(shape(&out).contains('C'), "{out:?}");
    stream.push("gamma();\n", &mut out);
    stream.finish(&mut out);
    assert_eq!(
        hunks(&out)
            .iter()
            .map(|h| (h.old.len(), h.new.len()))
            .collect::<Vec<_>>(),
        [(1, 1)]
    );
}

/// Where spacing says something, it is a change, and texts keep what is theirs.
#[test]
fn spacing_that_means_something_is_a_change() {
    let cases = [
        ("a.sh", "FOO = bar\n", "FOO=bar\n"),
        ("a.yml", "port:80\n", "port: 80\n"),
        ("a.md", "#Title\n", "# Title\n"),
        ("a.css", "a .b {}\n", "a.b {}\n"),
        ("a.h", "#define SQ (x) x*x\n", "#define SQ(x) x*x\n"),
        ("a.tsx", "<p>{a}{b}</p>\n", "<p>{a} {b}</p>\n"),
        (
            "a.py",
            "q = \"\"\"\nselect a ,b\n\"\"\"\n",
            "q = \"\"\"\nselect a, b\n\"\"\"\n",
        ),
    ];
    for (path, file, answer) in cases {
        assert_eq!(rewritten(path, file, answer, Blanks::Noise).0, answer, "{path}");
    }

    // The method is indented otherwise by the model; the text in it has no indentation to adapt.
    let file = "class A {\n    q() {\n        return `\nSELECT a\nFROM t`;\n    }\n}\n";
    let answer = "class A {\n  q() {\n    return `\nSELECT a, b\nFROM t`;\n  }\n}\n";
    let (new, ..) = rewritten("a.js", file, answer, Blanks::Noise);
    assert_eq!(new, file.replace("SELECT a", "SELECT a, b"));
}

fn body(eol: &'static str) -> impl Strategy<Value = String> {
    (prop::collection::vec(line(), 0..24), any::<bool>()).prop_map(move |(lines, end)| {
        let mut s = lines.join(eol);
        if end && !s.is_empty() {
            s.push_str(eol);
        }
        s
    })
}

/// What the region must be, as keys: no noise, no blank lines at the ends.
fn keys(body: &str) -> Vec<String> {
    let all: Vec<String> = split_lines(body)
        .iter()
        .map(|l| without_noise(l).to_owned())
        .collect();
    let start = all.iter().take_while(|l| l.is_empty()).count();
    let end = all.len() - all[start..].iter().rev().take_while(|l| l.is_empty()).count();
    all[start..end].to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_region_becomes_the_answer(
        file in prop_oneof![body("\n"), body("\r\n")],
        answer in body("\n"),
        bounds in (0usize..30, 0usize..30),
    ) {
        let text = Text::from_str_lossless(&file);
        let (a, b) = (bounds.0.min(text.len()), bounds.1.min(text.len()));
        let span = a.min(b)..a.max(b);
        let (events, stream) = run(&text, span.clone(), &[&answer]);
        let hunks = hunks(&events);
        let new = apply(&text, &hunks).unwrap();
        if !keys(&answer).is_empty() {
            prop_assert_eq!(keys(&stream.outcome().unwrap().new_region), keys(&answer));
        }
        // Outside of the region nothing changed, terminators and the end of the file included.
        let file_lines = text.lines();
        prop_assert_eq!(&new.lines()[..span.start.saturating_sub(1)], &file_lines[..span.start.saturating_sub(1)]);
        let behind = file_lines.len() - span.end;
        prop_assert_eq!(&new.lines()[new.len() - behind..], &file_lines[span.end..]);
        if !new.is_empty() && !text.is_empty() {
            let ended = |t: &Text| t.lines().last().is_some_and(|l| l.ends_with('\n'));
            prop_assert_eq!(ended(&new), ended(&text));
        }
        // Undo gives the file back.
        prop_assert_eq!(apply(&new, &invert(&hunks)).unwrap(), text);
    }

    #[test]
    fn chunking_does_not_matter(
        file in body("\n"),
        answer in body("\n"),
        fenced in any::<bool>(),
        cuts in prop::collection::vec(0usize..200, 0..12),
    ) {
        let text = Text::from_str_lossless(&file);
        let answer = if fenced { format!("```\n{answer}\n```\nwords") } else { answer };
        let whole = run(&text, 0..text.len(), &[&answer]).0;
        let mut at: Vec<usize> = cuts.into_iter().filter(|c| answer.is_char_boundary(*c)).collect();
        at.extend([0, answer.len()]);
        at.retain(|c| *c <= answer.len());
        at.sort();
        let chunks: Vec<&str> = at.windows(2).map(|w| &answer[w[0]..w[1]]).collect();
        prop_assert_eq!(run(&text, 0..text.len(), &chunks).0, whole);
    }
}
