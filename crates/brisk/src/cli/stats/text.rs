//! `stats` for a terminal: tables first, then plots.

use super::plot::{bar, bins, sparkline};
use super::report::{Report, SHOWN, share, spread, time, title};
use crate::cli::style::{Tone, count};
use brisk_protocol::Stage;
use brisk_store::felt::{By, Figures, Interval, Spread};

/// Columns of a full bar.
const BAR: usize = 32;

/// Every line, from top to bottom.
pub(super) fn lines(report: &Report) -> Vec<(Tone, String)> {
    let mut out = vec![(Tone::Head, span(report)), (Tone::Plain, String::new())];
    figures(&report.all, &mut out);
    if let Some((by, groups)) = &report.groups {
        let head = match by {
            By::Lane => "lane",
            By::Model => "model",
            By::Day => "day",
        };
        out.push((Tone::Plain, String::new()));
        table(head, groups.iter(), &mut out);
    }
    plots(report, &mut out);
    out
}

fn span(report: &Report) -> String {
    let turns = count(report.all.turns, "turn");
    let mut days = report.days.keys();
    match (days.next(), days.next_back()) {
        (Some(first), Some(last)) => format!("{turns}, {first} to {last}"),
        (Some(day), None) => format!("{turns}, {day}"),
        (None, _) => turns,
    }
}

fn figures(figures: &Figures, out: &mut Vec<(Tone, String)>) {
    let row = |name: &str, n: &str, cells: [String; 3]| {
        let [p50, p90, p99] = cells;
        format!("{name:<30}{n:>6}{p50:>10}{p90:>10}{p99:>10}")
    };
    let head = row("", "n", ["p50", "p90", "p99"].map(str::to_owned));
    out.push((Tone::Dim, head));
    for (interval, s) in &figures.intervals {
        let cells = [s.p50, s.p90, s.p99].map(time);
        out.push((Tone::Plain, row(title(*interval), &s.n.to_string(), cells)));
    }
    let sizes = [
        ("hunks of a turn", figures.hunks),
        ("lines changed by a turn", figures.lines),
    ];
    for (name, spread) in sizes {
        if let Some(Spread { n, p50, p90, p99 }) = spread {
            let cells = [p50, p90, p99].map(|v| v.to_string());
            out.push((Tone::Plain, row(name, &n.to_string(), cells)));
        }
    }
    out.push((Tone::Plain, String::new()));
    let mut say = |name: &str, value: String| out.push((Tone::Plain, format!("{name:<30}{value}")));
    for (outcome, of) in &figures.outcomes {
        if of.n > 0 {
            say(&format!("hunks {outcome}"), share(*of));
        }
    }
    say("lines that kept hunks changed", figures.kept_lines.to_string());
    say("undone within 60 s", share(figures.undone));
    say("turns that asked for tests", share(figures.asked_for_tests));
    say("turns that you stopped", share(figures.stopped));
    say("turns that asked again", share(figures.retried));
    for (cause, n) in &figures.retries {
        say(&format!("  retries: {cause}"), n.to_string());
    }
    for (end, n) in figures.ends.iter().filter(|(end, _)| *end != "end_turn") {
        say(&format!("turns {}", end.replace(':', ", ")), n.to_string());
    }
    let tokens = figures.tokens;
    let line = format!(
        "{} in ({} cached), {} out",
        tokens.input, tokens.cached, tokens.output
    );
    say("tokens", line);
}

fn table<'a>(
    head: &str,
    groups: impl Iterator<Item = (&'a String, &'a Figures)>,
    out: &mut Vec<(Tone, String)>,
) {
    let row = |cells: [String; 7]| {
        let [name, n, token, line, line90, complete, kept] = cells;
        format!("{name:<24} {n:>6}{token:>13}{line:>12}{line90:>12}{complete:>12}{kept:>7}")
    };
    let heads = [
        head,
        "turns",
        "token p50",
        "line p50",
        "line p90",
        "done p50",
        "kept",
    ];
    out.push((Tone::Dim, row(heads.map(str::to_owned))));
    for (name, figures) in groups {
        let at = |interval, value: fn(Spread) -> u64| {
            spread(figures, interval).map_or_else(|| "-".to_owned(), |s| time(value(s)))
        };
        let kept = figures.outcomes.iter().find(|(outcome, _)| *outcome == "kept");
        let kept = kept.and_then(|(_, share)| share.percent());
        let cells = [
            name.clone(),
            figures.turns.to_string(),
            at(Interval::Key(Stage::FirstToken), |s| s.p50),
            at(SHOWN, |s| s.p50),
            at(SHOWN, |s| s.p90),
            at(Interval::Key(Stage::Complete), |s| s.p50),
            kept.map_or_else(|| "-".to_owned(), |p| format!("{p:.0} %")),
        ];
        out.push((Tone::Plain, row(cells)));
    }
}

fn plots(report: &Report, out: &mut Vec<(Tone, String)>) {
    let bins = bins(&report.shown);
    if bins.is_empty() {
        return;
    }
    out.push((Tone::Plain, String::new()));
    out.push((Tone::Dim, format!("{}, turns", title(SHOWN))));
    let most = bins.iter().map(|bin| bin.n).max().unwrap_or(1);
    for bin in bins {
        let label = bin
            .below_us
            .map_or_else(|| "longer".to_owned(), |us| format!("under {}", round(us)));
        out.push((
            Tone::Plain,
            format!("{label:>14} {} {}", bar(bin.n, most, BAR), bin.n),
        ));
    }
    if report.days.len() > 1 {
        let medians: Vec<Option<u64>> = report
            .days
            .values()
            .map(|figures| spread(figures, SHOWN).map(|s| s.p50))
            .collect();
        let top = medians.iter().flatten().max().copied().unwrap_or(0);
        out.push((Tone::Plain, String::new()));
        out.push((
            Tone::Dim,
            format!("{}, p50 of each day with turns, top {}", title(SHOWN), time(top)),
        ));
        out.push((Tone::Plain, format!("{:>14} {}", "", sparkline(&medians))));
    }
}

/// A bound of a bin, which is a round number.
fn round(us: u64) -> String {
    if us < 1_000_000 {
        format!("{} ms", us / 1_000)
    } else {
        format!("{} s", us / 1_000_000)
    }
}
