//! Throughput of streaming parser, locator and minimiser: `cargo bench -p brisk-patch`.
//!
//! Each answer touches the whole file and comes in pieces of 16 bytes. MB/s count the answer's bytes; index and
//! stream are made within the time. The ratio is the time for 2 MB over that for 1 MB: 2 is linear.

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

use brisk_patch::{Blanks, Index, Located, PatchStream, StreamEvent, Text, locate};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

const MB: usize = 1_000_000;

struct Functions {
    text: String,
    /// (head, body, changed body)
    all: Vec<(String, String, String)>,
}

fn functions(bytes: usize) -> Functions {
    let mut f = Functions {
        text: String::with_capacity(bytes + 400),
        all: Vec::new(),
    };
    for i in 0.. {
        if f.text.len() >= bytes {
            break;
        }
        let head =
            format!("/// Number {i}.\nfn function_{i}(value: usize) -> usize {{\n    let mut sum = 0;\n");
        let body = format!("    for step in 0..{i} {{\n        sum += value * step;\n    }}\n");
        let tail = "    if sum > 10 {\n        return sum;\n    }\n    sum\n}\n\n";
        f.text += &format!("{head}{body}{tail}");
        let changed = body.replace("value * step", "value.wrapping_mul(step)");
        f.all.push((head, body, changed));
    }
    f
}

fn rewrite(f: &Functions) -> String {
    let mut text = f.text.clone();
    for (_, body, changed) in f.all.iter().step_by(10) {
        text = text.replacen(body, changed, 1);
    }
    text
}

fn blocks(f: &Functions) -> String {
    let block = |(head, body, changed): &(String, String, String)| {
        format!("a.rs\n<<<<<<< SEARCH\n{head}{body}=======\n{head}{changed}>>>>>>> REPLACE\n")
    };
    f.all.iter().map(block).collect()
}

fn patch(f: &Functions) -> String {
    let mut out = "*** Begin Patch\n*** Update File: a.rs\n".to_owned();
    let prefixed = |sign: &str, body: &str| body.lines().map(|l| format!("{sign}{l}\n")).collect::<String>();
    for (i, (head, body, changed)) in f.all.iter().enumerate() {
        out += &format!("@@ fn function_{i}(value: usize) -> usize {{\n");
        out += &prefixed(" ", head);
        out += &prefixed("-", body);
        out += &prefixed("+", changed);
    }
    out + "*** End Patch\n"
}

fn run(mut stream: PatchStream, answer: &str) -> usize {
    let mut out = Vec::new();
    let mut changes = 0;
    let mut rest = answer;
    while !rest.is_empty() {
        let (chunk, tail) = rest.split_at(16.min(rest.len()));
        stream.push(chunk, &mut out);
        rest = tail;
        changes += count(&mut out);
    }
    stream.finish(&mut out);
    changes + count(&mut out)
}

fn count(out: &mut Vec<StreamEvent>) -> usize {
    let closed = |e: StreamEvent| match e {
        StreamEvent::Closed { changes } => changes.len(),
        StreamEvent::Opened { .. } | StreamEvent::Line { .. } | StreamEvent::Prose { .. } => 0,
        StreamEvent::Refused { refusal } => unreachable!("{refusal}"),
    };
    out.drain(..).map(closed).sum()
}

fn best(mut work: impl FnMut() -> usize, want: usize) -> Duration {
    let once = || {
        let start = Instant::now();
        assert_eq!(black_box(work()), want);
        start.elapsed()
    };
    std::iter::repeat_with(once).take(25).min().unwrap_or_default()
}

fn report(name: &str, bytes: [usize; 2], time: [Duration; 2]) {
    let rate = |i: usize| bytes[i] as f64 / MB as f64 / time[i].as_secs_f64();
    let ratio = time[1].as_secs_f64() / time[0].as_secs_f64();
    println!(
        "{name:<16} {:>7.1} MB/s at 1 MB  {:>7.1} MB/s at 2 MB  ratio {ratio:.2}",
        rate(0),
        rate(1)
    );
}

fn main() {
    let files = [functions(MB), functions(2 * MB)];
    let texts = [&files[0], &files[1]].map(|f| Text::from_str_lossless(&f.text));
    let map = |i: usize| BTreeMap::from([("a.rs".to_owned(), texts[i].clone())]);

    let answers = [rewrite(&files[0]), rewrite(&files[1])];
    let time = [0, 1].map(|i| {
        let stream = || PatchStream::region("a.rs", &texts[i], 0..texts[i].len(), Blanks::Noise);
        best(|| run(stream(), &answers[i]), files[i].all.len().div_ceil(10))
    });
    report("region", [0, 1].map(|i| answers[i].len()), time);

    let answers = [blocks(&files[0]), blocks(&files[1])];
    let time = [0, 1].map(|i| {
        best(
            || run(PatchStream::search_replace(map(i)), &answers[i]),
            files[i].all.len(),
        )
    });
    report("search/replace", [0, 1].map(|i| answers[i].len()), time);

    let answers = [patch(&files[0]), patch(&files[1])];
    let time = [0, 1].map(|i| {
        best(
            || run(PatchStream::apply_patch(map(i)), &answers[i]),
            files[i].all.len(),
        )
    });
    report("apply_patch", [0, 1].map(|i| answers[i].len()), time);

    let time = [0, 1].map(|i| best(|| Index::new(&texts[i]).len(), texts[i].len()));
    report("index", [MB, 2 * MB], time);

    let needles: [Vec<Vec<String>>; 2] = [0, 1].map(|i| {
        let all = files[i].all.iter().map(|(h, b, _)| format!("{h}{b}"));
        all.map(|n| n.lines().map(str::to_owned).collect()).collect()
    });
    let time = [0, 1].map(|i| {
        let index = Index::new(&texts[i]);
        let hits = || {
            needles[i]
                .iter()
                .filter(|n| matches!(locate(&index, n), Located::Exact { .. }))
                .count()
        };
        best(hits, needles[i].len())
    });
    let bytes = [0, 1].map(|i| needles[i].iter().flatten().map(|l| l.len() + 1).sum());
    report("locate", bytes, time);
}
