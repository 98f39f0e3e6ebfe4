//! The session has no way to run, to test, to commit, to verify or to ship.

use brisk_lanes::Effect;

/// Everything that a session can ask for. The match has no arm for "the rest": whoever gives the session a new power
/// has to come here, and has to say in review why the fast lane should have it.
fn power(effect: &Effect) -> &'static str {
    match effect {
        Effect::Gather { .. } => "reads files",
        Effect::Generate { .. } => "asks a model",
        Effect::Stop { .. } => "stops asking",
        Effect::Wake { .. } => "waits",
        Effect::Write { .. } => "writes hunks that a person kept",
        Effect::Emit(_) => "tells clients",
    }
}

#[test]
fn a_session_can_do_these_things_and_no_others() {
    let stop = Effect::Stop {
        id: brisk_domain::EffectId(1),
        cause: brisk_domain::CancelReason::Interrupted,
    };
    assert_eq!(power(&stop), "stops asking");
}
