//! What every face of `stats` shows. Pure.

use brisk_protocol::Stage;
use brisk_store::felt::{By, FeltTurn, Figures, Interval, Spread, figures_by};
use std::collections::BTreeMap;

/// The interval that plots show: from Enter to the first line of a hunk.
pub(super) const SHOWN: Interval = Interval::Key(Stage::FirstLine);

/// Figures of some turns, and of groups of them.
#[derive(Debug)]
pub(super) struct Report {
    /// Of all of them.
    pub(super) all: Figures,
    /// What the groups are, and each with its figures; none without `--by`.
    pub(super) groups: Option<(By, BTreeMap<String, Figures>)>,
    /// Of each day that had turns, in order.
    pub(super) days: BTreeMap<String, Figures>,
    /// Every value of [`SHOWN`], microseconds.
    pub(super) shown: Vec<u64>,
}

impl Report {
    /// Of these turns.
    pub(super) fn of(turns: &[FeltTurn], by: Option<By>) -> Report {
        Report {
            all: Figures::of(turns),
            groups: by.map(|by| (by, figures_by(turns, by))),
            days: figures_by(turns, By::Day),
            shown: turns.iter().filter_map(|t| SHOWN.of(t)).collect(),
        }
    }
}

/// An interval's name for people.
pub(super) fn title(interval: Interval) -> &'static str {
    match interval {
        Interval::Key(Stage::Key) => "Enter",
        Interval::Key(Stage::Acknowledged) => "Enter to acknowledged",
        Interval::Key(Stage::Request) => "Enter to request at the model",
        Interval::Key(Stage::FirstToken) => "Enter to first token",
        Interval::Key(Stage::Place) => "Enter to first hunk's place",
        Interval::Key(Stage::FirstLine) => "Enter to first line painted",
        Interval::Key(Stage::FirstHunk) => "Enter to first hunk painted",
        Interval::Key(Stage::Complete) => "Enter to complete",
        Interval::Model => "request to first token",
        Interval::Silence => "stop to silence",
        Interval::ModelStopped => "stop to model stopped",
    }
}

/// One interval of some figures.
pub(super) fn spread(figures: &Figures, wanted: Interval) -> Option<Spread> {
    let found = figures.intervals.iter().find(|(interval, _)| *interval == wanted);
    found.map(|(_, spread)| *spread)
}

/// Microseconds for a table: three digits that count, with a unit.
pub(super) fn time(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..10_000 => format!("{:.1} ms", us as f64 / 1e3),
        10_000..1_000_000 => format!("{:.0} ms", us as f64 / 1e3),
        1_000_000..100_000_000 => format!("{:.2} s", us as f64 / 1e6),
        _ => format!("{:.0} s", us as f64 / 1e6),
    }
}

/// `80 % (8 of 10)`, or a dash for nothing of nothing.
pub(super) fn share(share: brisk_store::felt::Share) -> String {
    match share.percent() {
        Some(percent) => format!("{percent:.0} % ({} of {})", share.n, share.of),
        None => "-".to_owned(),
    }
}
