//! The function that turns change which are stopped at random moments.

use crate::rig::client::Ask;
use brisk_domain::{Event, Intent, StopReason};

/// Lines of the function; every second one changes. Below the budget of a turn.
const LINES: usize = 60;

/// Its file.
pub(super) const FILE: &str = "sum.py";

pub(super) fn function(changed: bool) -> String {
    let body: String = (0..LINES)
        .map(|n| match changed && n % 2 == 0 {
            true => format!("    total += counted(\"k{n}\")\n"),
            false => format!("    total += item[\"k{n}\"]\n"),
        })
        .collect();
    format!("def sum_up(item):\n    total = 0\n{body}    return total\n")
}

/// How long a model streams the answer, microseconds, at so many tokens a second.
pub(super) fn stream_us(rate: f64) -> f64 {
    function(true).len() as f64 / 4.0 / rate * 1e6
}

/// The request to change it.
pub(super) fn ask() -> Ask<'static> {
    Ask {
        text: "count them",
        target: "sum.py:sum_up",
        intent: Intent::Edit,
        auto_keep: false,
    }
}

/// Whether a turn ended because it was stopped, and not by itself before that.
pub(super) fn cancelled(ended: &Event) -> bool {
    matches!(
        ended,
        Event::TurnEnded { settled, .. } if matches!(settled.stop, StopReason::Cancelled { .. })
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_functions_differ_line_by_line() {
        let (before, after) = (function(false), function(true));
        let changed = before.lines().zip(after.lines()).filter(|(a, b)| a != b).count();
        assert_eq!(
            (changed, before.lines().count()),
            (LINES / 2, after.lines().count())
        );
    }
}
