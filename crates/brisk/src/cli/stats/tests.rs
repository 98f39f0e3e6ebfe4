//! Turns in, tables and pages out.

use super::plot::{bar, bins, sparkline};
use super::*;
use brisk_domain::{Intent, Lane, ModelId, SessionId, TurnId};
use brisk_protocol::{ClientKind, Stage, Stages, StopFelt};
use brisk_store::felt::{HunkRow, Outcome, RetryCause, Tokens};

/// A turn whose first line was painted after `line_ms`.
fn turn(n: u64, day: &str, model: &str, line_ms: u64) -> FeltTurn {
    let key = 5_000_000 * n;
    let mut stages = Stages::default();
    let moments = [
        (Stage::Key, 0),
        (Stage::Acknowledged, 2_500),
        (Stage::Request, 4_000),
        (Stage::FirstToken, line_ms * 500),
        (Stage::FirstLine, line_ms * 1_000),
        (Stage::Complete, line_ms * 3_000),
    ];
    for (stage, after) in moments {
        stages.mark(stage, key + after);
    }
    let kept = Outcome::Kept { at_us: 1 };
    let hunk = |outcome, undone_after_us| HunkRow {
        added: 2,
        removed: 1,
        outcome,
        undone_after_us,
    };
    FeltTurn {
        session: SessionId(1),
        turn: TurnId(n),
        day: day.into(),
        client: ClientKind::Cli,
        lane: Some(Lane::Fast),
        model: Some(ModelId(model.into())),
        intent: Some(Intent::Edit),
        asked_for_tests: n == 1,
        end: "end_turn".into(),
        stages,
        stop: (n == 2).then_some(StopFelt {
            key,
            silent_after: Some(7_000),
        }),
        model_stopped_after: (n == 2).then_some(9_000),
        tokens: Tokens {
            input: 100,
            cached: 50,
            output: 10,
        },
        shape: Default::default(),
        hunks: vec![hunk(kept, (n == 1).then_some(3)), hunk(Outcome::Rejected, None)],
        retries: if n == 3 { vec![RetryCause::Stalled] } else { vec![] },
    }
}

fn turns() -> Vec<FeltTurn> {
    vec![
        turn(1, "2026-01-01", "small", 100),
        turn(2, "2026-01-01", "small", 300),
        turn(3, "2026-01-03", "<b>large & co", 900),
    ]
}

#[test]
fn a_terminal_gets_tables_and_plots() {
    let report = Report::of(&turns(), Some(By::Model));
    let text: Vec<String> = text::lines(&report)
        .into_iter()
        .map(|(_, line)| line.trim_end().to_owned())
        .collect();
    let want = "\
3 turns, 2026-01-01 to 2026-01-03

                                   n       p50       p90       p99
Enter to acknowledged              3    2.5 ms    2.5 ms    2.5 ms
Enter to request at the model      3    4.0 ms    4.0 ms    4.0 ms
Enter to first token               3    150 ms    450 ms    450 ms
Enter to first line painted        3    300 ms    900 ms    900 ms
Enter to complete                  3    900 ms    2.70 s    2.70 s
request to first token             3    146 ms    446 ms    446 ms
stop to silence                    1    7.0 ms    7.0 ms    7.0 ms
stop to model stopped              1    9.0 ms    9.0 ms    9.0 ms
hunks of a turn                    3         2         2         2
lines changed by a turn            3         6         6         6

hunks kept                    50 % (3 of 6)
hunks rejected                50 % (3 of 6)
lines that kept hunks changed 9
undone within 60 s            33 % (1 of 3)
turns that asked for tests    33 % (1 of 3)
turns that you stopped        33 % (1 of 3)
turns that asked again        33 % (1 of 3)
  retries: stalled            1
tokens                        300 in (150 cached), 30 out

model                     turns    token p50    line p50    line p90    done p50   kept
<b>large & co                 1       450 ms      900 ms      900 ms      2.70 s   50 %
small                         2        50 ms      100 ms      300 ms      300 ms   50 %

Enter to first line painted, turns
  under 200 ms ▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇ 1
  under 500 ms ▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇ 1
     under 1 s ▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇ 1

Enter to first line painted, p50 of each day with turns, top 900 ms
               ▂█";
    assert_eq!(text.join("\n"), want);
    assert!(text.iter().all(|line| line.chars().count() <= 90));
}

