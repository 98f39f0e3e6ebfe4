//! Figures over records, as a table.

use super::record::{Class, Record};
use super::tasks::Set;
use std::collections::BTreeMap;
use std::fmt::Write;

const HEAD: [&str; 12] = [
    "set",
    "tasks",
    "pass",
    "invalid",
    "unchanged",
    "over budget",
    "trouble",
    "churn p50/p90",
    "first hunk p50/p90 ms",
    "end p50/p90 s",
    "tokens in (cached)",
    "out p50/p90",
];

/// The value that `percent` of the others do not exceed (nearest rank). `None` of nothing.
pub(super) fn percentile(values: &mut [f64], percent: usize) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let rank = (values.len() * percent).div_ceil(100).max(1);
    values.get(rank - 1).copied()
}

pub(super) fn pair(values: impl Iterator<Item = f64>, decimals: usize) -> String {
    let mut values: Vec<f64> = values.collect();
    match (percentile(&mut values, 50), percentile(&mut values, 90)) {
        (Some(median), Some(p90)) => format!("{median:.decimals$}/{p90:.decimals$}"),
        _ => "-".to_owned(),
    }
}

fn row(name: &str, records: &[&Record]) -> [String; 12] {
    let share = |wanted: &dyn Fn(&Record) -> bool| {
        let count = records.iter().filter(|r| wanted(r)).count();
        format!("{count} ({:.1} %)", 100.0 * count as f64 / records.len() as f64)
    };
    let class = |class: Class| share(&|r: &Record| r.class == class);
    // The first edit of a run also starts the daemon and loads the model.
    let warm = || records.iter().filter(|r| !r.cold);
    let sum = |value: &dyn Fn(&Record) -> u64| records.iter().map(|r| value(r)).sum::<u64>();
    [
        name.to_owned(),
        records.len().to_string(),
        share(&|r| r.pass),
        class(Class::Invalid),
        class(Class::Unchanged),
        class(Class::OverBudget),
        class(Class::Trouble),
        pair(records.iter().filter_map(|r| r.churn()), 2),
        pair(warm().filter_map(|r| r.first_us).map(|us| us as f64 / 1e3), 0),
        pair(warm().filter_map(|r| r.turn_us).map(|us| us as f64 / 1e6), 2),
        format!("{} ({})", sum(&|r| r.input_tokens), sum(&|r| r.cached_tokens)),
        pair(
            records
                .iter()
                .filter(|r| r.output_tokens > 0)
                .map(|r| r.output_tokens as f64),
            0,
        ),
    ]
}

/// The table: a line per set and one for all; below it what the columns mean.
pub(super) fn table(records: &[Record]) -> String {
    let mut sets: BTreeMap<Set, Vec<&Record>> = BTreeMap::new();
    for record in records {
        sets.entry(record.set).or_default().push(record);
    }
    let mut rows = vec![HEAD.map(str::to_owned)];
    rows.extend(sets.iter().map(|(set, records)| row(set.name(), records)));
    if sets.len() > 1 {
        rows.push(row("total", &records.iter().collect::<Vec<_>>()));
    }
    let width = |column: usize| {
        rows.iter()
            .map(|row| row.get(column).map_or(0, |cell| cell.chars().count()))
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        let _ = writeln!(text, "| {} |", cells.join(" | "));
        if number == 0 {
            let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
            let _ = writeln!(text, "| {} |", rules.join(" | "));
        }
    }
    text.push_str(
        "\ninvalid: a kept edit that broke the file, or a turn that failed with nothing kept. churn: changed lines of\n\
         kept edits over the reference's. Times count from the start of the command; the first edit of a run, which\n\
         loads the model, is left out of them.\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::super::record::Seen;
    use super::super::record::tests::task;
    use super::super::turn::{Stop, Turn};
    use super::*;

    #[test]
    fn ranks() {
        let check = |values: &[f64], percent, want| {
            assert_eq!(
                percentile(&mut values.to_vec(), percent),
                want,
                "{values:?} {percent}"
            );
        };
        check(&[], 50, None);
        check(&[3.0], 90, Some(3.0));
        check(&[2.0, 1.0], 50, Some(1.0));
        let ten: Vec<f64> = (1..=10).rev().map(f64::from).collect();
        check(&ten, 50, Some(5.0));
        check(&ten, 90, Some(9.0));
    }

    #[test]
    fn a_table() {
        let record = |set, after: &str, pass, cold, ms: u64| {
            let turn = Turn {
                stop: Some(Stop::Done),
                first_us: Some(ms * 1_000),
                turn_us: Some(ms * 2_000),
                input_tokens: 100,
                cached_tokens: 60,
                output_tokens: 10,
                ..Turn::default()
            };
            let seen = Seen {
                turn: &turn,
                exit: Some(0),
                after,
                broke: after.contains("(("),
            };
            let mut record = Record::new(&task(), "s", cold, &seen);
            (record.set, record.pass) = (set, pass);
            record
        };
        let records = [
            record(Set::FixPython, "a\nc\n", true, true, 9_000),
            record(Set::FixPython, "a\nc\nd\ne\n", false, false, 100),
            record(Set::FixPython, "a\nb\n", false, false, 300),
            record(Set::FixPython, "((\n", false, false, 200),
            record(Set::FixRust, "a\nc\n", true, false, 50),
        ];
        let rows: Vec<Vec<String>> = table(&records)
            .lines()
            .filter(|line| line.starts_with('|'))
            .map(|line| line.split('|').map(|cell| cell.trim().to_owned()).collect())
            .collect();
        assert_eq!(
            rows[2][1..13],
            [
                "humanevalfix-python",
                "4",
                "1 (25.0 %)",
                "1 (25.0 %)",
                "1 (25.0 %)",
                "0 (0.0 %)",
                "0 (0.0 %)",
                "1.00/2.00",
                "200/300",
                "0.40/0.60",
                "400 (240)",
                "10/10",
            ]
        );
        assert_eq!(rows[4][1..4], ["total", "5", "2 (40.0 %)"]);
    }
}
