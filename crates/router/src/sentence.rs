//! A route in one line, for people.

use brisk_domain::{Lane, Reason, Route};

/// One line without a full stop, for example `local in the fast lane: first that fits; if it fails: big`.
pub fn sentence(route: &Route) -> String {
    let lane = match route.lane {
        Lane::Fast => "fast",
        Lane::Slow => "slow",
    };
    let mut line = format!("{} in the {lane} lane", route.choice.model);
    let mut lead = ": ";
    for reason in &route.reasons {
        line.push_str(lead);
        match reason {
            Reason::Explicit { .. } => line.push_str("you named it"),
            Reason::FirstEligible { .. } => line.push_str("first that fits"),
            Reason::Refused { model, why } => line.push_str(&format!("not {model}: {why}")),
        }
        lead = "; ";
    }
    if !route.fallbacks.is_empty() {
        let names: Vec<&str> = route.fallbacks.iter().map(|c| c.model.0.as_str()).collect();
        line.push_str(&format!("; if it fails: {}", names.join(", ")));
    }
    line
}
