//! `stats --json`: `stats` (how many turns), then for all turns and for each group `interval` lines and one of `rates`.

use super::report::Report;
use crate::cli::json::line;
use brisk_store::felt::Figures;
use serde_json::{Map, Value, json};

/// Every line.
pub(super) fn lines(report: &Report, t_us: u64) -> String {
    let days: Vec<&String> = report.days.keys().collect();
    let mut out = line("stats", t_us, json!({"turns": report.all.turns, "days": days}));
    group("all", &report.all, t_us, &mut out);
    for (name, figures) in report.groups.iter().flat_map(|(_, groups)| groups) {
        group(name, figures, t_us, &mut out);
    }
    out
}

fn group(name: &str, figures: &Figures, t_us: u64, out: &mut String) {
    for (interval, spread) in &figures.intervals {
        let fields = json!({
            "group": name, "name": interval.name(), "n": spread.n, "p50_us": spread.p50, "p90_us": spread.p90,
            "p99_us": spread.p99,
        });
        out.push_str(&line("interval", t_us, fields));
    }
    let outcomes: Map<String, Value> = figures
        .outcomes
        .iter()
        .map(|(outcome, share)| ((*outcome).to_owned(), json!(share.n)))
        .collect();
    let fields = json!({
        "group": name,
        "turns": figures.turns,
        "hunks": outcomes,
        "hunks_per_turn": figures.hunks,
        "lines_per_turn": figures.lines,
        "kept_lines": figures.kept_lines,
        "undone_within_60s": figures.undone,
        "asked_for_tests": figures.asked_for_tests,
        "stopped": figures.stopped,
        "retried": figures.retried,
        "retries": figures.retries,
        "ends": figures.ends,
        "tokens": figures.tokens,
    });
    out.push_str(&line("rates", t_us, fields));
}
