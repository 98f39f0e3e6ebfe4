//! `stats --html`: one page that needs nothing but itself: no script, no font, no picture from elsewhere.

use super::plot::{Bin, bins};
use super::report::{Report, SHOWN, share, spread, time, title};
use super::svg::{Series, escape, histogram, over_days};
use brisk_store::felt::{By, Figures};
use std::fmt::Write;

const STYLE: &str = "
:root { color-scheme: light dark; --back: #fff; --text: #1a1d21; --dim: #5d6673; --line: #d8dde3; --a: #1f6feb; --b: #c2570c; }
@media (prefers-color-scheme: dark) {
  :root { --back: #14171a; --text: #e6e9ed; --dim: #9aa4b0; --line: #333a42; --a: #6cb0ff; --b: #f2a365; }
}
body { margin: 2rem auto; max-width: 52rem; padding: 0 1rem; background: var(--back); color: var(--text);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
p { color: var(--dim); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; white-space: normal; }
svg { width: 100%; height: auto; } svg text { fill: var(--dim); font-size: 12px; }
.grid { stroke: var(--line); } .line { fill: none; stroke-width: 2; }
.a.line { stroke: var(--a); } .b.line { stroke: var(--b); }
.a.fill, .a.dot { fill: var(--a); } .b.fill, .b.dot { fill: var(--b); }
";

/// The whole page.
pub(super) fn page(report: &Report) -> String {
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Brisk: how it felt</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>Brisk: how it felt</h1>\n"
    );
    let mut days = report.days.keys();
    let first = days.next().map_or("", String::as_str);
    let last = days.next_back().map_or(first, String::as_str);
    let _ = writeln!(
        out,
        "<p>{} turns, {} to {}. Counted on this machine; percentiles are exact.</p>",
        report.all.turns,
        escape(first),
        escape(last)
    );
    intervals(&report.all, &mut out);
    charts(report, &mut out);
    rates(&report.all, &mut out);
    if let Some((by, groups)) = &report.groups {
        let head = match by {
            By::Lane => "Lane",
            By::Model => "Model",
            By::Day => "Day",
        };
        table_of_groups(head, groups.iter(), &mut out);
    } else {
        table_of_groups("Day", report.days.iter(), &mut out);
    }
    out.push_str("</body>\n</html>\n");
    out
}

fn intervals(figures: &Figures, out: &mut String) {
    out.push_str("<h2>How long it took</h2>\n<div class=\"wide\"><table>\n");
    out.push_str("<tr><th>from, to</th><th>n</th><th>p50</th><th>p90</th><th>p99</th></tr>\n");
    for (interval, s) in &figures.intervals {
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            title(*interval),
            s.n,
            time(s.p50),
            time(s.p90),
            time(s.p99)
        );
    }
    out.push_str("</table></div>\n");
}

fn charts(report: &Report, out: &mut String) {
    if report.shown.is_empty() {
        return;
    }
    let name = |bin: &Bin| {
        bin.below_us.map_or_else(
            || "longer".to_owned(),
            |us| format!("< {}", time(us).replace(".0 ", " ").replace(".00 ", " ")),
        )
    };
    let heading = title(SHOWN);
    let _ = writeln!(out, "<h2>{heading}</h2>");
    out.push_str(&histogram(heading, &bins(&report.shown), name));
    let days: Vec<&str> = report.days.keys().map(String::as_str).collect();
    let values = |value: fn(brisk_store::felt::Spread) -> u64| {
        let of = |figures: &Figures| spread(figures, SHOWN).map(|s| value(s) as f64 / 1e3);
        report.days.values().map(of).collect()
    };
    let series = [
        Series {
            name: "p50",
            class: "a",
            values: values(|s| s.p50),
        },
        Series {
            name: "p90",
            class: "b",
            values: values(|s| s.p90),
        },
    ];
    let _ = writeln!(out, "<h2>{heading}, by day</h2>");
    out.push_str(&over_days(&format!("{heading} by day"), &days, &series));
}

fn rates(figures: &Figures, out: &mut String) {
    out.push_str(
        "<h2>What became of it</h2>\n<div class=\"wide\"><table>\n<tr><th>what</th><th>how often</th></tr>\n",
    );
    let mut row = |name: &str, value: String| {
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td></tr>",
            escape(name),
            escape(&value)
        );
    };
    for (outcome, of) in &figures.outcomes {
        row(&format!("hunks {outcome}"), share(*of));
    }
    let size = |spread: Option<brisk_store::felt::Spread>| {
        spread.map_or_else(
            || "-".to_owned(),
            |s| format!("{} / {} / {}", s.p50, s.p90, s.p99),
        )
    };
    row("hunks of a turn, p50 / p90 / p99", size(figures.hunks));
    row("lines changed by a turn, p50 / p90 / p99", size(figures.lines));
    row("lines that kept hunks changed", figures.kept_lines.to_string());
    row("undone within 60 s of the keep", share(figures.undone));
    row("turns that asked for tests", share(figures.asked_for_tests));
    row("turns that were stopped", share(figures.stopped));
    row("turns that asked a model again", share(figures.retried));
    for (cause, n) in &figures.retries {
        row(&format!("retries: {cause}"), n.to_string());
    }
    for (end, n) in &figures.ends {
        row(
            &format!("turns that ended with {}", end.replace(':', ", ")),
            n.to_string(),
        );
    }
    let tokens = figures.tokens;
    row(
        "tokens read (from a cache) / written",
        format!("{} ({}) / {}", tokens.input, tokens.cached, tokens.output),
    );
    out.push_str("</table></div>\n");
}

fn table_of_groups<'a>(
    head: &str,
    groups: impl Iterator<Item = (&'a String, &'a Figures)>,
    out: &mut String,
) {
    let _ = writeln!(
        out,
        "<h2>By {}</h2>\n<div class=\"wide\"><table>\n<tr><th>{head}</th><th>turns</th><th>first line p50</th>\
         <th>p90</th><th>p99</th><th>hunks kept</th><th>undone</th></tr>",
        head.to_lowercase()
    );
    for (name, figures) in groups {
        let spread = spread(figures, SHOWN);
        let at = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), time);
        let kept = figures.outcomes.iter().find(|(outcome, _)| *outcome == "kept");
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            escape(name),
            figures.turns,
            at(spread.map(|s| s.p50)),
            at(spread.map(|s| s.p90)),
            at(spread.map(|s| s.p99)),
            kept.map_or_else(String::new, |(_, of)| share(*of)),
            share(figures.undone),
        );
    }
    out.push_str("</table></div>\n");
}