#[test]
fn a_page_stands_alone() {
    let page = html::page(&Report::of(&turns(), Some(By::Model)));
    for part in [
        "<!doctype html>",
        "prefers-color-scheme: dark",
        "<svg",
        "milliseconds</text>",
        "turns</text>",
        "&lt;b&gt;large &amp; co",
        "<td>Enter to first line painted</td><td>3</td><td>300 ms</td><td>900 ms</td><td>900 ms</td>",
        "2026-01-03 p90: 900.0 ms",
    ] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    for outside in ["<b>", "http", "<script", "<link", "url(", "@import", "src="] {
        assert!(!page.contains(outside), "{outside}");
    }
    let opened = page.matches("<td").count();
    assert_eq!(opened, page.matches("</td>").count());
    assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
    // Without a single turn it is still a page.
    assert!(html::page(&Report::of(&[], None)).ends_with("</html>\n"));
}

#[test]
fn json_is_one_object_a_line_with_its_type_first() {
    let out = json::lines(&Report::of(&turns(), Some(By::Day)), 5);
    let lines: Vec<serde_json::Value> = out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert!(out.lines().all(|l| l.starts_with("{\"type\":\"")), "{out}");
    assert_eq!(lines[0]["turns"], 3);
    let found = |group: &str, name: &str| {
        let mut of = lines.iter().filter(|l| l["group"] == group && l["name"] == name);
        of.next().map(|l| l["p50_us"].as_u64().unwrap())
    };
    assert_eq!(found("all", "key_to_first_line"), Some(300_000));
    assert_eq!(found("2026-01-03", "key_to_first_line"), Some(900_000));
    assert_eq!(found("2026-01-03", "stop_to_silence"), None);
    let rates = lines.iter().find(|l| l["type"] == "rates").unwrap();
    assert_eq!(rates["hunks"]["kept"], 3);
    assert_eq!(rates["undone_within_60s"], serde_json::json!({"n": 1, "of": 3}));
}

#[test]
fn plots_are_to_scale() {
    let of = |values: &[u64]| -> Vec<(Option<u64>, usize)> {
        bins(values)
            .into_iter()
            .map(|bin| (bin.below_us, bin.n))
            .collect()
    };
    assert_eq!(of(&[]), []);
    assert_eq!(of(&[999]), [(Some(1_000), 1)]);
    assert_eq!(
        of(&[1_000, 7_000]),
        [(Some(2_000), 1), (Some(5_000), 0), (Some(10_000), 1)]
    );
    assert_eq!(of(&[u64::MAX]), [(None, 1)]);
    assert_eq!(sparkline(&[Some(0), Some(50), None, Some(100)]), "▁▅ █");
    assert_eq!(sparkline(&[Some(0)]), "▁");
    let ticks = |n: usize| {
        let chart = svg::histogram("t", &bins(&[1].repeat(n)), |_| "bin".into());
        let text = chart.split("text-anchor=\"end\">").skip(1);
        text.map(|t| t.split('<').next().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(ticks(1), ["0", "1", "2", "3", "4"]);
    assert_eq!(ticks(9), ["0", "5", "10", "15", "20"]);
    assert_eq!(ticks(120), ["0", "50", "100", "150", "200"]);
    assert_eq!(
        (bar(0, 9, 4), bar(1, 900, 4), bar(9, 9, 4)),
        ("".into(), "▇".into(), "▇▇▇▇".into())
    );
}

#[test]
fn times_and_dates_that_people_type() {
    let cases = [
        ("90m", Some(5_400_000_000)),
        ("24h", Some(86_400_000_000)),
        ("7d", Some(604_800_000_000)),
        ("2w", Some(1_209_600_000_000)),
        ("7", None),
        ("d", None),
        ("", None),
        ("-1d", None),
        ("7é", None),
        ("99999999999999999w", None),
    ];
    for (text, want) in cases {
        assert_eq!(span(text).ok(), want, "{text}");
    }
    for (text, good) in [
        ("2026-01-31", true),
        ("2026-13-01", false),
        ("2026-1-01", false),
        ("26-01-01", false),
        ("2026-01-01-01", false),
        ("today", false),
    ] {
        assert_eq!(date(text).is_ok(), good, "{text}");
    }
}
