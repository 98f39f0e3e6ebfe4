//! A model fails before its first token: how long until the fallback's first token, and whether it always comes.

use super::figure::{Part, Reach, Unit};
use super::{Measured, series};
use crate::rig::client::Ask;
use crate::rig::fake::{Fake, Note, answer, whole};
use crate::rig::house::{ANSWER, BEFORE, FILE, House, Programs, REQUEST, TARGET};
use anyhow::bail;
use brisk_domain::{Event, Intent, StopReason};
use serde_json::{Value, json};
use std::time::Duration;

/// Turns that make the connections and do not count.
const WARM: usize = 5;

/// What the first model does, in turn. Between two failures it answers once: a breaker that opens would take the model
/// out of the turns that are measured.
fn faults() -> [Value; 3] {
    [
        json!({"status": 503, "acts": []}),
        json!({"status": 429, "headers": [["retry-after", "0"]], "acts": []}),
        json!({"acts": [{"act": "text", "text": "x"}], "cut_after": 0}),
    ]
}

/// The answers of the first model: good ones to begin with, then a fault and a good one in turn.
fn script(runs: usize) -> Value {
    let good = json!({"acts": answer(&[whole(&ANSWER.concat())])});
    let faults = faults();
    let mut replies = vec![good.clone(); WARM];
    for fault in faults.iter().cycle().take(runs) {
        replies.push(fault.clone());
        replies.push(good.clone());
    }
    json!({"replies": replies, "otherwise": good})
}

/// When the last answer of a fake was over, of those that it has noted by now.
fn ended(fake: &Fake) -> anyhow::Result<Option<u64>> {
    let mut last = None;
    while let Some(note) = fake.note(Duration::from_millis(20))? {
        if let Note::Ended { t_us, .. } = note {
            last = Some(t_us);
        }
    }
    Ok(last)
}

/// Failures of the first model to the first token of the second.
pub(super) fn after_faults(programs: &Programs, quick: bool) -> Measured {
    let runs = if quick { 30 } else { 200 };
    let house = House::scripted(programs, &script(runs), &[(FILE, BEFORE)])?;
    let good = json!({"otherwise": {"acts": answer(&[whole(&ANSWER.concat())])}});
    let _second = house.with_fallback(programs, &good)?;
    let mut client = house.client()?;
    let session = client.session(house.root())?;
    let (mut times, mut faulted, mut reached) = (Vec::new(), 0usize, 0usize);
    for _ in 0..WARM + 2 * runs {
        let ask = Ask {
            text: REQUEST,
            target: TARGET,
            intent: Intent::Edit,
            auto_keep: false,
        };
        let sent = client.prompt(session, ask)?;
        let (before, end) = client.ended()?;
        client.answer(&sent)?;
        client.reject(session)?;
        let failed = ended(&house.fake)?;
        let fell = |event: &Event| matches!(event, Event::Notice { text, .. } if text.contains("; trying ") || text.contains(" goes on"));
        if !before.iter().any(|came| fell(&came.event)) {
            continue;
        }
        faulted += 1;
        let token = before
            .iter()
            .find(|came| matches!(came.event, Event::FirstToken { .. }));
        let whole = matches!(
            &end.event,
            Event::TurnEnded { settled, .. } if settled.stop == StopReason::EndTurn
        );
        if let (Some(token), Some(failed), true) = (token, failed, whole) {
            reached += 1;
            times.push(token.t_us.saturating_sub(failed));
        }
    }
    // A few are not met where the first model is late and its fallback has answered before it fails.
    if faulted * 10 < runs * 9 {
        bail!("{faulted} of {runs} faults were met; the others were answered without the first model");
    }
    let wanted = [(50, Reach::Told), (99, Reach::AtMost(300.0))];
    let mut parts = Part::times("", &series(times)?, &wanted);
    let share = 100.0 * reached as f64 / faulted.max(1) as f64;
    parts.push(Part::new(
        "faults after which the fallback answered",
        share,
        Unit::Percent,
        Reach::AtLeast(99.9),
    ));
    let how = format!(
        "{faulted} faults before the first token, in turn 503, 429 and a cut stream, with a good answer between any two; \
         from the end of the failed answer at its server to the event at the client; the fallback answers without delay"
    );
    Ok((parts, how))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_never_come_in_a_row() {
        let script = script(9);
        let replies = script["replies"].as_array().unwrap();
        let bad = |reply: &Value| reply["status"].is_u64() || reply["cut_after"].is_u64();
        assert_eq!(replies.iter().filter(|reply| bad(reply)).count(), 9);
        assert!(replies.windows(2).all(|pair| !(bad(&pair[0]) && bad(&pair[1]))));
    }
}
