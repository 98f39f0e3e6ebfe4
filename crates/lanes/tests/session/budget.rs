//! A patch that grows beyond its budget.

use crate::world::{ANSWER, FILE, World, model, prompt, world_with};
use brisk_domain::{CancelReason, Command, Event, HunkSelector, Prompt, StopReason};
use brisk_lanes::Limits;

fn world_of(max_lines: usize) -> World {
    let limits = Limits {
        max_lines,
        ..Limits::default()
    };
    world_with(limits, vec![model("small")])
}

#[test]
fn over_budget_the_lane_stops_and_asks() {
    let mut w = world_of(4);
    let long = "def edge(w, h):\n    total = 2 * (w + h)\n    print(1)\n    print(2)\n    print(3)\n    return total\n";
    w.ask(prompt("talk more"));
    w.say(long);
    w.done();
    assert!(
        w.events
            .iter()
            .any(|e| matches!(e, Event::BudgetReached { max_lines: 4, .. }))
    );
    assert_eq!(w.stop_reason(), None, "it waits for a word");
    w.tell(Command::RaiseBudget);
    assert_eq!(w.stop_reason(), Some(StopReason::EndTurn));
    w.tell(Command::Keep(HunkSelector::All));
    assert_eq!(
        w.disk.joined(),
        FILE.replace("def edge(w, h):\n    total = w + h\n    return total\n", long)
    );
}

#[test]
fn a_hunk_that_outgrows_the_budget_stops_before_it_ends() {
    let mut w = world_of(4);
    w.ask(prompt("talk more"));
    w.say("def edge(w, h):\n    total = w + h\n");
    // One old line is left: any one of these may be it, blank lines may be nothing.
    w.say("    print(1)\n\n    print(2)\n    print(3)\n\n    print(4)\n    print(5)\n");
    let over = |w: &World| {
        w.events.iter().find_map(|e| match e {
            Event::BudgetReached { lines, .. } => Some(*lines),
            _ => None,
        })
    };
    assert_eq!(over(&w), None);
    w.say("    print(6)\n");
    assert_eq!(over(&w), Some(5));
    assert_eq!(w.stop_reason(), None, "it waits for a word");
    w.say("    return total\n");
    w.done();
    w.tell(Command::RaiseBudget);
    assert_eq!(w.stop_reason(), Some(StopReason::EndTurn));
    w.tell(Command::Keep(HunkSelector::All));
    assert!(w.disk.joined().contains("    print(6)\n    return total\n"));
}

#[test]
fn with_nobody_to_ask_over_budget_ends_the_turn_and_writes_nothing() {
    let mut w = world_of(1);
    w.ask(Prompt {
        auto_keep: true,
        ..prompt("x")
    });
    w.say(ANSWER);
    w.done();
    assert_eq!(
        w.stop_reason(),
        Some(StopReason::Cancelled {
            cause: CancelReason::OverBudget
        })
    );
    assert_eq!(w.disk, w.text);
}
