//! Figures of many turns. Pure, and exact: percentiles are taken from all values, not from buckets.

use super::record::{FeltTurn, Outcome};
use brisk_protocol::Stage;
use serde::Serialize;
use std::collections::BTreeMap;

/// An undo within this long after the keep counts as regret.
pub const UNDO_WINDOW_US: u64 = 60_000_000;

/// What turns are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Fast or slow.
    Lane,
    /// Who answered last.
    Model,
    /// The person's own day.
    Day,
}

/// Something that takes time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Interval {
    /// From the key press to a stage.
    Key(Stage),
    /// From the request to the first token: the model's own part.
    Model,
    /// From the stop key to the turn's last paint.
    Silence,
    /// From the stop key until the model let go.
    ModelStopped,
}

impl Interval {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Interval; 10] = [
        Interval::Key(Stage::Acknowledged),
        Interval::Key(Stage::Request),
        Interval::Key(Stage::FirstToken),
        Interval::Key(Stage::Place),
        Interval::Key(Stage::FirstLine),
        Interval::Key(Stage::FirstHunk),
        Interval::Key(Stage::Complete),
        Interval::Model,
        Interval::Silence,
        Interval::ModelStopped,
    ];

    /// As it is written out: `key_to_first_token`.
    pub fn name(self) -> String {
        match self {
            Interval::Key(stage) => format!("key_to_{}", stage.name()),
            Interval::Model => "request_to_first_token".to_owned(),
            Interval::Silence => "stop_to_silence".to_owned(),
            Interval::ModelStopped => "stop_to_model_stopped".to_owned(),
        }
    }

    /// How long it took in a turn, microseconds; none if it did not happen.
    pub fn of(self, turn: &FeltTurn) -> Option<u64> {
        match self {
            Interval::Key(stage) => turn.stages.between(Stage::Key, stage),
            Interval::Model => turn.stages.between(Stage::Request, Stage::FirstToken),
            // Nothing was painted after the key: silent at once.
            Interval::Silence => turn.stop.map(|s| s.silent_after.unwrap_or(0)),
            Interval::ModelStopped => turn.model_stopped_after,
        }
    }
}

/// How values lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Spread {
    /// How many.
    pub n: usize,
    /// The median: half of the values are not above it.
    pub p50: u64,
    /// Nine of ten are not above it.
    pub p90: u64,
    /// Ninety-nine of a hundred are not above it.
    pub p99: u64,
}

impl Spread {
    /// Of these values; none if there is none. Percentiles are values that occurred (nearest rank).
    pub fn of(mut values: Vec<u64>) -> Option<Spread> {
        values.sort_unstable();
        let at = |percent: usize| {
            let rank = (values.len() * percent).div_ceil(100);
            values.get(rank.saturating_sub(1)).copied()
        };
        Some(Spread {
            n: values.len(),
            p50: at(50)?,
            p90: at(90)?,
            p99: at(99)?,
        })
    }
}

/// So many of so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Share {
    /// So many.
    pub n: usize,
    /// Of so many.
    pub of: usize,
}

impl Share {
    /// Hundredths; none of nothing.
    pub fn percent(self) -> Option<f64> {
        (self.of > 0).then(|| self.n as f64 * 100.0 / self.of as f64)
    }
}

/// The figures of some turns.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Figures {
    /// How many turns.
    pub turns: usize,
    /// Every interval that occurred, microseconds.
    pub intervals: Vec<(Interval, Spread)>,
    /// Hunks of a turn that had any.
    pub hunks: Option<Spread>,
    /// Lines added and removed by a turn that had hunks.
    pub lines: Option<Spread>,
    /// Lines added and removed by kept hunks, all turns together.
    pub kept_lines: u64,
    /// Hunks by outcome, of all that were offered.
    pub outcomes: Vec<(&'static str, Share)>,
    /// Kept hunks that were undone within [`UNDO_WINDOW_US`].
    pub undone: Share,
    /// Turns whose prompt asked for tests.
    pub asked_for_tests: Share,
    /// Turns that the person stopped.
    pub stopped: Share,
    /// Turns that asked a model more than once.
    pub retried: Share,
    /// Retries by cause.
    pub retries: BTreeMap<String, usize>,
    /// Turns by how they ended.
    pub ends: BTreeMap<String, usize>,
    /// Tokens read, read from a cache, and written.
    pub tokens: super::Tokens,
}

impl Figures {
    /// Of these turns.
    pub fn of<'a>(turns: impl IntoIterator<Item = &'a FeltTurn>) -> Figures {
        let turns: Vec<&FeltTurn> = turns.into_iter().collect();
        let mut figures = Figures {
            turns: turns.len(),
            ..Figures::default()
        };
        for interval in Interval::ALL {
            let values = turns.iter().filter_map(|t| interval.of(t)).collect();
            figures
                .intervals
                .extend(Spread::of(values).map(|spread| (interval, spread)));
        }
        let edited = || turns.iter().filter(|t| !t.hunks.is_empty());
        figures.hunks = Spread::of(edited().map(|t| t.hunks.len() as u64).collect());
        figures.lines = Spread::of(
            edited()
                .map(|t| t.hunks.iter().map(|h| h.added + h.removed).sum())
                .collect(),
        );
        let hunks: Vec<_> = turns.iter().flat_map(|t| &t.hunks).collect();
        let kept: Vec<_> = hunks
            .iter()
            .filter(|h| matches!(h.outcome, Outcome::Kept { .. }))
            .collect();
        figures.kept_lines = kept.iter().map(|h| h.added + h.removed).sum();
        for name in ["kept", "rejected", "withdrawn", "conflicted", "undecided"] {
            let n = hunks.iter().filter(|h| h.outcome.name() == name).count();
            figures.outcomes.push((name, Share { n, of: hunks.len() }));
        }
        figures.undone = Share {
            n: kept
                .iter()
                .filter(|h| h.undone_after_us.is_some_and(|us| us <= UNDO_WINDOW_US))
                .count(),
            of: kept.len(),
        };
        let share = |is: fn(&FeltTurn) -> bool| Share {
            n: turns.iter().filter(|t| is(t)).count(),
            of: turns.len(),
        };
        figures.asked_for_tests = share(|t| t.asked_for_tests);
        figures.stopped = share(|t| t.stop.is_some());
        figures.retried = share(|t| !t.retries.is_empty());
        for turn in &turns {
            for cause in &turn.retries {
                *figures.retries.entry(cause.name()).or_default() += 1;
            }
            *figures.ends.entry(turn.end.clone()).or_default() += 1;
            figures.tokens.input += turn.tokens.input;
            figures.tokens.cached += turn.tokens.cached;
            figures.tokens.output += turn.tokens.output;
        }
        figures
    }
}

/// Turns by group, each with its figures. Turns that were never routed are in the group `none`.
pub fn figures_by(turns: &[FeltTurn], by: By) -> BTreeMap<String, Figures> {
    let mut groups: BTreeMap<String, Vec<&FeltTurn>> = BTreeMap::new();
    for turn in turns {
        let none = || "none".to_owned();
        let name = match by {
            By::Lane => turn.lane.as_ref().map_or_else(none, super::word),
            By::Model => turn.model.as_ref().map_or_else(none, ToString::to_string),
            By::Day => turn.day.clone(),
        };
        groups.entry(name).or_default().push(turn);
    }
    let figures = |(name, turns): (String, Vec<&FeltTurn>)| (name, Figures::of(turns));
    groups.into_iter().map(figures).collect()
}
